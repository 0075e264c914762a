/* The one frame that nghttp2 does not see: the reset of a stream that was never opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/h2_frames.h"
#include "base/buf.h"
#include "base/cleanup.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define HEADERS_1 "\0\0\3\1\5\0\0\0\1abc"
#define RST_1 "\0\0\4\3\0\0\0\0\1\0\0\0\x8"
#define RST_2 "\0\0\4\3\0\0\0\0\2\0\0\0\x8"
#define RST_3 "\0\0\4\3\0\0\0\0\3\0\0\0\x8"
#define RST_HIGH "\0\0\4\3\0\x7f\xff\xff\xff\0\0\0\x8"
#define LONG_RST_3 "\0\0\5\3\0\0\0\0\3\0\0\0\x8+"
#define HEADERS_5 "\0\0\1\1\5\0\0\0\5d"
/* A reset's bytes inside of a frame are no frame. */
#define DATA_5 "\0\0\x0d\0\0\0\0\0\5\0\0\4\3\0\0\0\0\7\0\0\0\x8"
#define BYTES(text) (text), sizeof(text) - 1

/* What is passed on of bytes that come in pieces of a size. */
static void check(
	const char *in, size_t in_len, const char *wanted, size_t wanted_len, size_t wanted_dropped)
{
	for (size_t size = 1; size <= in_len; size++) {
		CLEANUP(buf_free) struct buf out = { 0 };
		struct h2_frames f;
		size_t dropped = 0;

		h2_frames_init(&f);
		for (size_t at = 0; at < in_len; at += size) {
			const unsigned char *rest = (const unsigned char *)in + at, *piece;
			size_t rest_len = in_len - at < size ? in_len - at : size, n;

			while ((n = h2_frames_next(&f, &rest, &rest_len, &piece, &dropped)) > 0)
				buf_add(&out, piece, n);
			assert_int_equal(rest_len, 0);
		}
		assert_int_equal(dropped, wanted_dropped);
		assert_int_equal(out.len, wanted_len);
		assert_memory_equal(out.data, wanted, wanted_len);
	}
}

static void test_all_else_is_passed_on(void **state)
{
	static const char all[] = PREFACE SETTINGS HEADERS_1 RST_1 RST_2 HEADERS_5 RST_3 DATA_5;

	(void)state;
	check(BYTES(all), BYTES(all), 0);
	check(BYTES(PREFACE LONG_RST_3), BYTES(PREFACE LONG_RST_3), 0);
	check(BYTES("no preface at all"), BYTES("no preface at all"), 0);
}

static void test_reset_of_unopened_stream_is_not(void **state)
{
	(void)state;
	check(BYTES(PREFACE SETTINGS RST_1 HEADERS_5 DATA_5),
		BYTES(PREFACE SETTINGS HEADERS_5 DATA_5), 1);
	check(BYTES(PREFACE SETTINGS HEADERS_1 RST_3 RST_HIGH RST_1),
		BYTES(PREFACE SETTINGS HEADERS_1 RST_1), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_else_is_passed_on),
		cmocka_unit_test(test_reset_of_unopened_stream_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
