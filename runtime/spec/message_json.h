/* Messages of CRI (spec/cri.proto) as JSON and back, the canonical mapping of proto3 that crictl
 * writes too: names in lowerCamelCase, enums by name, 64-bit integers as strings, bytes as base64,
 * map<string, …> as objects.  One mapping for all messages, by their descriptors; kinds of fields
 * that CRI does not use (float, oneof, optional) are not known.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"
#include "base/json.h"

/* Beyond what is written, the proto's own names (container_path), enums and 64-bit integers as
 * numbers, and the URL's alphabet of base64 are read; null is a field that is not set.  Fails with
 * -EINVAL, -ERANGE (a number that does not fit), -EEXIST (a field under both of its names), -ELOOP,
 * -E2BIG (a list), and names the place: "linux.securityContext.runAsUser.value: "x" is not an
 * integer".  message_free() releases the message. */
int message_from_json(const ProtobufCMessageDescriptor *d, const struct json *j,
	ProtobufCMessage **out, struct err *e);

/* SHOWN: fields that are not set are there too, as 0, "", [], {} or null. */
enum message_defaults { MESSAGE_DEFAULTS_LEFT_OUT, MESSAGE_DEFAULTS_SHOWN };

/* Fields by number, maps by key.  What is no UTF-8 becomes U+FFFD; an enum's number without a name
 * stays a number. */
struct json *message_to_json(const ProtobufCMessage *m, enum message_defaults defaults);
