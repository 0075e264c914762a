#include "engine/cdi.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "engine/job.h"

/* JOBS_MAX: of all that are asked for at a time; those that are killed and do not end count, too.
 * ANSWER_MAX: its JSON is 1 MiB at most, and before that comes a line for each of 256 files, twice.
 */
enum { EDITS_MAX = 1024, JOBS_MAX = 4, ANSWER_MAX = 4 << 20 };

static const char file_name[] = "cdi.json";

struct cdi_wait {
	struct engine *g;
	struct cdi_wait *next; /* of all, in the order of their coming */
	struct strv words;
	struct job *job; /* NULL: waits for its turn */
	struct loop_timer no_turn;
	char *first; /* of the devices; for messages */
	void (*done)(
		void *arg, int rc, struct cdi_set *set, const struct err *e); /* NULL: was called */
	void *arg;
};

void cdi_set_free(struct cdi_set *s)
{
	for (size_t i = 0; i < s->len; i++)
		cdi_edits_free(&s->edits[i]);
	free(s->edits);
	free(s->text);
	*s = (struct cdi_set){ 0 };
}

/* ---- the answer ---- */

static int read_one(const struct json *one, struct cdi_set *s, struct err *e)
{
	const char *device = json_get_str(one, "device"), *file = json_get_str(one, "file");
	struct cdi_edits x = { 0 };
	int rc;

	if (!device || !file || !json_get(one, "containerEdits"))
		return err_say(e, EBADMSG, "edits of CDI without their device, file or object");
	rc = cdi_parse_edits(json_get(one, "containerEdits"), &x, e);
	if (rc == 0 && x.refused)
		rc = err_say(e, EOPNOTSUPP, "%s", x.refused);
	if (rc < 0) {
		cdi_edits_free(&x);
		return err_wrap(e, rc, "CDI device %s: %s", device, file);
	}
	s->edits = mem_resize(s->edits, s->len + 1, sizeof(*s->edits));
	s->edits[s->len++] = x;
	return 0;
}

static int read_set(const char *text, size_t len, struct cdi_set *out, struct err *e)
{
	CLEANUP(cdi_set_free) struct cdi_set s = { .text = str_ndup(text, len) };
	CLEANUP(cleanup_json) struct json *doc = NULL;
	const struct json *list;
	int rc = json_parse(text, len, &(struct json_options){ 0 }, &doc, e);

	if (rc < 0)
		return err_wrap(e, rc, "CDI's edits");
	list = json_get(doc, "edits");
	if (json_type(list) != JSON_ARRAY || !json_len(list) || json_len(list) > EDITS_MAX)
		return err_say(e, EBADMSG, "CDI's edits: not a list of 1 to %d", EDITS_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(list); i++)
		rc = read_one(json_at(list, i), &s, e);
	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cdi_set){ 0 };
	return 0;
}

/* Lines "at PATH", then the answer.  *place: the last of those, or NULL. */
static const char *skip_places(char *text, char **place)
{
	*place = NULL;
	while (str_starts(text, "at ")) {
		char *end = strchr(text, '\n');

		if (!end)
			break; /* it was cut */
		*end = '\0';
		*place = text + strlen("at ");
		text = end + 1;
	}
	return text;
}

/* ---- who waits ---- */

static void start_next(struct engine *g);

static void wait_free(struct cdi_wait *w)
{
	struct cdi_wait **at = &w->g->cdi_waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	loop_timer_stop(&w->no_turn);
	strv_free(&w->words);
	free(w->first);
	free(w);
}

/* One that was killed could not say for itself what it was doing. */
static void tell(struct cdi_wait *w, int rc, const struct buf *out, const struct err *failure)
{
	CLEANUP(cleanup_free) char *text = str_dup(out && out->data ? out->data : "");
	CLEANUP(cdi_set_free) struct cdi_set set = { 0 };
	void (*done)(void *arg, int rc, struct cdi_set *set, const struct err *e) = TAKE(w->done);
	struct err e = *failure;
	char *place;
	const char *answer = skip_places(text, &place);

	if (!done)
		return;
	if (rc == -EIO || rc == -ETIMEDOUT)
		(void)err_wrap(
			&e, rc, "CDI device %s: %s", w->first, place ? place : "CDI's files");
	else if (rc == 0 && (rc = read_set(answer, strlen(answer), &set, &e)) < 0)
		(void)err_wrap(&e, rc, "CDI device %s", w->first);
	done(w->arg, rc, &set, &e);
}

