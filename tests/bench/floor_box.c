/* The processes of a pod: which namespaces and cgroups each one gets, in what order, and how many
 * processes that needs beside those that stay.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/floor.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* The child has a memory of its own; the parent goes on when it has executed its program or ended.
 */
static pid_t start(unsigned long long flags, int cgroup_fd, int *out_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_VFORK | CLONE_PIDFD,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* else the kernel refuses */
		.pidfd = (uintptr_t)out_pidfd,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	return (pid_t)floor_must(syscall(SYS_clone3, &args, sizeof(args)), "clone3");
}

static int wait_for(int *pidfd)
{
	siginfo_t info = { 0 };

	floor_must(waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED), "wait");
	close(*pidfd);
	*pidfd = -1;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* Of a container, which pause reaps. */
static void wait_for_end(int *pidfd)
{
	struct pollfd p = { .fd = *pidfd, .events = POLLIN };

	floor_must(poll(&p, 1, 10000) == 1 ? 0 : -1, "a container does not end");
	close(*pidfd);
	*pidfd = -1;
}

/* ---- cgroups -----------------------------------------------------------------------------------
 */

/* Opened by the host's paths, used when those are gone. */
struct joining {
	int v2;
	int v1[FLOOR_HIERARCHIES];
	size_t v1_len;
};

static void open_cgroups(const struct floor_cgroup *g, struct joining *j)
{
	char path[FLOOR_PATH];

	j->v1_len = g->v1_len;
	j->v2 = (int)floor_must(open(g->v2, O_PATH | O_DIRECTORY | O_CLOEXEC), g->v2);
	for (size_t i = 0; i < g->v1_len; i++)
		j->v1[i] = (int)floor_must(
			open(floor_path(path, "%s/cgroup.procs", g->v1[i]), O_WRONLY | O_CLOEXEC),
			g->v1[i]);
}

static void join_v1(const struct joining *j)
{
	for (size_t i = 0; i < j->v1_len; i++)
		floor_must(write(j->v1[i], "0", 1), "join a cgroup");
}

static void close_cgroups(const struct joining *j)
{
	close(j->v2);
	for (size_t i = 0; i < j->v1_len; i++)
		close(j->v1[i]);
}

/* ---- identity ----------------------------------------------------------------------------------
 */

static void become(const struct floor_options *o)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { 0 };
	long key;

	floor_must(setsid(), "setsid");
	key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if (key < 0 && errno != ENOSYS)
		floor_die("new keyring");
	for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(o->caps & 1ULL << c))
			floor_must(prctl(PR_CAPBSET_DROP, c, 0, 0, 0), "drop a capability");
	floor_must(syscall(SYS_setgroups, 0, NULL), "setgroups");
	floor_must(syscall(SYS_setresgid, 0, 0, 0), "setresgid");
	floor_must(syscall(SYS_setresuid, 0, 0, 0), "setresuid");
	floor_must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &o->filter), "seccomp");
	for (int i = 0; i < 2; i++)
		sets[i].effective = sets[i].permitted = (uint32_t)(o->caps >> 32 * i);
	floor_must(syscall(SYS_capset, &head, sets), "capset");
}

static _Noreturn void execute(const char *const argv[])
{
	static char path[] = "PATH=/", *const envp[] = { path, NULL };
	char *copy[8] = { NULL };

	for (size_t i = 0; i < COUNT(copy) - 1 && argv[i]; i++)
		memcpy(&copy[i], &argv[i], sizeof(argv[i])); /* execve(2) only reads them */
	floor_must(syscall(SYS_close_range, 3, ~0U, 0), "close_range");
	assert(copy[0]);
	execve(copy[0], copy, envp);
	floor_die(copy[0]);
}

/* ---- sandbox -----------------------------------------------------------------------------------
 */

static void raise_loopback(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sock = (int)floor_must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");

	floor_must(ioctl(sock, SIOCSIFFLAGS, &r), "bring lo up");
	close(sock);
}

