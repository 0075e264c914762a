/* The ids of pods with a user namespace of their own (hostUsers: false): a block of the host's for
 * each, which nobody else has.  The range, from 1879048192 to 2147483647, is one that systemd's
 * table of ids leaves to nobody, and distributions put neither accounts nor subordinate ids there.
 */
#pragma once

#include "spec/plan.h"
#include "spec/pod.h"

enum { USERS_SIZE = 65536, USERS_BLOCKS = 4096, USERS_FIRST = 0x70000000 };

struct users_map {
	unsigned char taken[USERS_BLOCKS / 8];
};

/* Blocks that ids of r are in. */
void users_take(struct users_map *m, struct id_range r);
/* All ids that a text in the format of passwd(5), group(5), subuid(5) or subgid(5) names. Lines
 * that cannot be read are passed over. */
enum users_file { USERS_PASSWD = 1, USERS_GROUP, USERS_SUBIDS };
void users_take_file(struct users_map *m, enum users_file kind, const char *text);

/* The first free block from number start on, and around.  -ENOSPC: there is none. */
int users_choose(const struct users_map *m, uint32_t start, struct id_range *out, struct err *e);
/* Whether it is a block of ours: a record could say anything. */
bool users_is_block(int64_t first);

/* The maps of a plan for the pod; none without a namespace of its own. */
void users_plan(const struct pod_spec *pod, struct plan *out);
/* What the pod's root is to have. */
int users_give(const struct pod_spec *pod, const char *path, struct err *e);
