/* PodSandboxStatus and ContainerStatus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cri/state.h"
#include "spec/message_json.h"

Runtime__V1__PodSandboxState sandbox_state_of(const struct cri_sandbox *s)
{
	return s->state == SANDBOX_IS_READY ? RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY
					    : RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY;
}

Runtime__V1__ContainerState container_state_of(const struct cri_container *c)
{
	switch (c->state) {
	case CONTAINER_IS_RUNNING:
		return RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING;
	case CONTAINER_HAS_EXITED:
		return RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED;
	case CONTAINER_IS_CREATED:
	case CONTAINER_STARTING:
	case CONTAINER_STATES:
		break;
	}
	return RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED;
}

/* ---- views ---- */

/* Clients compare what they asked for with what is told here; the defaults are those of CRI. */
static void fill_options(struct sandbox_view *v, const struct cri_sandbox *s)
{
	const Runtime__V1__LinuxPodSandboxConfig *l = s->config->linux;
	const Runtime__V1__NamespaceOption *o =
		l && l->security_context ? l->security_context->namespace_options : NULL;

	runtime__v1__namespace_option__init(&v->options);
	if (o) {
		v->options.network = o->network;
		v->options.pid = o->pid;
		v->options.ipc = o->ipc;
		v->options.target_id = o->target_id;
		v->options.userns_options = o->userns_options;
	}
}

void sandbox_view_fill(struct sandbox_view *v, const struct cri_sandbox *s)
{
	Runtime__V1__PodSandboxConfig *config = s->config;

	runtime__v1__pod_sandbox_status__init(&v->status);
	runtime__v1__linux_pod_sandbox_status__init(&v->linux_status);
	runtime__v1__namespace__init(&v->namespaces);
	fill_options(v, s);
	v->namespaces.options = &v->options;
	v->linux_status.namespaces = &v->namespaces;
	v->status.linux = &v->linux_status;
	/* There is no address yet, and a kubelet replaces a sandbox whose network has none. */
	v->status.id = (char *)(uintptr_t)s->id;
	v->status.metadata = config->metadata;
	v->status.state = sandbox_state_of(s);
	v->status.created_at = s->created_ns;
	/* Entries of maps are all alike: a key and a value. */
	v->status.n_labels = config->n_labels;
	v->status.labels = (void *)config->labels;
	v->status.n_annotations = config->n_annotations;
	v->status.annotations = (void *)config->annotations;
}

static void fill_image(struct container_view *v, const struct cri_container *c)
{
	const struct image_record *image = &c->ctr.image;

	runtime__v1__image_spec__init(&v->image);
	/* Once the image's record is gone, what the client called it is all that is known. */
	v->image.image = image->ref ? image->ref : c->config->image->image;
	v->image.user_specified_image = c->config->image->user_specified_image;
	v->image.n_annotations = c->config->image->n_annotations;
	v->image.annotations = c->config->image->annotations;
	v->status.image = &v->image;
	v->status.image_ref = image->id ? image->id : c->config->image->image;
	v->status.image_id = image->id ? image->id : c->config->image->image;
}

static void fill_user(struct container_view *v, const struct cri_container *c)
{
	if (c->groups_len < 0)
		return;
	runtime__v1__container_user__init(&v->user);
	runtime__v1__linux_container_user__init(&v->linux_user);
	v->linux_user.uid = c->uid;
	v->linux_user.gid = c->gid;
	v->linux_user.n_supplemental_groups = (size_t)c->groups_len;
	v->linux_user.supplemental_groups = c->groups;
	v->user.linux = &v->linux_user;
	v->status.user = &v->user;
}

static void fill_end(Runtime__V1__ContainerStatus *status, const struct cri_container *c)
{
	if (c->state != CONTAINER_HAS_EXITED)
		return;
	status->finished_at = c->finished_ns;
	status->exit_code = c->exit_code;
	if (c->reason)
		status->reason = c->reason;
	if (c->message)
		status->message = c->message;
}

