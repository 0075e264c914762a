/* One object as the API shows it: the text that clients get, its labels, and the values that field
 * selectors may ask for.  Pure.  store.c makes the objects; whoever shows one writes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "spec/pod.h"

enum object_kind { OBJECT_POD = 1, OBJECT_EVENT, OBJECT_KINDS };

/* Immutable once put; shared by reference count. */
struct object {
	enum object_kind kind;
	char *namespace, *name, *uid;
	uint64_t rv;
	char *text; /* compact JSON without kind and apiVersion:
		       {"metadata":{…},"spec":{…},"status":{…}} */
	struct labels labels;
	struct labels fields; /* what field selectors may ask: "status.phase" -> "Running" */
	unsigned refs;
	size_t bytes; /* what it takes of memory, about */
};

/* A new object under version rv with one reference.  json must carry metadata.name (the API and the
 * daemon have checked it); kind and apiVersion are dropped. */
struct object *object_new(enum object_kind kind, const struct json *json, uint64_t rv);
/* The same content under another version. */
struct object *object_at_version(const struct object *o, uint64_t rv);
struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */

/* True when the texts differ in nothing but the version. */
bool object_same_content(const struct object *a, const struct object *b);
/* Text with kind and apiVersion in front, as GET and WATCH show it. */
void object_write(const struct object *o, struct buf *out);
/* The same under another version: a watcher whose selector no longer matches gets the old state so.
 */
void object_write_at(const struct object *o, uint64_t rv, struct buf *out);
