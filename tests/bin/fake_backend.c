#include "tests/bin/fake_backend.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/bin/fake_exec.h"

struct later {
	struct later *next, **link;
	struct loop_timer timer; /* stopped for an answer that never comes */
	struct api_call *call;
};

struct fake {
	struct api_backend backend;
	struct loop *loop;
	struct api_server *server;
	const char *log_dir;
	unsigned pods_made;
	struct later *laters;
	struct fake_execs *execs;
};

/* ---- pods ---- */

static void set_now(struct json *object, const char *key, int64_t after_seconds)
{
	char text[CLOCK_TEXT_MAX];

	clock_rfc3339(clock_now().wall_ms + after_seconds * 1000, text);
	json_set_str(object, key, text);
}

static int pod_create(
	void *ctx, struct manifest_result *r, bool dry_run, struct json **out_object, struct err *e)
{
	struct fake *f = ctx;
	struct json *metadata = json_get(r->object, "metadata"), *status = json_new_object();
	CLEANUP(cleanup_free) char *uid = NULL;

	if (str_eq(r->spec->name, "disk-is-full")) {
		json_free(status);
		return err_say(e, ENOSPC, "no space left for pod %s", r->spec->name);
	}
	uid = str_fmt("00000000-0000-4000-8000-%012x", ++f->pods_made);
	json_set_str(metadata, "uid", uid);
	set_now(metadata, "creationTimestamp", 0);
	json_set_i64(metadata, "generation", 1);
	json_set_str(json_get(r->object, "spec"), "nodeName", f->backend.node_name);
	json_set_str(status, "phase", "Pending");
	json_set_str(status, "qosClass", "BestEffort");
	json_set(r->object, "status", status);
	if (dry_run) {
		*out_object = TAKE(r->object);
		return 0;
	}
	(void)store_put(f->backend.store, OBJECT_POD, r->object);
	return 0;
}

/* A copy of the stored pod as a tree; NULL when there is none. */
static struct json *pod_tree(const struct fake *f, const char *ns, const char *name)
{
	const struct object *o = store_get(f->backend.store, OBJECT_POD, ns, name);
	struct json *tree = NULL;

	if (o && json_parse(o->text, strlen(o->text), NULL, &tree, NULL) < 0)
		abort(); /* the store wrote it */
	return tree;
}

static void set_map(struct json *metadata, const char *key, const struct json *map)
{
	if (json_len(map) > 0)
		json_set(metadata, key, json_copy(map));
	else
		(void)json_remove(metadata, key);
}

static int pod_set_meta(void *ctx, const char *ns, const char *name, const struct json *labels,
	const struct json *annotations, struct err *e)
{
	struct fake *f = ctx;
	CLEANUP(cleanup_json) struct json *pod = pod_tree(f, ns, name);
	struct json *metadata = json_get(pod, "metadata");

	if (!pod)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	set_map(metadata, "labels", labels);
	set_map(metadata, "annotations", annotations);
	(void)store_put(f->backend.store, OBJECT_POD, pod);
	return 0;
}

static int pod_resize(
	void *ctx, const char *ns, const char *name, struct manifest_result *asked, struct err *e)
{
	struct fake *f = ctx;
	CLEANUP(cleanup_json) struct json *pod = pod_tree(f, ns, name);

	if (!pod)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	json_set(pod, "spec", json_copy(json_get(asked->object, "spec")));
	(void)store_put(f->backend.store, OBJECT_POD, pod);
	return 0;
}

static int pod_delete(
	void *ctx, const char *ns, const char *name, const struct delete_options *o, struct err *e)
{
	struct fake *f = ctx;
	CLEANUP(cleanup_json) struct json *pod = pod_tree(f, ns, name);
	struct json *metadata = json_get(pod, "metadata");
	int64_t grace = o->grace_seconds;

	if (!pod)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	if (grace < 0 && json_i64(json_path(pod, "spec.terminationGracePeriodSeconds"), 0,
				 INT64_MAX, &grace) < 0)
		grace = 30;
	if (grace == 0)
		return store_delete(f->backend.store, OBJECT_POD, ns, name, NULL);
	if (json_get(metadata, "deletionTimestamp"))
		return 0;
	set_now(metadata, "deletionTimestamp", grace);
	json_set_i64(metadata, "deletionGracePeriodSeconds", grace);
	(void)store_put(f->backend.store, OBJECT_POD, pod);
	return 0;
}

