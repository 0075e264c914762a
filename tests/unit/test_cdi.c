/* CDI's files: what they say, and each rule that one can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cdi.h"
#include "spec/devices.h"
#include "spec/plan.h"

static int parse(const char *text, struct cdi_spec *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;

	if (json_parse(text, strlen(text), &(struct json_options){ 0 }, &doc, e) < 0)
		fail_msg("%s: %s", text, e->text);
	return cdi_parse(doc, out, e);
}

#define HEAD "{\"cdiVersion\": \"0.6.0\", \"kind\": \"vendor.com/gpu\""

static void test_names(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
	} rows[] = {
		{ "vendor.com/gpu=0", true },
		{ "v/c=all", true },
		{ "a-b_c.d/E-f_g=x:y.z_1", true },
		{ "v/c=a-", false },
		{ "v/c=-a", false },
		{ "v/c=", false },
		{ "v/c", false },
		{ "v=0", false },
		{ "/c=0", false },
		{ "v/=0", false },
		{ "1v/c=0", false },
		{ "v./c=0", false },
		{ "v/1c=0", false },
		{ "v/c-=0", false },
		{ "v/c/d=0", false },
		{ "v/c=0=1", false },
		{ "v/c=0 ", false },
		{ "", false },
	};
	CLEANUP(cleanup_free) char *a = str_fmt("v/c=%0253d", 1);
	CLEANUP(cleanup_free) char *b = str_fmt("v/c=%0254d", 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cdi_is_name(rows[i].text) != rows[i].is_good)
			fail_msg("\"%s\"", rows[i].text);
	assert_true(cdi_is_name(a));
	assert_false(cdi_is_name(b));
}

static void test_whole(void **state)
{
	static const char text[] = HEAD
		", \"annotations\": {\"a\": \"b\"}, \"containerEdits\": {\"env\": [\"A=1\", "
		"\"B=\"], \"additionalGids\": [0, 7]}, \"devices\": [{\"name\": \"0\", "
		"\"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu0\"}, {\"path\": "
		"\"/dev/x\", \"hostPath\": \"/dev/y\", \"permissions\": \"wr\", \"fileMode\": 438, "
		"\"uid\": 3, \"gid\": 4}, {\"path\": \"/dev/n\", \"hostPath\": \"/dev/y\", "
		"\"type\": "
		"\"u\", \"major\": 10, \"minor\": 229}, {\"path\": \"/dev/p\", \"type\": \"p\"}, "
		"{\"path\": \"/dev/b\", \"type\": \"b\"}], "
		"\"mounts\": [{\"hostPath\": \"/lib/a\", \"containerPath\": \"/lib/b\", "
		"\"type\": \"bind\", \"options\": [\"ro\", \"nosuid\", \"nodev\", \"rbind\", "
		"\"rslave\"]}, {\"hostPath\": \"/c\", \"containerPath\": \"/d\", \"options\": "
		"[\"rro\"]}]}}, {\"name\": \"all\", \"containerEdits\": {\"hooks\": "
		"[{\"hookName\": "
		"\"createContainer\", \"path\": \"/x\", \"args\": [\"x\", \"\"], \"env\": "
		"[\"A=\"], "
		"\"timeout\": 5}, {\"hookName\": \"prestart\", \"path\": \"/y\"}]}}]}";
	CLEANUP(cdi_spec_free) struct cdi_spec s = { 0 };
	const struct cdi_node *n;
	const struct cdi_mount *m;
	const struct cdi_hook *h;
	struct err e = { 0 };

	(void)state;
	if (parse(text, &s, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.edits.env.len, 2);
	assert_string_equal(s.edits.env.at[1], "B=");
	assert_int_equal(s.edits.gids_len, 2);
	assert_int_equal(s.edits.gids[1], 7);
	assert_int_equal(s.devices_len, 2);
	assert_ptr_equal(cdi_find(&s, "vendor.com/gpu=all"), &s.devices[1]);
	assert_null(cdi_find(&s, "vendor.com/gpu=1"));
	assert_null(cdi_find(&s, "vendor.com/gp=0"));
	assert_true(!s.devices[0].edits.refused && !s.devices[1].edits.refused);
	assert_int_equal(s.devices[1].edits.hooks_len, 2);
	h = s.devices[1].edits.hooks;
	assert_true(h[0].kind == PLAN_HOOK_CREATE_CONTAINER && h[0].timeout_s == 5);
	assert_true(str_eq(h[0].path, "/x") && h[0].args.len == 2 && h[0].env.len == 1);
	assert_true(h[1].kind == PLAN_HOOK_PRESTART && !h[1].timeout_s && !h[1].args.len);
	n = s.devices[0].edits.nodes;
	assert_string_equal(n[0].host_path, "/dev/gpu0");
	assert_true(n[0].access == 7 && n[0].mode == -1 && n[0].uid == -1 && n[0].gid == -1);
	assert_string_equal(n[1].host_path, "/dev/y");
	assert_true(n[1].access == (PLAN_READ | PLAN_WRITE) && n[1].mode == 0666 && n[1].uid == 3 &&
		    n[1].gid == 4);
	assert_null(n[2].host_path);
	assert_true(n[2].type == 'c' && n[2].major == 10 && n[2].minor == 229);
	assert_true(!n[3].host_path && n[3].type == 'p');
	assert_string_equal(n[4].host_path, "/dev/b");
	m = s.devices[0].edits.mounts;
	assert_true(m[0].read_only && m[0].no_suid && m[0].no_dev && !m[0].no_exec &&
		    m[0].is_slave && !m[0].recursive_read_only);
	assert_true(m[1].read_only && m[1].recursive_read_only);
}

#define DEVICE(edits) HEAD ", \"devices\": [{\"name\": \"a\", \"containerEdits\": {" edits "}}]}"
#define AT "devices[0].containerEdits."

static const struct {
	const char *text, *want;
} wrong_files[] = {
	{ "[]", ": must be an object" },
	{ "{}", "cdiVersion: \"\": must be given" },
	{ "{\"cdiVersion\": 1}", "cdiVersion: \"number\": has another type" },
	{ "{\"cdiVersion\": \"0.2.0\", \"kind\": \"a/b\", \"devices\": []}",
		"cdiVersion: \"0.2.0\": must be 0.3.0 to 0.8.0 or 1.0.0" },
	{ "{\"cdiVersion\": \"1.0.0\", \"kind\": \"a\", \"devices\": []}",
		"kind: \"a\": must be VENDOR/CLASS" },
	{ HEAD "}", "devices: \"\": must be given" },
	{ HEAD ", \"devices\": []}", "devices: \"\": must not be empty" },
	{ HEAD ", \"device\": []}", ": \"device\": CDI has no such field" },
	{ HEAD ", \"devices\": [1]}", "devices[0]: must be an object" },
	{ HEAD ", \"devices\": [{\"name\": \"a\"}]}",
		"devices[0].containerEdits: \"\": must be given" },
	{ HEAD ", \"devices\": [{\"name\": \"a b\", \"containerEdits\": {}}]}",
		"devices[0].name: \"a b\": must be letters, digits, '_', '-', '.' and ':', "
		"with one of the first two at both ends" },
	{ HEAD ", \"devices\": [{\"name\": \"a\", \"containerEdits\": {}}, {\"name\": "
	       "\"a\", \"containerEdits\": {}}]}",
		"devices[1].name: \"a\": is there twice" },
	{ HEAD ", \"containerEdits\": {\"envs\": []}, \"devices\": []}",
		"containerEdits: \"envs\": CDI has no such field" },
	{ DEVICE("\"env\": [\"A=1\", \"B\"]"), AT "env[1]: \"B\": must be NAME=VALUE" },
	{ DEVICE("\"env\": [\"=B\"]"), AT "env[0]: \"=B\": must be NAME=VALUE" },
	{ DEVICE("\"env\": [1]"), AT "env[0]: \"\": must be NAME=VALUE" },
	{ DEVICE("\"env\": [\"A=\\u0000\"]"), AT "env[0]: \"A=\": must be NAME=VALUE" },
	{ DEVICE("\"additionalGids\": [-1]"),
		AT "additionalGids[0]: \"\": must be a number from 0 to 2147483647" },
	{ DEVICE("\"deviceNodes\": [{}]"), AT "deviceNodes[0].path: \"\": must be given" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"dev\"}]"),
		AT "deviceNodes[0].path: \"dev\": must be an absolute path without "
		   "\"..\"" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/dev/../x\"}]"),
		AT "deviceNodes[0].path: \"/dev/../x\": must be an absolute path without "
		   "\"..\"" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"type\": \"x\"}]"),
		AT "deviceNodes[0].type: \"x\": must be b, c, u or p" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"permissions\": \"rwx\"}]"),
		AT "deviceNodes[0].permissions: \"rwx\": must be some of r, w and m" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"fileMode\": 4096}]"),
		AT "deviceNodes[0].fileMode: \"4096\": is out of range" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"major\": 4096}]"),
		AT "deviceNodes[0].major: \"4096\": is out of range" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"uid\": -1}]"),
		AT "deviceNodes[0].uid: \"-1\": is out of range" },
	{ DEVICE("\"deviceNodes\": [{\"path\": \"/d\", \"minor\": 1.5}]"),
		AT "deviceNodes[0].minor: \"1.5\": is out of range" },
	{ DEVICE("\"mounts\": [{\"hostPath\": \"/a\"}]"),
		AT "mounts[0].containerPath: \"\": must be given" },
	{ DEVICE("\"mounts\": [{\"hostPath\": \"a\", \"containerPath\": \"/b\"}]"),
		AT "mounts[0].hostPath: \"a\": must be an absolute path without \"..\"" },
	{ DEVICE("\"mounts\": [{\"hostPath\": \"/a\", \"containerPath\": \"/b\", "
		 "\"options\": [\"rro\", \"shared\"]}]"),
		AT "mounts[0].options: \"\": exclude each other" },
	{ DEVICE("\"hooks\": [{\"path\": \"/x\"}]"), AT "hooks[0].hookName: \"\": must be given" },
	{ DEVICE("\"hooks\": [{\"hookName\": \"x\", \"path\": \"/x\"}]"),
		AT "hooks[0].hookName: \"x\": there is no such hook" },
	{ DEVICE("\"hooks\": [{\"hookName\": \"prestart\", \"path\": \"x\"}]"),
		AT "hooks[0].path: \"x\": must be an absolute path without \"..\"" },
	{ DEVICE("\"hooks\": [{\"hookName\": \"prestart\", \"path\": \"/x\", "
		 "\"timeout\": 86401}]"),
		AT "hooks[0].timeout: \"86401\": is out of range" },
	{ DEVICE("\"hooks\": [{\"hookName\": \"prestart\", \"path\": \"/x\", "
		 "\"args\": [1]}]"),
		AT "hooks[0].args[0]: \"\": must be a text without NUL" },
	{ DEVICE("\"hooks\": [{\"hookName\": \"prestart\", \"path\": \"/x\", "
		 "\"env\": [\"x\"]}]"),
		AT "hooks[0].env[0]: \"x\": must be NAME=VALUE" },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong_files); i++) {
		struct cdi_spec s = { 0 };
		struct err e = { 0 };

		assert_int_equal(parse(wrong_files[i].text, &s, &e), -EINVAL);
		if (!str_eq(e.text, wrong_files[i].want))
			fail_msg("%s\n got: %s\nwant: %s", wrong_files[i].text, e.text,
				wrong_files[i].want);
		assert_null(s.devices);
	}
}

/* It is a good file; only who asks for such a device is refused. */
static void test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ DEVICE("\"hooks\": [{\"hookName\": \"poststop\", \"path\": \"/x\"}]"),
			AT "hooks[0].hookName: \"poststop\": carpel runs prestart, createRuntime "
			   "and createContainer hooks only" },
		{ DEVICE("\"intelRdt\": {\"closID\": \"x\"}"),
			"devices[0].containerEdits: \"intelRdt\": carpel does not have it" },
		{ DEVICE("\"netDevices\": [{}]"),
			"devices[0].containerEdits: \"netDevices\": carpel does not have it" },
		{ DEVICE("\"mounts\": [{\"hostPath\": \"/a\", \"containerPath\": \"/b\", "
			 "\"type\": \"tmpfs\"}]"),
			AT "mounts[0]: \"tmpfs\": carpel makes no mounts of this type for CDI" },
		{ DEVICE("\"mounts\": [{\"hostPath\": \"/a\", \"containerPath\": \"/b\", "
			 "\"options\": [\"ro\", \"dev\"]}]"),
			AT "mounts[0].options[1]: \"dev\": carpel does not know this option" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cdi_spec_free) struct cdi_spec s = { 0 };
		struct err e = { 0 };

		if (parse(rows[i].text, &s, &e) < 0)
			fail_msg("%s", e.text);
		assert_string_equal(s.devices[0].edits.refused, rows[i].want);
	}
}

