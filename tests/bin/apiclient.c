/* Drives the socket's client half by hand, for tests.
 *
 * usage: apiclient SOCKET MODE ARGUMENTS
 *   request METHOD PATH [BODY|@FILE]   prints the answer; "status warnings" on standard error
 *   stream PATH       stdin and stdout; standard error has channels 2 and 3
 *   rounds N          N times a list, then a watch behind it
 *   nested            a request in the middle of a watch's event
 *   timeout PATH MS   a request that is given up
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/client.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

enum { CHUNK = 32 * 1024, QUEUE_HIGH = 256 * 1024 };

static int fail(const char *what, const struct err *e)
{
	fprintf(stderr, "apiclient: %s: %s\n", what, e->text);
	return 1;
}

/* ---- one request ---- */

static int run_request(struct api_client *c, char **args)
{
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	CLEANUP(buf_free) struct buf body = { 0 };
	struct api_request q = { .method = args[0], .path = args[1] };
	struct err e = { 0 };

	if (args[2] && args[2][0] == '@') {
		if (fd_read_file(AT_FDCWD, args[2] + 1, SIZE_MAX, &body, &e) < 0)
			return fail("body", &e);
	} else if (args[2]) {
		buf_adds(&body, args[2]);
	}
	if (args[2]) {
		q.body = body.data ? body.data : "";
		q.body_len = body.len;
		if (str_eq(q.method, "PATCH"))
			q.content_type = "application/merge-patch+json";
	}
	if (api_request(c, &q, &a, &e) < 0)
		return fail("request", &e);
	if (a.body.len > 0 && fd_write_all(STDOUT_FILENO, a.body.data, a.body.len) < 0)
		return 1;
	fprintf(stderr, "%d", a.status);
	for (size_t i = 0; i < a.warnings.len; i++)
		fprintf(stderr, " [%s]", a.warnings.at[i]);
	fputc('\n', stderr);
	return 0;
}

static int run_timeout(struct api_client *c, char **args)
{
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	struct api_request q = { .method = "GET", .path = args[0] };
	struct err e = { 0 };
	int rc;

	if (str_to_i64(args[1], 1, 60000, &q.timeout_ms) < 0)
		return 2;
	rc = api_request(c, &q, &a, &e);
	fprintf(stderr, "%s\n", rc == -ETIMEDOUT ? "timed out" : e.text);
	/* The connection goes on. */
	q = (struct api_request){ .method = "GET", .path = "/healthz" };
	if (api_request(c, &q, &a, &e) < 0)
		return fail("afterwards", &e);
	return a.status == 200 && rc == -ETIMEDOUT ? 0 : 1;
}

/* ---- streams ---- */

static void on_output(void *arg, int channel, const char *bytes, size_t len)
{
	(void)arg;
	(void)fd_write_all(channel == 1 ? STDOUT_FILENO : STDERR_FILENO, bytes, len);
}

/* 1 when the stream has ended. */
static int turn(struct api_stream *s, bool *has_stdin, struct err *e)
{
	char bytes[CHUNK];
	struct pollfd p[] = {
		{ .fd = api_stream_fd(s), .events = POLLIN },
		{ .fd = *has_stdin && api_stream_queued(s) < QUEUE_HIGH ? STDIN_FILENO : -1,
			.events = POLLIN },
	};
	ssize_t n;

	if (api_stream_wants_write(s))
		p[0].events |= POLLOUT;
	if (poll(p, ARRAY_LEN(p), -1) < 0)
		return err_set(e, errno, "poll");
	if (p[1].revents) {
		n = read(STDIN_FILENO, bytes, sizeof(bytes));
		if (n > 0)
			api_stream_send(s, 0, bytes, (size_t)n);
		if (n <= 0) {
			*has_stdin = false;
			api_stream_close_channel(s, 0);
		}
	}
	return api_stream_step(s, e);
}

static int run_stream(struct api_client *c, char **args)
{
	static const char size[] = "{\"Width\":100,\"Height\":30}";
	const struct api_stream_peer peer = { .output = on_output };
	CLEANUP(api_answer_free) struct api_answer refusal = { 0 };
	bool has_stdin = strstr(args[0], "stdin=true") != NULL;
	struct api_stream *s = NULL;
	struct err e = { 0 };
	int rc = api_stream_open(c, args[0], &peer, &s, &refusal, &e);

	if (rc < 0) {
		fprintf(stderr, "%d %s\n", refusal.status,
			refusal.body.data ? refusal.body.data : "");
		return fail("stream", &e);
	}
	if (strstr(args[0], "tty=true"))
		api_stream_send(s, 4, size, strlen(size));
	while (rc == 0)
		rc = turn(s, &has_stdin, &e);
	api_stream_free(s);
	return rc < 0 ? fail("stream", &e) : 0;
}

/* ---- rounds ---- */

static int enough(void *arg, const char *bytes, size_t len)
{
	(void)bytes;
	(void)len;
	++*(int *)arg;
	return 1;
}

static int round_trip(struct api_client *c, int *events, struct err *e)
{
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	struct api_request q = { .method = "GET", .path = "/api/v1/pods?limit=500" };
	int rc = api_request(c, &q, &a, e);

	if (rc < 0 || a.status != 200)
		return rc < 0 ? rc : err_say(e, EPROTO, "list answered %d", a.status);
	q.path = "/api/v1/pods?watch=1&resourceVersion=0";
	q.on_data = enough;
	q.arg = events;
	rc = api_request(c, &q, &a, e);
	return rc == -ECANCELED ? 0 : err_say(e, EPROTO, "the watch ended by itself");
}

static int run_rounds(struct api_client *c, char **args)
{
	struct err e = { 0 };
	int64_t rounds = 0;
	int events = 0;

	if (str_to_i64(args[0], 1, 1000000, &rounds) < 0)
		return 2;
	for (int64_t i = 0; i < rounds; i++) {
		if (round_trip(c, &events, &e) < 0)
			return fail("round", &e);
	}
	printf("%d\n", events);
	return 0;
}

/* ---- a request within a watch ---- */

static int ask_within(void *arg, const char *bytes, size_t len)
{
	struct api_client *c = arg;
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	const struct api_request q = { .method = "GET", .path = "/version" };
	struct err e = { 0 };

	if (api_request(c, &q, &a, &e) == 0)
		printf("%d while told %.*s", a.status, (int)len, bytes);
	return 1;
}

static int run_nested(struct api_client *c, char **args)
{
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	const struct api_request q = {
		.method = "GET",
		.path = "/api/v1/pods?watch=1",
		.on_data = ask_within,
		.arg = c,
	};
	struct err e = { 0 };

	(void)args;
	return api_request(c, &q, &a, &e) == -ECANCELED ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(struct api_client *c, char **args);
	} modes[] = {
		{ "request", 2, run_request }, /* */
		{ "stream", 1, run_stream },   /* */
		{ "rounds", 1, run_rounds },   /* */
		{ "nested", 0, run_nested },   /* */
		{ "timeout", 2, run_timeout }, /* */
	};
	struct api_client *c = NULL;
	struct err e = { 0 };
	int code = 2;

	if (argc < 3)
		return 2;
	if (api_client_open(argv[1], &c, &e) < 0)
		return fail("open", &e);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (str_eq(modes[i].name, argv[2]) && argc - 3 >= modes[i].args)
			code = modes[i].run(c, argv + 3);
	}
	api_client_close(c);
	return code;
}
