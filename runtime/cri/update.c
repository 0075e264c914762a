/* UpdateContainerResources and ReopenContainerLog: what can be changed of a container that is made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "api/grpc_text.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/logs.h"
#include "pod/resources.h"

/* ---- resources ---- */

static void free_resources(struct linux_resources **r)
{
	if (*r)
		linux_resources_clear(*r);
	free(*r);
}

/* What is in force, as the message that tells of it. */
static Runtime__V1__LinuxContainerResources *message_of(const struct linux_resources *r)
{
	Runtime__V1__LinuxContainerResources *m =
		message_new(&runtime__v1__linux_container_resources__descriptor);

	m->cpu_period = r->cpu_period_us;
	m->cpu_quota = r->cpu_quota_us;
	m->cpu_shares = r->cpu_shares;
	m->memory_limit_in_bytes = r->memory_bytes;
	m->memory_swap_limit_in_bytes = r->memory_swap_bytes;
	m->oom_score_adj = r->oom_score_adj;
	message_set_string(&m->cpuset_cpus, r->cpuset_cpus);
	message_set_string(&m->cpuset_mems, r->cpuset_mems);
	for (size_t i = 0; i < r->hugepages_len; i++) {
		Runtime__V1__HugepageLimit *h = message_add(&m->hugepage_limits,
			&m->n_hugepage_limits, &runtime__v1__hugepage_limit__descriptor);

		message_set_string(&h->page_size, r->hugepages[i].page_size);
		h->limit = r->hugepages[i].limit_bytes;
	}
	for (size_t i = 0; i < r->unified.len; i++)
		message_map_add(&m->unified, &m->n_unified,
			&runtime__v1__linux_container_resources__unified_entry__descriptor,
			r->unified.at[i].key, r->unified.at[i].value);
	return m;
}

int container_apply_resources(struct cri_container *c, struct err *e)
{
	CLEANUP(free_resources) struct linux_resources *r = mem_zalloc(sizeof(*r));
	int rc = cri_read_resources(c->resources, "resources", r, e);

	if (rc < 0)
		return rc;
	free_resources(&c->spec->resources);
	c->spec->resources = TAKE(r);
	return 0;
}

static int check_update(const struct cri_container *c,
	const Runtime__V1__UpdateContainerResourcesRequest *q, struct err *e)
{
	int64_t now = c->resources ? c->resources->oom_score_adj : 0;

	if (!q->linux)
		return err_say(e, EINVAL, "linux: Required value");
	if (q->n_annotations)
		return err_say(
			e, EOPNOTSUPP, "annotations: not supported, their keys mean nothing");
	if (c->state == CONTAINER_HAS_EXITED)
		return err_say(e, EBUSY, "container %s has exited", c->ctr.id);
	if (c->state == CONTAINER_STARTING)
		return err_say(e, EAGAIN, "container %s is being started", c->ctr.id);
	if (container_is_alive(c) && q->linux->oom_score_adj && q->linux->oom_score_adj != now)
		return err_say(e, EOPNOTSUPP,
			"linux.oom_score_adj: %" PRId64
			" cannot be given to a container that runs (it has %" PRId64 ")",
			q->linux->oom_score_adj, now);
	return 0;
}

static int set_limits(const struct cri_container *c, const struct linux_resources *r, struct err *e)
{
	struct cgroup_limits limits = resources_of_linux(r);
	int rc = ctr_set_limits(&c->ctr, &limits, e);

	cgroup_limits_release(&limits);
	return rc;
}

/* Of an update that cannot be noted: a carpeld that comes after a crash would tell of another. */
static void put_back(struct cri_container *c, Runtime__V1__LinuxContainerResources *before)
{
	struct err e = { 0 };
	int rc = 0;

	message_free(c->resources);
	c->resources = before;
	free_resources(&c->spec->resources);
	c->spec->resources = NULL;
	if (before)
		rc = container_apply_resources(c, &e);
	if (before && rc == 0 && c->state == CONTAINER_IS_RUNNING)
		rc = set_limits(c, c->spec->resources, &e);
	if (rc < 0)
		log_err("container=%s keeps what its update set: %s", c->ctr.id, e.text);
}

/* The cgroup takes all of it or none; the record says what the cgroup has. */
static int update(
	struct cri_container *c, const Runtime__V1__LinuxContainerResources *by, struct err *e)
{
	CLEANUP(free_resources) struct linux_resources *wish = mem_zalloc(sizeof(*wish));
	CLEANUP(free_resources) struct linux_resources *all = mem_zalloc(sizeof(*all));
	Runtime__V1__LinuxContainerResources *before = c->resources;
	int rc = cri_read_resources(by, "linux", wish, e);

	if (rc == 0 && before)
		rc = cri_read_resources(before, "linux", all, e);
	if (rc == 0)
		rc = cri_merge_resources(all, wish, e);
	if (rc == 0 && c->state == CONTAINER_IS_RUNNING)
		rc = set_limits(c, wish, e);
	if (rc < 0)
		return rc;
	c->resources = message_of(all);
	rc = container_apply_resources(c, e);
	if (rc == 0)
		rc = container_record(c, e);
	if (rc < 0)
		put_back(c, before);
	else
		message_free(before);
	return rc;
}

void rpc_update_resources(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__UpdateContainerResourcesRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__UpdateContainerResourcesResponse answer =
		RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_RESPONSE__INIT;
	struct cri_container *c = NULL;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc == 0)
		rc = check_update(c, q, &e);
	if (rc == 0)
		rc = update(c, q->linux, &e);
	if (rc < 0)
		grpc_fail_err(call, rc, &e);
	else
		grpc_reply(call, &answer.base);
}

/* ---- the log ---- */

static void reopen(struct cri_container *c);

static void on_reopened(void *arg)
{
	const Runtime__V1__ReopenContainerLogResponse answer =
		RUNTIME__V1__REOPEN_CONTAINER_LOG_RESPONSE__INIT;
	struct cri_container *c = arg;

	wait_reply(&c->reopen, &answer.base);
	if (c->reopen_again.first)
		reopen(c);
}

/* For all that have asked.  The file may have been moved away after an earlier reopening opened it,
 * so whoever comes while that one is under way needs another. */
static void reopen(struct cri_container *c)
{
	const Runtime__V1__ReopenContainerLogResponse answer =
		RUNTIME__V1__REOPEN_CONTAINER_LOG_RESPONSE__INIT;
	struct err e = { 0 };
	int rc = logs_reopen(&c->ctr, on_reopened, c, &e);

	if (rc == 0)
		wait_move(&c->reopen_again, &c->reopen);
	else if (rc > 0)
		wait_reply(&c->reopen_again, &answer.base);
	else if (rc != -EAGAIN)
		wait_fail(&c->reopen_again, grpc_code_of_errno(rc), e.text);
}

void rpc_reopen_log(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ReopenContainerLogRequest *q = (const void *)grpc_request(call);
	struct cri_container *c = NULL;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	(void)wait_add(&c->reopen_again, call);
	reopen(c);
}
