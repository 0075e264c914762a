/* The record of a state: read back at any point of a life it goes on with the same answers;
 * anything less than whole is refused.
 */
#include "tests/unit/pod_fixture.h"

#include <stdlib.h>

#include "base/json.h"

static struct json *written(const struct pod_state *s)
{
	CLEANUP(cleanup_json) struct json *j = pod_state_to_json(s);
	CLEANUP(buf_free) struct buf text = { 0 };
	struct json *read = NULL;

	json_write(j, JSON_COMPACT, &text);
	assert_int_equal(json_parse(text.data, text.len, NULL, &read, NULL), 0);
	return read;
}

static void crash(struct fx *f)
{
	CLEANUP(cleanup_json) struct json *record = written(f->s);
	struct pod_state *read = NULL;
	struct err e;

	assert_int_equal(pod_state_from_json(record, &f->spec, &read, &e), 0);
	pod_state_free(f->s);
	f->s = read;
}

/* A life with every field in use. */
static const struct {
	int64_t pass_ms;
	struct pod_event ev;
} life[] = {
	{ 0, { .kind = EV_ADMIT } },                                              /* */
	{ 100, { .kind = EV_SANDBOX_FAILED, .text = "no" } },                     /* */
	{ 10000, { .kind = EV_TIMER } },                                          /* */
	{ 100, { .kind = EV_SANDBOX_UP, .id = "box" } },                          /* */
	{ 100, { .kind = EV_CTR_UP, .ctr = A, .id = "a0", .text = "sha256:1" } }, /* */
	{ 100, { .kind = EV_CTR_FAILED,
		       .ctr = B,
		       .reason = "RunContainerError",
		       .text = "\"no\"\n" } },                                                 /* */
	{ 100, { .kind = EV_PROBE, .ctr = A, .probe = PROBE_STARTUP, .is_success = true } },   /* */
	{ 100, { .kind = EV_PROBE, .ctr = A, .probe = PROBE_READINESS, .is_success = true } }, /* */
	{ 9900, { .kind = EV_TIMER } },                                                        /* */
	{ 100, { .kind = EV_CTR_UP, .ctr = B, .id = "b0" } },                                  /* */
	{ 100, { .kind = EV_PROBE, .ctr = A, .probe = PROBE_LIVENESS } },                      /* */
	{ 30000, { .kind = EV_TIMER } }, /* kill */
	{ 100, { .kind = EV_CTR_DIED, .ctr = A, .wait_status = BY_SIGKILL, .text = "bye" } }, /* */
	{ 100, { .kind = EV_CTR_UP, .ctr = A, .id = "a1" } },                                 /* */
	{ 100, { .kind = EV_CTR_DIED, .ctr = A, .wait_status = EXIT_3 } },                    /* */
	{ 100, { .kind = EV_CTR_UP, .ctr = A, .id = "a2" } },                                 /* */
	{ 100, { .kind = EV_CTR_DIED, .ctr = A, .wait_status = -1 } },                        /* */
	{ 100, { .kind = EV_SANDBOX_DIED } },                                                 /* */
	{ 100, { .kind = EV_SANDBOX_GONE } },                                                 /* */
	{ 100, { .kind = EV_SANDBOX_UP, .id = "box1" } },                                     /* */
	{ 100, { .kind = EV_CTR_UP, .ctr = B, .id = "b1" } },                                 /* */
	{ 9600, { .kind = EV_TIMER } },                       /* the end of A's back-off */
	{ 100, { .kind = EV_CTR_UP, .ctr = A, .id = "a3" } }, /* */
	{ 500000, { .kind = EV_TIMER } },                     /* activeDeadlineSeconds */
	{ 100, { .kind = EV_DELETE, .grace_seconds = 5 } },   /* */
	{ 5000, { .kind = EV_TIMER } },                       /* */
	{ 100, { .kind = EV_CTR_DIED, .ctr = B, .wait_status = BY_SIGKILL } },                 /* */
	{ 100, { .kind = EV_CTR_DIED, .ctr = A, .wait_status = BY_SIGKILL, .is_oom = true } }, /* */
	{ 100, { .kind = EV_SANDBOX_GONE } },                                                  /* */
};

static struct fx newborn(void)
{
	struct fx f = fx_spec(RESTART_ALWAYS, 2);

	fx_has_probe(&f, A, PROBE_STARTUP);
	fx_has_probe(&f, A, PROBE_LIVENESS);
	fx_has_probe(&f, A, PROBE_READINESS);
	f.spec.deadline_seconds = 500;
	return f;
}

static void test_crash_after_each_step(void **state)
{
	(void)state;
	for (size_t point = 0; point < ARRAY_LEN(life); point++) {
		CLEANUP(fx_close) struct fx whole = newborn();
		CLEANUP(fx_close) struct fx broken = newborn();

		for (size_t i = 0; i < ARRAY_LEN(life); i++) {
			fx_pass(&whole, life[i].pass_ms);
			fx_pass(&broken, life[i].pass_ms);
			assert_string_equal(
				fx_send(&whole, &life[i].ev), fx_send(&broken, &life[i].ev));
			assert_int_equal(lifecycle_next_timer(&whole.spec, whole.s),
				lifecycle_next_timer(&broken.spec, broken.s));
			if (i == point)
				crash(&broken);
		}
		assert_true(whole.s->is_forgotten && broken.s->is_forgotten);
	}
}

