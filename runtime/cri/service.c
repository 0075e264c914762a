/* The tables of CRI's methods, what they ask of the runtime as a whole, and the face's own life. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/lsm.h"
#include "engine/users.h"
#include "spec/cri_protoset.h"

/* ---- Version, Status, RuntimeConfig ---- */

/* The kubelet ends itself unless "version" is its own API's number, whatever it asked. */
static void rpc_version(void *ctx, struct grpc_call *call)
{
	Runtime__V1__VersionResponse answer = RUNTIME__V1__VERSION_RESPONSE__INIT;
	char api[] = "0.1.0", name[] = "carpel", version[] = CARPEL_VERSION, cri[] = "v1";

	(void)ctx;
	answer.version = api;
	answer.runtime_name = name;
	answer.runtime_version = version;
	answer.runtime_api_version = cri;
	grpc_reply(call, &answer.base);
}

static char *status_info(const struct cri *c)
{
	const struct engine *g = c->engine;
	struct json *info = json_new_object(), *cgroup = json_new_object();
	struct buf text = { 0 };

	json_set_str(info, "version", CARPEL_VERSION);
	json_set_str(info, "stateDir", g->layout.run);
	json_set_str(info, "rootDir", g->layout.lib);
	json_set_str(info, "imagesDir", g->layout.images);
	json_set_str(cgroup, "root", cgroups_root(g->cgroups));
	json_set_str(cgroup, "layout", cgroups_layout(g->cgroups) == CGROUP_V2 ? "v2" : "hybrid");
	json_set_str(cgroup, "driver", layout_driver(&g->layout));
	json_set(info, "cgroup", cgroup);
	json_set_str(info, "apparmor", engine_apparmor_word(g));
	json_set_str(info, "selinux", engine_selinux_word(g));
	json_set_str(info, "podNetwork", "loopback only");
	json_set_i64(info, "sandboxes", (int64_t)c->sandboxes_len);
	json_set_i64(info, "containers", (int64_t)c->containers_len);
	json_write(info, JSON_COMPACT, &text);
	json_free(info);
	return buf_take(&text);
}

static void answer_status(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StatusRequest *q = (const void *)grpc_request(call);
	char runtime_ready[] = "RuntimeReady", network_ready[] = "NetworkReady", key[] = "config";
	Runtime__V1__StatusResponse answer = RUNTIME__V1__STATUS_RESPONSE__INIT;
	Runtime__V1__RuntimeStatus status = RUNTIME__V1__RUNTIME_STATUS__INIT;
	Runtime__V1__RuntimeCondition runtime = RUNTIME__V1__RUNTIME_CONDITION__INIT;
	Runtime__V1__RuntimeCondition network = RUNTIME__V1__RUNTIME_CONDITION__INIT;
	Runtime__V1__RuntimeCondition *conditions[] = { &runtime, &network };
	Runtime__V1__RuntimeHandler handler = RUNTIME__V1__RUNTIME_HANDLER__INIT;
	Runtime__V1__RuntimeHandler *handlers[] = { &handler };
	Runtime__V1__RuntimeHandlerFeatures of_handler =
		RUNTIME__V1__RUNTIME_HANDLER_FEATURES__INIT;
	Runtime__V1__RuntimeFeatures features = RUNTIME__V1__RUNTIME_FEATURES__INIT;
	Runtime__V1__StatusResponse__InfoEntry entry =
		RUNTIME__V1__STATUS_RESPONSE__INFO_ENTRY__INIT;
	Runtime__V1__StatusResponse__InfoEntry *entries[] = { &entry };
	CLEANUP(cleanup_free) char *info = NULL;

	runtime.type = runtime_ready;
	network.type = network_ready;
	/* The node's network is there for those who ask for it. */
	runtime.status = network.status = true;
	status.n_conditions = ARRAY_LEN(conditions);
	status.conditions = conditions;
	of_handler.recursive_read_only_mounts = true;
	of_handler.user_namespaces =
		((const struct cri *)ctx)->engine->users.answer == USERS_TO_BE_HAD;
	handler.features = &of_handler;
	features.supplemental_groups_policy = true;
	features.mount_options = true;
	answer.status = &status;
	answer.n_runtime_handlers = 1;
	answer.runtime_handlers = handlers;
	answer.features = &features;
	if (q->verbose) {
		entry.key = key;
		info = status_info(ctx);
		entry.value = info;
		answer.n_info = 1;
		answer.info = entries;
	}
	grpc_reply(call, &answer.base);
}

