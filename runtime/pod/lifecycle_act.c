#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "pod/lifecycle_step.h"

static struct pod_action *add(struct pod_actions *a, enum pod_action_kind kind, size_t ctr)
{
	if (a->len == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 8;
		a->at = mem_resize(a->at, a->cap, sizeof(*a->at));
	}
	a->at[a->len] = (struct pod_action){ .kind = kind, .ctr = ctr };
	return &a->at[a->len++];
}

void act(struct step *st, enum pod_action_kind kind, size_t ctr)
{
	(void)add(st->out, kind, ctr);
}

void act_probes_stop(struct step *st, size_t ctr, unsigned probes)
{
	unsigned mask = probes & ctr_probes(&st->spec->containers[ctr]);

	if (mask != 0)
		add(st->out, ACT_PROBES_STOP, ctr)->probes = mask;
}

void act_event(
	struct step *st, enum news type, size_t ctr, const char *reason, const char *fmt, ...)
{
	struct pod_action *a = add(st->out, ACT_EVENT, ctr);
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	a->is_warning = type == NEWS_WARNING;
	a->reason = reason;
	a->text = buf_take(&text);
}

void pod_actions_clear(struct pod_actions *a)
{
	for (size_t i = 0; i < a->len; i++)
		free(a->at[i].text);
	a->len = 0;
}

void pod_actions_free(struct pod_actions *a)
{
	pod_actions_clear(a);
	free(a->at);
	*a = (struct pod_actions){ 0 };
}
