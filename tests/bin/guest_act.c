/* What probes and stops are tested against: an answer for every occasion, and who heard what. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, STAT_FIELD_START = 22 };

int act_have(char **args)
{
	return access(args[0], F_OK) == 0 ? 0 : 1;
}

/* When the kernel made PID 1, in milliseconds since boot; its clock has ticks of 10 ms. */
static long long first_start_ms(void)
{
	char text[4096], *field;
	int fd = open("/proc/1/stat", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	field = strrchr(text, ')'); /* the end of field 2; the name may hold anything */
	for (int i = 2; field && i < STAT_FIELD_START; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoll(field, NULL, 10) * MS_PER_S / sysconf(_SC_CLK_TCK) : -1;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * (long long)MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static int append_number(const char *path, long long value)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	int written = fd < 0 ? -1 : dprintf(fd, "%lld\n", value);

	if (fd >= 0)
		close(fd);
	return written > 0 ? 0 : 1;
}

int act_age(char **args)
{
	return append_number(args[0], now_ms() - first_start_ms());
}

/* Straight to the device for so long, block by block, and says how much it was. */
int act_pour(char **args)
{
	enum { BLOCK = 64 << 10, BLOCKS = 64 };
	static _Alignas(4096) char block[BLOCK];
	int fd = open(args[0], O_WRONLY | O_CREAT | O_DIRECT, 0666);
	long long end = now_ms() + number(args[1]), written = 0;

	for (long i = 0; fd >= 0 && now_ms() < end; i++) {
		if (pwrite(fd, block, BLOCK, i % BLOCKS * BLOCK) != BLOCK)
			return 1;
		written += BLOCK;
	}
	printf("%lld\n", written);
	return fd < 0;
}

int act_fill(char **args)
{
	static char block[64 << 10];
	int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND, 0666);
	long left = number(args[1]), written = 0;
	ssize_t n = fd < 0 ? -1 : 0;

	memset(block, 'x', sizeof(block));
	while (n >= 0 && written < left) {
		size_t size = sizeof(block);

		if ((long)size > left - written)
			size = (size_t)(left - written);
		n = write(fd, block, size);
		written += n > 0 ? n : 0;
	}
	printf("%ld%s%s\n", written, n < 0 ? " " : "", n < 0 ? strerrorname_np(errno) : "");
	return n < 0;
}

int act_stamp(char **args)
{
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };

	if (append_number(args[0], now_ms()) != 0)
		return 99;
	while (args[2] && access(args[2], F_OK) == 0)
		nanosleep(&moment, NULL);
	return (int)number(args[1]);
}

/* The nth that asks gets the nth answer, however long it takes to come. */
int act_ask(char **args)
{
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };
	int asked = open(args[0], O_WRONLY | O_CREAT | O_APPEND, 0666);
	int is_noted = asked >= 0 && write(asked, "\n", 1) == 1;
	off_t nth = is_noted ? lseek(asked, 0, SEEK_END) - 1 : 0;
	char digit = 0;

	while (is_noted && digit == 0) {
		int answers = open(args[1], O_RDONLY);

		if (answers < 0 || pread(answers, &digit, 1, nth) != 1)
			nanosleep(&moment, NULL);
		if (answers >= 0)
			close(answers);
	}
	return is_noted ? digit - '0' : 99;
}

static int catches(const char *status, int sig)
{
	const char *mask = strstr(status, "\nSigCgt:\t");

	return mask && strtoull(mask + strlen("\nSigCgt:\t"), NULL, 16) >> (sig - 1) & 1;
}

/* Before it listens, the first process of a namespace does not even die of a signal. */
int act_end(char **args)
{
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };
	char text[4096] = "";

	(void)args;
	while (!catches(text, SIGTERM)) {
		int fd = open("/proc/1/status", O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		if (n < 0)
			return answer("end", -1);
		text[n] = '\0';
		close(fd);
		nanosleep(&moment, NULL);
	}
	return answer("end", kill(1, SIGTERM));
}

int act_later(char **args)
{
	int fd;

	if (access(args[0], F_OK) == 0)
		return 0;
	fd = open(args[0], O_WRONLY | O_CREAT, 0666);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? 99 : 1;
}

int act_nap(char **args)
{
	long ms = number(args[0]);
	const struct timespec t = { .tv_sec = ms / MS_PER_S, .tv_nsec = ms % MS_PER_S * NS_PER_MS };

	nanosleep(&t, NULL);
	return 0;
}

/* Their output is closed, so that whoever waits for the end of it does not wait for them. */
int act_litter(char **args)
{
	for (long i = 0; i < number(args[0]); i++) {
		if (fork() != 0)
			continue;
		close(1);
		close(2);
		for (;;)
			pause();
	}
	return 0;
}

/* Kept up, since what it is after lives for a moment only. */
int act_halt(char **args)
{
	const struct timespec nap = { .tv_nsec = 1000 };
	int has_said = 0;

	(void)args;
	for (;;) {
		if (kill(-1, SIGSTOP) == 0 && !has_said++) {
			puts("halted");
			fflush(stdout);
		}
		nanosleep(&nap, NULL);
	}
}

int act_talk(char **args)
{
	int sock = listen_on(number(args[0]));
	int holds = args[2] && strcmp(args[2], "hold") == 0;

	for (;;) {
		int peer = accept(sock, NULL, NULL);
		char request[4096];

		if (peer < 0)
			continue;
		(void)!read(peer, request, sizeof(request));
		(void)!write(peer, args[1], strlen(args[1]));
		if (!holds)
			close(peer);
	}
}

static volatile sig_atomic_t hears_all;

/* Of at most two digits.  snprintf(3) is not for signal handlers. */
static void on_signal(int sig)
{
	char text[] = "signal 00\n", *at = text + strlen("signal ");

	if (sig >= 10)
		*at++ = (char)('0' + sig / 10);
	*at++ = (char)('0' + sig % 10);
	*at++ = '\n';
	(void)!write(1, text, (size_t)(at - text));
	if (!hears_all)
		_exit(0);
}

int act_catch(char **args)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };

	hears_all = args[0] && strcmp(args[0], "all") == 0;
	for (size_t i = 0; i < COUNT(signals); i++)
		signal(signals[i], on_signal);
	puts("listening");
	fflush(stdout);
	for (;;)
		pause();
}
