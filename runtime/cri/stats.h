/* What a cgroup's counters become in CRI's messages, of containers and of sandboxes. */
#pragma once

#include "cri/state.h"
#include "sys/cgroup_stats.h"

struct stats_psi {
	Runtime__V1__PsiStats psi;
	Runtime__V1__PsiData full, some;
};

/* What a cgroup's counters become, whoever's it is. */
struct stats_usage {
	Runtime__V1__CpuUsage cpu;
	Runtime__V1__MemoryUsage memory;
	Runtime__V1__SwapUsage swap;
	Runtime__V1__IoUsage io;
	struct stats_psi cpu_psi, memory_psi, io_psi;
	Runtime__V1__UInt64Value cpu_ns, usage, working_set, available, rss, faults, major_faults;
	Runtime__V1__UInt64Value swap_used, swap_available;
};

/* Everything one ContainerStats points to. */
struct stats_item {
	Runtime__V1__ContainerStats stats;
	Runtime__V1__ContainerAttributes attributes;
	struct stats_usage usage;
	Runtime__V1__FilesystemUsage layer;
	Runtime__V1__FilesystemIdentifier layer_id;
	Runtime__V1__UInt64Value layer_bytes, layer_inodes;
};

Runtime__V1__UInt64Value *stats_value(Runtime__V1__UInt64Value *at, uint64_t n);
void stats_fill_usage(struct stats_usage *u, const struct cgroup_stats *s);
bool stats_has_swap(const struct cgroup_stats *s);
/* -ENOENT: it has no cgroup now. */
int stats_fill_container(struct stats_item *i, struct cri_container *c, struct err *e);
