#include "sys/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

enum { MOUNTINFO_MAX = 64 << 20, FIELDS_BEFORE_PEERS = 6 };

static const char *next_field(const char *at)
{
	at += strcspn(at, " \n");
	return *at == ' ' ? at + 1 : at;
}

/* "36 35 98:0 / /mnt rw shared:1 master:2 - ext3 /dev/root rw" */
static int peers_of_line(const char *line)
{
	int peers = 0;

	for (int i = 0; i < FIELDS_BEFORE_PEERS; i++)
		line = next_field(line);
	for (; *line && *line != '\n' && !str_starts(line, "- "); line = next_field(line))
		peers |= str_starts(line, "shared:")   ? MOUNT_IS_SHARED
			 : str_starts(line, "master:") ? MOUNT_IS_SLAVE
						       : 0;
	return peers;
}

int mountinfo_find(const char *text, uint64_t id)
{
	while (*text) {
		char *end;

		if (strtoull(text, &end, 10) == id && end != text && *end == ' ')
			return peers_of_line(text);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return -ENOENT;
}

int mountinfo_peers(int proc, int fd, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct statx st;
	int rc;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return err_set(e, errno, "look at the mount");
	if ((rc = fd_read_file(proc, "self/mountinfo", MOUNTINFO_MAX, &text, e)) < 0)
		return rc;
	rc = mountinfo_find(text.data ? text.data : "", st.stx_mnt_id);
	return rc < 0 ? err_set(e, -rc, "mount %" PRIu64 " in mountinfo", (uint64_t)st.stx_mnt_id)
		      : rc;
}
