#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "spec/plan_keys.h"

/* Plans are written here as a person would, a record a line. */
static int parse(const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free) char *bytes = str_dup(lines);
	size_t len = strlen(lines);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\n')
			bytes[i] = '\0';
	return plan_parse(bytes, len, p, e);
}

static void accept(const char *lines, struct plan *p)
{
	struct err e = { 0 };
	int rc = parse(lines, p, &e);

	if (rc < 0)
		print_error("%s", e.text);
	assert_int_equal(rc, 0);
}

static void assert_strv(const struct strv *v, const char *first, const char *second)
{
	assert_int_equal(v->len, second ? 2 : 1);
	assert_string_equal(v->at[0], first);
	if (second)
		assert_string_equal(v->at[1], second);
}

static const char sandbox[] = "kind=sandbox\nid=s1\npause=/p\n";
static const char container[] =
	"kind=container\nid=c1\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\narg=sh\n";
static const char process[] = "kind=exec\nid=e1\npause-fd=5\narg=sh\n";

static void test_least_plans(void **state)
{
	static const char *const plans[] = { sandbox, container, process };
	static const enum plan_kind kinds[] = { PLAN_SANDBOX, PLAN_CONTAINER, PLAN_EXEC };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		CLEANUP(plan_free) struct plan p;

		accept(plans[i], &p);
		assert_int_equal(p.kind, kinds[i]);
		assert_int_equal(p.result_fd, -1);
		assert_int_equal(p.stdin_fd, -1);
		assert_int_equal(p.stdout_fd, -1);
		assert_int_equal(p.stderr_fd, -1);
		assert_int_equal(p.tty_fd, -1);
		assert_int_equal(p.seccomp_fd, -1);
		assert_null(p.cgroup_v2);
		assert_false(p.has_oom_score_adj);
	}
}

static const char full_sandbox[] = "kind=sandbox\nid=s1\nresult-fd=4\ncgroup=/c/1\ncgroup=/c/2\n"
				   "cgroup-v2=/u/1\npause=/bin/pause\nhostname=Web-1.x\n"
				   "host-network=1\nhost-ipc=0\nsysctl=kernel.shm_rmid_forced=1\n"
				   "sysctl=fs.mqueue.msg_max=10 20\tx\nshm-bytes=1048576\n"
				   "oom-score-adj=-998\n";

static void test_every_key_of_a_sandbox(void **state)
{
	CLEANUP(plan_free) struct plan p;

	(void)state;
	accept(full_sandbox, &p);
	plan_free(&p); /* leaves an empty one */
	assert_int_equal(p.result_fd, -1);
	accept(full_sandbox, &p);
	assert_string_equal(p.id, "s1");
	assert_int_equal(p.result_fd, 4);
	assert_strv(&p.cgroups, "/c/1", "/c/2");
	assert_string_equal(p.cgroup_v2, "/u/1");
	assert_string_equal(p.pause_path, "/bin/pause");
	assert_string_equal(p.hostname, "Web-1.x");
	assert_true(p.host_network);
	assert_false(p.host_ipc);
	assert_int_equal(p.sysctls_len, 2);
	assert_string_equal(p.sysctls[0].name, "kernel.shm_rmid_forced");
	assert_string_equal(p.sysctls[0].value, "1");
	assert_string_equal(p.sysctls[1].name, "fs.mqueue.msg_max");
	assert_string_equal(p.sysctls[1].value, "10 20\tx");
	assert_int_equal(p.shm_bytes, 1048576);
	assert_int_equal(p.oom_score_adj, -998);
	assert_true(p.has_oom_score_adj);
}

