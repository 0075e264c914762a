#include "launch/job.h"

#include "base/cleanup.h"

static void fill(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
}

const struct job_shared job_nothing_shared = { .fd = { -1, -1, -1 } };

void job_init(struct job *j, const struct plan *p, const struct job_shared *shared)
{
	*j = (struct job){ .plan = p,
		.shared = *shared,
		.step = "start",
		.null_fd = -1,
		.proc_fd = -1,
		.sysctls_fd = -1,
		.userns_fd = -1,
		.cgroup_fd = -1,
		.cgroup_procs = -1,
		.program_fd = -1,
		.shm_fd = -1,
		.pidfd = -1,
		.start_conn = -1,
		.hooks_fd = -1,
		.mounts = { .root = -1,
			.console = -1,
			.cgroup_v2 = -1,
			.host_cgroups = -1,
			.dev = -1,
			.sys = -1,
			.shm = -1,
			.mqueue = -1,
			.null = -1 } };
	fill(j->cgroup_tasks, JOB_CGROUPS_MAX);
	fill(j->mounts.cgroup, JOB_CGROUPS_MAX);
	fill(j->namespaces, JOB_NAMESPACES);
	fill(j->kept, ARRAY_LEN(j->kept));
}

int steps_run(struct job *j, const struct step *steps, size_t len, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < len; i++) {
		j->step = steps[i].name;
		rc = steps[i].run(j, e);
	}
	return rc;
}
