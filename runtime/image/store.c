#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "image/folder.h"
#include "image/lease.h"

enum { TEMPORARY_TRIES = 100000 };

static const char *const folders[] = { "tmp", "layers", "images", "leases" };

/* Only root may look: the layers hold set-user-ID programs of strangers. */
static int make_folders(int fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (mkdirat(fd, folders[i], 0700) < 0 && errno != EEXIST)
			return err_set(e, errno, "make directory %s", folders[i]);
	return 0;
}

static int open_inside(struct store *s, struct err *e)
{
	int rc;

	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_set(e, errno, "open");
	if ((rc = make_folders(s->fd, e)) < 0)
		return rc;
	s->lock = openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->lock < 0 ? err_set(e, errno, "open lock") : 0;
}

int store_open(const char *path, struct store *out, struct err *e)
{
	struct store s = { .path = path, .fd = -1, .lock = -1 };
	int rc = open_inside(&s, e);

	if (rc < 0) {
		store_close(&s);
		return err_wrap(e, rc, "store %s", path);
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct store)STORE_EMPTY;
}

/* ---- sweeping ---------------------------------------------------------------------------- */

static int clear_temporary(int store, struct err *e)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	CLEANUP(cleanup_fd) int tmp = openat(store, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = tmp < 0 ? err_set(e, errno, "open tmp")
			 : folder_names(tmp, ".", FOLDER_NAMES_MAX, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++)
		rc = fd_remove_tree(tmp, names.at[i], e);
	return rc;
}

static int named_by_records(const struct store *s, struct strv *out, struct err *e)
{
	CLEANUP(image_list_free) struct image_list images = { 0 };
	int rc = image_record_list(s->path, &images, e);

	for (size_t i = 0; i < images.len; i++)
		for (size_t k = 0; k < images.at[i].layers.len; k++)
			strv_add(out, strrchr(images.at[i].layers.at[k], '/') + 1);
	return rc;
}

/* Aside first: a container may take a lease at this very moment, and one of us sees the other.  It
 * writes its lease, then looks whether the layer is there; we take the layer away, then look for
 * leases.  See image/lease.c. */
static int remove_layer(const struct store *s, const char *hex, struct err *e)
{
	CLEANUP(strv_free) struct strv leased = { 0 };
	CLEANUP(cleanup_free) char *from = str_fmt("layers/%s", hex);
	CLEANUP(cleanup_free) char *to = str_fmt("tmp/%s", hex);
	int rc;

	if (renameat(s->fd, from, s->fd, to) < 0)
		return err_set(e, errno, "move %s", from);
	rc = image_lease_list(s->path, &leased, e);
	if ((rc < 0 || strv_has(&leased, hex)) && renameat(s->fd, to, s->fd, from) < 0)
		return err_set(e, errno, "move %s", to);
	return rc;
}

static int remove_unused_layers(const struct store *s, struct err *e)
{
	CLEANUP(strv_free) struct strv used = { 0 };
	CLEANUP(strv_free) struct strv names = { 0 };
	int rc;

	/* A record or lease that cannot be read may name any layer: then all stay. */
	if ((rc = named_by_records(s, &used, e)) < 0 ||
		(rc = image_lease_list(s->path, &used, e)) < 0 ||
		(rc = folder_names(s->fd, "layers", FOLDER_NAMES_MAX, &names, e)) < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < names.len; i++)
		if (!strv_has(&used, names.at[i]))
			rc = remove_layer(s, names.at[i], e);
	return rc;
}

/* Under the exclusive lock. */
static void sweep(const struct store *s)
{
	struct err e = { 0 };

	if (remove_unused_layers(s, &e) < 0 || clear_temporary(s->fd, &e) < 0)
		log_warn(
			"store %s: what is not needed any more stays for now: %s", s->path, e.text);
}

int store_begin(struct store *s, struct err *e)
{
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		sweep(s);
	/* Turning an exclusive lock into a shared one may let somebody else sweep in between: there
	 * is nothing of ours yet. */
	while (flock(s->lock, LOCK_SH) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "lock %s/lock", s->path);
	return 0;
}

void store_end(struct store *s)
{
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		sweep(s);
	(void)flock(s->lock, LOCK_UN);
}

/* ---- layers and records -------------------------------------------------------------------- */

int store_make_temporary(struct store *s, char **out_name, struct err *e)
{
	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("tmp/%d.%d", (int)getpid(), i);
		int fd;

		if (mkdirat(s->fd, name, 0755) < 0) {
			if (errno == EEXIST) /* ours, or of a dead process that had our pid */
				continue;
			return err_set(e, errno, "make directory %s/%s", s->path, name);
		}
		fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return err_set(e, errno, "open %s/%s", s->path, name);
		*out_name = TAKE(name);
		return fd;
	}
	return err_say(e, EEXIST, "%s/tmp is full", s->path);
}

int store_open_layer(const struct store *s, const char *hex, struct err *e)
{
	CLEANUP(cleanup_free) char *name = str_fmt("layers/%s", hex);
	int fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open %s/%s", s->path, name) : fd;
}

int store_publish(const struct store *s, const char *temporary, const char *hex, struct err *e)
{
	CLEANUP(cleanup_free) char *name = str_fmt("layers/%s", hex);

	if (renameat2(s->fd, temporary, s->fd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set(e, errno, "publish %s/%s", s->path, name);
	return fd_remove_tree(s->fd, temporary, e);
}

static int open_records(const struct store *s, struct err *e)
{
	int fd = openat(s->fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open %s/images", s->path) : fd;
}

int store_add_record(const struct store *s, const struct image_record *r, struct err *e)
{
	CLEANUP(cleanup_json) struct json *j = image_record_json(r);
	CLEANUP(cleanup_free) char *file = image_record_file(r->ref);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int dir = open_records(s, e);

	if (dir < 0)
		return dir;
	json_write(j, JSON_PRETTY, &text);
	if (text.len > IMAGE_RECORD_MAX_BYTES) /* one that cannot be read would block all others */
		return err_say(e, E2BIG, "the configuration is too large");
	if (syncfs(s->fd) < 0)
		return err_set(e, errno, "sync %s", s->path);
	return fd_replace_file(dir, file, text.data, text.len, FD_SURVIVES_POWER_CUT, e);
}

int store_remove_record(const struct store *s, const char *ref, struct err *e)
{
	CLEANUP(cleanup_free) char *file = image_record_file(ref);
	CLEANUP(cleanup_fd) int dir = open_records(s, e);

	if (dir < 0)
		return dir;
	if (unlinkat(dir, file, 0) < 0)
		return errno == ENOENT ? err_say(e, ENOENT, "image %s is not in %s", ref, s->path)
				       : err_set(e, errno, "remove %s/images/%s", s->path, file);
	return fsync(dir) < 0 ? err_set(e, errno, "sync %s/images", s->path) : 0;
}