static _Noreturn void pause_main(const struct floor_options *o, const struct floor_pod *p,
	const struct joining *j, int root, int shm, const int kept[4])
{
	static char name[] = "carpel-pause", *const argv[] = { name, NULL },
		    *const none[] = { NULL };
	enum { APART = 64 };
	int program = (int)floor_must(open(o->pause, O_PATH | O_CLOEXEC), o->pause);
	int moved[4];

	join_v1(j);
	floor_must(sethostname("floor", 5), "sethostname");
	if (!p->is_in_node_network)
		raise_loopback();
	floor_must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	floor_must(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "attach root");
	floor_must(fchdir(root), "enter root");
	floor_attach(shm, root, "shm");
	floor_pivot();
	floor_must(setsid(), "setsid");
	for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		floor_must(prctl(PR_CAPBSET_DROP, c, 0, 0, 0), "drop a capability");
	program = (int)floor_must(fcntl(program, F_DUPFD_CLOEXEC, APART), "move a descriptor");
	for (int i = 0; i < 4; i++) /* two passes: one's place may be another one's number */
		moved[i] = (int)floor_must(fcntl(kept[i], F_DUPFD_CLOEXEC, APART), "move one");
	for (int i = 0; i < 4; i++)
		floor_must(
			dup2(moved[i], 3 + i), "place a descriptor"); /* the rest closes on exec */
	(void)syscall(SYS_execveat, program, "", argv, none, AT_EMPTY_PATH);
	floor_die(o->pause);
}

static int new_network(const struct floor_pod *p)
{
	return p->is_in_node_network ? 0 : CLONE_NEWNET;
}

static void start_pause(const struct floor_options *o, struct floor_pod *p)
{
	int root = floor_tmpfs("4k", "0555"), shm = floor_tmpfs("67108864", "1777"), kept[4];
	struct joining j = { 0 };

	floor_must(mkdirat(root, "shm", 0555), "mkdir shm");
	floor_must(pipe2(kept, O_CLOEXEC), "pipe");
	floor_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, kept + 2), "socketpair");
	open_cgroups(&p->pause_cgroup, &j);
	if (start(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
			    (unsigned)new_network(p),
		    j.v2, &p->pause_fd) == 0)
		pause_main(o, p, &j, root, shm, kept);
	close_cgroups(&j);
	for (int i = 0; i < 4; i++)
		close(kept[i]);
	close(root);
	close(shm);
}

/* ---- container ---------------------------------------------------------------------------------
 */

static const char *const etc_files[] = { "hosts", "hostname", "resolv.conf" };

struct container_mounts {
	int root;
	int etc[COUNT(etc_files)];
	int message;
};

