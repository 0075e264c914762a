/* Messages as values: copies, strings, lists, maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"

static void test_new_is_empty(void **state)
{
	CLEANUP(cleanup_message)
	Runtime__V1__ContainerConfig *c = message_new(&runtime__v1__container_config__descriptor);

	(void)state;
	assert_ptr_equal(c->base.descriptor, &runtime__v1__container_config__descriptor);
	assert_string_equal(c->log_path, "");
	assert_null(c->metadata);
	assert_int_equal(c->n_args, 0);
	message_free(NULL);
}

/* Set more than once, to nothing, and with protobuf-c's own empty string in the field. */
static void test_set_string(void **state)
{
	CLEANUP(cleanup_message)
	Runtime__V1__PodSandbox *p = message_new(&runtime__v1__pod_sandbox__descriptor);

	(void)state;
	message_set_string(&p->id, "one");
	assert_string_equal(p->id, "one");
	message_set_string(&p->id, "two");
	assert_string_equal(p->id, "two");
	message_set_string(&p->id, NULL);
	assert_string_equal(p->id, "");
	message_set_string(&p->runtime_handler, "");
	assert_string_equal(p->runtime_handler, "");
}

static Runtime__V1__ContainerConfig *filled(void)
{
	Runtime__V1__ContainerConfig *c = message_new(&runtime__v1__container_config__descriptor);
	Runtime__V1__Mount *mount;

	message_add_string(&c->args, &c->n_args, "a");
	message_add_string(&c->args, &c->n_args, NULL);
	message_add_string(&c->args, &c->n_args, "b");
	mount = message_add(&c->mounts, &c->n_mounts, &runtime__v1__mount__descriptor);
	message_set_string(&mount->host_path, "/src");
	mount = message_add(&c->mounts, &c->n_mounts, &runtime__v1__mount__descriptor);
	message_set_string(&mount->host_path, "/other");
	message_map_add(&c->labels, &c->n_labels,
		&runtime__v1__container_config__labels_entry__descriptor, "app", "web");
	message_map_add(&c->labels, &c->n_labels,
		&runtime__v1__container_config__labels_entry__descriptor, "tier", "back");
	return c;
}

static void test_lists_grow(void **state)
{
	CLEANUP(cleanup_message) Runtime__V1__ContainerConfig *c = filled();

	(void)state;
	assert_int_equal(c->n_args, 3);
	assert_string_equal(c->args[0], "a");
	assert_string_equal(c->args[1], "");
	assert_string_equal(c->args[2], "b");
	assert_int_equal(c->n_mounts, 2);
	assert_string_equal(c->mounts[0]->host_path, "/src");
	assert_string_equal(c->mounts[1]->host_path, "/other");
}

static void test_map(void **state)
{
	CLEANUP(cleanup_message) Runtime__V1__ContainerConfig *c = filled();

	(void)state;
	assert_string_equal(message_map_get(c->labels, c->n_labels, "app"), "web");
	assert_string_equal(message_map_get(c->labels, c->n_labels, "tier"), "back");
	assert_null(message_map_get(c->labels, c->n_labels, "ap"));
	assert_null(message_map_get(c->labels, c->n_labels, ""));
	assert_null(message_map_get(c->annotations, c->n_annotations, "app"));
	message_map_add(&c->labels, &c->n_labels,
		&runtime__v1__container_config__labels_entry__descriptor, "app", "last");
	assert_string_equal(message_map_get(c->labels, c->n_labels, "app"), "last");
}

/* Nothing is shared: the original goes first. */
static void test_copy(void **state)
{
	Runtime__V1__ContainerConfig *c = filled();
	CLEANUP(cleanup_message) Runtime__V1__ContainerConfig *copy = message_copy(c);

	(void)state;
	assert_ptr_not_equal(copy, c);
	message_free(c);
	assert_int_equal(copy->n_mounts, 2);
	assert_string_equal(copy->mounts[1]->host_path, "/other");
	assert_string_equal(message_map_get(copy->labels, copy->n_labels, "app"), "web");
	assert_null(message_copy(NULL));
}

/* A field of a later CRI, number 100, survives a copy. */
static void test_copy_keeps_unknown_fields(void **state)
{
	static const uint8_t wire[] = { 0x0a, 0x01, 'i', 0xa2, 0x06, 0x02, 'n', 'w' };
	uint8_t again[16];
	CLEANUP(cleanup_message)
	Runtime__V1__PodIP *ip = (Runtime__V1__PodIP *)protobuf_c_message_unpack(
		&runtime__v1__pod_ip__descriptor, NULL, sizeof(wire), wire);
	CLEANUP(cleanup_message) Runtime__V1__PodIP *copy = message_copy(ip);

	(void)state;
	assert_string_equal(copy->ip, "i");
	assert_int_equal(protobuf_c_message_pack(&copy->base, again), sizeof(wire));
	assert_memory_equal(again, wire, sizeof(wire));
}

/* protobuf-c refuses the number 0 in one byte, and takes it in two for a field of a later CRI. */
static void test_field_number_0(void **state)
{
	static const uint8_t nested[] = { 0x0a, 0x03, 0x80, 0x00, 0x01 };
	CLEANUP(cleanup_message)
	void *m = protobuf_c_message_unpack(
		&runtime__v1__list_pod_sandbox_request__descriptor, NULL, sizeof(nested), nested);
	CLEANUP(cleanup_message) Runtime__V1__ListPodSandboxRequest *copy = message_copy(m);

	(void)state;
	assert_non_null(m);
	assert_int_equal(copy->filter->base.n_unknown_fields, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_is_empty),
		cmocka_unit_test(test_set_string),
		cmocka_unit_test(test_lists_grow),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_keeps_unknown_fields),
		cmocka_unit_test(test_field_number_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
