/* Exactly once, by three steps that a kill may separate anywhere:
 *
 *   A  splice(2) moves a chunk from the container's pipe into the stream's stage, a second pipe.
 *
 *   B  tee(2) shows us the stage's bytes without taking them; as records they go into the file
 *      behind its committed end, which is the file's position.
 *
 *   C  the stage is emptied, then the position moves to the new end.
 *
 * Pipes and position are kernel objects that the pod's descriptor store holds too, so whoever comes
 * after a kill sees how far it went: a full stage means that C was not reached, whatever is behind
 * the position is cut off and B is done again; an empty stage means that the file is right up to
 * its end.  splice(2) looks for signals before it moves anything and not in between: no kill tears
 * a chunk.
 *
 * Both streams of a container share its file and so its position.  Hence a chunk goes through all
 * three steps before the other stream may begin, and at most one of the two stages is ever full.
 *
 * Going on in another file: whoever comes after a kill then has both.  A full stage means that its
 * chunk may have been begun in either, so both are cut at their positions, and B is done again into
 * the new one; an empty stage means that both are right up to their ends, wherever the position of
 * the one that was killed at C may be.  So nobody needs to know which of the two was written last.
 */
#include "log/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { RECORDS = 64 * 1024 }; /* bytes of records that are written at once */

/* Step A. */
ssize_t stage_pull(const struct stage *s)
{
	ssize_t n = splice(
		s->source, NULL, s->write, NULL, STAGE_CHUNK, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n >= 0)
		return n;
	if (errno == EINTR)
		return -EAGAIN;
	return errno == EIO ? 0 : -errno; /* EIO: nobody has the terminal open any more */
}

static int bytes_in(int fd)
{
	int len = 0;

	return ioctl(fd, FIONREAD, &len) < 0 ? -errno : len;
}

int stage_len(const struct stage *s)
{
	return bytes_in(s->read);
}

int stage_waiting(const struct stage *s)
{
	return bytes_in(s->source);
}

/* A container may have switched its pipe to packets, and then each read(2) returns only one of
 * them. */
static int read_scratch(struct chunk *c, size_t len)
{
	c->len = 0;
	while (c->len < len) {
		ssize_t n = read(c->scratch_read, c->bytes + c->len, len - c->len);

		if (n < 0 && errno != EINTR)
			return -errno;
		c->len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* What could not be read stays in the scratch pipe and would end up in the next container's log. */
static int renew_scratch(struct chunk *c)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	close(c->scratch_read);
	close(c->scratch_write);
	c->scratch_read = fds[0];
	c->scratch_write = fds[1];
	return 0;
}

static int look(const struct stage *s, struct chunk *c)
{
	int len = stage_len(s), rc;
	ssize_t shown;

	c->len = 0;
	if (len <= 0)
		return len;
	if (c->is_scratch_dirty && (rc = renew_scratch(c)) < 0)
		return rc;
	c->is_scratch_dirty = false;
	do
		shown = tee(s->read, c->scratch_write, STAGE_CHUNK, SPLICE_F_NONBLOCK);
	while (shown < 0 && errno == EINTR);
	if (shown < 0)
		return -errno;
	rc = read_scratch(c, (size_t)shown);
	c->is_scratch_dirty = rc < 0;
	if (rc < 0)
		return rc;
	return shown == len ? 0 : -ENOBUFS; /* a chunk is done as a whole or not at all */
}

static int pwrite_all(int fd, const char *bytes, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		bytes += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Step B. */
static int write_records(
	const struct stage *s, const struct log_file *file, struct chunk *c, off_t *out_end)
{
	int64_t now_ns = clock_wall_ns();
	off_t end = file->committed;

	for (size_t done = 0; done < c->len;) {
		int rc;

		buf_clear(&c->records);
		done += log_format(
			now_ns, s->name, c->bytes + done, c->len - done, RECORDS, &c->records);
		rc = pwrite_all(file->fd, c->records.data, c->records.len, end);
		if (rc < 0)
			return rc;
		end += (off_t)c->records.len;
	}
	*out_end = end;
	return 0;
}

/* Step C. */
static int commit(const struct stage *s, struct log_file *file, const struct chunk *c, off_t end)
{
	for (size_t left = c->len; left > 0;) {
		ssize_t n = splice(s->read, NULL, c->null, NULL, left, SPLICE_F_MOVE);

		if (n < 0 && errno != EINTR)
			return -errno;
		left -= n > 0 ? (size_t)n : 0;
	}
	if (file->is_device)
		return 0;
	if (lseek(file->fd, end, SEEK_SET) < 0)
		return -errno;
	file->committed = end;
	return 0;
}

static int cut(const struct log_file *file)
{
	return !file->is_device && ftruncate(file->fd, file->committed) < 0 ? -errno : 0;
}

/* Whoever empties the file to make room gets no hole in front of what follows. */
static int notice_cut(struct log_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return -errno;
	if (!file->is_device && st.st_size < file->committed)
		file->committed = st.st_size;
	return 0;
}

int stage_settle(const struct stage *s, struct log_file *file, struct chunk *c)
{
	off_t end = 0;
	int rc = look(s, c);

	if (rc == 0 && c->len == 0)
		return 0;
	if (rc == 0)
		rc = notice_cut(file);
	if (rc == 0)
		rc = write_records(s, file, c, &end);
	if (rc == 0)
		return commit(s, file, c, end);
	/* Half a record would puzzle readers for as long as this lasts. */
	(void)cut(file);
	return rc;
}

/* Cut, since a predecessor of another version may have begun with longer records than ours. */
int stage_resume(struct log_file *file, bool is_full)
{
	struct stat st;
	off_t end;
	int rc;

	if (fstat(file->fd, &st) < 0)
		return -errno;
	file->is_device = S_ISCHR(st.st_mode);
	end = file->is_device ? 0 : lseek(file->fd, 0, is_full ? SEEK_CUR : SEEK_END);
	if (end < 0)
		return -errno;
	file->committed = end;
	rc = notice_cut(file);
	return rc == 0 && is_full ? cut(file) : rc;
}
