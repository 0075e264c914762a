/* A hash table whose items also stand in the order of their last use, so that finding one, touching
 * one and naming the oldest cost the same however many there are.  The node is embedded in its
 * owner, as its first member; the table owns no item.  Keys need not be unique.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct aged {
	uint64_t key;
	int64_t at_ms; /* its last use; written by this module alone */
	struct aged *older, *newer;
	struct aged *next, **link; /* in its bucket */
};

struct aged_table {
	struct aged *oldest, *newest;
	struct aged **buckets;
	size_t len, buckets_len;
};

void aged_free(struct aged_table *t); /* of an empty one, or one whose items go with it */
void aged_add(struct aged_table *t, struct aged *a, uint64_t key, int64_t at_ms);
void aged_touch(struct aged_table *t, struct aged *a, int64_t at_ms);
void aged_remove(struct aged_table *t, struct aged *a);
struct aged *aged_find(const struct aged_table *t, uint64_t key); /* NULL: none */
struct aged *aged_find_next(const struct aged *a);                /* another of its key; NULL */
