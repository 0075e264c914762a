/* The default system call filter, as containerd's: an allow-list by libseccomp behind a few
 * instructions of our own for what libseccomp cannot say.  Compiled once and kept by whoever starts
 * containers.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the program (an array of struct sock_filter).  caps: the container's bounding set as a
 * mask; calls that need a capability are let through only with it. */
int seccomp_profile(uint64_t caps, struct buf *out, struct err *e);
