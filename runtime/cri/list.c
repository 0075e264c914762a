/* ListPodSandbox, ListContainers and the streams of the same.  Filters are ANDed, what is not given
 * selects all; the newest come first.  Items borrow from the objects, so a list costs its array and
 * its bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cri/stream.h"

bool labels_match(const void *labels, size_t len, const void *selector, size_t selector_len)
{
	Runtime__V1__PodSandboxConfig__LabelsEntry *const *wanted = selector;

	for (size_t i = 0; i < selector_len; i++)
		if (!str_eq(message_map_get(labels, len, wanted[i]->key), wanted[i]->value))
			return false;
	return true;
}

/* ---- sandboxes ---- */

static bool sandbox_matches(const struct cri_sandbox *s, const Runtime__V1__PodSandboxFilter *f)
{
	if (!f)
		return true;
	return str_starts(s->id, f->id) && (!f->state || f->state->state == sandbox_state_of(s)) &&
	       labels_match(s->config->labels, s->config->n_labels, f->label_selector,
		       f->n_label_selector);
}

static void fill_sandbox(Runtime__V1__PodSandbox *out, const struct cri_sandbox *s)
{
	runtime__v1__pod_sandbox__init(out);
	out->id = (char *)(uintptr_t)s->id;
	out->metadata = s->config->metadata;
	out->state = sandbox_state_of(s);
	out->created_at = s->created_ns;
	out->n_labels = s->config->n_labels;
	out->labels = (void *)s->config->labels;
	out->n_annotations = s->config->n_annotations;
	out->annotations = (void *)s->config->annotations;
}

struct sandbox_list {
	Runtime__V1__PodSandbox *at, **pointers;
	size_t len;
};

static void sandbox_list_free(struct sandbox_list *l)
{
	free(l->at);
	free(l->pointers);
}

static void list_sandboxes(
	const struct cri *c, const Runtime__V1__PodSandboxFilter *f, struct sandbox_list *out)
{
	out->at = mem_resize(NULL, c->sandboxes_len + 1, sizeof(*out->at));
	out->pointers = mem_resize(NULL, c->sandboxes_len + 1, sizeof(*out->pointers));
	for (const struct cri_sandbox *s = c->sandboxes; s; s = s->next) {
		if (s->is_undone || !sandbox_matches(s, f))
			continue;
		fill_sandbox(&out->at[out->len], s);
		out->pointers[out->len] = &out->at[out->len];
		out->len++;
	}
}

void rpc_list_sandboxes(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ListPodSandboxRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ListPodSandboxResponse answer = RUNTIME__V1__LIST_POD_SANDBOX_RESPONSE__INIT;
	CLEANUP(sandbox_list_free) struct sandbox_list list = { 0 };

	list_sandboxes(ctx, q->filter, &list);
	answer.n_items = list.len;
	answer.items = list.pointers;
	grpc_reply(call, &answer.base);
}

/* ---- containers ---- */

static bool container_matches(const struct cri_container *c, const Runtime__V1__ContainerFilter *f)
{
	if (!f)
		return true;
	return str_starts(c->ctr.id, f->id) && str_starts(c->sandbox->id, f->pod_sandbox_id) &&
	       (!f->state || f->state->state == container_state_of(c)) &&
	       labels_match(c->config->labels, c->config->n_labels, f->label_selector,
		       f->n_label_selector);
}

struct container_item {
	Runtime__V1__Container container;
	Runtime__V1__ImageSpec image;
};

static void fill_container(struct container_item *out, const struct cri_container *c)
{
	struct container_view v;

	container_view_fill(&v, c);
	out->image = v.image;
	runtime__v1__container__init(&out->container);
	out->container.id = v.status.id;
	out->container.pod_sandbox_id = c->sandbox->id;
	out->container.metadata = v.status.metadata;
	out->container.image = &out->image;
	out->container.image_ref = v.status.image_ref;
	out->container.image_id = v.status.image_id;
	out->container.state = v.status.state;
	out->container.created_at = v.status.created_at;
	out->container.n_labels = v.status.n_labels;
	out->container.labels = (void *)v.status.labels;
	out->container.n_annotations = v.status.n_annotations;
	out->container.annotations = (void *)v.status.annotations;
}

