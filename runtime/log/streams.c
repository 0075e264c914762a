/* A turn of the loop does one chunk of each stream that has bytes, through all steps of stage.c.  A
 * chunk that cannot be written (the disk is full) waits in its stage.  The container then blocks as
 * soon as its pipe is full, which is the only way not to lose anything; all others go on.
 *
 * In the same way a container waits whose file is full, until carpeld has given the next one: what
 * it may write before somebody has rotated its log has a bound however fast it writes.  It does not
 * wait for long: without an answer it goes on in the full file, and is held again after as much.
 */
#include "log/streams.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "log/attached.h"
#include "log/stage.h"

enum {
	DRAIN_MAX = (1 << 20) + STAGE_CHUNK, /* what the largest pipe of a container holds */
	RETRY_MS = 1000,
	FULL_WAIT_MS = 5000,
	/* A descriptor whose other owners keep it alive stays in the epoll set after close(2), and
	 * libev then builds the set anew.  Meanwhile it notices by itself that nobody waits for it.
	 */
	CLOSE_AFTER_MS = 100,
};

struct log_set;

struct stream {
	struct loop_io io;
	struct log_set *set;
	struct stage stage;
	bool is_over;
};

struct log_set {
	struct log_set *next;
	struct streams *all;
	char id[LOG_ID_MAX + 1];
	struct log_file file;
	struct stream streams[2]; /* stdout, stderr */
	size_t len;               /* 1 with a tty */
	struct stream *held;      /* its stage is full and could not be written */
	struct loop_timer timer;  /* for whichever comes: retry, full, drain, close */
	off_t max, full_at;       /* its file is full at that size; 0: never */
	int64_t drain_left;
	bool is_draining, is_done, is_full;
	struct attached_list attached;
};

struct streams {
	struct loop *loop;
	struct streams_owner owner;
	struct log_set *first;
	size_t len;
	struct chunk chunk;
};

struct streams *streams_new(
	struct loop *l, const struct streams_tools *tools, const struct streams_owner *owner)
{
	struct streams *s = mem_zalloc(sizeof(*s));

	s->loop = l;
	s->chunk.scratch_read = tools->scratch_read;
	s->chunk.scratch_write = tools->scratch_write;
	s->chunk.null = tools->null;
	s->owner = *owner;
	return s;
}

size_t streams_count(const struct streams *s)
{
	return s->len;
}

void streams_each(const struct streams *s, void (*item)(void *arg, const char *id), void *arg)
{
	for (const struct log_set *set = s->first; set; set = set->next)
		if (!set->is_done)
			item(arg, set->id);
}

static struct log_set *find(const struct streams *s, const char *id)
{
	struct log_set *set = s->first;

	while (set && !str_eq(set->id, id))
		set = set->next;
	return set;
}

bool streams_has(const struct streams *s, const char *id)
{
	return find(s, id) != NULL;
}

void streams_attach(struct streams *s, const char *id, int sock)
{
	struct log_set *set = find(s, id);

	if (set && !set->is_done)
		attached_add(&set->attached, s->loop, sock);
	else
		close(sock);
}

/* ---- a container's streams ---- */

static void on_timer(struct loop_timer *t);
static void on_readable(struct loop_io *io, unsigned events);

static void after(struct log_set *set, int64_t ms)
{
	loop_timer_start(set->all->loop, &set->timer, ms, on_timer, set);
}

static void stop_reading(struct log_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		loop_io_stop(&set->streams[i].io);
}

static void start_reading(struct log_set *set)
{
	for (size_t i = 0; i < set->len; i++) {
		struct stream *s = &set->streams[i];

		if (!s->is_over)
			loop_io_start(
				set->all->loop, &s->io, s->stage.source, LOOP_READ, on_readable, s);
	}
}

static int settle(struct stream *s)
{
	struct chunk *c = &s->set->all->chunk;
	int rc = stage_settle(&s->stage, &s->set->file, c);

	if (rc == 0)
		attached_show(&s->set->attached, s->stage.name, c->bytes, c->len);
	return rc;
}

static void hold(struct stream *s, int rc)
{
	if (!s->set->held)
		log_warn("ctr=%s its log waits, the container may block meanwhile: %s", s->set->id,
			strerrordesc_np(-rc));
	s->set->held = s;
	stop_reading(s->set);
	after(s->set, RETRY_MS);
}

/* ---- a full file ---- */

static bool has_reached_max(const struct log_set *set)
{
	return set->full_at && set->file.committed >= set->full_at && !set->is_draining;
}

