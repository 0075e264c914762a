/* The listening socket, from whoever has it, and the word to systemd that we are ready. */
#pragma once

#include "base/err.h"
#include "pod/layout.h"

/* A new one at the instance's path; an old file there is replaced, so hold the instance's lock. */
int listen_open(const struct layout *l, struct err *e);
/* The one that systemd passed (man 3 sd_listen_fds); -1: none. Clears the environment. */
int listen_from_systemd(void);
/* man 3 sd_notify: "READY=1", "STOPPING=1". Silent where nobody asked for it. */
void listen_notify(const char *state);

/* The instance's lock, held until the process ends. -EBUSY: another carpeld has it. */
int listen_lock(const struct layout *l, struct err *e);
