/* Which ids a pod with a user namespace of its own gets.  Chosen when it is admitted, and on disk
 * with the pod's record before anything of it exists; free again when the pod is forgotten. */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/hash.h"
#include "daemon/daemon.h"
#include "pod/users.h"

enum { FILE_MAX = 1 << 20 };

static const struct {
	const char *path;
	enum users_file kind;
} files[] = {
	{ "/etc/passwd", USERS_PASSWD },
	{ "/etc/group", USERS_GROUP },
	{ "/etc/subuid", USERS_SUBIDS },
	{ "/etc/subgid", USERS_SUBIDS },
};

/* A file that is there and cannot be read might name any id. */
static int take_files(struct users_map *m, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		int rc = fd_read_file(AT_FDCWD, files[i].path, FILE_MAX, &text, e);

		if (rc < 0 && rc != -ENOENT)
			return rc;
		if (rc >= 0 && text.data)
			users_take_file(m, files[i].kind, text.data);
	}
	return 0;
}

static void take(void *arg, struct id_range r)
{
	users_take(arg, r);
}

/* Instances on one machine know nothing of each other: each begins somewhere else. */
static uint32_t start_of(const struct daemon *d)
{
	const char *root = d->engine.layout.root;

	return *root ? (uint32_t)(hash_text(HASH_START, root) % USERS_BLOCKS) : 0;
}

int pod_users_choose(struct daemon *d, struct pod_spec *spec, struct err *e)
{
	struct users_map m = { 0 };
	int rc;

	if (!spec->own_users)
		return 0;
	if ((rc = take_files(&m, e)) < 0)
		return rc;
	for (const struct pod *p = d->pods; p; p = p->next) {
		users_take(&m, p->spec->uids);
		users_take(&m, p->spec->gids);
	}
	cri_each_users(d->cri, take, &m);
	rc = users_choose(&m, start_of(d), &spec->uids, e);
	if (rc == 0)
		spec->gids = spec->uids;
	return rc;
}

void pod_users_to_json(const struct pod *p, struct json *record)
{
	if (p->spec->own_users)
		json_set_i64(record, "users", p->spec->uids.first);
}

int pod_users_from_json(struct pod_spec *spec, const struct json *record, struct err *e)
{
	int64_t first = -1;

	if (!spec->own_users)
		return 0;
	if (json_i64(json_get(record, "users"), 0, UINT32_MAX, &first) < 0 ||
		!users_is_block(first))
		return err_say(e, EBADMSG, "the pod's ids are not known");
	spec->uids = spec->gids = (struct id_range){ (uint32_t)first, USERS_SIZE };
	return 0;
}
