/* Rounds: every period a process of carpel-image is given the trees that are due, some hundred of
 * them at once.  A tree that is still being counted is left to the process that does it, so one
 * with millions of files holds up nobody.  Nothing of this is kept on disk: the next supervisor
 * counts again.
 */
#include "daemon/disk.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/usage_job.h"

enum { JOBS_MAX = 4, TREES_A_JOB = 512, ASKED_MS = 60 * 1000, FRESH_MS = 10 * 1000 };

struct pod_disk {
	struct disk_use *use; /* of each tree */
	bool *is_counting;    /* a job has it */
	int64_t *begun_ms;    /* boot time of the last count, 0: never */
	int64_t asked_ms;     /* boot time, 0: never */
};

struct job_item {
	char *uid; /* of the pod, which may be gone before the answer comes */
	size_t tree;
};

struct job {
	struct disk *k;
	struct job *next;
	struct usage_job *job;
	struct strv paths;
	struct job_item *items;
	size_t len;
};

struct disk {
	struct daemon *d;
	struct loop_timer timer;
	int64_t period_ms;
	struct job *jobs;
	unsigned jobs_len;
};

/* ---- one job ---- */

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->len; i++)
		free(j->items[i].uid);
	free(j->items);
	strv_free(&j->paths);
	free(j);
}

static void unlink_job(struct job *j)
{
	struct job **at = &j->k->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	j->k->jobs_len--;
}

static void judge(struct pod *p)
{
	CLEANUP(cleanup_free) char *why = NULL;

	if (p->state->stop != STOP_NONE)
		return;
	why = disk_verdict(p->spec, p->object, p->disk->use);
	if (!why)
		return;
	log_info("pod=%s evicted: %s", p->sandbox.name, why);
	pod_step(p, &(struct pod_event){ .kind = EV_EVICT, .text = why });
}

static void on_counted(void *arg, size_t index, const struct usage *u)
{
	const struct job *j = arg;
	const struct job_item *item = &j->items[index];
	struct pod *p = pod_find_uid(j->k->d, item->uid);

	if (!p || !p->disk)
		return;
	p->disk->is_counting[item->tree] = false;
	p->disk->use[item->tree] = (struct disk_use){ .bytes = u->bytes,
		.inodes = u->inodes,
		.is_cut = u->is_cut,
		.wall_ns = clock_wall_ns() };
	judge(p);
}

static void give_back(const struct job *j)
{
	for (size_t i = 0; i < j->len; i++) {
		struct pod *p = pod_find_uid(j->k->d, j->items[i].uid);

		if (p && p->disk)
			p->disk->is_counting[j->items[i].tree] = false;
	}
}

static void on_done(void *arg, int rc, const struct err *e)
{
	struct job *j = arg;

	if (rc < 0) {
		log_warn("what pods have on the disk is not known, limits are not enforced: %s",
			e->text);
		give_back(j);
	}
	unlink_job(j);
	job_free(j);
}

static void start_job(struct disk *k, struct job *j)
{
	struct err e = { 0 };

	j->k = k;
	j->next = k->jobs;
	k->jobs = j;
	k->jobs_len++;
	if (usage_job_start(&k->d->engine, &j->paths, on_counted, on_done, j, &j->job, &e) < 0)
		on_done(j, -EIO, &e);
}

/* ---- which trees ---- */

static bool is_asked(const struct pod *p, int64_t now_ms)
{
	return p->disk->asked_ms && now_ms - p->disk->asked_ms < ASKED_MS;
}

static bool is_wanted(const struct pod *p, int64_t now_ms)
{
	return p->disk && !pod_is_over(p) && (disk_is_limited(p->spec) || is_asked(p, now_ms));
}

/* A timer is never due at the very millisecond, and a round later is too late. */
static bool is_due(const struct pod *p, size_t tree, int64_t now_ms)
{
	const struct pod_disk *k = p->disk;
	int64_t period_ms = p->d->disk->period_ms, age_ms = now_ms - k->begun_ms[tree];

	if (!disk_is_limited(p->spec) && period_ms < FRESH_MS)
		period_ms = FRESH_MS;
	return !k->is_counting[tree] && (!k->begun_ms[tree] || age_ms >= period_ms - period_ms / 4);
}

