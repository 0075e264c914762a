#include "probes/keeper.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "probes/schedule.h"

enum { NS_PER_MS = 1000000, TIME_MAX_BITS = 61 };

/* One prober, from "add" to "remove". */
struct kept {
	char *id; /* first: the key of the tree */
	struct keeper *keeper;
	struct prober prober;
	struct target *target;
	struct timer tick;
	struct job *job; /* the attempt in flight, NULL: none */
};

/* One attempt in flight. It outlives its prober when it was asked for aside from the schedule. */
struct job {
	int64_t ask;     /* first: the key of the tree; what carpeld is asked under, 0: nothing */
	int64_t run_ask; /* of the "run" that this answers, 0: none, it is scheduled */
	struct keeper *keeper;
	struct kept *kept; /* NULL when it is not scheduled */
	struct attempt *attempt;
	char *id;
	enum probe_type type;
	struct probe_timing timing;
	uint64_t instance;
};

static int64_t now_ms(void)
{
	return clock_boot_ns() / NS_PER_MS;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_ask(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return (one > other) - (one < other);
}

/* ---- asking carpeld ---- */

static struct json *message(const char *op)
{
	struct json *m = json_new_object();

	json_set_str(m, "op", op);
	return m;
}

static struct json *new_ask(struct job *j, const char *op)
{
	struct json *m = message(op);

	j->ask = ++j->keeper->last_ask;
	if (!tsearch(j, &j->keeper->asks, by_ask))
		abort(); /* out of memory, see buf.h */
	json_set_i64(m, "ask", j->ask);
	json_set_str(m, "id", j->id);
	return m;
}

static void end_ask(struct job *j)
{
	if (j->ask)
		(void)tdelete(j, &j->keeper->asks, by_ask);
	j->ask = 0;
}

static void want_socket(struct attempt *a, int family)
{
	struct job *j = a->owner;
	struct json *m = new_ask(j, "socket");

	json_set_i64(m, "family", family == AF_INET6 ? 6 : 4);
	wire_send(&j->keeper->wire, m);
}

static void want_exec(struct attempt *a)
{
	struct job *j = a->owner;
	struct json *m = new_ask(j, "exec");

	json_set_i64(m, "timeoutMs", a->target->spec.timing.timeout_ms);
	wire_send(&j->keeper->wire, m);
}

/* A socket that comes late is closed as an answer to nobody; a command is to be killed. */
static void drop_ask(struct attempt *a)
{
	struct job *j = a->owner;

	if (a->target->spec.handler == PROBE_EXEC && j->ask) {
		struct json *m = message("cancel");

		json_set_i64(m, "ask", j->ask);
		wire_send(&j->keeper->wire, m);
	}
	end_ask(j);
}

/* ---- attempts ---- */

static struct job *job_new(struct kept *k, int64_t run_ask)
{
	struct job *j = mem_zalloc(sizeof(*j));

	*j = (struct job){
		.run_ask = run_ask,
		.keeper = k->keeper,
		.kept = run_ask ? NULL : k,
		.id = str_dup(k->id),
		.type = k->prober.type,
		.timing = k->prober.timing,
		.instance = k->prober.instance,
	};
	j->attempt = attempt_new(&k->keeper->host, k->target, j);
	return j;
}

static void job_free(struct job *j)
{
	end_ask(j);
	free(j->id);
	free(j);
}

static void start_job(struct kept *k)
{
	k->job = job_new(k, 0);
	attempt_start(k->job->attempt);
}

static void cancel_job(struct kept *k)
{
	if (!k->job)
		return;
	attempt_cancel(k->job->attempt);
	job_free(TAKE(k->job));
}

/* The attempt itself begins in the next turn of the loop, by the timer: a step is taken in the
 * middle of another attempt's end. */
static void carry_out(struct kept *k, unsigned actions, int64_t now)
{
	int64_t at = actions & PROBER_ATTEMPT ? now : prober_next_timer(&k->prober);

	if (actions & PROBER_CANCEL)
		cancel_job(k);
	if (at == INT64_MAX)
		timers_stop(&k->keeper->timers, &k->tick);
	else
		timers_set(&k->keeper->timers, &k->tick, at);
}

static void on_tick(struct timer *t, int64_t now)
{
	struct kept *k = t->owner;
	const struct prober_event ev = { .kind = PROBER_EV_TIMER, .instance = k->prober.instance };

	if (k->prober.phase != PROBER_RUNNING &&
		!(probe_step(&k->prober, &ev, now) & PROBER_ATTEMPT))
		carry_out(k, 0, now); /* early: once more */
	else
		start_job(k);
}

static struct json *result_message(const struct job *j, const struct attempt_result *r)
{
	size_t len = r->output_len < HTTP_BODY_MAX ? r->output_len : HTTP_BODY_MAX;
	CLEANUP(cleanup_free) char *output = str_utf8(r->output, len);
	struct json *m = message("result");

	/* Bytes that were replaced have grown: cut once more, between characters. At worst each
	 * byte is escaped to six, which still fits into a message. */
	len = strlen(output);
	if (len > HTTP_BODY_MAX) {
		len = HTTP_BODY_MAX;
		while (len && (output[len] & 0xc0) == 0x80)
			len--;
		output[len] = '\0';
	}
	json_set_str(m, "id", j->id);
	json_set_i64(m, "instance", (int64_t)j->instance);
	json_set_str(m, "type", probe_type_name(j->type));
	json_set_bool(m, "isSuccess", r->is_success);
	json_set_i64(m, "threshold",
		r->is_success ? j->timing.success_threshold : j->timing.failure_threshold);
	json_set_i64(m, "durationMs", r->duration_ms);
	json_set_str(m, "output", output);
	json_set_bool(m, "isWarning", r->is_warning);
	return m;
}

static void on_done(struct attempt *a, const struct attempt_result *r)
{
	struct job *j = a->owner;
	struct kept *k = j->kept;
	struct json *m = result_message(j, r);
	struct wire *w = &j->keeper->wire;
	unsigned actions = 0;

	if (k) {
		const struct prober_event ev = { .kind = PROBER_EV_RESULT,
			.instance = j->instance,
			.is_success = r->is_success };
		int64_t now = now_ms();

		k->job = NULL;
		actions = probe_step(&k->prober, &ev, now);
		json_set_i64(m, "run", k->prober.run);
		carry_out(k, actions, now);
	} else {
		json_set_i64(m, "run", 1);
		json_set_i64(m, "ask", j->run_ask);
	}
	json_set_bool(m, "published", actions & PROBER_PUBLISH);
	job_free(j);
	wire_send(w, m);
}

/* ---- what carpeld says ---- */

static struct kept *find(struct keeper *k, const char *id)
{
	struct kept **node = id ? tfind(&id, &k->probers, by_id) : NULL;

	return node ? *node : NULL;
}

static void kept_free(struct kept *k)
{
	cancel_job(k);
	timers_stop(&k->keeper->timers, &k->tick);
	target_drop(k->target);
	free(k->id);
	free(k);
}

static void remove_kept(struct keeper *k, const char *id)
{
	struct kept *old = find(k, id);

	if (!old)
		return;
	(void)tdelete(old, &k->probers, by_id);
	kept_free(old);
}

static enum probe_type type_of(const char *id)
{
	const char *slash = strrchr(id, '/');

	for (enum probe_type t = PROBE_STARTUP; slash && t < PROBE_TYPES; t++)
		if (str_eq(slash + 1, probe_type_name(t)))
			return t;
	return PROBE_TYPES;
}

static int on_add(struct keeper *k, const struct json *m, struct err *e)
{
	CLEANUP(probe_spec_free) struct probe_spec spec = { 0 };
	const char *id = json_get_str(m, "id");
	struct kept *new;
	int rc;

	if (!id || type_of(id) == PROBE_TYPES)
		return err_say(e, EINVAL, "id: not one of ours");
	rc = probe_spec_from_json(json_get(m, "spec"), &spec, e);
	if (rc < 0)
		return rc;
	remove_kept(k, id); /* told anew */
	new = mem_zalloc(sizeof(*new));
	new->id = str_dup(id);
	new->keeper = k;
	prober_init(&new->prober, type_of(id), &spec.timing);
	new->target = target_new(&spec, json_get_str(m, "host"), json_get(m, "ports"));
	new->tick = (struct timer){ .due = on_tick, .owner = new };
	if (!tsearch(new, &k->probers, by_id))
		abort(); /* out of memory, see buf.h */
	return 0;
}

static int take_i64(const struct json *m, const char *key, int64_t min, int64_t max, int64_t *out,
	struct err *e)
{
	if (json_i64(json_get(m, key), min, max, out) < 0)
		return err_say(e, EINVAL, "%s: missing or out of range", key);
	return 0;
}

/* "last", "run" and "published" come together, for an instance that another prober has watched. */
static int take_over(const struct json *m, struct prober_event *ev, struct err *e)
{
	int64_t last = -1, run = 0, published = -1;
	int rc;

	ev->is_taken_over = json_get(m, "published") != NULL;
	if (!ev->is_taken_over)
		return 0;
	if ((rc = take_i64(m, "last", -1, 1, &last, e)) < 0 ||
		(rc = take_i64(m, "run", 0, INT32_MAX, &run, e)) < 0 ||
		(rc = take_i64(m, "published", -1, 1, &published, e)) < 0)
		return rc;
	ev->last = (int8_t)last;
	ev->run = (int32_t)run;
	ev->published = (int8_t)published;
	return 0;
}

static int on_event(
	struct kept *k, enum prober_event_kind kind, const struct json *m, struct err *e)
{
	struct prober_event ev = { .kind = kind };
	int64_t now = now_ms(), instance = 0;
	int rc = kind == PROBER_EV_ENDED ? 0 : take_i64(m, "instance", 1, INT64_MAX, &instance, e);

	if (rc == 0 && kind == PROBER_EV_INSTANCE)
		rc = take_i64(m, "startedMs", 0, INT64_C(1) << TIME_MAX_BITS, &ev.started_ms, e);
	if (rc == 0 && kind == PROBER_EV_INSTANCE)
		rc = take_over(m, &ev, e);
	if (rc < 0)
		return rc;
	ev.instance = (uint64_t)instance;
	ev.is_started = json_is_true(json_get(m, "isStarted"));
	carry_out(k, probe_step(&k->prober, &ev, now), now);
	return 0;
}

static int on_run(struct keeper *k, struct kept *of, const struct json *m, struct err *e)
{
	int64_t ask = 0;
	int rc = take_i64(m, "ask", 1, INT64_MAX, &ask, e);
	struct json *answer;

	if (rc < 0)
		return rc;
	if (of) {
		attempt_start(job_new(of, ask)->attempt);
		return 0;
	}
	answer = message("result"); /* someone waits for it */
	json_set_str(answer, "id", json_get_str(m, "id"));
	json_set_i64(answer, "ask", ask);
	json_set_bool(answer, "isSuccess", false);
	json_set_str(answer, "output", "no such probe");
	wire_send(&k->wire, answer);
	return 0;
}

static void on_socket(struct job *j, const struct json *m, int *fd)
{
	end_ask(j);
	attempt_give_socket(j->attempt, take_fd(fd), json_get_str(m, "error"));
}

static void on_exec_result(struct job *j, const struct json *m)
{
	const struct json *output = json_get(m, "output");
	const char *error = json_get_str(m, "error");
	int64_t exit_code = -1;
	struct attempt_exec x = { .is_timeout = json_is_true(json_get(m, "timeout")) };

	if (!error && !x.is_timeout && json_i64(json_get(m, "exit"), 0, INT32_MAX, &exit_code) < 0)
		error = "carpeld gave no exit code";
	x.exit_code = (int)exit_code;
	x.output = error ? error : json_str(output);
	x.output_len = error ? strlen(error) : json_str_len(output);
	end_ask(j);
	attempt_give_exec(j->attempt, &x);
}

/* Late answers find nobody: their descriptor is closed by the caller. */
static void on_answer(struct keeper *k, const char *op, const struct json *m, int *fd)
{
	int64_t ask = 0;
	struct job **node, *j;
	bool is_exec;

	(void)json_i64(json_get(m, "ask"), 1, INT64_MAX, &ask);
	node = tfind(&ask, &k->asks, by_ask);
	if (!node)
		return;
	j = *node;
	is_exec = j->attempt->target->spec.handler == PROBE_EXEC;
	if (is_exec && str_eq(op, "exec-result"))
		on_exec_result(j, m);
	else if (!is_exec && str_eq(op, "socket"))
		on_socket(j, m, fd);
}

static int on_message(struct keeper *k, const struct json *m, int *fd, struct err *e)
{
	const char *op = json_get_str(m, "op"), *id = json_get_str(m, "id");
	struct kept *of = find(k, id);

	if (str_eq(op, "socket") || str_eq(op, "exec-result"))
		on_answer(k, op, m, fd);
	else if (str_eq(op, "add"))
		return on_add(k, m, e);
	else if (str_eq(op, "remove"))
		remove_kept(k, id);
	else if (str_eq(op, "run"))
		return on_run(k, of, m, e);
	else if (!of)
		return err_say(e, ENOENT, "no such prober");
	else if (str_eq(op, "instance"))
		return on_event(of, PROBER_EV_INSTANCE, m, e);
	else if (str_eq(op, "started"))
		return on_event(of, PROBER_EV_STARTED, m, e);
	else if (str_eq(op, "ended"))
		return on_event(of, PROBER_EV_ENDED, m, e);
	else
		return err_say(e, EINVAL, "not a word of ours");
	return 0;
}

static void got(void *arg, const struct json *m, int fd)
{
	CLEANUP(cleanup_fd) int given = fd;
	struct keeper *k = arg;
	struct err e = { 0 };

	if (!m)
		loop_stop(k->host.loop);
	else if (on_message(k, m, &given, &e) < 0)
		log_warn("carpeld says \"%s\" of \"%s\": %s",
			json_get_str(m, "op") ? json_get_str(m, "op") : "",
			json_get_str(m, "id") ? json_get_str(m, "id") : "", e.text);
}

int keeper_open(struct keeper *k, struct loop *l, int sock, struct err *e)
{
	*k = (struct keeper){ .wire = { .got = got, .arg = k } };
	timers_init(&k->timers, l);
	k->host = (struct attempt_host){ l, &k->timers, want_socket, want_exec, drop_ask, on_done };
	return wire_open(&k->wire, l, sock, e);
}
