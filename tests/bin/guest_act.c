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

int act_age(char **args)
{
	struct timespec now;
	char line[64];
	int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND, 0666), len;

	if (fd < 0)
		return 1;
	clock_gettime(CLOCK_BOOTTIME, &now);
	len = snprintf(line, sizeof(line), "%lld\n",
		now.tv_sec * (long long)MS_PER_S + now.tv_nsec / NS_PER_MS - first_start_ms());
	len = (int)write(fd, line, (size_t)len);
	close(fd);
	return len > 0 ? 0 : 1;
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

static void on_signal(int sig)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "signal %d\n", sig);

	(void)!write(1, text, (size_t)len);
	_exit(0);
}

int act_catch(char **args)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };

	(void)args;
	for (size_t i = 0; i < COUNT(signals); i++)
		signal(signals[i], on_signal);
	puts("listening");
	fflush(stdout);
	for (;;)
		pause();
}
