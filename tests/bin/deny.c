/* Runs a command as on a kernel that lacks a system call: `deny -n|-p CALL COMMAND ARGS…`.  The
 * call fails with ENOSYS, or with EPERM by -p (what filters of older container runtimes answer),
 * for the command and all that it starts.  Nothing else changes: no_new_privs stays as it is, so
 * this needs CAP_SYS_ADMIN.  Only calls of this architecture are denied.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 125, EXIT_FAILED = 126 };

static int deny(const char *name, unsigned short code)
{
	int nr = seccomp_syscall_resolve_name(name), rc;
	scmp_filter_ctx ctx;

	if (nr < 0) {
		fprintf(stderr, "deny: there is no system call %s\n", name);
		return -EINVAL;
	}
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	if ((rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0)) == 0 &&
		(rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW)) == 0 &&
		(rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(code), nr, 0)) == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc < 0)
		fprintf(stderr, "deny: load the filter: %s\n", strerror(-rc));
	return rc;
}

int main(int argc, char **argv)
{
	if (argc < 4 || (strcmp(argv[1], "-n") != 0 && strcmp(argv[1], "-p") != 0)) {
		fputs("Usage: deny -n|-p CALL COMMAND ARGS...\n", stderr);
		return EXIT_USAGE;
	}
	if (deny(argv[2], strcmp(argv[1], "-p") == 0 ? EPERM : ENOSYS) < 0)
		return EXIT_USAGE;
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return EXIT_FAILED;
}
