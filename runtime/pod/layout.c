#include "pod/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* Instances share the cgroup tree, so the name of ours tells them apart. */
static void name_cgroups(struct layout *l)
{
	uint32_t h = 2166136261;

	for (const char *p = l->root; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619;
	l->cgroup = *l->root ? str_fmt("carpel-%08" PRIx32, h) : str_dup("carpel");
	/* No '-': that would make it a part of the other instance's slice. */
	l->slice = *l->root ? str_fmt("carpel_%08" PRIx32, h) : str_dup("carpel");
}

static int find_programs(struct layout *l, struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return err_set(e, errno, "find our own directory");
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	l->programs = str_dup(path);
	return 0;
}

static int absolute_root(const char *root, char **out, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if (!root || !*root) {
		*out = str_dup("");
		return 0;
	}
	rc = fd_mkdir_all(AT_FDCWD, root, 0755, e);
	if (rc < 0)
		return rc;
	if (!realpath(root, path))
		return err_set(e, errno, "root directory %s", root);
	*out = str_dup(str_eq(path, "/") ? "" : path);
	return 0;
}

int layout_init(struct layout *l, const char *root, struct err *e)
{
	int rc;

	*l = (struct layout){ 0 };
	if ((rc = absolute_root(root, &l->root, e)) < 0 || (rc = find_programs(l, e)) < 0) {
		layout_free(l);
		return rc;
	}
	l->run = str_fmt("%s/run/carpel", l->root);
	l->lib = str_fmt("%s/var/lib/carpel", l->root);
	l->logs = str_fmt("%s/var/log/pods", l->root);
	l->links = str_fmt("%s/var/log/containers", l->root);
	l->socket = str_fmt("%s/carpel.sock", l->run);
	l->images = str_fmt("%s/images", l->lib);
	name_cgroups(l);
	return 0;
}

void layout_free(struct layout *l)
{
	free(l->root);
	free(l->run);
	free(l->lib);
	free(l->logs);
	free(l->links);
	free(l->socket);
	free(l->images);
	free(l->cgroup);
	free(l->slice);
	free(l->programs);
	*l = (struct layout){ 0 };
}

int layout_make(const struct layout *l, struct err *e)
{
	CLEANUP(cleanup_free) char *records = str_fmt("%s/pods", l->run);
	CLEANUP(cleanup_free) char *pods = str_fmt("%s/pods", l->lib);
	CLEANUP(cleanup_free) char *trash = str_fmt("%s/trash", l->lib);
	CLEANUP(cleanup_free) char *daemon_log = str_fmt("%s/var/log/carpel", l->root);
	const struct {
		const char *path;
		mode_t mode;
	} dirs[] = {
		{ l->run, 0700 },
		{ records, 0700 },
		{ l->lib, 0700 },
		{ pods, 0700 },
		{ trash, 0700 },
		{ l->images, 0700 },
		{ l->logs, 0755 },
		{ l->links, 0755 },
		{ daemon_log, 0750 },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(dirs); i++)
		rc = fd_mkdir_all(AT_FDCWD, dirs[i].path, dirs[i].mode, e);
	if (rc == 0 && chmod(l->run, 0700) < 0)
		rc = err_set(e, errno, "restrict %s", l->run);
	return rc;
}

char *layout_program(const struct layout *l, const char *name)
{
	return str_fmt("%s/%s", l->programs, name);
}

char *layout_pod_dir(const struct layout *l, const char *uid)
{
	return str_fmt("%s/pods/%s", l->lib, uid);
}

char *layout_log_pod_dir(const struct layout *l, const struct pod_spec *pod)
{
	return str_fmt("%s/%s_%s_%s", l->logs, pod->namespace, pod->name, pod->uid);
}

char *layout_log_dir(const struct layout *l, const struct pod_spec *pod, const char *container)
{
	CLEANUP(cleanup_free) char *dir = layout_log_pod_dir(l, pod);

	return str_fmt("%s/%s", dir, container);
}

char *layout_log_file(
	const struct layout *l, const struct pod_spec *pod, const char *container, uint32_t attempt)
{
	CLEANUP(cleanup_free) char *dir = layout_log_dir(l, pod, container);

	return str_fmt("%s/%" PRIu32 ".log", dir, attempt);
}

char *layout_log_link(
	const struct layout *l, const struct pod_spec *pod, const char *container, const char *id)
{
	return str_fmt("%s/%s_%s_%s-%s.log", l->links, pod->name, pod->namespace, container, id);
}

const char *layout_level(enum qos_class qos)
{
	return qos == QOS_BURSTABLE ? "burstable" : qos == QOS_BEST_EFFORT ? "besteffort" : NULL;
}

const char *layout_driver(const struct layout *l)
{
	return l->by_systemd ? "systemd" : "cgroupfs";
}

char *layout_root_cgroup(const struct layout *l)
{
	return l->by_systemd ? str_fmt("%s.slice/%s-daemons.scope", l->slice, l->slice)
			     : str_dup(l->cgroup);
}

char *layout_level_cgroup(const struct layout *l, const char *level)
{
	if (!l->by_systemd)
		return str_dup(level ? level : "");
	return level ? str_fmt("/%s.slice/%s-%s.slice", l->slice, l->slice, level)
		     : str_fmt("/%s.slice", l->slice);
}

char *layout_sandbox_cgroup(
	const struct layout *l, const char *parent, const char *kind, const char *id)
{
	return l->by_systemd ? str_fmt("%s/%s-%s%s.scope", parent, l->slice, kind, id)
			     : str_fmt("%s%s%s%s", parent, *parent ? "/" : "", kind, id);
}

char *layout_sandbox_id(const struct layout *l, const char *kind, const char *name)
{
	CLEANUP(cleanup_free)
	char *begin = l->by_systemd ? str_fmt("%s-%s", l->slice, kind) : str_dup(kind);
	const char *end = l->by_systemd ? ".scope" : "";

	if (!str_starts(name, begin) || !str_ends(name, end) ||
		strlen(name) <= strlen(begin) + strlen(end))
		return NULL;
	return str_ndup(name + strlen(begin), strlen(name) - strlen(begin) - strlen(end));
}

char *layout_pod_cgroup(const struct layout *l, const struct pod_spec *pod)
{
	CLEANUP(cleanup_free) char *level = layout_level_cgroup(l, layout_level(pod->qos));

	return layout_sandbox_cgroup(l, level, LAYOUT_POD, pod->uid);
}

struct place layout_pod_place(const struct layout *l, const struct pod_spec *pod)
{
	return (struct place){ layout_pod_dir(l, pod->uid), layout_pod_cgroup(l, pod) };
}

void place_free(struct place *p)
{
	free(p->dir);
	free(p->cgroup);
	*p = (struct place){ 0 };
}

char *place_container_dir(const struct place *p, const char *container, uint32_t attempt)
{
	return str_fmt("%s/containers/%s/%" PRIu32, p->dir, container, attempt);
}
