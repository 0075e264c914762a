/* Reading an answer: lines until the head is over, then the body in one of its three shapes.  Every
 * state takes at least one byte or changes the stage, so a feed ends.
 */
#include "probes/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	CHUNK_LINE_MAX = 4096,
	CHUNK_DIGITS_MAX = 15,
	EXCESS_MAX = 16 * 1024,
	CHUNK_FAIR_BYTES = 16
};

static const char in_head[] = "net/http: HTTP/1.x transport connection broken: ";

void http_answer_init(struct http_answer *a)
{
	*a = (struct http_answer){ .stage = HTTP_STATUS_LINE };
}

void http_answer_free(struct http_answer *a)
{
	buf_free(&a->line);
	buf_free(&a->header);
	buf_free(&a->body);
	free(a->location);
	a->location = NULL;
}

static void broken(struct http_answer *a, const char *what, const char *shown, size_t len)
{
	CLEANUP(buf_free) struct buf quoted = { 0 };

	if (shown)
		url_quote(&quoted, shown, len);
	(void)snprintf(a->reason, sizeof(a->reason), "%s%s%s%s", a->has_head ? "" : in_head, what,
		shown ? " " : "", shown ? quoted.data : "");
	a->stage = HTTP_BROKEN;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the words after the number are of no interest. */
static void status_line(struct http_answer *a, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len), *code;
	size_t digits = 0;

	if (!space) {
		broken(a, "malformed HTTP response", line, len);
		return;
	}
	code = space + strspn(space, " ");
	while (code + digits < line + len && code[digits] != ' ')
		digits++;
	if (digits != 3 || !is_digit(code[0]) || !is_digit(code[1]) || !is_digit(code[2])) {
		broken(a, "malformed HTTP status code", code, digits);
		return;
	}
	if (space - line != 8 || memcmp(line, "HTTP/", 5) != 0 || !is_digit(line[5]) ||
		line[6] != '.' || !is_digit(line[7])) {
		broken(a, "malformed HTTP version", line, (size_t)(space - line));
		return;
	}
	a->is_http_1_0 = line[5] < '1' || (line[5] == '1' && line[7] == '0');
	a->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + code[2] - '0';
	a->stage = HTTP_HEADERS;
}

static void content_length(struct http_answer *a, const char *value)
{
	int64_t length = 0;
	bool is_bad = !is_digit(value[0]) || str_to_i64(value, 0, INT64_MAX, &length) < 0;

	/* Judged at the end of the head: chunks, or a status without a body, make it meaningless.
	 */
	a->has_bad_length = a->has_bad_length || is_bad || (a->has_length && a->length != length);
	a->has_length = true;
	a->length = length;
}

static void transfer_encoding(struct http_answer *a, const char *value)
{
	a->has_odd_coding = a->has_odd_coding || a->is_chunked || strcasecmp(value, "chunked") != 0;
	a->is_chunked = true;
}

/* A whole header, folded lines joined. */
static void take_header(struct http_answer *a)
{
	CLEANUP(cleanup_free) char *text = buf_take(&a->header);
	char *colon = strchr(text, ':'), *value, *end;

	if (!*text)
		return;
	if (!colon || colon == text || strcspn(text, " \t") < (size_t)(colon - text)) {
		broken(a, "malformed MIME header line:", text, strlen(text));
		return;
	}
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	if (strcasecmp(text, "Content-Length") == 0)
		content_length(a, value);
	else if (strcasecmp(text, "Transfer-Encoding") == 0)
		transfer_encoding(a, value);
	else if (strcasecmp(text, "Location") == 0 && !a->location)
		a->location = str_dup(value);
}

/* The answer after an informational one begins from nothing, but for what was read so far. */
static void next_answer(struct http_answer *a)
{
	size_t head_bytes = a->head_bytes;

	http_answer_free(a);
	http_answer_init(a);
	a->head_bytes = head_bytes;
}

static void head_end(struct http_answer *a)
{
	bool has_body = a->status >= 200 && a->status != 204 && a->status != 304;

	if (a->status >= 100 && a->status < 200 && a->status != 101) {
		next_answer(a);
		return;
	}
	if (a->is_http_1_0) /* knows no codings */
		a->is_chunked = a->has_odd_coding = false;
	if (a->has_odd_coding) {
		broken(a, "unsupported transfer encoding", NULL, 0);
	} else if (a->has_bad_length && !a->is_chunked) {
		broken(a, "bad or contradictory Content-Length", NULL, 0);
	} else if (!has_body || (a->has_length && !a->is_chunked && a->length == 0)) {
		a->stage = HTTP_COMPLETE;
	} else if (a->is_chunked) {
		a->stage = HTTP_CHUNK_SIZE;
	} else if (a->has_length) {
		a->stage = HTTP_BODY_COUNTED;
		a->left = a->length;
	} else {
		a->stage = HTTP_BODY_TO_EOF;
	}
	a->has_head = a->stage != HTTP_BROKEN;
}

static void header_line(struct http_answer *a, const char *line, size_t len)
{
	if (memchr(line, '\0', len)) {
		broken(a, "malformed MIME header line:", line, len);
		return;
	}
	if (len && (line[0] == ' ' || line[0] == '\t')) {
		size_t skip = strspn(line, " \t");

		if (!a->header.len) {
			broken(a, "malformed MIME header initial line:", line, len);
			return;
		}
		buf_addc(&a->header, ' ');
		buf_add(&a->header, line + skip, len - skip);
		return;
	}
	take_header(a);
	if (a->stage == HTTP_BROKEN)
		return;
	if (len)
		buf_add(&a->header, line, len);
	else
		head_end(a);
}

