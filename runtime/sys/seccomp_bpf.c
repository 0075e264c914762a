#include "sys/seccomp_bpf.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int seccomp_append(void *ctx, struct buf *out, struct err *e)
{
	const size_t max = BPF_MAXINSNS * sizeof(struct sock_filter);
	CLEANUP(cleanup_fd) int fd = memfd_create("filter", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "memory file");
	if ((rc = seccomp_export_bpf(ctx, fd)) < 0)
		return err_set(e, -rc, "compile the filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "memory file");
	rc = out->len <= max ? fd_read_all(fd, max - out->len, out, e) : -EFBIG;
	return rc == -EFBIG ? err_say(e, EFBIG, "the filter is longer than %d instructions",
				      BPF_MAXINSNS)
			    : rc;
}
