/* A seccomp profile, read by carpel-launch as root: an answer or an error with a reason, and what
 * comes out is a program that the kernel would look at.
 */
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "launch/profile_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longer ones only make the library slow. */
enum { SIZE_MAX_USEFUL = 2048 };

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct profile_host host = { .caps = 0x5fb,
		.arch = "amd64",
		.native_arch = "SCMP_ARCH_X86_64",
		.kernel_major = 6,
		.kernel_minor = 1 };
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (size > SIZE_MAX_USEFUL)
		return 0;
	if (profile_json_compile((const char *)data, size, &host, &out, &e) < 0) {
		require(e.code > 0 && e.text[0]);
		return 0;
	}
	require(out.len > 0 && out.len % sizeof(struct sock_filter) == 0);
	require(out.len / sizeof(struct sock_filter) <= BPF_MAXINSNS);
	return 0;
}
