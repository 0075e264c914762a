#include "launch/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "spec/plan.h"
#include "sys/mount.h"

const char protect_argument[] = "--protected";

/* The plan was read; whoever we become reads it again.  From a pipe it must be kept. */
static int rewind_plan(const struct buf *plan, struct err *e)
{
	CLEANUP(cleanup_fd) int copy = -1;
	int rc;

	if (lseek(PLAN_FD, 0, SEEK_SET) == 0)
		return 0;
	if ((copy = memfd_create("plan", MFD_CLOEXEC)) < 0)
		return err_set(e, errno, "keep the plan");
	if ((rc = fd_write_all(copy, plan->data, plan->len)) < 0)
		return err_set(e, -rc, "keep the plan");
	if (lseek(copy, 0, SEEK_SET) < 0 || dup2(copy, PLAN_FD) < 0)
		return err_set(e, errno, "keep the plan");
	return 0;
}

int protect_ourselves(int proc, const struct buf *plan, bool is_second_try, struct err *e)
{
	char name[] = "carpel-launch", mark[sizeof(protect_argument)];
	char *argv[] = { name, mark, NULL }, *envp[] = { NULL };
	CLEANUP(cleanup_fd) int own = openat(proc, "self/exe", O_PATH | O_CLOEXEC);
	CLEANUP(cleanup_fd) int copy = -1;
	struct statfs fs;
	int rc;

	if (own < 0 || fstatfs(own, &fs) < 0)
		return err_set(e, errno, "look at our executable");
	if (fs.f_flags & ST_RDONLY)
		return 0;
	if (is_second_try)
		return err_say(e, EROFS, "the copy of our file system is not read-only");
	for (size_t i = 0; i < sizeof(mark); i++)
		mark[i] = protect_argument[i];
	copy = mount_copy(own, "", MOUNT_ONE, e);
	if (copy < 0)
		return copy;
	if ((rc = mount_restrict(copy, MOUNT_ATTR_RDONLY, MOUNT_ONE, e)) < 0 ||
		(rc = rewind_plan(plan, e)) < 0)
		return rc;
	/* Open as long as we live, against the rule: closing it now would dissolve the copy, for
	 * which the kernel waits for all processors.  What we start sweeps its descriptors. */
	if (fcntl(copy, F_SETFD, 0) < 0)
		return err_set(e, errno, "keep the copy");
	(void)syscall(SYS_execveat, copy, "", argv, envp, AT_EMPTY_PATH);
	return err_set(e, errno, "execute the read-only copy");
}
