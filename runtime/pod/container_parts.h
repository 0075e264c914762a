/* What the files of container.h share. */
#pragma once

#include "pod/container.h"

/* The node's /etc files, the termination message, and what the container mounts: parents first. */
int container_plan_mounts(const struct container_request *q, int first_fd, struct plan *p,
	struct container_fds *fds, struct err *e);
