#include "image/stack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

void stack_free(struct stack *s)
{
	for (size_t i = 0; i < s->len; i++)
		close(s->fds[i]);
	free(s->fds);
	*s = (struct stack){ 0 };
}

void stack_push(struct stack *s, int fd)
{
	s->fds = mem_resize(s->fds, s->len + 1, sizeof(*s->fds));
	s->fds[s->len++] = fd;
}

bool stack_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

bool stack_is_opaque(int dir)
{
	char value;

	return fgetxattr(dir, OVERLAY_OPAQUE, &value, 1) == 1 && value == 'y';
}

static int open_kind(int dir, const char *name, const struct stat *st, int *out_fd)
{
	int flags = O_NOFOLLOW | O_CLOEXEC;
	enum stack_kind kind = S_ISREG(st->st_mode)   ? STACK_FILE
			       : S_ISLNK(st->st_mode) ? STACK_LINK
						      : STACK_OTHER;

	if (kind == STACK_OTHER)
		return STACK_OTHER;
	*out_fd = openat(dir, name, flags | (kind == STACK_LINK ? O_PATH : O_RDONLY | O_NONBLOCK));
	return *out_fd < 0 ? -errno : (int)kind;
}

/* One level: the directories called name below those of *from go to *to, upper ones still last. */
static int descend(const struct stack *from, const char *name, struct stack *to, int *out_fd)
{
	for (size_t i = from->len; i-- > 0;) {
		struct stat st;
		int fd;

		if (fstatat(from->fds[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT || errno == ENAMETOOLONG)
				continue;
			return -errno;
		}
		if (stack_is_whiteout(&st))
			break;
		if (!S_ISDIR(st.st_mode))
			return to->len ? STACK_DIR : open_kind(from->fds[i], name, &st, out_fd);
		fd = openat(from->fds[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		stack_push(to, fd);
		if (stack_is_opaque(fd))
			break;
	}
	return to->len ? STACK_DIR : STACK_NOTHING;
}

/* descend() collects from the top, a stack counts from the bottom. */
static void turn_round(struct stack *s)
{
	for (size_t i = 0; i < s->len / 2; i++) {
		int fd = s->fds[i];

		s->fds[i] = s->fds[s->len - 1 - i];
		s->fds[s->len - 1 - i] = fd;
	}
}

static int find(const struct stack *s, char *path, int *out_fd)
{
	CLEANUP(stack_free) struct stack here = { 0 };
	const struct stack *from = s;
	char *rest = path, *name;
	int kind = STACK_NOTHING;

	while ((name = strsep(&rest, "/"))) {
		CLEANUP(stack_free) struct stack next = { 0 };
		struct stack last;

		kind = descend(from, name, &next, out_fd);
		if (kind < 0 || (kind != STACK_DIR && !rest))
			return kind;
		if (kind != STACK_DIR)
			return STACK_NOTHING; /* below a file is nothing */
		turn_round(&next);
		last = here;
		here = next;
		next = last; /* is released here */
		from = &here;
	}
	if (kind == STACK_DIR) {
		assert(here.len > 0);
		*out_fd = fcntl(here.fds[here.len - 1], F_DUPFD_CLOEXEC, 0);
		if (*out_fd < 0)
			return -errno;
	}
	return kind;
}

int stack_find(const struct stack *s, const char *path, int *out_fd, struct err *e)
{
	CLEANUP(cleanup_free) char *copy = str_dup(path);
	CLEANUP(cleanup_fd) int fd = -1;
	int kind = find(s, copy, &fd);

	if (kind < 0)
		return err_set(e, -kind, "look below for %s", path);
	*out_fd = kind == STACK_NOTHING ? -1 : take_fd(&fd);
	return kind;
}
