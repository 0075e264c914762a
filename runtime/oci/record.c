#include "oci/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/spawn.h"

enum { ID_MAX = 255, RECORD_MAX = 1 << 20 };

static const char state_file[] = "state.json";

void record_free(struct record *r)
{
	free(r->id);
	free(r->bundle);
	free(r->rootfs);
	free(r->cgroup);
	free(r->created);
	json_free(r->annotations);
	*r = (struct record){ 0 };
}

void container_close(struct container *c)
{
	record_free(&c->r);
	cleanup_fd(&c->dir);
	cleanup_fd(&c->pidfd);
}

int record_check_id(const char *id, struct err *e)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
	const size_t len = strlen(id);

	if (len == 0 || len > ID_MAX || strspn(id, allowed) != len || str_eq(id, ".") ||
		str_eq(id, ".."))
		return err_say(e, EINVAL,
			"container id \"%.64s\": want 1 to %d of letters, digits "
			"and _ + . -",
			id, ID_MAX);
	return 0;
}

int record_open_root(const struct oci *o, struct err *e)
{
	CLEANUP(cleanup_fd) int root = -1;
	struct stat st;
	int rc = fd_mkdir_all(AT_FDCWD, o->root, 0700, e);

	if (rc < 0)
		return rc;
	root = open(o->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fstat(root, &st) < 0)
		return err_set(e, errno, "open %s", o->root);
	/* Whoever may write there would choose what we kill and remove. */
	if (st.st_uid != geteuid() || (st.st_mode & 022 && !(st.st_mode & S_ISVTX)))
		return err_say(e, EPERM, "%s: others may write there", o->root);
	return take_fd(&root);
}

static int lock(int dir, const char *id, struct err *e)
{
	return flock(dir, LOCK_EX) < 0 ? err_set(e, errno, "lock container %s", id) : 0;
}

static int missing(const char *id, struct err *e)
{
	return err_say(e, ENOENT, "container \"%s\" does not exist", id);
}

static int open_dir(const struct oci *o, const char *id, struct err *e)
{
	CLEANUP(cleanup_fd) int root = -1;
	int rc = record_check_id(id, e), dir;

	if (rc < 0 || (root = record_open_root(o, e)) < 0)
		return rc < 0 ? rc : root;
	dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? missing(id, e) : err_set(e, errno, "container %s", id);
	return dir;
}

static int parse(const struct json *j, struct record *r, struct err *e)
{
	int64_t pid = 0, birth = 0;

	r->id = str_dup(json_get_str(j, "id"));
	r->bundle = str_dup(json_get_str(j, "bundle"));
	r->rootfs = str_dup(json_get_str(j, "rootfs"));
	r->cgroup = str_dup(json_get_str(j, "cgroup"));
	r->created = str_dup(json_get_str(j, "created"));
	if (!r->id || !r->bundle || !r->rootfs || !r->cgroup || !r->created ||
		json_i64(json_get(j, "pid"), 0, INT32_MAX, &pid) < 0 ||
		json_i64(json_get(j, "birth"), 0, INT64_MAX, &birth) < 0)
		return err_say(e, EINVAL, "it is no record");
	r->pid = pid;
	r->birth = (uint64_t)birth;
	r->has_pid_namespace = json_is_true(json_get(j, "pidNamespace"));
	r->is_unit = json_is_true(json_get(j, "systemd"));
	if (json_get(j, "annotations"))
		r->annotations = json_copy(json_get(j, "annotations"));
	return 0;
}

static int load(struct container *c, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *j = NULL;
	int rc = fd_read_file(c->dir, state_file, RECORD_MAX, &text, e);

	if (rc == 0)
		rc = json_parse(text.data ? text.data : "", text.len, NULL, &j, e);
	return rc < 0 ? rc : parse(j, &c->r, e);
}

/* A descriptor of the process that the record means, and of no other. */
static int open_process(const struct record *r);

int container_open(
	const struct oci *o, const char *id, enum access a, struct container *out, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	int rc;

	if ((c.dir = open_dir(o, id, e)) < 0)
		return c.dir;
	if (a == FOR_CHANGE && (rc = lock(c.dir, id, e)) < 0)
		return rc;
	rc = load(&c, e);
	if (rc == -ENOENT) /* it is being made, or was removed while we waited */
		return missing(id, e);
	if (rc < 0)
		return err_wrap(e, rc, "container %s: %s", id, state_file);
	c.pidfd = open_process(&c.r);
	*out = c;
	c = CONTAINER_NONE;
	return 0;
}

