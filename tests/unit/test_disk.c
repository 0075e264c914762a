/* Disk limits: what is counted against which, in which order and words. */
#include "pod/disk.h"
#include "tests/unit/manifest_fixture.h"

#define VOLUMES                                                                                    \
	"'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Mi'}},{'name':'w','emptyDir':{}},"       \
	"{'name':'h','hostPath':{'path':'/x'}}]"
#define LIMITED(name, limit)                                                                       \
	"{'name':'" name "','image':'i','resources':{'limits':{'ephemeral-storage':'" limit "'}}}"
#define FREE(name) "{'name':'" name "','image':'i'}"
#define MI (UINT64_C(1) << 20)

enum { TREES_MAX = 9 };

struct fx {
	struct manifest_result r;
	struct disk_use use[TREES_MAX];
};

static void open_pod(struct fx *f, const char *spec)
{
	struct err e = { 0 };

	*f = (struct fx){ 0 };
	if (read_patched(spec, &f->r, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(disk_trees(f->r.spec) <= TREES_MAX);
}

static void close_pod(struct fx *f)
{
	manifest_result_free(&f->r);
}

static void has(struct fx *f, enum disk_part part, size_t i, uint64_t bytes)
{
	f->use[disk_tree(f->r.spec, part, i)].bytes = bytes;
}

static void expect(const struct fx *f, const char *want)
{
	CLEANUP(cleanup_free) char *got = disk_verdict(f->r.spec, f->r.object, f->use);

	if (!want)
		assert_null(got);
	else
		assert_string_equal(got ? got : "(none)", want);
}

static void test_volume(void **state)
{
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S(VOLUMES));
	assert_true(disk_is_limited(f.r.spec));
	has(&f, DISK_VOLUME, 0, MI);
	has(&f, DISK_VOLUME, 1, 100 * MI);
	has(&f, DISK_LOGS, 0, 100 * MI);
	has(&f, DISK_LAYER, 0, 100 * MI);
	expect(&f, NULL); /* just as much as it may have, and nothing else is limited */
	has(&f, DISK_VOLUME, 0, MI + 1);
	expect(&f, "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ");
}

static void test_container(void **state)
{
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S("'containers':[" LIMITED("a", "1Mi") "," LIMITED("b", "3Mi") "]"));
	has(&f, DISK_LOGS, 0, MI / 2);
	has(&f, DISK_LAYER, 0, MI / 2);
	has(&f, DISK_LAYER, 1, 3 * MI);
	expect(&f, NULL);
	has(&f, DISK_LAYER, 1, 0);
	has(&f, DISK_LOGS, 0, MI / 2 + 1); /* both parts count */
	expect(&f, "Container a exceeded its local ephemeral storage limit \"1Mi\". ");
	has(&f, DISK_LOGS, 0, 0);
	has(&f, DISK_LAYER, 0, MI + 1);
	expect(&f, "Container a exceeded its local ephemeral storage limit \"1Mi\". ");
}

static void test_pod(void **state)
{
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S(VOLUMES ",'containers':[" LIMITED("a", "2Mi") "," FREE("b") "]"));
	has(&f, DISK_VOLUME, 1, MI); /* not limited by itself */
	has(&f, DISK_LAYER, 1, MI);  /* nor is this container */
	expect(&f, NULL);
	has(&f, DISK_LOGS, 1, 1);
	expect(&f, "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ");
	/* Of several reasons the kubelet's first. */
	has(&f, DISK_LAYER, 0, 50 * MI);
	expect(&f, "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ");
	has(&f, DISK_VOLUME, 0, 50 * MI);
	expect(&f, "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ");
}

static void test_sum_in_the_form_of_the_first(void **state)
{
	static const struct {
		const char *a, *b, *sum;
	} cases[] = {
		{ "512Mi", "512Mi", "1Gi" },
		{ "1Mi", "1", "1048577" },
		{ "500k", "500k", "1M" },
		{ "1k", "1Ki", "2024" },
		{ "1Ki", "1k", "2024" },
		{ "0", "1Ki", "1024" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *spec =
			str_fmt(S("'containers':[" LIMITED("a", "%s") "," LIMITED("b", "%s") "]"),
				cases[i].a, cases[i].b);
		CLEANUP(cleanup_free)
		char *want = str_fmt("Pod ephemeral local storage usage exceeds the total limit of "
				     "containers %s. ",
			cases[i].sum);
		CLEANUP(close_pod) struct fx f;

		open_pod(&f, spec);
		has(&f, DISK_LAYER, 0, UINT64_MAX - 1);
		has(&f, DISK_LAYER, 1, UINT64_MAX - 1); /* no overflow */
		expect(&f, want);
	}
}

static void test_what_cannot_be_counted(void **state)
{
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S(VOLUMES));
	f.use[disk_tree(f.r.spec, DISK_VOLUME, 1)].is_cut = true;
	expect(&f, NULL);
	f.use[disk_tree(f.r.spec, DISK_VOLUME, 0)].is_cut = true;
	expect(&f, "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". "
		   "There are more files than can be counted. ");
}

static void test_paths(void **state)
{
	const struct layout l = { .logs = (char[]){ "/logs" } };
	const struct place at = { .dir = (char[]){ "/pods/u" } };
	CLEANUP(cleanup_free) char *volume = NULL;
	CLEANUP(cleanup_free) char *logs = NULL;
	CLEANUP(cleanup_free) char *layer = NULL;
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S(VOLUMES));
	f.r.spec->uid = str_dup("u");
	volume = disk_path(&l, &at, f.r.spec, DISK_VOLUME, 1);
	logs = disk_path(&l, &at, f.r.spec, DISK_LOGS, 0);
	layer = disk_path(&l, &at, f.r.spec, DISK_LAYER, 0);
	assert_string_equal(volume, "/pods/u/volumes/w");
	assert_null(disk_path(&l, &at, f.r.spec, DISK_VOLUME, 2)); /* the host's */
	assert_string_equal(logs, "/logs/default_p_u/a");
	assert_string_equal(layer, "/pods/u/containers/a");
}

static void test_no_limits(void **state)
{
	CLEANUP(close_pod) struct fx f;

	(void)state;
	open_pod(&f, S("'volumes':[{'name':'v','emptyDir':{}},{'name':'z',"
		       "'emptyDir':{'sizeLimit':0}}],'containers':[{'name':'a','image':'i',"
		       "'resources':{'requests':{'ephemeral-storage':'1'}}}]"));
	assert_false(disk_is_limited(f.r.spec));
	for (size_t i = 0; i < disk_trees(f.r.spec); i++)
		f.use[i].bytes = 1000 * MI;
	expect(&f, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_sum_in_the_form_of_the_first),
		cmocka_unit_test(test_what_cannot_be_counted),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_no_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
