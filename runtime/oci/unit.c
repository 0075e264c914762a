/* A scope cannot be made empty: systemd-run makes it and becomes cat in it, which answers the byte
 * that waits on its standard input, and ends with that.
 */
#include "oci/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "sys/spawn.h"
#include "sys/systemd.h"

enum { PATIENCE_MS = 30 * 1000, RETRY_MS = 50, SAID_MAX = 4096 };

static const char usual_slice[] = "system.slice", usual_prefix[] = "carpel-oci";

/* ---- names ---- */

static int split(const char *asked, char **slice, char **unit)
{
	const char *first = strchr(asked, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	int prefix_len;

	if (!second || strchr(second + 1, ':') || !second[1] || strchr(asked, '/'))
		return -EINVAL;
	prefix_len = (int)(second - first) - 1;
	*slice = first > asked ? str_ndup(asked, (size_t)(first - asked)) : str_dup(usual_slice);
	*unit = str_fmt("%.*s%s%s.scope", prefix_len, first + 1, prefix_len ? "-" : "", second + 1);
	return 0;
}

int unit_path(const char *asked, const char *id, char **out, struct err *e)
{
	CLEANUP(cleanup_free)
	char *path = asked ? str_dup(asked) : str_fmt("%s:%s:%s", usual_slice, usual_prefix, id);
	CLEANUP(cleanup_free) char *slice = NULL;
	CLEANUP(cleanup_free) char *unit = NULL;
	CLEANUP(cleanup_free) char *dir = NULL;
	int rc = split(path, &slice, &unit);

	if (rc < 0)
		rc = err_say(e, EINVAL, "want SLICE:PREFIX:NAME with --systemd-cgroup");
	if (rc == 0)
		rc = systemd_check_slice(slice, e);
	if (rc == 0)
		rc = systemd_check_scope(unit, e);
	if (rc < 0)
		return err_wrap(e, rc, "config.json: linux.cgroupsPath=%.64s", path);
	dir = systemd_slice_path(slice);
	*out = str_fmt("%s/%s", dir, unit);
	return 0;
}

int unit_check(struct err *e)
{
	int rc = systemd_is_init(e);

	return rc < 0 ? err_wrap(e, rc, "--systemd-cgroup") : 0;
}

/* ---- programs of systemd's ---- */

/* said: gets what it says on standard error. */
static int start(
	const char *program, const struct strv *words, const int fds[2], int *said, struct err *e)
{
	CLEANUP(cleanup_free) char **argv = strv_argv(words);
	CLEANUP(cleanup_fd) int file = memfd_create("said", MFD_CLOEXEC);
	char *envp[] = { NULL };
	const int all[] = { fds[0], fds[1], file };
	const struct spawn s = { .path = program,
		.argv = argv,
		.envp = envp,
		.fds = all,
		.nfds = ARRAY_LEN(all),
		.dies_with_us = true };
	pid_t pid;
	int process;

	if (file < 0)
		return err_set(e, errno, "make a file");
	if ((process = spawn_process(&s, &pid, e)) >= 0)
		*said = take_fd(&file);
	return process;
}

/* 0: it has ended well. */
static int end(int process, int said, const char *what, const char *unit, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)process, &info, WEXITED) < 0)
		return err_set(e, errno, "wait for %s", what);
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	(void)lseek(said, 0, SEEK_SET);
	(void)fd_read_all(said, SAID_MAX, &text, NULL);
	return err_say(e, EIO, "%s %s: %.*s", what, unit,
		text.len ? (int)strcspn(text.data, "\n") : INT32_MAX,
		text.len ? text.data : "it failed without a word");
}

static int systemctl(
	const char *const *words, const struct strv *more, const char *unit, struct err *e)
{
	CLEANUP(strv_free) struct strv all = { 0 };
	CLEANUP(cleanup_free) char *what = str_fmt("systemctl %s", words[0]);
	CLEANUP(cleanup_fd) int said = -1;
	CLEANUP(cleanup_fd) int process = -1;
	const int fds[] = { -1, -1 };

	strv_add(&all, "systemctl");
	for (; *words; words++)
		strv_add(&all, *words);
	strv_add(&all, unit);
	for (size_t i = 0; more && i < more->len; i++)
		strv_add(&all, more->at[i]);
	process = start(SYSTEMD_CTL, &all, fds, &said, e);
	return process < 0 ? process : end(process, said, what, unit, e);
}

/* ---- scopes ---- */

void unit_release(struct unit *u)
{
	siginfo_t info;

	cleanup_fd(&u->in_fd);
	if (u->process >= 0)
		(void)waitid(P_PIDFD, (id_t)u->process, &info, WEXITED);
	cleanup_fd(&u->process);
}

