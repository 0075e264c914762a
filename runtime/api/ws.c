#include "api/ws.h"

#include <string.h>

enum {
	FIN = 0x80,
	RESERVED = 0x70, /* no extension is ever negotiated */
	OPCODE = 0x0f,
	CONTROL = 0x08, /* of an opcode */
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126,
	LENGTH_64 = 127,
	UNMASK_CHUNK = 4096,
};

/* ---- reading ---- */

static bool is_control(const struct ws_reader *r)
{
	return r->head[0] & CONTROL;
}

static bool is_last_frame(const struct ws_reader *r)
{
	return r->head[0] & FIN;
}

static size_t length_bytes(const struct ws_reader *r)
{
	unsigned length = r->head[1] & LENGTH;

	return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

/* How long the head is, as far as its first bytes tell. */
static size_t head_need(const struct ws_reader *r)
{
	if (r->head_len < 2)
		return 2;
	return 2 + length_bytes(r) + (r->head[1] & MASKED ? 4 : 0);
}

/* The payload's length; false for a form longer than needed, or a top bit (RFC 6455 §5.2). */
static bool head_length(const struct ws_reader *r, uint64_t *out)
{
	size_t n = length_bytes(r);
	uint64_t length = 0;

	for (size_t i = 0; i < n; i++)
		length = length << 8 | r->head[2 + i];
	if (n == 0)
		length = r->head[1] & LENGTH;
	*out = length;
	return !(n == 2 && length < LENGTH_16) && !(n == 8 && length <= UINT16_MAX) &&
	       !(length >> 63);
}

static int head_check(const struct ws_reader *r)
{
	unsigned opcode = r->head[0] & OPCODE;
	bool is_masked = r->head[1] & MASKED;

	if (r->head[0] & RESERVED || is_masked != (r->side == WS_SERVER))
		return WS_CODE_PROTOCOL;
	switch (opcode) {
	case WS_CONTINUATION:
		return r->in_message ? 0 : WS_CODE_PROTOCOL;
	case WS_TEXT:
		return WS_CODE_UNSUPPORTED; /* channels carry bytes */
	case WS_BINARY:
		return r->in_message ? WS_CODE_PROTOCOL : 0;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return is_last_frame(r) && length_bytes(r) == 0 ? 0 : WS_CODE_PROTOCOL;
	default:
		return WS_CODE_PROTOCOL;
	}
}

/* What a close frame may say (RFC 6455 §7.4); 0 when it may not.  Its text is for people and never
 * read here, so it is not checked either. */
static int close_code(const char *bytes, size_t len)
{
	int code;

	if (len == 0)
		return WS_CODE_NONE;
	if (len == 1)
		return 0;
	code = (unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
	if ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		(code >= 3000 && code <= 4999))
		return code;
	return 0;
}

static int control_end(struct ws_reader *r, const struct ws_events *ev)
{
	unsigned opcode = r->head[0] & OPCODE;
	size_t len = (size_t)r->done;
	int code;

	if (opcode == WS_PING)
		ev->ping(ev->arg, r->control, len);
	if (opcode != WS_CLOSE)
		return 0;
	code = close_code(r->control, len);
	if (code == 0)
		return WS_CODE_PROTOCOL;
	r->is_closed = true;
	ev->closed(ev->arg, code);
	return 0;
}

static void message_bytes(
	struct ws_reader *r, const char *bytes, size_t len, const struct ws_events *ev)
{
	if (len > 0 && r->message_done == 0) {
		r->channel = (unsigned char)*bytes;
		r->message_done++;
		bytes++;
		len--;
	}
	if (len == 0)
		return;
	if (r->channel != WS_END_CHANNEL)
		ev->data(ev->arg, r->channel, bytes, len, false);
	else if (r->message_done == 1)
		r->ended_channel = (unsigned char)*bytes;
	r->message_done += len;
}

static int message_end(struct ws_reader *r, const struct ws_events *ev)
{
	r->in_message = false;
	if (r->message_done == 0) /* not even a channel: Kubernetes ignores it too */
		return 0;
	if (r->channel != WS_END_CHANNEL)
		ev->data(ev->arg, r->channel, "", 0, true);
	else if (r->message_done == 2)
		ev->channel_ended(ev->arg, r->ended_channel);
	else
		return WS_CODE_PROTOCOL;
	return 0;
}

static int frame_end(struct ws_reader *r, const struct ws_events *ev)
{
	r->in_payload = false;
	r->head_len = 0;
	if (is_control(r))
		return control_end(r, ev);
	return is_last_frame(r) ? message_end(r, ev) : 0;
}

static int frame_begin(struct ws_reader *r, const struct ws_events *ev)
{
	int code = head_check(r);

	if (code)
		return code;
	if (!head_length(r, &r->left))
		return WS_CODE_PROTOCOL;
	r->done = 0;
	r->in_payload = true;
	if (!is_control(r) && !r->in_message) {
		r->in_message = true;
		r->message_done = 0;
	}
	return r->left == 0 ? frame_end(r, ev) : 0;
}

/* Takes what belongs to the head; returns how much. */
static size_t head_take(struct ws_reader *r, const char *bytes, size_t len)
{
	size_t need = head_need(r) - r->head_len;
	size_t n = need < len ? need : len;

	memcpy(r->head + r->head_len, bytes, n);
	r->head_len += n;
	return n;
}

static void unmask(struct ws_reader *r, const char *bytes, size_t len, char *out)
{
	const unsigned char *mask = r->head + head_need(r) - 4;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)((unsigned char)bytes[i] ^ mask[(r->done + i) & 3]);
}

