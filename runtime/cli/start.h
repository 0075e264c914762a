/* Starting carpeld when no socket answers, and finding the programs that lie beside this one. */
#pragma once

#include "cli/cli.h"

/* Starts `carpeld --keep` for c's root and connects c to it; returns once it is ready. */
int start_carpeld(struct cli *c, struct err *e);

/* Path of a program of ours: beside this one, in ../libexec/carpel or in ../sbin; the caller frees.
 * NULL and e when it is nowhere. */
char *start_find_program(const char *name, struct err *e);