static void test_all_is_kept(void **state)
{
	CLEANUP(fx_close) struct fx f = newborn();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(life); i++) {
		fx_pass(&f, life[i].pass_ms);
		fx_send(&f, &life[i].ev);
		CLEANUP(cleanup_json) struct json *before = written(f.s);
		CLEANUP(cleanup_json)
		struct json *shown = status_to_json(&f.spec, f.s, &(struct status_node){ 0 }, 1);

		crash(&f);
		CLEANUP(cleanup_json) struct json *after = written(f.s);
		CLEANUP(cleanup_json)
		struct json *shown_after =
			status_to_json(&f.spec, f.s, &(struct status_node){ 0 }, 1);

		assert_true(json_equal(before, after));
		assert_true(json_equal(shown, shown_after));
	}
}

static void expect_refused(const struct fx *f, struct json *record, const char *what)
{
	struct pod_state *read = NULL;
	struct err e = { 0 };

	if (pod_state_from_json(record, &f->spec, &read, &e) != -EINVAL || read)
		fail_msg("a record with a wrong %s was taken", what);
	assert_non_null(strstr(e.text, "pod state: "));
	json_free(record);
}

/* Texts may be absent: then there are none. */
static bool may_be_absent(const char *key)
{
	static const char *const keys[] = { "reason", "message", "imageID", "user", "waitingReason",
		"waitingMessage" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_eq(key, keys[i]))
			return true;
	return false;
}

/* Damages each member of the object at the path in turn. */
static void damage_members(const struct fx *f, struct json *(*part)(struct json *))
{
	CLEANUP(cleanup_json) struct json *good = written(f->s);

	for (size_t i = 0; i < json_len(part(good)); i++) {
		const char *key;
		struct json *record = json_copy(good);

		json_member(part(good), i, &key);
		if (may_be_absent(key))
			json_free(record);
		else {
			json_remove(part(record), key);
			expect_refused(f, record, key);
		}
		record = json_copy(good);
		json_set(part(record), key, json_new_array());
		expect_refused(f, record, key);
	}
}

static struct json *the_pod(struct json *record)
{
	return record;
}

static struct json *first_container(struct json *record)
{
	return json_at(json_get(record, "containers"), 0);
}

static struct json *last_end(struct json *record)
{
	return json_get(first_container(record), "last");
}

static struct json *first_condition(struct json *record)
{
	return json_at(json_get(record, "conditions"), 0);
}

/* Who a container runs as is told once, and survives us. */
static void test_user(void **state)
{
	CLEANUP(fx_close) struct fx f = newborn();
	CLEANUP(cleanup_json) struct json *user = json_new_object();
	const struct pod_event up = { .kind = EV_CTR_UP, .id = "a0", .user = user };

	(void)state;
	json_set_i64(user, "uid", 7);
	fx_begin(&f);
	fx_send(&f, &up);
	crash(&f);
	assert_true(json_equal(f.s->ctrs[A].user, user));
}

static void test_damage_is_refused(void **state)
{
	CLEANUP(fx_close) struct fx f = newborn();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(life); i++) {
		fx_pass(&f, life[i].pass_ms);
		fx_send(&f, &life[i].ev);
	}
	f.s->ctrs[A].user = json_new_object();
	damage_members(&f, the_pod);
	damage_members(&f, first_container);
	damage_members(&f, last_end);
	damage_members(&f, first_condition);
}

static void test_values_out_of_range(void **state)
{
	static const struct {
		struct json *(*part)(struct json *);
		const char *key;
		int64_t value;
	} rows[] = {
		{ the_pod, "sandbox", 0 },                  /* */
		{ the_pod, "sandbox", SANDBOX_PHASES },     /* */
		{ the_pod, "phase", POD_PHASES },           /* */
		{ the_pod, "stop", STOP_CAUSES },           /* */
		{ the_pod, "graceSeconds", -1 },            /* */
		{ the_pod, "killBootMs", INT64_MAX },       /* would overflow in sums */
		{ first_container, "phase", 0 },            /* */
		{ first_container, "phase", CTR_PHASES },   /* */
		{ first_container, "attempt", -1 },         /* */
		{ first_container, "ready", 1 },            /* no boolean */
		{ first_container, "liveness", 2 },         /* */
		{ last_end, "exitCode", INT64_C(1) << 31 }, /* */
		{ first_condition, "value", 2 },            /* */
	};
	CLEANUP(fx_close) struct fx f = newborn();

	(void)state;
	fx_event(&f, EV_ADMIT);
	fx_stop(&f, EV_STOP, -1);
	fx_event(&f, EV_SANDBOX_FAILED);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *record = written(f.s);

		json_set_i64(rows[i].part(record), rows[i].key, rows[i].value);
		expect_refused(&f, record, rows[i].key);
	}
}

static void test_other_spec(void **state)
{
	CLEANUP(fx_close) struct fx f = newborn();

	(void)state;
	fx_event(&f, EV_ADMIT);
	f.spec.containers_len = 3;
	expect_refused(&f, written(f.s), "number of containers");
	expect_refused(&f, NULL, "everything");
}

static void test_long_id(void **state)
{
	CLEANUP(fx_close) struct fx f = newborn();
	char id[66];
	struct json *record;

	(void)state;
	memset(id, 'f', 65);
	id[65] = '\0';
	fx_event(&f, EV_ADMIT);
	record = written(f.s);
	json_set_str(record, "sandboxID", id);
	expect_refused(&f, record, "sandboxID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash_after_each_step),
		cmocka_unit_test(test_all_is_kept),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_damage_is_refused),
		cmocka_unit_test(test_values_out_of_range),
		cmocka_unit_test(test_other_spec),
		cmocka_unit_test(test_long_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