static void on_users(void *arg)
{
	struct cri *c = arg;

	wait_answer(&c->status, answer_status, c);
}

/* What it can do is asked of the kernel by the first call, which alone waits. */
static void rpc_status(void *ctx, struct grpc_call *call)
{
	struct cri *c = ctx;

	if (users_ask(c->engine, on_users, c) == USERS_UNKNOWN)
		(void)wait_add(&c->status, call);
	else
		answer_status(c, call);
}

static void rpc_runtime_config(void *ctx, struct grpc_call *call)
{
	Runtime__V1__RuntimeConfigResponse answer = RUNTIME__V1__RUNTIME_CONFIG_RESPONSE__INIT;
	Runtime__V1__LinuxRuntimeConfiguration l = RUNTIME__V1__LINUX_RUNTIME_CONFIGURATION__INIT;
	const struct cri *c = ctx;

	l.cgroup_driver = c->engine->layout.by_systemd ? RUNTIME__V1__CGROUP_DRIVER__SYSTEMD
						       : RUNTIME__V1__CGROUP_DRIVER__CGROUPFS;
	answer.linux = &l;
	grpc_reply(call, &answer.base);
}

/* The pods' range of addresses, which the network will want; nothing else can be configured. */
static void rpc_update_runtime_config(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__UpdateRuntimeConfigRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__UpdateRuntimeConfigResponse answer =
		RUNTIME__V1__UPDATE_RUNTIME_CONFIG_RESPONSE__INIT;
	const Runtime__V1__NetworkConfig *n =
		q->runtime_config ? q->runtime_config->network_config : NULL;

	(void)ctx;
	if (n && *n->pod_cidr)
		log_info("the pods' addresses will be %s, once there is a network for them",
			n->pod_cidr);
	grpc_reply(call, &answer.base);
}

/* ---- the tables ---- */

static const struct grpc_method runtime_methods[] = {
	{ .name = "Version", .handle = rpc_version },
	{ .name = "Status", .handle = rpc_status },
	{ .name = "RuntimeConfig", .handle = rpc_runtime_config },
	{ .name = "UpdateRuntimeConfig", .handle = rpc_update_runtime_config },
	{ .name = "RunPodSandbox", .handle = rpc_run_sandbox },
	{ .name = "StopPodSandbox", .handle = rpc_stop_sandbox },
	{ .name = "RemovePodSandbox", .handle = rpc_remove_sandbox },
	{ .name = "PodSandboxStatus", .handle = rpc_sandbox_status },
	{ .name = "ListPodSandbox", .handle = rpc_list_sandboxes },
	{ .name = "StreamPodSandboxes", .handle = rpc_stream_sandboxes, .is_stream = true },
	{ .name = "CreateContainer", .handle = rpc_create_container },
	{ .name = "StartContainer", .handle = rpc_start_container },
	{ .name = "StopContainer", .handle = rpc_stop_container },
	{ .name = "RemoveContainer", .handle = rpc_remove_container },
	{ .name = "ContainerStatus", .handle = rpc_container_status },
	{ .name = "ListContainers", .handle = rpc_list_containers },
	{ .name = "StreamContainers", .handle = rpc_stream_containers, .is_stream = true },
	{ .name = "UpdateContainerResources", .handle = rpc_update_resources },
	{ .name = "ReopenContainerLog", .handle = rpc_reopen_log },
	{ .name = "ExecSync", .handle = rpc_exec_sync },
	{ .name = "ContainerStats", .handle = rpc_container_stats },
	{ .name = "ListContainerStats", .handle = rpc_list_container_stats },
	{ .name = "StreamContainerStats", .handle = rpc_stream_container_stats, .is_stream = true },
	{ .name = "PodSandboxStats", .handle = rpc_sandbox_stats },
	{ .name = "ListPodSandboxStats", .handle = rpc_list_sandbox_stats },
	{ .name = "StreamPodSandboxStats", .handle = rpc_stream_sandbox_stats, .is_stream = true },
	{ .name = "GetContainerEvents", .handle = rpc_events, .is_stream = true },
};

static const struct grpc_method image_methods[] = {
	{ .name = "ListImages", .handle = rpc_list_images },
	{ .name = "StreamImages", .handle = rpc_stream_images, .is_stream = true },
	{ .name = "ImageStatus", .handle = rpc_image_status },
	{ .name = "RemoveImage", .handle = rpc_remove_image },
	{ .name = "ImageFsInfo", .handle = rpc_image_fs_info },
};

