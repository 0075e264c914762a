/* What protobuf-c does not check: that texts are UTF-8 (Go refuses a whole message otherwise), that
 * they hold no NUL (C would cut them there), and how much memory a message unpacks to.  Pure.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Reads packed bytes by their descriptor.  -EBADMSG: no such message, or a text that is no UTF-8;
 * -EINVAL: a text with a NUL.  The error names the field. */
int grpc_wire_check(
	const ProtobufCMessageDescriptor *d, const unsigned char *bytes, size_t len, struct err *e);
/* -EBADMSG, or -ENOBUFS when the message would take more than max bytes.  out_bytes: what it takes.
 * protobuf_c_message_free_unpacked(m, NULL) frees it. */
int grpc_wire_unpack(const ProtobufCMessageDescriptor *d, const unsigned char *bytes, size_t len,
	size_t max, ProtobufCMessage **out, size_t *out_bytes);
/* Makes every text of an unpacked message valid UTF-8. */
void grpc_wire_mend(ProtobufCMessage *m);

/* ---- packed bytes, read without unpacking them ---- */
struct grpc_wire {
	const unsigned char *at, *end;
};
struct grpc_wire_field {
	unsigned number;
	bool is_bytes;          /* a text, bytes, a message; else value is empty */
	struct grpc_wire value; /* borrowed */
};
/* 1: the next field; 0: no more; -EBADMSG. */
int grpc_wire_next(struct grpc_wire *r, struct grpc_wire_field *out);