int container_make(const struct oci *o, const char *id, struct container *out, struct err *e)
{
	CLEANUP(cleanup_fd) int root = -1;
	int rc = record_check_id(id, e);

	if (rc < 0 || (root = record_open_root(o, e)) < 0)
		return rc < 0 ? rc : root;
	if (mkdirat(root, id, 0700) < 0)
		return errno == EEXIST
			       ? err_say(e, EEXIST, "container with id \"%s\" exists already", id)
			       : err_set(e, errno, "make %s/%s", o->root, id);
	out->dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->dir < 0)
		return err_set(e, errno, "open %s/%s", o->root, id);
	out->r.id = str_dup(id);
	return lock(out->dir, id, e);
}

int container_save(const struct container *c, struct err *e)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	CLEANUP(buf_free) struct buf text = { 0 };
	const struct record *r = &c->r;

	json_set_str(j, "id", r->id);
	json_set_str(j, "bundle", r->bundle);
	json_set_str(j, "rootfs", r->rootfs);
	json_set_str(j, "cgroup", r->cgroup);
	json_set_str(j, "created", r->created);
	json_set_i64(j, "pid", r->pid);
	json_set_i64(j, "birth", (int64_t)r->birth);
	json_set_bool(j, "pidNamespace", r->has_pid_namespace);
	json_set_bool(j, "systemd", r->is_unit);
	if (r->annotations)
		json_set(j, "annotations", json_copy(r->annotations));
	json_write(j, JSON_COMPACT, &text);
	return fd_replace_file(c->dir, state_file, text.data, text.len, FD_SURVIVES_CRASH, e);
}

int container_forget(const struct oci *o, const char *id, struct err *e)
{
	CLEANUP(cleanup_fd) int root = -1;
	int rc = record_check_id(id, e);

	if (rc < 0 || (root = record_open_root(o, e)) < 0)
		return rc < 0 ? rc : root;
	return fd_remove_tree(root, id, e);
}

const char *status_word(enum status s)
{
	static const char *const words[] = {
		[STATUS_CREATING] = "creating",
		[STATUS_CREATED] = "created",
		[STATUS_RUNNING] = "running",
		[STATUS_PAUSED] = "paused",
		[STATUS_STOPPED] = "stopped",
	};

	return words[s];
}

struct json *container_state(const struct container *c, enum status s)
{
	struct json *j = json_new_object();

	json_set_str(j, "ociVersion", "1.2.0");
	json_set_str(j, "id", c->r.id);
	json_set_i64(j, "pid", s == STATUS_STOPPED ? 0 : c->r.pid);
	json_set_str(j, "status", status_word(s));
	json_set_str(j, "bundle", c->r.bundle);
	json_set_str(j, "rootfs", c->r.rootfs);
	json_set_str(j, "created", c->r.created);
	if (c->r.annotations)
		json_set(j, "annotations", json_copy(c->r.annotations));
	json_set_str(j, "owner", "");
	return j;
}

/* ---- processes ---- */

/* Field 22 of /proc/PID/stat, in clock ticks since boot; fields count from behind the name, which
 * may have any bytes.  0: there is no such process, or it has ended and waits to be reaped. */
static uint64_t birth_of(int64_t pid)
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%" PRId64 "/stat", pid);
	CLEANUP(buf_free) struct buf text = { 0 };
	uint64_t birth = 0;
	char *at, state;

	if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0 || !text.len)
		return 0;
	at = strrchr(text.data, ')');
	if (!at || sscanf(at,
			   ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			   "%*s %*s %*s %" SCNu64,
			   &state, &birth) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : birth;
}

static int open_process(const struct record *r)
{
	CLEANUP(cleanup_fd) int pidfd = -1;

	if (r->pid == 0)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)r->pid, 0);
	/* Looked at after it was opened: it can no longer become another. */
	return pidfd >= 0 && birth_of(r->pid) == r->birth ? take_fd(&pidfd) : -1;
}

int container_adopt(struct container *c, int pidfd, struct err *e)
{
	c->pidfd = pidfd;
	c->r.pid = spawn_pid(pidfd);
	c->r.birth = c->r.pid ? birth_of(c->r.pid) : 0;
	return c->r.birth ? container_save(c, e)
			  : err_say(e, ESRCH, "container %s: its process has ended", c->r.id);
}

/* The listening end belongs to the waiting process alone, and closes when it executes: so a
 * connection that is refused tells that it has, whatever became of who started it. */
enum status container_status(const struct container *c)
{
	CLEANUP(cleanup_fd) int conn = -1;

	if (c->r.pid == 0)
		return STATUS_CREATING;
	if (c->pidfd < 0)
		return STATUS_STOPPED;
	conn = container_connect(c, NULL);
	return conn >= 0 ? STATUS_CREATED : STATUS_RUNNING;
}
