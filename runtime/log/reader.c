/* Forwards the file is read in blocks from `at`, whole records only.  For the last lines it is
 * first searched backwards, a block at a time, record by record: a line ends where an F record
 * ends, so the wanted beginning is the end of the F record that is one too many.
 *
 * No call does more than about SCAN_MAX bytes of either, however large the file and however little
 * of it is asked for: carpeld has other clients.  The block is on the stack, so that an idle
 * follower costs no memory.
 *
 * What is no record (the rest of a damaged file) is skipped.
 */
#include "log/reader.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "log/format.h"

enum {
	HEAD_MAX = 64,                             /* up to the text */
	RECORD_MAX = HEAD_MAX + LOG_PIECE_MAX + 1, /* the newline included */
	BLOCK = 64 * 1024,
	SCAN_MAX = 1 << 20,
	STAMP_MIN = 20,
	STAMP_MAX = 35,
	MESSAGE_LINES = 80,
	MESSAGE_BYTES = 2048,
	/* Each record has at least a byte of text or a newline. */
	MESSAGE_WINDOW = MESSAGE_BYTES * (HEAD_MAX + 2) + RECORD_MAX,
};

static_assert(BLOCK > RECORD_MAX, "a block holds a record");

struct log_reader {
	int fd;
	struct log_query q;
	off_t at;           /* next to be read forwards */
	off_t seek_at;      /* searching: from here on every newline was seen */
	off_t seek_first;   /* searching: where the first of the counted records begins, -1: none */
	int64_t lines_left; /* that the search may still pass */
	int64_t bytes_left; /* of limit_bytes, unused when that is -1 */
	bool is_seeking;    /* backwards, for the beginning */
	bool is_seen;       /* the search has met a record */
	bool is_line_start; /* the next record gets a timestamp */
	bool is_skipping;   /* up to the next newline: inside of what is no record */
};

struct record {
	const char *stamp, *text;
	size_t stamp_len, text_len;
	bool is_full; /* F: a newline follows */
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- one record ---- */

static bool is_stamp(const char *p, size_t len)
{
	return len >= STAMP_MIN && len <= STAMP_MAX && p[4] == '-' && p[7] == '-' && p[10] == 'T' &&
	       p[13] == ':' && p[16] == ':';
}

/* line: without its newline, or only the head of it.  Tags are separated by ':', the first one is P
 * or F. */
static bool parse(const char *line, size_t len, struct record *out)
{
	const char *space = memchr(line, ' ', len < HEAD_MAX ? len : HEAD_MAX), *tags;
	size_t left;

	if (!space || !is_stamp(line, (size_t)(space - line)))
		return false;
	left = len - (size_t)(space + 1 - line);
	if (left < sizeof("stdout F") - 1 ||
		(memcmp(space + 1, "stdout ", sizeof("stdout")) != 0 &&
			memcmp(space + 1, "stderr ", sizeof("stderr")) != 0))
		return false;
	tags = space + sizeof(" stdout");
	if (tags[0] != 'F' && tags[0] != 'P')
		return false;
	*out = (struct record){ .stamp = line, .stamp_len = (size_t)(space - line) };
	out->is_full = tags[0] == 'F';
	left = len - (size_t)(tags - line);
	if (left > 1 && tags[1] != ' ' && tags[1] != ':')
		return false;
	space = memchr(tags, ' ', left);
	out->text = space ? space + 1 : line + len;
	out->text_len = len - (size_t)(out->text - line);
	return true;
}

static bool is_since(const struct log_reader *r, const struct record *rec)
{
	char stamp[STAMP_MAX + 1];
	int64_t wall_ns;

	if (!r->q.since_wall_ns)
		return true;
	memcpy(stamp, rec->stamp, rec->stamp_len);
	stamp[rec->stamp_len] = '\0';
	return clock_parse_rfc3339(stamp, &wall_ns) == 0 && wall_ns >= r->q.since_wall_ns;
}

/* Cuts at limit_bytes, as Kubernetes does, wherever that falls. */
static void put(struct log_reader *r, const char *bytes, size_t len, struct buf *out)
{
	if (r->q.limit_bytes >= 0) {
		if ((int64_t)len > r->bytes_left)
			len = (size_t)r->bytes_left;
		r->bytes_left -= (int64_t)len;
	}
	buf_add(out, bytes, len);
}

static void take_line(struct log_reader *r, const char *line, size_t len, struct buf *out)
{
	struct record rec;

	if (!parse(line, len, &rec))
		return;
	if (is_since(r, &rec)) {
		if (r->q.timestamps && r->is_line_start) {
			put(r, rec.stamp, rec.stamp_len, out);
			put(r, " ", 1, out);
		}
		put(r, rec.text, rec.text_len, out);
		if (rec.is_full)
			put(r, "\n", 1, out);
	}
	r->is_line_start = rec.is_full;
}

static bool is_used_up(const struct log_reader *r)
{
	return r->q.limit_bytes >= 0 && r->bytes_left <= 0;
}

/* ---- backwards ---- */

static ssize_t read_at(const struct log_reader *r, char *block, size_t len, off_t at, struct err *e)
{
	ssize_t n;

	do
		n = pread(r->fd, block, len, at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_set(e, errno, "read the log") : n;
}

static void found(struct log_reader *r, off_t at)
{
	r->at = at;
	r->is_seeking = false;
}

/* The record before the counted ones; head: its first bytes, perhaps all. A last line that no F
 * closes is a line too. */
static void count_record(struct log_reader *r, off_t start, const char *head, size_t len)
{
	const char *newline = memchr(head, '\n', len);
	struct record rec;

	if (parse(head, newline ? (size_t)(newline - head) : len, &rec) &&
		(rec.is_full || !r->is_seen)) {
		r->is_seen = true;
		if (r->lines_left == 0) {
			found(r, r->seek_first);
			return;
		}
		r->lines_left--;
	}
	r->seek_first = start;
}

/* A record begins behind each newline, but for the last one: behind that is what is not whole yet.
 */
static void count_block(struct log_reader *r, const char *block, size_t len, off_t from)
{
	const char *newline;

	for (size_t end = (size_t)(r->seek_at - from); r->is_seeking;
		end = (size_t)(newline - block)) {
		off_t start;

		newline = end ? memrchr(block, '\n', end) : NULL;
		if (!newline)
			return;
		start = from + (newline + 1 - block);
		if (r->seek_first < 0)
			r->seek_first = start;
		else
			count_record(r, start, newline + 1,
				smaller(len - (size_t)(newline + 1 - block), HEAD_MAX));
	}
}

/* Returns the bytes looked at. */
static ssize_t seek_block(struct log_reader *r, struct err *e)
{
	off_t from = r->seek_at > BLOCK - HEAD_MAX ? r->seek_at - (BLOCK - HEAD_MAX) : 0;
	size_t want = (size_t)(r->seek_at - from) + HEAD_MAX;
	char block[BLOCK];
	ssize_t n = read_at(r, block, want, from, e);

	if (n < 0)
		return n;
	if (n < r->seek_at - from) { /* somebody cut the file meanwhile */
		found(r, 0);
		return 1;
	}
	count_block(r, block, (size_t)n, from);
	if (r->is_seeking && from == 0) {
		if (r->seek_first > 0)
			count_record(r, 0, block, smaller((size_t)n, HEAD_MAX));
		if (r->is_seeking)
			found(r, 0);
	}
	r->seek_at = from;
	return (ssize_t)want;
}

/* ---- forwards ---- */

/* Returns the bytes that were done with, 0 at the present end. */
static ssize_t read_block(struct log_reader *r, size_t max, struct buf *out, struct err *e)
{
	size_t want = max < BLOCK - RECORD_MAX ? max + RECORD_MAX : BLOCK, done = 0;
	size_t stop = out->len + max;
	char block[BLOCK];
	ssize_t n = read_at(r, block, want, r->at, e);

	if (n <= 0)
		return n;
	while (out->len < stop && !is_used_up(r)) {
		const char *line = block + done, *newline = memchr(line, '\n', (size_t)n - done);

		if (!newline)
			break;
		if (!r->is_skipping && newline - line < RECORD_MAX)
			take_line(r, line, (size_t)(newline - line), out);
		r->is_skipping = false;
		done = (size_t)(newline + 1 - block);
	}
	if (done == 0 && (r->is_skipping || (size_t)n >= RECORD_MAX)) {
		r->is_skipping = true;
		done = (size_t)n;
	}
	r->at += (off_t)done;
	return (ssize_t)done;
}

/* ---- the public half ---- */

int log_reader_open(int fd, const struct log_query *q, struct log_reader **out, struct err *e)
{
	struct log_reader *r;
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st) < 0)
		rc = err_set(e, errno, "read the log");
	else if (!S_ISREG(st.st_mode))
		rc = err_say(e, EINVAL, "read the log: not a regular file");
	if (rc < 0) {
		close(fd);
		return rc;
	}
	r = mem_zalloc(sizeof(*r));
	r->fd = fd;
	r->q = *q;
	r->bytes_left = q->limit_bytes;
	r->lines_left = q->tail_lines;
	r->is_seeking = q->tail_lines >= 0;
	r->seek_at = st.st_size;
	r->seek_first = -1;
	r->is_line_start = true;
	*out = r;
	return 0;
}