/* The writable layer, the overlay of it on the image, and the files that are mounted over it. */
static void prepare_mounts(
	const struct floor_options *o, const struct floor_pod *p, struct container_mounts *m)
{
	char dir[FLOOR_PATH], path[FLOOR_PATH];
	int fs;

	floor_path(dir, "%s/%s/%u", o->state, p->name, p->attempt);
	floor_must(mkdir(dir, 0700), dir);
	floor_must(mkdir(floor_path(path, "%s/upper", dir), 0755), path);
	floor_must(mkdir(floor_path(path, "%s/work", dir), 0700), path);
	fs = (int)floor_must(fsopen("overlay", FSOPEN_CLOEXEC), "fsopen overlay");
	floor_must(fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", o->rootfs, 0), o->rootfs);
	floor_path(path, "%s/upper", dir);
	floor_must(fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", path, 0), path);
	floor_path(path, "%s/work", dir);
	floor_must(fsconfig(fs, FSCONFIG_SET_STRING, "workdir", path, 0), path);
	floor_must(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "overlay");
	m->root = (int)floor_must(fsmount(fs, FSMOUNT_CLOEXEC, 0), "fsmount overlay");
	close(fs);
	for (size_t i = 0; i < COUNT(etc_files); i++)
		m->etc[i] = floor_copy_mount(
			floor_path(path, "%s/%s/%s", o->state, p->name, etc_files[i]));
	floor_touch(floor_path(path, "%s/termination-log", dir));
	m->message = floor_copy_mount(path);
}

static _Noreturn void container_main(const struct floor_options *o, const struct joining *j,
	const struct container_mounts *m, const char *const argv[])
{
	int null;

	join_v1(j);
	floor_must(unshare(CLONE_NEWCGROUP), "unshare cgroup");
	floor_must(move_mount(m->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "attach root");
	floor_must(fchdir(m->root), "enter root");
	floor_must(mount("proc", "proc", "proc", QUIET, NULL), "proc");
	floor_must(mount("sysfs", "sys", "sysfs", QUIET | MS_RDONLY, NULL), "sys");
	floor_make_dev();
	floor_must(mount("/shm", "dev/shm", NULL, MS_BIND, NULL), "dev/shm");
	floor_hide();
	for (size_t i = 0; i < COUNT(etc_files); i++) {
		char path[FLOOR_PATH];

		floor_attach(m->etc[i], AT_FDCWD, floor_path(path, "etc/%s", etc_files[i]));
	}
	floor_attach(m->message, AT_FDCWD, "dev/termination-log");
	null = (int)floor_must(open("dev/null", O_RDWR | O_CLOEXEC), "dev/null");
	floor_pivot();
	for (int i = 0; i < 3; i++)
		floor_must(dup2(null, i), "place a stream");
	become(o);
	execute(argv);
}

/* Who joins a pod changes its own namespaces, so it is a process of its own.  It shares our table
 * of descriptors, where the pidfd of what it starts appears; in this page it says which one it is.
 */
static int *shared_pidfd(void)
{
	static int *page;

	if (!page)
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (page == MAP_FAILED)
		floor_die("mmap");
	return page;
}

static void close_mounts(const struct container_mounts *m)
{
	close(m->root);
	close(m->message);
	for (size_t i = 0; i < COUNT(etc_files); i++)
		close(m->etc[i]);
}

/* A nested PID namespace can only be made from within the outer one: hence one process more, which
 * ends at once and leaves its child to pause. */
static void join_container(
	const struct floor_options *o, const struct floor_pod *p, const char *const argv[])
{
	struct container_mounts m;
	struct joining j = { 0 };
	int status, unused;

	open_cgroups(&p->ctr_cgroup, &j);
	prepare_mounts(o, p, &m);
	floor_must(setns(p->pause_fd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID |
					      new_network(p)),
		"join the pod");
	if (start(CLONE_FILES, -1, &unused) == 0) {
		if (start(CLONE_NEWNS | CLONE_NEWPID, j.v2, shared_pidfd()) == 0)
			container_main(o, &j, &m, argv);
		_exit(0);
	}
	floor_must(wait(&status), "wait");
	close(unused);
	close_mounts(&m);
	close_cgroups(&j);
}

static void join_exec(
	const struct floor_options *o, const struct floor_pod *p, const char *const argv[])
{
	int null = (int)floor_must(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
	struct joining j = { 0 };

	open_cgroups(&p->ctr_cgroup, &j);
	floor_must(setns(p->ctr_fd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID |
					    CLONE_NEWCGROUP | new_network(p)),
		"join the container");
	if (start(CLONE_PARENT, j.v2, shared_pidfd()) == 0) {
		join_v1(&j);
		for (int i = 0; i < 3; i++)
			floor_must(dup2(null, i), "place a stream");
		become(o);
		execute(argv);
	}
	close(null);
	close_cgroups(&j);
}

typedef void joiner(
	const struct floor_options *o, const struct floor_pod *p, const char *const argv[]);

/* Returns the pidfd of what was started when its program has been executed. */
static int by_joiner(joiner *join, const struct floor_options *o, const struct floor_pod *p,
	const char *const argv[])
{
	int fd;

	*shared_pidfd() = -1;
	if (start(CLONE_FILES, -1, &fd) == 0) {
		join(o, p, argv);
		_exit(0);
	}
	if (wait_for(&fd) != 0 || *shared_pidfd() < 0)
		floor_die("a start failed");
	return *shared_pidfd();
}

/* ---- pods --------------------------------------------------------------------------------------
 */

static void write_etc(const struct floor_options *o, const struct floor_pod *p)
{
	char path[FLOOR_PATH];

	floor_must(mkdir(floor_path(path, "%s/%s", o->state, p->name), 0700), path);
	for (size_t i = 0; i < COUNT(etc_files); i++)
		floor_touch(floor_path(path, "%s/%s/%s", o->state, p->name, etc_files[i]));
}

void floor_sandbox_start(
	const struct floor_options *o, const struct floor_cgroup *root, struct floor_pod *p)
{
	write_etc(o, p);
	floor_cgroup_make(root, p->name, false, &p->cgroup);
	floor_cgroup_make(&p->cgroup, "pause", true, &p->pause_cgroup);
	start_pause(o, p);
	p->attempt = 0;
}

void floor_pod_start(const struct floor_options *o, const struct floor_cgroup *root,
	struct floor_pod *p, const char *const argv[])
{
	floor_sandbox_start(o, root, p);
	floor_ctr_start(o, p, argv);
}

void floor_ctr_start(const struct floor_options *o, struct floor_pod *p, const char *const argv[])
{
	char name[16];

	(void)snprintf(name, sizeof(name), "c%u", ++p->attempt);
	floor_cgroup_make(&p->cgroup, name, true, &p->ctr_cgroup);
	p->ctr_fd = by_joiner(join_container, o, p, argv);
}

void floor_ctr_end(struct floor_pod *p)
{
	floor_cgroup_kill(&p->ctr_cgroup);
	wait_for_end(&p->ctr_fd);
	floor_cgroup_remove(&p->ctr_cgroup);
}

int floor_exec(const struct floor_options *o, const struct floor_pod *p, const char *const argv[])
{
	int fd = by_joiner(join_exec, o, p, argv);

	return wait_for(&fd);
}

static void remove_layer(const struct floor_options *o, const struct floor_pod *p, unsigned attempt)
{
	static const char *const parts[] = { "upper", "work/work", "work" };
	char path[FLOOR_PATH];

	for (size_t i = 0; i < COUNT(parts); i++)
		(void)rmdir(floor_path(path, "%s/%s/%u/%s", o->state, p->name, attempt, parts[i]));
	(void)unlink(floor_path(path, "%s/%s/%u/termination-log", o->state, p->name, attempt));
	floor_must(rmdir(floor_path(path, "%s/%s/%u", o->state, p->name, attempt)), path);
}

void floor_sandbox_end(struct floor_pod *p)
{
	floor_cgroup_kill(&p->pause_cgroup);
	(void)wait_for(&p->pause_fd);
	floor_cgroup_remove(&p->pause_cgroup);
	floor_cgroup_remove(&p->cgroup);
}

void floor_files_remove(const struct floor_options *o, const struct floor_pod *p)
{
	char path[FLOOR_PATH];

	for (unsigned i = 1; i <= p->attempt; i++)
		remove_layer(o, p, i);
	for (size_t i = 0; i < COUNT(etc_files); i++)
		(void)unlink(floor_path(path, "%s/%s/%s", o->state, p->name, etc_files[i]));
	floor_must(rmdir(floor_path(path, "%s/%s", o->state, p->name)), path);
}

void floor_pod_remove(const struct floor_options *o, struct floor_pod *p)
{
	floor_ctr_end(p);
	floor_sandbox_end(p);
	floor_files_remove(o, p);
}
