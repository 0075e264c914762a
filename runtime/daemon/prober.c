/* carpel-probe: it keeps the clocks and speaks to strangers; we open its sockets in the pods'
 * network namespaces, run exec probes for it, and believe nothing it says but ids, booleans and
 * numbers.  It ends with us; a new one is given what the pods' state says.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/prober_link.h"
#include "spec/probe_wire.h"

enum { RUNS_MAX = 64, KILLED_WAIT_MS = 100, EXIT_KILLED = 128 + SIGKILL };

/* An exec that carpel-probe waits for, or a `carpel probe run` that a client waits for. */
struct ask {
	struct prober *prober;
	struct ask *next;
	int64_t number;
	struct probe_exec *exec;
	struct json *answer; /* of an exec that has ended, held back until late */
	struct loop_timer late;
	struct api_call *call;
};

struct prober {
	struct prober_link link;
	struct daemon *d;
	int64_t last_run; /* numbers for {"op":"run"} */
	struct ask *asks;
	size_t runs;
};

static void tell(struct prober *l, struct json *m, int fd)
{
	prober_link_tell(&l->link, m, fd);
}

static struct json *message(const char *op)
{
	struct json *m = json_new_object();

	json_set_str(m, "op", op);
	return m;
}

static struct json *message_of(const char *op, const struct pod_ctr *c, enum probe_type t)
{
	struct json *m = message(op);
	CLEANUP(cleanup_free)
	char *id = str_fmt("%s/%s/%s", c->pod->spec->uid, c->pod->spec->containers[c->index].name,
		probe_type_name(t));

	json_set_str(m, "id", id);
	return m;
}

static const struct probe_spec *probe_of(const struct pod_ctr *c, enum probe_type t)
{
	const struct probe_spec *p = &c->pod->spec->containers[c->index].probes[t];

	return p->handler == PROBE_NONE ? NULL : p;
}

/* uid/container/Type, as we made it. */
static struct pod_ctr *find_id(struct daemon *d, const char *id, enum probe_type *out)
{
	const char *name = id ? strchr(id, '/') : NULL, *type = name ? strchr(name + 1, '/') : NULL;
	CLEANUP(cleanup_free) char *uid = name ? str_ndup(id, (size_t)(name - id)) : NULL;
	CLEANUP(cleanup_free)
	char *container = type ? str_ndup(name + 1, (size_t)(type - name - 1)) : NULL;
	struct pod *p = type ? pod_find_uid(d, uid) : NULL;

	for (enum probe_type t = PROBE_STARTUP; p && t < PROBE_TYPES; t++)
		if (str_eq(type + 1, probe_type_name(t))) {
			*out = t;
			return pod_ctr(p, container);
		}
	return NULL;
}

static void add_one(struct pod_ctr *c, enum probe_type t)
{
	const struct container_spec *spec = &c->pod->spec->containers[c->index];
	struct json *m = message_of("add", c, t), *ports = json_new_object();

	json_set(m, "spec", probe_spec_to_json(&spec->probes[t]));
	for (size_t i = 0; i < spec->ports_len; i++)
		if (spec->ports[i].name)
			json_set_i64(ports, spec->ports[i].name, spec->ports[i].container_port);
	json_set(m, "ports", ports);
	json_set_str(m, "host", "127.0.0.1");
	tell(c->pod->d->prober, m, -1);
}

void prober_add(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++)
		for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
			if (probe_of(&p->ctrs[i], t))
				add_one(&p->ctrs[i], t);
}

static int published_of(const struct ctr_state *s, enum probe_type t)
{
	return t == PROBE_STARTUP ? s->startup : t == PROBE_LIVENESS ? s->liveness : s->readiness;
}

static bool is_started(const struct pod_ctr *c)
{
	return !probe_of(c, PROBE_STARTUP) || c->pod->state->ctrs[c->index].startup == 1;
}

