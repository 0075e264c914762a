/* The hooks of config.json: programs that get the container's state on standard input. */
#pragma once

#include "oci/config.h"
#include "oci/record.h"

/* Every entry is checked before anything is made. */
int hooks_check(const struct json *config, struct err *e);
bool hooks_has(const struct json *config, const char *kind);

/* Runs those of one kind in order: in our own namespaces where place is NULL, else in those of the
 * container's process (c->pidfd) and place's cgroups and maps.  The first that fails ends it, with
 * its reason. */
int hooks_run(const struct json *config, const char *kind, const struct container *c, enum status s,
	const struct plan *place, struct err *e);
/* Also those behind one that fails; failures are logged. */
void hooks_run_all(
	const struct json *config, const char *kind, const struct container *c, enum status s);
