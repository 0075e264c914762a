/* Rounds: every period a process of carpel-image is given the trees that are due, some hundred of
 * them at once.  A tree that is still being counted is left to the process that does it, so one
 * with millions of files holds up nobody.  Nothing of this is kept on disk: the next supervisor
 * counts again.
 *
 * A tree at which a process gets stuck is left alone until that process has ended, and for a while
 * after that: so it holds up the others once in that time, and keeps one process.
 */
#include "daemon/disk.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/usage_job.h"

enum {
	JOBS_MAX = 4,
	TREES_A_JOB = 512,
	ASKED_MS = 60 * 1000,
	FRESH_MS = 10 * 1000,
	STUCK_MS = 10 * 60 * 1000
};

struct pod_disk {
	struct disk_use *use; /* of each tree */
	bool *is_counting;    /* a job has it */
	int64_t *begun_ms; /* boot time of the last count, 0: never; later than now: not before */
	int64_t asked_ms;  /* boot time, 0: never */
};

struct job_item {
	char *uid; /* of the pod, which may be gone before the answer comes; NULL: answered */
	size_t tree;
};

struct job {
	struct disk *k;
	struct job *next;
	struct usage_job *job;
	struct strv paths;
	struct job_item *items;
	size_t len;
	bool is_stuck; /* of its trees it has kept one, and does not count any more */
};

struct disk {
	struct daemon *d;
	struct loop_timer timer;
	int64_t period_ms;
	struct job *jobs;
	unsigned jobs_len; /* that are not stuck */
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
	j->k->jobs_len -= !j->is_stuck;
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
	struct job_item *item = &j->items[index];
	CLEANUP(cleanup_free) char *uid = TAKE(item->uid);
	struct pod *p = uid ? pod_find_uid(j->k->d, uid) : NULL;

	if (!p || !p->disk)
		return;
	p->disk->is_counting[item->tree] = false;
	p->disk->use[item->tree] = (struct disk_use){ .bytes = u->bytes,
		.inodes = u->inodes,
		.is_cut = u->is_cut,
		.wall_ns = clock_wall_ns() };
	judge(p);
}

static struct pod_disk *disk_of(const struct job *j, size_t item)
{
	const char *uid = j->items[item].uid;
	const struct pod *p = uid ? pod_find_uid(j->k->d, uid) : NULL;

	return p ? p->disk : NULL;
}

static void give_back(const struct job *j)
{
	for (size_t i = 0; i < j->len; i++) {
		const struct pod_disk *k = disk_of(j, i);

		if (k)
			k->is_counting[j->items[i].tree] = false;
	}
}

static void on_stuck(void *arg, size_t index)
{
	struct job *j = arg;
	const struct pod_disk *k = disk_of(j, index);
	const struct job_item kept = j->items[index];

	log_warn("what is below %s is not counted, its file system does not answer",
		j->paths.at[index]);
	give_back(j);
	j->items[index] = j->items[0];
	j->items[0] = kept;
	for (size_t i = 1; i < j->len; i++)
		free(TAKE(j->items[i].uid));
	j->len = 1;
	if (k) {
		k->is_counting[kept.tree] = true;
		k->begun_ms[kept.tree] = clock_now().boot_ms + STUCK_MS;
	}
	j->is_stuck = true;
	j->k->jobs_len--;
}

static void on_done(void *arg, int rc, const struct err *e)
{
	struct job *j = arg;

	if (rc < 0)
		log_warn("what pods have on the disk is not known, limits are not enforced: %s",
			e->text);
	give_back(j); /* what it has not counted, whatever it says */
	unlink_job(j);
	job_free(j);
}

static const struct usage_job_owner job_owner = {
	.counted = on_counted, .stuck = on_stuck, .done = on_done
};

static void start_job(struct disk *k, struct job *j)
{
	struct err e = { 0 };

	j->k = k;
	j->next = k->jobs;
	k->jobs = j;
	k->jobs_len++;
	if (usage_job_start(&k->d->engine, &j->paths, &job_owner, j, &j->job, &e) < 0)
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
