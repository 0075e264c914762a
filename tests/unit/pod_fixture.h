/* A pod of up to three containers for the tests of the pod layer: sends events on a clock of its
 * own and says what was answered as one line of text a test can compare.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "pod/lifecycle.h"
#include "pod/status.h"

enum { A, B, C, FX_CTRS };

struct fx {
	struct pod_spec spec;
	struct container_spec ctrs[FX_CTRS];
	struct pod_state *s;
	struct moment now;
	struct pod_actions out;
	struct buf said;
};

/* 2026-01-01T00:00:00Z, and a machine that has been up for 1000 s. */
#define FX_WALL 1767225600000
#define FX_BOOT 1000000

static inline struct fx fx_spec(enum restart_policy policy, size_t ctrs)
{
	static char names[FX_CTRS][2] = { "a", "b", "c" };
	static char web[] = "web", ns[] = "default", uid[] = "u1", image[] = "busybox";
	struct fx f = { .now = { .boot_ms = FX_BOOT, .wall_ms = FX_WALL } };

	f.spec = (struct pod_spec){ .name = web, .namespace = ns, .uid = uid, .restart = policy };
	f.spec.containers_len = ctrs;
	f.spec.qos = QOS_BEST_EFFORT;
	f.spec.grace_seconds = 30;
	f.spec.deadline_seconds = -1;
	for (int i = 0; i < FX_CTRS; i++) {
		f.ctrs[i].name = names[i];
		f.ctrs[i].image = image;
		for (int t = 0; t < PROBE_TYPES; t++)
			f.ctrs[i].probes[t].grace_seconds = -1;
	}
	return f;
}

static inline void fx_close(struct fx *f)
{
	pod_state_free(f->s);
	pod_actions_free(&f->out);
	buf_free(&f->said);
}

static inline void fx_say(struct fx *f, const struct pod_action *a)
{
	buf_addf(&f->said, "%s%s", f->said.len ? ", " : "", pod_action_name(a->kind));
	if (a->kind == ACT_EVENT)
		buf_addf(&f->said, " %s %s", a->is_warning ? "W" : "N", a->reason);
	if (a->ctr != NO_CTR)
		buf_addf(&f->said, " %s", f->ctrs[a->ctr].name);
	if (a->kind == ACT_PROBES_STOP)
		buf_addf(&f->said, " %u", a->probes);
	if (a->kind == ACT_EVENT)
		buf_addf(&f->said, " '%s'", a->text);
}

/* Returns what was answered, "" for nothing; valid until the next event. */
static inline const char *fx_send(struct fx *f, const struct pod_event *ev)
{
	f->spec.containers = f->ctrs;
	if (!f->s)
		f->s = pod_state_new(&f->spec, f->now);
	lifecycle_step(&lifecycle_defaults, &f->spec, f->s, ev, f->now, &f->out);
	status_update(&f->spec, f->s, f->now);
	buf_clear(&f->said);
	buf_adds(&f->said, "");
	for (size_t i = 0; i < f->out.len; i++)
		fx_say(f, &f->out.at[i]);
	pod_actions_clear(&f->out);
	return f->said.data;
}

static inline void fx_pass(struct fx *f, int64_t ms)
{
	f->now.boot_ms += ms;
	f->now.wall_ms += ms;
}

static inline const char *fx_event(struct fx *f, enum pod_event_kind kind)
{
	return fx_send(f, &(struct pod_event){ .kind = kind });
}

static inline const char *fx_timer(struct fx *f, int64_t after_ms)
{
	fx_pass(f, after_ms);
	return fx_event(f, EV_TIMER);
}

static inline const char *fx_up(struct fx *f, size_t ctr, const char *id)
{
	return fx_send(f, &(struct pod_event){ .kind = EV_CTR_UP, .ctr = ctr, .id = id });
}

static inline const char *fx_died(struct fx *f, size_t ctr, int32_t wait_status)
{
	return fx_send(f,
		&(struct pod_event){ .kind = EV_CTR_DIED, .ctr = ctr, .wait_status = wait_status });
}

static inline const char *fx_failed(struct fx *f, size_t ctr, const char *id)
{
	return fx_send(f, &(struct pod_event){ .kind = EV_CTR_FAILED,
				  .ctr = ctr,
				  .id = id,
				  .reason = "RunContainerError",
				  .text = "no such file" });
}

static inline const char *fx_probe(struct fx *f, size_t ctr, enum probe_type t, bool is_success)
{
	return fx_send(
		f, &(struct pod_event){
			   .kind = EV_PROBE, .ctr = ctr, .probe = t, .is_success = is_success });
}

static inline const char *fx_stop(struct fx *f, enum pod_event_kind kind, int64_t grace_seconds)
{
	return fx_send(f, &(struct pod_event){ .kind = kind, .grace_seconds = grace_seconds });
}

/* Admitted, with a sandbox, its first container starting. */
static inline void fx_begin(struct fx *f)
{
	fx_event(f, EV_ADMIT);
	fx_send(f, &(struct pod_event){ .kind = EV_SANDBOX_UP, .id = "box" });
}

/* All containers run; their ids are "a0", "b0" … */
static inline void fx_run(struct fx *f)
{
	fx_begin(f);
	for (size_t i = 0; i < f->spec.containers_len; i++) {
		char id[] = { f->ctrs[i].name[0], '0', '\0' };

		fx_up(f, i, id);
	}
}

static inline void fx_has_probe(struct fx *f, size_t ctr, enum probe_type t)
{
	f->ctrs[ctr].probes[t].handler = PROBE_EXEC;
}

enum { EXIT_0 = 0, EXIT_1 = 1 << 8, EXIT_3 = 3 << 8, BY_SIGTERM = 15, BY_SIGKILL = 9 };

/* What some answers say. */
#define EVENT_UP(c)                                                                                \
	"event N Pulled " c " 'Container image \"busybox\" already present on machine and can be " \
	"accessed by the pod', event N Created " c " 'Container created', event N Started " c      \
	" 'Container started'"
#define EVENT_STOPPING(c) "event N Killing " c " 'Stopping container " c "'"
#define EVENT_BACKOFF(c)                                                                           \
	"event W BackOff " c " 'Back-off restarting failed container " c " in pod "                \
	"web_default(u1)'"
