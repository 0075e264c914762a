/* The resourceVersion counter across restarts.  A version is on disk as used up before any client
 * can have seen it, in steps of many, so the next carpeld begins behind it.  The clock is a second
 * guard, for a state directory that was lost: it moves faster than the counter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"

enum { STEP = 1 << 16, HEADROOM = 1 << 12, FILE_MAX = 64 };

static const char file_name[] = "resource-version";

static int write_reserved(struct daemon *d, uint64_t reserved, struct err *e)
{
	CLEANUP(cleanup_fd)
	int dir = open(d->engine.layout.lib, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_free) char *text = str_fmt("%" PRIu64 "\n", reserved);
	int rc;

	if (dir < 0)
		return err_set(e, errno, "open %s", d->engine.layout.lib);
	rc = fd_replace_file(dir, file_name, text, strlen(text), FD_SURVIVES_CRASH, e);
	if (rc == 0)
		d->rv_reserved = reserved;
	return rc;
}

int versions_open(struct daemon *d, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", d->engine.layout.lib, file_name);
	CLEANUP(buf_free) struct buf text = { 0 };
	uint64_t first = (uint64_t)(clock_wall_ns() / 1000), used = 0;
	int rc;

	if (fd_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) == 0 && text.len > 1) {
		text.data[text.len - 1] = '\0';
		if (str_to_u64(text.data, UINT64_MAX / 2, &used) < 0)
			return err_say(e, EBADMSG, "%s holds no version: \"%s\"", path, text.data);
	}
	if (used > first)
		first = used;
	d->store = store_new(first);
	rc = write_reserved(d, first + STEP, e);
	if (rc != -ENOSPC && rc != -EDQUOT)
		return rc;
	/* As below: containers can fill the disk, and only a carpeld can end them. */
	log_warn("cannot keep the resource version: %s", e->text);
	return 0;
}

void versions_reserve(struct daemon *d)
{
	struct err e = { 0 };

	if (store_rv(d->store) + HEADROOM < d->rv_reserved)
		return;
	/* On a full disk the clock alone has to do. */
	if (write_reserved(d, store_rv(d->store) + STEP, &e) < 0)
		log_warn("cannot keep the resource version: %s", e.text);
}