struct container_list {
	struct container_item *at;
	Runtime__V1__Container **pointers;
	size_t len;
};

static void container_list_free(struct container_list *l)
{
	free(l->at);
	free(l->pointers);
}

static void list_containers(
	const struct cri *c, const Runtime__V1__ContainerFilter *f, struct container_list *out)
{
	out->at = mem_resize(NULL, c->containers_len + 1, sizeof(*out->at));
	out->pointers = mem_resize(NULL, c->containers_len + 1, sizeof(*out->pointers));
	for (const struct cri_container *i = c->containers; i; i = i->all_next) {
		if (!container_matches(i, f))
			continue;
		fill_container(&out->at[out->len], i);
		out->pointers[out->len] = &out->at[out->len].container;
		out->len++;
	}
}

void rpc_list_containers(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ListContainersRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ListContainersResponse answer = RUNTIME__V1__LIST_CONTAINERS_RESPONSE__INIT;
	CLEANUP(container_list_free) struct container_list list = { 0 };

	list_containers(ctx, q->filter, &list);
	answer.n_containers = list.len;
	answer.containers = list.pointers;
	grpc_reply(call, &answer.base);
}

/* ---- streams ---- */

static int send_sandboxes(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len)
{
	Runtime__V1__StreamPodSandboxesResponse part =
		RUNTIME__V1__STREAM_POD_SANDBOXES_RESPONSE__INIT;
	Runtime__V1__PodSandbox items[STREAM_ITEMS], *pointers[STREAM_ITEMS];
	struct cri_sandbox *s;

	part.pod_sandboxes = pointers;
	for (size_t i = 0; i < len; i++) {
		s = sandbox_by_id(c, ids[i]);
		if (!s)
			continue;
		fill_sandbox(&items[part.n_pod_sandboxes], s);
		pointers[part.n_pod_sandboxes] = &items[part.n_pod_sandboxes];
		part.n_pod_sandboxes++;
	}
	return part.n_pod_sandboxes ? grpc_send(call, &part.base) : 0;
}

void rpc_stream_sandboxes(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StreamPodSandboxesRequest *q = (const void *)grpc_request(call);
	struct cri *c = ctx;
	struct list_stream *list = stream_new(c, call, send_sandboxes);

	for (const struct cri_sandbox *s = c->sandboxes; s; s = s->next)
		if (!s->is_undone && sandbox_matches(s, q->filter))
			stream_add(list, s->id);
	stream_begin(list);
}

static int send_containers(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len)
{
	Runtime__V1__StreamContainersResponse part = RUNTIME__V1__STREAM_CONTAINERS_RESPONSE__INIT;
	struct container_item items[STREAM_ITEMS];
	Runtime__V1__Container *pointers[STREAM_ITEMS];

	part.containers = pointers;
	for (size_t i = 0; i < len; i++) {
		const struct cri_container *item = container_by_id(c, ids[i]);

		if (!item)
			continue;
		fill_container(&items[part.n_containers], item);
		pointers[part.n_containers] = &items[part.n_containers].container;
		part.n_containers++;
	}
	return part.n_containers ? grpc_send(call, &part.base) : 0;
}

void rpc_stream_containers(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StreamContainersRequest *q = (const void *)grpc_request(call);
	struct cri *c = ctx;
	struct list_stream *list = stream_new(c, call, send_containers);

	for (const struct cri_container *i = c->containers; i; i = i->all_next)
		if (container_matches(i, q->filter))
			stream_add(list, i->ctr.id);
	stream_begin(list);
}
