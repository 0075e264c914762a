/* The keys of a container's plan that hang together: mounts, masks, PID namespaces, capabilities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan_keys.h"

static const char container[] =
	"kind=container\nid=c1\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\narg=sh\n";
static const char process[] = "kind=exec\nid=e1\npause-fd=5\narg=sh\n";
static const char sandbox[] = "kind=sandbox\nid=s1\npause=/p\n";

/* base and lines, a record a line. */
static int parse(const char *base, const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free) char *bytes = str_fmt("%s%s", base, lines);
	size_t len = strlen(bytes);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\n')
			bytes[i] = '\0';
	return plan_parse(bytes, len, p, e);
}

static void accept(const char *lines, struct plan *p)
{
	struct err e = { 0 };

	if (parse(container, lines, p, &e) < 0)
		fail_msg("%s: %s", lines, e.text);
}

static void test_defaults(void **state)
{
	CLEANUP(plan_free) struct plan p;

	(void)state;
	accept("mount=/a:/b\n", &p);
	assert_int_equal(p.pid, PLAN_PID_CONTAINER);
	assert_int_equal(p.pid_target_fd, -1);
	assert_int_equal(p.masks, PLAN_MASKS_DEFAULT);
	assert_int_equal(p.masked.len + p.readonly_paths.len, 0);
	assert_true(p.ambient == 0);
	assert_int_equal(p.mounts[0].propagation, PLAN_PRIVATE);
	assert_false(p.mounts[0].read_only || p.mounts[0].recursive_read_only);
	assert_false(p.mounts[0].no_exec || p.mounts[0].no_dev || p.mounts[0].no_suid);
}

static void test_words_of_a_mount(void **state)
{
	static const struct {
		const char *line;
		struct plan_mount want;
	} cases[] = {
		{ "mount=ro,/a:/b\n", { .read_only = true } },
		{ "mount=rro,/a:/b\n", { .read_only = true, .recursive_read_only = true } },
		{ "mount=rro,file,/a:/b\n",
			{ .read_only = true, .recursive_read_only = true, .is_file = true } },
		{ "mount=noexec,/a:/b\n", { .no_exec = true } },
		{ "mount=volume,ro,/a:/b\n", { .is_volume = true, .read_only = true } },
		{ "mount=nodev,/a:/b\n", { .no_dev = true } },
		{ "mount=nosuid,/a:/b\n", { .no_suid = true } },
		{ "mount=slave,/a:/b\n", { .propagation = PLAN_SLAVE } },
		{ "mount=shared,/a:/b\n", { .propagation = PLAN_SHARED } },
		{ "mount=ro,file,noexec,nodev,nosuid,shared,/a:/b\n",
			{ .read_only = true,
				.is_file = true,
				.no_exec = true,
				.no_dev = true,
				.no_suid = true,
				.propagation = PLAN_SHARED } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(plan_free) struct plan p;
		const struct plan_mount *want = &cases[i].want, *m;

		accept(cases[i].line, &p);
		m = &p.mounts[0];
		assert_string_equal(m->source, "/a");
		assert_string_equal(m->target, "/b");
		assert_int_equal(m->read_only, want->read_only);
		assert_int_equal(m->recursive_read_only, want->recursive_read_only);
		assert_int_equal(m->is_file, want->is_file);
		assert_int_equal(m->no_exec, want->no_exec);
		assert_int_equal(m->no_dev, want->no_dev);
		assert_int_equal(m->no_suid, want->no_suid);
		assert_int_equal(m->propagation, want->propagation);
	}
}

static void test_pid_and_masks(void **state)
{
	static const struct {
		const char *lines;
		enum plan_pid want;
		int32_t fd;
	} pids[] = {
		{ "pid=container\n", PLAN_PID_CONTAINER, -1 },
		{ "pid=pod\n", PLAN_PID_POD, -1 },
		{ "pid=host\npid-target-fd=-1\n", PLAN_PID_HOST, -1 },
		{ "pid=target\npid-target-fd=9\n", PLAN_PID_TARGET, 9 },
		{ "pid-target-fd=0\npid=target\n", PLAN_PID_TARGET, 0 },
	};
	CLEANUP(plan_free) struct plan given;
	CLEANUP(plan_free) struct plan empty;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		CLEANUP(plan_free) struct plan p;

		accept(pids[i].lines, &p);
		assert_int_equal(p.pid, pids[i].want);
		assert_int_equal(p.pid_target_fd, pids[i].fd);
	}
	accept("masked=/a\nmasks=given\nmasked=/b c\nreadonly-path=/d\n", &given);
	assert_int_equal(given.masks, PLAN_MASKS_GIVEN);
	assert_int_equal(given.masked.len, 2);
	assert_string_equal(given.masked.at[0], "/a");
	assert_string_equal(given.masked.at[1], "/b c");
	assert_int_equal(given.readonly_paths.len, 1);
	assert_string_equal(given.readonly_paths.at[0], "/d");
	accept("masks=given\nprivileged=1\n", &empty);
	assert_int_equal(empty.masks, PLAN_MASKS_GIVEN);
}