void container_view_fill(struct container_view *v, const struct cri_container *c)
{
	Runtime__V1__ContainerStatus *status = &v->status;
	Runtime__V1__ContainerConfig *config = c->config;

	runtime__v1__container_status__init(status);
	status->id = (char *)(uintptr_t)c->ctr.id;
	status->metadata = config->metadata;
	status->state = container_state_of(c);
	status->created_at = c->created_ns;
	status->started_at = c->started_ns;
	fill_end(status, c);
	fill_image(v, c);
	fill_user(v, c);
	status->n_labels = config->n_labels;
	status->labels = (void *)config->labels;
	status->n_annotations = config->n_annotations;
	status->annotations = (void *)config->annotations;
	status->n_mounts = config->n_mounts;
	status->mounts = config->mounts;
	if (c->ctr.log_file)
		status->log_path = c->ctr.log_file;
	status->stop_signal = cri_signal_of(c->ctr.stop_signal);
	if (c->resources) {
		runtime__v1__container_resources__init(&v->resources);
		v->resources.linux = c->resources;
		status->resources = &v->resources;
	}
}

/* ---- verbose ---- */

/* One JSON object under "info", as crictl shows it. */
static char *info_text(struct json *info)
{
	CLEANUP(cleanup_json) struct json *owned = info;
	struct buf text = { 0 };

	json_write(owned, JSON_COMPACT, &text);
	return buf_take(&text);
}

static char *sandbox_info(const struct cri_sandbox *s)
{
	struct json *info = json_new_object();

	json_set_str(info, "sandboxID", s->id);
	json_set_i64(info, "pid", sandbox_host_pid(&s->box));
	json_set_str(info, "cgroup", s->box.at.cgroup);
	json_set_str(info, "directory", s->box.at.dir);
	json_set(info, "config", message_to_json(&s->config->base, MESSAGE_DEFAULTS_LEFT_OUT));
	return info_text(info);
}

static char *container_info(const struct cri_container *c)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->sandbox->box.at, c->ctr.id);
	struct json *info = json_new_object();

	json_set_str(info, "sandboxID", c->sandbox->id);
	json_set_i64(info, "pid", ctr_host_pid(&c->ctr));
	json_set_str(info, "cgroup", cgroup);
	json_set_str(info, "directory", c->ctr.dir);
	json_set_str(info, "image", c->ctr.image.id);
	json_set(info, "config", message_to_json(&c->config->base, MESSAGE_DEFAULTS_LEFT_OUT));
	return info_text(info);
}

/* ---- the calls ---- */

void rpc_sandbox_status(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__PodSandboxStatusRequest *q = (const void *)grpc_request(call);
	Runtime__V1__PodSandboxStatusResponse answer =
		RUNTIME__V1__POD_SANDBOX_STATUS_RESPONSE__INIT;
	Runtime__V1__PodSandboxStatusResponse__InfoEntry entry =
		RUNTIME__V1__POD_SANDBOX_STATUS_RESPONSE__INFO_ENTRY__INIT;
	Runtime__V1__PodSandboxStatusResponse__InfoEntry *entries[] = { &entry };
	CLEANUP(cleanup_free) char *info = NULL;
	struct cri_sandbox *s = NULL;
	struct sandbox_view v;
	struct err e = { 0 };
	char key[] = "info";
	int rc = sandbox_find(ctx, q->pod_sandbox_id, &s, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	sandbox_view_fill(&v, s);
	answer.status = &v.status;
	if (q->verbose) {
		entry.key = key;
		info = sandbox_info(s);
		entry.value = info;
		answer.n_info = 1;
		answer.info = entries;
	}
	grpc_reply(call, &answer.base);
}

void rpc_container_status(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ContainerStatusRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ContainerStatusResponse answer = RUNTIME__V1__CONTAINER_STATUS_RESPONSE__INIT;
	Runtime__V1__ContainerStatusResponse__InfoEntry entry =
		RUNTIME__V1__CONTAINER_STATUS_RESPONSE__INFO_ENTRY__INIT;
	Runtime__V1__ContainerStatusResponse__InfoEntry *entries[] = { &entry };
	CLEANUP(cleanup_free) char *info = NULL;
	struct cri_container *c = NULL;
	struct container_view v;
	struct err e = { 0 };
	char key[] = "info";
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	container_view_fill(&v, c);
	answer.status = &v.status;
	if (q->verbose) {
		entry.key = key;
		info = container_info(c);
		entry.value = info;
		answer.n_info = 1;
		answer.info = entries;
	}
	grpc_reply(call, &answer.base);
}
