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
 *   keyring [SERIAL]      "serial permissions" of the session keyring, or of another
 *   procs                 "pid name" of every process it can see
 * Trying (prints "NAME ok" or "NAME ERRNO", "NAME killed SIGNAL" when it died of it):
 *   try NAME… | try every system calls by the names of guest_try.c and guest_calls.c
 *   open FLAGS PATH       FLAGS of r w c(reate) t(runcate)
 *   write PATH TEXT | append PATH TEXT | mkdir PATH | unlink PATH | chmod PATH MODE
 *   chown PATH ID         owner and group
 *   mknod PATH TYPE       TYPE of c10.229 or b7.0
 *   bind SOURCE TARGET    a bind mount
 *   mq put NAME TEXT | mq get NAME        POSIX message queues
 *   connect PORT          TCP to 127.0.0.1
 * Behaving:
 *   exit N | kill SIGNAL | sleep SECONDS | print TEXT… | eprint TEXT… | bytes N
 *   lines N [GO]          "line 1" … "line N", each written by itself; after the first waits for GO
 *   lines-until ENOUGH    "line 1" … "line N", hundreds of them, until that is there, and "end N"
 *   sleepy TEXT           prints TEXT, then sleeps for good (SIGTERM ends it)
 *   stubborn TEXT         the same, ignoring SIGTERM
 *   orphan SECONDS CODE   leaves a grandchild behind that ends so, prints its pid, and stays
 *   orphans N             N grandchildren that end at once with 5, left to whoever reaps
 *   signal PID SIGNAL
 *   end                   SIGTERM to PID 1 as soon as that catches it
 *   family N              N children that sleep, prints their pids, sleeps
 *   eat MIB | spin | fork-bomb N
 *   tcp PORT [TEXT]       accepts for ever, says TEXT, closes
 *   http PORT [FILE]      200 while FILE exists (or is not given), else 503; prints "ready"
 *   talk PORT TEXT [hold] reads once, says TEXT, then closes unless told to hold
 *   catch [all]           prints "signal N" for the first signal that would end it, and ends with 0
 *                         (all: for each, and stays)
 *   have PATH             ends with 0 when it is there, else with 1
 *   later PATH            makes it and ends with 1; with 0 when it is there already
 *   ask ASKED ANSWERS     appends a line to ASKED, the nth; stays until ANSWERS has n digits, and
 *                         ends with the nth
 *   stamp PATH CODE [WAIT] appends the milliseconds since boot, stays while WAIT is there, ends so
 *   nap MILLISECONDS      ends with 0 after that time
 *   halt                  stops every process that it sees, again and again; prints "halted" once
 *   litter N              leaves N children behind, and ends with 0
 *   age PATH              appends to it how many milliseconds ago PID 1 was made
 *   swap A B [N]          N processes exchange the two names for good; prints "swapping"
 *   hunt WHAT…            of every new process tries ptrace, vm, fd, or to open WHAT of /proc/PID;
 *                         "hunting", "caught WHAT of PID", "met" the first stranger, at SIGTERM
 *                         "seen N" of them
 *   steal                 waits for a process of another program, then for the right to write
 *                         to that: "stealing", "held", "steal ok", until SIGTERM
 *   echo                  standard input to standard output until its end
 *   tty                   "yes ROWSxCOLS", whether standard input is the controlling terminal
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

int answer(const char *name, long rc)
{
	if (rc < 0)
		printf("%s %s\n", name, strerrorname_np(errno));
	else
		printf("%s ok\n", name);
	return 0;
}

long number(const char *text)
{
	return strtol(text ? text : "0", NULL, 0);
}

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
	look_show_args(args);
	fflush(stdout);
	sleep_for_good();
	return 0;
}

static int stubborn(char **args)
{
	signal(SIGTERM, SIG_IGN);
	look_show_args(args);
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

static int lines(char **args)
{
	for (long i = 1, n = number(args[0]); i <= n; i++) {
		printf("line %ld\n", i);
		if (fflush(stdout) != 0)
			return 1; /* nobody reads any more */
		while (i == 1 && args[1] && access(args[1], F_OK) != 0)
			usleep(10000);
	}
	return 0;
}

/* Not as fast as it can, since it does not know for how long. */
static int lines_until(char **args)
{
	long n = 0;

	while (access(args[0], F_OK) != 0) {
		for (int i = 0; i < 100; i++)
			printf("line %ld\n", ++n);
		fflush(stdout);
		usleep(1000);
	}
	printf("end %ld\n", n);
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

static int orphans(char **args)
{
	for (long i = 0; i < number(args[0]); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (fork() == 0)
				_exit(5);
			_exit(0);
		}
		(void)waitpid(pid, NULL, 0);
	}
	return 0;
}

static int send_signal(char **args)
{
	return answer("signal", kill((pid_t)number(args[0]), (int)number(args[1])));
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
	return 0;
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

int listen_on(long port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1;

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
	return 0;
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
	return 0;
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
	{ "report", look_report, 0 },
	{ "env", look_env, 0 },
	{ "args", look_show_args, 0 },
	{ "mounts", look_mounts, 0 },
	{ "cat", look_cat, 1 },
	{ "ls", look_ls, 0 },
	{ "readlink", look_show_link, 1 },
	{ "stat", look_show_stat, 1 },
	{ "ns", look_ns, 0 },
	{ "keyring", look_keyring, 0 },
	{ "procs", look_procs, 0 },
	{ "try", try_all, 1 },
	{ "open", try_open_path, 2 },
	{ "write", try_write_file, 2 },
	{ "append", try_append_file, 2 },
	{ "mkdir", try_make_dir, 1 },
	{ "unlink", try_remove_file, 1 },
	{ "chmod", try_change_mode, 2 },
	{ "chown", try_change_owner, 2 },
	{ "mknod", try_make_node, 2 },
	{ "bind", try_bind, 2 },
	{ "mq", try_mq, 2 },
	{ "connect", try_connect_port, 1 },
	{ "exit", leave, 1 },
	{ "kill", kill_self, 1 },
	{ "sleep", sleep_some, 1 },
	{ "sleepy", sleepy, 0 },
	{ "stubborn", stubborn, 0 },
	{ "print", look_show_args, 0 },
	{ "eprint", eprint, 0 },
	{ "bytes", bytes, 1 },
	{ "lines", lines, 1 },
	{ "lines-until", lines_until, 1 },
	{ "orphan", orphan, 2 },
	{ "orphans", orphans, 1 },
	{ "signal", send_signal, 2 },
	{ "family", family, 1 },
	{ "eat", eat, 1 },
	{ "spin", spin, 0 },
	{ "fork-bomb", fork_bomb, 1 },
	{ "tcp", tcp, 1 },
	{ "http", http, 1 },
	{ "talk", act_talk, 2 },
	{ "catch", act_catch, 0 },
	{ "have", act_have, 1 },
	{ "later", act_later, 1 },
	{ "ask", act_ask, 2 },
	{ "end", act_end, 0 },
	{ "stamp", act_stamp, 2 },
	{ "nap", act_nap, 1 },
	{ "litter", act_litter, 1 },
	{ "halt", act_halt, 0 },
	{ "pour", act_pour, 2 },
	{ "fill", act_fill, 2 },
	{ "age", act_age, 1 },
	{ "hunt", attack_hunt, 1 },
	{ "steal", attack_steal, 0 },
	{ "swap", attack_swap, 2 },
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
