/* Leases: what they keep, and that a layer which has gone is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "image/lease.h"

struct fixture {
	char store[64];
	struct image_record image; /* of two layers, "one" and "two" */
};

static void make(const char *store, const char *name)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", store, name);

	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	static const char *const layers[] = { "two", "one" };
	struct fixture *f = mem_zalloc(sizeof(*f));

	strcpy(f->store, "/tmp/carpel-lease-XXXXXX");
	assert_non_null(mkdtemp(f->store));
	make(f->store, "leases");
	make(f->store, "layers");
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("layers/%s", layers[i]);
		CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", f->store, name);

		make(f->store, name);
		strv_add(&f->image.layers, path);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fd_remove_tree(AT_FDCWD, f->store, NULL), 0);
	image_record_free(&f->image);
	free(f);
	return 0;
}

static size_t leased(const struct fixture *f, const char *layer)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	size_t n = 0;

	assert_int_equal(image_lease_list(f->store, &names, NULL), 0);
	for (size_t i = 0; i < names.len; i++)
		n += str_eq(names.at[i], layer);
	return n;
}

static void a_lease_names_its_layers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(image_lease_take(f->store, "pod-1.web", &f->image, NULL), 0);
	assert_int_equal(leased(f, "one"), 1);
	assert_int_equal(leased(f, "two"), 1);
	assert_int_equal(leased(f, "three"), 0);
	assert_int_equal(image_lease_take(f->store, "pod-1.web", &f->image, NULL), 0);
	assert_int_equal(leased(f, "one"), 1);
	assert_int_equal(image_lease_take(f->store, "pod-2.web", &f->image, NULL), 0);
	assert_int_equal(leased(f, "one"), 2);
	assert_int_equal(image_lease_drop(f->store, "pod-1.web", NULL), 0);
	assert_int_equal(image_lease_drop(f->store, "pod-1.web", NULL), 0);
	assert_int_equal(leased(f, "one"), 1);
}

static void a_layer_that_has_gone_is_no_lease(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	assert_int_equal(rmdir(f->image.layers.at[1]), 0);
	assert_int_equal(image_lease_take(f->store, "pod.web", &f->image, &e), -ENOENT);
	assert_non_null(strstr(e.text, "layers/one"));
	assert_int_equal(leased(f, "two"), 0);
}

static void only_plain_names_hold_one(void **state)
{
	static const char *const names[] = { "", ".", "..", ".x", "a/b", "../x", "a b", "a\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(image_lease_take(f->store, names[i], &f->image, NULL), -EINVAL);
		assert_int_equal(image_lease_drop(f->store, names[i], NULL), -EINVAL);
	}
	assert_int_equal(leased(f, "one"), 0);
}

static void a_store_that_is_missing_has_none(void **state)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	struct fixture *f = *state;

	assert_int_equal(image_lease_list("/nonexistent/store", &names, NULL), 0);
	assert_int_equal(names.len, 0);
	assert_int_equal(image_lease_drop("/nonexistent/store", "x", NULL), 0);
	assert_int_equal(image_lease_take("/nonexistent/store", "x", &f->image, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lease_names_its_layers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_layer_that_has_gone_is_no_lease, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_plain_names_hold_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_store_that_is_missing_has_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
