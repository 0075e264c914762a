/* The kernel keeps the label for the next exec with the process and hands it to what that clones
 * (AppArmor in the task, SELinux in its credentials); exec takes it or fails.  So it is set before
 * a container is joined, and nobody who has joined one needs a procfs for it.
 */
#include "sys/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

enum { LABEL_MAX = 4200 }; /* more than a plan takes */

static const struct {
	const char *name, *what, *exec;
	const char *prefix; /* of what is written */
} modules[] = {
	[LSM_APPARMOR] = { "AppArmor", "AppArmor profile", "thread-self/attr/apparmor/exec",
		"exec " },
	[LSM_SELINUX] = { "SELinux", "SELinux label", "thread-self/attr/exec", "" },
};

const char *lsm_name(enum lsm m)
{
	return modules[m].name;
}

const char *lsm_label_name(enum lsm m)
{
	return modules[m].what;
}

static bool apparmor_is_enabled(void)
{
	CLEANUP(cleanup_fd)
	int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char word = 0;

	return fd >= 0 && read(fd, &word, 1) == 1 && word == 'Y';
}

bool lsm_is_active(enum lsm m)
{
	struct statfs fs;

	if (m == LSM_APPARMOR)
		return apparmor_is_enabled();
	return statfs("/sys/fs/selinux", &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

/* "PROFILE (MODE)\n", "unconfined\n" or "CONTEXT\0". */
static bool is_label(const char *text, const char *label)
{
	const char *rest = text + strlen(label);

	return strncmp(text, label, strlen(label)) == 0 &&
	       (!*rest || *rest == '\n' || (rest[0] == ' ' && rest[1] == '('));
}

static int write_label(int fd, enum lsm m, const char *label, struct err *e)
{
	char text[LABEL_MAX];
	const int len = snprintf(text, sizeof(text), "%s%s", modules[m].prefix, label);

	if (len >= (int)sizeof(text))
		return err_say(e, ENAMETOOLONG, "it is too long");
	if (write(fd, text, (size_t)len) == len)
		return 0;
	if (errno == ENOENT && m == LSM_APPARMOR)
		return err_say(e, ENOENT, "it is not loaded");
	return err_set(e, errno, "set it for exec");
}

bool lsm_is_context(int selinux, const char *label, const char *text)
{
	char canonical[LABEL_MAX + 1];
	const size_t len = strlen(label);
	ssize_t n;

	if (write(selinux, label, len) != (ssize_t)len)
		return false;
	n = read(selinux, canonical, sizeof(canonical) - 1);
	canonical[n < 0 ? 0 : n] = '\0';
	return n > 0 && is_label(text, canonical);
}

/* By what stands in the policy, and only SELinux itself is asked. */
static bool is_same_context(const char *label, const char *text)
{
	CLEANUP(cleanup_fd) int fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == SELINUX_MAGIC &&
	       lsm_is_context(fd, label, text);
}

static int check_label(int fd, enum lsm m, const char *label, struct err *e)
{
	char text[LABEL_MAX + 1];
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return err_set(e, errno, "read it back");
	text[n] = '\0';
	return is_label(text, label) || (m == LSM_SELINUX && is_same_context(label, text))
		       ? 0
		       : err_say(e, EPROTO, "the kernel has set another one");
}

int lsm_set_exec(int proc, enum lsm m, const char *label, struct err *e)
{
	struct open_how how = { .flags = O_RDWR | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
	CLEANUP(cleanup_fd) int fd = -1;
	int rc;

	rc = fd = fd_openat2(proc, modules[m].exec, &how, e);
	if (rc >= 0)
		rc = write_label(fd, m, label, e);
	if (rc >= 0)
		rc = check_label(fd, m, label, e);
	return rc < 0 ? err_wrap(e, rc, "%s %s", modules[m].what, label) : 0;
}
