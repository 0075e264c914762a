/* GetContainerEvents: each change, with the whole state of its pod, to whoever listens.  A listener
 * that does not keep up is ended and asks anew; nothing waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cri/state.h"

struct cri_watcher {
	struct cri_watcher *next, **link;
	struct grpc_call *call;
};

static void watcher_free(struct cri_watcher *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w);
}

static void on_gone(void *arg, enum grpc_gone why)
{
	(void)why;
	watcher_free(arg);
}

void rpc_events(void *ctx, struct grpc_call *call)
{
	struct cri *c = ctx;
	struct cri_watcher *w = mem_zalloc(sizeof(*w));

	*w = (struct cri_watcher){ .next = c->watchers, .link = &c->watchers, .call = call };
	if (w->next)
		w->next->link = &w->next;
	c->watchers = w;
	grpc_on_gone(call, on_gone, w);
}

static void send_all(struct cri *c, const ProtobufCMessage *m)
{
	struct cri_watcher *next;

	for (struct cri_watcher *w = c->watchers; w; w = next) {
		struct grpc_call *call = w->call;

		next = w->next;
		if (grpc_send(call, m) == 0)
			continue;
		watcher_free(w);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "the client does not keep up");
	}
}

void event_tell(struct cri_sandbox *s, const char *id, enum cri_event what)
{
	Runtime__V1__ContainerEventResponse m = RUNTIME__V1__CONTAINER_EVENT_RESPONSE__INIT;
	CLEANUP(cleanup_free) struct container_view *views = NULL;
	CLEANUP(cleanup_free) Runtime__V1__ContainerStatus **statuses = NULL;
	struct sandbox_view sandbox;
	size_t len = 0;

	if (!s->cri->watchers)
		return;
	for (const struct cri_container *c = s->containers; c; c = c->next)
		len++;
	views = mem_resize(NULL, len + 1, sizeof(*views));
	statuses = mem_resize(NULL, len + 1, sizeof(*statuses));
	for (const struct cri_container *c = s->containers; c; c = c->next) {
		container_view_fill(&views[m.n_containers_statuses], c);
		statuses[m.n_containers_statuses] = &views[m.n_containers_statuses].status;
		m.n_containers_statuses++;
	}
	sandbox_view_fill(&sandbox, s);
	m.container_id = (char *)(uintptr_t)id;
	m.container_event_type = (Runtime__V1__ContainerEventType)what;
	m.created_at = clock_wall_ns();
	m.pod_sandbox_status = &sandbox.status;
	m.containers_statuses = statuses;
	send_all(s->cri, &m.base);
}

/* Their calls end with the server. */
void watchers_close(struct cri *c)
{
	while (c->watchers) {
		struct cri_watcher *w = c->watchers;

		c->watchers = w->next;
		free(w);
	}
}
