/* What a cgroup and all below it use, read from the kernel's files at the moment of the call: some
 * ten small reads, no allocation.  Nothing is kept or computed over time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sys/cgroup.h"

struct pressure_line {
	double avg10, avg60, avg300; /* percent */
	uint64_t total_ns;
};

struct pressure {
	bool is_known; /* the kernel counts it (psi=1), in the v2 tree of either layout */
	struct pressure_line some, full;
};

struct cgroup_memory {
	uint64_t usage_bytes, working_set_bytes, rss_bytes;
	uint64_t page_faults, major_page_faults;
	uint64_t limit_bytes;         /* its own; 0: none */
	uint64_t unreclaimable_bytes; /* v2: of usage, what only swap or an end could free */
	uint64_t oom_kills;           /* processes */
	bool has_swap;                /* swap is accounted for */
	bool has_swap_limit;
	uint64_t swap_bytes, swap_limit_bytes; /* swap alone; a limit of 0 is one */
};

/* Of all devices; where devices are stacked (device mapper), what passes both counts twice. */
struct cgroup_io {
	bool is_known; /* v1: of what was moved into a blkio cgroup, see cgroup_rare.c */
	uint64_t read_bytes, write_bytes, read_ops, write_ops;
};

struct cgroup_stats {
	int64_t wall_ns; /* when it was read; since 1970 */
	uint64_t cpu_ns;
	bool has_memory, has_pids; /* the controllers are there */
	struct cgroup_memory memory;
	uint64_t pids;
	struct cgroup_io io;
	struct pressure cpu_pressure, memory_pressure, io_pressure;
};

/* -ENOENT: there is no such cgroup, or it vanished meanwhile. */
int cgroup_stats_read(
	const struct cgroups *c, const char *path, struct cgroup_stats *out, struct err *e);

/* Whether a process of it lives, ends, or has ended and not been reaped; false where no pids
 * controller counts them. */
bool cgroup_has_unreaped(const struct cgroups *c, const char *path);

/* Pure: the text of a *.pressure file; what is not understood is not known. */
struct pressure pressure_parse(const char *text);
