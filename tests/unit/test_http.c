#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "probes/http.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* ---- requests ---- */

static int request(
	const char *path, struct probe_header *headers, size_t len, struct buf *out, struct err *e)
{
	CLEANUP(url_free) struct url u = { 0 };

	url_for_probe("10.0.0.5", 80, path, &u);
	return http_request_text(
		&(struct http_request){
			.url = &u, .headers = headers, .headers_len = len, .has_own_host = true },
		out, e);
}

static void test_plain_request(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(request("/healthz?x#f", NULL, 0, &out, NULL), 0);
	assert_string_equal(out.data,
		"GET /healthz?x HTTP/1.1\r\nHost: 10.0.0.5:80\r\nUser-Agent: kube-probe/1.37\r\n"
		"Accept: */*\r\nConnection: close\r\n\r\n");
}

#define HEADER(n, v)                                                                               \
	{                                                                                          \
		(char[]){ n }, (char[])                                                            \
		{                                                                                  \
			v                                                                          \
		}                                                                                  \
	}

static void test_custom_headers(void **state)
{
	struct probe_header headers[] = {
		HEADER("x-b", " 2 "),
		HEADER("X-A", "1"),
		HEADER("HOST", "web.example"),
		HEADER("X-B", "3"),
		HEADER("user-agent", "mine"),
		HEADER("accept", "text/plain"),
		HEADER("content-length", "5"),
		HEADER("aB-cD", ""),
	};
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(request("/", headers, ARRAY_LEN(headers), &out, NULL), 0);
	assert_string_equal(out.data, "GET / HTTP/1.1\r\nHost: web.example\r\nUser-Agent: "
				      "mine\r\nAb-Cd: \r\nAccept: text/plain\r\n"
				      "X-A: 1\r\nX-B: 2\r\nX-B: 3\r\nConnection: close\r\n\r\n");
}

static void test_headers_taken_away(void **state)
{
	struct probe_header headers[] = { HEADER("Accept", ""), HEADER("User-Agent", ""),
		HEADER("Connection", "Close") };
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(request("/", headers, ARRAY_LEN(headers), &out, NULL), 0);
	assert_string_equal(
		out.data, "GET / HTTP/1.1\r\nHost: 10.0.0.5:80\r\nConnection: Close\r\n\r\n");
}

/* No header ends the line that it stands on. */
static void test_bad_headers(void **state)
{
	struct probe_header newline[] = { HEADER("x-b", "1\r\nX-Evil: 2") },
			    name[] = { HEADER("X B", "1") }, control[] = { HEADER("X", "\x7f") };
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(request("/", newline, 1, &out, &e), -EINVAL);
	assert_string_equal(e.text, "net/http: invalid header field value for \"X-B\"");
	assert_int_equal(request("/", name, 1, &out, &e), -EINVAL);
	assert_int_equal(request("/", control, 1, &out, &e), -EINVAL);
	assert_int_equal(out.len, 0);
}

static void test_redirected_request(void **state)
{
	struct probe_header headers[] = { HEADER("Host", "web.example") };
	CLEANUP(url_free) struct url u = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	const struct http_request r = {
		.url = &u, .headers = headers, .headers_len = 1, .referer = "http://10.0.0.5:80/"
	};

	(void)state;
	url_for_probe("10.0.0.5", 81, "/x", &u);
	assert_int_equal(http_request_text(&r, &out, NULL), 0);
	assert_string_equal(out.data, "GET /x HTTP/1.1\r\nHost: 10.0.0.5:81\r\nUser-Agent: "
				      "kube-probe/1.37\r\nAccept: */*\r\n"
				      "Referer: http://10.0.0.5:80/\r\nConnection: close\r\n\r\n");
}

static void test_own_referer_stays(void **state)
{
	struct probe_header headers[] = { HEADER("referer", "mine") };
	CLEANUP(url_free) struct url u = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	const struct http_request r = {
		.url = &u, .headers = headers, .headers_len = 1, .referer = "http://10.0.0.5:80/"
	};

	(void)state;
	url_for_probe("10.0.0.5", 80, "/", &u);
	assert_int_equal(http_request_text(&r, &out, NULL), 0);
	assert_non_null(strstr(out.data, "\r\nReferer: mine\r\nConnection"));
	assert_null(strstr(out.data, "10.0.0.5:80/"));
}

/* ---- answers ---- */

struct answer_case {
	const char *bytes;
	int status;
	const char *body;   /* NULL: broken */
	const char *reason; /* when broken */
	bool needs_end;     /* the peer has to close before it is complete */
};

#define HEAD_BROKEN "net/http: HTTP/1.x transport connection broken: "

