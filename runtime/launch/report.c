#include "launch/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

int report_find_fd(const char *bytes, size_t len)
{
	static const char key[] = "result-fd=";
	int64_t found = -1;

	for (size_t at = 0; at < len;) {
		const char *end = memchr(bytes + at, '\0', len - at);

		if (!end)
			break; /* an unclosed record */
		if (str_starts(bytes + at, key))
			(void)str_to_i64(bytes + at + strlen(key), 0, INT32_MAX, &found);
		at = (size_t)(end - bytes) + 1;
	}
	return (int)found;
}

static int by_value(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

/* The groups are in force by now, and their order means nothing. */
static void tell_user(struct launch_user *r, const struct user *u)
{
	r->uid = u->uid;
	r->gid = u->gid;
	r->groups_len = (uint32_t)u->groups_len;
	if (u->groups_len)
		qsort(u->groups, u->groups_len, sizeof(*u->groups), by_value);
	for (size_t i = 0; i < u->groups_len && i < LAUNCH_REPORT_GROUPS_MAX; i++)
		r->groups[i] = u->groups[i];
}

int report_started(int fd, const struct job *j)
{
	struct launch_report r = { .kind = REPORT_STARTED, .pid = j->pid };
	ssize_t n;

	if (fd < 0) {
		(void)printf("started pid=%d\n", (int)j->pid);
		return 0;
	}
	tell_user(&r.user, &j->user);
	n = fd_send(fd, &r, sizeof(r), &j->pidfd, 1);
	return n < 0 ? (int)n : 0;
}

/* A peer that closed with something of ours unread is told first, as an error. */
bool report_is_unwanted(int fd)
{
	char word;
	ssize_t n = recv(fd, &word, sizeof(word), MSG_DONTWAIT);

	if (n < 0 && errno == ECONNRESET)
		n = recv(fd, &word, sizeof(word), MSG_DONTWAIT);
	return n > 0;
}

int report_ready(int fd, const struct job *j)
{
	const struct launch_report r = { .kind = REPORT_READY, .pid = j->pid };
	const ssize_t n = fd_send(fd, &r, sizeof(r), &j->pidfd, 1);

	return n < 0 ? (int)n : 0;
}

int report_hook(int fd, const struct err *e)
{
	const struct launch_report r = { .kind = REPORT_HOOK, .err = *e };
	const ssize_t n = fd < 0 ? 0 : fd_send(fd, &r, sizeof(r), NULL, 0);

	return n < 0 ? (int)n : 0;
}

int report_failed(int fd, int exit_code, const struct err *e)
{
	struct launch_report r = { .kind = REPORT_FAILED, .exit_code = exit_code, .err = *e };
	ssize_t n = fd < 0 ? -1 : fd_send(fd, &r, sizeof(r), NULL, 0);

	if (n < 0)
		log_err("%s", e->text);
	return n < 0 ? (int)n : 0;
}
