/* How much disk writable layers and images take.  The trees belong to containers, so `carpel-image
 * usage` walks through them and we do not; and only for those whose numbers somebody has asked for.
 * Who asks gets what was counted last.
 *
 * What is asked for in one turn of the loop goes to one job.  A tree that is being counted is not
 * counted twice, and one that takes long keeps up nobody but its own job.  One at which a job gets
 * stuck is left alone until that job's process has ended, and for a while after that: so it holds
 * up others once in that time, and keeps one process.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/usage_job.h"

enum {
	GAP_MS = 1,
	FRESH_MS = 10 * 1000,
	FRESH_FS_MS = 60 * 1000,
	STUCK_MS = 10 * 60 * 1000,
	JOBS_MAX = 4
};

struct usage_round {
	struct cri *cri;
	struct usage_round *next, **link;
	struct usage_job *job;
	struct usage_watch **watches; /* NULL: forgotten, or counted */
	size_t len;
	bool is_stuck; /* it does not count any more, and not among rounds_len */
};

static void on_due(struct loop_timer *t);

static void go_on(struct cri *c)
{
	if (c->counting && c->rounds_len < JOBS_MAX && !loop_timer_is_set(&c->count_timer))
		loop_timer_start(c->engine->loop, &c->count_timer, GAP_MS, on_due, c);
}

static uint64_t sign_of(const struct usage_watch *w)
{
	uint64_t sign = HASH_START;
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(w->signs); i++)
		if (w->signs[i] && stat(w->signs[i], &st) == 0)
			sign = hash_bytes(sign, &st.st_mtim, sizeof(st.st_mtim));
	return sign;
}

static void take_out(struct cri *c, struct usage_watch *w)
{
	struct usage_watch **at = &c->counting;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	for (struct usage_round *r = c->rounds; r; r = r->next)
		for (size_t i = 0; i < r->len; i++)
			if (r->watches[i] == w)
				r->watches[i] = NULL;
	w->is_waiting = false;
}

/* ---- a round ---- */

static void round_free(struct usage_round *r)
{
	for (size_t i = 0; i < r->len; i++)
		if (r->watches[i])
			r->watches[i]->is_waiting = false;
	r->cri->rounds_len -= !r->is_stuck;
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	free(r->watches);
	free(r);
}

static void on_counted(void *arg, size_t index, const struct usage *u)
{
	struct usage_round *r = arg;
	struct usage_watch *w = r->watches[index];

	if (!w)
		return;
	w->last = (struct usage_count){ u->bytes, u->inodes, clock_wall_ns() };
	w->counted_ms = clock_now().boot_ms;
	w->is_waiting = false;
	r->watches[index] = NULL;
}

static void enqueue(struct cri *c, struct usage_watch *w)
{
	struct usage_watch **end = &c->counting;

	while (*end)
		end = &(*end)->next;
	w->next = NULL;
	w->is_waiting = true;
	*end = w;
	go_on(c);
}

/* The others go to the next round. */
static void on_stuck(void *arg, size_t index)
{
	struct usage_round *r = arg;
	struct usage_watch *at = r->watches[index];

	r->is_stuck = true;
	r->cri->rounds_len--;
	for (size_t i = 0; i < r->len; i++)
		if (r->watches[i] && r->watches[i] != at) {
			enqueue(r->cri, r->watches[i]);
			r->watches[i] = NULL;
		}
	go_on(r->cri); /* with what waited for its turn */
	if (!at)
		return;
	at->stuck_ms = clock_now().boot_ms;
	log_warn("what is below %s is not counted, its file system does not answer", at->path);
}

static void on_done(void *arg, int rc, const struct err *e)
{
	struct usage_round *r = arg;
	struct cri *c = r->cri;

	if (rc < 0)
		log_warn("some numbers of disk usage are old: %s", e->text);
	round_free(r);
	go_on(c);
}

static const struct usage_job_owner round_owner = {
	.counted = on_counted, .stuck = on_stuck, .done = on_done
};

