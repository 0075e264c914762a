#include "probes/attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

enum {
	NS_PER_MS = 1000000,
	GRACE_MS = 5000, /* on top of the timeout, for carpeld to answer at all */
	DRAIN_MS = 100,
	DRAIN_MAX = 64 * 1024,
	READ_SIZE = 8 * 1024,
	HTTP_PORT = 80,
};

static const char late_head[] =
	"context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
		  late_body[] = "context deadline exceeded (Client.Timeout or context cancellation "
				"while reading body)";

static int64_t now_ms(void)
{
	return clock_boot_ns() / NS_PER_MS;
}

static const struct url *url_of(const struct attempt *a)
{
	return a->redirects ? &a->hop : &a->target->url;
}

static const struct buf *request_of(const struct attempt *a)
{
	return a->redirects ? &a->request : &a->target->request;
}

/* ---- the end ---- */

static void close_socket(struct attempt *a)
{
	loop_io_stop(&a->io);
	if (a->sock >= 0)
		tcp_reset(take_fd(&a->sock));
}

static void attempt_free(struct attempt *a)
{
	timers_stop(a->host->timers, &a->deadline);
	close_socket(a);
	http_answer_free(&a->answer);
	buf_free(&a->request);
	url_free(&a->hop);
	target_drop(a->target);
	free(a);
}

static void report(
	struct attempt *a, bool is_success, bool is_warning, const char *output, size_t len)
{
	const struct attempt_result r = {
		.is_success = is_success,
		.is_warning = is_warning,
		.duration_ms = now_ms() - a->began_ms,
		.output = output ? output : "",
		.output_len = len,
	};

	a->host->done(a, &r);
	a->owner = NULL;
}

static void fail(struct attempt *a, const char *text)
{
	report(a, false, false, text, strlen(text));
	attempt_free(a);
}

/* A failure of the exchange, with the URL before it when there is one. */
static void fail_exchange(struct attempt *a, const char *reason)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (a->target->spec.handler == PROBE_HTTP) {
		CLEANUP(cleanup_free) char *url = url_text(url_of(a));

		buf_adds(&text, "Get ");
		url_quote(&text, url, strlen(url));
		buf_adds(&text, ": ");
	}
	buf_adds(&text, reason);
	fail(a, text.data);
}

static void fail_dial(struct attempt *a, const char *step, const char *reason)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	tcp_add_dial_error(&text, &a->to, step, reason);
	fail_exchange(a, text.data);
}

static void fail_connect(struct attempt *a, int code)
{
	CLEANUP(cleanup_free) char *reason = tcp_reason(code);

	fail_dial(a, "connect", reason);
}

/* A status that is bad in itself is not made better by a body that never ends, so it goes first. */
static void fail_answer(struct attempt *a, const char *reason)
{
	CLEANUP(cleanup_free) char *text = NULL;

	if (!a->answer.has_head) {
		fail_exchange(a, reason);
		return;
	}
	if (a->answer.status >= 200 && a->answer.status < 400)
		text = str_dup(reason);
	else
		text = str_fmt("HTTP probe failed with statuscode: %d", a->answer.status);
	fail(a, text);
}

static void fail_io(struct attempt *a, const char *verb, int code)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	tcp_add_io_error(&text, a->sock, &a->to, verb, code);
	fail_answer(a, text.data);
}

/* ---- draining ---- */

