#include "engine/users.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sys/mount.h"
#include "sys/userns.h"

static int try_out(const struct engine *g, struct err *e)
{
	static const char map[] = "0 1879048192 65536\n";
	CLEANUP(cleanup_fd) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_fd) int users = -1;
	CLEANUP(cleanup_fd) int copy = -1;

	if (proc < 0)
		return err_set(e, errno, "open /proc");
	if ((users = userns_make(proc, map, map, e)) < 0)
		return users;
	copy = mount_copy(AT_FDCWD, g->layout.lib, MOUNT_ONE, e);
	return copy < 0 ? copy : mount_map(copy, users, e);
}

bool users_are_to_be_had(const struct engine *g)
{
	struct err e = { 0 };
	int rc = try_out(g, &e);

	if (rc < 0)
		log_info("pods cannot have user namespaces of their own: %s", e.text);
	return rc == 0;
}
