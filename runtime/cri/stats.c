/* What containers use, read from their cgroups when it is asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cri/stats.h"
#include "cri/stream.h"

static bool matches(const struct cri_container *c, const Runtime__V1__ContainerStatsFilter *f)
{
	if (c->state != CONTAINER_IS_RUNNING)
		return false;
	return !f ||
	       (str_starts(c->ctr.id, f->id) && str_starts(c->sandbox->id, f->pod_sandbox_id) &&
		       labels_match(c->config->labels, c->config->n_labels, f->label_selector,
			       f->n_label_selector));
}

void rpc_container_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ContainerStatsRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ContainerStatsResponse answer = RUNTIME__V1__CONTAINER_STATS_RESPONSE__INIT;
	struct cri_container *c = NULL;
	struct stats_item item;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc == 0 && stats_fill_container(&item, c, &e) < 0)
		rc = err_say(&e, EBUSY, "container %s is not running", c->ctr.id);
	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	answer.stats = &item.stats;
	grpc_reply(call, &answer.base);
}

struct stats_list {
	struct stats_item *at;
	Runtime__V1__ContainerStats **pointers;
	size_t len;
};

static void stats_list_free(struct stats_list *l)
{
	free(l->at);
	free(l->pointers);
}

static void stats_list_size(struct stats_list *l, size_t max)
{
	l->at = mem_resize(NULL, max + 1, sizeof(*l->at));
	l->pointers = mem_resize(NULL, max + 1, sizeof(*l->pointers));
}

/* One that ends meanwhile is left out. */
static void stats_list_add(struct stats_list *l, struct cri_container *c)
{
	if (stats_fill_container(&l->at[l->len], c, NULL) < 0)
		return;
	l->pointers[l->len] = &l->at[l->len].stats;
	l->len++;
}

void rpc_list_container_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ListContainerStatsRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ListContainerStatsResponse answer =
		RUNTIME__V1__LIST_CONTAINER_STATS_RESPONSE__INIT;
	CLEANUP(stats_list_free) struct stats_list list = { 0 };
	struct cri *c = ctx;

	stats_list_size(&list, c->containers_len);
	for (struct cri_container *i = c->containers; i; i = i->all_next)
		if (matches(i, q->filter))
			stats_list_add(&list, i);
	answer.n_stats = list.len;
	answer.stats = list.pointers;
	grpc_reply(call, &answer.base);
}

static int send_containers(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len)
{
	Runtime__V1__StreamContainerStatsResponse part =
		RUNTIME__V1__STREAM_CONTAINER_STATS_RESPONSE__INIT;
	CLEANUP(stats_list_free) struct stats_list list = { 0 };

	stats_list_size(&list, len);
	for (size_t i = 0; i < len; i++) {
		struct cri_container *item = container_by_id(c, ids[i]);

		if (item)
			stats_list_add(&list, item);
	}
	part.n_container_stats = list.len;
	part.container_stats = list.pointers;
	return list.len ? grpc_send(call, &part.base) : 0;
}

void rpc_stream_container_stats(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StreamContainerStatsRequest *q = (const void *)grpc_request(call);
	struct cri *c = ctx;
	struct list_stream *list = stream_new(c, call, send_containers);

	for (const struct cri_container *i = c->containers; i; i = i->all_next)
		if (matches(i, q->filter))
			stream_add(list, i->ctr.id);
	stream_begin(list);
}
