/* How much disk writable layers and images take.  Counted in slices beside the loop's work, one
 * tree at a time, and only for those whose numbers somebody has asked for; who asks gets what was
 * counted last.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
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

static void on_slice(struct loop_timer *t)
{
	struct cri *c = t->arg;
	struct usage_watch *w = c->counting;
	struct usage u;

	if (!w) /* forgotten since the timer was set */
		return;
	if (!c->walk &&
		usage_start(AT_FDCWD, w->path, (struct usage_bounds){ 0 }, &c->walk, NULL) < 0) {
		take_out(c, w);
	} else if (!usage_step(c->walk, SLICE_ENTRIES)) {
		u = usage_result(c->walk);
		w->last = (struct usage_count){ u.bytes, u.inodes, clock_wall_ns() };
		w->counted_ms = clock_now().boot_ms;
		take_out(c, w);
	}
	go_on(c);
}

static void want(struct cri *c, struct usage_watch *w, int64_t fresh_ms)
{
	struct usage_watch **end = &c->counting;

	if (w->is_waiting || (w->counted_ms && clock_now().boot_ms - w->counted_ms < fresh_ms))
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
	free(c->layers_usage.path);
	c->images_usage.path = c->layers_usage.path = NULL;
}
