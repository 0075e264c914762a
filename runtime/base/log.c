#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level max_level = LOG_INFO; /* the one variable of its kind: see log.h */
static const char *program = "carpel";

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_set_name(const char *name)
{
	program = name;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_ERR:
		return "error";
	case LOG_WARN:
		return "warning";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "?";
}

/* One write a line, so that lines of several programs on one descriptor never mix. */
void log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	size_t len;
	va_list ap;

	if (level > max_level)
		return;
	(void)snprintf(line, sizeof(line), "%s: %s: ", program, level_word(level));
	len = strlen(line);
	va_start(ap, fmt);
	(void)vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say it */
}