static const struct answer_case answers[] = {
	{ OK "Content-Length: 5\r\n\r\nhello", 200, "hello", NULL, false },
	{ OK "Content-Length: 5\r\n\r\nhello, and more", 200, "hello", NULL, false },
	{ OK "content-length:5\n\nhello", 200, "hello", NULL,
		false }, /* bare newlines are let pass, as in Go */
	{ OK "Content-Length: 0\r\n\r\n", 200, "", NULL, false },
	{ OK "\r\nto the end", 200, "to the end", NULL, true },
	{ "HTTP/1.0 500 Oops\r\n\r\n", 500, "", NULL, true },
	{ "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n", 204, "", NULL, false },
	{ "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", NULL, false },
	{ "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, "x", NULL, false },
	{ "HTTP/1.1 042 Odd\r\n\r\n", 42, "", NULL, false },
	{ "HTTP/1.1 100 Go on\r\nX: y\r\n\r\nHTTP/1.1 103 Hint\r\nLocation: /no\r\n\r\n" OK
	  "Content-Length: 1\r\n\r\nx",
		200, "x", NULL, false },
	{ "HTTP/1.1 101 Switching\r\n\r\n", 101, "", NULL, false },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;ext=1\r\n, w\r\n0\r\nTrailer: "
	     "x\r\n\r\n",
		200, "hello, w", NULL, false },
	{ OK "Transfer-Encoding: Chunked\r\nContent-Length: "
	     "ninety\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
		200, "0123456789", NULL, false },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n", 200, "1\r\n", NULL, true },
	{ OK "X-Folded: a\r\n  b\r\nContent-Length: 1\r\n\r\nx", 200, "x", NULL, false },
	{ OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 200, "x", NULL, false },

	{ "", 0, NULL, "EOF", true },
	{ "HTTP/1.1 200 O", 0, NULL, HEAD_BROKEN "unexpected EOF", true },
	{ OK "Content-Le", 200, NULL, HEAD_BROKEN "unexpected EOF", true },
	{ "HTTP/1.1 100 Go on\r\n\r\n", 0, NULL, HEAD_BROKEN "unexpected EOF", true },
	{ OK "Content-Length: 5\r\n\r\nhel", 200, NULL, "unexpected EOF", true },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, NULL, "unexpected EOF",
		true },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", 200, NULL,
		"malformed chunked encoding", false },
	{ OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 200, NULL, "invalid byte in chunk length",
		false },
	{ OK "Transfer-Encoding: chunked\r\n\r\n\r\n", 200, NULL, "invalid byte in chunk length",
		false },
	{ OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 200, NULL, "invalid byte in chunk length",
		false },
	{ OK "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 200, NULL,
		"http chunk length too large", false },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", 200, NULL,
		HEAD_BROKEN "unsupported transfer encoding", false },
	{ OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 200, NULL,
		HEAD_BROKEN "unsupported transfer encoding", false },
	{ OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 200, NULL,
		HEAD_BROKEN "bad or contradictory Content-Length", false },
	{ OK "Content-Length: -1\r\n\r\n", 200, NULL,
		HEAD_BROKEN "bad or contradictory Content-Length", false },
	{ OK "Content-Length: 99999999999999999999\r\n\r\n", 200, NULL,
		HEAD_BROKEN "bad or contradictory Content-Length", false },
	{ "SSH-2.0-OpenSSH_9.2\r\n", 0, NULL,
		HEAD_BROKEN "malformed HTTP response \"SSH-2.0-OpenSSH_9.2\"", false },
	{ "HTTP/1.1 2x0 OK\r\n", 0, NULL, HEAD_BROKEN "malformed HTTP status code \"2x0\"", false },
	{ "HTTP/1.1 20 OK\r\n", 0, NULL, HEAD_BROKEN "malformed HTTP status code \"20\"", false },
	{ "HTTP/1.x 200 OK\r\n", 0, NULL, HEAD_BROKEN "malformed HTTP version \"HTTP/1.x\"",
		false },
	{ OK "no colon\r\n\r\n", 200, NULL, HEAD_BROKEN "malformed MIME header line: \"no colon\"",
		false },
	{ OK "Bad Name: x\r\n\r\n", 200, NULL,
		HEAD_BROKEN "malformed MIME header line: \"Bad Name: x\"", false },
	{ OK " folded first\r\n\r\n", 200, NULL,
		HEAD_BROKEN "malformed MIME header initial line: \" folded first\"", false },
};

static void check_answer(const struct answer_case *c, size_t step)
{
	size_t len = strlen(c->bytes);
	struct http_answer a;

	http_answer_init(&a);
	for (size_t at = 0; at < len; at += step)
		(void)http_feed(&a, c->bytes + at, len - at < step ? len - at : step);
	assert_int_equal(a.stage < HTTP_COMPLETE, c->needs_end);
	assert_int_equal(http_end(&a), c->body ? HTTP_COMPLETE : HTTP_BROKEN);
	assert_int_equal(a.status, c->status);
	assert_string_equal(a.reason, c->reason ? c->reason : "");
	if (c->body) {
		assert_int_equal(a.body.len, strlen(c->body));
		assert_memory_equal(a.body.data ? a.body.data : "", c->body, a.body.len);
	}
	http_answer_free(&a);
}

