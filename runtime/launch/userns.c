#include "launch/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "launch/namespaces.h"
#include "launch/prepare.h"
#include "sys/cred.h"
#include "sys/mount.h"
#include "sys/ns.h"
#include "sys/userns.h"

/* Of a map as the kernel writes it: three numbers of 10 digits each, aligned. */
enum { MAP_LINE = 40 };

static bool is_wanted(const struct job *j)
{
	return j->plan->uid_map.len > 0;
}

static void write_map(const struct plan_map *m, struct buf *out)
{
	for (size_t i = 0; i < m->len; i++)
		buf_addf(out, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", m->at[i].inside,
			m->at[i].outside, m->at[i].size);
}

static const char *path_of(const struct plan *p)
{
	static const char word[] = "user:";

	for (size_t i = 0; i < p->namespaces.len; i++)
		if (str_starts(p->namespaces.at[i], word))
			return p->namespaces.at[i] + strlen(word);
	return NULL;
}

/* What a process inside reads as ids outside are those of its parent: which must be ours. */
static int check_below(int proc, int users, struct err *e)
{
	CLEANUP(cleanup_fd) int own = openat(proc, "self/ns/user", O_RDONLY | O_CLOEXEC);
	CLEANUP(cleanup_fd) int parent = ioctl(users, NS_GET_PARENT);
	struct stat a, b, c;

	if (own < 0 || fstat(own, &a) < 0 || fstat(users, &b) < 0)
		return err_set(e, errno, "look at user namespaces");
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_say(e, EINVAL, "it is the user namespace of the host");
	if (parent < 0 || fstat(parent, &c) < 0 || c.st_dev != a.st_dev || c.st_ino != a.st_ino)
		return err_say(e, EINVAL, "it is no child of the host's user namespace");
	return 0;
}

static int open_named(struct job *j, const char *path, struct err *e)
{
	int rc = namespaces_open_path(path, CLONE_NEWUSER, &j->userns_fd, e);

	if (rc == 0 && (rc = check_below(j->proc_fd, j->userns_fd, e)) < 0)
		return err_wrap(e, rc, "%s", path);
	return rc;
}

static int make(const struct job *j, const struct plan_map *uid_map, const struct plan_map *gid_map,
	struct err *e)
{
	CLEANUP(buf_free) struct buf uids = { 0 };
	CLEANUP(buf_free) struct buf gids = { 0 };

	write_map(uid_map, &uids);
	write_map(gid_map, &gids);
	return userns_make(j->proc_fd, uids.data, gids.data, e);
}

int userns_prepare(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	if (!is_wanted(j))
		return 0;
	if (path_of(p))
		return open_named(j, path_of(p), e);
	j->userns_fd = make(j, &p->uid_map, &p->gid_map, e);
	return j->userns_fd < 0 ? j->userns_fd : 0;
}

int userns_map_mount(const struct job *j, int mount, struct err *e)
{
	return mount_map(mount, j->userns_fd, e);
}

/* By a namespace that nobody will ever be in. */
int userns_map_mount_by(const struct job *j, const struct plan_mount *m, int mount, struct err *e)
{
	CLEANUP(cleanup_fd) int own = make(j, &m->uids, &m->gids, e);

	return own < 0 ? own : mount_map(mount, own, e);
}

static int check_id(const struct plan_map *m, const char *what, uint32_t id, struct err *e)
{
	return plan_host_id(m, id) < 0
		       ? err_say(e, EINVAL, "%s %u is not in the user namespace", what, id)
		       : 0;
}

int userns_check_user(const struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	int rc;

	if (!is_wanted(j))
		return 0;
	rc = check_id(&p->uid_map, "uid", j->user.uid, e);
	if (rc == 0)
		rc = check_id(&p->gid_map, "gid", j->user.gid, e);
	for (size_t i = 0; rc == 0 && i < j->user.groups_len; i++)
		rc = check_id(&p->gid_map, "group", j->user.groups[i], e);
	return rc;
}

uid_t userns_root_uid(const struct job *j)
{
	return (uid_t)plan_host_id(&j->plan->uid_map, 0);
}