static size_t payload_take(
	struct ws_reader *r, const char *bytes, size_t len, const struct ws_events *ev)
{
	char plain[UNMASK_CHUNK];

	if (len > r->left)
		len = (size_t)r->left;
	if (r->side == WS_SERVER) {
		len = len < sizeof(plain) ? len : sizeof(plain);
		unmask(r, bytes, len, plain);
		bytes = plain;
	}
	if (is_control(r))
		memcpy(r->control + r->done, bytes, len); /* head_check() has seen the length */
	else
		message_bytes(r, bytes, len, ev);
	r->done += len;
	r->left -= len;
	return len;
}

int ws_read(struct ws_reader *r, const char *bytes, size_t len, const struct ws_events *ev)
{
	int code = 0;

	while (len > 0 && !r->is_closed && !code) {
		size_t n;

		if (r->in_payload) {
			n = payload_take(r, bytes, len, ev);
			if (r->left == 0)
				code = frame_end(r, ev);
		} else {
			n = head_take(r, bytes, len);
			if (r->head_len >= 2 && r->head_len == head_need(r))
				code = frame_begin(r, ev);
		}
		bytes += n;
		len -= n;
	}
	r->is_closed = r->is_closed || code;
	return code;
}

/* ---- writing ---- */

static void write_head(
	struct buf *out, const unsigned char *mask, enum ws_opcode opcode, uint64_t len)
{
	unsigned masked = mask ? MASKED : 0;
	int length_len = len < LENGTH_16 ? 0 : len <= UINT16_MAX ? 2 : 8;

	buf_addc(out, (char)(FIN | opcode));
	buf_addc(out, (char)(masked | (length_len == 0          ? (unsigned)len
					      : length_len == 2 ? LENGTH_16
								: LENGTH_64)));
	for (int i = length_len - 1; i >= 0; i--)
		buf_addc(out, (char)(len >> (8 * i) & 0xff));
	if (mask)
		buf_add(out, mask, 4);
}

static void mask_from(struct buf *out, size_t from, const unsigned char *mask)
{
	for (size_t i = from; mask && i < out->len; i++)
		out->data[i] = (char)((unsigned char)out->data[i] ^ mask[(i - from) & 3]);
}

void ws_write(struct buf *out, const unsigned char *mask, enum ws_opcode opcode, const char *bytes,
	size_t len)
{
	size_t from;

	write_head(out, mask, opcode, len);
	from = out->len;
	buf_add(out, bytes, len);
	mask_from(out, from, mask);
}

void ws_write_channel(
	struct buf *out, const unsigned char *mask, int channel, const char *bytes, size_t len)
{
	size_t from;

	write_head(out, mask, WS_BINARY, (uint64_t)len + 1);
	from = out->len;
	buf_addc(out, (char)channel);
	buf_add(out, bytes, len);
	mask_from(out, from, mask);
}

void ws_write_close(struct buf *out, const unsigned char *mask, int code)
{
	const char bytes[] = { (char)(code >> 8), (char)code };

	ws_write(out, mask, WS_CLOSE, bytes, sizeof(bytes));
}
