#include "launch/report.h"

#include <stdio.h>
#include <string.h>

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

int report_started(int fd, const struct job *j)
{
	struct launch_report r = { .kind = REPORT_STARTED, .pid = j->pid };
	ssize_t n;

	if (fd < 0) {
		(void)printf("started pid=%d\n", (int)j->pid);
		return 0;
	}
	n = fd_send(fd, &r, sizeof(r), &j->pidfd, 1);
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
