/* The reader of log files on any bytes: it must end, and however it is asked, what it gives is a
 * part of the same whole.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "log/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUERY_BYTES = 4, CALLS_MAX = 1 << 20 };

/* Takes nothing: the file stays open for the next query. */
static void read_all(int fd, const struct log_query *q, size_t max, struct buf *out)
{
	struct log_reader *r = NULL;
	struct err e;
	int rc = 1, own = dup(fd);

	if (own < 0 || log_reader_open(own, q, &r, &e) < 0)
		abort();
	for (int calls = 0; rc > 0; calls++) {
		rc = log_reader_read(r, max, out, &e);
		if (calls > CALLS_MAX)
			abort();
	}
	if (rc < 0 && (rc != -ENODATA || q->limit_bytes < 0))
		abort();
	log_reader_free(r);
}

static bool is_head(const struct buf *part, const struct buf *whole)
{
	return part->len <= whole->len &&
	       (!part->len || memcmp(part->data, whole->data, part->len) == 0);
}

static bool is_tail(const struct buf *part, const struct buf *whole)
{
	return part->len <= whole->len &&
	       (!part->len ||
		       memcmp(part->data, whole->data + whole->len - part->len, part->len) == 0);
}

static int64_t lines_of(const struct buf *text)
{
	int64_t n = text->len && text->data[text->len - 1] != '\n';

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	return n;
}

static void check(int fd, const uint8_t *query)
{
	struct log_query q = { .tail_lines = -1, .limit_bytes = -1, .timestamps = query[0] & 1 };
	CLEANUP(buf_free) struct buf whole = { 0 };
	CLEANUP(buf_free) struct buf steps = { 0 };
	CLEANUP(buf_free) struct buf tail = { 0 };
	CLEANUP(buf_free) struct buf limited = { 0 };
	CLEANUP(buf_free) struct buf message = { 0 };

	if (query[0] & 2) /* any second of November 2026 */
		q.since_wall_ns =
			INT64_C(1793491200000000000) + query[3] * INT64_C(10164705882352941);
	read_all(fd, &q, 1 << 20, &whole);
	read_all(fd, &q, 1U + query[1], &steps);
	if (whole.len != steps.len || !is_head(&steps, &whole))
		abort();
	q.limit_bytes = query[2];
	read_all(fd, &q, 1U + query[1], &limited);
	if (limited.len > query[2] || !is_head(&limited, &whole))
		abort();

	q = (struct log_query){ .tail_lines = query[3], .limit_bytes = -1 };
	buf_clear(&whole);
	read_all(fd, &(struct log_query){ .tail_lines = -1, .limit_bytes = -1 }, 4096, &whole);
	read_all(fd, &q, 4096, &tail);
	if (!is_tail(&tail, &whole) || lines_of(&tail) > query[3])
		abort();
	if (log_tail_message(fd, &message, NULL) < 0 || !is_tail(&message, &whole) ||
		message.len > 2048 || lines_of(&message) > 80)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cleanup_fd) int fd = memfd_create("log", MFD_CLOEXEC);

	if (size < QUERY_BYTES)
		return 0;
	if (fd < 0 || fd_write_all(fd, data + QUERY_BYTES, size - QUERY_BYTES) < 0)
		abort();
	check(fd, data);
	return 0;
}