/* known: also what is known of this instance already, for a prober that takes over. */
static void tell_instance(struct pod_ctr *c, enum probe_type t, bool known)
{
	const struct ctr_state *s = &c->pod->state->ctrs[c->index];
	struct json *m = message_of("instance", c, t);

	json_set_i64(m, "instance", (int64_t)c->instance);
	json_set_i64(m, "startedMs", s->started_boot_ms);
	json_set_bool(m, "isStarted", is_started(c));
	if (known && published_of(s, t) >= 0) {
		json_set_i64(m, "last", published_of(s, t));
		json_set_i64(m, "run", 0);
		json_set_i64(m, "published", published_of(s, t));
	}
	tell(c->pod->d->prober, m, -1);
}

void prober_instance(struct pod_ctr *c)
{
	for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
		if (probe_of(c, t))
			tell_instance(c, t, false);
}

void prober_started(struct pod_ctr *c)
{
	for (enum probe_type t = PROBE_LIVENESS; t < PROBE_TYPES; t++) {
		struct json *m;

		if (!probe_of(c, t))
			continue;
		m = message_of("started", c, t);
		json_set_i64(m, "instance", (int64_t)c->instance);
		tell(c->pod->d->prober, m, -1);
	}
}

void prober_stop(struct pod_ctr *c, unsigned mask)
{
	for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
		if ((mask & 1U << t) && probe_of(c, t))
			tell(c->pod->d->prober, message_of("ended", c, t), -1);
}

void prober_forget(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++)
		for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
			if (probe_of(&p->ctrs[i], t))
				tell(p->d->prober, message_of("remove", &p->ctrs[i], t), -1);
}

/* ---- what carpel-probe asks and says ---- */

static struct ask *ask_new(struct prober *l, int64_t number)
{
	struct ask *a = mem_zalloc(sizeof(*a));

	*a = (struct ask){ .prober = l, .next = l->asks, .number = number };
	l->asks = a;
	return a;
}

static void ask_release(struct ask *a)
{
	if (a->exec)
		probe_exec_cancel(a->exec);
	loop_timer_stop(&a->late);
	json_free(a->answer);
	free(a);
}

static void ask_free(struct ask *a)
{
	struct ask **at = &a->prober->asks;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	ask_release(a);
}

static struct ask *ask_find(struct prober *l, int64_t number, bool is_run)
{
	struct ask *a = l->asks;

	while (a && (a->number != number || (a->call != NULL) != is_run))
		a = a->next;
	return a;
}

/* In and out of the pod's network namespace: we are one thread, so nothing else is looking. */
static int open_socket(const struct pod_ctr *c, int family, struct err *e)
{
	struct daemon *d = c->pod->d;
	int sock;

	if (c->pod->sandbox.pause_fd < 0)
		return err_say(e, ENOTCONN, "the pod has no sandbox");
	if (!c->pod->spec->host_network && setns(c->pod->sandbox.pause_fd, CLONE_NEWNET) < 0)
		return err_set(e, errno, "enter the pod's network");
	sock = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		(void)err_set(e, errno, "open a socket");
	/* Staying in a pod's network would make us serve the wrong one: there is no going on from
	 * that. */
	if (!c->pod->spec->host_network && setns(d->own_netns, CLONE_NEWNET) < 0)
		abort();
	return sock < 0 ? -EIO : sock;
}

static void on_socket(struct prober *l, const struct json *m, struct pod_ctr *c, int64_t ask)
{
	struct json *answer = message("socket");
	struct err e = { 0 };
	int64_t family = 4;
	int sock;

	(void)json_i64(json_get(m, "family"), 4, 6, &family);
	sock = c ? open_socket(c, family == 6 ? AF_INET6 : AF_INET, &e)
		 : err_say(&e, ENOENT, "no such container");
	json_set_i64(answer, "ask", ask);
	if (sock < 0)
		json_set_str(answer, "error", e.text);
	tell(l, answer, sock);
	if (sock >= 0)
		close(sock);
}

static void answer_exec(struct ask *a)
{
	tell(a->prober, TAKE(a->answer), -1);
	ask_free(a);
}

static void on_late(struct loop_timer *t)
{
	answer_exec(t->arg);
}

