#include "log/confine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/lockdown.h"

/* Nothing here opens anything: all that carpel-log works on is handed in, and a pipe that it makes
 * leads nowhere. */
static const struct lockdown_call calls[] = {
	/* carpeld and who is attached */
	{ SYS_accept4, { { 0 } } },
	{ SYS_recvmsg, { { 0 } } },
	{ SYS_sendmsg, { { 0 } } },
	{ SYS_getsockopt, { { .index = 1, .mask = UINT32_MAX, .value = SOL_SOCKET },
				  { .index = 2, .mask = UINT32_MAX, .value = SO_PEERCRED } } },
	/* the way of a chunk */
	{ SYS_splice, { { 0 } } },
	{ SYS_tee, { { 0 } } },
	{ SYS_pipe2, { { 0 } } },
	{ SYS_ioctl, { { .index = 1, .mask = UINT32_MAX, .value = FIONREAD } } },
	{ SYS_fcntl, { { .index = 1, .mask = UINT32_MAX, .value = F_GETFL } } },
	{ SYS_fcntl, { { .index = 1, .mask = UINT32_MAX, .value = F_SETFL } } },
	{ SYS_pwrite64, { { 0 } } },
	{ SYS_ftruncate, { { 0 } } },
	{ SYS_lseek, { { 0 } } },
	/* fstat(3) is the one or the other by the C library's version */
	{ SYS_fstat, { { 0 } } },
	{ SYS_newfstatat, { { .index = 3, .mask = UINT32_MAX, .value = AT_EMPTY_PATH } } },
};

int log_confine(uid_t id, struct err *e)
{
	return lockdown(id, calls, ARRAY_LEN(calls), e);
}
