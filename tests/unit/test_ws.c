/* The WebSocket codec: frames of RFC 6455, channels of Kubernetes, and everything that is neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/ws.h"
#include "base/cleanup.h"
#include "base/str.h"

/* What a reader told, as text: "1:abc|" a message on channel 1, "p:x|" a ping, "e0|" the end of
 * channel 0, "c1000|" a close. */
struct heard {
	struct buf text;
	bool in_message;
};

static void on_data(void *arg, int channel, const char *bytes, size_t len, bool is_end)
{
	struct heard *h = arg;

	if (!h->in_message)
		buf_addf(&h->text, "%d:", channel);
	buf_add(&h->text, bytes, len);
	h->in_message = !is_end;
	if (is_end)
		buf_addc(&h->text, '|');
}

static void on_channel_ended(void *arg, int channel)
{
	struct heard *h = arg;

	buf_addf(&h->text, "e%d|", channel);
}

static void on_ping(void *arg, const char *bytes, size_t len)
{
	struct heard *h = arg;

	buf_addf(&h->text, "p:%.*s|", (int)len, bytes);
}

static void on_closed(void *arg, int code)
{
	struct heard *h = arg;

	buf_addf(&h->text, "c%d|", code);
}

/* Feeds the bytes in pieces of step and returns what ws_read() said last. */
static int feed(enum ws_side side, const void *bytes, size_t len, size_t step, struct heard *h)
{
	const struct ws_events ev = {
		.data = on_data,
		.channel_ended = on_channel_ended,
		.ping = on_ping,
		.closed = on_closed,
		.arg = h,
	};
	struct ws_reader r = { .side = side };
	const char *p = bytes;
	int code = 0;

	buf_clear(&h->text);
	h->in_message = false;
	while (len > 0 && code == 0) {
		size_t n = step < len ? step : len;
		/* Of its own, so that a read behind the end is seen by the sanitizer. */
		CLEANUP(cleanup_free) char *piece = mem_resize(NULL, n, 1);

		memcpy(piece, p, n);
		code = ws_read(&r, piece, n, &ev);
		p += n;
		len -= n;
	}
	return code;
}

static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

/* Both directions, cut at every size. */
static void expect(enum ws_side side, const struct buf *frames, const char *heard)
{
	for (size_t step = 1; step <= frames->len; step++) {
		struct heard h = { 0 };

		assert_int_equal(feed(side, frames->data, frames->len, step, &h), 0);
		assert_string_equal(h.text.data ? h.text.data : "", heard);
		buf_free(&h.text);
	}
}

static void test_channels(void **state)
{
	const unsigned char *masks[] = { NULL, mask };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		CLEANUP(buf_free) struct buf b = { 0 };

		ws_write_channel(&b, masks[i], WS_STDOUT, "", 0);
		ws_write_channel(&b, masks[i], WS_STDERR, "hello", 5);
		ws_write_channel(&b, masks[i], WS_END_CHANNEL, "\0", 1);
		ws_write(&b, masks[i], WS_PING, "p", 1);
		ws_write(&b, masks[i], WS_PONG, "q", 1);
		ws_write(&b, masks[i], WS_BINARY, "", 0); /* not even a channel: ignored */
		ws_write_close(&b, masks[i], WS_CODE_NORMAL);
		ws_write_channel(&b, masks[i], WS_STDOUT, "too late", 8);
		expect(masks[i] ? WS_SERVER : WS_CLIENT, &b, "1:|2:hello|e0|p:p|c1000|");
	}
}

/* RFC 6455 §5.7's own examples, as far as they apply. */
static void test_rfc_bytes(void **state)
{
	static const unsigned char masked[] = { 0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f,
		0x4d, 0x51, 0x58 };
	CLEANUP(buf_free) struct buf b = { 0 };
	struct heard h = { 0 };

	(void)state;
	ws_write(&b, mask, WS_BINARY, "Hello", 5);
	assert_int_equal(b.len, sizeof(masked));
	assert_memory_equal(b.data, masked, sizeof(masked));
	assert_int_equal(feed(WS_SERVER, masked, sizeof(masked), 3, &h), 0);
	assert_string_equal(h.text.data, "72:ello|");
	buf_clear(&b);
	ws_write(&b, NULL, WS_PING, "Hello", 5);
	assert_memory_equal(b.data, "\x89\x05Hello", 7);
	buf_free(&h.text);
}

