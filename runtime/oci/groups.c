#include "oci/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "oci/unit.h"
#include "sys/mount.h"
#include "sys/systemd.h"

enum { WAIT_MS = 10 * 1000, STEP_MS = 10, STOP_MS = 500, EVENTS_MAX = 4096 };

static const char usual_parent[] = "/carpel-oci/";

void groups_close(struct cgroups **c)
{
	cgroups_free(*c);
	*c = NULL;
}

/* A slave of the host's mounts: what appears there appears here, and nothing of ours there. */
static int mount_v2(const struct oci *o, struct err *e)
{
	CLEANUP(cleanup_free) char *place = str_fmt("%s/.cgroup2", o->root);
	struct mount_attr slave = { .propagation = MS_SLAVE };
	CLEANUP(cleanup_fd) int fs = -1;
	int rc = fd_mkdir_all(AT_FDCWD, place, 0700, e);

	if (rc < 0)
		return rc;
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(e, errno, "make a mount namespace");
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		return err_set(e, errno, "make mounts private: mount_setattr");
	fs = mount_new(
		"cgroup2", NULL, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
	return fs < 0 ? fs : mount_attach_at(fs, AT_FDCWD, place, e);
}

int groups_open(const struct oci *o, struct cgroups **out, struct err *e)
{
	int rc = cgroups_find(out, e);

	if (rc != -ENOTSUP)
		return rc;
	return (rc = mount_v2(o, e)) < 0 ? rc : cgroups_find(out, e);
}

int groups_path(const char *asked, const char *id, char **out, struct err *e)
{
	CLEANUP(cleanup_free)
	char *path = !asked            ? str_fmt("%s%s", usual_parent, id)
		     : asked[0] == '/' ? str_dup(asked)
				       : str_fmt("/%s", asked);
	int rc = cgroup_check_path(path, e);

	if (rc < 0)
		return err_wrap(e, rc, "config.json: linux.cgroupsPath=%.64s", path);
	*out = TAKE(path);
	return 0;
}

void groups_to_plan(const struct cgroups *c, const char *path, struct plan *p)
{
	cgroup_dirs(c, path, &p->cgroups, &p->cgroup_v2);
}

int groups_check_unused(const struct cgroups *c, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_v2_dir(c, path);
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.events", dir);
	CLEANUP(buf_free) struct buf text = { 0 };
	const int rc = fd_read_file(AT_FDCWD, file, EVENTS_MAX, &text, e);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return text.len && strstr(text.data, "populated 1")
		       ? err_say(e, EBUSY, "config.json: linux.cgroupsPath=%.64s: it has processes",
				 path)
		       : 0;
}

/* What was killed still ends; and an empty scope is systemd's to remove. */
static int remove_at_last(struct cgroups *c, const struct record *r, struct err *e)
{
	struct err own = { 0 };
	int rc;

	for (int waited = 0; (rc = cgroup_remove(c, r->cgroup, e)) == -EBUSY && waited < WAIT_MS;
		waited += STEP_MS) {
		if (r->is_unit && waited == STOP_MS && unit_stop(r->cgroup, &own) < 0)
			log_warn("%s", own.text);
		(void)poll(NULL, 0, STEP_MS);
	}
	return rc;
}

static int remove_unit(struct cgroups *c, const struct record *r, struct err *e)
{
	int rc = cgroups_have_units(c, e);

	if (rc == 0)
		rc = remove_at_last(c, r, e);
	return rc == 0 ? systemd_forget(systemd_unit_of(r->cgroup), e) : rc;
}

int groups_remove(struct cgroups *c, const struct record *r, struct err *e)
{
	CLEANUP(cleanup_free) char *parent = str_dup(r->cgroup);
	int rc = cgroup_kill(c, r->cgroup, e);

	if (rc < 0 || r->is_unit)
		return rc < 0 ? rc : remove_unit(c, r, e);
	rc = remove_at_last(c, r, e);
	for (char *slash; rc == 0 && (slash = strrchr(parent, '/')) && slash > parent;) {
		*slash = '\0';
		cgroup_remove_tracking(c, parent);
	}
	return rc;
}
