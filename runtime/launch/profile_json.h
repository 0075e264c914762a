/* A seccomp profile that somebody wrote, in OCI's or Docker's JSON, made into a filter: Kubernetes'
 * Localhost profiles.  How carpeld uses it:
 *
 *     carpel-launch --seccomp-json CAPS <PROFILE >FILTER
 *
 * CAPS: the container's bounding set as a hexadecimal mask, since a profile may depend on it; so
 * the result belongs to the text, the capabilities, this program and the kernel.  PROFILE: at most
 * PROFILE_BYTES_MAX.  FILTER: an array of struct sock_filter, what a plan's seccomp-fd wants.  Exit
 * status 0; or 1, nothing written and one line on standard error, "carpel-launch: error: " and the
 * reason, "profile: syscalls[3]: args[0]: unknown comparison "X"".  Takes milliseconds, a hostile
 * profile at most PROFILE_CPU_S seconds of processor time.
 *
 * Understood: defaultAction, defaultErrnoRet, defaultErrno, architectures or archMap, flags
 * (SECCOMP_FILTER_FLAG_TSYNC, which one thread has anyway), syscalls[name or names, action,
 * errnoRet, errno, args[index, value, valueTwo, op], includes and excludes[arches, caps,
 * minKernel], comment]. Whatever else is there is refused by name, and so are unknown words; but
 * names of system calls that nobody here knows are passed over: see sys/seccomp_rules.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { PROFILE_BYTES_MAX = 1 << 20, PROFILE_CPU_S = 2 };

/* What includes and excludes ask about. */
struct profile_host {
	uint64_t caps;
	const char *arch;        /* Go's word: "amd64" */
	const char *native_arch; /* of archMap: "SCMP_ARCH_X86_64" */
	unsigned kernel_major, kernel_minor;
};

/* Appends the filter.  Pure. */
int profile_json_compile(
	const char *text, size_t len, const struct profile_host *h, struct buf *out, struct err *e);

/* The whole of --seccomp-json: standard input to standard output.  0 or -errno. */
int profile_json_convert(uint64_t caps, struct err *e);
