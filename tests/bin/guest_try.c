/* What a container must not be able to do, and a few things that it must. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

enum { NO_SUCH_CALL = 9999, X32_BIT = 0x40000000, SYS_getpid_i386 = 20 };

static long try_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

/* The same to the kernel, which looks at 32 bits; another number to a 64-bit comparison. */
static long try_alg_wide(void)
{
	return syscall(SYS_socket, 0x100000000L | AF_ALG, SOCK_SEQPACKET, 0);
}

static long try_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long try_raw(void)
{
	return socket(AF_INET, SOCK_RAW, 1);
}

static long try_ping(void)
{
	return socket(AF_INET, SOCK_DGRAM, 1);
}

static long try_sti(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static long try_mknod(void)
{
	return mknod("/tmp-node", S_IFBLK | 0600, makedev(8, 0));
}

static long try_clone_ns(void)
{
	return clone_apart(CLONE_NEWUSER);
}

static long try_mount(void)
{
	return mount("none", "/", "tmpfs", 0, NULL);
}

static long try_i386(void)
{
#if defined(__x86_64__)
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(SYS_getpid_i386) : "memory");
	return rc;
#else
	return 0;
#endif
}

/* A row is a function, or a number with four arguments. */
static const struct {
	const char *name;
	long (*call)(void);
	long nr, a, b, c, d;
} tries[] = {
	{ "mount", try_mount, 0, 0, 0, 0, 0 },
	{ "umount", NULL, SYS_umount2, (long)"/proc", MNT_DETACH, 0, 0 },
	{ "open_tree", NULL, SYS_open_tree, AT_FDCWD, (long)"/", 1, 0 },
	{ "unshare-user", NULL, SYS_unshare, CLONE_NEWUSER, 0, 0, 0 },
	{ "unshare-net", NULL, SYS_unshare, CLONE_NEWNET, 0, 0, 0 },
	{ "clone-newuser", try_clone_ns, 0, 0, 0, 0, 0 },
	{ "clone3", NULL, SYS_clone3, 0, 0, 0, 0 },
	{ "setns", NULL, SYS_setns, 0, 0, 0, 0 },
	{ "bpf", NULL, SYS_bpf, 0, 0, 0, 0 },
	{ "keyctl", NULL, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0 },
	{ "add_key", NULL, SYS_add_key, (long)"user", (long)"x", (long)"y", 1 },
	{ "request_key", NULL, SYS_request_key, (long)"user", (long)"x", 0, 0 },
	{ "userfaultfd", NULL, SYS_userfaultfd, 0, 0, 0, 0 },
	{ "io_uring_setup", NULL, SYS_io_uring_setup, 1, 0, 0, 0 },
	{ "perf_event_open", NULL, SYS_perf_event_open, 0, 0, 0, 0 },
	{ "kexec_load", NULL, SYS_kexec_load, 0, 0, 0, 0 },
	{ "open_by_handle_at", NULL, SYS_open_by_handle_at, 0, 0, 0, 0 },
	{ "personality", NULL, SYS_personality, 0x0040000, 0, 0, 0 },
	{ "ptrace", NULL, SYS_ptrace, 16, 1, 0, 0 },
	{ "chroot", NULL, SYS_chroot, (long)"/", 0, 0, 0 },
	{ "reboot", NULL, SYS_reboot, 0, 0, 0, 0 },
	{ "swapon", NULL, SYS_swapon, (long)"/", 0, 0, 0 },
	{ "init_module", NULL, SYS_init_module, 0, 0, (long)"", 0 },
	{ "sethostname", NULL, SYS_sethostname, (long)"evil", 4, 0, 0 },
	{ "setuid-0", NULL, SYS_setuid, 0, 0, 0, 0 },
	{ "setgroups", NULL, SYS_setgroups, 0, 0, 0, 0 },
	{ "unknown", NULL, NO_SUCH_CALL, 0, 0, 0, 0 },
	{ "x32", NULL, X32_BIT | SYS_getpid, 0, 0, 0, 0 },
	{ "i386", try_i386, 0, 0, 0, 0, 0 },
	{ "alg", try_alg, 0, 0, 0, 0, 0 },
	{ "alg-wide", try_alg_wide, 0, 0, 0, 0, 0 },
	{ "vsock", try_vsock, 0, 0, 0, 0, 0 },
	{ "raw", try_raw, 0, 0, 0, 0, 0 },
	{ "ping", try_ping, 0, 0, 0, 0, 0 },
	{ "tiocsti", try_sti, 0, 0, 0, 0, 0 },
	{ "mknod", try_mknod, 0, 0, 0, 0, 0 },
};