/* When a container dies, the kernel kills what was executed in it first.  Such a kill says nothing
 * of the container's health: the end of the instance is given the time to be heard, which cancels
 * the attempt. */
static void on_exec_done(void *arg, int rc, const char *output, size_t len, const struct err *e)
{
	struct ask *a = arg;
	struct json *answer = message("exec-result");
	CLEANUP(cleanup_free) char *text = str_utf8(output ? output : "", len);

	a->exec = NULL;
	a->answer = answer;
	json_set_i64(answer, "ask", a->number);
	if (rc == -ETIMEDOUT)
		json_set_bool(answer, "timeout", true);
	else if (rc < 0)
		json_set_str(answer, "error", e->text);
	else
		json_set_i64(answer, "exit", rc);
	json_set_str(answer, "output", text);
	if (rc == EXIT_KILLED)
		loop_timer_start(a->prober->d->engine.loop, &a->late, KILLED_WAIT_MS, on_late, a);
	else
		answer_exec(a);
}

static void on_exec(struct prober *l, const struct json *m, struct pod_ctr *c, enum probe_type t,
	int64_t number)
{
	const struct probe_spec *p = c ? probe_of(c, t) : NULL;
	struct ask *a = ask_new(l, number);
	struct strv command = { 0 };
	int64_t timeout_ms = 1000;
	struct err e = { 0 };

	(void)json_i64(json_get(m, "timeoutMs"), 1, INT32_MAX, &timeout_ms);
	for (size_t i = 0; p && i < p->command.len; i++) {
		CLEANUP(cleanup_free)
		char *word =
			env_expand_probe(p->command.at[i], &c->pod->spec->containers[c->index]);

		strv_add(&command, word);
	}
	if (command.len)
		a->exec = probe_exec_start(c, &command, timeout_ms, on_exec_done, a, &e);
	else
		(void)err_say(&e, ENOENT, "no such exec probe");
	if (!a->exec)
		on_exec_done(a, -ENOENT, NULL, 0, &e);
	strv_free(&command);
}

static void on_cancel(struct prober *l, int64_t number)
{
	struct ask *a = ask_find(l, number, false);

	if (a)
		ask_free(a);
}

static void emit_result(struct pod_ctr *c, enum probe_type t, const struct json *m)
{
	const char *output = json_get_str(m, "output"), *type = probe_type_name(t);
	bool is_warning = json_is_true(json_get(m, "isWarning"));
	CLEANUP(cleanup_free) char *text = NULL;
	char detail[96] = "";
	int64_t run = 0, threshold = 0, ms = 0;

	if (json_is_true(json_get(m, "isSuccess")) && !is_warning)
		return;
	(void)json_i64(json_get(m, "run"), 0, INT32_MAX, &run);
	(void)json_i64(json_get(m, "threshold"), 0, INT32_MAX, &threshold);
	(void)json_i64(json_get(m, "durationMs"), 0, INT64_MAX, &ms);
	text = str_fmt(
		"%s probe %s: %s", type, is_warning ? "warning" : "failed", output ? output : "");
	/* A command's last line ends here, not between its words and ours. */
	for (size_t len = strlen(text); len > 0 && text[len - 1] == '\n'; len--)
		text[len - 1] = '\0';
	if (!is_warning)
		(void)snprintf(detail, sizeof(detail),
			" (failure %" PRId64 "%s%" PRId64 ", after %" PRId64 "ms)", run,
			run > threshold ? ", threshold " : " of ", threshold, ms);
	event_emit_detail(
		c->pod, c->index, true, is_warning ? "ProbeWarning" : "Unhealthy", text, detail);
}

