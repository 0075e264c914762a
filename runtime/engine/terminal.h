/* Pseudoterminals for programs in containers. */
#pragma once

#include "base/err.h"

/* From the host's devpts: for a container that does not run yet, and is to outlive its first
 * terminal's maker.  Both ends are the caller's. */
int terminal_open(int *master, int *slave, struct err *e);
/* From the devpts of the container behind pidfd, so that a program there finds its terminal's name
 * (ttyname, tmux, gpg).  Nothing of the container's is trusted: what is not its devpts is not
 * opened, and the host's serves instead. */
int terminal_open_in(int pidfd, int *master, int *slave, struct err *e);
