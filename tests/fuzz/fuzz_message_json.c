/* JSON of a client's choosing as messages of CRI: the first byte chooses the type.  What is read is
 * written, reads back, and is then written as the same; what is refused has a reason.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static void check_again(const ProtobufCMessage *m, enum message_defaults defaults)
{
	CLEANUP(cleanup_json) struct json *j = message_to_json(m, defaults);
	CLEANUP(cleanup_json) struct json *parsed = NULL;
	CLEANUP(cleanup_json) struct json *written = NULL;
	CLEANUP(cleanup_message) ProtobufCMessage *again = NULL;
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf first = packed(m);
	CLEANUP(buf_free) struct buf second = { 0 };
	const struct json_options many = { .max_bytes = 64 << 20 };
	struct err e = { 0 };

	json_write(j, JSON_COMPACT, &text);
	require(json_parse(text.data, text.len, &many, &parsed, &e) == 0);
	require(json_equal(j, parsed));
	require(message_from_json(m->descriptor, parsed, &again, &e) == 0);
	second = packed(again);
	require(first.len == second.len); /* the maps are in another order */
	written = message_to_json(again, defaults);
	require(json_equal(j, written));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&runtime__v1__pod_sandbox_config__descriptor,
		&runtime__v1__container_config__descriptor,
		&runtime__v1__restore_pod_request__descriptor,
		&runtime__v1__container_event_response__descriptor,
		&runtime__v1__list_pod_sandbox_stats_response__descriptor,
		&runtime__v1__list_images_response__descriptor,
		&runtime__v1__exec_sync_response__descriptor,
		&runtime__v1__update_container_resources_request__descriptor,
	};
	CLEANUP(cleanup_json) struct json *j = NULL;
	CLEANUP(cleanup_message) ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	if (size < 1 || json_parse((const char *)data + 1, size - 1, NULL, &j, &e) < 0)
		return 0;
	if (message_from_json(types[data[0] % ARRAY_LEN(types)], j, &m, &e) < 0) {
		require(e.code > 0 && e.text[0]);
		return 0;
	}
	check_again(m, MESSAGE_DEFAULTS_LEFT_OUT);
	check_again(m, MESSAGE_DEFAULTS_SHOWN);
	return 0;
}
