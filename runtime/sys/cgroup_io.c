/* Limits of block IO.  v2 has one file for all of them, v1 a file each; both know whole disks only,
 * so a partition's limit is that of its disk.  v1 limits what a process reads and writes itself:
 * what the kernel writes back later is nobody's there.
 *
 * Weights are what a scheduler makes of them: bfq, or on v2 the cost model where it is switched on.
 * Another one takes the file's value and does nothing with it, so that is an error here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"

enum { FILE_MAX = 64 << 10, LIFT_DEPTH = 4, WEIGHT_DEFAULT = 100 };

static const struct {
	const char *v1, *v2;
	size_t at; /* in struct cgroup_io_limits */
} limits[] = {
	{ "blkio.throttle.read_bps_device", "rbps", offsetof(struct cgroup_io_limits, read_bps) },
	{ "blkio.throttle.write_bps_device", "wbps", offsetof(struct cgroup_io_limits, write_bps) },
	{ "blkio.throttle.read_iops_device", "riops",
		offsetof(struct cgroup_io_limits, read_iops) },
	{ "blkio.throttle.write_iops_device", "wiops",
		offsetof(struct cgroup_io_limits, write_iops) },
};

static int64_t limit_at(const struct cgroup_io_limits *io, size_t i)
{
	return *(const int64_t *)(const void *)((const char *)io + limits[i].at);
}

bool cgroup_io_is_limited(const struct cgroup_io_limits *io)
{
	bool is_limited = io->weight > 0;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		is_limited |= limit_at(io, i) > 0;
	return is_limited;
}

/* The disk of a partition: in sysfs, the folder above. */
static int find_disk(dev_t dev, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_free)
	char *dir = str_fmt("/sys/dev/block/%u:%u", major(dev), minor(dev));
	CLEANUP(cleanup_free) char *partition = str_fmt("%s/partition", dir);
	CLEANUP(cleanup_free) char *disk = str_fmt("%s/../dev", dir);

	buf_addf(out, "%u:%u", major(dev), minor(dev));
	if (access(partition, F_OK) < 0)
		return 0;
	buf_clear(out);
	return fd_read_file(AT_FDCWD, disk, 32, out, e);
}

int cgroup_io_find_device(const char *path, struct cgroup_io_limits *io, struct err *e)
{
	CLEANUP(buf_free) struct buf name = { 0 };
	CLEANUP(buf_free) struct buf scheduler = { 0 };
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_set(e, errno, "look at %s", path);
	if ((rc = find_disk(st.st_dev, &name, e)) < 0)
		return rc;
	name.data[strcspn(name.data, "\n")] = '\0';

	CLEANUP(cleanup_free) char *dir = str_fmt("/sys/dev/block/%s", name.data);
	CLEANUP(cleanup_free) char *file = str_fmt("%s/queue/scheduler", dir);

	/* tmpfs, btrfs, NFS …: numbers of no device. */
	if (access(dir, F_OK) < 0)
		return err_say(e, ENOTSUP,
			"no block IO of %s can be limited: its file system is on no block device "
			"(%s)",
			path, name.data);
	if (strlen(name.data) >= sizeof(io->device))
		return err_say(e, EINVAL, "%s is no device", name.data);
	memcpy(io->device, name.data, strlen(name.data) + 1);
	io->has_bfq = fd_read_file(AT_FDCWD, file, 4096, &scheduler, NULL) == 0 && scheduler.len &&
		      strstr(scheduler.data, "[bfq]");
	return 0;
}

/* The cost model's line of the device says enable=1. */
static bool has_cost_model(const struct cgroups *c, const char *device)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/io.cost.qos", c->v2);
	CLEANUP(cleanup_free) char *begin = str_fmt("%s enable=1", device);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;

	if (fd_read_file(AT_FDCWD, file, FILE_MAX, &text, NULL) < 0 || !text.len)
		return false;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (str_starts(line, begin))
			return true;
	return false;
}