/* Whether the connection is over, one way or the other. */
static bool is_drained(struct attempt *a)
{
	char bytes[READ_SIZE];
	ssize_t n = recv(a->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		return (a->drained += (size_t)n) >= DRAIN_MAX;
	if (n == 0) { /* the peer has closed first: an ordinary end */
		loop_io_stop(&a->io);
		close(take_fd(&a->sock));
	}
	return true;
}

static void on_drain(struct loop_io *io, unsigned events)
{
	struct attempt *a = io->arg;

	(void)events;
	if (is_drained(a))
		attempt_free(a);
}

static void drain(struct attempt *a)
{
	a->stage = ATTEMPT_DRAINS;
	if (is_drained(a)) { /* most often: the end came right behind the answer */
		attempt_free(a);
		return;
	}
	http_answer_free(&a->answer);
	timers_set(a->host->timers, &a->deadline, now_ms() + DRAIN_MS);
	loop_io_start(a->host->loop, &a->io, a->sock, LOOP_READ, on_drain, a);
}

/* ---- the exchange ---- */

static void judge(struct attempt *a)
{
	const struct http_answer *answer = &a->answer;
	CLEANUP(buf_free) struct buf text = { 0 };
	bool is_success = answer->status >= 200 && answer->status < 400,
	     is_warning = is_success && answer->status >= 300;

	if (is_warning)
		buf_adds(&text, "Probe terminated redirects, Response body: ");
	if (is_success)
		buf_add(&text, answer->body.data, answer->body.len);
	else
		buf_addf(&text, "HTTP probe failed with statuscode: %d", answer->status);
	report(a, is_success, is_warning, text.data, text.len);
	drain(a);
}

static void ask_for_socket(struct attempt *a)
{
	a->stage = ATTEMPT_ASKS;
	a->host->want_socket(a, a->to.at.any.sa_family);
}

/* The Location that came, made the attempt's URL and request. */
static int take_hop(struct attempt *a, struct url *to, bool is_relative, struct err *e)
{
	CLEANUP(cleanup_free) char *referer = url_text(url_of(a));
	const struct probe_spec *p = &a->target->spec;
	int port = url_port(to);

	a->redirects++;
	url_free(&a->hop);
	a->hop = *to;
	*to = (struct url){ 0 };
	buf_clear(&a->request);
	if (!str_eq(a->hop.scheme, "http"))
		return err_say(
			e, EPROTONOSUPPORT, "unsupported protocol scheme \"%.32s\"", a->hop.scheme);
	if (port < 0)
		return err_say(e, EINVAL, "dial tcp: address %.64s: invalid port", a->hop.host);
	tcp_set_port(&a->to, port ? port : HTTP_PORT);
	return http_request_text(&(struct http_request){ .url = &a->hop,
					 .headers = p->headers,
					 .headers_len = p->headers_len,
					 .has_own_host = is_relative,
					 .referer = referer },
		&a->request, e);
}

static void fail_location(struct attempt *a, const char *reason)
{
	const char *location = a->answer.location;
	CLEANUP(buf_free) struct buf text = { 0 };

	buf_adds(&text, "failed to parse Location header ");
	url_quote(&text, location, strlen(location));
	buf_adds(&text, ": parse ");
	url_quote(&text, location, strlen(location));
	buf_addf(&text, ": %s", reason);
	fail_exchange(a, text.data);
}

static void fail_too_many(struct attempt *a)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	buf_adds(&text, "Get ");
	url_quote(&text, a->answer.location, strlen(a->answer.location));
	buf_adds(&text, ": stopped after 10 redirects");
	fail(a, text.data);
}

static bool is_relative(const char *location)
{
	CLEANUP(url_free) struct url u = { 0 };

	return url_parse(location, &u, NULL) == 0 && !u.scheme;
}

/* Followed while the host's name stays the first one's: then, or when it cannot be, true. An answer
 * that leads elsewhere is judged itself. */
static bool redirect(struct attempt *a)
{
	CLEANUP(url_free) struct url to = { 0 };
	CLEANUP(cleanup_free) char *host = NULL, *first = url_hostname(&a->target->url);
	struct err e = { 0 };
	int rc;

	if (url_resolve(url_of(a), a->answer.location, &to, &e) < 0) {
		fail_location(a, e.text);
		return true;
	}
	host = url_hostname(&to);
	if (!str_eq(host, first))
		return false;
	if (a->redirects == HTTP_REDIRECTS_MAX) {
		fail_too_many(a);
		return true;
	}
	rc = take_hop(a, &to, is_relative(a->answer.location), &e);
	close_socket(a);
	http_answer_free(&a->answer);
	http_answer_init(&a->answer);
	a->sent = 0;
	if (rc < 0)
		fail_exchange(a, e.text);
	else
		ask_for_socket(a);
	return true;
}

static void on_readable(struct loop_io *io, unsigned events)
{
	struct attempt *a = io->arg;
	char bytes[READ_SIZE];
	ssize_t n = recv(a->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	bool had_head = a->answer.has_head;

	(void)events;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail_io(a, "read", errno);
		return;
	}
	if (n == 0)
		(void)http_end(&a->answer);
	else
		(void)http_feed(&a->answer, bytes, (size_t)n);
	if (!had_head && a->answer.has_head && http_is_redirect(&a->answer) && redirect(a))
		return;
	if (a->answer.stage == HTTP_COMPLETE)
		judge(a);
	else if (a->answer.stage == HTTP_BROKEN)
		fail_answer(a, a->answer.reason);
}

static void on_writable(struct loop_io *io, unsigned events);

static void send_request(struct attempt *a)
{
	const struct buf *request = request_of(a);
	ssize_t n = send(a->sock, request->data + a->sent, request->len - a->sent,
		MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail_io(a, "write", errno);
		return;
	}
	if (n > 0)
		a->sent += (size_t)n;
	if (a->sent == request->len) {
		a->stage = ATTEMPT_READS;
		loop_io_start(a->host->loop, &a->io, a->sock, LOOP_READ, on_readable, a);
	} else if (!a->io.loop) {
		loop_io_start(a->host->loop, &a->io, a->sock, LOOP_WRITE, on_writable, a);
	}
}

