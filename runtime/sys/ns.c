#include "sys/ns.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The deepest user holds a few path buffers and a directory buffer. */
enum { STACK_BYTES = 256 * 1024 };

static void child_main(const struct ns_child *c)
{
	c->run(c->arg);
	_exit(127);
}

/* libc's clone() cannot name a cgroup and its syscall() would return through a stack word that the
 * child has overwritten by then; so the child switches to its stack inside these few instructions.
 */
static long start_on_stack(struct clone_args *args, const struct ns_child *c)
{
#if defined(__x86_64__)
	long rc = SYS_clone3;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %[c], %%rdi\n\t"
			 "call *%[fn]\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(rc)
			 : "D"(args), "S"(sizeof(*args)), [c] "r"(c), [fn] "r"(child_main)
			 : "rcx", "r11", "memory", "cc");
	return rc;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x0, %[c]\n\t"
			 "blr %[fn]\n\t"
			 "brk 0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), [c] "r"(c), [fn] "r"(child_main)
			 : "memory", "cc");
	return x0;
#else
#error "no clone sequence for this architecture"
#endif
}

int ns_start(const struct ns_child *c, pid_t *out_pid, int *out_pidfd, struct err *e)
{
	struct clone_args args = {
		/* Our caught signals must not run handlers in the child, on our memory. */
		.flags = c->flags | CLONE_VM | (c->is_left_alone ? 0 : CLONE_VFORK) |
			 CLONE_PARENT_SETTID | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
		.pidfd = (uintptr_t)out_pidfd,
		.parent_tid = (uintptr_t)out_pid,
		.stack_size = STACK_BYTES,
	};
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	long rc;

	if (stack == MAP_FAILED)
		return err_set(e, errno, "allocate a stack");
	args.stack = (uintptr_t)stack;
	if (c->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)c->cgroup_fd;
	}
	rc = start_on_stack(&args, c);
	if (rc < 0 || !c->is_left_alone)
		(void)munmap(stack, STACK_BYTES);
	return rc < 0 ? err_set(e, (int)-rc, "clone3") : 0;
}

int ns_enter(int pidfd, int flags, struct err *e)
{
	return setns(pidfd, flags) < 0 ? err_set(e, errno, "setns") : 0;
}

int ns_leave(int flags, struct err *e)
{
	return unshare(flags) < 0 ? err_set(e, errno, "unshare") : 0;
}