gid_t userns_root_gid(const struct job *j)
{
	return (gid_t)plan_host_id(&j->plan->gid_map, 0);
}

int userns_become_root(struct job *j, struct err *e)
{
	return is_wanted(j) ? cred_become(0, 0, NULL, 0, e) : 0;
}

/* The kernel may have sorted them. */
static bool has_line(const struct plan_map *m, const char *line)
{
	struct plan_ids ids;

	if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &ids.inside, &ids.outside,
		    &ids.size) != 3)
		return false;
	for (size_t i = 0; i < m->len; i++)
		if (memcmp(&m->at[i], &ids, sizeof(ids)) == 0)
			return true;
	return false;
}

static int check_map(const struct job *j, const char *name, const struct plan_map *m, struct err *e)
{
	char text[PLAN_IDS_MAX * MAP_LINE + 1];
	size_t lines = 0;
	int rc = userns_read_map(j->proc_fd, name, text, sizeof(text), e);

	if (rc < 0)
		return rc;
	for (const char *at = text; *at; at += strcspn(at, "\n") + 1, lines++)
		if (!has_line(m, at))
			break;
	return lines == m->len ? 0
			       : err_say(e, EINVAL, "the pod's %s is not what the plan says", name);
}

static int check_maps(const struct job *j, struct err *e)
{
	int rc = check_map(j, "uid_map", &j->plan->uid_map, e);

	return rc < 0 ? rc : check_map(j, "gid_map", &j->plan->gid_map, e);
}

/* The kernel refuses to enter the namespace that one is in. */
static int check_host(const struct job *j, struct err *e)
{
	int rc = ns_enter(j->plan->pause_fd, CLONE_NEWUSER, e);

	if (rc == -EINVAL)
		return 0;
	return rc < 0 ? rc : err_say(e, EINVAL, "the pod has one and the plan has no uid-map");
}

int userns_enter(struct job *j, struct err *e)
{
	int rc;

	if (!is_wanted(j))
		return check_host(j, e);
	rc = ns_enter(j->plan->pause_fd, CLONE_NEWUSER, e);
	return rc < 0 ? rc : check_maps(j, e);
}

int userns_enter_own(struct job *j, struct err *e)
{
	int rc = is_wanted(j) ? ns_enter(j->userns_fd, CLONE_NEWUSER, e) : 0;

	return rc == 0 && path_of(j->plan) ? check_maps(j, e) : rc;
}

int userns_show(struct err *e)
{
	static const char *const names[] = { "uid_map", "gid_map" };
	CLEANUP(cleanup_fd) int proc = prepare_make_proc("pid", e);
	char text[PLAN_IDS_MAX * MAP_LINE + 1];
	int rc;

	if (proc < 0)
		return proc;
	if (ioctl(STDIN_FILENO, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return err_say(e, EINVAL, "it is no user namespace");
	if ((rc = check_below(proc, STDIN_FILENO, e)) < 0 || (rc = cred_undumpable(e)) < 0 ||
		(rc = ns_enter(STDIN_FILENO, CLONE_NEWUSER, e)) < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		rc = userns_read_map(proc, names[i], text, sizeof(text), e);
		if (rc < 0)
			return rc;
		if (printf("%s%s", i ? "\n" : "", text) < 0)
			return err_set(e, errno, "write the maps");
	}
	return fflush(stdout) == 0 ? 0 : err_set(e, errno, "write the maps");
}

int userns_try(const char *dir, struct err *e)
{
	static const char map[] = "0 1879048192 65536\n";
	CLEANUP(cleanup_fd) int proc = prepare_make_proc("pid", e);
	CLEANUP(cleanup_fd) int users = -1;
	CLEANUP(cleanup_fd) int copy = -1;

	if (proc < 0)
		return proc;
	if ((users = userns_make(proc, map, map, e)) < 0)
		return users;
	copy = mount_copy(AT_FDCWD, dir, MOUNT_ONE, e);
	return copy < 0 ? copy : mount_map(copy, users, e);
}
