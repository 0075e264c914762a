/* Messages of CRI (spec/cri.proto) as values: what is the same for each of them, by their
 * descriptors.  Out of memory aborts, see base/buf.h.  Every message here lives on the heap with
 * all that it points to, so that one call releases it.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* Empty, of that type.  Messages are void pointers here, since each type begins with its base. */
void *message_new(const ProtobufCMessageDescriptor *d);
void message_free(void *message);        /* NULL is fine */
void cleanup_message(void *message_at);  /* a pointer to the pointer, for CLEANUP */
void *message_copy(const void *message); /* NULL stays NULL */

/* A string field; NULL empties it. */
void message_set_string(char **field, const char *text);
/* A repeated string: message_add_string(&m->args, &m->n_args, text). */
void message_add_string(char ***list, size_t *len, const char *text);
/* A repeated message: the new last element, owned by the list.  list is the address of the array:
 * message_add(&m->mounts, &m->n_mounts, &runtime__v1__mount__descriptor). */
void *message_add(void *list, size_t *len, const ProtobufCMessageDescriptor *d);

/* A map<string, string> is an array of entries here, in which a key may stand twice: the last
 * counts. message_map_get(m->labels, m->n_labels, "app"); NULL when it is not there. */
const char *message_map_get(const void *entries, size_t len, const char *key);
/* Appends; the caller does not add a key twice. */
void message_map_add(void *entries_at, size_t *len, const ProtobufCMessageDescriptor *entry,
	const char *key, const char *value);