static void on_result(struct prober *l, const struct json *m, struct pod_ctr *c, enum probe_type t)
{
	bool is_success = json_is_true(json_get(m, "isSuccess"));
	int64_t number = 0, instance = 0;
	struct ask *run;

	if (json_i64(json_get(m, "ask"), 1, INT64_MAX, &number) == 0) {
		run = ask_find(l, number, true);
		if (run) {
			struct json *answer = json_copy(m);

			l->runs--;
			(void)json_remove(answer, "op");
			(void)json_remove(answer, "ask");
			api_call_reply(run->call, 200, answer);
			ask_free(run);
		}
		return;
	}
	if (!c || json_i64(json_get(m, "instance"), 0, INT64_MAX, &instance) < 0 ||
		(uint64_t)instance != c->instance)
		return; /* late news of an instance that is gone */
	emit_result(c, t, m);
	if (!json_is_true(json_get(m, "published")))
		return;
	pod_step(c->pod,
		&(struct pod_event){
			.kind = EV_PROBE, .ctr = c->index, .probe = t, .is_success = is_success });
	if (t == PROBE_STARTUP && is_success && find_id(l->d, json_get_str(m, "id"), &t) == c)
		prober_started(c);
}

static void on_message(struct prober_link *link, const struct json *m)
{
	struct prober *l = link->d->prober;
	const char *op = json_get_str(m, "op");
	enum probe_type t = PROBE_STARTUP;
	struct pod_ctr *c = find_id(l->d, json_get_str(m, "id"), &t);
	int64_t ask = 0;

	(void)json_i64(json_get(m, "ask"), 0, INT64_MAX, &ask);
	if (str_eq(op, "result"))
		on_result(l, m, c, t);
	else if (str_eq(op, "socket"))
		on_socket(l, m, c, ask);
	else if (str_eq(op, "exec"))
		on_exec(l, m, c, t, ask);
	else if (str_eq(op, "cancel"))
		on_cancel(l, ask);
	else
		log_warn("carpel-probe says something unknown");
}

/* ---- its life ---- */

static void drop_asks(struct prober *l)
{
	const struct err e = { .code = EIO, .text = "carpel-probe ended" };

	while (l->asks) {
		struct ask *a = l->asks;

		l->asks = a->next;
		if (a->call)
			api_call_fail(a->call, -EIO, &e);
		ask_release(a);
	}
	l->runs = 0;
}

static void on_lost(struct prober_link *link)
{
	drop_asks(link->d->prober);
}

/* What a new carpel-probe has to know: every probe, and the instances that run. */
static void tell_all(struct daemon *d)
{
	for (struct pod *p = d->pods; p; p = p->next) {
		prober_add(p);
		for (size_t i = 0; i < p->spec->containers_len; i++)
			for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
				if (p->ctrs[i].ctr.pid && probe_of(&p->ctrs[i], t) &&
					(p->state->stop == STOP_NONE || t == PROBE_READINESS))
					tell_instance(&p->ctrs[i], t, true);
	}
}

static void on_started(struct prober_link *link)
{
	tell_all(link->d);
}

int prober_open(struct daemon *d, struct err *e)
{
	struct prober *l = mem_zalloc(sizeof(*l));

	l->d = d;
	l->link = (struct prober_link){
		.d = d, .heard = on_message, .lost = on_lost, .started = on_started
	};
	d->prober = l;
	return prober_link_open(&l->link, e);
}

int prober_run_once(struct pod_ctr *c, enum probe_type t, struct api_call *call, struct err *e)
{
	struct prober *l = c->pod->d->prober;
	struct json *m;

	if (!probe_of(c, t))
		return err_say(e, ENOENT, "container %s has no %s probe",
			c->pod->spec->containers[c->index].name, probe_type_name(t));
	if (!c->ctr.pid)
		return err_say(e, EBUSY, "container %s does not run",
			c->pod->spec->containers[c->index].name);
	if (l->link.sock < 0 || l->runs == RUNS_MAX)
		return err_say(e, EBUSY, "carpel-probe is not ready for more");
	l->runs++;
	ask_new(l, ++l->last_run)->call = call;
	m = message_of("run", c, t);
	json_set_i64(m, "ask", l->last_run);
	tell(l, m, -1);
	return 0;
}

void prober_close(struct daemon *d)
{
	struct prober *l = d->prober;

	if (!l)
		return;
	prober_link_close(&l->link);
	drop_asks(l);
	free(l);
	d->prober = NULL;
}