static const char full_container[] =
	"kind=container\nid=c1\nresult-fd=10\npause-fd=11\nstdin-fd=12\nstdout-fd=13\n"
	"stderr-fd=14\ntty-fd=15\nseccomp-fd=16\nlower=/l/2\nlower=/l/1\nupper=/up\nwork=/wk\n"
	"read-only-root=1\npid=pod\nprivileged=1\nmount=/a:/b\nmount=ro,file,/a\\:\\\\b:/c\n"
	"mount=file,/e:/f,ro\nmount=ro,/g:/h\narg=sh\narg=\nenv=A=b=c\nenv=E=\ncwd=/tmp\n"
	"user=1000:users\ngroup=0\ngroup=2147483647\nmerge-groups=1\nrefuse-root=1\n"
	"caps=1ffffffffff\nno-new-privs=1\noom-score-adj=0\n";

static void assert_mount(const struct plan_mount *m, const char *source, const char *target,
	bool is_read_only, bool is_file)
{
	assert_string_equal(m->source, source);
	assert_string_equal(m->target, target);
	assert_int_equal(m->read_only, is_read_only);
	assert_int_equal(m->is_file, is_file);
}

static void test_every_key_of_a_container(void **state)
{
	CLEANUP(plan_free) struct plan p;

	(void)state;
	accept(full_container, &p);
	assert_int_equal(p.result_fd, 10);
	assert_int_equal(p.pause_fd, 11);
	assert_int_equal(p.stdin_fd, 12);
	assert_int_equal(p.stdout_fd, 13);
	assert_int_equal(p.stderr_fd, 14);
	assert_int_equal(p.tty_fd, 15);
	assert_int_equal(p.seccomp_fd, 16);
	assert_strv(&p.lowers, "/l/2", "/l/1");
	assert_string_equal(p.upper, "/up");
	assert_string_equal(p.work, "/wk");
	assert_true(p.read_only_root && p.privileged);
	assert_int_equal(p.pid, PLAN_PID_POD);
	assert_int_equal(p.mounts_len, 4);
	assert_mount(&p.mounts[0], "/a", "/b", false, false);
	assert_mount(&p.mounts[1], "/a:\\b", "/c", true, true);
	assert_mount(&p.mounts[2], "/e", "/f,ro", false, true);
	assert_mount(&p.mounts[3], "/g", "/h", true, false);
	assert_strv(&p.args, "sh", "");
	assert_strv(&p.env, "A=b=c", "E=");
	assert_string_equal(p.cwd, "/tmp");
	assert_string_equal(p.user, "1000:users");
	assert_strv(&p.groups, "0", "2147483647");
	assert_true(p.merge_image_groups && p.refuse_root && p.no_new_privs);
	assert_true(p.caps == 0x1ffffffffff);
	assert_true(p.has_oom_score_adj);
	assert_int_equal(p.oom_score_adj, 0);
}

