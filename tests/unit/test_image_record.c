/* Names of images and their records: what finds what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "image/name.h"
#include "image/record.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void names_become_whole(void **state)
{
	static const struct {
		const char *given, *want; /* want NULL: refused */
	} rows[] = {
		{ "web", "docker.io/library/web:latest" },
		{ "web:1.2", "docker.io/library/web:1.2" },
		{ "library/web", "docker.io/library/web:latest" },
		{ "me/web", "docker.io/me/web:latest" },
		{ "docker.io/busybox", "docker.io/library/busybox:latest" },
		{ "index.docker.io/busybox", "docker.io/library/busybox:latest" },
		{ "docker.io/library/busybox:latest", "docker.io/library/busybox:latest" },
		{ "localhost/web", "localhost/web:latest" },
		{ "localhost:5000/web:x", "localhost:5000/web:x" },
		{ "Host.example/a/b__c/d--e.f:T_1.x-", "Host.example/a/b__c/d--e.f:T_1.x-" },
		{ "web@sha256:" HEX_A, "docker.io/library/web@sha256:" HEX_A },
		{ "web:1@sha256:" HEX_A,
			"docker.io/library/web@sha256:" HEX_A }, /* the digest wins */
		{ "", NULL },
		{ "Web", NULL },
		{ "web:", NULL },
		{ "web:.x", NULL },
		{ "web:a/b", NULL },
		{ "web/", NULL },
		{ "/web", NULL },
		{ "a//b", NULL },
		{ "../web", NULL },
		{ "a/../b", NULL },
		{ "a___b", NULL },
		{ "a..b", NULL },
		{ "-a", NULL },
		{ "a-", NULL },
		{ "we b", NULL },
		{ "we\nb", NULL },
		{ "a+b", NULL },
		{ "host:0/web", NULL },
		{ "host:x/web", NULL },
		{ "-h.x/web", NULL },
		{ "web@sha256:12", NULL },
		{ "web@md5:" HEX_A, NULL },
		{ HEX_A, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *ref = NULL;
		struct err e = { 0 };
		int rc = image_name_normalise(rows[i].given, &ref, &e);

		if (rows[i].want) {
			assert_int_equal(rc, 0);
			assert_string_equal(ref, rows[i].want);
		} else {
			assert_int_equal(rc, -EINVAL);
			assert_non_null(strstr(e.text, "image name"));
			assert_null(ref);
		}
	}
}

static void names_are_bounded(void **state)
{
	char name[300];
	CLEANUP(cleanup_free) char *ref = NULL;
	struct err e = { 0 };

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(image_name_normalise(name, &ref, &e), -EINVAL);
	name[200] = '\0';
	assert_int_equal(image_name_normalise(name, &ref, &e), 0);
}

static void every_name_has_its_own_file(void **state)
{
	CLEANUP(cleanup_free) char *file = image_record_file("docker.io/library/web:latest");

	(void)state;
	assert_string_equal(file, "docker.io+library+web:latest.json");
}

/* A store in a directory of its own. */
static int make_store(void **state)
{
	char *path = strdup("/tmp/carpel-test-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	*state = path;
	return 0;
}

static int remove_store(void **state)
{
	assert_int_equal(fd_remove_tree(AT_FDCWD, *state, NULL), 0);
	free(*state);
	return 0;
}

static void put(const char *store, const char *file, const char *text)
{
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/images", store);
	CLEANUP(cleanup_fd) int fd = -1;

	(void)mkdir(dir, 0700);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_replace_file(fd, file, text, strlen(text), FD_SURVIVES_CRASH, NULL), 0);
}

#define RECORD(name, ref, rest)                                                                    \
	"{\"name\":\"" name "\",\"ref\":\"" ref "\",\"id\":\"sha256:" HEX_A                        \
	"\",\"layers\":[\"sha256:" HEX_B "\",\"sha256:" HEX_A                                      \
	"\"],\"sizeBytes\":12,\"createdAt\":\"2026-11-24T14:20:05Z\"" rest "}"

#define WEB_FILE "docker.io+library+web:1.json"
#define WEB(rest) RECORD("web:1", "docker.io/library/web:1", rest)

static void every_form_of_the_name_finds_it(void **state)
{
	static const char *const forms[] = { "web:1", "docker.io/web:1", "docker.io/library/web:1",
		"sha256:" HEX_A, "web@sha256:" HEX_B, "web:7@sha256:" HEX_B };
	static const char *const others[] = { "web", "webs:1", "docker.io/me/web:1",
		"sha256:" HEX_B, "web@sha256:" HEX_A, "we@sha256:" HEX_B };

	put(*state, WEB_FILE, WEB(",\"digest\":\"sha256:" HEX_B "\""));
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(image_record_free) struct image_record r = { 0 };
		struct err e = { 0 };

		assert_int_equal(image_record_find(*state, forms[i], &r, &e), 0);
		assert_string_equal(r.name, "web:1");
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct image_record r = { 0 };
		struct err e = { 0 };

		assert_int_equal(image_record_find(*state, others[i], &r, &e), -ENOENT);
		assert_non_null(strstr(e.text, "is not in"));
		assert_null(r.name);
	}
}

