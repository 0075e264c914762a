/* Calls that wait for an object to get somewhere.  Any number may wait for the same; whoever leaves
 * takes only himself out of the list.
 */
#include <stdlib.h>

#include "base/str.h"
#include "cri/state.h"

static void unlink_free(struct cri_wait *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w);
}

static void on_gone(void *arg, enum grpc_gone why)
{
	struct cri_wait *w = arg;

	(void)why;
	w->call = NULL;
	if (w->gone)
		w->gone(w); /* takes it over */
	else
		unlink_free(w);
}

struct cri_wait *wait_add(struct cri_waits *list, struct grpc_call *call)
{
	struct cri_wait *w = mem_zalloc(sizeof(*w));

	*w = (struct cri_wait){ .next = list->first, .link = &list->first, .call = call };
	if (w->next)
		w->next->link = &w->next;
	list->first = w;
	grpc_on_gone(call, on_gone, w);
	return w;
}

void wait_drop(struct cri_wait *w)
{
	unlink_free(w);
}

static struct cri_wait *pop(struct cri_waits *list)
{
	struct cri_wait *w = list->first;

	if (!w)
		return NULL;
	list->first = w->next;
	if (w->next)
		w->next->link = &list->first;
	return w;
}

void wait_move(struct cri_waits *from, struct cri_waits *to)
{
	struct cri_wait *w;

	while ((w = pop(from))) {
		w->next = to->first;
		w->link = &to->first;
		if (w->next)
			w->next->link = &w->next;
		to->first = w;
	}
}

/* An answer calls nobody back, so the list only gets shorter meanwhile. */
void wait_reply(struct cri_waits *list, const ProtobufCMessage *m)
{
	struct cri_wait *w;

	while ((w = pop(list))) {
		if (w->call)
			grpc_reply(w->call, m);
		free(w);
	}
}

void wait_fail(struct cri_waits *list, enum grpc_code code, const char *text)
{
	struct cri_wait *w;

	while ((w = pop(list))) {
		if (w->call)
			grpc_fail(w->call, code, text);
		free(w);
	}
}

void wait_answer(
	struct cri_waits *list, void (*answer)(void *ctx, struct grpc_call *call), void *ctx)
{
	struct cri_wait *w;

	while ((w = pop(list))) {
		if (w->call)
			answer(ctx, w->call);
		free(w);
	}
}
