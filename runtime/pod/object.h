/* How one object of the store is made from JSON: the text that clients get, its labels, and the
 * values that field selectors may ask for.  Pure; called by store.c only.
 */
#pragma once

#include "pod/store.h"

/* A new object under version rv with one reference.  json must carry metadata.name (the API and the
 * daemon have checked it); kind and apiVersion are dropped. */
struct object *object_new(enum object_kind kind, const struct json *json, uint64_t rv);
/* The same content under another version. */
struct object *object_at_version(const struct object *o, uint64_t rv);
/* True when the texts differ in nothing but the version. */
bool object_same_content(const struct object *a, const struct object *b);
