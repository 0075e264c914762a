/* What sandboxes use: all that lives in their cgroup, and their network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cri/stats.h"
#include "cri/stream.h"
#include "sys/netstat.h"

enum { INTERFACES_MAX = 32 };

struct interface_item {
	Runtime__V1__NetworkInterfaceUsage usage;
	Runtime__V1__UInt64Value rx_bytes, rx_errors, tx_bytes, tx_errors;
};

/* Everything one PodSandboxStats points to. */
struct sandbox_item {
	Runtime__V1__PodSandboxStats stats;
	Runtime__V1__PodSandboxAttributes attributes;
	Runtime__V1__LinuxPodSandboxStats linux_stats;
	struct stats_usage usage;
	Runtime__V1__NetworkUsage network;
	Runtime__V1__NetworkInterfaceUsage *others[INTERFACES_MAX];
	struct netstat counters[INTERFACES_MAX];
	struct interface_item interfaces[INTERFACES_MAX];
	Runtime__V1__ProcessUsage processes;
	Runtime__V1__UInt64Value pids;
	struct stats_item *containers; /* owned */
	Runtime__V1__ContainerStats **pointers;
};

static void item_free(struct sandbox_item *i)
{
	free(i->containers);
	free(i->pointers);
}

static void fill_attributes(Runtime__V1__PodSandboxAttributes *a, const struct cri_sandbox *s)
{
	runtime__v1__pod_sandbox_attributes__init(a);
	a->id = (char *)(uintptr_t)s->id;
	a->metadata = s->config->metadata;
	a->n_labels = s->config->n_labels;
	a->labels = (void *)s->config->labels;
	a->n_annotations = s->config->n_annotations;
	a->annotations = (void *)s->config->annotations;
}

static void fill_interface(struct interface_item *i, struct netstat *n)
{
	runtime__v1__network_interface_usage__init(&i->usage);
	i->usage.name = n->name;
	i->usage.rx_bytes = stats_value(&i->rx_bytes, n->rx.bytes);
	i->usage.rx_errors = stats_value(&i->rx_errors, n->rx.errors);
	i->usage.tx_bytes = stats_value(&i->tx_bytes, n->tx.bytes);
	i->usage.tx_errors = stats_value(&i->tx_errors, n->tx.errors);
}

/* A kubelet takes eth0 for the pod's; where there is none, the first stands for it, since a network
 * without a default interface ends the kubelet.  The node's own network is not the pod's. */
static void fill_network(struct sandbox_item *i, const struct cri_sandbox *s, int64_t wall_ns)
{
	int pid = sandbox_host_pid(&s->box), n, eth0 = 0;

	if (s->spec->host_network || pid <= 0)
		return;
	n = netstat_read(s->box.pause_fd, pid, i->counters, INTERFACES_MAX, NULL);
	if (n <= 0)
		return;
	runtime__v1__network_usage__init(&i->network);
	i->network.timestamp = wall_ns;
	for (int k = 0; k < n; k++)
		if (str_eq(i->counters[k].name, "eth0"))
			eth0 = k;
	i->network.interfaces = i->others;
	for (int k = 0; k < n; k++) {
		fill_interface(&i->interfaces[k], &i->counters[k]);
		if (k == eth0)
			i->network.default_interface = &i->interfaces[k].usage;
		else
			i->others[i->network.n_interfaces++] = &i->interfaces[k].usage;
	}
	i->linux_stats.network = &i->network;
}

static void fill_containers(struct sandbox_item *i, struct cri_sandbox *s)
{
	size_t len = 0;

	for (const struct cri_container *c = s->containers; c; c = c->next)
		len++;
	i->containers = mem_resize(NULL, len + 1, sizeof(*i->containers));
	i->pointers = mem_resize(NULL, len + 1, sizeof(*i->pointers));
	i->linux_stats.containers = i->pointers;
	for (struct cri_container *c = s->containers; c; c = c->next) {
		struct stats_item *item = &i->containers[i->linux_stats.n_containers];

		if (c->state != CONTAINER_IS_RUNNING || stats_fill_container(item, c, NULL) < 0)
			continue;
		i->pointers[i->linux_stats.n_containers++] = &item->stats;
	}
}

