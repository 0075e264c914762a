#include "log/format.h"

#include <stdbool.h>
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

/* The newline itself is not written: F stands for it. */
static size_t format_one(
	const char *stamp, enum log_stream stream, const char *bytes, size_t len, struct buf *out)
{
	size_t room = len < LOG_PIECE_MAX ? len : LOG_PIECE_MAX;
	const char *end = memchr(bytes, '\n', len < LOG_PIECE_MAX + 1 ? len : LOG_PIECE_MAX + 1);
	size_t text = end ? (size_t)(end - bytes) : room;

	buf_addf(out, "%s %s %c ", stamp, stream_name(stream), end ? 'F' : 'P');
	buf_add(out, bytes, text);
	buf_addc(out, '\n');
	return end ? text + 1 : text;
}

size_t log_format(int64_t wall_ns, enum log_stream stream, const char *bytes, size_t len,
	size_t room, struct buf *out)
{
	char stamp[CLOCK_TEXT_MAX];
	size_t taken = 0;

	clock_rfc3339_nano(wall_ns, stamp);
	while (taken < len && (taken == 0 || out->len < room))
		taken += format_one(stamp, stream, bytes + taken, len - taken, out);
	return taken;
}
