/* Texts of fsconfig(2) end at 255 bytes, and overlayfs gives ':', ',' and '\' a meaning of its own.
 * So paths are named as they are where that works, which reads well in mountinfo; else every
 * directory is opened and named by its number relative to /proc/self/fd, which makes room for about
 * 80 layers on any kernel.  Longer lists go layer by layer.
 */
#include "launch/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "launch/userns.h"
#include "sys/mount.h"
#include "sys/ns.h"

enum { TEXT_MAX = 255 };

static bool is_plain(const char *path)
{
	return strlen(path) <= TEXT_MAX && !strpbrk(path, ":,\\");
}

static bool are_plain(const struct plan *p)
{
	size_t total = 0;

	for (size_t i = 0; i < p->lowers.len; i++) {
		if (!is_plain(p->lowers.at[i]))
			return false;
		total += strlen(p->lowers.at[i]) + 1;
	}
	return total <= TEXT_MAX + 1 && is_plain(p->upper) && is_plain(p->work);
}

static int set_text(int fs, const char *key, const char *value, struct err *e)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0
		       ? err_set(e, errno, "overlay %s=%s", key, value)
		       : 0;
}

static int too_many(size_t layers, struct err *e)
{
	return err_set(e, EINVAL, "make an overlay of %zu layers, which takes Linux 6.7", layers);
}

/* Returns 1 when it went layer by layer.  KERNEL 6.7: kernels before 6.5 refuse that only when they
 * make the overlay. */
static int set_lowers(int fs, const struct strv *names, struct err *e)
{
	CLEANUP(buf_free) struct buf joined = { 0 };
	int rc = 0;

	for (size_t i = 0; i < names->len; i++) {
		if (i)
			buf_addc(&joined, ':');
		buf_adds(&joined, names->at[i]);
	}
	if (joined.len <= TEXT_MAX)
		return set_text(fs, "lowerdir", joined.data, e);
	for (size_t i = 0; rc == 0 && i < names->len; i++)
		rc = set_text(fs, "lowerdir+", names->at[i], e);
	return rc == -EINVAL ? too_many(names->len, e) : rc < 0 ? rc : 1;
}

enum { NUMBER_MAX = 16 };

/* Open as long as their numbers are names: until the overlay is made.  None of them may be open
 * where a container can see us. */
struct numbered {
	int *fds;
	size_t len;
};

static void numbered_close(struct numbered *n)
{
	for (size_t i = 0; i < n->len; i++)
		(void)close(n->fds[i]);
	free(n->fds);
}

static int open_as_number(
	struct numbered *opened, const char *path, char out[NUMBER_MAX], struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open layer %s", path);
	opened->fds = mem_resize(opened->fds, opened->len + 1, sizeof(int));
	opened->fds[opened->len++] = fd;
	(void)snprintf(out, NUMBER_MAX, "%d", fd);
	return 0;
}

