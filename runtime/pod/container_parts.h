/* What the files of container.h share. */
#pragma once

#include "pod/container.h"

/* The node's /etc files, the termination message, and what the container mounts. */
int container_plan_mounts(const struct container_request *q, int first_fd, struct plan *p,
	struct container_fds *fds, struct err *e);
void container_sort_mounts(struct plan *p); /* parents first */
/* What the container asks for, then what CDI's files say. */
int container_plan_devices(const struct container_request *q, struct plan *p, struct err *e);
/* The part that an exec has, too. */
void container_plan_cdi_identity(const struct container_request *q, struct plan *p);
void container_add_group(struct plan *p, int64_t gid); /* each once */
