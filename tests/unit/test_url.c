#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "probes/url.h"

struct path_case {
	const char *path, *target; /* as in the request line */
	const char *text;          /* as in messages; NULL: as the target */
};

/* What Kubernetes 1.37 was measured to send, and what Go's net/url says of the rest. */
static const struct path_case paths[] = {
	{ "health", "/health", NULL },
	{ "", "/", "http://10.0.0.5:80" },
	{ "/", "/", NULL },
	{ "?q=1", "/?q=1", "http://10.0.0.5:80?q=1" },
	{ "/a b", "/a%20b", NULL },
	{ "/a%20b", "/a%20b", NULL },
	{ "/a%2fb", "/a%2fb", NULL },
	{ "/a%2fb c", "/a/b%20c", NULL }, /* one bad byte, and the whole path is printed anew */
	{ "/a?b=c d", "/a?b=c d", NULL },
	{ "/a?", "/a?", NULL },
	{ "//x/y", "/y", NULL },
	{ "//x", "/", "http://10.0.0.5:80" },
	{ "///x", "///x", NULL },
	{ "//x:port/y", "//x:port/y", NULL },
	{ "//user:pw@x/y", "/y", NULL },
	{ "http://other:99/z", "/z", NULL },
	{ "/%zz", "/%25zz", NULL },
	{ "/%zz?q", "/%25zz%3Fq", NULL },
	{ ":foo", "/:foo", NULL },
	{ "a:/b", "/b", NULL },
	{ "a/b:c", "/a/b:c", NULL },
	{ "1a:b", "/1a:b", NULL },
	{ "/a#f", "/a", "http://10.0.0.5:80/a#f" },
	{ "/a#%zz", "/a%23%25zz", NULL },
	{ "/a\tb", "/a%09b", NULL },
	{ "*", "/*", NULL },
	{ "/a!(b)*[c]", "/a!(b)*[c]", NULL },
	{ "/\xc3\xa4", "/%C3%A4", NULL },
	{ "/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D", NULL },
};

static char *target_of(const struct url *u)
{
	struct buf out = { 0 };

	url_add_target(u, &out);
	return buf_take(&out);
}

static void test_probe_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(url_free) struct url u = { 0 };
		CLEANUP(cleanup_free) char *target = NULL, *text = NULL, *want = NULL;

		url_for_probe("10.0.0.5", 80, paths[i].path, &u);
		target = target_of(&u);
		text = url_text(&u);
		want = paths[i].text ? str_dup(paths[i].text)
				     : str_fmt("http://10.0.0.5:80%s", paths[i].target);
		assert_string_equal(target, paths[i].target);
		assert_string_equal(text, want);
		assert_string_equal(u.host, "10.0.0.5:80");
	}
}

static void test_ipv6_is_bracketed(void **state)
{
	CLEANUP(url_free) struct url u = { 0 };
	CLEANUP(cleanup_free) char *name = NULL;

	(void)state;
	url_for_probe("fd00::5", 8080, "/x", &u);
	name = url_hostname(&u);
	assert_string_equal(u.host, "[fd00::5]:8080");
	assert_string_equal(name, "fd00::5");
	assert_int_equal(url_port(&u), 8080);
}

struct location_case {
	const char *location, *text, *hostname;
	int port;
};

static const struct location_case locations[] = {
	{ "/next", "http://10.0.0.5:80/next", "10.0.0.5", 80 },
	{ "next?x", "http://10.0.0.5:80/a/next?x", "10.0.0.5", 80 },
	{ "../up/./x", "http://10.0.0.5:80/up/x", "10.0.0.5", 80 },
	{ "../../../..", "http://10.0.0.5:80/", "10.0.0.5", 80 },
	{ ".", "http://10.0.0.5:80/a/", "10.0.0.5", 80 },
	{ "?only", "http://10.0.0.5:80/a/b?only", "10.0.0.5", 80 },
	{ "#frag", "http://10.0.0.5:80/a/b?q=1#frag", "10.0.0.5", 80 },
	{ "//10.0.0.5:81/x", "http://10.0.0.5:81/x", "10.0.0.5", 81 },
	{ "http://10.0.0.5/x", "http://10.0.0.5/x", "10.0.0.5", 0 },
	{ "HTTP://10.0.0.5:8080", "http://10.0.0.5:8080", "10.0.0.5", 8080 },
	{ "https://10.0.0.5/x", "https://10.0.0.5/x", "10.0.0.5", 0 },
	{ "http://[fd00::1]/x", "http://[fd00::1]/x", "fd00::1", 0 },
	{ "http://evil.example/x", "http://evil.example/x", "evil.example", 0 },
	{ "http://user@10.0.0.5:80/x", "http://10.0.0.5:80/x", "10.0.0.5", 80 },
	{ "http://10.0.0.5:99999/", "http://10.0.0.5:99999/", "10.0.0.5", -1 },
	{ "http://10.0.0.5:/x", "http://10.0.0.5:/x", "10.0.0.5", 0 },
};

static void test_locations(void **state)
{
	CLEANUP(url_free) struct url base = { 0 };

	(void)state;
	url_for_probe("10.0.0.5", 80, "/a/b?q=1", &base);
	for (size_t i = 0; i < ARRAY_LEN(locations); i++) {
		CLEANUP(url_free) struct url u = { 0 };
		CLEANUP(cleanup_free) char *text = NULL, *name = NULL;

		assert_int_equal(url_resolve(&base, locations[i].location, &u, NULL), 0);
		text = url_text(&u);
		name = url_hostname(&u);
		assert_string_equal(text, locations[i].text);
		assert_string_equal(name, locations[i].hostname);
		assert_int_equal(url_port(&u), locations[i].port);
	}
}

static void test_bad_locations(void **state)
{
	static const char *const bad[][2] = {
		{ ":x", "missing protocol scheme" },
		{ "/%zz", "invalid URL escape \"%zz\"" },
		{ "/%z", "invalid URL escape \"%z\"" },
		{ "http://a:b/", "invalid port \":b\" after host" },
		{ "http://a b/", "invalid character \" \" in host name" },
		{ "http://[::1/", "missing ']' in host" },
		{ "http://[::1]x/", "invalid port \"x\" after host" },
		{ "1:2", "first path segment in URL cannot contain colon" },
		{ "/a\x01", "net/url: invalid control character in URL" },
	};
	CLEANUP(url_free) struct url base = { 0 };

	(void)state;
	url_for_probe("10.0.0.5", 80, "/", &base);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		struct url u = { 0 };

		assert_int_equal(url_resolve(&base, bad[i][0], &u, &e), -EINVAL);
		assert_string_equal(e.text, bad[i][1]);
		assert_null(u.path);
	}
}

static void test_quote(void **state)
{
	static char long_text[1000];
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	url_quote(&out, "a\"b\\c\r\n\t\x01", 9);
	assert_string_equal(out.data, "\"a\\\"b\\\\c\\r\\n\\t\\x01\"");
	buf_clear(&out);
	memset(long_text, 'x', sizeof(long_text));
	url_quote(&out, long_text, sizeof(long_text));
	assert_int_equal(out.len, 256 + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_paths),
		cmocka_unit_test(test_ipv6_is_bracketed),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_bad_locations),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
