/* What the files of the life cycle share and nobody else includes: one step in the making, and the
 * part of the rules that each file owns.  lifecycle.c owns the sandbox and the order of things,
 * lifecycle_ctr.c the containers, lifecycle_stop.c the ways to end, lifecycle_act.c the actions'
 * list.
 */
#pragma once

#include "pod/lifecycle.h"

/* One lifecycle_step() call. */
struct step {
	const struct lifecycle_config *cfg;
	const struct pod_spec *spec;
	struct pod_state *s;
	struct moment now;
	struct pod_actions *out;
};

/* lifecycle_act.c */
enum news { NEWS_NORMAL, NEWS_WARNING };
void act(struct step *st, enum pod_action_kind kind, size_t ctr);
void act_probes_stop(struct step *st, size_t ctr, unsigned probes);
/* A v1.Event about container ctr, or about the pod with NO_CTR. reason is static text. */
void act_event(struct step *st, enum news type, size_t ctr, const char *reason, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* lifecycle_ctr.c */
void ctr_start_next(struct step *st); /* at most one start is in flight */
void ctr_up(struct step *st, const struct pod_event *ev);
void ctr_failed(struct step *st, const struct pod_event *ev);
void ctr_died(struct step *st, const struct pod_event *ev);
void ctr_lost(struct step *st, size_t ctr); /* the sandbox died, and the container with it */
void ctr_stop(struct step *st, size_t ctr); /* the pod stops; also makes a running stop shorter */
void ctr_conclude(struct ctr_state *c); /* the pod has ended: a container without an end gets one */
/* Asks an instance to end: its first process gets the stop signal, all of it SIGKILL at kill_at_ms.
 */
void ctr_ask(struct step *st, size_t ctr, int64_t kill_at_ms);
bool ctr_runs(const struct ctr_state *c);
bool ctr_has_probe(const struct container_spec *spec, enum probe_type t);
bool ctr_all_ended(const struct pod_state *s);
unsigned ctr_probes(const struct container_spec *spec); /* mask of the probes it has */
void ctr_end_clear(struct ctr_end *e);

/* lifecycle_probe.c */
void ctr_probe(struct step *st, const struct pod_event *ev); /* EV_PROBE */

/* lifecycle_resize.c */
void resize_go_on(struct step *st);
void resize_told(struct step *st, const struct pod_event *ev); /* EV_RESIZED */

/* lifecycle_stop.c */
void stop_request(struct step *st, const struct pod_event *ev); /* EV_STOP, EV_DELETE */
void stop_done(struct step *st);                                /* nothing is left to run */
void stop_evict(struct step *st, const struct pod_event *ev);   /* EV_EVICT */
void stop_reject(struct step *st, const struct pod_event *ev);  /* EV_REJECT */
void stop_check_deadline(struct step *st);                      /* activeDeadlineSeconds */
void stop_kill_due(struct step *st);