/* 16 for what is no hexadecimal digit. */
static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static void chunk_line(struct http_answer *a, const char *line, size_t len)
{
	size_t digits = 0, fair;

	a->left = 0;
	for (; digits < len && digits < CHUNK_DIGITS_MAX && hex_digit(line[digits]) < 16; digits++)
		a->left = a->left * 16 + hex_digit(line[digits]);
	if (digits == CHUNK_DIGITS_MAX) {
		broken(a, "http chunk length too large", NULL, 0);
		return;
	}
	if (!digits || (digits < len && !strchr("; \t", line[digits]))) {
		broken(a, "invalid byte in chunk length", NULL, 0);
		return;
	}
	/* Lines that are long for what they announce would make us read for ever: some are let
	 * pass. */
	fair = CHUNK_FAIR_BYTES + (a->left < EXCESS_MAX ? 2 * (size_t)a->left : EXCESS_MAX);
	a->excess_bytes += len + 2;
	a->excess_bytes -= a->excess_bytes < fair ? a->excess_bytes : fair;
	if (a->excess_bytes > EXCESS_MAX)
		broken(a, "chunked encoding contains too much non-data", NULL, 0);
	else
		a->stage = a->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
}

static void take_line(struct http_answer *a, const char *line, size_t len)
{
	switch (a->stage) {
	case HTTP_STATUS_LINE:
		status_line(a, line, len);
		break;
	case HTTP_HEADERS:
		header_line(a, line, len);
		break;
	case HTTP_CHUNK_SIZE:
		chunk_line(a, line, len);
		break;
	case HTTP_CHUNK_END:
		if (len)
			broken(a, "malformed chunked encoding", NULL, 0);
		else
			a->stage = HTTP_CHUNK_SIZE;
		break;
	case HTTP_TRAILER:
		if (!len)
			a->stage = HTTP_COMPLETE;
		break;
	case HTTP_BODY_COUNTED:
	case HTTP_BODY_TO_EOF:
	case HTTP_CHUNK_DATA:
	case HTTP_COMPLETE:
	case HTTP_BROKEN:
		break;
	}
}

static bool is_in_chunk_line(const struct http_answer *a)
{
	return a->stage == HTTP_CHUNK_SIZE || a->stage == HTTP_CHUNK_END;
}

/* Bytes up to and with the end of line, at most len. */
static size_t feed_line(struct http_answer *a, const char *bytes, size_t len)
{
	const char *newline = memchr(bytes, '\n', len);
	size_t used = newline ? (size_t)(newline - bytes) + 1 : len;
	size_t max =
		is_in_chunk_line(a) ? CHUNK_LINE_MAX - a->line.len : HTTP_HEAD_MAX - a->head_bytes;
	char *line;

	if (used > max) {
		if (is_in_chunk_line(a))
			broken(a, "header line too long", NULL, 0);
		else
			(void)snprintf(a->reason, sizeof(a->reason),
				"net/http: server response headers exceeded %d bytes; aborted",
				HTTP_HEAD_MAX);
		a->stage = HTTP_BROKEN;
		return len;
	}
	if (!is_in_chunk_line(a))
		a->head_bytes += used;
	buf_add(&a->line, bytes, used);
	if (!newline)
		return used;
	a->line.len--;
	if (a->line.len && a->line.data[a->line.len - 1] == '\r')
		a->line.len--;
	/* Taken out of the answer: what a line means may begin the answer anew. */
	len = a->line.len;
	line = buf_take(&a->line);
	line[len] = '\0';
	take_line(a, line, len);
	free(line);
	return used;
}

static size_t feed_body(struct http_answer *a, const char *bytes, size_t len)
{
	size_t room = HTTP_BODY_MAX - a->body.len, used = len < room ? len : room;

	if (a->stage != HTTP_BODY_TO_EOF && (uint64_t)used > (uint64_t)a->left)
		used = (size_t)a->left;
	buf_add(&a->body, bytes, used);
	if (a->stage != HTTP_BODY_TO_EOF)
		a->left -= (int64_t)used;
	if (a->body.len == HTTP_BODY_MAX || (a->stage == HTTP_BODY_COUNTED && !a->left))
		a->stage = HTTP_COMPLETE;
	else if (a->stage == HTTP_CHUNK_DATA && !a->left)
		a->stage = HTTP_CHUNK_END;
	return used;
}

enum http_stage http_feed(struct http_answer *a, const char *bytes, size_t len)
{
	while (len && a->stage < HTTP_COMPLETE) {
		bool is_body = a->stage == HTTP_BODY_COUNTED || a->stage == HTTP_BODY_TO_EOF ||
			       a->stage == HTTP_CHUNK_DATA;
		size_t used = is_body ? feed_body(a, bytes, len) : feed_line(a, bytes, len);

		bytes += used;
		len -= used;
	}
	return a->stage;
}

enum http_stage http_end(struct http_answer *a)
{
	if (a->stage >= HTTP_COMPLETE)
		return a->stage;
	if (a->stage == HTTP_BODY_TO_EOF) {
		a->stage = HTTP_COMPLETE;
	} else if (!a->head_bytes) {
		(void)snprintf(a->reason, sizeof(a->reason), "EOF");
		a->stage = HTTP_BROKEN;
	} else {
		broken(a, "unexpected EOF", NULL, 0);
	}
	return a->stage;
}

bool http_is_redirect(const struct http_answer *a)
{
	bool is_followed =
		(a->status >= 301 && a->status <= 303) || a->status == 307 || a->status == 308;

	return is_followed && a->location && *a->location;
}
