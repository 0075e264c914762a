#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/grpc_call.h"
#include "api/grpc_wire.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* Bytes of a stream become messages.  A length is judged before anything is stored, what is stored
 * is counted by h2_hold(), and only a message that was admitted gets a larger window: a client can
 * promise 16 MiB for nothing, but not make us hold more than it sends, nor more than its share. */

enum {
	WINDOW_MAX = 1024 * 1024,
	UNPACKED_MAX = 48 * 1024 * 1024, /* what a request may become: two bytes can become fifty */
};

static bool prefix_is_fine(struct grpc_call *c)
{
	unsigned flag = c->prefix[0];

	c->want = (size_t)c->prefix[1] << 24 | (size_t)c->prefix[2] << 16 |
		  (size_t)c->prefix[3] << 8 | c->prefix[4];
	if (flag > 1)
		grpc_call_fault(
			c, GRPC_INTERNAL, "unexpected flags %u in front of a message", flag);
	else if (flag && (!c->encoding || str_eq(c->encoding, "identity")))
		grpc_call_fault(c, GRPC_INTERNAL, "a compressed message without grpc-encoding");
	else if (flag)
		grpc_call_fault(c, GRPC_UNIMPLEMENTED, "grpc-encoding \"%.60s\" is not supported",
			c->encoding);
	else if (c->want > GRPC_MESSAGE_MAX)
		grpc_call_fault(c, GRPC_RESOURCE_EXHAUSTED,
			"the message is larger than max (%zu vs. %d)", c->want, GRPC_MESSAGE_MAX);
	else
		return true;
	return false;
}

/* The message that has come.  False when the call is over, and c dead. */
static bool unpack(struct grpc_call *c, ProtobufCMessage **out, size_t *out_bytes)
{
	const ProtobufCMessageDescriptor *d = c->type->input;
	const unsigned char *bytes = (const unsigned char *)(c->body.data ? c->body.data : "");
	struct err e = { 0 };
	int rc = grpc_wire_check(d, bytes, c->body.len, &e);

	if (rc < 0) {
		grpc_call_fault(c, rc == -EINVAL ? GRPC_INVALID_ARGUMENT : GRPC_INTERNAL,
			"error unmarshalling request: %s", e.text);
		return false;
	}
	rc = grpc_wire_unpack(d, bytes, c->body.len, UNPACKED_MAX, out, out_bytes);
	if (rc == 0) {
		h2_release(c->stream, c->body.len);
		buf_free(&c->body);
		c->prefix_len = 0;
		if (h2_hold(c->stream, *out_bytes) == 0)
			return true;
		protobuf_c_message_free_unpacked(*out, NULL);
	}
	if (rc == -EBADMSG)
		grpc_call_fault(
			c, GRPC_INTERNAL, "error unmarshalling request: it is no %s", d->name);
	else
		grpc_call_fault(c, GRPC_RESOURCE_EXHAUSTED,
			"the request takes more memory than there is for it");
	return false;
}

/* One of many; it lives for this call only. */
static bool hand_on(struct grpc_call *c)
{
	ProtobufCMessage *m;
	size_t bytes;

	if (!unpack(c, &m, &bytes))
		return false;
	c->whole_by_ms = 0;
	grpc_call_arm(c);
	if (c->message)
		c->message(c->message_arg, m);
	/* The head was sent, so the stream keeps the call. */
	h2_release(c->stream, bytes);
	protobuf_c_message_free_unpacked(m, NULL);
	return !c->is_decided;
}

static bool message_begins(struct grpc_call *c)
{
	if (!c->method->is_bidi && c->has_message) {
		grpc_call_fault(c, GRPC_INTERNAL, "more than one message in the request");
		return false;
	}
	if (c->method->is_bidi && !c->whole_by_ms) {
		c->whole_by_ms = clock_now().boot_ms + h2_limits_of(c->stream)->request_ms;
		grpc_call_arm(c);
	}
	return true;
}

/* Takes some of the bytes, at least one; 0 when the call is over, and c perhaps dead. */
static size_t take_some(struct grpc_call *c, const char *bytes, size_t len)
{
	size_t n;

	if (c->prefix_len == 0 || c->has_message)
		if (!message_begins(c))
			return 0;
	if (c->prefix_len < GRPC_PREFIX) {
		n = GRPC_PREFIX - c->prefix_len < len ? GRPC_PREFIX - c->prefix_len : len;
		memcpy(c->prefix + c->prefix_len, bytes, n);
		c->prefix_len += n;
		if (c->prefix_len == GRPC_PREFIX && !prefix_is_fine(c))
			return 0;
		if (c->prefix_len == GRPC_PREFIX)
			h2_widen_input(c->stream, c->want < WINDOW_MAX ? c->want : WINDOW_MAX);
	} else {
		n = c->want - c->body.len < len ? c->want - c->body.len : len;
		if (h2_hold(c->stream, n) < 0) {
			grpc_call_fault(c, GRPC_RESOURCE_EXHAUSTED,
				"this connection's requests take more memory than there is");
			return 0;
		}
		buf_add(&c->body, bytes, n);
	}
	if (c->prefix_len < GRPC_PREFIX || c->body.len < c->want)
		return n;
	if (c->method->is_bidi)
		return hand_on(c) ? n : 0;
	c->has_message = true;
	return n;
}

static void input_ends(struct grpc_call *c)
{
	c->has_ended = true;
	c->whole_by_ms = 0;
	if (c->prefix_len > 0 && !c->has_message) {
		grpc_call_fault(c, GRPC_INTERNAL, "the request ends within a message");
	} else if (c->method->is_bidi) {
		grpc_call_arm(c);
		if (c->message)
			c->message(c->message_arg, NULL);
	} else if (!c->has_message) {
		grpc_call_fault(c, GRPC_INTERNAL, "no message in the request");
	} else if (unpack(c, &c->request, &c->request_bytes)) {
		grpc_call_arm(c);
		grpc_call_run(c);
	}
}

void grpc_input(void *arg, const char *bytes, size_t len)
{
	struct grpc_call *c = arg;

	if (c->is_decided || c->has_ended)
		return;
	if (!bytes) {
		input_ends(c);
		return;
	}
	while (len > 0) {
		size_t n = take_some(c, bytes, len);

		if (n == 0)
			return;
		bytes += n;
		len -= n;
	}
}