static void layers_are_directories_of_the_store(void **state)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(cleanup_free) char *top = str_fmt("%s/layers/" HEX_B, (char *)*state);

	put(*state, WEB_FILE, WEB(""));
	assert_int_equal(image_record_find(*state, "web:1", &r, NULL), 0);
	assert_int_equal(r.layers.len, 2);
	assert_string_equal(r.layers.at[0], top);
}

static void a_record_survives_writing_and_reading(void **state)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(cleanup_json) struct json *first = NULL, *second = NULL;
	const char *text = WEB(
		",\"digest\":\"sha256:" HEX_B "\",\"config\":{\"User\":\"1:2\",\"Env\":[\"A=b\"],"
		"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"\"],\"WorkingDir\":\"/w\","
		"\"StopSignal\":\"QUIT\",\"Volumes\":[\"/v\"]}");

	(void)state;
	assert_int_equal(
		json_parse(text, strlen(text), &(struct json_options){ 0 }, &first, NULL), 0);
	assert_int_equal(image_record_parse("/s", first, &r, NULL), 0);
	assert_string_equal(r.user, "1:2");
	assert_string_equal(r.env.at[0], "A=b");
	assert_string_equal(r.entrypoint.at[0], "/e");
	assert_int_equal(r.cmd.len, 2);
	assert_string_equal(r.working_dir, "/w");
	assert_string_equal(r.stop_signal, "QUIT");
	assert_string_equal(r.volumes.at[0], "/v");
	assert_int_equal(r.size_bytes, 12);
	second = image_record_json(&r);
	assert_true(json_equal(first, second));
}

static void what_is_not_a_record_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"{}",
		RECORD("web:2", "docker.io/library/web:1", ""), /* name and ref differ */
		WEB(",\"digest\":\"x\""),
		WEB(",\"config\":[]"),
		WEB(",\"config\":{\"User\":5}"),
		WEB(",\"config\":{\"User\":\"a\\u0000b\"}"),
		WEB(",\"config\":{\"Env\":\"A=b\"}"),
		WEB(",\"config\":{\"Env\":[1]}"),
		WEB(",\"id\":\"sha256:" HEX_A "\""), /* twice */
		"{\"name\":\"web:1\",\"ref\":\"docker.io/library/web:1\",\"id\":\"sha256:" HEX_A
		"\",\"layers\":[\"../../"
		"etc\"],\"sizeBytes\":1,\"createdAt\":\"2026-11-24T14:20:05Z\"}",
		"{\"name\":\"web:1\",\"ref\":\"docker.io/library/web:1\",\"id\":\"sha256:" HEX_A
		"\",\"layers\":[],\"sizeBytes\":1,\"createdAt\":\"2026-11-24T14:20:05Z\"}",
		"{\"name\":\"web:1\",\"ref\":\"docker.io/library/web:1\",\"id\":\"sha256:" HEX_A
		"\",\"layers\":"
		"[\"sha256:" HEX_B "\"],\"sizeBytes\":-1,\"createdAt\":\"2026-11-24T14:20:05Z\"}",
		"{\"name\":\"web:1\",\"ref\":\"docker.io/library/web:1\",\"id\":\"sha256:" HEX_A
		"\",\"layers\":"
		"[\"sha256:" HEX_B "\"],\"sizeBytes\":1,\"createdAt\":\"today\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct image_record r = { 0 };
		struct image_list list = { 0 };
		struct err e = { 0 };

		put(*state, WEB_FILE, rows[i]);
		assert_true(image_record_find(*state, "web:1", &r, &e) < 0);
		assert_non_null(strstr(e.text, WEB_FILE)); /* says which file it is */
		assert_true(image_record_list(*state, &list, &e) < 0);
		assert_null(list.at);
	}
}

static void the_list_is_sorted_and_skips_unfinished_files(void **state)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };

	assert_int_equal(image_record_list(*state, &list, NULL), 0);
	assert_int_equal(list.len, 0); /* no store yet */
	put(*state, WEB_FILE, WEB(""));
	put(*state, "docker.io+library+app:1.json", RECORD("app:1", "docker.io/library/app:1", ""));
	put(*state, ".docker.io+library+x:1.json.12.0", "{");
	assert_int_equal(image_record_list(*state, &list, NULL), 0);
	assert_int_equal(list.len, 2);
	assert_string_equal(list.at[0].name, "app:1");
	assert_string_equal(list.at[1].name, "web:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_whole),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(every_name_has_its_own_file),
		cmocka_unit_test_setup_teardown(
			every_form_of_the_name_finds_it, make_store, remove_store),
		cmocka_unit_test_setup_teardown(
			layers_are_directories_of_the_store, make_store, remove_store),
		cmocka_unit_test(a_record_survives_writing_and_reading),
		cmocka_unit_test_setup_teardown(
			what_is_not_a_record_is_refused, make_store, remove_store),
		cmocka_unit_test_setup_teardown(
			the_list_is_sorted_and_skips_unfinished_files, make_store, remove_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