static int event_put(void *ctx, const struct json *event, struct err *e)
{
	struct fake *f = ctx;

	(void)e;
	(void)store_put(f->backend.store, OBJECT_EVENT, event);
	return 0;
}

static int event_delete(void *ctx, const char *ns, const char *name, struct err *e)
{
	struct fake *f = ctx;
	int rc = store_delete(f->backend.store, OBJECT_EVENT, ns, name, NULL);

	return rc < 0 ? err_say(e, -rc, "events \"%s\" not found", name) : 0;
}

/* ---- logs ---- */

static int log_open(void *ctx, const struct log_request *q, struct log_opened *out, struct err *e)
{
	const struct fake *f = ctx;
	CLEANUP(cleanup_free)
	char *path = str_fmt("%s/%s_%s%s.log", f->log_dir ? f->log_dir : "/nowhere", q->pod,
		q->container, q->previous ? ".previous" : "");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && !q->previous)
		return err_say(e, ENODATA,
			"container \"%s\" in pod \"%s\" is waiting to start: ContainerCreating",
			q->container, q->pod);
	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	*out = (struct log_opened){ .fd = fd };
	(void)snprintf(out->id, sizeof(out->id), "%.30s_%.30s", q->pod, q->container);
	return 0;
}

static int log_next(void *ctx, const struct log_opened *log, int fd)
{
	(void)ctx;
	(void)log;
	(void)fd;
	return -1;
}

static bool log_is_over(void *ctx, const char *container_id)
{
	const struct fake *f = ctx;
	CLEANUP(cleanup_free)
	char *path = str_fmt("%s/%s.over", f->log_dir ? f->log_dir : "/nowhere", container_id);

	return access(path, F_OK) == 0;
}

/* ---- calls ---- */

static void later_free(struct later *l)
{
	loop_timer_stop(&l->timer);
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	free(l);
}

static void later_due(struct loop_timer *t)
{
	struct later *l = t->arg;
	struct json *answer = json_new_object();

	json_set_str(answer, "said", "later");
	api_call_reply(l->call, 200, answer);
	later_free(l);
}

static struct later *later_new(struct fake *f, struct api_call *c)
{
	struct later *l = mem_zalloc(sizeof(*l));

	l->call = c;
	l->next = f->laters;
	if (l->next)
		l->next->link = &l->next;
	l->link = &f->laters;
	f->laters = l;
	return l;
}

static void call_later(struct fake *f, struct api_call *c)
{
	struct later *l = later_new(f, c);

	loop_timer_start(f->loop, &l->timer, 20, later_due, l);
}

static void call_never(struct fake *f, struct api_call *c)
{
	(void)later_new(f, c);
}

static void call_missing(struct fake *f, struct api_call *c)
{
	struct err e = { 0 };

	(void)f;
	api_call_fail(c, err_say(&e, ENOENT, "images \"x\" not found"), &e);
}

static void call_state(struct fake *f, struct api_call *c)
{
	struct json *answer = json_new_object();

	fake_execs_tell(f->execs, answer);
	json_set_i64(
		answer, "connections", f->server ? (int64_t)api_server_connections(f->server) : 0);
	json_set_str(answer, "method", api_call_method(c));
	if (api_call_body(c))
		json_set(answer, "body", json_copy(api_call_body(c)));
	(void)malloc_trim(0); /* so that resident memory says what is held */
	api_call_reply(c, 200, answer);
}

static void reply_empty(struct api_call *c)
{
	api_call_reply(c, 200, json_new_object());
}

static void call_churn(struct fake *f, struct api_call *c)
{
	const char *name = api_call_query(c, "name"), *count = api_call_query(c, "count");
	CLEANUP(cleanup_json) struct json *pod = pod_tree(f, "default", name ? name : "");
	int64_t n = 0;

	(void)str_to_i64(count ? count : "0", 0, 1000000, &n);
	for (int64_t i = 0; pod && i < n; i++) {
		json_set_i64(json_get(pod, "metadata"), "generation", i + 2);
		(void)store_put(f->backend.store, OBJECT_POD, pod);
	}
	reply_empty(c);
}

