/* Release by scope.  CLEANUP(cleanup_fd) int fd = …; releases at the end of the block, whatever way
 * it is left; take_fd()/TAKE() hand the resource on and leave the empty form behind.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The struct that ptr is a member of: for callbacks that are given an embedded part. */
#define container_of(ptr, type, member) ((type *)(void *)((uintptr_t)(ptr)-offsetof(type, member)))

static inline void cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define TAKE(p)                                                                                    \
	__extension__({                                                                            \
		__auto_type taken_ = (p);                                                          \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