/* One flag at a time: each key has a place of its own. */
static void test_flags_are_apart(void **state)
{
	static const struct {
		const char *plan, *key;
		size_t at;
	} flags[] = {
		{ sandbox, "host-network", offsetof(struct plan, host_network) },
		{ sandbox, "host-ipc", offsetof(struct plan, host_ipc) },
		{ container, "read-only-root", offsetof(struct plan, read_only_root) },
		{ container, "privileged", offsetof(struct plan, privileged) },
		{ process, "merge-groups", offsetof(struct plan, merge_image_groups) },
		{ process, "refuse-root", offsetof(struct plan, refuse_root) },
		{ process, "no-new-privs", offsetof(struct plan, no_new_privs) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		CLEANUP(cleanup_free)
		char *lines = str_fmt("%s%s=1\n", flags[i].plan, flags[i].key);
		CLEANUP(plan_free) struct plan p;

		accept(lines, &p);
		for (size_t k = 0; k < ARRAY_LEN(flags); k++)
			assert_int_equal(*((const char *)&p + flags[k].at), i == k);
	}
}

struct refusal {
	const char *base, *line, *want;
};

#define NET "want NAME=VALUE with the name of a sysctl of the pod's namespaces"
#define MOUNT PLAN_MOUNT_WANT
#define NAME "want 1 to 253 characters without blanks"
#define HOST "want letters, digits, '-' and '.', 64 at most"
#define HEX "want a mask of 1 to 16 lower-case hexadecimal digits"
#define ID "want a number from 0 to 2147483647"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const struct refusal values[] = {
	{ "", "kind=pod", "kind=pod: want sandbox, container, exec or bundle" },
	{ "", "kind=", "kind=: want sandbox, container, exec or bundle" },
	{ "kind=exec\n", "id=", "id=: " NAME },
	{ "kind=exec\n", "id= a", "id= a: " NAME },
	{ "kind=exec\n", "id=a\tb", "id=a\tb: " NAME },
	{ "kind=exec\n", "id=a\x7f", "id=a\x7f: " NAME },
	{ "kind=exec\n", "id=" X64 X64 X64 X64, "id=" X64 ": " NAME },
	{ process, "stdin-fd=", "stdin-fd=: want a number from -1 to 1048576" },
	{ process, "stdin-fd=-2", "stdin-fd=-2: want a number from -1 to 1048576" },
	{ process, "stdin-fd=1048577", "stdin-fd=1048577: want a number from -1 to 1048576" },
	{ process, "stdin-fd=x", "stdin-fd=x: want a number from -1 to 1048576" },
	{ process, "stdin-fd= 1", "stdin-fd= 1: want a number from -1 to 1048576" },
	{ process, "stdin-fd=3", "stdin-fd=3: the plan itself is there" },
	{ process, "oom-score-adj=1001", "oom-score-adj=1001: want a number from -1000 to 1000" },
	{ process, "oom-score-adj=-1001", "oom-score-adj=-1001: want a number from -1000 to 1000" },
	{ sandbox, "shm-bytes=-1", "shm-bytes=-1: want a number from 0 to 9223372036854775807" },
	{ sandbox, "shm-bytes=9223372036854775808",
		"shm-bytes=9223372036854775808: want a number from 0 to 9223372036854775807" },
	{ process, "caps=", "caps=: " HEX },
	{ process, "caps=0x1", "caps=0x1: " HEX },
	{ process, "caps=F", "caps=F: " HEX },
	{ process, "caps=00000000000000001", "caps=00000000000000001: " HEX },
	{ process, "no-new-privs=", "no-new-privs=: want 0 or 1" },
	{ process, "no-new-privs=2", "no-new-privs=2: want 0 or 1" },
	{ process, "no-new-privs=yes", "no-new-privs=yes: want 0 or 1" },
	{ process, "user=", "user=: want a text" },
	{ process, "cwd=", "cwd=: want an absolute path" },
	{ process, "cwd=tmp", "cwd=tmp: want an absolute path" },
	{ process, "cgroup=x", "cgroup=x: want an absolute path" },
	{ process, "group=", "group=: " ID },
	{ process, "group=-1", "group=-1: " ID },
	{ process, "group=00", "group=00: " ID },
	{ process, "group=01", "group=01: " ID },
	{ process, "group=2147483648", "group=2147483648: " ID },
	{ process, "group=wheel", "group=wheel: " ID },
	{ process, "env=A", "env=A: want NAME=VALUE" },
	{ process, "env==x", "env==x: want NAME=VALUE" },
	{ process, "env=", "env=: want NAME=VALUE" },
	{ sandbox, "hostname=", "hostname=: " HOST },
	{ sandbox, "hostname=a_b", "hostname=a_b: " HOST },
	{ sandbox, "hostname=" X64 "x", "hostname=" X64 ": " HOST },
	{ sandbox, "sysctl=", "sysctl=: " NET },
	{ sandbox, "sysctl=net.x", "sysctl=net.x: " NET },
	{ sandbox, "sysctl==1", "sysctl==1: " NET },
	{ sandbox, "sysctl=kernel.core_pattern=x", "sysctl=kernel.core_pattern=x: " NET },
	{ sandbox, "sysctl=kernel.semx=1", "sysctl=kernel.semx=1: " NET },
	{ sandbox, "sysctl=net=1", "sysctl=net=1: " NET },
	{ sandbox, "sysctl=network.x=1", "sysctl=network.x=1: " NET },
	{ sandbox, "sysctl=net..x=1", "sysctl=net..x=1: " NET },
	{ sandbox, "sysctl=net.x/../../kernel/y=1", "sysctl=net.x/../../kernel/y=1: " NET },
	{ sandbox, "sysctl=net//x=1", "sysctl=net//x=1: " NET },
	{ sandbox, "sysctl=/net/x=1", "sysctl=/net/x=1: " NET },
	{ sandbox, "sysctl=net.x.=1", "sysctl=net.x.=1: " NET },
	{ sandbox, "sysctl=net/x/=1", "sysctl=net/x/=1: " NET },
	{ sandbox, "sysctl=net.X=1", "sysctl=net.X=1: " NET },
	{ sandbox, "sysctl=net.x=",
		"sysctl=net.x=: the value is empty, too long or has characters of no sysctl's "
		"value" },
	{ sandbox, "sysctl=net.x=a\x01",
		"sysctl=net.x=a\x01: the value is empty, too long or has characters of no sysctl's "
		"value" },
	{ container, "mount=", "mount=: " MOUNT },
	{ container, "mount=/a", "mount=/a: " MOUNT },
	{ container, "mount=/a:", "mount=/a:: " MOUNT },
	{ container, "mount=:/a", "mount=:/a: " MOUNT },
	{ container, "mount=a:/b", "mount=a:/b: " MOUNT },
	{ container, "mount=/a:b", "mount=/a:b: " MOUNT },
	{ container, "mount=/a:/b:/c", "mount=/a:/b:/c: " MOUNT },
	{ container, "mount=/a:/b:", "mount=/a:/b:: " MOUNT },
	{ container, "mount=/a\\:/b", "mount=/a\\:/b: " MOUNT },
	{ container, "mount=/a\\b:/c", "mount=/a\\b:/c: " MOUNT },
	{ container, "mount=/a:/b\\", "mount=/a:/b\\: " MOUNT },
	{ container, "mount=file,ro,/a:/b", "mount=file,ro,/a:/b: " MOUNT },
	{ container, "mount=rw,/a:/b", "mount=rw,/a:/b: " MOUNT },
};