static void wait_for_next_file(struct log_set *set)
{
	set->is_full = true;
	stop_reading(set);
	after(set, FULL_WAIT_MS);
	set->all->owner.full(set->all->owner.arg, set->id);
}

static void read_on(struct log_set *set)
{
	set->is_full = false;
	loop_timer_stop(&set->timer);
	start_reading(set);
}

/* Nobody has rotated it: it grows by as much again. */
static void go_on_in_full_file(struct log_set *set)
{
	log_warn("ctr=%s its log is full and nobody rotates it", set->id);
	set->full_at = set->file.committed + set->max;
	read_on(set);
}

/* The next chunk tells it, too; only who waits already has none. */
static void limit(struct log_set *set, const struct log_msg *m)
{
	set->max = (off_t)m->max_kib * 1024;
	set->full_at = set->max;
	if (set->held || set->is_draining || set->is_done)
		return;
	if (set->is_full && m->op == LOG_ADD && has_reached_max(set))
		wait_for_next_file(set);
	else if (set->is_full)
		read_on(set);
}

static void finish_if_over(struct log_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		if (!set->streams[i].is_over)
			return;
	set->is_done = true;
	stop_reading(set);
	attached_close(&set->attached);
	set->all->owner.done(set->all->owner.arg, set->id);
	after(set, CLOSE_AFTER_MS);
}

/* Returns what was moved; 0 when nothing was: at the end, or held; -EAGAIN: nothing now. */
static ssize_t take_chunk(struct stream *s)
{
	ssize_t n = stage_pull(&s->stage);
	int rc;

	if (n == -EAGAIN)
		return n;
	if (n == -ENOMEM) {
		hold(s, (int)n);
		return 0;
	}
	if (n <= 0) {
		if (n < 0)
			log_warn("ctr=%s cannot be read, its log ends here: %s", s->set->id,
				strerrordesc_np((int)-n));
		s->is_over = true;
		return 0;
	}
	rc = settle(s);
	if (rc < 0)
		hold(s, rc);
	return rc < 0 ? 0 : n;
}

static void on_readable(struct loop_io *io, unsigned events)
{
	struct stream *s = io->arg;

	(void)events;
	/* Not before there is more: the last words of a container stay in the present file. */
	if (has_reached_max(s->set) && stage_waiting(&s->stage) > 0) {
		wait_for_next_file(s->set);
		return;
	}
	(void)take_chunk(s);
	if (s->is_over) {
		loop_io_stop(&s->io);
		finish_if_over(s->set);
	}
}

/* The container is dead.  Somebody else may hold its pipes and write on: what is in them now is
 * taken, and no more than a pipe can hold. */
static void drain_turn(struct log_set *set)
{
	for (size_t i = 0; i < set->len; i++) {
		struct stream *s = &set->streams[i];
		ssize_t n;

		if (s->is_over)
			continue;
		n = take_chunk(s);
		if (set->held)
			return;
		set->drain_left -= n > 0 ? n : 0;
		if (n < 0 || set->drain_left <= 0)
			s->is_over = true;
	}
	after(set, 0);
	finish_if_over(set); /* replaces the timer when all is over */
}

/* What waited in the stage goes first, then whatever the container's state asks for. */
static void retry(struct log_set *set)
{
	int rc = settle(set->held);

	if (rc < 0) {
		hold(set->held, rc);
		return;
	}
	log_info("ctr=%s its log goes on", set->id);
	set->held = NULL;
	if (set->is_draining)
		after(set, 0);
	else
		start_reading(set);
}

static void close_all(struct log_set *set)
{
	for (size_t i = 0; i < set->len; i++) {
		cleanup_fd(&set->streams[i].stage.source);
		cleanup_fd(&set->streams[i].stage.read);
		cleanup_fd(&set->streams[i].stage.write);
	}
	cleanup_fd(&set->file.fd);
}

static void forget(struct log_set *set)
{
	struct log_set **link = &set->all->first;

	while (*link != set)
		link = &(*link)->next;
	*link = set->next;
	set->all->len--;
	close_all(set);
	free(set);
}

static void on_timer(struct loop_timer *t)
{
	struct log_set *set = t->arg;

	if (set->is_done)
		forget(set);
	else if (set->held)
		retry(set);
	else if (set->is_full)
		go_on_in_full_file(set);
	else
		drain_turn(set);
}

void streams_drain(struct streams *s, const char *id)
{
	struct log_set *set = find(s, id);

	if (!set) {
		s->owner.done(s->owner.arg, id); /* it would be waited for in vain */
		return;
	}
	if (set->is_draining || set->is_done)
		return;
	set->is_draining = true;
	set->is_full = false;
	set->drain_left = DRAIN_MAX * (int64_t)set->len;
	stop_reading(set);
	if (!set->held)
		after(set, 0);
}