/* Our directory until the root is entered. */
static int enter_numbers(int proc, struct err *e)
{
	CLEANUP(cleanup_fd)
	int numbers = openat(proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return numbers < 0 || fchdir(numbers) < 0 ? err_set(e, errno, "enter /proc/self/fd") : 0;
}

/* As set_lowers. */
static int set_by_number(int fs, const struct job *j, struct numbered *opened, struct err *e)
{
	const struct plan *p = j->plan;
	char number[NUMBER_MAX], upper[NUMBER_MAX], work[NUMBER_MAX];
	struct strv lowers = { 0 };
	int rc = open_as_number(opened, p->upper, upper, e), by_layer = 0;

	if (rc == 0)
		rc = open_as_number(opened, p->work, work, e);
	for (size_t i = 0; rc == 0 && i < p->lowers.len; i++)
		if ((rc = open_as_number(opened, p->lowers.at[i], number, e)) == 0)
			strv_add(&lowers, number);
	if (rc == 0)
		rc = enter_numbers(j->proc_fd, e);
	if (rc == 0)
		rc = by_layer = set_lowers(fs, &lowers, e);
	if (rc >= 0)
		rc = set_text(fs, "upperdir", upper, e);
	if (rc == 0)
		rc = set_text(fs, "workdir", work, e);
	strv_free(&lowers);
	return rc < 0 ? rc : by_layer;
}

/* As set_lowers. */
static int set_dirs(int fs, const struct job *j, struct numbered *opened, struct err *e)
{
	const struct plan *p = j->plan;
	int rc;

	if (!are_plain(p))
		return set_by_number(fs, j, opened, e);
	rc = set_lowers(fs, &p->lowers, e); /* 0, for they are short */
	if (rc == 0)
		rc = set_text(fs, "upperdir", p->upper, e);
	return rc < 0 ? rc : set_text(fs, "workdir", p->work, e);
}

/* What overlayfs has to say about a refusal stands in the context, not in errno. */
static int create_failed(int fs, int code, struct err *e)
{
	char line[160];
	ssize_t n = read(fs, line, sizeof(line) - 1);

	if (n <= 2)
		return err_set(e, code, "make the overlay");
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return err_set(e, code, "make the overlay: %s", line + 2); /* after "e " */
}

static int try_once(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	CLEANUP(cleanup_fd) int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	CLEANUP(numbered_close) struct numbered opened = { 0 };
	unsigned attributes = p->privileged ? 0 : MOUNT_ATTR_NODEV;
	int by_layer, rc;

	if (fs < 0)
		return err_set(e, errno, "new overlay");
	if ((by_layer = set_dirs(fs, j, &opened, e)) < 0)
		return by_layer;
	if (p->selinux_mount && (rc = set_text(fs, "context", p->selinux_mount, e)) < 0)
		return rc;
	if (fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return err_set(e, errno, "overlay volatile");
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		rc = create_failed(fs, errno, e);
		return rc == -EINVAL && by_layer ? too_many(p->lowers.len, e) : rc;
	}
	j->mounts.root = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return j->mounts.root < 0 ? err_set(e, errno, "mount the overlay") : 0;
}

/* A volatile overlay leaves this mark, and a marked layer is refused: it might have been used when
 * the machine crashed.  Ours never outlive the pod, and a pod never outlives the machine; what was
 * marked here is a start that failed. */
static bool unmark(const char *work)
{
	CLEANUP(cleanup_fd) int dir = open(work, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return false;
	(void)unlinkat(dir, "work/incompat/volatile/dirty", 0);
	return unlinkat(dir, "work/incompat/volatile", AT_REMOVEDIR) == 0;
}

static int map_layer(const struct job *j, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int layer = mount_copy(AT_FDCWD, path, MOUNT_ONE, e);
	int rc = layer < 0 ? layer : userns_map_mount(j, layer, e);

	return rc < 0 ? err_wrap(e, rc, "layer %s", path)
		      : mount_attach_at(layer, AT_FDCWD, path, e);
}

/* Layers belong to the ids that the image has; a mapped copy of each is laid over it where only we
 * see it, in a mount namespace of our own, so that its path means the copy.  KERNEL 6.15: an
 * overlay takes detached mounts, and needs neither. */
static int map_layers(const struct job *j, struct err *e)
{
	const struct strv *lowers = &j->plan->lowers;
	int rc;

	if (j->userns_fd < 0)
		return 0;
	if ((rc = ns_leave(CLONE_NEWNS, e)) < 0 || (rc = mount_leave_peers(e)) < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < lowers->len; i++)
		rc = map_layer(j, lowers->at[i], e);
	return rc;
}

/* volatile: no sync of the upper file system when a container ends.  The writable layer is never
 * mounted again after a crash of the machine, since the pod is gone then too.
 * nodev: an image's device nodes are files of a stranger; devices live in /dev only. */
int overlay_make(struct job *j, struct err *e)
{
	int rc = map_layers(j, e);

	if (rc < 0)
		return rc;
	rc = try_once(j, e);
	return rc == -EINVAL && unmark(j->plan->work) ? try_once(j, e) : rc;
}