/* All that wait.  What changes while it is counted makes it old. */
static void on_due(struct loop_timer *t)
{
	struct cri *c = t->arg;
	CLEANUP(strv_free) struct strv paths = { 0 };
	struct usage_round *r;
	struct err e = { 0 };

	if (!c->counting) /* forgotten since the timer was set */
		return;
	r = mem_zalloc(sizeof(*r));
	*r = (struct usage_round){ .cri = c, .next = c->rounds, .link = &c->rounds };
	if (r->next)
		r->next->link = &r->next;
	c->rounds = r;
	c->rounds_len++;
	for (struct usage_watch *w = c->counting; w; w = w->next) {
		w->sign = sign_of(w);
		strv_add(&paths, w->path);
		r->watches = mem_resize(r->watches, r->len + 1, sizeof(struct usage_watch *));
		r->watches[r->len++] = w;
	}
	c->counting = NULL;
	if (usage_job_start(c->engine, &paths, &round_owner, r, &r->job, &e) < 0) {
		log_warn("disk usage is not counted: %s", e.text);
		round_free(r);
	}
}

static bool is_fresh(const struct usage_watch *w, int64_t fresh_ms)
{
	return w->counted_ms && clock_now().boot_ms - w->counted_ms < fresh_ms &&
	       sign_of(w) == w->sign;
}

static bool was_stuck(const struct usage_watch *w)
{
	return w->stuck_ms && clock_now().boot_ms - w->stuck_ms < STUCK_MS;
}

static void want(struct cri *c, struct usage_watch *w, int64_t fresh_ms)
{
	if (!w->is_waiting && !was_stuck(w) && !is_fresh(w, fresh_ms))
		enqueue(c, w);
}

const struct usage_count *usage_of_layer(struct cri_container *c)
{
	if (!c->usage.path)
		c->usage.path = str_fmt("%s/upper", c->ctr.dir);
	want(c->cri, &c->usage, FRESH_MS);
	return &c->usage.last;
}

void usage_forget(struct cri_container *c)
{
	take_out(c->cri, &c->usage);
	free(c->usage.path);
	c->usage.path = NULL;
}

/* ---- ImageFsInfo ---- */

static void fill(Runtime__V1__FilesystemUsage *out, Runtime__V1__FilesystemIdentifier *id,
	Runtime__V1__UInt64Value values[2], const struct usage_watch *w)
{
	runtime__v1__filesystem_usage__init(out);
	runtime__v1__filesystem_identifier__init(id);
	runtime__v1__uint64_value__init(&values[0]);
	runtime__v1__uint64_value__init(&values[1]);
	id->mountpoint = w->path;
	values[0].value = w->last.bytes;
	values[1].value = w->last.inodes;
	out->fs_id = id;
	out->timestamp = w->last.wall_ns ? w->last.wall_ns : clock_wall_ns();
	out->used_bytes = &values[0];
	out->inodes_used = &values[1];
}

void rpc_image_fs_info(void *ctx, struct grpc_call *call)
{
	Runtime__V1__ImageFsInfoResponse answer = RUNTIME__V1__IMAGE_FS_INFO_RESPONSE__INIT;
	Runtime__V1__FilesystemUsage images, containers, *one = &images, *other = &containers;
	Runtime__V1__FilesystemIdentifier ids[2];
	Runtime__V1__UInt64Value values[2][2];
	struct cri *c = ctx;

	want(c, &c->images_usage, FRESH_FS_MS);
	want(c, &c->layers_usage, FRESH_FS_MS);
	fill(&images, &ids[0], values[0], &c->images_usage);
	fill(&containers, &ids[1], values[1], &c->layers_usage);
	answer.n_image_filesystems = 1;
	answer.image_filesystems = &one;
	answer.n_container_filesystems = 1;
	answer.container_filesystems = &other;
	grpc_reply(call, &answer.base);
}

void usage_open(struct cri *c)
{
	c->images_usage.path = str_dup(c->engine->layout.images);
	/* An image begins and ends with its record, and layers come and go by way of tmp. */
	c->images_usage.signs[0] = str_fmt("%s/images", c->engine->layout.images);
	c->images_usage.signs[1] = str_fmt("%s/tmp", c->engine->layout.images);
	c->layers_usage.path = str_fmt("%s/sandboxes", c->engine->layout.lib);
	want(c, &c->images_usage, FRESH_FS_MS);
	want(c, &c->layers_usage, FRESH_FS_MS);
}

void usage_close(struct cri *c)
{
	loop_timer_stop(&c->count_timer);
	for (struct usage_round *r = c->rounds, *next; r; r = next) {
		next = r->next;
		usage_job_cancel(r->job);
		round_free(r);
	}
	c->counting = NULL;
	free(c->images_usage.path);
	free(c->images_usage.signs[0]);
	free(c->images_usage.signs[1]);
	free(c->layers_usage.path);
	c->images_usage.path = c->layers_usage.path = NULL;
}
