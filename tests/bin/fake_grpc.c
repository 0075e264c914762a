#include "tests/bin/fake_grpc.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/cri.pb-c.h"
#include "spec/cri_protoset.h"

/* A call that waits, or a stream that goes on. */
struct work {
	struct fake_grpc *f;
	struct work *next, **link;
	struct grpc_call *call;
	struct loop_timer timer;
	int64_t left, bytes; /* answers, and the size of each */
	bool is_failing;     /* behind the last one */
};

struct fake_grpc {
	struct loop *loop;
	struct work *works;
	size_t running, cancelled, overdue, late;
	struct grpc_service services[2];
	struct grpc_face face;
};

static struct work *work_new(struct fake_grpc *f, struct grpc_call *c)
{
	struct work *w = mem_zalloc(sizeof(*w));

	w->f = f;
	w->call = c;
	w->next = f->works;
	if (w->next)
		w->next->link = &w->next;
	w->link = &f->works;
	f->works = w;
	f->running++;
	return w;
}

/* Its call, which the caller ends or knows to be gone. */
static struct grpc_call *work_end(struct work *w)
{
	struct grpc_call *c = w->call;

	loop_timer_stop(&w->timer);
	w->f->running--;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w);
	return c;
}

static void on_gone(void *arg, enum grpc_gone why)
{
	struct work *w = arg;

	if (why == GRPC_GONE_DEADLINE)
		w->f->overdue++;
	else
		w->f->cancelled++;
	(void)work_end(w);
}

/* ---- unary calls ---- */

static void version(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__VersionRequest *q = (const void *)grpc_request(c);
	Runtime__V1__VersionResponse answer = RUNTIME__V1__VERSION_RESPONSE__INIT;

	(void)ctx;
	answer.version = q->version;
	grpc_reply(c, &answer.base);
}

static void started(struct grpc_call *c)
{
	Runtime__V1__StartContainerResponse answer = RUNTIME__V1__START_CONTAINER_RESPONSE__INIT;

	grpc_reply(c, &answer.base);
}

static void start_later(struct loop_timer *t)
{
	struct work *w = t->arg;

	w->f->late++;
	started(work_end(w));
}

/* The number behind a word; 0 without one. */
static int64_t number_of(const char *words)
{
	const char *space = strchr(words, ' ');
	int64_t n = 0;

	if (space)
		(void)sscanf(space, " %8" SCNd64, &n);
	return n;
}

static void start(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__StartContainerRequest *q = (const void *)grpc_request(c);
	const char *words = q->container_id;
	int64_t n = number_of(words);
	struct err e = { 0 };
	struct work *w;

	if (str_starts(words, "fail ")) {
		const char *text = strchr(words + 5, ' ');

		grpc_fail(c, (enum grpc_code)n, text ? text + 1 : NULL);
	} else if (str_starts(words, "errno ")) {
		(void)err_say(&e, (int)n, "start %s", words);
		grpc_fail_err(c, -(int)n, &e);
	} else if (str_starts(words, "later ") || str_starts(words, "careless ")) {
		w = work_new(ctx, c);
		if (words[0] == 'l')
			grpc_on_gone(c, on_gone, w);
		loop_timer_start(w->f->loop, &w->timer, n, start_later, w);
	} else if (str_eq(words, "never")) {
		(void)work_new(ctx, c);
	} else if (str_eq(words, "watched")) {
		grpc_on_gone(c, on_gone, work_new(ctx, c));
	} else {
		started(c);
	}
}

static void create(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__CreateContainerRequest *q = (const void *)grpc_request(c);
	Runtime__V1__CreateContainerResponse answer = RUNTIME__V1__CREATE_CONTAINER_RESPONSE__INIT;
	char text[32];
	size_t n = 0;

	(void)ctx;
	for (size_t i = 0; q->config && i < q->config->n_labels; i++)
		n += strlen(q->config->labels[i]->key) + strlen(q->config->labels[i]->value);
	snprintf(text, sizeof(text), "%zu", n);
	answer.container_id = text;
	grpc_reply(c, &answer.base);
}

static void exec_sync(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__ExecSyncRequest *q = (const void *)grpc_request(c);
	Runtime__V1__ExecSyncResponse answer = RUNTIME__V1__EXEC_SYNC_RESPONSE__INIT;
	enum { BYTES_MAX = 32 * 1024 * 1024 };
	size_t n = q->timeout < 0 || q->timeout > BYTES_MAX ? 0 : (size_t)q->timeout;
	CLEANUP(cleanup_free) uint8_t *bytes = mem_zalloc(n + 1);

	(void)ctx;
	answer.stdout.len = n;
	answer.stdout.data = bytes;
	grpc_reply(c, &answer.base);
}

static void list_containers(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__ListContainersRequest *q = (const void *)grpc_request(c);
	Runtime__V1__ListContainersResponse answer = RUNTIME__V1__LIST_CONTAINERS_RESPONSE__INIT;
	Runtime__V1__Container one = RUNTIME__V1__CONTAINER__INIT, *at = &one;
	CLEANUP(cleanup_free) char *id = str_fmt("%s\xff", q->filter ? q->filter->id : "");

	(void)ctx;
	one.id = id;
	answer.n_containers = 1;
	answer.containers = &at;
	grpc_reply(c, &answer.base);
}

