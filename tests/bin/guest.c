/* The image of all tests: one static program that is every container's file system.  It says what
 * its surroundings look like, tries what it must not be able to do, and behaves well or badly on
 * request.  Copy it to ROOTFS/guest and run `/guest APPLET ARGS…`; a link named like an applet runs
 * that applet.  Several applets in one container: `/guest all "report" "try mount"`.
 *
 * Looking (one "key value" line each, or the lines of a file):
 *   report                confinement: pid ppid sid uid gid groups caps no_new_privs seccomp umask
 *                         cwd hostname fds limits oom_score_adj keyring env args
 *   env | args            the environment, or the arguments that follow, one a line
 *   mounts                /proc/self/mountinfo
 *   cat FILE… | ls DIR | readlink FILE
 *   stat PATH…            "PATH TYPE MODE UID GID MAJOR:MINOR" or "PATH ERRNO"
 *   ns                    the namespaces, "net net:[4026531833]"
 *   keyring               "serial permissions" of the session keyring
 *   procs                 "pid name" of every process it can see
 * Trying (prints "NAME ok" or "NAME ERRNO", "NAME killed SIGNAL" when it died of it):
 *   try NAME…             system calls by the names of the table `tries`
 *   open FLAGS PATH       FLAGS of r w c(reate) t(runcate)
 *   write PATH TEXT | append PATH TEXT | mkdir PATH | unlink PATH | chmod PATH MODE
 *   mq put NAME TEXT | mq get NAME        POSIX message queues
 *   connect PORT          TCP to 127.0.0.1
 * Behaving:
 *   exit N | kill SIGNAL | sleep SECONDS | print TEXT… | eprint TEXT… | bytes N
 *   sleepy TEXT           prints TEXT, then sleeps for good (SIGTERM ends it)
 *   stubborn TEXT         the same, ignoring SIGTERM
 *   orphan SECONDS CODE   leaves a grandchild behind that ends so, prints its pid, and stays
 *   family N              N children that sleep, prints their pids, sleeps
 *   eat MIB | spin | fork-bomb N
 *   tcp PORT [TEXT]       accepts for ever, says TEXT, closes
 *   http PORT [FILE]      200 while FILE exists (or is not given), else 503; prints "ready"
 *   echo                  standard input to standard output until its end
 *   tty                   "yes ROWSxCOLS", whether standard input is the controlling terminal
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int answer(const char *name, long rc)
{
	if (rc < 0)
		printf("%s %s\n", name, strerrorname_np(errno));
	else
		printf("%s ok\n", name);
	return 0;
}

static long number(const char *text)
{
	return strtol(text ? text : "0", NULL, 0);
}

/* ---- looking ---- */

static int print_file(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return answer(path, -1);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
	if (n < 0)
		answer(path, -1);
	close(fd);
	return 0;
}

static int cat(char **args)
{
	while (*args)
		print_file(*args++);
	return 0;
}

static int mounts(char **args)
{
	(void)args;
	return print_file("/proc/self/mountinfo");
}

/* "Name:\tvalue" of /proc/self/status as "key value", keys as report calls them. */
static void report_status(void)
{
	static const char *const keys[][2] = { { "Uid", "uid" }, { "Gid", "gid" },
		{ "Groups", "groups" }, { "CapInh", "inheritable" }, { "CapPrm", "permitted" },
		{ "CapEff", "effective" }, { "CapBnd", "bounding" }, { "CapAmb", "ambient" },
		{ "NoNewPrivs", "no_new_privs" }, { "Seccomp", "seccomp" }, { "Umask", "umask" },
		{ "SigBlk", "blocked" }, { "SigIgn", "ignored" } };
	FILE *f = fopen("/proc/self/status", "r");
	char line[70000];

	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (char *c = colon + 1; *c; c++)
			*c = *c == '\t' || *c == '\n' ? ' ' : *c;
		for (size_t i = 0; i < COUNT(keys); i++)
			if (strcmp(line, keys[i][0]) == 0)
				printf("%s%s\n", keys[i][1], colon + 1);
	}
	if (f)
		fclose(f);
}

