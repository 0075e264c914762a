/* Loading a compiled system call filter.  Compiling is sys/seccomp_profile's job, and done once,
 * not per start. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

#include "base/err.h"

struct seccomp_filter {
	struct sock_filter *code; /* NULL: none */
	unsigned short len;
};

/* Reads a whole program from its start (the offset of fd is left alone: many starts share it). */
int seccomp_read(int fd, struct seccomp_filter *out, struct err *e);
void seccomp_free(struct seccomp_filter *f);
/* Needs no_new_privs or CAP_SYS_ADMIN.  No heap: runs between clone and exec. */
int seccomp_install(const struct seccomp_filter *f, struct err *e);
