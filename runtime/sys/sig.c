#include "sys/sig.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIGNALS = 64, SET_BYTES = 8 };

/* The kernel's struct, whose flags come second. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* On a stack that is left by exec, see sys/spawn.c. */
__attribute__((no_sanitize_address)) void sig_reset(void)
{
	const struct kernel_sigaction fresh = { .handler = SIG_DFL };
	const uint64_t none = 0;

	/* libc's own sigaction() refuses two of them; the kernel refuses KILL and STOP, which have
	 * no other disposition. */
	for (int sig = 1; sig <= SIGNALS; sig++)
		(void)syscall(SYS_rt_sigaction, sig, &fresh, NULL, SET_BYTES);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SET_BYTES);
}
