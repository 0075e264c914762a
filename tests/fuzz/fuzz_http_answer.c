/* Answers to HTTP probes: hostile bytes from the workload. Beyond not crashing, what an answer
 * means must not depend on how the network cuts it, nothing may grow past its bound, and a Location
 * may lead only to a URL that a request can be written for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "probes/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void check_bounds(const struct http_answer *a)
{
	require(a->body.len <= HTTP_BODY_MAX);
	require(a->line.len <= HTTP_HEAD_MAX && a->header.len <= HTTP_HEAD_MAX);
	require(a->head_bytes <= HTTP_HEAD_MAX);
	require((a->stage == HTTP_BROKEN) == (a->reason[0] != '\0'));
	require(a->left >= 0);
}

/* Pieces as long as the input's own bytes say. */
static void feed_in_pieces(struct http_answer *a, const char *bytes, size_t size)
{
	for (size_t at = 0, i = 0; at < size; i++) {
		size_t len = (unsigned char)bytes[i % size] % 61 + 1;

		len = len < size - at ? len : size - at;
		(void)http_feed(a, bytes + at, len);
		check_bounds(a);
		at += len;
	}
}

static void follow(const char *location)
{
	CLEANUP(url_free) struct url base = { 0 }, to = { 0 };
	CLEANUP(buf_free) struct buf request = { 0 }, quoted = { 0 };
	CLEANUP(cleanup_free) char *text = NULL, *host = NULL;
	struct err e = { 0 };

	url_for_probe("10.0.0.5", 80, location, &base);
	url_quote(&quoted, location, strlen(location));
	require(!memchr(quoted.data, '\n', quoted.len));
	if (url_resolve(&base, location, &to, &e) < 0) {
		require(e.text[0] != '\0');
		return;
	}
	text = url_text(&to);
	host = url_hostname(&to);
	require(host);
	require(url_port(&to) <= UINT16_MAX);
	if (!to.host)
		return;
	require(http_request_text(
			&(struct http_request){ .url = &to, .referer = text }, &request, &e) == 0);
	/* One request, whatever the location says: the empty line is its last. */
	require(strstr(request.data, "\r\n\r\n") == request.data + request.len - 4);
	require(strchr(request.data, '\n') == strstr(request.data, " HTTP/1.1\r\n") + 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct http_answer whole, pieces;

	http_answer_init(&whole);
	http_answer_init(&pieces);
	(void)http_feed(&whole, bytes, size);
	check_bounds(&whole);
	feed_in_pieces(&pieces, bytes, size);
	require(whole.stage == pieces.stage);
	require(http_end(&whole) == http_end(&pieces));
	require(whole.stage == HTTP_COMPLETE || whole.stage == HTTP_BROKEN);
	check_bounds(&whole);
	require(whole.status == pieces.status && str_eq(whole.reason, pieces.reason));
	require(whole.body.len == pieces.body.len && str_eq(whole.location, pieces.location));
	require(!whole.body.len || memcmp(whole.body.data, pieces.body.data, whole.body.len) == 0);
	if (whole.location)
		follow(whole.location);
	http_answer_free(&whole);
	http_answer_free(&pieces);
	return 0;
}
