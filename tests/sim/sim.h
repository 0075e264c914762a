/* A simulated world around the life cycle: it carries out actions after random delays, with
 * failures, hangs, kills, and news that comes late, twice or in an unlucky order.  Whatever it
 * does, a real machine under load could do.  sim_env.c is the world, sim_pods.c drives it and holds
 * the invariants.
 */
#pragma once

#include <stdnoreturn.h>

#include "pod/lifecycle.h"
#include "pod/status.h"

enum { SIM_CTRS = 4, SIM_NEWS = 128, SIM_HISTORY = 4096 };

/* One event on its way, with the texts that it borrows. */
struct news {
	int64_t due_ms;
	struct pod_event ev;
	char id[16];
};

/* One step of a pod's history and a digest of what it answered. */
struct record {
	struct moment at;
	struct pod_event ev;
	char id[16];
	uint64_t digest;
};

struct sim_ctr {
	bool is_starting; /* a start was asked for and not answered */
	bool is_alive;    /* its processes exist */
	bool is_deaf;     /* ends by SIGKILL only */
	char id[16];
	unsigned made;        /* instances so far */
	int64_t signalled_ms; /* of this instance, 0: not yet */
};

enum sim_box { SIM_BOX_NONE, SIM_BOX_STARTING, SIM_BOX_UP, SIM_BOX_ENDING };

struct sim {
	uint64_t seed, rng;
	unsigned next_id;
	struct lifecycle_config cfg;
	struct pod_spec spec;
	struct container_spec ctr_specs[SIM_CTRS];
	char names[SIM_CTRS][4];
	struct pod_state *s;
	struct moment now;
	struct pod_actions out;
	bool is_forced; /* a delete with grace 0 was asked for */
	enum sim_box box;
	struct sim_ctr ctrs[SIM_CTRS];
	struct news news[SIM_NEWS];
	size_t news_len;
	struct record *history;
	size_t history_len;
};

uint64_t sim_random(struct sim *m);
/* A random number below n; a chance of one in n. */
int64_t sim_below(struct sim *m, int64_t n);
bool sim_one_in(struct sim *m, int64_t n);
/* Prints the seed and the pod's history, and ends the program. */
noreturn void sim_fail(struct sim *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Carries out what the last step asked for. */
void env_apply(struct sim *m);
/* Index of the news that is due first, SIM_NEWS when there is none. */
size_t env_first(const struct sim *m);
struct news env_take(struct sim *m, size_t i);
/* Something that nobody asked for, at the present time; may be an event that makes no sense. */
struct news env_surprise(struct sim *m);
