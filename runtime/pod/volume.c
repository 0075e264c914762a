#include "pod/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

static char *volume_path(const struct place *at, const struct volume_spec *v)
{
	return v->kind == VOLUME_HOST_PATH ? str_dup(v->host_path)
					   : str_fmt("%s/volumes/%s", at->dir, v->name);
}

/* Owned by fsGroup when there is one: setgid, so that new files inherit it. */
static int make_empty_dir(const char *path, int64_t fs_group, struct err *e)
{
	int rc = fd_mkdir_all(AT_FDCWD, path, 0700, e);
	mode_t mode = 0777;

	if (rc < 0)
		return rc;
	if (fs_group >= 0) {
		mode = 02777;
		if (chown(path, (uid_t)-1, (gid_t)fs_group) < 0)
			return err_set(e, errno, "set the group of %s", path);
	}
	/* Below a 0700 directory of ours: the mode is for the container's users only. */
	return chmod(path, mode) < 0 ? err_set(e, errno, "set the mode of %s", path) : 0;
}

/* What was found is named by its type, unlike what was wanted. */
static const char *kind_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "Directory";
	case S_IFREG:
		return "File";
	case S_IFSOCK:
		return "Socket";
	case S_IFCHR:
		return "CharDevice";
	case S_IFBLK:
		return "BlockDevice";
	default:
		return "special file";
	}
}

static int make_missing(const char *path, const char *type, struct err *e)
{
	if (str_eq(type, "DirectoryOrCreate"))
		return fd_mkdir_all(AT_FDCWD, path, 0755, e);
	if (str_eq(type, "FileOrCreate")) {
		CLEANUP(cleanup_fd)
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		return fd < 0 && errno != EEXIST ? err_set(e, errno, "hostPath %s", path) : 0;
	}
	return 0;
}

static int check_host_path(const struct volume_spec *v, struct err *e)
{
	static const struct {
		const char *type;
		mode_t mode;
		const char *word;
	} types[] = {
		{ "DirectoryOrCreate", S_IFDIR, "directory" },
		{ "Directory", S_IFDIR, "directory" },
		{ "FileOrCreate", S_IFREG, "file" },
		{ "File", S_IFREG, "file" },
		{ "Socket", S_IFSOCK, "socket file" },
		{ "CharDevice", S_IFCHR, "character device" },
		{ "BlockDevice", S_IFBLK, "block device" },
	};
	struct stat st;
	int rc = 0;

	if (stat(v->host_path, &st) < 0 && errno == ENOENT &&
		(rc = make_missing(v->host_path, v->host_type, e)) < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!str_eq(v->host_type, types[i].type))
			continue;
		if (stat(v->host_path, &st) < 0)
			return err_say(e, errno,
				"hostPath type check failed, %s is not a %s, unable to determine "
				"its type: path \"%s\" does not exist",
				v->host_path, types[i].word, v->host_path);
		if ((st.st_mode & S_IFMT) != types[i].mode)
			return err_say(e, EINVAL,
				"hostPath type check failed: %s is not a %s, it's a %s",
				v->host_path, types[i].word, kind_word(st.st_mode));
	}
	if (stat(v->host_path, &st) < 0)
		return err_set(e, errno, "hostPath %s", v->host_path);
	return 0;
}

int volumes_make(const struct place *at, const struct pod_spec *pod, struct err *e)
{
	for (size_t i = 0; i < pod->volumes_len; i++) {
		const struct volume_spec *v = &pod->volumes[i];
		CLEANUP(cleanup_free) char *path = volume_path(at, v);
		int rc = v->kind == VOLUME_HOST_PATH ? check_host_path(v, e)
			 : v->in_memory              ? 0
						     : make_empty_dir(path, pod->fs_group, e);

		if (rc < 0)
			return err_wrap(
				e, rc, "MountVolume.SetUp failed for volume \"%s\" ", v->name);
	}
	return 0;
}

const struct volume_spec *volume_find(const struct pod_spec *pod, const char *name)
{
	for (size_t i = 0; i < pod->volumes_len; i++)
		if (str_eq(pod->volumes[i].name, name))
			return &pod->volumes[i];
	return NULL;
}

static int open_sub_path(const char *volume, const char *sub, struct err *e)
{
	CLEANUP(cleanup_fd) int root = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (root < 0 || fstat(root, &st) < 0)
		return err_set(e, errno, "open volume %s", volume);
	return fd_make_below(root, sub, st.st_mode & 07777, e);
}

/* As containerd does it: whoever names a path that is not there means a directory. */
static int host_source(
	const struct mount_spec *m, char **out_path, bool *out_is_file, struct err *e)
{
	struct stat st = { .st_mode = S_IFDIR };
	int rc = 0;

	if (stat(m->host_path, &st) < 0)
		rc = errno == ENOENT ? fd_mkdir_all(AT_FDCWD, m->host_path, 0755, e)
				     : err_set(e, errno, "%s", m->host_path);
	if (rc < 0)
		return err_wrap(e, rc, "mount %s", m->path);
	*out_is_file = !S_ISDIR(st.st_mode);
	*out_path = str_dup(m->host_path);
	return 0;
}

int volume_source(const struct place *at, const struct pod_spec *pod, const struct mount_spec *m,
	int fd_number, int *out_fd, char **out_path, bool *out_is_file, struct err *e)
{
	const struct volume_spec *v = m->volume ? volume_find(pod, m->volume) : NULL;
	CLEANUP(cleanup_free) char *path = v ? volume_path(at, v) : NULL;
	CLEANUP(cleanup_fd) int fd = -1;
	struct stat st;

	if (m->host_path) {
		*out_fd = -1;
		return host_source(m, out_path, out_is_file, e);
	}
	if (!v)
		return err_say(e, ENOENT, "cannot find volume \"%s\" to mount", m->volume);
	if (m->sub_path) {
		fd = open_sub_path(path, m->sub_path, e);
		if (fd < 0)
			return err_wrap(e, fd, "failed to prepare subPath for volumeMount \"%s\"",
				m->volume);
	}
	if ((fd >= 0 ? fstat(fd, &st) : stat(path, &st)) < 0)
		return err_set(e, errno, "volume %s: %s", m->volume, path);
	*out_is_file = !S_ISDIR(st.st_mode);
	*out_path = fd >= 0 ? str_fmt("/proc/self/fd/%d", fd_number) : TAKE(path);
	*out_fd = take_fd(&fd);
	return 0;
}