static const struct refusal wholes[] = {
	{ "", "id=x", "kind is missing" },
	{ "", "x", "x: want KEY=VALUE" },
	{ process, "", ": want KEY=VALUE" },
	{ process, "=x", "unknown key " },
	{ process, "argv=x", "unknown key argv" },
	{ process, "ar=x", "unknown key ar" },
	{ process, "Arg=x", "unknown key Arg" },
	{ process, "arg =x", "unknown key arg " },
	{ process, X64 "y=x", "unknown key " X64 },
	{ process, "id=again", "id is given twice" },
	{ process, "kind=exec", "kind is given twice" },
	{ process, "no-new-privs=0\nno-new-privs=1", "no-new-privs is given twice" },
	{ process, "stdin-fd=4\nstdin-fd=4", "stdin-fd is given twice" },
	{ "kind=sandbox\n", "pause=/p", "id is missing" },
	{ "kind=sandbox\n", "id=x", "pause is missing" },
	{ "kind=exec\n", "id=x\narg=a", "pause-fd is missing" },
	{ "kind=exec\n", "id=x\npause-fd=-1\narg=a", "pause-fd is missing" },
	{ "kind=exec\n", "id=x\npause-fd=5", "arg is missing" },
	{ "kind=exec\n", "id=x\npause-fd=5\narg=\narg=a", "the first arg is empty" },
	{ "kind=container\n", "id=x\npause-fd=5\narg=a\nlower=/l\nupper=/u", "work is missing" },
	{ "kind=container\n", "id=x\npause-fd=5\narg=a\nlower=/l\nwork=/w", "upper is missing" },
	{ "kind=container\n", "id=x\npause-fd=5\narg=a\nwork=/w\nupper=/u", "lower is missing" },
	{ sandbox, "arg=x", "arg is not for kind=sandbox" },
	{ sandbox, "pause-fd=5", "pause-fd is not for kind=sandbox" },
	{ sandbox, "no-new-privs=1", "no-new-privs is not for kind=sandbox" },
	{ sandbox, "caps=0", "caps is not for kind=sandbox" },
	{ container, "pause=/p", "pause is not for kind=container" },
	{ container, "host-network=0", "host-network is not for kind=container" },
	{ container, "sysctl=net.x=1", "sysctl is not for kind=container" },
	{ process, "lower=/l", "lower is not for kind=exec" },
	{ process, "mount=/a:/b", "mount is not for kind=exec" },
	{ process, "hostname=x", "hostname is not for kind=exec" },
	{ sandbox, "sysctl=net.x=1\nhost-network=1",
		"sysctl=net.x: the pod uses the host's network namespace" },
	{ sandbox, "host-network=1\nsysctl=net/x=1",
		"sysctl=net/x: the pod uses the host's network namespace" },
	{ sandbox, "apparmor=x", "apparmor is not for kind=sandbox" },
	{ container, "apparmor=", "apparmor=: want 1 to 4095 bytes without control characters" },
	{ container, "selinux=a\x1f",
		"selinux=a\x1f: want 1 to 4095 bytes without control characters" },
	{ container, "apparmor=x\napparmor=y", "apparmor is given twice" },
	{ sandbox, "host-ipc=1\nsysctl=kernel.sem=1",
		"sysctl=kernel.sem: the pod uses the host's IPC namespace" },
	{ sandbox, "host-ipc=1\nsysctl=net.y=1\nsysctl=fs.mqueue.x=1",
		"sysctl=fs.mqueue.x: the pod uses the host's IPC namespace" },
};

