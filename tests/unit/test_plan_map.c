/* The maps of a pod's user namespace in a plan. */
#include <errno.h>

#include "plan_fixture.h"
#include "spec/plan_keys.h"

static const char container[] =
	"kind=container\nid=c1\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\narg=sh\n";
static const char process[] = "kind=exec\nid=e1\npause-fd=5\narg=sh\n";
static const char sandbox[] = "kind=sandbox\nid=s1\npause=/p\n";
#define BOTH "uid-map=0:100000:65536\ngid-map=0:100000:65536\n"

/* base and lines, a record a line. */
static int parse(const char *base, const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%s%s", base, lines);

	return parse_text(text, p, e);
}

static void accept(const char *base, const char *lines, struct plan *p)
{
	struct err e = { 0 };

	if (parse(base, lines, p, &e) < 0)
		fail_msg("%s: %s", lines, e.text);
}

static void test_each_kind_has_them(void **state)
{
	static const char *const bases[] = { sandbox, container, process };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		CLEANUP(plan_free) struct plan p;

		accept(bases[i],
			"uid-map=0:100000:1000\nuid-map=1000:0:1\ngid-map=0:7:4294967288\n", &p);
		assert_int_equal(p.uid_map.len, 2);
		assert_int_equal(p.uid_map.at[0].outside, 100000);
		assert_int_equal(p.uid_map.at[1].inside, 1000);
		assert_int_equal(p.uid_map.at[1].outside, 0);
		assert_int_equal(p.uid_map.at[1].size, 1);
		assert_int_equal(p.gid_map.len, 1);
		assert_true(p.gid_map.at[0].size == 4294967288);
	}
}

static void test_host_ids(void **state)
{
	CLEANUP(plan_free) struct plan p;
	const struct plan_map none = { 0 };

	(void)state;
	accept(process, "uid-map=0:100000:1000\nuid-map=2000:7:2\ngid-map=0:1:4294967294\n", &p);
	assert_int_equal(plan_host_id(&p.uid_map, 0), 100000);
	assert_int_equal(plan_host_id(&p.uid_map, 999), 100999);
	assert_int_equal(plan_host_id(&p.uid_map, 1000), -1);
	assert_int_equal(plan_host_id(&p.uid_map, 1999), -1);
	assert_int_equal(plan_host_id(&p.uid_map, 2001), 8);
	assert_int_equal(plan_host_id(&p.uid_map, 2002), -1);
	assert_true(plan_host_id(&p.gid_map, 4294967293) == 4294967294);
	assert_int_equal(plan_host_id(&none, 12), 12);
}

static void test_mapped_mounts(void **state)
{
	CLEANUP(plan_free) struct plan p;

	(void)state;
	accept(container,
		BOTH "mount=idmap,/a:/b\nmount=ro,file,nosuid,idmap,slave,/c:/d\nmount=/e:/f\n"
		     "mount=idmap,uid=0-7-1,uid=5-8-2,gid=1-2-3,slave,/g:/h\n",
		&p);
	assert_true(p.mounts[0].is_mapped);
	assert_true(p.mounts[1].is_mapped && p.mounts[1].is_file && p.mounts[1].no_suid);
	assert_int_equal(p.mounts[1].propagation, PLAN_SLAVE);
	assert_false(p.mounts[2].is_mapped);
	assert_int_equal(p.mounts[3].uids.len, 2);
	assert_int_equal(p.mounts[3].uids.at[1].outside, 8);
	assert_int_equal(p.mounts[3].gids.at[0].size, 3);
	assert_int_equal(p.mounts[3].propagation, PLAN_SLAVE);
}

/* What is written reads the same. */
static void test_written(void **state)
{
	CLEANUP(plan_free) struct plan p;
	CLEANUP(plan_free) struct plan again;
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf second = { 0 };
	struct err e = { 0 };

	(void)state;
	plan_init(&again);
	accept(container, BOTH "uid-map=70000:170000:4294700000\nmount=ro,idmap,/a:/b\n", &p);
	plan_write(&p, &text);
	assert_int_equal(plan_parse(text.data, text.len, &again, &e), 0);
	assert_int_equal(again.uid_map.len, 2);
	assert_true(again.uid_map.at[1].size == 4294700000);
	assert_true(again.mounts[0].is_mapped);
	plan_write(&again, &second);
	assert_int_equal(text.len, second.len);
	assert_memory_equal(text.data, second.data, text.len);
}

#define WANT "want CONTAINER:HOST:SIZE, ids up to 4294967294"

