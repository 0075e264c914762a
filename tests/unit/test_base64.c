#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"

struct pair {
	const char *plain, *text;
};

/* RFC 4648, section 10, and the two digits that the alphabets differ in. */
static const struct pair pairs[] = {
	{ "", "" },                         /* */
	{ "f", "Zg==" },                    /* */
	{ "fo", "Zm8=" },                   /* */
	{ "foo", "Zm9v" },                  /* */
	{ "foob", "Zm9vYg==" },             /* */
	{ "fooba", "Zm9vYmE=" },            /* */
	{ "foobar", "Zm9vYmFy" },           /* */
	{ "\xfb\xef\xff\xfe", "++///g==" }, /* */
};

static void test_what_is_written_reads_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(buf_free) struct buf plain = { 0 };

		base64_write(pairs[i].plain, strlen(pairs[i].plain), &text);
		assert_string_equal(text.data ? text.data : "", pairs[i].text);
		assert_int_equal(base64_read(pairs[i].text, strlen(pairs[i].text), &plain), 0);
		assert_int_equal(plain.len, strlen(pairs[i].plain));
		assert_string_equal(plain.data ? plain.data : "", pairs[i].plain);
	}
}

static void test_written_for_urls(void **state)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)state;
	base64_write_url("\xfb\xef\xff\xfe", 4, &text);
	assert_string_equal(text.data, "--___g");
}

static void test_every_byte(void **state)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf plain = { 0 };
	unsigned char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	base64_write(bytes, sizeof(bytes), &text);
	assert_int_equal(text.len, 344);
	assert_int_equal(base64_read(text.data, text.len, &plain), 0);
	assert_int_equal(plain.len, sizeof(bytes));
	assert_memory_equal(plain.data, bytes, sizeof(bytes));
}

static void test_other_forms_are_read(void **state)
{
	static const struct pair forms[] = {
		{ "\xfb\xef\xff\xfe", "--___g==" }, /* the URL's alphabet */
		{ "f", "Zg" },                      /* no padding */
		{ "fo", "Zm8" },                    /* */
		{ "foob", "Zm9vYg" },               /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(buf_free) struct buf plain = { 0 };

		assert_int_equal(base64_read(forms[i].text, strlen(forms[i].text), &plain), 0);
		assert_string_equal(plain.data, forms[i].plain);
	}
}

static void test_refused(void **state)
{
	static const char *const wrong[] = { "Z", "A", "AAAAA", "Zm9vY", "Z===", "Zg=", "Zm9=v",
		"=", "==", "====", "Zm9v=", "Zm9v====", "Zg==Zg==", "Zm 9", "Zm9\n", "Zm9*",
		"Zh==", "Zm9=", "Zh", "Zm9\xff" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(buf_free) struct buf plain = { 0 };

		if (base64_read(wrong[i], strlen(wrong[i]), &plain) != -EINVAL)
			fail_msg("\"%s\" was read", wrong[i]);
	}
}

static void test_a_nul_is_no_digit(void **state)
{
	CLEANUP(buf_free) struct buf plain = { 0 };

	(void)state;
	assert_int_equal(base64_read("Zm9v\0m9v", 8, &plain), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_reads_back),
		cmocka_unit_test(test_written_for_urls),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_other_forms_are_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_a_nul_is_no_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
