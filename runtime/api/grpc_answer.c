#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/grpc_call.h"
#include "api/grpc_text.h"
#include "api/grpc_wire.h"
#include "base/cleanup.h"
#include "base/str.h"

/* Messages wait in the call's queue, counted by h2_hold(), and leave it as the client's window and
 * the socket take them. */

static const struct h2_head stream_head = {
	.status = 200,
	.content_type = "application/grpc",
	.is_grpc = true,
};

void grpc_refuse(struct h2_stream *s, int status, enum grpc_code code, const char *message)
{
	CLEANUP(cleanup_free) char *text = message && *message ? grpc_escape(message) : NULL;
	struct h2_head head = stream_head;
	char number[16];

	snprintf(number, sizeof(number), "%d", code);
	head.status = status;
	head.grpc_status = number;
	head.grpc_message = text;
	head.grpc_accept = code == GRPC_UNIMPLEMENTED ? "identity" : NULL;
	h2_answer(s, &head, NULL);
}

/* ---- the queue ---- */

static size_t queue_len(const struct grpc_call *c)
{
	return c->queue.len - c->queue_sent;
}

/* h2 asks for the next bytes. */
static enum h2_fill fill(void *arg, struct buf *out)
{
	struct grpc_call *c = arg;
	size_t n;

	if (queue_len(c) == 0 && !c->is_decided && c->room)
		c->room(c->room_arg);
	n = queue_len(c) < H2_CHUNK ? queue_len(c) : H2_CHUNK;
	if (n > 0) {
		buf_add(out, c->queue.data + c->queue_sent, n);
		c->queue_sent += n;
		h2_release(c->stream, n);
	}
	if (queue_len(c) > 0)
		return H2_FILL_MORE;
	buf_free(&c->queue);
	c->queue_sent = 0;
	if (c->is_decided)
		return H2_FILL_END;
	return n > 0 ? H2_FILL_MORE : H2_FILL_WAIT; /* more: to ask room() */
}

void grpc_call_open(struct grpc_call *c)
{
	const struct h2_body body = {
		.fill = fill, .input = grpc_input, .gone = grpc_gone, .arg = c
	};

	if (c->is_head_sent)
		return;
	c->is_head_sent = true;
	h2_answer_stream(c->stream, &stream_head, &body);
}

struct appender {
	ProtobufCBuffer base;
	struct buf *out;
};

static void append(ProtobufCBuffer *b, size_t len, const uint8_t *bytes)
{
	const struct appender *a = (const struct appender *)b;

	buf_add(a->out, bytes, len);
}

