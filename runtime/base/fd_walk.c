/* Walks below a directory.  openat2(2) does one in a call, but gives up (EAGAIN) when any rename or
 * mount of the machine races a ".." of it, and a neighbour that does nothing else can keep it from
 * ever coming through.  So after some tries we walk by ourselves, a component at a time.  There
 * ".." is the directory that we came from, which we still hold: the kernel is never asked where it
 * is now, and no rename concerns us. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* Tries: more than any honest race needs.  Depth: a descriptor each. */
enum { TRIES = 32, LINKS_MAX = 40, DEPTH_MAX = 256 };

struct steps {
	int dirs[DEPTH_MAX + 1]; /* from the root, which is the caller's, to where we are */
	size_t depth;
	unsigned links;
	char left[PATH_MAX]; /* of the path */
};

static int at(const struct steps *w)
{
	return w->dirs[w->depth];
}

static void go_up_to(struct steps *w, size_t depth)
{
	while (w->depth > depth)
		close(w->dirs[w->depth--]);
}

static int open_here(const struct steps *w, const char *name, uint64_t flags, mode_t mode)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode };

	return fd_openat2(at(w), name, &how, NULL);
}

/* The answer to any other link may be what it likes, since we follow that by its text; a long chain
 * of them, though, the kernel calls a loop when a race makes it begin anew: it counts on. */
static bool is_magic(const struct steps *w, const char *link)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int fd = -ELOOP;

	for (int i = 0; fd == -ELOOP && i < TRIES; i++)
		fd = fd_openat2(at(w), link, &how, NULL);
	if (fd >= 0)
		close(fd);
	return fd == -ELOOP;
}

/* Puts the text of the link in its place. */
static int follow(struct steps *w, int link, const char *name)
{
	char text[PATH_MAX];
	size_t len = strlen(w->left);
	ssize_t n = readlinkat(link, "", text, sizeof(text));

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX || is_magic(w, name))
		return -ELOOP;
	if ((size_t)n + len >= sizeof(w->left))
		return -ENAMETOOLONG;
	memmove(w->left + n, w->left, len + 1);
	memcpy(w->left, text, (size_t)n);
	if (*w->left == '/')
		go_up_to(w, 0);
	return 0;
}

/* Takes the next name; what is left is empty or begins with '/'. */
static int take_name(struct steps *w, char name[NAME_MAX + 1])
{
	size_t start = strspn(w->left, "/"), len = strcspn(w->left + start, "/");

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->left + start, len);
	name[len] = '\0';
	memmove(w->left, w->left + start + len, strlen(w->left + start + len) + 1);
	return 0;
}

static int enter(struct steps *w, int *fd)
{
	if (w->depth == DEPTH_MAX)
		return -EAGAIN;
	w->dirs[++w->depth] = take_fd(fd);
	return 0;
}

/* Takes one step; 1: it was the last, and *out is what is there. */
static int step(struct steps *w, const char *name, uint64_t flags, mode_t mode, int *out)
{
	CLEANUP(cleanup_fd) int seen = open_here(w, name, O_PATH | O_NOFOLLOW, 0);
	bool is_last = !*w->left;
	struct stat st = { 0 };

	if (seen < 0 && !(seen == -ENOENT && is_last && flags & O_CREAT))
		return seen;
	if (seen >= 0 && fstat(seen, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(is_last && flags & O_NOFOLLOW))
		return follow(w, seen, name);
	if (!S_ISDIR(st.st_mode) && (!is_last || (flags & O_DIRECTORY && flags & O_PATH)))
		return -ENOTDIR;
	if (!is_last)
		return enter(w, &seen);
	*out = flags & O_PATH ? take_fd(&seen) : open_here(w, name, flags | O_NOFOLLOW, mode);
	if (*out == -ELOOP && !(flags & O_NOFOLLOW) && ++w->links <= LINKS_MAX) {
		(void)snprintf(w->left, sizeof(w->left), "%s", name);
		return 0; /* it has become a link: once more */
	}
	return *out < 0 ? *out : 1;
}

static int walk(struct steps *w, uint64_t flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	int rc, out = -1;

	for (;;) {
		if ((rc = take_name(w, name)) < 0)
			return rc;
		if (!*name)
			return open_here(w, ".", flags, mode);
		if (strcmp(name, "..") == 0)
			go_up_to(w, w->depth > 0 ? w->depth - 1 : 0);
		else if (strcmp(name, ".") != 0 && (rc = step(w, name, flags, mode, &out)) != 0)
			return rc < 0 ? rc : out;
	}
}

int fd_walk_in_steps(int root, const char *path, uint64_t flags, mode_t mode, struct err *e)
{
	struct steps w = { .dirs = { root }, .depth = 0, .links = 0 };
	int fd = -ENAMETOOLONG;

	if (flags & O_CREAT && flags & O_EXCL) /* as open(2): a link is there, too */
		flags |= O_NOFOLLOW;
	if (snprintf(w.left, sizeof(w.left), "%s", path) < (int)sizeof(w.left))
		fd = walk(&w, flags, mode);
	go_up_to(&w, 0);
	return fd < 0 ? err_set(e, -fd, "open %s", path) : fd;
}

int fd_walk(int root, const char *path, uint64_t flags, mode_t mode, struct err *e)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = -EAGAIN;

	for (int i = 0; fd == -EAGAIN && i < TRIES; i++)
		fd = fd_openat2(root, path, &how, e);
	return fd == -EAGAIN ? fd_walk_in_steps(root, path, flags, mode, e) : fd;
}
