#include "launch/root.h"

#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/target.h"
#include "sys/mount.h"

int root_make_cwd(struct job *j, struct err *e)
{
	const char *cwd = j->plan->cwd;
	CLEANUP(cleanup_fd) int fd = -1;

	if (!cwd || strcmp(cwd, "/") == 0)
		return 0;
	fd = target_open(j->mounts.root, cwd, TARGET_DIRECTORY, e);
	return fd < 0 ? fd : 0;
}

int root_restrict(struct job *j, struct err *e)
{
	return j->plan->read_only_root
		       ? mount_restrict(j->mounts.root, MOUNT_ATTR_RDONLY, MOUNT_ONE, e)
		       : 0;
}

int root_enter(struct job *j, struct err *e)
{
	return mount_pivot(j->mounts.root, e);
}
