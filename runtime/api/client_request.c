#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/client_conn.h"
#include "base/clock.h"

/* One request and its answer.  What came is handed on when nghttp2 has returned, so a caller may
 * begin another request in the middle of a watch. */

enum { IDLE_MS = 100, LINES_MAX = 8 + API_LINES_MAX };

struct request_run {
	const struct api_request *q;
	size_t body_sent;
	int64_t idle_ms, deadline_ms; /* when they are due; deadline 0: never */
};

static ssize_t fill_body(struct exchange *x, uint8_t *room, size_t length, uint32_t *flags)
{
	struct request_run *run = x->arg;
	size_t left = run->q->body_len - run->body_sent;
	size_t n = left < length ? left : length;

	if (n > 0)
		memcpy(room, run->q->body + run->body_sent, n);
	run->body_sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* Failures are read as a whole, whoever wanted the bytes of a success. */
static int hand_on(struct exchange *x, const struct api_request *q)
{
	struct buf got = x->pending;
	int rc = 0;

	x->pending = (struct buf){ 0 }; /* q's callback may make a turn of its own */
	if (got.len > 0 && q->on_data && x->answer.status < 300)
		rc = q->on_data(q->arg, got.data, got.len);
	else if (got.len > 0)
		buf_add(&x->answer.body, got.data, got.len);
	buf_free(&got);
	return rc ? -ECANCELED : 0;
}

/* How long to wait; -1: until something comes. */
static int wait_ms(const struct request_run *run)
{
	int64_t now_ms = clock_now().boot_ms, left_ms = INT64_MAX;

	if (run->deadline_ms)
		left_ms = run->deadline_ms - now_ms;
	if (run->q->on_idle && run->idle_ms - now_ms < left_ms)
		left_ms = run->idle_ms - now_ms;
	if (left_ms == INT64_MAX)
		return -1;
	return left_ms < 0 ? 0 : left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
}

static int look_at_clock(struct request_run *run, struct err *e)
{
	int64_t now_ms = clock_now().boot_ms;

	if (run->deadline_ms && now_ms >= run->deadline_ms)
		return err_say(
			e, ETIMEDOUT, "no answer within %lld ms", (long long)run->q->timeout_ms);
	if (!run->q->on_idle || now_ms < run->idle_ms)
		return 0;
	run->idle_ms = now_ms + IDLE_MS;
	return run->q->on_idle(run->q->arg) ? -ECANCELED : 0;
}

static int wait_for_answer(
	struct api_client *c, struct exchange *x, struct request_run *run, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !x->is_over) {
		int lost_rc = client_turn(c, wait_ms(run), e);

		rc = hand_on(x, run->q);
		if (rc == 0)
			rc = lost_rc;
		if (rc == 0 && !x->is_over)
			rc = look_at_clock(run, e);
	}
	return rc < 0 ? rc : client_check(c, x, e);
}

static size_t write_lines(const struct api_request *q, char length[24], nghttp2_nv lines[LINES_MAX])
{
	size_t n = 0;

	assert(q->lines_len <= API_LINES_MAX);
	lines[n++] = client_line(":method", q->method);
	lines[n++] = client_line(":scheme", "http");
	lines[n++] = client_line(":authority", "localhost");
	lines[n++] = client_line(":path", q->path);
	lines[n++] = client_line("user-agent", "carpel/" CARPEL_VERSION);
	lines[n++] = client_line("accept", "application/json, */*");
	for (size_t i = 0; i < q->lines_len; i++)
		lines[n++] = client_line(q->lines[i].name, q->lines[i].value);
	if (!q->body)
		return n;
	snprintf(length, 24, "%zu", q->body_len);
	lines[n++] =
		client_line("content-type", q->content_type ? q->content_type : "application/json");
	lines[n++] = client_line("content-length", length);
	return n;
}

int api_request(
	struct api_client *c, const struct api_request *q, struct api_answer *out, struct err *e)
{
	int64_t now_ms = clock_now().boot_ms;
	struct request_run run = {
		.q = q,
		.idle_ms = now_ms + IDLE_MS,
		.deadline_ms = q->timeout_ms > 0 ? now_ms + q->timeout_ms : 0,
	};
	struct exchange x = { .arg = &run, .fill = q->body ? fill_body : NULL };
	nghttp2_nv lines[LINES_MAX];
	char length[24];
	int rc = client_begin(c, &x, lines, write_lines(q, length, lines), e);

	if (rc == 0)
		rc = wait_for_answer(c, &x, &run, e);
	if (rc == 0) {
		*out = x.answer;
		x.answer = (struct api_answer){ 0 };
	}
	client_end(c, &x);
	return rc;
}
