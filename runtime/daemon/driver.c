#include "daemon/driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/systemd.h"

enum { NAME_MAX_LEN = 16 };

static const char file[] = "cgroup-driver";
static const char *const names[] = {
	[DRIVER_CGROUPFS] = "cgroupfs",
	[DRIVER_SYSTEMD] = "systemd",
};

int driver_read(const char *name, enum cgroup_driver *out)
{
	for (enum cgroup_driver d = DRIVER_CGROUPFS; d < ARRAY_LEN(names); d++)
		if (str_eq(name, names[d])) {
			*out = d;
			return 0;
		}
	return -EINVAL;
}

static bool has_entries(const char *run, const char *name)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", run, name);
	DIR *dir = opendir(path);
	bool has = false;

	for (struct dirent *entry; dir && !has && (entry = readdir(dir));)
		has = entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return has;
}

/* An instance that an older carpeld left has no file: its pods have directories. */
static int read_present(int run, enum cgroup_driver *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = fd_read_file(run, file, NAME_MAX_LEN, &text, e);

	*out = DRIVER_CGROUPFS;
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	buf_addc(&text, '\0');
	rc = driver_read(text.data, out);
	return rc < 0 ? err_say(e, -rc, "%s: \"%s\" is no cgroup driver", file, text.data) : 0;
}

int driver_choose(struct layout *l, enum cgroup_driver wanted, struct err *e)
{
	CLEANUP(cleanup_fd) int run = open(l->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum cgroup_driver present;
	int rc;

	if (run < 0)
		return err_set(e, errno, "open %s", l->run);
	if ((rc = read_present(run, &present, e)) < 0)
		return rc;
	if (wanted == DRIVER_ANY)
		wanted = present;
	if (wanted != present &&
		(has_entries(l->run, "pods") || has_entries(l->run, "cri/sandboxes")))
		return err_say(e, EBUSY,
			"--cgroup-driver=%s: the pods that are here have cgroups by %s; end them "
			"first",
			names[wanted], names[present]);
	if (wanted == DRIVER_SYSTEMD && (rc = systemd_is_init(e)) < 0)
		return err_wrap(e, rc, "--cgroup-driver=systemd");
	l->by_systemd = wanted == DRIVER_SYSTEMD;
	return 0;
}

int driver_keep(const struct layout *l, struct err *e)
{
	CLEANUP(cleanup_fd) int run = open(l->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *name = layout_driver(l);
	enum cgroup_driver present, chosen = l->by_systemd ? DRIVER_SYSTEMD : DRIVER_CGROUPFS;

	if (run < 0)
		return err_set(e, errno, "open %s", l->run);
	if (read_present(run, &present, NULL) == 0 && present == chosen)
		return 0; /* a restart writes nothing: the disk may be full */
	return fd_replace_file(run, file, name, strlen(name), FD_SURVIVES_CRASH, e);
}