static void report_fds(void)
{
	printf("fds");
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
}

static void report_limits(void)
{
	static const struct {
		int resource;
		const char *name;
	} limits[] = { { RLIMIT_NOFILE, "nofile" }, { RLIMIT_CORE, "core" },
		{ RLIMIT_NPROC, "nproc" }, { RLIMIT_STACK, "stack" } };
	struct rlimit l;

	for (size_t i = 0; i < COUNT(limits); i++)
		if (getrlimit((__rlimit_resource_t)limits[i].resource, &l) == 0)
			printf("limit_%s %lld %lld\n", limits[i].name, (long long)l.rlim_cur,
				(long long)l.rlim_max);
}

static int keyring(char **args)
{
	char text[200];
	long key = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	(void)args;
	if (key < 0)
		return answer("keyring", -1);
	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof(text)) < 0)
		return answer("keyring", -1);
	printf("keyring %ld %s\n", key, text);
	return 0;
}

static int env(char **args)
{
	(void)args;
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
	return 0;
}

static int report(char **args)
{
	char cwd[4096], host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	printf("pid %d\nppid %d\nsid %d\n", getpid(), getppid(), getsid(0));
	report_status();
	printf("cwd %s\nhostname %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?", host);
	report_fds();
	report_limits();
	printf("oom_score_adj ");
	print_file("/proc/self/oom_score_adj");
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	while (*args)
		printf("arg %s\n", *args++);
	return 0;
}

static int show_args(char **args)
{
	while (*args)
		puts(*args++);
	return 0;
}

static int ls(char **args)
{
	DIR *d = opendir(*args ? *args : ".");
	struct dirent *e;

	if (!d)
		return answer(*args, -1);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			puts(e->d_name);
	closedir(d);
	return 0;
}

static int show_link(char **args)
{
	char target[4096];
	ssize_t n = readlink(*args, target, sizeof(target) - 1);

	if (n < 0)
		return answer(*args, -1);
	target[n] = '\0';
	return puts(target) < 0;
}

static int show_stat(char **args)
{
	for (; *args; args++) {
		struct stat st;

		if (lstat(*args, &st) < 0) {
			answer(*args, -1);
			continue;
		}
		printf("%s %s %o %u %u %u:%u\n", *args,
			S_ISREG(st.st_mode)   ? "file"
			: S_ISDIR(st.st_mode) ? "dir"
			: S_ISCHR(st.st_mode) ? "char"
			: S_ISBLK(st.st_mode) ? "block"
			: S_ISLNK(st.st_mode) ? "link"
					      : "other",
			st.st_mode & 07777, st.st_uid, st.st_gid, major(st.st_rdev),
			minor(st.st_rdev));
	}
	return 0;
}

static int ns(char **args)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "uts", "user" };
	char path[64], target[64];

	(void)args;
	for (size_t i = 0; i < COUNT(names); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		n = readlink(path, target, sizeof(target) - 1);
		printf("%s %.*s\n", names[i], n > 0 ? (int)n : 1, n > 0 ? target : "?");
	}
	return 0;
}

static int procs(char **args)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	(void)args;
	while (d && (e = readdir(d))) {
		char path[300], name[64] = "?";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		if (f)
			fclose(f);
		printf("%s %s\n", e->d_name, name);
	}
	if (d)
		closedir(d);
	return 0;
}

/* ---- trying ---- */

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
	return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
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
	printf("%s is no try of mine\n", name);
}

static int try_all(char **args)
{
	for (; *args; args++) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			try_one(*args);
			fflush(stdout);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
			printf("%s killed SIG%s\n", *args, sigabbrev_np(WTERMSIG(status)));
	}
	return 0;
}

static int open_path(char **args)
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

static int write_file(char **args)
{
	return write_text(args[0], O_TRUNC, args[1]);
}

static int append_file(char **args)
{
	return write_text(args[0], O_APPEND, args[1]);
}

