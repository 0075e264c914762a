#include "base/loop.h"

#include <assert.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/str.h"

struct loop {
	struct ev_loop *ev;
	struct loop_io signals;
	int signal_fd;
	void (*got_signal)(int signal, void *arg);
	void *signal_arg;
};

static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)0)->priv), "an ev_io fits");
static_assert(sizeof(ev_timer) <= sizeof(((struct loop_timer *)0)->priv), "an ev_timer fits");

static ev_io *io_of(struct loop_io *io)
{
	return (ev_io *)(void *)io->priv;
}

static ev_timer *timer_of(struct loop_timer *t)
{
	return (ev_timer *)(void *)t->priv;
}

struct loop *loop_new(void)
{
	struct loop *l = mem_zalloc(sizeof(*l));

	l->signal_fd = -1;
	/* The environment of whoever starts us has no say in how we wait. */
	l->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (!l->ev)
		abort();
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	loop_io_stop(&l->signals);
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	ev_loop_destroy(l->ev);
	free(l);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

static void on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop_io *io = w->data;
	unsigned events =
		(revents & EV_READ ? LOOP_READ : 0U) | (revents & EV_WRITE ? LOOP_WRITE : 0U);

	(void)ev;
	io->ready(io, events);
}

static int ev_events(unsigned events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

void loop_io_start(struct loop *l, struct loop_io *io, int fd, unsigned events,
	void (*ready)(struct loop_io *, unsigned), void *arg)
{
	ev_io *w = io_of(io);

	loop_io_stop(io);
	io->ready = ready;
	io->arg = arg;
	io->fd = fd;
	io->loop = l;
	ev_io_init(w, on_io, fd, ev_events(events));
	w->data = io;
	ev_io_start(l->ev, w);
}

void loop_io_want(struct loop_io *io, unsigned events)
{
	ev_io *w = io_of(io);

	if (!io->loop)
		return;
	ev_io_stop(io->loop->ev, w);
	ev_io_set(w, io->fd, ev_events(events));
	if (events)
		ev_io_start(io->loop->ev, w);
}

void loop_io_stop(struct loop_io *io)
{
	if (!io->loop)
		return;
	ev_io_stop(io->loop->ev, io_of(io));
	io->loop = NULL;
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)revents;
	t->loop = NULL; /* one shot: libev has stopped it */
	t->due(t);
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t after_ms,
	void (*due)(struct loop_timer *), void *arg)
{
	ev_timer *w = timer_of(t);

	loop_timer_stop(t);
	t->due = due;
	t->arg = arg;
	t->loop = l;
	/* Delays count from now, not from when this turn of the loop began. */
	ev_now_update(l->ev);
	ev_timer_init(w, on_timer, after_ms > 0 ? (double)after_ms / 1000.0 : 0.0, 0.0);
	w->data = t;
	ev_timer_start(l->ev, w);
}

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->loop)
		return;
	ev_timer_stop(t->loop->ev, timer_of(t));
	t->loop = NULL;
}

bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->loop != NULL;
}

static void on_signal(struct loop_io *io, unsigned events)
{
	struct loop *l = io->arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		l->got_signal((int)info.ssi_signo, l->signal_arg);
}

void loop_signals(struct loop *l, const int *signals, int count, void (*got)(int signal, void *arg),
	void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	l->signal_fd = signalfd(l->signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->got_signal = got;
	l->signal_arg = arg;
	if (l->signal_fd >= 0)
		loop_io_start(l, &l->signals, l->signal_fd, LOOP_READ, on_signal, l);
}
