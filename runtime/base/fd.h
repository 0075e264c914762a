/* Descriptors, whole reads and writes, safe walks below a directory, and descriptor passing.
 * Every descriptor made here is close-on-exec.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Opens path below root: never leaves it, follows no magic link and no symbolic link out of it
 * (openat2 RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS), whatever others rename meanwhile.  Returns the
 * descriptor. */
int fd_walk(int root, const char *path, uint64_t flags, mode_t mode, struct err *e);
/* The same without openat2's own walk: for fd_walk(), when renames defeat that, and for its tests.
 */
int fd_walk_in_steps(int root, const char *path, uint64_t flags, mode_t mode, struct err *e);

/* openat2(2), which the error names when it is the call that is not to be had. */
struct open_how;
int fd_openat2(int dir, const char *path, const struct open_how *how, struct err *e);

/* The same, making what is missing as directories of that mode; what is there may be a file.  An
 * O_PATH descriptor. */
int fd_make_below(int root, const char *path, mode_t mode, struct err *e);

int fd_write_all(int fd, const void *bytes, size_t len); /* 0 or -errno; blocking descriptors */
/* Reads at most max bytes; more is -EFBIG. Appends to out. */
int fd_read_all(int fd, size_t max, struct buf *out, struct err *e);
int fd_read_file(int dir, const char *name, size_t max, struct buf *out, struct err *e);
/* name is replaced as a whole or not at all: temporary file beside it, rename.  sync: also fsync
 * the file and its directory, for what must survive a power cut. */
enum fd_durability { FD_SURVIVES_CRASH, FD_SURVIVES_POWER_CUT };
int fd_replace_file(int dir, const char *name, const void *bytes, size_t len, enum fd_durability d,
	struct err *e);

int fd_mkdir_all(int dir, const char *path, mode_t mode,
	struct err *e); /* 0 also when it exists; a file there is -ENOTDIR */
/* Removes name and all below it, however deep.  No link is followed; a directory on which something
 * is mounted, a bind mount of the same file system too, is -EXDEV and stays with all that it shows.
 * A missing name is success. */
int fd_remove_tree(int dir, const char *name, struct err *e);
int fd_set_nonblock(int fd);
int fd_pipe(int *out_read, int *out_write, struct err *e); /* close-on-exec */

/* One message with descriptors over a Unix socket.  Returns the bytes sent/received or -errno; recv
 * returns 0 at end of file, fills *nfds (in: room, out: got), makes them close-on-exec, and closes
 * all of them and fails with -EMSGSIZE when message or descriptors were cut. */
ssize_t fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t nfds);
ssize_t fd_recv(int sock, void *bytes, size_t room, int *fds, size_t *nfds);
