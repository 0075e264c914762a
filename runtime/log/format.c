#include "log/format.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *stream_name(enum log_stream stream)
{
	switch (stream) {
	case LOG_STDOUT:
		return "stdout";
	case LOG_STDERR:
		return "stderr";
	}
	return "?";
}

/* "2026-11-24T14:20:05.123456789Z stdout " */
enum { HEAD_MAX = CLOCK_TEXT_MAX + 8 };

/* The newline itself is not written: F stands for it. */
static size_t format_one(
	const char *head, size_t head_len, const char *bytes, size_t len, struct buf *out)
{
	size_t room = len < LOG_PIECE_MAX ? len : LOG_PIECE_MAX;
	const char *end = memchr(bytes, '\n', len < LOG_PIECE_MAX + 1 ? len : LOG_PIECE_MAX + 1);
	size_t text = end ? (size_t)(end - bytes) : room;

	buf_add(out, head, head_len);
	buf_add(out, end ? "F " : "P ", 2);
	buf_add(out, bytes, text);
	buf_addc(out, '\n');
	return end ? text + 1 : text;
}

size_t log_format(int64_t wall_ns, enum log_stream stream, const char *bytes, size_t len,
	size_t room, struct buf *out)
{
	char head[HEAD_MAX], stamp[CLOCK_TEXT_MAX];
	size_t taken = 0, head_len;

	clock_rfc3339_nano(wall_ns, stamp);
	(void)snprintf(head, sizeof(head), "%.*s %s ", LOG_STAMP_LEN, stamp, stream_name(stream));
	head_len = strlen(head);
	while (taken < len && (taken == 0 || out->len < room))
		taken += format_one(head, head_len, bytes + taken, len - taken, out);
	return taken;
}