static void add_tree(
	struct job *j, const struct pod *p, enum disk_part part, size_t i, int64_t now_ms)
{
	const size_t tree = disk_tree(p->spec, part, i);
	CLEANUP(cleanup_free) char *path = NULL;

	if (!is_due(p, tree, now_ms))
		return;
	p->disk->begun_ms[tree] = now_ms;
	path = disk_path(&p->d->engine.layout, &p->sandbox.at, p->spec, part, i);
	if (!path)
		return;
	p->disk->is_counting[tree] = true;
	strv_add(&j->paths, path);
	j->items = mem_resize(j->items, j->len + 1, sizeof(*j->items));
	j->items[j->len++] = (struct job_item){ str_dup(p->spec->uid), tree };
}

static void add_pod(struct job *j, const struct pod *p, int64_t now_ms)
{
	for (size_t i = 0; i < p->spec->volumes_len; i++)
		add_tree(j, p, DISK_VOLUME, i, now_ms);
	for (size_t i = 0; i < p->spec->containers_len; i++)
		add_tree(j, p, DISK_LOGS, i, now_ms);
	for (size_t i = 0; i < p->spec->containers_len; i++)
		add_tree(j, p, DISK_LAYER, i, now_ms);
}

/* Those of whole pods, so that a verdict sees what belongs together. */
static void on_timer(struct loop_timer *t)
{
	struct disk *k = t->arg;
	const int64_t now_ms = clock_now().boot_ms;
	struct job *j = mem_zalloc(sizeof(*j));
	bool is_needed = false;

	for (const struct pod *p = k->d->pods; p && k->jobs_len < JOBS_MAX; p = p->next) {
		if (!is_wanted(p, now_ms))
			continue;
		is_needed = true;
		add_pod(j, p, now_ms);
		if (j->len < TREES_A_JOB)
			continue;
		start_job(k, j);
		j = mem_zalloc(sizeof(*j));
	}
	if (j->len)
		start_job(k, j);
	else
		job_free(j);
	if (is_needed || k->jobs)
		loop_timer_start(k->d->engine.loop, &k->timer, k->period_ms, on_timer, k);
}

static void wake(struct disk *k, int64_t after_ms)
{
	loop_timer_start(k->d->engine.loop, &k->timer, after_ms, on_timer, k);
}

/* ---- pods ---- */

static void make(struct pod *p)
{
	const size_t n = disk_trees(p->spec);

	p->disk = mem_zalloc(sizeof(*p->disk));
	p->disk->use = mem_zalloc(n * sizeof(*p->disk->use));
	p->disk->is_counting = mem_zalloc(n * sizeof(*p->disk->is_counting));
	p->disk->begun_ms = mem_zalloc(n * sizeof(*p->disk->begun_ms));
}

void disk_watch(struct pod *p)
{
	struct disk *k = p->d->disk;

	if (!k || !disk_is_limited(p->spec))
		return;
	if (!p->disk)
		make(p);
	if (!loop_timer_is_set(&k->timer))
		wake(k, k->period_ms);
}

void disk_forget(struct pod *p)
{
	if (!p->disk)
		return;
	free(p->disk->use);
	free(p->disk->is_counting);
	free(p->disk->begun_ms);
	free(p->disk);
	p->disk = NULL;
}

/* All that are asked for in one turn of the loop are counted by one job. */
const struct disk_use *disk_ask(struct pod *p)
{
	struct disk *k = p->d->disk;
	const int64_t now_ms = clock_now().boot_ms;

	if (!k || pod_is_over(p))
		return NULL;
	if (!p->disk)
		make(p);
	p->disk->asked_ms = now_ms;
	for (size_t i = 0; i < disk_trees(p->spec); i++)
		if (is_due(p, i, now_ms)) {
			wake(k, 0);
			break;
		}
	return p->disk->use;
}

struct disk *disk_open(struct daemon *d, int64_t period_ms)
{
	struct disk *k = mem_zalloc(sizeof(*k));

	k->d = d;
	k->period_ms = period_ms;
	d->disk = k;
	for (struct pod *p = d->pods; p; p = p->next)
		disk_watch(p);
	return k;
}

void disk_close(struct disk *k)
{
	if (!k)
		return;
	loop_timer_stop(&k->timer);
	while (k->jobs) {
		struct job *j = k->jobs;

		k->jobs = j->next;
		usage_job_cancel(j->job);
		job_free(j);
	}
	free(k);
}