/* ---- streams ---- */

static int send_one(struct work *w)
{
	Runtime__V1__StreamContainersResponse answer =
		RUNTIME__V1__STREAM_CONTAINERS_RESPONSE__INIT;
	Runtime__V1__Container one = RUNTIME__V1__CONTAINER__INIT, *at = &one;
	CLEANUP(cleanup_free) char *text = mem_zalloc((size_t)w->bytes + 1);

	memset(text, 'x', (size_t)w->bytes);
	one.id = text;
	one.created_at = w->left;
	answer.n_containers = 1;
	answer.containers = &at;
	return grpc_send(w->call, &answer.base);
}

static void send_more(void *arg)
{
	struct work *w = arg;

	while (w->left > 0) {
		if (send_one(w) < 0)
			return; /* room will come, or its client goes */
		w->left--;
	}
	if (w->is_failing)
		grpc_finish(work_end(w), GRPC_NOT_FOUND, "no more containers");
	else
		grpc_finish(work_end(w), GRPC_OK, NULL);
}

static void stream_containers(void *ctx, struct grpc_call *c)
{
	const Runtime__V1__StreamContainersRequest *q = (const void *)grpc_request(c);
	const char *words = q->filter ? q->filter->id : "";
	enum { BYTES_MAX = 1024 * 1024 };
	struct work *w;

	if (str_eq(words, "now")) {
		grpc_finish(c, GRPC_FAILED_PRECONDITION, "not now");
		return;
	}
	w = work_new(ctx, c);
	grpc_on_gone(c, on_gone, w);
	w->is_failing = str_starts(words, "fail ");
	if (w->is_failing)
		w->left = number_of(words);
	else
		(void)sscanf(words, "%8" SCNd64 " %8" SCNd64, &w->left, &w->bytes);
	if (w->bytes < 0 || w->bytes > BYTES_MAX)
		w->bytes = 0;
	grpc_on_room(c, send_more, w);
}

static void events(void *ctx, struct grpc_call *c)
{
	grpc_on_gone(c, on_gone, work_new(ctx, c));
}

/* ---- counts ---- */

static void list_images(void *ctx, struct grpc_call *c)
{
	const struct fake_grpc *f = ctx;
	Runtime__V1__ListImagesResponse answer = RUNTIME__V1__LIST_IMAGES_RESPONSE__INIT;
	const struct {
		const char *name;
		size_t n;
	} counts[] = {
		{ "running", f->running },     /* */
		{ "cancelled", f->cancelled }, /* */
		{ "overdue", f->overdue },     /* */
		{ "late", f->late },           /* */
	};
	Runtime__V1__Image images[ARRAY_LEN(counts)], *at[ARRAY_LEN(counts)];

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		runtime__v1__image__init(&images[i]);
		images[i].id = (char *)(uintptr_t)counts[i].name; /* only read */
		images[i].size = counts[i].n;
		at[i] = &images[i];
	}
	answer.n_images = ARRAY_LEN(counts);
	answer.images = at;
	grpc_reply(c, &answer.base);
}

static const char *missing(const char *method)
{
	return str_eq(method, "PortForward") ? "port forwarding comes with streaming" : NULL;
}

struct fake_grpc *fake_grpc_new(struct loop *l)
{
	static const struct grpc_method runtime[] = {
		{ "Version", version, .is_stream = false },                   /* */
		{ "StartContainer", start, .is_stream = false },              /* */
		{ "CreateContainer", create, .is_stream = false },            /* */
		{ "ExecSync", exec_sync, .is_stream = false },                /* */
		{ "ListContainers", list_containers, .is_stream = false },    /* */
		{ "StreamContainers", stream_containers, .is_stream = true }, /* */
		{ "GetContainerEvents", events, .is_stream = true },          /* */
	};
	static const struct grpc_method image[] = {
		{ "ListImages", list_images, .is_stream = false },
	};
	struct fake_grpc *f = mem_zalloc(sizeof(*f));

	f->loop = l;
	f->services[0] = (struct grpc_service){ &runtime__v1__runtime_service__descriptor, runtime,
		ARRAY_LEN(runtime), missing };
	f->services[1] = (struct grpc_service){ &runtime__v1__image_service__descriptor, image,
		ARRAY_LEN(image), NULL };
	f->face = (struct grpc_face){ f->services, ARRAY_LEN(f->services), f, cri_protoset,
		sizeof(cri_protoset) };
	return f;
}

void fake_grpc_free(struct fake_grpc *f)
{
	struct work *next;

	if (!f)
		return;
	for (struct work *w = f->works; w; w = next) {
		next = w->next;
		grpc_fail(work_end(w), GRPC_UNAVAILABLE, NULL);
	}
	free(f);
}

const struct grpc_face *fake_grpc_face(const struct fake_grpc *f)
{
	return &f->face;
}

size_t fake_grpc_running(const struct fake_grpc *f)
{
	return f->running;
}