static void test_devices(void **state)
{
	static const char text[] = "device=/dev/a:/b\n"
				   "device=rwm,/dev/a\\:1:/b\n"
				   "device=m,mode=640,uid=7,gid=0,c10.229:/dev/x\n"
				   "device=mode=666,/dev/a:/dev/b\n"
				   "device=rm,b4095.1048575:/dev/y\ndevice=p:/dev/p\n";
	CLEANUP(plan_free) struct plan p;
	const struct plan_device *d;

	(void)state;
	accept(text, &p);
	assert_int_equal(p.devices_len, 6);
	d = p.devices;
	assert_true(d[0].access == 0 && d[0].mode == -1 && d[0].uid == -1 && d[0].gid == -1);
	assert_string_equal(d[1].source, "/dev/a:1");
	assert_true(d[1].access == (PLAN_READ | PLAN_WRITE | PLAN_MKNOD));
	assert_true(
		d[2].access == PLAN_MKNOD && d[2].mode == 0640 && d[2].uid == 7 && d[2].gid == 0);
	assert_string_equal(d[2].source, "c10.229");
	assert_string_equal(d[2].target, "/dev/x");
	assert_true(d[3].access == 0 && d[3].mode == 0666);
	assert_true(d[4].access == (PLAN_READ | PLAN_MKNOD));
	assert_string_equal(d[5].source, "p");
}

static void test_device_rules(void **state)
{
	CLEANUP(plan_free) struct plan p;
	const struct plan_device_rule *r;

	(void)state;
	accept("cgroup-v2=/g\ndevice-rule=deny,a,*.*,rwm\ndevice-rule=allow,c,136.*,r\n"
	       "device-rule=allow,b,8.0,wm\n",
		&p);
	assert_int_equal(p.device_rules_len, 3);
	r = p.device_rules;
	assert_true(!r[0].is_allowed && r[0].type == 'a' && r[0].major == -1 && r[0].minor == -1 &&
		    r[0].access == 7);
	assert_true(r[1].is_allowed && r[1].type == 'c' && r[1].major == 136 && r[1].minor == -1 &&
		    r[1].access == PLAN_READ);
	assert_true(r[2].type == 'b' && r[2].major == 8 && r[2].minor == 0 &&
		    r[2].access == (PLAN_WRITE | PLAN_MKNOD));
}

static void test_ambient(void **state)
{
	CLEANUP(plan_free) struct plan p;
	CLEANUP(plan_free) struct plan exec;
	struct err e = { 0 };

	(void)state;
	accept("ambient=401\ncaps=c01\n", &p);
	assert_true(p.ambient == 0x401 && p.caps == 0xc01);
	assert_int_equal(parse(process, "caps=3\nambient=3\n", &exec, &e), 0);
	assert_true(exec.ambient == 3);
}

