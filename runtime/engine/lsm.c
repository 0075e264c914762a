#include "engine/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/engine.h"
#include "sys/lsm.h"
#include "sys/starter.h"

#define PARSER "/sbin/apparmor_parser"
#define LOADED "/sys/kernel/security/apparmor/profiles"

enum { PARSER_MS = 20000, LOADED_MAX = 4 << 20 };

/* Lines "NAME (MODE)". */
static bool is_loaded(void)
{
	static const char line[] = LSM_DEFAULT_PROFILE " (";
	CLEANUP(buf_free) struct buf text = { 0 };

	if (fd_read_file(AT_FDCWD, LOADED, LOADED_MAX, &text, NULL) < 0 || !text.data)
		return false;
	for (const char *at = text.data; at; at = strchr(at, '\n'))
		if (str_starts(at += *at == '\n', line))
			return true;
	return false;
}

static int wait_for(int pidfd, struct err *e)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int status = -1, n;

	do
		n = poll(&end, 1, PARSER_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		(void)poll(&end, 1, PARSER_MS);
		(void)spawn_reap(pidfd, &status);
		return err_say(e, ETIMEDOUT, PARSER " takes more than %d ms", PARSER_MS);
	}
	(void)spawn_reap(pidfd, &status);
	return status == 0 ? 0 : err_say(e, EIO, PARSER " failed (status %d)", status);
}

static int load(const struct engine *g, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *file = str_dup(path);
	char name[] = "apparmor_parser", replace[] = "--replace", fresh[] = "--skip-cache";
	char *argv[] = { name, replace, fresh, file, NULL }, *envp[] = { NULL };
	const int fds[] = { -1, STDERR_FILENO, STDERR_FILENO };
	const struct spawn s = { .path = PARSER,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.is_expendable = true };
	CLEANUP(cleanup_fd) int pidfd = -1;
	pid_t pid;

	if (access(path, R_OK) < 0)
		return err_set(e, errno, "%s", path);
	pidfd = starter_spawn(g->starter, &s, &pid, e);
	return pidfd < 0 ? pidfd : wait_for(pidfd, e);
}

static void find_profile(struct engine *g)
{
	CLEANUP(cleanup_free)
	char *path = str_fmt("%s/etc/apparmor.d/" LSM_DEFAULT_PROFILE, g->layout.root);
	struct err e = { 0 };
	int rc = is_loaded() ? 0 : load(g, path, &e);

	g->lsm.has_profile = rc == 0 && is_loaded();
	if (!g->lsm.has_profile)
		log_warn("AppArmor profile " LSM_DEFAULT_PROFILE
			 " is not loaded: containers that ask for none run unconfined by AppArmor, "
			 "those that ask for RuntimeDefault fail%s%s",
			rc < 0 ? ": " : "", rc < 0 ? e.text : "");
}

void engine_find_lsm(struct engine *g)
{
	g->lsm.has_apparmor = lsm_is_active(LSM_APPARMOR);
	g->lsm.has_selinux = lsm_is_active(LSM_SELINUX);
	if (g->lsm.has_apparmor)
		find_profile(g);
}

const char *engine_apparmor_word(const struct engine *g)
{
	return !g->lsm.has_apparmor ? "off" : g->lsm.has_profile ? LSM_DEFAULT_PROFILE : "on";
}

const char *engine_selinux_word(const struct engine *g)
{
	return g->lsm.has_selinux ? "on" : "off";
}