static int make_dir(char **args)
{
	return answer(args[0], mkdir(args[0], 0755));
}

static int remove_file(char **args)
{
	return answer(args[0], unlink(args[0]));
}

static int change_mode(char **args)
{
	return answer(args[0], chmod(args[0], (mode_t)strtol(args[1], NULL, 8)));
}

static int mq(char **args)
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

static int connect_port(char **args)
{
	struct sockaddr_in a = loopback(number(args[0]));
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	return answer("connect", connect(sock, (struct sockaddr *)&a, sizeof(a)));
}

/* ---- behaving ---- */

static int leave(char **args)
{
	fflush(stdout);
	_exit((int)number(args[0]));
}

static int kill_self(char **args)
{
	int sig = (int)number(args[0]);

	/* PID 1 of a namespace has no default actions, not even for its own signals: a child dies
	 * in its stead where it must, here only a fault or KILL of the parent namespace works. */
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
	__builtin_trap();
}

static void sleep_for_good(void)
{
	for (;;)
		pause();
}

static int sleep_some(char **args)
{
	sleep((unsigned)number(args[0]));
	return 0;
}

static void on_term(int sig)
{
	_exit(128 + sig);
}

static int sleepy(char **args)
{
	signal(SIGTERM, on_term); /* as PID 1 it would not end otherwise */
	show_args(args);
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int stubborn(char **args)
{
	signal(SIGTERM, SIG_IGN);
	show_args(args);
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int eprint(char **args)
{
	while (*args)
		fprintf(stderr, "%s\n", *args++);
	return 0;
}

static int bytes(char **args)
{
	for (long i = 0, n = number(args[0]); i < n; i++)
		putchar(i % 64 == 63 ? '\n' : (int)('!' + i % 64));
	return 0;
}

static int orphan(char **args)
{
	int ready[2];
	pid_t pid;

	signal(SIGTERM, on_term);
	if (pipe(ready) < 0)
		return 1;
	if (fork() == 0) {
		pid = fork();
		if (pid == 0) {
			sleep((unsigned)number(args[0]));
			_exit((int)number(args[1]));
		}
		(void)!write(ready[1], &pid, sizeof(pid));
		_exit(0);
	}
	(void)!read(ready[0], &pid, sizeof(pid));
	(void)wait(NULL);
	printf("%d\n", pid);
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int family(char **args)
{
	signal(SIGTERM, on_term);
	for (long i = 0; i < number(args[0]); i++) {
		pid_t pid = fork();

		if (pid == 0)
			sleep_for_good();
		printf("%d\n", pid);
	}
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int eat(char **args)
{
	size_t size = (size_t)number(args[0]) << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return answer("eat", -1);
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	puts("full");
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int spin(char **args)
{
	(void)args;
	for (volatile unsigned long i = 0;; i++)
		;
}

static int fork_bomb(char **args)
{
	long made = 0;

	for (long n = number(args[0]); made < n; made++) {
		pid_t pid = fork();

		if (pid == 0)
			sleep_for_good();
		if (pid < 0)
			break;
	}
	printf("forked %ld %s\n", made, made < number(args[0]) ? strerrorname_np(errno) : "all");
	return 0;
}

static int listen_on(long port)
{
	struct sockaddr_in a = loopback(port);
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_ANY);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(sock, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(sock, 128) < 0) {
		answer("listen", -1);
		exit(1);
	}
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	puts("ready");
	fflush(stdout);
	return sock;
}

static int tcp(char **args)
{
	int sock = listen_on(number(args[0]));

	for (;;) {
		int peer = accept(sock, NULL, NULL);

		if (peer < 0)
			continue;
		if (args[1])
			(void)!write(peer, args[1], strlen(args[1]));
		close(peer);
	}
}

static int http(char **args)
{
	int sock = listen_on(number(args[0]));

	for (;;) {
		int peer = accept(sock, NULL, NULL);
		char request[4096], reply[200];
		int is_up = !args[1] || access(args[1], F_OK) == 0, n;

		if (peer < 0)
			continue;
		(void)!read(peer, request, sizeof(request));
		n = snprintf(reply, sizeof(reply),
			"HTTP/1.1 %s\r\nContent-Length: 3\r\nConnection: close\r\n\r\n%s\n",
			is_up ? "200 OK" : "503 Service Unavailable", is_up ? "up" : "no");
		(void)!write(peer, reply, (size_t)n);
		shutdown(peer, SHUT_WR);
		close(peer);
	}
}

static int echo(char **args)
{
	char text[4096];
	ssize_t n;

	(void)args;
	while ((n = read(0, text, sizeof(text))) > 0)
		(void)!write(1, text, (size_t)n);
	return 0;
}

static int tty(char **args)
{
	struct winsize w = { 0 };

	(void)args;
	(void)ioctl(0, TIOCGWINSZ, &w);
	if (tcgetpgrp(0) < 0)
		return answer("no", -1);
	printf("yes %ux%u %s\n", w.ws_row, w.ws_col, ttyname(0) ? ttyname(0) : "?");
	return 0;
}

static int all(char **args);

static const struct {
	const char *name;
	int (*run)(char **args);
	int needs; /* arguments */
} applets[] = {
	{ "all", all, 0 },
	{ "report", report, 0 },
	{ "env", env, 0 },
	{ "args", show_args, 0 },
	{ "mounts", mounts, 0 },
	{ "cat", cat, 1 },
	{ "ls", ls, 0 },
	{ "readlink", show_link, 1 },
	{ "stat", show_stat, 1 },
	{ "ns", ns, 0 },
	{ "keyring", keyring, 0 },
	{ "procs", procs, 0 },
	{ "try", try_all, 1 },
	{ "open", open_path, 2 },
	{ "write", write_file, 2 },
	{ "append", append_file, 2 },
	{ "mkdir", make_dir, 1 },
	{ "unlink", remove_file, 1 },
	{ "chmod", change_mode, 2 },
	{ "mq", mq, 2 },
	{ "connect", connect_port, 1 },
	{ "exit", leave, 1 },
	{ "kill", kill_self, 1 },
	{ "sleep", sleep_some, 1 },
	{ "sleepy", sleepy, 0 },
	{ "stubborn", stubborn, 0 },
	{ "print", show_args, 0 },
	{ "eprint", eprint, 0 },
	{ "bytes", bytes, 1 },
	{ "orphan", orphan, 2 },
	{ "family", family, 1 },
	{ "eat", eat, 1 },
	{ "spin", spin, 0 },
	{ "fork-bomb", fork_bomb, 1 },
	{ "tcp", tcp, 1 },
	{ "http", http, 1 },
	{ "echo", echo, 0 },
	{ "tty", tty, 0 },
};

static int run(char **args)
{
	int given = 0;

	while (args[given])
		given++;
	for (size_t i = 0; given && i < COUNT(applets); i++)
		if (strcmp(args[0], applets[i].name) == 0) {
			if (given - 1 >= applets[i].needs)
				return applets[i].run(args + 1);
			fprintf(stderr, "guest: %s wants %d arguments\n", args[0],
				applets[i].needs);
			return 2;
		}
	fprintf(stderr, "guest: no applet %s\n", given ? args[0] : "given");
	return 2;
}

/* Each argument is a command line of its own, split at blanks; between two of them "--". */
static int all(char **args)
{
	int rc = 0;

	for (; *args; args++) {
		char *words[32] = { NULL }, *save = NULL;
		size_t n = 0;

		for (char *w = strtok_r(*args, " ", &save); w && n < COUNT(words) - 1;
			w = strtok_r(NULL, " ", &save))
			words[n++] = w;
		rc = n ? run(words) : 2;
		puts("--");
	}
	return rc;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (size_t i = 0; argc > 0 && i < COUNT(applets); i++)
		if (strcmp(name, applets[i].name) == 0) {
			argv[0] = (char *)(uintptr_t)applets[i].name;
			return run(argv);
		}
	return argc > 1 ? run(argv + 1) : 2;
}
