/* The event loop; loop.c alone sees libev.  One turn: timers that are due, descriptors that are
 * ready, then deferred calls in the order they were asked for.  A source is embedded in its owner.
 * Callbacks never block and never run the loop; they may stop any source, their own too, and free
 * its memory right after the stop (libev drops the pending event).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_io {
	void (*ready)(struct loop_io *io, unsigned events);
	void *arg;
	int fd;            /* borrowed */
	struct loop *loop; /* NULL while stopped */
	_Alignas(16) unsigned char priv[64];
};

struct loop_timer {
	void (*due)(struct loop_timer *t);
	void *arg;
	struct loop *loop; /* NULL while stopped */
	_Alignas(16) unsigned char priv[64];
};

struct loop *loop_new(void);
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop() or nothing is left to wait for */
void loop_stop(struct loop *l);

/* Sets fd, callback and arg, and starts.  A started source is restarted. */
void loop_io_start(struct loop *l, struct loop_io *io, int fd, unsigned events,
	void (*ready)(struct loop_io *, unsigned), void *arg);
void loop_io_want(struct loop_io *io, unsigned events); /* changes the events of a started source */
void loop_io_stop(struct loop_io *io);                  /* harmless when stopped */

/* One shot, after_ms from now; a negative or zero delay is due in the next turn. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t after_ms,
	void (*due)(struct loop_timer *), void *arg);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/* Signals are read from a signalfd in the loop; the mask is set by loop_signals(). */
void loop_signals(struct loop *l, const int *signals, int count, void (*got)(int signal, void *arg),
	void *arg);
