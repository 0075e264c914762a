/* A line with an index alone says which path it is at, again and again while that takes long; one
 * with all four numbers, what there is at a path.
 */
#include "engine/usage_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "engine/job.h"

enum { LINE_MAX_BYTES = 96, WORDS = 4, WHAT_ALL = 0, WHAT_CUT = 2 };

struct usage_job {
	struct job *job;
	const struct usage_job_owner *owner;
	void *arg;
	char line[LINE_MAX_BYTES];
	size_t line_len;
	size_t paths, at, left; /* at: which it is at; left: not counted yet */
	bool is_broken;         /* it said what it must not */
};

/* Returns how many numbers the line holds; 0: it is wrong. */
static size_t read_line(struct usage_job *j, uint64_t n[WORDS])
{
	char *save = NULL, *text = j->line;
	size_t i = 0;

	j->line[j->line_len] = '\0';
	j->line_len = 0;
	for (const char *word; (word = strtok_r(text, " ", &save)); text = NULL, i++)
		if (i == WORDS || str_to_u64(word, UINT64_MAX, &n[i]) < 0)
			return 0;
	return i && n[0] < j->paths && n[3] <= WHAT_CUT ? i : 0;
}

static void take_line(struct usage_job *j)
{
	uint64_t n[WORDS] = { 0 };
	const size_t len = read_line(j, n);

	if (len == 1) {
		j->at = (size_t)n[0];
		return;
	}
	if (len != WORDS || !j->left) {
		j->is_broken = true;
		return;
	}
	j->left--;
	j->owner->counted(j->arg, (size_t)n[0],
		&(struct usage){ .bytes = n[1],
			.inodes = n[2],
			.is_partial = n[3] != WHAT_ALL,
			.is_cut = n[3] == WHAT_CUT });
}

static void on_said(void *arg, const char *bytes, size_t len)
{
	struct usage_job *j = arg;

	for (size_t i = 0; i < len && !j->is_broken; i++) {
		if (bytes[i] == '\n')
			take_line(j);
		else if (j->line_len < sizeof(j->line) - 1)
			j->line[j->line_len++] = bytes[i];
		else
			j->is_broken = true;
	}
}

static void on_late(void *arg, int rc, const struct buf *out, const struct err *e)
{
	const struct usage_job *j = arg;

	(void)rc;
	(void)out;
	(void)e;
	j->owner->stuck(j->arg, j->at);
}

static void on_done(void *arg, int rc, const struct buf *out, const struct err *failure)
{
	struct usage_job *j = arg;
	struct err e = *failure;

	(void)out;
	if (rc == 0 && (j->is_broken || j->left))
		rc = err_say(&e, EIO, "carpel-image usage ended before %zu of %zu were counted",
			j->left, j->paths);
	j->owner->done(j->arg, rc, &e);
	free(j);
}

static int list_file(const struct strv *paths, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = memfd_create("list", MFD_CLOEXEC);
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	if (fd < 0)
		return err_set(e, errno, "make a list of directories");
	for (size_t i = 0; i < paths->len; i++)
		buf_add(&text, paths->at[i], strlen(paths->at[i]) + 1);
	if ((rc = fd_write_all(fd, text.data, text.len)) < 0)
		return err_set(e, -rc, "write a list of directories");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind a list of directories");
	return take_fd(&fd);
}

int usage_job_start(struct engine *g, const struct strv *paths, const struct usage_job_owner *owner,
	void *arg, struct usage_job **out, struct err *e)
{
	CLEANUP(strv_free) struct strv words = { 0 };
	CLEANUP(cleanup_fd) int list = list_file(paths, e);
	struct usage_job *j;
	int rc;

	if (list < 0)
		return list;
	j = mem_zalloc(sizeof(*j));
	*j = (struct usage_job){
		.owner = owner, .arg = arg, .paths = paths->len, .left = paths->len
	};
	strv_add(&words, "carpel-image");
	strv_add(&words, "usage");
	rc = job_start(g,
		&(struct job_options){ .program = "carpel-image",
			.words = &words,
			.deadline_ms = g->start_deadline_ms,
			.dies_with_us = true,
			.input = list,
			.said = on_said,
			.late = on_late },
		on_done, j, &j->job, e);
	if (rc < 0)
		free(j);
	else
		*out = j;
	return rc;
}

void usage_job_cancel(struct usage_job *j)
{
	if (!j)
		return;
	job_cancel(j->job);
	free(j);
}
