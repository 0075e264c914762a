/* What is checked of packed messages beyond protobuf-c, on messages of CRI. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/grpc_wire.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/cri.pb-c.h"

static const ProtobufCMessageDescriptor *const version = &runtime__v1__version_request__descriptor;
static const ProtobufCMessageDescriptor *const create =
	&runtime__v1__create_container_request__descriptor;

static int check(const ProtobufCMessageDescriptor *d, const void *bytes, size_t len, struct err *e)
{
	/* Exactly its bytes, so that a sanitizer sees one too many. */
	CLEANUP(cleanup_free) unsigned char *copy = mem_zalloc(len + !len);

	memcpy(copy, bytes, len);
	return grpc_wire_check(d, copy, len, e);
}

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "", 0 },                                        /* */
		{ "plain", 0 },                                   /* */
		{ "exactly8", 0 },                                /* */
		{ "more than eight bytes of it", 0 },             /* */
		{ "\xc3\xa9 behind eight: \xf0\x9f\x8c\xb1", 0 }, /* */
		{ "\xff", -EBADMSG },                             /* */
		{ "seven77\xff", -EBADMSG },                      /* */
		{ "eight888\xff", -EBADMSG },                     /* */
		{ "cut off \xe2\x9c", -EBADMSG },                 /* */
		{ "a surrogate \xed\xa0\x80", -EBADMSG },         /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf b = { 0 };
		struct err e = { 0 };

		buf_addc(&b, 0x0a); /* field 1, bytes */
		buf_addc(&b, (char)strlen(cases[i].text));
		buf_adds(&b, cases[i].text);
		assert_int_equal(check(version, b.data, b.len, &e), cases[i].rc);
		if (cases[i].rc < 0)
			assert_string_equal(e.text, "version: the text is not valid UTF-8");
	}
}

/* C would cut it there: "root\0…" must not pass as "root". */
static void test_nul(void **state)
{
	static const char first[] = "\x0a\x01\0", deep[] = "\x0a\x0c"
							   "12345678\0ab";
	struct err e = { 0 };

	(void)state;
	assert_int_equal(check(version, first, 3, NULL), -EINVAL);
	assert_int_equal(check(version, deep, 13, &e), -EBADMSG); /* one byte is missing */
	assert_int_equal(check(version,
				 "\x0a\x0b"
				 "12345678\0ab",
				 13, &e),
		-EINVAL);
	assert_string_equal(e.text, "version: the text holds a NUL");
}

/* The error says where: CreateContainerRequest.config.envs[].key */
static void test_nested(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(check(create,
				 "\x12\x07"
				 "\x32\x05"
				 "\x0a\x03"
				 "a\xff"
				 "b",
				 9, &e),
		-EBADMSG);
	assert_string_equal(e.text, "config: envs: key: the text is not valid UTF-8");
	/* An unknown field's bytes are not ours to judge, nor those of a bytes field. */
	assert_int_equal(check(version, "\x7a\x01\xff", 3, NULL), 0);
	assert_int_equal(
		check(&runtime__v1__exec_sync_response__descriptor, "\x0a\x01\xff", 3, NULL), 0);
}

static void test_broken_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\x0a", 1 }, /* no length */
		{ "\x0a\x02"
		  "a",
			3 },                                            /* cut */
		{ "\x00\x01", 2 },                                      /* field 0 */
		{ "\x0b\x0c", 2 },                                      /* a group */
		{ "\x0f", 1 },                                          /* no such wire type */
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11 }, /* no end */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* longer than all */
		{ "\x10", 1 },                                          /* no number */
		{ "\x11"
		  "1234567",
			8 }, /* 64 bits */
		{ "\x15"
		  "123",
			4 }, /* 32 bits */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(check(version, bad[i].bytes, bad[i].len, NULL), -EBADMSG);
	assert_int_equal(check(version,
				 "\x11"
				 "12345678"
				 "\x15"
				 "1234"
				 "\x10\x96\x01",
				 17, NULL),
		0);
}

static void test_unpack_is_bounded(void **state)
{
	enum { COUNT = 10000, BYTES_MAX = 256 * 1024 };
	CLEANUP(buf_free) struct buf b = { 0 };
	ProtobufCMessage *m = NULL;
	size_t bytes = 0;

	(void)state;
	/* DNSConfig: empty texts, two bytes each. */
	for (int i = 0; i < COUNT; i++)
		buf_add(&b, "\x0a\0", 2);
	assert_int_equal(grpc_wire_unpack(&runtime__v1__dnsconfig__descriptor,
				 (unsigned char *)b.data, b.len, BYTES_MAX, &m, &bytes),
		-ENOBUFS);
	assert_null(m);
	assert_int_equal(
		grpc_wire_unpack(&runtime__v1__dnsconfig__descriptor, (unsigned char *)b.data,
			b.len, 64 * (size_t)BYTES_MAX, &m, &bytes),
		0);
	assert_in_range(bytes, COUNT * 9, COUNT * 64); /* by allocator */
	assert_int_equal(((Runtime__V1__DNSConfig *)m)->n_servers, COUNT);
	protobuf_c_message_free_unpacked(m, NULL);
	assert_int_equal(
		grpc_wire_unpack(version, (const unsigned char *)"\x0a", 1, BYTES_MAX, &m, &bytes),
		-EBADMSG);
}

/* Memory that ends at every possible place. */
static void test_unpack_short_of_memory(void **state)
{
	static const char packed[] = "\x0a\x01p\x12\x0e\x32\x0c\x0a\x03key\x12\x05value\x7a\x01u";
	size_t bytes = 0, needed = 0;
	ProtobufCMessage *m = NULL;

	(void)state;
	for (size_t max = 0; needed == 0; max += 8) {
		assert_true(max < 1024 * 1024);
		if (grpc_wire_unpack(create, (const unsigned char *)packed, sizeof(packed) - 1, max,
			    &m, &bytes) == 0)
			needed = max;
	}
	assert_string_equal(
		((Runtime__V1__CreateContainerRequest *)m)->config->envs[0]->key, "key");
	protobuf_c_message_free_unpacked(m, NULL);
}

static void test_mend(void **state)
{
	static const char packed[] = "\x12\x11" /* config */
				     "\x1a\x02\xff"
				     "a" /* command[] */
				     "\x1a\x01"
				     "b"
				     "\x32\x08\x0a\x03k\xc3y\x12\x01"
				     "\xff"; /* envs[] */
	const Runtime__V1__CreateContainerRequest *q;
	ProtobufCMessage *m = NULL;
	size_t bytes;

	(void)state;
	assert_int_equal(grpc_wire_unpack(create, (const unsigned char *)packed, sizeof(packed) - 1,
				 65536, &m, &bytes),
		0);
	q = (const void *)m;
	grpc_wire_mend(m);
	assert_string_equal(q->pod_sandbox_id, "");
	assert_string_equal(q->config->command[0], "\xef\xbf\xbd"
						   "a");
	assert_string_equal(q->config->command[1], "b");
	assert_string_equal(q->config->envs[0]->key, "k\xef\xbf\xbdy");
	assert_int_equal(q->config->envs[0]->value.data[0], 0xff); /* bytes are as they are */
	protobuf_c_message_free_unpacked(m, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_broken_bytes),
		cmocka_unit_test(test_unpack_is_bounded),
		cmocka_unit_test(test_unpack_short_of_memory),
		cmocka_unit_test(test_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
