/* Sandboxes and containers after a crash: what was being made is undone or finished, what was being
 * ended is ended, what was running runs on.  Their clients' calls are gone; whatever they ask again
 * finds things as if it had been answered.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/discard.h"
#include "engine/logs.h"
#include "engine/resume.h"
#include "image/lease.h"
#include "spec/names.h"

/* ---- what nobody claims ---- */

static void sweep_dirs(struct cri *c)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/sandboxes", c->engine->layout.lib);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free) char *one = str_fmt("%s/%s", path, entry->d_name);

		if (name_is_path_safe(entry->d_name) && !sandbox_by_id(c, entry->d_name))
			discard_dir(c->engine, one);
	}
	if (dir)
		(void)closedir(dir);
}

static void sweep_leases(struct cri *c)
{
	const char *images = c->engine->layout.images;
	CLEANUP(cleanup_free) char *path = str_fmt("%s/leases", images);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free)
		char *id = str_ndup(entry->d_name, strcspn(entry->d_name, "."));

		if (str_ends(entry->d_name, ".cri") && !container_by_id(c, id))
			(void)image_lease_drop(images, entry->d_name, NULL);
		/* What a carpeld that was killed had not yet given its name. */
		else if (entry->d_name[0] == '.' && strstr(entry->d_name, ".cri."))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		(void)closedir(dir);
}

/* Of sandboxes without a cgroup parent; below one that a client gave, the client cleans up. */
static void sweep_cgroups(struct cri *c)
{
	struct engine *g = c->engine;
	CLEANUP(cleanup_free) char *level = layout_level_cgroup(&g->layout, LAYOUT_CRI_LEVEL);
	CLEANUP(cleanup_free) char *path = cgroup_v2_dir(g->cgroups, level);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free) char *id = layout_sandbox_id(&g->layout, "", entry->d_name);
		CLEANUP(cleanup_free) char *cgroup = NULL;

		if (entry->d_type != DT_DIR || !id || !name_is_path_safe(id) ||
			sandbox_by_id(c, id))
			continue;
		cgroup = layout_sandbox_cgroup(&g->layout, level, "", id);
		(void)cgroup_kill(g->cgroups, cgroup, NULL);
		discard_cgroup(g, cgroup);
	}
	if (dir)
		(void)closedir(dir);
}

void resume_load(struct cri *c)
{
	for (struct cri_sandbox *s = c->sandboxes; s; s = s->next)
		if (s->state != SANDBOX_MAKING && s->state != SANDBOX_STOPPED)
			resume_sandbox(&s->box);
	sweep_dirs(c);
	sweep_leases(c);
	sweep_cgroups(c);
}

/* ---- what is there ---- */

/* Its program must not run twice, so a start that was under way counts only when nothing of it is
 * left: the container is as it was before the call. */
static void resume_start(struct cri_container *c)
{
	struct err e = { 0 };

	c->sandbox->starting = c;
	if (resume_starting(&c->ctr))
		return;
	c->sandbox->starting = NULL;
	c->state = CONTAINER_IS_CREATED;
	c->ctr.is_made = false;
	ctr_new_id(c->ctr.log_id); /* the next start's streams are others */
	if (container_record(c, &e) < 0)
		log_err("container=%s %s", c->ctr.id, e.text);
}

static void resume_container(struct cri_container *c)
{
	if (c->state == CONTAINER_STARTING)
		resume_start(c);
	else if (c->state != CONTAINER_IS_RUNNING)
		c->ctr.pid = 0;
	else if (resume_running(&c->ctr))
		resume_end_execs(&c->ctr); /* of ExecSync: whoever waited for it is gone */
}

static void resume_containers(struct cri_sandbox *s)
{
	struct cri_container *next;

	for (struct cri_container *c = s->containers; c; c = next) {
		next = c->next; /* one that is being removed may go */
		resume_container(c);
	}
	for (struct cri_container *c = s->containers; c; c = next) {
		next = c->next;
		if (c->is_removing)
			container_remove(c);
	}
}

static void lose_containers(struct cri_sandbox *s)
{
	struct cri_container *next;

	for (struct cri_container *c = s->containers; c; c = next) {
		next = c->next;
		c->ctr.pid = 0;
		if (container_is_alive(c))
			container_exited(c, 255, "Unknown", "the sandbox died");
	}
}

/* The record of a container's end could not be written. */
static bool has_living(const struct cri_sandbox *s)
{
	const struct cri_container *c = s->containers;

	while (c && !container_is_alive(c))
		c = c->next;
	return c != NULL;
}

static void resume_sandbox_of(struct cri_sandbox *s)
{
	bool is_there = s->box.pause_fd >= 0;

	if (s->state == SANDBOX_STOPPED && has_living(s))
		s->state = SANDBOX_STOPPING;

	switch (s->state) {
	case SANDBOX_MAKING:
		s->is_undone = true;
		resume_undo(s->cri->engine, s->box.at.cgroup);
		sandbox_stop(s);
		return;
	case SANDBOX_IS_READY:
	case SANDBOX_STOPPING:
		if (is_there)
			resume_containers(s);
		else
			lose_containers(s);
		if (s->state == SANDBOX_STOPPING || !is_there || s->is_removing) {
			s->state = SANDBOX_IS_READY; /* as far as stopping goes */
			sandbox_stop(s);
		}
		return;
	case SANDBOX_STOPPED:
		if (s->is_removing || s->is_undone)
			sandbox_remove(s); /* s goes with its last container */
		else
			resume_containers(s);
		return;
	case SANDBOX_STATES:
		return;
	}
}

void cri_resume(struct cri *c)
{
	struct cri_sandbox *next;

	if (c->sandboxes_len)
		log_info("taking over %zu sandboxes of CRI", c->sandboxes_len);
	for (struct cri_sandbox *s = c->sandboxes; s; s = s->next)
		logs_take_over(&s->box);
	for (struct cri_sandbox *s = c->sandboxes; s; s = next) {
		next = s->next;
		resume_sandbox_of(s);
	}
}