static void try_refusals(const struct refusal *r, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		CLEANUP(cleanup_free) char *lines = str_fmt("%s%s\n", r[i].base, r[i].line);
		CLEANUP(cleanup_free) char *want = str_fmt("plan: %s", r[i].want);
		struct plan untouched = { .id = want }, p = untouched;
		struct err e = { 0 };

		if (parse(lines, &p, &e) != -EINVAL || !str_eq(e.text, want))
			print_error("%s: %s\n", r[i].line, e.text);
		assert_int_equal(parse(lines, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
		assert_int_equal(e.code, EINVAL);
		assert_ptr_equal(p.id, want);
		assert_int_equal(parse(lines, &p, NULL), -EINVAL);
	}
}

static void test_refused_values(void **state)
{
	(void)state;
	try_refusals(values, ARRAY_LEN(values));
}

static void test_refused_plans(void **state)
{
	(void)state;
	try_refusals(wholes, ARRAY_LEN(wholes));
}

/* The limits of each value, from the inside. */
static void test_accepted_values(void **state)
{
	static const struct refusal good[] = {
		{ process, "stdin-fd=-1", NULL },
		{ process, "stdin-fd=0", NULL },
		{ process, "stdin-fd=1048576", NULL },
		{ process, "oom-score-adj=-1000", NULL },
		{ process, "oom-score-adj=1000", NULL },
		{ process, "caps=ffffffffffffffff", NULL },
		{ process, "caps=0", NULL },
		{ process, "arg=" X64 X64 X64 X64 X64, NULL },
		{ process, "cwd=/", NULL },
		{ process, "refuse-root=0", NULL },
		{ sandbox, "shm-bytes=9223372036854775807", NULL },
		{ sandbox, "hostname=" X64, NULL },
		{ sandbox, "sysctl=kernel.sem=1 2 3 4", NULL },
		{ sandbox, "sysctl=kernel/msgmax=1", NULL },
		{ sandbox, "sysctl=kernel.shmall=1", NULL },
		{ sandbox, "sysctl=net/ipv4/conf/eth0.1/forwarding=1", NULL },
		{ sandbox, "host-network=1\nsysctl=kernel.sem=1", NULL },
		{ sandbox, "host-ipc=1\nsysctl=net.x=1", NULL },
		{ container, "mount=/:/", NULL },
		{ "kind=exec\npause-fd=5\narg=a\n", "id=" X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxx",
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP(cleanup_free) char *lines = str_fmt("%s%s\n", good[i].base, good[i].line);
		CLEANUP(plan_free) struct plan p;

		accept(lines, &p);
	}
}

static void test_long_paths(void **state)
{
	enum { MOST = 4095 };
	CLEANUP(cleanup_free) char *path = mem_zalloc(MOST + 2);
	struct plan p;

	(void)state;
	memset(path, '/', MOST + 1);
	for (size_t len = MOST; len <= MOST + 1; len++) {
		CLEANUP(cleanup_free) char *cwd = str_fmt("%scwd=%.*s\n", process, (int)len, path);
		CLEANUP(cleanup_free)
		char *mount = str_fmt("%smount=/a:%.*s\n", container, (int)len, path);
		CLEANUP(cleanup_free)
		char *sysctl = str_fmt("%ssysctl=net.x=%.*s\n", sandbox, (int)len, path);
		const char *const all[] = { cwd, mount, sysctl };

		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			int rc = parse(all[i], &p, NULL);

			assert_int_equal(rc, len == MOST ? 0 : -EINVAL);
			if (rc == 0)
				plan_free(&p);
		}
	}
}

static void test_cut_and_empty_plans(void **state)
{
	struct plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(plan_parse("kind=exec", 9, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: the last record is not closed by NUL");
	assert_int_equal(plan_parse("", 0, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: kind is missing");
	assert_int_equal(plan_parse("x", 1, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: the last record is not closed by NUL");
	assert_int_equal(plan_parse("", 1, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: : want KEY=VALUE");
}

static void test_size(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };
	struct plan none;

	(void)state;
	plan_init(&p);
	buf_add(&b, "kind=exec\0id=e\0pause-fd=5\0arg=", 30);
	while (b.len < PLAN_BYTES_MAX - 1)
		buf_addc(&b, 'x');
	buf_addc(&b, '\0');
	assert_int_equal(plan_parse(b.data, b.len, &p, &e), 0);
	b.data[b.len - 1] = 'x';
	buf_addc(&b, '\0');
	assert_int_equal(plan_parse(b.data, b.len, &none, &e), -EFBIG);
	assert_string_equal(e.text, "plan: more than 1048576 bytes");
}

static int pipe_of(const char *bytes, size_t len)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fd_write_all(ends[1], bytes, len), 0);
	close(ends[1]);
	return ends[0];
}

static void test_reading_a_descriptor(void **state)
{
	static const char bytes[] = "kind=exec\0id=e\0pause-fd=5\0arg=x";
	CLEANUP(cleanup_fd) int good = pipe_of(bytes, sizeof(bytes));
	CLEANUP(cleanup_fd) int cut = pipe_of(bytes, sizeof(bytes) - 1);
	CLEANUP(cleanup_fd) int nothing = pipe_of("", 0);
	CLEANUP(plan_free) struct plan p;
	struct plan none;
	struct err e = { 0 };

	(void)state;
	plan_init(&p);
	assert_int_equal(plan_read(good, &p, &e), 0);
	assert_string_equal(p.args.at[0], "x");
	assert_int_equal(plan_read(cut, &none, &e), -EINVAL);
	assert_int_equal(plan_read(nothing, &none, &e), -EINVAL);
	assert_string_equal(e.text, "plan: kind is missing");
	assert_int_equal(plan_read(-1, &none, &e), -EBADF);
	assert_string_equal(e.text, "plan: read: Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least_plans),
		cmocka_unit_test(test_every_key_of_a_sandbox),
		cmocka_unit_test(test_every_key_of_a_container),
		cmocka_unit_test(test_flags_are_apart),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_refused_plans),
		cmocka_unit_test(test_accepted_values),
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_cut_and_empty_plans),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_reading_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