/* It may never end: then its place stays taken, so there are never more of them. */
static void on_late(void *arg, int rc, const struct buf *out, const struct err *e)
{
	tell(arg, rc, out, e);
}

static void on_answer(void *arg, int rc, const struct buf *out, const struct err *e)
{
	struct cdi_wait *w = arg;
	struct engine *g = w->g;

	tell(w, rc, out, e);
	wait_free(w);
	start_next(g);
}

static void on_no_turn(struct loop_timer *t)
{
	struct cdi_wait *w = t->arg;
	struct err e = { 0 };
	int rc = err_say(&e, ETIMEDOUT, "%d others have been read for %" PRId64 " ms", JOBS_MAX,
		w->g->start_deadline_ms);

	tell(w, rc, NULL, &e);
	wait_free(w);
}

static int start(struct cdi_wait *w, struct err *e)
{
	loop_timer_stop(&w->no_turn);
	return job_start(w->g,
		&(struct job_options){ .program = "carpel-image",
			.words = &w->words,
			.deadline_ms = w->g->start_deadline_ms,
			.dies_with_us = true,
			.answer_max = ANSWER_MAX,
			.late = on_late },
		on_answer, w, &w->job, e);
}

static bool has_place(const struct engine *g)
{
	int jobs = 0;

	for (const struct cdi_wait *w = g->cdi_waits; w; w = w->next)
		jobs += w->job != NULL;
	return jobs < JOBS_MAX;
}

static void start_next(struct engine *g)
{
	struct cdi_wait *w = g->cdi_waits;
	struct err e = { 0 };
	int rc;

	while (w && w->job)
		w = w->next;
	if (!w || !has_place(g) || (rc = start(w, &e)) == 0)
		return;
	tell(w, rc, NULL, &e);
	wait_free(w);
}

static struct cdi_wait *wait_new(struct engine *g, const struct strv *names)
{
	struct cdi_wait *w = mem_zalloc(sizeof(*w)), **end = &g->cdi_waits;

	*w = (struct cdi_wait){ .g = g, .first = str_dup(names->at[0]) };
	strv_add(&w->words, "carpel-image");
	strv_add(&w->words, "--");
	strv_add(&w->words, "cdi");
	strv_add(&w->words, g->layout.root);
	for (size_t i = 0; i < names->len; i++)
		strv_add(&w->words, names->at[i]);
	while (*end)
		end = &(*end)->next;
	*end = w;
	return w;
}

int cdi_ask(struct engine *g, const struct strv *names,
	void (*done)(void *arg, int rc, struct cdi_set *set, const struct err *e), void *arg,
	struct cdi_wait **out, struct err *e)
{
	const bool is_its_turn = has_place(g);
	struct cdi_wait *w = wait_new(g, names);
	int rc = 0;

	w->done = done;
	w->arg = arg;
	if (is_its_turn)
		rc = start(w, e);
	else
		loop_timer_start(g->loop, &w->no_turn, g->start_deadline_ms, on_no_turn, w);
	if (rc < 0)
		wait_free(w);
	else
		*out = w;
	return rc;
}

void cdi_cancel(struct cdi_wait *w)
{
	if (!w)
		return;
	w->done = NULL;
	if (w->job)
		job_kill(w->job);
	else
		wait_free(w);
}

void cdi_close(struct engine *g)
{
	for (struct cdi_wait *w = g->cdi_waits, *next; w; w = next) {
		next = w->next;
		job_cancel(w->job);
		wait_free(w);
	}
}

/* ---- beside the container ---- */

int cdi_save(const struct cdi_set *s, const char *dir, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, file_name);

	if (!s->len)
		return 0;
	return fd_replace_file(AT_FDCWD, path, s->text, strlen(s->text), FD_SURVIVES_CRASH, e);
}

int cdi_load(const char *dir, struct cdi_set *out, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, file_name);
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = fd_read_file(AT_FDCWD, path, JOB_ANSWER_MAX, &text, e);

	return rc < 0 ? rc : read_set(text.data ? text.data : "", text.len, out, e);
}