/* -ENOENT: nothing of it is there now. */
static int fill(struct sandbox_item *i, struct cri_sandbox *s, struct err *e)
{
	struct cgroup_stats stats;
	int rc = cgroup_stats_read(s->cri->engine->cgroups, s->box.at.cgroup, &stats, e);

	if (rc < 0)
		return rc;
	runtime__v1__pod_sandbox_stats__init(&i->stats);
	runtime__v1__linux_pod_sandbox_stats__init(&i->linux_stats);
	runtime__v1__process_usage__init(&i->processes);
	fill_attributes(&i->attributes, s);
	stats_fill_usage(&i->usage, &stats);
	i->stats.attributes = &i->attributes;
	i->stats.linux = &i->linux_stats;
	i->linux_stats.cpu = &i->usage.cpu;
	i->linux_stats.memory = &i->usage.memory;
	i->linux_stats.io = stats.io_pressure.is_known ? &i->usage.io : NULL;
	i->processes.timestamp = stats.wall_ns;
	if (stats.has_pids)
		i->processes.process_count = stats_value(&i->pids, stats.pids);
	i->linux_stats.process = &i->processes;
	fill_network(i, s, stats.wall_ns);
	fill_containers(i, s);
	return 0;
}

static bool matches(const struct cri_sandbox *s, const Runtime__V1__PodSandboxStatsFilter *f)
{
	if (s->state != SANDBOX_IS_READY)
		return false;
	return !f ||
	       (str_starts(s->id, f->id) && labels_match(s->config->labels, s->config->n_labels,
						    f->label_selector, f->n_label_selector));
}

void rpc_sandbox_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__PodSandboxStatsRequest *q = (const void *)grpc_request(call);
	Runtime__V1__PodSandboxStatsResponse answer = RUNTIME__V1__POD_SANDBOX_STATS_RESPONSE__INIT;
	CLEANUP(item_free) struct sandbox_item item = { 0 };
	struct cri_sandbox *s = NULL;
	struct err e = { 0 };
	int rc = sandbox_find(ctx, q->pod_sandbox_id, &s, &e);

	if (rc == 0 && fill(&item, s, &e) < 0)
		rc = err_say(&e, EBUSY, "sandbox %s is not ready", s->id);
	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	answer.stats = &item.stats;
	grpc_reply(call, &answer.base);
}

struct sandbox_items {
	struct sandbox_item *at;
	Runtime__V1__PodSandboxStats **pointers;
	size_t len;
};

static void items_free(struct sandbox_items *l)
{
	for (size_t i = 0; i < l->len; i++)
		item_free(&l->at[i]);
	free(l->at);
	free(l->pointers);
}

static void items_size(struct sandbox_items *l, size_t max)
{
	l->at = mem_zalloc((max + 1) * sizeof(*l->at));
	l->pointers = mem_resize(NULL, max + 1, sizeof(*l->pointers));
}

static void items_add(struct sandbox_items *l, struct cri_sandbox *s)
{
	if (fill(&l->at[l->len], s, NULL) < 0)
		return;
	l->pointers[l->len] = &l->at[l->len].stats;
	l->len++;
}

void rpc_list_sandbox_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ListPodSandboxStatsRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ListPodSandboxStatsResponse answer =
		RUNTIME__V1__LIST_POD_SANDBOX_STATS_RESPONSE__INIT;
	CLEANUP(items_free) struct sandbox_items list = { 0 };
	struct cri *c = ctx;

	items_size(&list, c->sandboxes_len);
	for (struct cri_sandbox *s = c->sandboxes; s; s = s->next)
		if (matches(s, q->filter))
			items_add(&list, s);
	answer.n_stats = list.len;
	answer.stats = list.pointers;
	grpc_reply(call, &answer.base);
}

static int send(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len)
{
	Runtime__V1__StreamPodSandboxStatsResponse part =
		RUNTIME__V1__STREAM_POD_SANDBOX_STATS_RESPONSE__INIT;
	CLEANUP(items_free) struct sandbox_items list = { 0 };

	items_size(&list, len);
	for (size_t i = 0; i < len; i++) {
		struct cri_sandbox *s = sandbox_by_id(c, ids[i]);

		if (s)
			items_add(&list, s);
	}
	part.n_pod_sandbox_stats = list.len;
	part.pod_sandbox_stats = list.pointers;
	return list.len ? grpc_send(call, &part.base) : 0;
}

void rpc_stream_sandbox_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StreamPodSandboxStatsRequest *q = (const void *)grpc_request(call);
	struct cri *c = ctx;
	struct list_stream *list = stream_new(c, call, send);

	for (const struct cri_sandbox *s = c->sandboxes; s; s = s->next)
		if (matches(s, q->filter))
			stream_add(list, s->id);
	stream_begin(list);
}
