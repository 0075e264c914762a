/* What a pod has on the disk, and whether that is more than its limits: the writable layers and the
 * logs of its containers, and its emptyDirs.  Pure; who counts is the daemon (daemon/disk.c).
 */
#pragma once

#include "base/json.h"
#include "pod/layout.h"

/* The trees of a pod have numbers, those of its volumes first, of its layers last. */
enum disk_part { DISK_VOLUME, DISK_LOGS, DISK_LAYER };

struct disk_use {
	uint64_t bytes, inodes;
	bool is_cut;     /* there are more files than can be counted */
	int64_t wall_ns; /* when it was counted; 0: never */
};

size_t disk_trees(const struct pod_spec *pod);
/* i: the number of the volume or of the container. */
size_t disk_tree(const struct pod_spec *pod, enum disk_part part, size_t i);
/* There is something to count: not of a volume that is not the pod's, or not on a disk. */
bool disk_has_tree(const struct pod_spec *pod, enum disk_part part, size_t i);
/* NULL: there is not. */
char *disk_path(const struct layout *l, const struct place *at, const struct pod_spec *pod,
	enum disk_part part, size_t i);

bool disk_is_limited(const struct pod_spec *pod);
/* Why it is to be evicted, in the kubelet's words and order; NULL: it is within its limits.  use:
 * of each tree; object: the pod's, for its limits as they are written. */
char *disk_verdict(
	const struct pod_spec *pod, const struct json *object, const struct disk_use *use);