static void try_one(const char *name)
{
	for (size_t i = 0; i < COUNT(tries); i++)
		if (strcmp(tries[i].name, name) == 0) {
			answer(name, tries[i].call ? tries[i].call()
						   : syscall(tries[i].nr, tries[i].a, tries[i].b,
							     tries[i].c, tries[i].d));
			return;
		}
	for (size_t i = 0; call_name(i); i++)
		if (strcmp(call_name(i), name) == 0) {
			answer(name, call_try(i));
			return;
		}
	printf("%s is no try of mine\n", name);
}

/* In a child, which may be killed or have a namespace of its own from then on. */
static void try_apart(const char *name)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		try_one(name);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		printf("%s killed SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
}

/* On a host the tries succeed and take it apart.  There it is no program of the top or of /bin. */
static int is_in_image(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int slashes = 0;

	for (const char *c = path; c && *c; c++)
		slashes += *c == '/';
	return path && path[0] == '/' &&
	       (slashes == 1 || (slashes == 2 && strncmp(path, "/bin/", 5) == 0));
}

int try_all(char **args)
{
	if (!is_in_image()) {
		fprintf(stderr, "guest: no tries outside of a container\n");
		return 2;
	}
	if (strcmp(args[0], "every") != 0) {
		while (*args)
			try_apart(*args++);
		return 0;
	}
	for (size_t i = 0; i < COUNT(tries); i++)
		if (tries[i].nr != SYS_ptrace) /* it would stop PID 1, which may be us */
			try_apart(tries[i].name);
	for (size_t i = 0; call_name(i); i++)
		try_apart(call_name(i));
	return 0;
}

int try_open_path(char **args)
{
	const char *f = args[0];
	int flags = strchr(f, 'w') ? strchr(f, 'r') ? O_RDWR : O_WRONLY : O_RDONLY;

	flags |= (strchr(f, 'c') ? O_CREAT : 0) | (strchr(f, 't') ? O_TRUNC : 0);
	return answer(args[1], open(args[1], flags | O_NONBLOCK, 0644));
}

static int write_text(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	return answer(path, fd < 0 ? -1 : write(fd, text, strlen(text)));
}

int try_write_file(char **args)
{
	return write_text(args[0], O_TRUNC, args[1]);
}

int try_append_file(char **args)
{
	return write_text(args[0], O_APPEND, args[1]);
}

int try_make_dir(char **args)
{
	return answer(args[0], mkdir(args[0], 0755));
}

int try_remove_file(char **args)
{
	return answer(args[0], unlink(args[0]));
}

int try_bind(char **args)
{
	return answer(args[1], mount(args[0], args[1], NULL, MS_BIND, NULL));
}

int try_change_mode(char **args)
{
	return answer(args[0], chmod(args[0], (mode_t)strtol(args[1], NULL, 8)));
}

int try_change_owner(char **args)
{
	return answer(args[0], chown(args[0], (uid_t)atoi(args[1]), (gid_t)atoi(args[1])));
}

int try_make_node(char **args)
{
	mode_t type = args[1][0] == 'b' ? S_IFBLK : S_IFCHR;
	unsigned major = 0, minor = 0;

	(void)sscanf(args[1] + 1, "%u.%u", &major, &minor);
	return answer(args[0], mknod(args[0], type | 0666, makedev(major, minor)));
}

int try_mq(char **args)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 256 };
	char text[256];
	ssize_t n;
	mqd_t q = mq_open(args[1], O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);

	if (q < 0)
		return answer("mq", -1);
	if (strcmp(args[0], "put") == 0)
		return answer("mq", mq_send(q, args[2], strlen(args[2]), 0));
	n = mq_receive(q, text, sizeof(text), NULL);
	if (n < 0)
		return answer("mq", -1);
	printf("mq %.*s\n", (int)n, text);
	return 0;
}

static struct sockaddr_in loopback(long port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
}

int try_connect_port(char **args)
{
	struct sockaddr_in a = loopback(number(args[0]));
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	return answer("connect", connect(sock, (struct sockaddr *)&a, sizeof(a)));
}