/* bfq has 1 to 1000 around the same 100, where the files of v2 have 1 to 10000. */
static int64_t bfq_weight(int64_t weight)
{
	return weight <= WEIGHT_DEFAULT
		       ? weight
		       : WEIGHT_DEFAULT + (weight - WEIGHT_DEFAULT) * (1000 - WEIGHT_DEFAULT) /
						  (10000 - WEIGHT_DEFAULT);
}

static int add_weight(const struct cgroups *c, const char *dir, const struct cgroup_io_limits *io,
	struct cgroup_writes *w, struct err *e)
{
	bool is_v1 = c->v1[CGROUP_BLKIO];

	if (io->has_bfq)
		cgroup_writes_add(w, dir, is_v1 ? "blkio.bfq.weight" : "io.bfq.weight",
			MISSING_IS_ERROR, "%" PRId64, bfq_weight(io->weight));
	else if (!is_v1 && has_cost_model(c, io->device))
		cgroup_writes_add(
			w, dir, "io.weight", MISSING_IS_ERROR, "default %" PRId64, io->weight);
	else
		return err_say(e, ENOTSUP,
			"weight: the scheduler of block device %s knows none (bfq does)",
			io->device);
	return 0;
}

int cgroup_io_add(const struct cgroups *c, const char *path, const struct cgroup_io_limits *io,
	struct cgroup_writes *w, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = NULL;
	CLEANUP(buf_free) struct buf line = { 0 };
	int rc;

	if (!cgroup_io_is_limited(io))
		return 0;
	if ((rc = cgroup_rare_dir(c, path, CGROUP_BLKIO, &dir, e)) < 0)
		return err_wrap(e, rc, "block IO");
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		int64_t limit = limit_at(io, i);

		if (limit > 0 && c->v1[CGROUP_BLKIO])
			cgroup_writes_add(w, dir, limits[i].v1, MISSING_IS_ERROR, "%s %" PRId64,
				io->device, limit);
		else if (limit > 0)
			buf_addf(&line, " %s=%" PRId64, limits[i].v2, limit);
	}
	if (line.len)
		cgroup_writes_add(
			w, dir, "io.max", MISSING_IS_ERROR, "%s%s", io->device, line.data);
	if (io->weight > 0 && (rc = add_weight(c, dir, io, w, e)) < 0)
		return err_wrap(e, rc, "block IO");
	return 0;
}

/* ---- the end of limits ---- */

/* For each device that file names, the text that means none. */
static void lift_file(const char *dir, const char *name, const char *none)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/%s", dir, name);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = -1;
	char *save = NULL;

	if (fd_read_file(AT_FDCWD, file, FILE_MAX, &text, NULL) < 0 || !text.len)
		return;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	for (char *line = strtok_r(text.data, "\n", &save); fd >= 0 && line;
		line = strtok_r(NULL, "\n", &save))
		(void)dprintf(fd, "%.*s %s", (int)strcspn(line, " "), line, none);
}

static void lift(const struct cgroups *c, const char *dir, int depth)
{
	DIR *d = depth < LIFT_DEPTH ? opendir(dir) : NULL;
	struct dirent *entry;

	if (!d)
		return;
	for (size_t i = 0; c->v1[CGROUP_BLKIO] && i < ARRAY_LEN(limits); i++)
		lift_file(dir, limits[i].v1, "0");
	if (!c->v1[CGROUP_BLKIO])
		lift_file(dir, "io.max", "rbps=max wbps=max riops=max wiops=max");
	while ((entry = readdir(d))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;

		CLEANUP(cleanup_free) char *below = str_fmt("%s/%s", dir, entry->d_name);

		lift(c, below, depth + 1); /* bounded by depth */
	}
	closedir(d);
}

void cgroup_io_lift(const struct cgroups *c, const char *path)
{
	const char *top = c->v1[CGROUP_BLKIO] ? c->v1[CGROUP_BLKIO] : c->is_hybrid ? NULL : c->v2;
	CLEANUP(cleanup_free) char *dir = top ? cgroup_dir(c, top, path) : NULL;

	if (dir)
		lift(c, dir, 0);
}