static int pack_into(struct buf *out, const ProtobufCMessage *m)
{
	struct appender a = { { append }, out };
	size_t size = protobuf_c_message_get_packed_size(m);
	const char prefix[GRPC_PREFIX] = { 0, (char)(size >> 24), (char)(size >> 16),
		(char)(size >> 8), (char)size };

	if (size > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	buf_add(out, prefix, sizeof(prefix));
	(void)protobuf_c_message_pack_to_buffer(m, &a.base);
	return 0;
}

/* Adds one message with its prefix.  Rarely a text is no UTF-8 (a program's words, a file's name):
 * then a copy is mended, since m is not ours. */
static int pack(struct buf *out, const ProtobufCMessage *m)
{
	size_t from = out->len, at = from + GRPC_PREFIX;
	ProtobufCMessage *copy;
	int rc = pack_into(out, m);

	if (rc < 0 || grpc_wire_check(m->descriptor, (unsigned char *)out->data + at, out->len - at,
			      NULL) == 0)
		return rc;
	copy = protobuf_c_message_unpack(
		m->descriptor, NULL, out->len - at, (unsigned char *)out->data + at);
	if (!copy)
		return -EBADMSG;
	grpc_wire_mend(copy);
	out->len = from;
	rc = pack_into(out, copy);
	protobuf_c_message_free_unpacked(copy, NULL);
	return rc;
}

/* 0, -EMSGSIZE, or -ENOBUFS when the connection holds too much. */
static int enqueue(struct grpc_call *c, const ProtobufCMessage *m)
{
	size_t before;
	int rc;

	/* What was sent must not stay in front for ever; moved rarely, so at small cost. */
	if (c->queue_sent > c->queue.len / 2) {
		buf_drop(&c->queue, c->queue_sent);
		c->queue_sent = 0;
	}
	before = c->queue.len;
	rc = pack(&c->queue, m);
	if (rc == 0)
		rc = h2_hold(c->stream, c->queue.len - before);
	if (rc < 0)
		c->queue.len = before;
	return rc;
}

/* ---- decisions ---- */

/* What the client learns.  c may be dead afterwards, unless its handler has it. */
static void decide(struct grpc_call *c, enum grpc_code code, const char *message)
{
	c->is_decided = true;
	c->deadline_ms = c->whole_by_ms = 0;
	loop_timer_stop(&c->timer);
	if (!c->stream)
		return;
	if (!c->is_head_sent) {
		grpc_refuse(c->stream, 200, code, message);
		grpc_call_leave_stream(c);
	} else {
		CLEANUP(cleanup_free)
		char *text = message && *message ? grpc_escape(message) : NULL;

		h2_set_trailers(c->stream, (int)code, text);
		h2_wake(c->stream);
	}
}

void grpc_call_end(
	struct grpc_call *c, enum grpc_code code, const char *message, enum grpc_gone why)
{
	bool is_told = c->is_with_handler && c->gone;

	if (c->is_decided)
		return;
	decide(c, code, message);
	if (!is_told)
		return;
	/* The request is still there for whoever borrowed from it. */
	c->gone(c->gone_arg, why);
	grpc_call_let_go(c);
}

void grpc_call_fault(struct grpc_call *c, enum grpc_code code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	grpc_call_end(c, code, text, GRPC_GONE_CANCELLED);
}

void grpc_gone(void *arg)
{
	struct grpc_call *c = arg;
	bool is_told = c->is_with_handler && c->gone && !c->is_decided;

	c->is_decided = true;
	grpc_call_leave_stream(c);
	if (!is_told)
		return;
	c->gone(c->gone_arg, GRPC_GONE_CANCELLED);
	grpc_call_let_go(c);
}

/* ---- the handler's words ---- */

void grpc_fail(struct grpc_call *c, enum grpc_code code, const char *message)
{
	if (!c->is_decided)
		decide(c, code, message);
	grpc_call_let_go(c);
}

void grpc_fail_err(struct grpc_call *c, int rc, const struct err *e)
{
	grpc_fail(c, grpc_code_of_errno(rc), e->text);
}

void grpc_finish(struct grpc_call *c, enum grpc_code code, const char *message)
{
	grpc_fail(c, code, message);
}

void grpc_reply(struct grpc_call *c, const ProtobufCMessage *m)
{
	int rc = c->is_decided ? 0 : enqueue(c, m);

	if (rc == -EMSGSIZE) {
		grpc_fail(c, GRPC_RESOURCE_EXHAUSTED, "the answer is larger than a message may be");
		return;
	}
	if (rc < 0) {
		grpc_fail(c, GRPC_RESOURCE_EXHAUSTED,
			"this connection's answers take more memory than there is");
		return;
	}
	if (!c->is_decided) {
		grpc_call_open(c);
		decide(c, GRPC_OK, NULL);
	}
	grpc_call_let_go(c);
}

int grpc_send(struct grpc_call *c, const ProtobufCMessage *m)
{
	int rc;

	if (c->is_decided)
		return -ECANCELED;
	if (queue_len(c) >= GRPC_QUEUE_MAX)
		return -ENOBUFS;
	rc = enqueue(c, m);
	if (rc == -ENOBUFS) /* not its own queue: nobody knows when there is room */
		h2_cut(c->stream);
	if (rc < 0)
		return rc;
	grpc_call_open(c);
	h2_wake(c->stream);
	return 0;
}

void grpc_on_room(struct grpc_call *c, void (*room)(void *arg), void *arg)
{
	c->room = room;
	c->room_arg = arg;
	if (!c->is_decided && room && c->is_head_sent)
		h2_wake(c->stream);
}