/* However the network cuts them, answers mean the same. */
static void test_answers(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		for (size_t s = 0; s < ARRAY_LEN(steps); s++)
			check_answer(&answers[i], steps[s]);
}

/* text, count times, into an answer that has just read head. Returns the stage afterwards. */
static enum http_stage flood(
	const char *head, const char *text, size_t count, struct http_answer *a)
{
	http_answer_init(a);
	(void)http_feed(a, head, strlen(head));
	for (size_t i = 0; i < count; i++)
		(void)http_feed(a, text, strlen(text));
	return a->stage;
}

static void test_floods_end(void **state)
{
	static const char too_much[] =
		"net/http: server response headers exceeded 16384 bytes; aborted";
	struct http_answer a;

	(void)state;
	assert_int_equal(flood(OK, "X-Y: z\r\n", 5000, &a), HTTP_BROKEN);
	assert_string_equal(a.reason, too_much);
	http_answer_free(&a);
	assert_int_equal(flood(OK "X: ", "never a newline ", 5000, &a), HTTP_BROKEN);
	assert_string_equal(a.reason, too_much);
	http_answer_free(&a);
	assert_int_equal(flood("", "HTTP/1.1 100 Continue\r\n\r\n", 5000, &a), HTTP_BROKEN);
	assert_string_equal(a.reason, too_much);
	http_answer_free(&a);
	assert_int_equal(flood(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "T: x\r\n", 5000, &a),
		HTTP_BROKEN);
	assert_string_equal(a.reason, too_much);
	http_answer_free(&a);
	assert_int_equal(flood(OK "Transfer-Encoding: chunked\r\n\r\n1", "; padding", 5000, &a),
		HTTP_BROKEN);
	assert_string_equal(a.reason, "header line too long");
	http_answer_free(&a);
	assert_int_equal(flood(OK "Transfer-Encoding: chunked\r\n\r\n",
				 "1;a lot of words for one byte of data, again\r\nx\r\n", 5000, &a),
		HTTP_BROKEN);
	assert_string_equal(a.reason, "chunked encoding contains too much non-data");
	http_answer_free(&a);
}

/* A longer body is cut without failing. */
static void test_body_is_cut(void **state)
{
	static const char *const heads[] = { OK "\r\n", OK "Content-Length: 99999999\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\nffffff\r\n" };
	struct http_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		assert_int_equal(flood(heads[i], "0123456789abcdef", 5000, &a), HTTP_COMPLETE);
		assert_int_equal(a.body.len, HTTP_BODY_MAX);
		http_answer_free(&a);
	}
}

static void test_nul_bytes(void **state)
{
	static const char in_header[] = OK "X: a\0b\r\n",
			  in_body[] = OK "Content-Length: 3\r\n\r\na\0b";
	struct http_answer a;

	(void)state;
	http_answer_init(&a);
	assert_int_equal(http_feed(&a, in_header, sizeof(in_header) - 1), HTTP_BROKEN);
	http_answer_free(&a);
	http_answer_init(&a);
	assert_int_equal(http_feed(&a, in_body, sizeof(in_body) - 1), HTTP_COMPLETE);
	assert_memory_equal(a.body.data, "a\0b", 3);
	http_answer_free(&a);
}

static void test_redirects(void **state)
{
	static const struct {
		const char *head;
		bool is_redirect;
	} cases[] = {
		{ "HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", true },
		{ "HTTP/1.1 302 Found\r\nlocation: /x\r\nLocation: /y\r\n\r\n", true },
		{ "HTTP/1.1 303 See\r\nLocation: /x\r\n\r\n", true },
		{ "HTTP/1.1 307 Moved\r\nLocation: /x\r\n\r\n", true },
		{ "HTTP/1.1 308 Moved\r\nLocation: /x\r\n\r\n", true },
		{ "HTTP/1.1 302 Found\r\n\r\n", false },
		{ "HTTP/1.1 302 Found\r\nLocation:\r\n\r\n", false },
		{ "HTTP/1.1 300 Choose\r\nLocation: /x\r\n\r\n", false },
		{ "HTTP/1.1 304 Same\r\nLocation: /x\r\n\r\n", false },
		{ "HTTP/1.1 201 Made\r\nLocation: /x\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_answer a;

		http_answer_init(&a);
		(void)http_feed(&a, cases[i].head, strlen(cases[i].head));
		assert_int_equal(http_is_redirect(&a), cases[i].is_redirect);
		if (a.location && *a.location)
			assert_string_equal(a.location, "/x"); /* the first counts */
		http_answer_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_request),
		cmocka_unit_test(test_custom_headers),
		cmocka_unit_test(test_headers_taken_away),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_redirected_request),
		cmocka_unit_test(test_own_referer_stays),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_floods_end),
		cmocka_unit_test(test_body_is_cut),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_redirects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
