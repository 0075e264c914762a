/* Who the container runs as: the plan's user and groups against the image's /etc/passwd and
 * /etc/group.  Both files are content of a stranger.  Pure: the files' bytes are arguments.
 *
 * A text of digits is a number and never looked up as a name; anything that is neither a canonical
 * number nor a plain name ("+0", "00", "0x0", ":0", "1:") is refused, so nobody becomes 0 by a
 * spelling.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

enum { USER_GROUPS_MAX = 8192, USER_FILE_MAX = 10 << 20 };

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, the primary one first; owned */
	size_t groups_len;
	gid_t *sorted; /* the same, for this module only; owned */
	char *home;    /* of the passwd entry; NULL: there is none; owned */
	char *name;    /* of the entry; NULL; owned */
};
void user_free(struct user *u);

struct user_request {
	const char *text;          /* "uid", "uid:gid" or names; NULL: 0 */
	const struct strv *groups; /* digits, checked by the plan's reader */
	bool merge_groups;         /* also those that /etc/group lists the user in */
	bool refuse_root;
	bool wants_home;
};

/* Which files an answer depends on, so that the others need not be read. */
bool user_needs_passwd(const struct user_request *q);
bool user_needs_group(const struct user_request *q);

struct user_file {
	const char *bytes; /* NULL: the image has no such file */
	size_t len;
};

/* In two steps, so that the files need not be in memory together; out is to be handed to the
 * second.
 */
int user_find(const struct user_request *q, const struct user_file *passwd, struct user *out,
	struct err *e);
int user_find_groups(
	const struct user_request *q, const struct user_file *group, struct user *u, struct err *e);
