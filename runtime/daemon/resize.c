/* In-place resize: a pod's new resources on disk, then in its cgroups.  While it runs the pod's own
 * limits are those that hold both what was and what comes, so a container never asks for more than
 * its pod may have; they shrink last.  Every part can be repeated after a crash.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/qos.h"
#include "engine/scope.h"
#include "pod/resources.h"

/* ---- what is asked for ---- */

static void take_amounts(struct pod *p)
{
	for (size_t i = 0; i < p->state->resize->ctrs_len; i++)
		manifest_read_resources(
			p->state->resize->ctrs[i].allocated, &p->spec->containers[i]);
}

void pod_resize_restore(struct pod *p)
{
	if (p->state->resize)
		take_amounts(p);
}

/* Limits that Kubernetes has no word for are not asked of the machine: they are never too much.
 * Returns whether one is another one. */
static bool take_annotations(struct pod *p, struct pod_spec *asked)
{
	bool is_new = p->spec->pids_limit != asked->pids_limit;

	p->spec->pids_limit = asked->pids_limit;
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		struct io_spec *io = &p->spec->containers[i].io;

		is_new = is_new || memcmp(io, &asked->containers[i].io, sizeof(*io)) != 0;
		*io = asked->containers[i].io;
	}
	labels_free(&p->spec->annotations);
	p->spec->annotations = asked->annotations;
	asked->annotations = (struct labels){ 0 };
	return is_new;
}

static int64_t memory_request(const struct pod_spec *spec)
{
	int64_t sum = 0;

	for (size_t i = 0; i < spec->containers_len; i++) {
		int64_t one = spec->containers[i].requests.memory_bytes;

		if (one > 0)
			sum = one > INT64_MAX - sum ? INT64_MAX : sum + one;
	}
	return sum;
}

/* The stored manifest with what a resize may change.  Returns what it was; the caller's. */
static struct json *replace_object(struct pod *p, const struct json *asked)
{
	struct json *before = p->object;
	const struct json *annotations = json_path(asked, "metadata.annotations");
	struct json *spec = json_copy(json_get(asked, "spec"));

	p->object = json_copy(before);
	json_set_str(spec, "nodeName", json_str(json_path(before, "spec.nodeName")));
	json_set(p->object, "spec", spec);
	if (annotations)
		json_set(json_get(p->object, "metadata"), "annotations", json_copy(annotations));
	return before;
}

/* On disk before anything else: what is not there did not happen. */
static int record(struct pod *p, const struct json *asked, char *infeasible, struct err *e)
{
	struct pod_resize *former = p->state->resize;
	struct json *before = replace_object(p, asked);
	const struct json *containers = json_path(p->object, "spec.containers");
	struct pod_resize *r =
		former ? resize_copy(former) : resize_new(json_path(before, "spec.containers"));
	int rc;

	p->state->resize = r;
	p->generation++;
	if (infeasible)
		resize_reject(r, infeasible, p->generation, clock_now());
	else
		resize_allocate(r, containers, p->generation, clock_now());
	rc = pod_record(p, e);
	json_free(rc < 0 ? p->object : before);
	resize_free(rc < 0 ? r : former);
	if (rc == 0)
		return 0;
	p->object = before;
	p->state->resize = former;
	p->generation--;
	return rc;
}

static void tell_people(struct pod *p)
{
	const struct pod_resize *r = p->state->resize;
	const struct json *containers = json_path(p->object, "spec.containers");
	CLEANUP(cleanup_free)
	char *text = resize_text(r, p->spec, containers, p->generation, r->infeasible);
	CLEANUP(cleanup_free)
	char *message =
		str_fmt("Pod resize %s: %s", r->infeasible ? "Infeasible" : "started", text);

	event_emit(p, NO_CTR, r->infeasible, r->infeasible ? "ResizeInfeasible" : "ResizeStarted",
		message);
}

