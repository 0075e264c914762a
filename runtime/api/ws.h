/* WebSocket frames (RFC 6455) and Kubernetes' v5.channel.k8s.io inside them, both directions, for
 * the server and for the client.  Pure: bytes in, calls out; masks are an argument.  Messages are
 * never gathered: their bytes are handed on as they come, so a reader holds no memory and needs no
 * limit for them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WS_PROTOCOL "v5.channel.k8s.io"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* The first byte of every message. */
enum ws_channel {
	WS_STDIN = 0,
	WS_STDOUT = 1,
	WS_STDERR = 2,
	WS_STATUS = 3,        /* the end: one v1.Status */
	WS_RESIZE = 4,        /* {"Width":80,"Height":24} */
	WS_END_CHANNEL = 255, /* its one byte names the channel that ends */
};

/* Close codes, RFC 6455 §7.4.1. */
enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_UNSUPPORTED = 1003,
	WS_CODE_NONE = 1005, /* a close frame without a code; never sent */
};

enum { WS_CONTROL_MAX = 125 };

/* What a reader finds.  All of them are there. */
struct ws_events {
	/* Bytes of a message on a channel, borrowed; is_end: the message's last (len may be 0). */
	void (*data)(void *arg, int channel, const char *bytes, size_t len, bool is_end);
	void (*channel_ended)(void *arg, int channel); /* the other side sends no more on it */
	void (*ping)(void *arg, const char *bytes, size_t len); /* a pong with these is due */
	void (*closed)(void *arg, int code);                    /* nothing is read behind it */
	void *arg;
};

enum ws_side { WS_SERVER = 1, WS_CLIENT }; /* who reads: only clients mask what they send */

struct ws_reader {
	enum ws_side side;
	unsigned char head[14];
	size_t head_len;
	uint64_t left;              /* of the frame's payload */
	uint64_t done;              /* of it */
	uint64_t message_done;      /* payload bytes of the message, over all its frames */
	int channel, ended_channel; /* of the message */
	bool in_payload, in_message, is_closed;
	char control[WS_CONTROL_MAX];
};

/* The empty form with its side set is a fresh reader. */
/* 0, or the close code that a violation asks for; the reader then reads nothing any more. */
int ws_read(struct ws_reader *r, const char *bytes, size_t len, const struct ws_events *ev);

/* One whole frame.  mask: four random bytes from a client, NULL from the server. */
void ws_write(struct buf *out, const unsigned char *mask, enum ws_opcode opcode, const char *bytes,
	size_t len);
void ws_write_channel(
	struct buf *out, const unsigned char *mask, int channel, const char *bytes, size_t len);
void ws_write_close(struct buf *out, const unsigned char *mask, int code);