static void test_lists(void **state)
{
	static const struct {
		const char *text, *entry, *why;
	} wrong[] = {
		{ "", "", "must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME" },
		{ "/dev/a,", "", "must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME" },
		{ "a/b=c,gpu", "gpu", "must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME" },
		{ "/dev/a:b", "/dev/a:b", "the access must be some of r, w and m" },
		{ "/dev/a:", "/dev/a:", "the access must be some of r, w and m" },
		{ "/dev/a:/b:", "/dev/a:/b:", "the access must be some of r, w and m" },
		{ "/dev/a:/b:rwmr", "/dev/a:/b:rwmr", "the access must be some of r, w and m" },
		{ "/dev/../a", "/dev/../a", "a path must be absolute and without \"..\"" },
		{ "/dev/a:/..:r", "/dev/a:/..:r", "a path must be absolute and without \"..\"" },
	};
	CLEANUP(devices_asked_free) struct devices_asked d = { 0 };
	CLEANUP(cleanup_free) char *none = NULL;

	(void)state;
	assert_null(devices_read_list(
		"/dev/a,v/c=0,/dev/b:/x/y,/dev/c:r,v/c=0,/dev/d:/e:mw,v/c=1", &d, &none));
	assert_int_equal(d.len, 4);
	assert_int_equal(d.cdi.len, 2);
	assert_true(str_eq(d.at[0].path, "/dev/a") && d.at[0].access == 7);
	assert_true(str_eq(d.at[1].host_path, "/dev/b") && str_eq(d.at[1].path, "/x/y") &&
		    d.at[1].access == 7);
	assert_true(str_eq(d.at[2].path, "/dev/c") && d.at[2].access == PLAN_READ);
	assert_true(str_eq(d.at[3].path, "/e") && d.at[3].access == (PLAN_MKNOD | PLAN_WRITE));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(devices_asked_free) struct devices_asked x = { 0 };
		CLEANUP(cleanup_free) char *entry = NULL;
		const char *why = devices_read_list(wrong[i].text, &x, &entry);

		if (!str_eq(why, wrong[i].why))
			fail_msg("\"%s\": %s", wrong[i].text, why ? why : "is fine");
		assert_string_equal(entry, wrong[i].entry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
