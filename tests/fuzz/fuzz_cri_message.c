/* Bytes of a client's choosing as requests of CRI, and as answers that the command line shows: what
 * protobuf-c takes can be copied and written as JSON; what message_check() takes besides can be
 * kept as bytes.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/grpc_wire.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"
#include "spec/message_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static struct buf packed(const ProtobufCMessage *m)
{
	struct buf out = { 0 };
	CLEANUP(cleanup_free) uint8_t *bytes = mem_zalloc(protobuf_c_message_get_packed_size(m));

	buf_add(&out, bytes, protobuf_c_message_pack(m, bytes));
	return out;
}

static void require_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	CLEANUP(buf_free) struct buf first = packed(a);
	CLEANUP(buf_free) struct buf second = packed(b);

	require(first.len == second.len);
	require(first.len == 0 || memcmp(first.data, second.data, first.len) == 0);
}

/* What was checked may be kept as bytes. */
static void check_wire(const ProtobufCMessage *m)
{
	CLEANUP(buf_free) struct buf bytes = packed(m);
	CLEANUP(cleanup_message)
	ProtobufCMessage *again = protobuf_c_message_unpack(
		m->descriptor, NULL, bytes.len, (const uint8_t *)bytes.data);

	require(again);
	require_same(again, m);
}

static void check_json(const ProtobufCMessage *m, enum message_defaults defaults)
{
	CLEANUP(cleanup_json) struct json *j = message_to_json(m, defaults);
	CLEANUP(cleanup_json) struct json *parsed = NULL;
	CLEANUP(cleanup_json) struct json *written = NULL;
	CLEANUP(cleanup_message) ProtobufCMessage *again = NULL;
	CLEANUP(buf_free) struct buf text = { 0 };
	const struct json_options many = { .max_bytes = 64 << 20 };
	struct err e = { 0 };

	json_write(j, JSON_COMPACT, &text);
	require(json_parse(text.data, text.len, &many, &parsed, &e) == 0 || e.code == E2BIG);
	/* A number that is no value of its enum is shown, and not taken. */
	if (!parsed || message_from_json(m->descriptor, parsed, &again, &e) < 0)
		return;
	written = message_to_json(again, defaults);
	require(json_equal(j, written));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&runtime__v1__run_pod_sandbox_request__descriptor,
		&runtime__v1__create_container_request__descriptor,
		&runtime__v1__update_container_resources_request__descriptor,
		&runtime__v1__list_containers_request__descriptor,
		&runtime__v1__pull_image_request__descriptor,
		&runtime__v1__restore_pod_request__descriptor,
		&runtime__v1__container_status_response__descriptor,
		&runtime__v1__list_pod_sandbox_stats_response__descriptor,
	};
	CLEANUP(cleanup_message) ProtobufCMessage *m = NULL;
	CLEANUP(cleanup_message) ProtobufCMessage *copy = NULL;
	struct err e = { 0 };

	if (size < 1)
		return 0;
	m = protobuf_c_message_unpack(types[data[0] % ARRAY_LEN(types)], NULL, size - 1, data + 1);
	if (!m)
		return 0;
	copy = message_copy(m);
	require_same(copy, m);
	if (grpc_wire_check(m->descriptor, data + 1, size - 1, &e) == 0)
		check_wire(m);
	else
		require(e.code > 0 && e.text[0]);
	check_json(m, MESSAGE_DEFAULTS_LEFT_OUT);
	check_json(m, MESSAGE_DEFAULTS_SHOWN);
	return 0;
}
