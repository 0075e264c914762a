#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/qos.h"

struct want { /* -1: not given */
	int64_t cpu, memory, cpu_limit, memory_limit;
};

static const struct want none = { -1, -1, -1, -1 }, full = { 500, 64, 500, 64 };

static enum qos_class qos_of(struct want a, const struct want *b)
{
	struct container_spec ctrs[2] = { 0 };
	struct pod_spec pod = { .containers = ctrs, .containers_len = b ? 2 : 1 };

	for (size_t i = 0; i < pod.containers_len; i++) {
		const struct want *w = b && i ? b : &a;

		ctrs[i].requests = (struct resource_spec){ w->cpu, w->memory, -1 };
		ctrs[i].limits = (struct resource_spec){ w->cpu_limit, w->memory_limit, -1 };
	}
	return qos_of_pod(&pod);
}

static void test_one_container(void **state)
{
	(void)state;
	assert_int_equal(qos_of(none, NULL), QOS_BEST_EFFORT);
	assert_int_equal(qos_of((struct want){ 0, 0, 0, 0 }, NULL), QOS_BEST_EFFORT);
	assert_int_equal(qos_of(full, NULL), QOS_GUARANTEED);
	assert_int_equal(qos_of((struct want){ 1, 1, 1, 1 }, NULL), QOS_GUARANTEED);
	assert_int_equal(qos_of((struct want){ 1, -1, -1, -1 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ -1, 1, -1, -1 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ 0, -1, 1, -1 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ -1, -1, -1, 1 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ -1, 0, -1, 1 }, NULL), QOS_BURSTABLE);
	/* A limit of one resource, of both but with a smaller request, and limits of nothing. */
	assert_int_equal(qos_of((struct want){ 500, -1, 500, -1 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ -1, 64, -1, 64 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ 499, 64, 500, 64 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ 500, 63, 500, 64 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ 500, 0, 500, 0 }, NULL), QOS_BURSTABLE);
	assert_int_equal(qos_of((struct want){ 0, 64, 0, 64 }, NULL), QOS_BURSTABLE);
}

static void test_every_container_counts(void **state)
{
	static const struct want cpu_only = { 1, -1, -1, -1 };

	(void)state;
	assert_int_equal(qos_of(none, &none), QOS_BEST_EFFORT);
	assert_int_equal(qos_of(full, &full), QOS_GUARANTEED);
	assert_int_equal(qos_of(full, &none), QOS_BURSTABLE);
	assert_int_equal(qos_of(none, &full), QOS_BURSTABLE);
	assert_int_equal(qos_of(full, &cpu_only), QOS_BURSTABLE);
	assert_int_equal(qos_of(none, &cpu_only), QOS_BURSTABLE);
}

/* Disk space is no part of it. */
static void test_ephemeral_storage_does_not_count(void **state)
{
	struct container_spec ctr = { .requests = { -1, -1, 10 }, .limits = { -1, -1, 20 } };
	struct pod_spec pod = { .containers = &ctr, .containers_len = 1 };

	(void)state;
	assert_int_equal(qos_of_pod(&pod), QOS_BEST_EFFORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_container),
		cmocka_unit_test(test_every_container_counts),
		cmocka_unit_test(test_ephemeral_storage_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