int log_reader_read(struct log_reader *r, size_t max, struct buf *out, struct err *e)
{
	size_t stop = out->len + max;

	if (is_used_up(r))
		return -ENODATA;
	for (size_t scanned = 0; scanned < SCAN_MAX && out->len < stop && !is_used_up(r);) {
		ssize_t n =
			r->is_seeking ? seek_block(r, e) : read_block(r, stop - out->len, out, e);

		if (n <= 0)
			return (int)n;
		scanned += (size_t)n;
	}
	return 1;
}

int log_reader_fd(const struct log_reader *r)
{
	return r->fd;
}

void log_reader_go_on(struct log_reader *r, int fd)
{
	close(r->fd);
	r->fd = fd;
	r->at = 0;
	r->is_skipping = false;
}

void log_reader_free(struct log_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r);
}

static void keep_last_lines(struct buf *text, size_t lines)
{
	size_t at = text->len;

	if (at && text->data[at - 1] == '\n')
		at--;
	for (; at > 0; at--)
		if (text->data[at - 1] == '\n' && --lines == 0)
			break;
	buf_drop(text, at);
}

int log_tail_message(int fd, struct buf *out, struct err *e)
{
	struct log_reader r = { .fd = fd, .q = { .tail_lines = -1, .limit_bytes = -1 } };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "read the log");
	if (st.st_size > MESSAGE_WINDOW) {
		r.at = st.st_size - MESSAGE_WINDOW;
		r.is_skipping = true; /* the rest of the record that begins before */
	}
	/* At most the window: a container may write on as fast as we read. */
	while ((rc = log_reader_read(&r, MESSAGE_WINDOW, &text, e)) > 0 &&
		text.len < MESSAGE_WINDOW)
		;
	if (rc < 0)
		return rc;
	keep_last_lines(&text, MESSAGE_LINES);
	if (text.len > MESSAGE_BYTES)
		buf_drop(&text, text.len - MESSAGE_BYTES);
	buf_add(out, text.data, text.len);
	return 0;
}
