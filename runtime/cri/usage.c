/* How much disk writable layers and images take.  Counted in slices beside the loop's work, one
 * tree at a time, and only for those whose numbers somebody has asked for; who asks gets what was
 * counted last.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cri/state.h"
#include "sys/usage.h"

enum { SLICE_ENTRIES = 128, SLICE_GAP_MS = 1, FRESH_MS = 10 * 1000, FRESH_FS_MS = 60 * 1000 };

static void on_slice(struct loop_timer *t);

static void go_on(struct cri *c)
{
	if (c->counting && !loop_timer_is_set(&c->count_timer))
		loop_timer_start(c->engine->loop, &c->count_timer, SLICE_GAP_MS, on_slice, c);
}

static void take_out(struct cri *c, struct usage_watch *w)
{
	struct usage_watch **at = &c->counting;

	while (*at && *at != w)
		at = &(*at)->next;
	if (!*at)
		return;
	if (w == c->counting) { /* the one that is being counted */
		usage_free(c->walk);
		c->walk = NULL;
	}
	*at = w->next;
	w->is_waiting = false;
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

static int begin(struct cri *c, struct usage_watch *w)
{
	w->sign = sign_of(w); /* what changes while it is counted makes it old */
	return usage_start(AT_FDCWD, w->path, (struct usage_bounds){ 0 }, &c->walk, NULL);
}

static void on_slice(struct loop_timer *t)
{
	struct cri *c = t->arg;
	struct usage_watch *w = c->counting;
	struct usage u;

	if (!w) /* forgotten since the timer was set */
		return;
	if (!c->walk && begin(c, w) < 0) {
		take_out(c, w);
	} else if (!usage_step(c->walk, SLICE_ENTRIES)) {
		u = usage_result(c->walk);
		w->last = (struct usage_count){ u.bytes, u.inodes, clock_wall_ns() };
		w->counted_ms = clock_now().boot_ms;
		take_out(c, w);
	}
	go_on(c);
}

static bool is_fresh(const struct usage_watch *w, int64_t fresh_ms)
{
	return w->counted_ms && clock_now().boot_ms - w->counted_ms < fresh_ms &&
	       sign_of(w) == w->sign;
}

static void want(struct cri *c, struct usage_watch *w, int64_t fresh_ms)
{
	struct usage_watch **end = &c->counting;

	if (w->is_waiting || is_fresh(w, fresh_ms))
		return;
	while (*end)
		end = &(*end)->next;
	w->next = NULL;
	w->is_waiting = true;
	*end = w;
	go_on(c);
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
	usage_free(c->walk);
	c->walk = NULL;
	c->counting = NULL;
	free(c->images_usage.path);
	free(c->images_usage.signs[0]);
	free(c->images_usage.signs[1]);
	free(c->layers_usage.path);
	c->images_usage.path = c->layers_usage.path = NULL;
}
