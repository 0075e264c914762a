#include "probes/timers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

enum { NS_PER_MS = 1000000 };

void timers_init(struct timers *s, struct loop *l)
{
	*s = (struct timers){ .loop = l };
}

void timers_free(struct timers *s)
{
	loop_timer_stop(&s->wake);
	for (size_t i = 0; i < s->len; i++)
		s->heap[i]->place = 0;
	free(s->heap);
	*s = (struct timers){ .loop = s->loop };
}

struct timer *timers_first(const struct timers *s)
{
	return s->len ? s->heap[0] : NULL;
}

static void put(struct timers *s, size_t i, struct timer *t)
{
	s->heap[i] = t;
	t->place = i + 1;
}

static void sift_up(struct timers *s, size_t i, struct timer *t)
{
	while (i && s->heap[(i - 1) / 2]->at_ms > t->at_ms) {
		put(s, i, s->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(s, i, t);
}

static void sift_down(struct timers *s, size_t i, struct timer *t)
{
	for (size_t child; (child = 2 * i + 1) < s->len; i = child) {
		if (child + 1 < s->len && s->heap[child + 1]->at_ms < s->heap[child]->at_ms)
			child++;
		if (s->heap[child]->at_ms >= t->at_ms)
			break;
		put(s, i, s->heap[child]);
	}
	put(s, i, t);
}

/* t belongs somewhere at or around i: one of the two directions does nothing. */
static void settle(struct timers *s, size_t i, struct timer *t)
{
	sift_up(s, i, t);
	sift_down(s, t->place - 1, t);
}

void timers_place(struct timers *s, struct timer *t, int64_t at_ms)
{
	t->at_ms = at_ms;
	if (!t->place) {
		if (s->len == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 16;
			s->heap = mem_resize(s->heap, s->cap, sizeof(*s->heap));
		}
		s->len++;
		put(s, s->len - 1, t);
	}
	settle(s, t->place - 1, t);
}

void timers_stop(struct timers *s, struct timer *t)
{
	struct timer *last;
	size_t i = t->place - 1;

	if (!t->place)
		return;
	t->place = 0;
	last = s->heap[--s->len];
	if (last != t)
		settle(s, i, last);
	/* Nothing left: the loop may end.  Else it wakes once for nothing, which is cheaper than
	 * asking it each time that an attempt ends before its deadline. */
	if (!s->len)
		loop_timer_stop(&s->wake);
}

static void on_wake(struct loop_timer *w);

static void wake_for_first(struct timers *s, int64_t now_ms)
{
	const struct timer *t = timers_first(s);

	if (!t || (loop_timer_is_set(&s->wake) && s->wake_ms <= t->at_ms))
		return;
	s->wake_ms = t->at_ms;
	loop_timer_start(s->loop, &s->wake, t->at_ms - now_ms, on_wake, s);
}

static void on_wake(struct loop_timer *w)
{
	struct timers *s = w->arg;
	int64_t now_ms = clock_boot_ns() / NS_PER_MS;
	struct timer *t;

	/* What these set for now or the past waits for the next turn: descriptors have theirs in
	 * between. */
	for (size_t n = s->len; n && (t = timers_first(s)) && t->at_ms <= now_ms; n--) {
		timers_stop(s, t);
		t->due(t, now_ms);
	}
	wake_for_first(s, now_ms);
}

void timers_set(struct timers *s, struct timer *t, int64_t at_ms)
{
	timers_place(s, t, at_ms);
	wake_for_first(s, clock_boot_ns() / NS_PER_MS);
}