int pod_resize(
	void *ctx, const char *ns, const char *name, struct manifest_result *asked, struct err *e)
{
	struct daemon *d = ctx;
	struct pod *p = pod_find(d, ns, name);
	const struct env_facts *node = &d->engine.facts;
	int rc;

	if (!p)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	rc = record(p, asked->object,
		resize_judge(resources_cpu_request(asked->spec), memory_request(asked->spec),
			node->node_cpu_milli, node->node_memory_bytes),
		e);
	if (rc < 0)
		return rc;
	take_amounts(p);
	if (take_annotations(p, asked->spec) && p->state->resize->infeasible)
		resize_again(p->state->resize, clock_now());
	tell_people(p);
	pod_step(p, &(struct pod_event){ .kind = EV_TIMER });
	return 0;
}

/* ---- the cgroups ---- */

/* -1: no limit, which is more than any. */
static int64_t greater(int64_t a, int64_t b)
{
	return a < 0 || b < 0 ? -1 : a > b ? a : b;
}

/* What the pod's cgroup needs while its containers go from one to the other. */
static struct cgroup_limits limits_between(const struct pod *p)
{
	struct pod_spec spec = *p->spec;
	struct cgroup_limits l;

	spec.containers = mem_zalloc(spec.containers_len * sizeof(*spec.containers));
	for (size_t i = 0; i < spec.containers_len; i++) {
		struct container_spec *c = &spec.containers[i];
		struct container_spec now = { 0 };

		*c = p->spec->containers[i];
		manifest_read_resources(p->state->resize->ctrs[i].actual, &now);
		c->limits.cpu_milli = greater(c->limits.cpu_milli, now.limits.cpu_milli);
		c->limits.memory_bytes = greater(c->limits.memory_bytes, now.limits.memory_bytes);
	}
	l = resources_of_pod(&spec);
	free(spec.containers);
	return l;
}

static void tell_done(struct pod *p, size_t ctr)
{
	pod_step(p,
		&(struct pod_event){ .kind = EV_RESIZED, .ctr = ctr, .id = p->ctrs[ctr].ctr.id });
}

/* Each that can be told is told, whatever became of the others.  *out_left: some cannot be yet. */
static int tell_containers(struct pod *p, bool *out_left, struct err *e)
{
	const struct pod_resize *r = p->state->resize;
	int first = 0;

	for (size_t i = 0; i < r->ctrs_len; i++) {
		struct err why = { 0 };
		struct cgroup_limits l;
		int rc;

		if (!r->ctrs[i].is_stale)
			continue;
		if (p->state->ctrs[i].phase != CTR_RUNNING) {
			*out_left = true;
			continue;
		}
		l = resources_of_container(&p->spec->containers[i]);
		rc = ctr_set_limits(&p->ctrs[i].ctr, &l, &why);
		cgroup_limits_release(&l);
		if (rc == 0)
			tell_done(p, i);
		else if (first == 0)
			first = err_say(e, -rc, "container %s: %s%s", p->spec->containers[i].name,
				rc == -EBUSY ? "resources.limits.memory: " : "", why.text);
	}
	return first;
}

void pod_resize_tell(struct pod *p)
{
	const struct cgroups *cgroups = p->d->engine.cgroups;
	struct cgroup_limits l = limits_between(p);
	struct err e = { 0 };
	bool is_left = false;
	int rc = cgroup_set_limits(cgroups, p->sandbox.at.cgroup, &l, &e);

	if (rc == 0)
		rc = tell_containers(p, &is_left, &e);
	if (rc == 0 && !is_left) {
		l = resources_of_pod(p->spec);
		rc = cgroup_set_limits(cgroups, p->sandbox.at.cgroup, &l, &e);
		if (rc == 0 && p->d->engine.layout.by_systemd)
			scope_set_limits(&p->d->engine, p->sandbox.at.cgroup, &l);
	}
	qos_weigh(p->d, p->spec->qos);
	if (rc < 0)
		log_warn("pod=%s resize: %s", p->sandbox.name, e.text);
	pod_step(p, &(struct pod_event){ .kind = EV_RESIZED,
			    .ctr = NO_CTR,
			    .is_success = rc == 0 && !is_left,
			    .text = rc < 0 ? e.text : NULL });
}
