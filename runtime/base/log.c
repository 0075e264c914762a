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

/* C0, DEL, and C1 as UTF-8 has it. */
static size_t control_len(const unsigned char *at)
{
	if (*at < ' ' || *at == 0x7f)
		return 1;
	return *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0 ? 2 : 0;
}

/* Text may come from a container: it makes no second line, and nothing of it commands a terminal.
 * Returns the length; what has no room is left out. */
static size_t add_plain(char *line, size_t len, size_t size, const char *text)
{
	size_t bad = 0;

	for (const unsigned char *at = (const unsigned char *)text; *at && len + 4 < size; at++) {
		if (bad == 0)
			bad = control_len(at);
		if (bad == 0) {
			line[len++] = (char)*at;
			continue;
		}
		len += (size_t)snprintf(line + len, size - len, "\\x%02x", *at);
		bad--;
	}
	return len;
}

/* One write a line, so that lines of several programs on one descriptor never mix. */
void log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024], text[1024];
	size_t len;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = (size_t)snprintf(line, sizeof(line) / 2, "%s: %s: ", program, level_word(level));
	len = add_plain(line, len, sizeof(line) - 1, text);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say it */
}