static const char *missing(const char *method)
{
	static const struct {
		const char *method, *feature;
	} rows[] = {
		{ "Exec", "streaming" },
		{ "Attach", "streaming" },
		{ "PortForward", "streaming" },
		{ "PullImage",
			"pulling from registries; `carpel image import` brings images here" },
		{ "CheckpointContainer", "checkpoints" },
		{ "CheckpointPod", "checkpoints" },
		{ "RestorePod", "checkpoints" },
		{ "ListMetricDescriptors", "metrics" },
		{ "ListPodSandboxMetrics", "metrics" },
		{ "StreamPodSandboxMetrics", "metrics" },
		{ "UpdatePodSandboxResources",
			"resources of a whole pod, whose cgroup is the client's" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_eq(method, rows[i].method))
			return rows[i].feature;
	return NULL;
}

static const struct grpc_service services[] = {
	{ .descriptor = &runtime__v1__runtime_service__descriptor,
		.methods = runtime_methods,
		.methods_len = ARRAY_LEN(runtime_methods),
		.missing = missing },
	{ .descriptor = &runtime__v1__image_service__descriptor,
		.methods = image_methods,
		.methods_len = ARRAY_LEN(image_methods),
		.missing = missing },
};

/* ---- the face's life ---- */

static int open_dir(const struct layout *l, const char *name, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/cri/%s", l->run, name);
	int rc = fd_mkdir_all(AT_FDCWD, path, 0700, e);

	if (rc < 0)
		return rc;
	rc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return rc < 0 ? err_set(e, errno, "open %s", path) : rc;
}

int cri_open(struct engine *g, struct cri **out, struct err *e)
{
	CLEANUP(cleanup_free) char *lib = str_fmt("%s/sandboxes", g->layout.lib);
	struct cri *c = mem_zalloc(sizeof(*c));
	int rc;

	c->engine = g;
	c->containers_dir = -1;
	c->face = (struct grpc_face){ .services = services,
		.services_len = ARRAY_LEN(services),
		.ctx = c,
		.files = cri_protoset,
		.files_len = sizeof(cri_protoset) };
	*out = c;
	c->sandboxes_dir = rc = open_dir(&g->layout, "sandboxes", e);
	if (rc >= 0)
		c->containers_dir = rc = open_dir(&g->layout, "containers", e);
	if (rc >= 0)
		rc = fd_mkdir_all(AT_FDCWD, lib, 0700, e);
	if (rc >= 0)
		rc = records_load(c, e);
	if (rc >= 0) {
		usage_open(c);
		resume_load(c);
	}
	return rc < 0 ? rc : 0;
}

const struct grpc_face *cri_face(const struct cri *c)
{
	return &c->face;
}

size_t cri_sandboxes(const struct cri *c)
{
	return c->sandboxes_len;
}

bool cri_is_closing(const struct cri *c, struct grpc_call *call)
{
	if (c->is_shutting_down)
		grpc_fail(call, GRPC_UNAVAILABLE, "carpeld is shutting down");
	return c->is_shutting_down;
}

static void on_ended(struct loop_timer *t)
{
	struct cri *c = t->arg;

	c->ended(c->ended_arg);
}

void cri_went(struct cri *c)
{
	if (c->is_shutting_down && !c->sandboxes)
		loop_timer_start(c->engine->loop, &c->shutdown_timer, 0, on_ended, c);
}

void cri_shutdown(struct cri *c, void (*ended)(void *arg), void *arg)
{
	struct cri_sandbox *next;

	c->is_shutting_down = true;
	c->ended = ended;
	c->ended_arg = arg;
	for (struct cri_sandbox *s = c->sandboxes; s; s = next) {
		next = s->next; /* one that is stopped already goes at once */
		sandbox_remove(s);
	}
	cri_went(c);
}

void cri_close(struct cri *c)
{
	if (!c)
		return;
	watchers_close(c);
	usage_close(c);
	creations_close(c);
	users_close(c->engine); /* it would call us */
	wait_fail(&c->status, GRPC_UNAVAILABLE, "carpeld is shutting down");
	loop_timer_stop(&c->shutdown_timer);
	while (c->containers)
		container_unlink_free(c->containers);
	while (c->sandboxes)
		sandbox_unlink_free(c->sandboxes);
	cleanup_fd(&c->sandboxes_dir);
	cleanup_fd(&c->containers_dir);
	free(c);
}