static void test_lengths(void **state)
{
	static const size_t lens[] = { 0, 1, 124, 125, 126, 65534, 65535, 65536, 200000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		CLEANUP(cleanup_free) char *bytes = mem_zalloc(lens[i] + 1);
		CLEANUP(buf_free) struct buf b = { 0 };
		struct heard h = { 0 };

		memset(bytes, 'x', lens[i]);
		ws_write_channel(&b, mask, WS_STDIN, bytes, lens[i]);
		assert_int_equal(feed(WS_SERVER, b.data, b.len, 4093, &h), 0);
		assert_int_equal(h.text.len, lens[i] + 3);
		assert_memory_equal(h.text.data + 2, bytes, lens[i]);
		buf_free(&h.text);
	}
}

/* A message in three frames with a ping between them. */
static void test_fragments(void **state)
{
	static const char frames[] = "\x02\x02\x01x"
				     "\x89\x01p"
				     "\x00\x02yz"
				     "\x80\x00";
	static const char empty_first[] = "\x02\x00\x80\x02\x02x";
	const struct buf a = { .data = (char *)(uintptr_t)frames, .len = sizeof(frames) - 1 };
	const struct buf b = { .data = (char *)(uintptr_t)empty_first,
		.len = sizeof(empty_first) - 1 };
	struct heard h = { 0 };

	(void)state;
	assert_int_equal(feed(WS_CLIENT, a.data, a.len, 1, &h), 0);
	assert_string_equal(h.text.data, "1:xp:p|yz|");
	buf_free(&h.text);
	expect(WS_CLIENT, &b, "2:x|");
}

static void test_violations(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
	} bad[] = {
		{ "\x82\x80\0\0\0\0", 6, 1002 },              /* the server masks */
		{ "\xc2\x01x", 3, 1002 },                     /* a reserved bit */
		{ "\x83\x01x", 3, 1002 },                     /* an unknown opcode */
		{ "\x8b\x00", 2, 1002 },                      /* an unknown control opcode */
		{ "\x81\x01x", 3, 1003 },                     /* text */
		{ "\x80\x01x", 3, 1002 },                     /* continues nothing */
		{ "\x02\x01\x01\x82\x01\x01", 6, 1002 },      /* two messages at once */
		{ "\x09\x00", 2, 1002 },                      /* a ping in pieces */
		{ "\x89\x7e\x00\x7e", 4, 1002 },              /* a long ping */
		{ "\x82\x7e\x00\x7d", 4, 1002 },              /* longer form than needed */
		{ "\x82\x7f\0\0\0\0\0\0\xff\xff", 10, 1002 }, /* likewise */
		{ "\x82\x7f\x80\0\0\0\0\0\0\0", 10, 1002 },   /* the top bit */
		{ "\x88\x01x", 3, 1002 },                     /* half a close code */
		{ "\x88\x02\x03\xe7", 4, 1002 },              /* 999 */
		{ "\x88\x02\x03\xed", 4, 1002 },              /* 1005 is never sent */
		{ "\x88\x02\x13\x88", 4, 1002 },              /* 5000 */
		{ "\x82\x01\xff", 3, 1002 },                  /* ends no channel */
		{ "\x82\x03\xff\x00\x00", 5, 1002 },          /* ends two */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t step = 1; step <= bad[i].len; step++) {
			struct heard h = { 0 };

			assert_int_equal(
				feed(WS_CLIENT, bad[i].bytes, bad[i].len, step, &h), bad[i].code);
			buf_free(&h.text);
		}
	}
	/* A client that does not mask. */
	struct heard h = { 0 };

	assert_int_equal(feed(WS_SERVER, "\x82\x01\x01", 3, 3, &h), 1002);
	buf_free(&h.text);
}

static void test_closes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *heard;
	} good[] = {
		{ "\x88\x00", 2, "c1005|" },            /* no code */
		{ "\x88\x02\x03\xe8", 4, "c1000|" },    /* normal */
		{ "\x88\x05\x03\xe9 by", 7, "c1001|" }, /* with words */
		{ "\x88\x02\x0f\xa0", 4, "c4000|" },    /* private */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct heard h = { 0 };

		assert_int_equal(feed(WS_CLIENT, good[i].bytes, good[i].len, 1, &h), 0);
		assert_string_equal(h.text.data, good[i].heard);
		buf_free(&h.text);
	}
}

/* After a violation or a close nothing more is read. */
static void test_silence_after_the_end(void **state)
{
	const struct ws_events none = { 0 };
	struct ws_reader r = { .side = WS_CLIENT };

	(void)state;
	assert_int_equal(ws_read(&r, "\x8b\x00", 2, &none), WS_CODE_PROTOCOL);
	assert_true(r.is_closed);
	assert_int_equal(ws_read(&r, "\x82\x01x", 3, &none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_rfc_bytes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_violations),
		cmocka_unit_test(test_closes),
		cmocka_unit_test(test_silence_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
