/* Two readers of libarchive's, one behind the other: the first only decompresses ("raw"), the
 * second only takes the tar apart.  Between them the plain bytes come by, to be hashed and paid
 * for.
 */
#include "image/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { CHUNK = 128 * 1024 };

struct stream {
	int fd;
	struct budget *budget;
	struct archive *plain, *tar;
	struct sha256_ctx stored_hash, plain_hash;
	int64_t stored_bytes;
	struct err why; /* of a failure below libarchive's own */
	uint8_t stored[CHUNK], chunk[CHUNK];
};

static ssize_t read_stored(struct archive *a, void *context, const void **out)
{
	struct stream *s = context;
	ssize_t n;

	do
		n = read(s->fd, s->stored, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, err_set(&s->why, errno, "read"), "%s", s->why.text);
		return ARCHIVE_FATAL;
	}
	sha256_update(&s->stored_hash, (size_t)n, s->stored);
	s->stored_bytes += n;
	*out = s->stored;
	return n;
}

static ssize_t read_plain(struct archive *a, void *context, const void **out)
{
	struct stream *s = context;
	la_ssize_t n = archive_read_data(s->plain, s->chunk, CHUNK);

	if (n < 0)
		(void)err_say(&s->why, EBADMSG, "%s", archive_error_string(s->plain));
	else if (budget_take_bytes(s->budget, n, &s->why) < 0)
		n = ARCHIVE_FATAL;
	if (n < 0) {
		archive_set_error(a, s->why.code, "%s", s->why.text);
		return ARCHIVE_FATAL;
	}
	sha256_update(&s->plain_hash, (size_t)n, s->chunk);
	*out = s->chunk;
	return n;
}

static int failed(struct stream *s, struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);

	if (s->why.code)
		return err_say(e, s->why.code, "%s", s->why.text);
	return err_say(e, EBADMSG, "%s", text ? text : "not readable");
}

/* Each by name: the one call for all would add those that start a program. */
static int support_filters(struct archive *a)
{
	static int (*const add[])(struct archive *) = {
		archive_read_support_filter_gzip,
		archive_read_support_filter_bzip2,
		archive_read_support_filter_compress,
		archive_read_support_filter_xz,
		archive_read_support_filter_lzma,
		archive_read_support_filter_lzip,
		archive_read_support_filter_zstd,
		archive_read_support_filter_lz4,
	};

	for (size_t i = 0; i < ARRAY_LEN(add); i++)
		if (add[i](a) != ARCHIVE_OK) /* a warning: this, too, would start a program */
			return -ENOSYS;
	return 0;
}

static int open_readers(struct stream *s, struct err *e)
{
	struct archive_entry *whole;
	int rc;

	if (support_filters(s->plain) < 0)
		return err_say(e, ENOSYS, "libarchive lacks a decompressor");
	if (archive_read_support_format_raw(s->plain) != ARCHIVE_OK ||
		archive_read_support_format_empty(s->plain) != ARCHIVE_OK ||
		archive_read_open2(s->plain, s, NULL, read_stored, NULL, NULL) != ARCHIVE_OK)
		return failed(s, s->plain, e);
	rc = archive_read_next_header(s->plain, &whole);
	if (rc == ARCHIVE_EOF)
		return err_say(e, EBADMSG, "empty");
	if (rc != ARCHIVE_OK)
		return failed(s, s->plain, e);
	if (archive_read_support_format_tar(s->tar) != ARCHIVE_OK ||
		archive_read_open2(s->tar, s, NULL, read_plain, NULL, NULL) != ARCHIVE_OK)
		return failed(s, s->tar, e);
	return 0;
}

int stream_open(int fd, struct budget *budget, struct stream **out, struct err *e)
{
	CLEANUP(cleanup_stream) struct stream *s = mem_zalloc(sizeof(*s));
	int rc;

	s->fd = fd;
	s->budget = budget;
	sha256_init(&s->stored_hash);
	sha256_init(&s->plain_hash);
	s->plain = archive_read_new();
	s->tar = archive_read_new();
	if (!s->plain || !s->tar)
		return err_set(e, ENOMEM, "start libarchive");
	if ((rc = open_readers(s, e)) < 0)
		return rc;
	*out = TAKE(s);
	return 0;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	archive_read_free(s->tar); /* first: it reads from the other */
	archive_read_free(s->plain);
	free(s);
}

void cleanup_stream(struct stream **s)
{
	stream_close(*s);
	*s = NULL;
}

int stream_next(struct stream *s, struct archive_entry **out, struct err *e)
{
	int rc = archive_read_next_header(s->tar, out);

	if (rc == ARCHIVE_EOF)
		return 0;
	/* A warning is about a name that this locale cannot show, or an attribute that is lost; the
	 * entry is sound. */
	return rc == ARCHIVE_OK || rc == ARCHIVE_WARN ? 1 : failed(s, s->tar, e);
}

int stream_block(
	struct stream *s, const void **out, size_t *out_len, int64_t *out_offset, struct err *e)
{
	la_int64_t offset = 0;
	int rc = archive_read_data_block(s->tar, out, out_len, &offset);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK)
		return failed(s, s->tar, e);
	*out_offset = offset;
	return 1;
}

int stream_finish(struct stream *s, struct stream_digests *out, struct err *e)
{
	const void *bytes;
	ssize_t n;

	while ((n = read_plain(s->tar, s, &bytes)) > 0)
		; /* what follows the archive's end mark */
	if (n == 0)
		while ((n = read_stored(s->plain, s, &bytes)) > 0)
			; /* what follows the compressed stream */
	if (n < 0)
		return failed(s, s->tar, e);
	out->stored = digest_end(&s->stored_hash);
	out->plain = digest_end(&s->plain_hash);
	out->stored_bytes = s->stored_bytes;
	return 0;
}
