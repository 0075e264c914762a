/* The keeper: carpeld's parent where no systemd is.  Starts it, and starts it again when it
 * crashed; holds the listening socket, so that clients wait instead of failing meanwhile; adopts
 * and reaps what a crashed carpeld leaves.
 */
#pragma once

#include "pod/layout.h"

/* argv: carpeld's own command line, handed on.  Returns the code to exit with. */
int keeper_run(const struct layout *l, int listen_fd, char **argv);
