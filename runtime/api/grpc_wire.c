#include "api/grpc_wire.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* ---- packed ---- */

enum { DEPTH_MAX = 64 };

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool read_varint(struct grpc_wire *r, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		unsigned char byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool skip(struct grpc_wire *r, uint64_t len)
{
	if (len > (uint64_t)(r->end - r->at))
		return false;
	r->at += len;
	return true;
}

/* One field's value; that of WIRE_BYTES is borrowed in *out. */
static bool read_value(struct grpc_wire *r, unsigned wire, struct grpc_wire *out)
{
	uint64_t n;

	switch (wire) {
	case WIRE_VARINT:
		return read_varint(r, &n);
	case WIRE_64:
		return skip(r, 8);
	case WIRE_32:
		return skip(r, 4);
	case WIRE_BYTES:
		if (!read_varint(r, &n))
			return false;
		out->at = r->at;
		if (!skip(r, n))
			return false;
		out->end = r->at;
		return true;
	default: /* groups died with proto2 */
		return false;
	}
}

/* Most texts are plain: eight bytes at a time then. */
static bool is_plain(const unsigned char *p)
{
	uint64_t eight;

	memcpy(&eight, p, sizeof(eight));
	return ((eight | (eight - 0x0101010101010101U)) & 0x8080808080808080U) == 0;
}

static int check_text(struct grpc_wire text, const char *field, struct err *e)
{
	while (text.at < text.end) {
		size_t left = (size_t)(text.end - text.at), n;

		if (left >= 8 && is_plain(text.at)) {
			text.at += 8;
			continue;
		}
		n = str_utf8_char((const char *)text.at, left);
		if (n == 0 && *text.at == '\0')
			return err_say(e, EINVAL, "%s: the text holds a NUL", field);
		if (n == 0)
			return err_say(e, EBADMSG, "%s: the text is not valid UTF-8", field);
		text.at += n;
	}
	return 0;
}

int grpc_wire_next(struct grpc_wire *r, struct grpc_wire_field *out)
{
	enum { NUMBER_MAX = (1 << 29) - 1 };
	uint64_t tag;

	if (r->at == r->end)
		return 0;
	*out = (struct grpc_wire_field){ 0 };
	if (!read_varint(r, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX ||
		!read_value(r, tag & 7, &out->value))
		return -EBADMSG;
	out->number = (unsigned)(tag >> 3);
	out->is_bytes = (tag & 7) == WIRE_BYTES;
	return 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the bytes and the descriptor are, and bounded */
static int check_message(
	const ProtobufCMessageDescriptor *d, struct grpc_wire r, int depth, struct err *e)
{
	struct grpc_wire_field field;
	int more, rc = 0;

	if (depth > DEPTH_MAX)
		return err_say(e, EBADMSG, "%s: more than %d levels", d->name, DEPTH_MAX);
	while (rc == 0 && (more = grpc_wire_next(&r, &field)) != 0) {
		const ProtobufCFieldDescriptor *f;

		if (more < 0)
			return err_say(e, EBADMSG, "the bytes are no %s", d->name);
		f = field.is_bytes ? protobuf_c_message_descriptor_get_field(d, field.number)
				   : NULL;
		if (!f)
			continue;
		if (f->type == PROTOBUF_C_TYPE_STRING)
			rc = check_text(field.value, f->name, e);
		else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			rc = check_message(f->descriptor, field.value, depth + 1, e);
		if (rc < 0 && f->type == PROTOBUF_C_TYPE_MESSAGE)
			return err_wrap(e, rc, "%s", f->name);
	}
	return rc;
}

int grpc_wire_check(
	const ProtobufCMessageDescriptor *d, const unsigned char *bytes, size_t len, struct err *e)
{
	return check_message(d, (struct grpc_wire){ bytes, bytes + len }, 1, e);
}

/* ---- unpacking ---- */

/* Two bytes of a hostile message can become a hundred of memory. */
struct room {
	size_t left;
	bool was_short;
};

static void *room_alloc(void *arg, size_t size)
{
	struct room *room = arg;
	void *p = size <= room->left ? malloc(size) : NULL;

	if (p && malloc_usable_size(p) <= room->left) {
		room->left -= malloc_usable_size(p);
		return p;
	}
	free(p);
	room->was_short = true;
	return NULL;
}

static void room_free(void *arg, void *p)
{
	struct room *room = arg;

	room->left += malloc_usable_size(p);
	free(p);
}

int grpc_wire_unpack(const ProtobufCMessageDescriptor *d, const unsigned char *bytes, size_t len,
	size_t max, ProtobufCMessage **out, size_t *out_bytes)
{
	struct room room = { .left = max };
	ProtobufCAllocator allocator = { room_alloc, room_free, &room };
	ProtobufCMessage *m = protobuf_c_message_unpack(d, &allocator, len, bytes);

	if (!m)
		return room.was_short ? -ENOBUFS : -EBADMSG;
	*out = m;
	*out_bytes = max - room.left;
	return 0;
}

/* ---- mending ---- */

static void mend_text(char **text)
{
	char *old = *text;

	*text = str_utf8(old, strlen(old));
	free(old);
}

static bool is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *base = (const char *)m;
	const void *value = *(void *const *)(const void *)(base + f->offset);
	const void *which = base + f->quantifier_offset;

	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF && *(const uint32_t *)which != f->id)
		return false;
	return value && value != f->default_value;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the message, which was unpacked */
static void mend_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	char *base = (char *)m;
	void **at = (void **)(void *)(base + f->offset);
	size_t count = 1;

	if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		count = *(size_t *)(void *)(base + f->quantifier_offset);
		at = *at;
	} else if (!is_set(m, f)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			grpc_wire_mend(at[i]);
		else
			mend_text((char **)&at[i]);
	}
}

/* NOLINTNEXTLINE(misc-no-recursion) */
void grpc_wire_mend(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		mend_field(m, &m->descriptor->fields[i]);
}