static void call_status(struct fake *f, struct api_call *c)
{
	const char *name = api_call_query(c, "name");
	CLEANUP(cleanup_json) struct json *pod = pod_tree(f, "default", name ? name : "");

	if (pod && api_call_body(c)) {
		json_set(pod, "status", json_copy(api_call_body(c)));
		(void)store_put(f->backend.store, OBJECT_POD, pod);
	}
	reply_empty(c);
}

static void call_reap(struct fake *f, struct api_call *c)
{
	size_t len;
	struct object **at = store_list(f->backend.store, OBJECT_POD, NULL, &len);

	for (size_t i = 0; i < len; i++) {
		if (strstr(at[i]->text, "\"deletionTimestamp\""))
			(void)store_delete(
				f->backend.store, OBJECT_POD, at[i]->namespace, at[i]->name, NULL);
		object_unref(at[i]);
	}
	free(at);
	reply_empty(c);
}

static void on_drained(void *arg)
{
	struct fake *f = arg;

	loop_stop(f->loop);
}

static void call_stop(struct fake *f, struct api_call *c)
{
	const char *grace = api_call_query(c, "grace");
	int64_t grace_ms = 0;

	(void)str_to_i64(grace ? grace : "0", 0, 60000, &grace_ms);
	reply_empty(c);
	if (f->server)
		api_server_shutdown(f->server, grace_ms, on_drained, f);
}

static void call(void *ctx, struct api_call *c)
{
	static const struct {
		const char *path;
		void (*run)(struct fake *f, struct api_call *c);
	} calls[] = {
		{ "state", call_state },     /* */
		{ "later", call_later },     /* */
		{ "never", call_never },     /* */
		{ "missing", call_missing }, /* */
		{ "churn", call_churn },     /* */
		{ "status", call_status },   /* */
		{ "reap", call_reap },       /* */
		{ "stop", call_stop },       /* */
	};
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (str_eq(calls[i].path, api_call_path(c))) {
			calls[i].run(ctx, c);
			return;
		}
	}
	api_call_fail(c, err_say(&e, ENOENT, "no call of that name"), &e);
}

/* ---- life ---- */

static int exec_start(void *ctx, const struct exec_request *q, struct exec_peer *p,
	struct exec_session **out, struct err *e)
{
	struct fake *f = ctx;

	return fake_exec_start(f->execs, q, p, out, e);
}

struct fake *fake_new(struct loop *l, const char *log_dir, uint64_t first_rv)
{
	struct fake *f = mem_zalloc(sizeof(*f));

	f->loop = l;
	f->log_dir = log_dir;
	f->execs = fake_execs_new(l);
	f->backend = (struct api_backend){
		.ctx = f,
		.store = store_new(first_rv),
		.node_name = "node1",
		.pod_create = pod_create,
		.pod_set_meta = pod_set_meta,
		.pod_resize = pod_resize,
		.pod_delete = pod_delete,
		.event_put = event_put,
		.event_delete = event_delete,
		.log_open = log_open,
		.log_next = log_next,
		.log_is_over = log_is_over,
		.exec_start = exec_start,
		.call = call,
	};
	fake_exec_calls(&f->backend);
	return f;
}

void fake_free(struct fake *f)
{
	struct later *next;

	if (!f)
		return;
	for (struct later *l = f->laters; l; l = next) {
		next = l->next;
		reply_empty(l->call); /* its client is gone: this only frees it */
		later_free(l);
	}
	fake_execs_free(f->execs);
	store_free(f->backend.store);
	free(f);
}

const struct api_backend *fake_backend(const struct fake *f)
{
	return &f->backend;
}

bool fake_is_at(const struct fake *f, uint64_t rv)
{
	return store_rv(f->backend.store) == rv && !f->laters && fake_execs_are_over(f->execs);
}

void fake_set_server(struct fake *f, struct api_server *server)
{
	f->server = server;
}