/* ---- arrival ---- */

static void take_fds(struct log_set *set, const int *fds, size_t n)
{
	static const enum log_stream names[] = { LOG_STDOUT, LOG_STDERR };

	set->file.fd = fds[LOG_FD_FILE];
	set->len = n == LOG_FDS ? 2 : 1;
	for (size_t i = 0; i < set->len; i++) {
		const int *own = fds + LOG_FD_OUT + i * (LOG_FD_ERR - LOG_FD_OUT);

		set->streams[i].set = set;
		set->streams[i].stage = (struct stage){
			.source = own[0], .read = own[1], .write = own[2], .name = names[i]
		};
	}
}

/* Takes fd in any case.  What is in a stage was not finished in the former file and goes into this
 * one; a piece of a line at the former one's end goes on here in a record of its own. */
static int change_file(struct log_set *set, int fd, struct err *e)
{
	struct log_file next = { .fd = fd };
	int rc = stage_resume(&next, set->held != NULL);

	if (rc < 0) {
		close(fd);
		return err_set(e, -rc, "new log file");
	}
	rc = stage_resume(&set->file, set->held != NULL);
	if (rc < 0) /* a broken file keeps no container from writing on */
		log_warn("ctr=%s its former log file may end in what the new one has, too: %s",
			set->id, strerrordesc_np(-rc));
	close(set->file.fd);
	set->file = next;
	return 0;
}

/* What a predecessor left; a full stage is noted in set->held. */
static int find_full_stage(struct log_set *set, struct err *e)
{
	int rc;

	for (size_t i = 0; i < set->len; i++) {
		struct stream *s = &set->streams[i];

		if ((rc = fd_set_nonblock(s->stage.source)) < 0 || (rc = stage_len(&s->stage)) < 0)
			return err_set(e, -rc, "stream %zu", i);
		if (rc > 0)
			set->held = s;
	}
	return 0;
}

/* Takes next_file, -1 when there is none. */
static int resume(struct log_set *set, int next_file, struct err *e)
{
	int rc = find_full_stage(set, e);

	if (rc == 0 && next_file >= 0)
		return change_file(set, next_file, e);
	cleanup_fd(&next_file);
	if (rc == 0 && (rc = stage_resume(&set->file, set->held != NULL)) < 0)
		return err_set(e, -rc, "log file");
	return rc;
}

static void begin(struct log_set *set)
{
	struct stream *full = TAKE(set->held);
	int rc = full ? settle(full) : 0;

	if (rc < 0)
		hold(full, rc);
	else
		start_reading(set);
}

static struct log_set *new_set(struct streams *s, const char *id, const int *fds, size_t n)
{
	struct log_set *set = mem_zalloc(sizeof(*set));

	set->all = s;
	memcpy(set->id, id, strnlen(id, LOG_ID_MAX));
	take_fds(set, fds, n);
	return set;
}

static void close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* An id that is there already. */
static int add_again(struct log_set *set, const int *fds, size_t n, int next_file, struct err *e)
{
	int rc = 0;

	close_fds(fds, n);
	if (set->is_done) {
		cleanup_fd(&next_file);
		set->all->owner.done(set->all->owner.arg, set->id);
	} else if (next_file >= 0) {
		rc = change_file(set, next_file, e);
	}
	return rc;
}

static int add_new(
	struct streams *s, const char *id, const int *fds, size_t n, int next_file, struct err *e)
{
	struct log_set *set = new_set(s, id, fds, n);
	int rc = resume(set, next_file, e);

	if (rc < 0) {
		close_all(set);
		free(set);
		return rc;
	}
	set->next = s->first;
	s->first = set;
	s->len++;
	begin(set);
	return 0;
}

int streams_add(struct streams *s, const struct log_msg *m, const int *fds, size_t n, struct err *e)
{
	struct log_set *set = find(s, m->id);
	bool is_reopen = m->op == LOG_REOPEN;
	size_t len = m->flags & LOG_IS_TTY ? LOG_FD_ERR : LOG_FDS;
	int next_file, rc;

	if (n != len + is_reopen) {
		close_fds(fds, n);
		return err_say(e, EINVAL, "%zu descriptors, want %zu", n, len + is_reopen);
	}
	next_file = is_reopen ? fds[len] : -1;
	rc = set ? add_again(set, fds, len, next_file, e)
		 : add_new(s, m->id, fds, len, next_file, e);
	set = find(s, m->id);
	if (rc == 0 && set)
		limit(set, m);
	return rc;
}
