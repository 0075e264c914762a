/* One word to systemd that carpeld does not wait for. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct engine;

/* Starts systemctl with these words; its own error goes to our log.  done (NULL: nobody) is called
 * with its wait status once 0 was returned. */
int systemctl_run(struct engine *g, const struct strv *words, void (*done)(void *arg, int status),
	void *arg, struct err *e);