/* 1: cat has spoken, 0: it or systemd-run has ended. */
static int hear(int out, int64_t until_ms, struct err *e)
{
	struct pollfd p = { .fd = out, .events = POLLIN };
	const int64_t left_ms = until_ms - clock_now().boot_ms;
	char byte;
	int n = -1;

	if (left_ms > 0)
		do
			n = poll(&p, 1, (int)left_ms);
		while (n < 0 && errno == EINTR);
	if (n != 1)
		return err_say(e, ETIMEDOUT, "no answer within %d s", PATIENCE_MS / 1000);
	return read(out, &byte, 1) == 1;
}

static int try(const struct strv *command, const char *name, int64_t until_ms, struct unit *out,
	struct err *e)
{
	CLEANUP(unit_release) struct unit u = UNIT_NONE;
	CLEANUP(cleanup_fd) int in = -1;
	CLEANUP(cleanup_fd) int answer = -1;
	CLEANUP(cleanup_fd) int their_out = -1;
	CLEANUP(cleanup_fd) int said = -1;
	int rc;

	if ((rc = fd_pipe(&in, &u.in_fd, e)) < 0 || (rc = fd_pipe(&answer, &their_out, e)) < 0)
		return rc;
	if (write(u.in_fd, "\n", 1) < 0)
		return err_set(e, errno, "write to a pipe");
	u.process = start(SYSTEMD_RUN, command, (const int[]){ in, their_out }, &said, e);
	if (u.process < 0)
		return u.process;
	cleanup_fd(&in);
	cleanup_fd(&their_out);
	rc = hear(answer, until_ms, e);
	if (rc == 0) {
		rc = end(u.process, said, "systemd does not make", name, e);
		cleanup_fd(&u.process);
		return rc < 0 ? rc : err_say(e, EIO, "systemd does not make %s: cat ended", name);
	}
	if (rc < 0) { /* it may hang: the end of its input is not enough */
		(void)syscall(SYS_pidfd_send_signal, u.process, SIGKILL, NULL, 0);
		return err_wrap(e, rc, "systemd does not make %s", name);
	}
	out->process = take_fd(&u.process);
	out->in_fd = take_fd(&u.in_fd);
	return 0;
}

/* An older one of that name, which nobody lives in, is waited for: "Unit x.scope already exists.",
 * "… was already loaded …" */
int unit_make(const char *path, const struct cgroup_limits *l, struct unit *out, struct err *e)
{
	const struct systemd_scope scope = { .path = path, .limits = l };
	const int64_t until_ms = clock_now().boot_ms + PATIENCE_MS;
	CLEANUP(strv_free) struct strv command = { 0 };
	struct err own = { 0 };
	int rc;

	systemd_scope_command(&scope, "/bin/cat", &command);
	while ((rc = try(&command, systemd_unit_of(path), until_ms, out, &own)) < 0 &&
		strstr(own.text, " already ") && clock_now().boot_ms < until_ms)
		(void)poll(NULL, 0, RETRY_MS);
	if (rc < 0 && e)
		*e = own;
	return rc;
}

static void read_back(const char *dir, const char *key, char **text, struct cgroup_limits *l)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/%s", dir, key);
	CLEANUP(buf_free) struct buf b = { 0 };

	if (fd_read_file(AT_FDCWD, file, SAID_MAX, &b, NULL) < 0 || !b.len)
		return;
	*text = str_ndup(b.data, strcspn(b.data, "\n"));
	l->unified = mem_resize(l->unified, l->unified_len + 1, sizeof(*l->unified));
	l->unified[l->unified_len++] = (struct cgroup_pair){ .key = key, .value = *text };
}

/* What depends on what was there before is told as the kernel has it now. */
int unit_set_limits(const char *path, const char *dir, const struct cgroup_limits *l, struct err *e)
{
	static const char *const words[] = { "set-property", "--runtime", NULL };
	CLEANUP(cgroup_limits_release) struct cgroup_limits all = *l;
	CLEANUP(strv_free) struct strv properties = { 0 };
	CLEANUP(cleanup_free) char *cpu = NULL;
	CLEANUP(cleanup_free) char *swap = NULL;

	all.hugepages = NULL;
	all.unified = NULL;
	all.unified_len = 0;
	for (size_t i = 0; i < l->unified_len; i++) {
		all.unified = mem_resize(all.unified, all.unified_len + 1, sizeof(*all.unified));
		all.unified[all.unified_len++] = l->unified[i];
	}
	if (l->cpu_quota_us != CGROUP_LEAVE || l->cpu_period_us != CGROUP_LEAVE)
		read_back(dir, "cpu.max", &cpu, &all);
	if (l->memory_bytes != CGROUP_LEAVE || l->memory_swap_bytes != CGROUP_LEAVE)
		read_back(dir, "memory.swap.max", &swap, &all);
	systemd_limit_words(&all, "", &properties);
	return properties.len ? systemctl(words, &properties, systemd_unit_of(path), e) : 0;
}

int unit_stop(const char *path, struct err *e)
{
	static const char *const words[] = { "stop", "--quiet", NULL };

	return systemctl(words, NULL, systemd_unit_of(path), e);
}
