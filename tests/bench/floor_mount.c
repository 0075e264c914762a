/* The mounts of a pod and of its containers.  They are made detached by paths of the host, then
 * attached inside: the fewest calls that any way needs, and the copy of pause's two mounts costs
 * less than that of all the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/bench/floor.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

int floor_tmpfs(const char *size, const char *mode)
{
	int fs = (int)floor_must(fsopen("tmpfs", FSOPEN_CLOEXEC), "fsopen");
	int mount;

	floor_must(fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0), "size");
	floor_must(fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0), "mode");
	floor_must(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "tmpfs");
	mount = (int)floor_must(
		fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), "fsmount");
	close(fs);
	return mount;
}

void floor_attach(int mount, int dir, const char *name)
{
	floor_must(move_mount(mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH), name);
	close(mount);
}

void floor_pivot(void)
{
	floor_must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	floor_must(umount2(".", MNT_DETACH), "umount");
	floor_must(chdir("/"), "chdir");
}

int floor_copy_mount(const char *path)
{
	return (int)floor_must(
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), path);
}

void floor_touch(const char *path)
{
	close((int)floor_must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), path));
}

void floor_make_dev(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = { { "dev/null", 1, 3 }, { "dev/zero", 1, 5 }, { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" },
		{ "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" } };

	floor_must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"), "dev");
	for (size_t i = 0; i < COUNT(nodes); i++)
		floor_must(mknod(nodes[i].name, S_IFCHR | 0666,
				   makedev(nodes[i].major, nodes[i].minor)),
			nodes[i].name);
	for (size_t i = 0; i < COUNT(links); i++)
		floor_must(symlink(links[i][0], links[i][1]), links[i][1]);
	floor_must(mkdir("dev/pts", 0755), "dev/pts");
	floor_must(mkdir("dev/shm", 0755), "dev/shm");
	floor_must(mkdir("dev/mqueue", 0755), "dev/mqueue");
	floor_touch("dev/termination-log");
	floor_must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			   "newinstance,ptmxmode=0666,mode=0620,gid=5"),
		"dev/pts");
	floor_must(mount("mqueue", "dev/mqueue", "mqueue", QUIET, NULL), "dev/mqueue");
}

void floor_hide(void)
{
	static const char *const files[] = { "proc/interrupts", "proc/kcore", "proc/keys",
		"proc/latency_stats", "proc/sched_debug", "proc/timer_list", "proc/timer_stats" };
	static const char *const dirs[] = { "proc/acpi", "proc/asound", "proc/scsi", "sys/firmware",
		"sys/devices/virtual/powercap" };
	static const char *const fixed[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
		"proc/sysrq-trigger" };

	for (size_t i = 0; i < COUNT(files); i++)
		if (mount("dev/null", files[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			floor_die(files[i]);
	for (size_t i = 0; i < COUNT(dirs); i++)
		if (mount("tmpfs", dirs[i], "tmpfs", QUIET | MS_RDONLY, "nr_inodes=1") < 0 &&
			errno != ENOENT)
			floor_die(dirs[i]);
	for (size_t i = 0; i < COUNT(fixed); i++)
		if (mount(fixed[i], fixed[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			floor_must(mount(NULL, fixed[i], NULL,
					   MS_BIND | MS_REMOUNT | MS_RDONLY | QUIET, NULL),
				fixed[i]);
		else if (errno != ENOENT)
			floor_die(fixed[i]);
}