static void test_refusals(void **state)
{
	static const struct {
		const char *lines, *want;
	} cases[] = {
		{ "uid-map=", "uid-map=: " WANT },
		{ "uid-map=0:1", "uid-map=0:1: " WANT },
		{ "uid-map=0:1:2:3", "uid-map=0:1:2:3: " WANT },
		{ "uid-map=0:1:", "uid-map=0:1:: " WANT },
		{ "uid-map=:1:2", "uid-map=:1:2: " WANT },
		{ "uid-map=0:1:0", "uid-map=0:1:0: " WANT },
		{ "uid-map=0:-1:2", "uid-map=0:-1:2: " WANT },
		{ "uid-map=+0:1:2", "uid-map=+0:1:2: " WANT },
		{ "uid-map=0:1: 2", "uid-map=0:1: 2: " WANT },
		{ "uid-map=0:root:1", "uid-map=0:root:1: " WANT },
		{ "uid-map=0:4294967295:1", "uid-map=0:4294967295:1: " WANT },
		{ "uid-map=0:1:4294967295", "uid-map=0:1:4294967295: " WANT },
		{ "uid-map=1:0:4294967295", "uid-map=1:0:4294967295: " WANT },
		{ "gid-map=0:0:4294967296", "gid-map=0:0:4294967296: " WANT },
		{ "uid-map=0:10:10\nuid-map=9:100:1",
			"uid-map=9:100:1: it overlaps one before it" },
		{ "uid-map=0:10:10\nuid-map=50:19:1",
			"uid-map=50:19:1: it overlaps one before it" },
		{ "uid-map=0:10:10\nuid-map=50:1:10",
			"uid-map=50:1:10: it overlaps one before it" },
		{ "uid-map=0:10:10", "gid-map is missing" },
		{ "gid-map=0:10:10", "uid-map is missing" },
		{ "uid-map=1:10:10\ngid-map=0:10:10", "uid-map does not map id 0" },
		{ "uid-map=0:10:10\ngid-map=1:10:10", "gid-map does not map id 0" },
		{ "mount=idmap,/a:/b", "mount of /b: idmap needs uid-map" },
		{ BOTH "mount=idmap,uid=0-1-1,/a:/b",
			"mount=idmap,uid=0-1-1,/a:/b: want uid= and gid= of idmap, or none" },
		{ BOTH "mount=idmap,gid=0-1-0,/a:/b",
			"mount=idmap,gid=0-1-0,/a:/b: " PLAN_MOUNT_WANT },
		{ BOTH "mount=idmap,uid=0-1-1,uid=0-2-1,gid=0-1-1,/a:/b",
			"mount=idmap,uid=0-1-1,uid=0-2-1,gid=0-1-1,/a:/b: " PLAN_MOUNT_WANT },
		{ BOTH "mount=shared,/a:/b", "mount of /b: shared excludes uid-map" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *want = str_fmt("plan: %s", cases[i].want);
		CLEANUP(cleanup_free) char *lines = str_fmt("%s\n", cases[i].lines);
		struct plan p;
		struct err e = { 0 };

		assert_int_equal(parse(container, lines, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
	}
}

static void test_of_a_sandbox(void **state)
{
	struct err e = { 0 };
	struct plan p;

	(void)state;
	assert_int_equal(parse(sandbox, BOTH "host-ipc=1\n", &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: host-ipc excludes uid-map");
}

static void test_of_a_bundle(void **state)
{
	static const char bundle[] =
		"kind=bundle\nid=b\nresult-fd=4\nstart-fd=5\nrootfs=/r\narg=a\n";
	static const char *const none[] = { "namespace=user\n", "namespace=user:\n",
		"namespace=user:u\n", "namespace=users:/u\n" };
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };
	struct plan q;

	(void)state;
	accept(bundle, BOTH "namespace=user:/u\nnamespace=uts\n", &p);
	assert_string_equal(p.namespaces.at[0], "user:/u");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(parse(bundle, none[i], &q, &e), -EINVAL);
	assert_int_equal(parse(bundle, "namespace=user:/u\n", &q, &e), -EINVAL);
	assert_string_equal(e.text, "plan: namespace=user needs uid-map");
	assert_int_equal(
		parse(bundle, BOTH "namespace=user:/u\nnamespace=user:/v\n", &q, &e), -EINVAL);
	assert_string_equal(e.text, "plan: namespace=user:/v is given twice");
}

static void test_too_many(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	struct err e = { 0 };
	struct plan p;

	(void)state;
	for (int i = 0; i <= PLAN_IDS_MAX; i++)
		buf_addf(&b, "uid-map=%d:%d:1\n", i, 1000 + i);
	assert_int_equal(parse(process, b.data, &p, &e), -E2BIG);
	assert_string_equal(e.text, "plan: uid-map=64:1064:1: more than 64 of them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_has_them),
		cmocka_unit_test(test_host_ids),
		cmocka_unit_test(test_mapped_mounts),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_of_a_sandbox),
		cmocka_unit_test(test_of_a_bundle),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
