/* No lock, so that carpeld never waits: the lease is written first and the layers are looked for
 * afterwards, while carpel-image moves a layer away first and looks for leases afterwards.  In
 * whatever order these four happen, one of the two sees the other.
 */
#include "image/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "image/folder.h"

/* 500 layers of 65 bytes. */
enum { LEASE_MAX_BYTES = 64 * 1024 };

static int open_leases(const char *store, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/leases", store);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

static int check_holder(const char *holder, struct err *e)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (*holder && *holder != '.' && strspn(holder, plain) == strlen(holder))
		return 0;
	return err_say(e, EINVAL, "\"%s\" cannot hold a lease", holder);
}

static int check_layers(const struct image_record *r, struct err *e)
{
	for (size_t i = 0; i < r->layers.len; i++)
		if (faccessat(AT_FDCWD, r->layers.at[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(e, errno, "layer %s", r->layers.at[i]);
	return 0;
}

int image_lease_take(
	const char *store, const char *holder, const struct image_record *r, struct err *e)
{
	CLEANUP(cleanup_fd) int dir = -1;
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = check_holder(holder, e);

	if (rc < 0)
		return rc;
	dir = open_leases(store, e);
	if (dir < 0)
		return dir;
	for (size_t i = 0; i < r->layers.len; i++)
		buf_addf(&text, "%s\n", strrchr(r->layers.at[i], '/') + 1);
	rc = fd_replace_file(
		dir, holder, text.data ? text.data : "", text.len, FD_SURVIVES_CRASH, e);
	if (rc == 0 && (rc = check_layers(r, e)) < 0)
		(void)unlinkat(dir, holder, 0);
	return rc;
}

int image_lease_drop(const char *store, const char *holder, struct err *e)
{
	CLEANUP(cleanup_fd) int dir = -1;
	int rc = check_holder(holder, e);

	if (rc < 0)
		return rc;
	dir = open_leases(store, e);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (unlinkat(dir, holder, 0) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove lease %s", holder);
	return 0;
}

static int add_lease(int dir, const char *holder, struct strv *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = fd_read_file(dir, holder, LEASE_MAX_BYTES, &text, e);
	char *rest = text.data, *line;

	if (rc == -ENOENT) /* dropped meanwhile */
		return 0;
	if (rc < 0)
		return err_wrap(e, rc, "lease %s", holder);
	while (rest && (line = strsep(&rest, "\n")))
		if (*line)
			strv_add(out, line);
	return 0;
}

int image_lease_list(const char *store, struct strv *out, struct err *e)
{
	CLEANUP(cleanup_fd) int dir = open_leases(store, e);
	CLEANUP(strv_free) struct strv holders = { 0 };
	int rc;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	rc = folder_names(dir, ".", FOLDER_NAMES_MAX, &holders, e);
	for (size_t i = 0; rc == 0 && i < holders.len; i++)
		if (holders.at[i][0] != '.') /* nor one that is being written */
			rc = add_lease(dir, holders.at[i], out, e);
	return rc;
}