#define MOUNT PLAN_MOUNT_WANT

#define VOLUME_MOUNT "want volume,[ro,|rro,]…/NAME[/PATH]:/TARGET"
#define DEVICE "want [ACCESS,][mode=OCTAL,][uid=N,][gid=N,]SOURCE:/TARGET"
#define RULE "want allow|deny,TYPE,MAJOR.MINOR,ACCESS"

static void test_refused_devices(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "device=", DEVICE },
		{ "device=/dev/a", DEVICE },
		{ "device=/dev/a:b", DEVICE },
		{ "device=dev/a:/b", DEVICE },
		{ "device=/a:/b:/c", DEVICE },
		{ "device=/a\\b:/c", DEVICE },
		{ "device=rx,/a:/b", DEVICE },
		{ "device=wr,/a:/b", DEVICE },
		{ "device=rr,/a:/b", DEVICE },
		{ "device=,/a:/b", DEVICE },
		{ "device=uid=1,mode=600,/a:/b", DEVICE },
		{ "device=mode=8,/a:/b", DEVICE },
		{ "device=mode=10000,/a:/b", DEVICE },
		{ "device=mode=,/a:/b", DEVICE },
		{ "device=uid=-1,/a:/b", DEVICE },
		{ "device=uid=2147483648,/a:/b", DEVICE },
		{ "device=gid=99999999999999999999,/a:/b", DEVICE },
		{ "device=c1:/b", DEVICE },
		{ "device=c1.:/b", DEVICE },
		{ "device=c.1:/b", DEVICE },
		{ "device=c*.1:/b", DEVICE },
		{ "device=c4096.0:/b", DEVICE },
		{ "device=c0.1048576:/b", DEVICE },
		{ "device=c1.-1:/b", DEVICE },
		{ "device=a1.1:/b", DEVICE },
		{ "device=p1.1:/b", DEVICE },
		{ "device-rule=", RULE },
		{ "device-rule=permit,c,1.1,r", RULE },
		{ "device-rule=allow,d,1.1,r", RULE },
		{ "device-rule=allow,,1.1,r", RULE },
		{ "device-rule=allow,c,1.1,", RULE },
		{ "device-rule=allow,c,1.1", RULE },
		{ "device-rule=allow,c,1.1,rwx", RULE },
		{ "device-rule=allow,c,1.1,mr", RULE },
		{ "device-rule=allow,c,1.1,r,", RULE },
		{ "device-rule=allow,c,**.1,r", RULE },
		{ "device-rule=allow,c,1,r", RULE },
		{ "device-rule=allow,c,1.1.1,r", RULE },
		{ "device-rule=allow,c,-1.1,r", RULE },
	};
	CLEANUP(buf_free) struct buf many = { 0 };
	struct plan p;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *line = str_fmt("%s\n", cases[i].value);
		CLEANUP(cleanup_free)
		char *want = str_fmt("plan: %s: %s", cases[i].value, cases[i].want);

		assert_int_equal(parse(container, line, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
	}
	assert_int_equal(parse(container, "device-rule=deny,a,*.*,r\n", &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: device-rule needs cgroup-v2");
	assert_int_equal(
		parse(container, "cgroup-v2=/g\nprivileged=1\ndevice-rule=deny,a,*.*,r\n", &p, &e),
		-EINVAL);
	assert_string_equal(e.text, "plan: device-rule is not for privileged=1");
	for (int i = 0; i <= PLAN_DEVICES_MAX; i++)
		buf_adds(&many, "device=/a:/b\n");
	assert_int_equal(parse(container, many.data, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: device=/a:/b: want no more than 256 devices");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *base, *lines, *want;
	} cases[] = {
		{ container, "mount=ro,rro,/a:/b", "mount=ro,rro,/a:/b: " MOUNT },
		{ container, "mount=rro,ro,/a:/b", "mount=rro,ro,/a:/b: " MOUNT },
		{ container, "mount=slave,shared,/a:/b", "mount=slave,shared,/a:/b: " MOUNT },
		{ container, "mount=shared,slave,/a:/b", "mount=shared,slave,/a:/b: " MOUNT },
		{ container, "mount=nodev,noexec,/a:/b", "mount=nodev,noexec,/a:/b: " MOUNT },
		{ container, "mount=noexec,noexec,/a:/b", "mount=noexec,noexec,/a:/b: " MOUNT },
		{ container, "mount=nodev/a:/b", "mount=nodev/a:/b: " MOUNT },
		{ container, "mount=private,/a:/b", "mount=private,/a:/b: " MOUNT },
		{ container, "mount=volume,/:/b", "mount=volume,/:/b: " VOLUME_MOUNT },
		{ container, "mount=volume,/../a:/b", "mount=volume,/../a:/b: " VOLUME_MOUNT },
		{ container, "mount=volume,//a:/b", "mount=volume,//a:/b: " VOLUME_MOUNT },
		{ container, "mount=volume,/a b:/b", "mount=volume,/a b:/b: " VOLUME_MOUNT },
		{ container, "mount=volume,slave,/a:/b",
			"mount=volume,slave,/a:/b: " VOLUME_MOUNT },
		{ container, "mount=volume,file,/a:/b", "mount=volume,file,/a:/b: " VOLUME_MOUNT },
		{ container, "mount=ro,volume,/a:/b", "mount=ro,volume,/a:/b: " MOUNT },
		{ container, "mount=rro,slave,/a:/b",
			"mount=rro,slave,/a:/b: recursive read-only excludes slave and shared" },
		{ container, "mount=rro,file,nosuid,shared,/a:/b",
			"mount=rro,file,nosuid,shared,/a:/b: "
			"recursive read-only excludes slave and shared" },
		{ container, "pid=node", "pid=node: want container, pod, target or host" },
		{ container, "pid=", "pid=: want container, pod, target or host" },
		{ container, "pid=pod\npid=pod", "pid is given twice" },
		{ container, "share-pid=1", "unknown key share-pid" },
		{ container, "pid=target", "pid=target needs pid-target-fd" },
		{ container, "pid=target\npid-target-fd=-1", "pid=target needs pid-target-fd" },
		{ container, "pid-target-fd=7", "pid-target-fd needs pid=target" },
		{ container, "pid=host\npid-target-fd=7", "pid-target-fd needs pid=target" },
		{ container, "masks=none", "masks=none: want default or given" },
		{ container, "masks=given\nmasked=proc", "masked=proc: want an absolute path" },
		{ container,
			"masks=given\nreadonly-path=", "readonly-path=: want an absolute path" },
		{ container, "masked=/a", "masked needs masks=given" },
		{ container, "masks=default\nreadonly-path=/a", "readonly-path needs masks=given" },
		{ container, "privileged=1\nmasks=given\nmasked=/a",
			"masked is not for privileged=1" },
		{ container, "privileged=1\nmasks=given\nreadonly-path=/a",
			"readonly-path is not for privileged=1" },
		{ container, "caps=3\nambient=4", "ambient=4 is not within caps=3" },
		{ process, "ambient=1", "ambient=1 is not within caps=0" },
		{ process, "pid=pod", "pid is not for kind=exec" },
		{ process, "masks=given", "masks is not for kind=exec" },
		{ sandbox, "pid=host", "pid is not for kind=sandbox" },
		{ sandbox, "ambient=0", "ambient is not for kind=sandbox" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *lines = str_fmt("%s\n", cases[i].lines);
		CLEANUP(cleanup_free) char *want = str_fmt("plan: %s", cases[i].want);
		struct plan untouched = { .id = want }, p = untouched;
		struct err e = { 0 };

		assert_int_equal(parse(cases[i].base, lines, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
		assert_ptr_equal(p.id, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_words_of_a_mount),
		cmocka_unit_test(test_pid_and_masks),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_refused_devices),
		cmocka_unit_test(test_ambient),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