static void connected(struct attempt *a)
{
	if (a->target->spec.handler == PROBE_TCP) {
		report(a, true, false, NULL, 0);
		attempt_free(a);
		return;
	}
	a->stage = ATTEMPT_SENDS;
	send_request(a);
}

/* rc: what tcp_connect() said. */
static void after_connect(struct attempt *a, int rc)
{
	if (rc == 0)
		connected(a);
	else if (rc != -EINPROGRESS)
		fail_connect(a, -rc);
	else if (!a->io.loop)
		loop_io_start(a->host->loop, &a->io, a->sock, LOOP_WRITE, on_writable, a);
}

static void on_writable(struct loop_io *io, unsigned events)
{
	struct attempt *a = io->arg;

	(void)events;
	if (a->stage == ATTEMPT_SENDS)
		send_request(a);
	else
		after_connect(a, tcp_connect(a->sock, &a->to));
}

void attempt_give_socket(struct attempt *a, int sock, const char *error)
{
	int64_t now = now_ms();
	int rc;

	if (sock < 0) {
		fail_dial(a, "socket", error ? error : "none was given");
		return;
	}
	a->sock = sock;
	a->stage = ATTEMPT_CONNECTS;
	if (!a->redirects) { /* from here on it is the pod's time */
		a->began_ms = now;
		timers_set(a->host->timers, &a->deadline, now + a->target->spec.timing.timeout_ms);
	}
	/* Within a pod the handshake is over when the first call returns, but only a second one
	 * says so: that is cheaper than to have the loop say it. */
	rc = tcp_connect(sock, &a->to);
	if (rc == -EINPROGRESS)
		rc = tcp_connect(sock, &a->to);
	after_connect(a, rc);
}

/* ---- commands ---- */

static void fail_late_exec(struct attempt *a)
{
	const struct probe_spec *p = &a->target->spec;
	CLEANUP(buf_free) struct buf text = { 0 };
	char timeout[CLOCK_TEXT_MAX];

	clock_duration(p->timing.timeout_ms, timeout);
	buf_adds(&text, "command timed out: \"");
	for (size_t i = 0; i < p->command.len; i++)
		buf_addf(&text, "%s%s", i ? " " : "", p->command.at[i]);
	buf_addf(&text, "\" timed out after %s", timeout);
	fail(a, text.data);
}

void attempt_give_exec(struct attempt *a, const struct attempt_exec *x)
{
	if (x->is_timeout) {
		fail_late_exec(a);
		return;
	}
	report(a, x->exit_code == 0, false, x->output, x->output_len);
	attempt_free(a);
}

/* ---- life ---- */

static void on_deadline(struct timer *t, int64_t now)
{
	struct attempt *a = t->owner;

	(void)now;
	switch (a->stage) {
	case ATTEMPT_ASKS:
		a->host->drop_ask(a);
		if (a->target->spec.handler == PROBE_EXEC)
			fail_late_exec(a);
		else
			fail_dial(a, "socket", "none was given in time");
		break;
	case ATTEMPT_CONNECTS:
		fail_dial(a, NULL, "i/o timeout");
		break;
	case ATTEMPT_SENDS:
	case ATTEMPT_READS:
		fail_answer(a, a->answer.has_head ? late_body : late_head);
		break;
	case ATTEMPT_DRAINS:
		attempt_free(a);
		break;
	}
}

struct attempt *attempt_new(const struct attempt_host *host, struct target *t, void *owner)
{
	struct attempt *a = mem_zalloc(sizeof(*a));

	a->host = host;
	a->owner = owner;
	a->target = target_hold(t);
	a->stage = ATTEMPT_ASKS;
	a->sock = -1;
	a->to = t->address;
	a->deadline = (struct timer){ .due = on_deadline, .owner = a };
	http_answer_init(&a->answer);
	return a;
}

void attempt_start(struct attempt *a)
{
	a->began_ms = now_ms();
	if (a->target->problem) {
		fail(a, a->target->problem);
		return;
	}
	timers_set(a->host->timers, &a->deadline,
		a->began_ms + a->target->spec.timing.timeout_ms + GRACE_MS);
	if (a->target->spec.handler == PROBE_EXEC)
		a->host->want_exec(a);
	else
		ask_for_socket(a);
}

void attempt_cancel(struct attempt *a)
{
	if (a->stage == ATTEMPT_ASKS)
		a->host->drop_ask(a);
	attempt_free(a);
}
