/* kill, delete */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/create.h"
#include "oci/groups.h"
#include "oci/options.h"
#include "oci/signals.h"

enum { PIDS_MAX = 32768, END_MS = 10 * 1000 };

/* Every process in its cgroups.  Those that come while we look are children of ones that are still
 * to get the signal, or have it: SIGKILL is the kernel's to do, at once. */
static int signal_all(const struct oci *o, const struct container *c, int sig, struct err *e)
{
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	CLEANUP(cleanup_free) int32_t *pids = NULL;
	int rc = groups_open(o, &cgroups, e), n;

	if (rc < 0)
		return rc;
	if (sig == SIGKILL)
		return cgroup_kill(cgroups, c->r.cgroup, e);
	pids = mem_resize(NULL, PIDS_MAX, sizeof(*pids));
	n = cgroup_pids(cgroups, c->r.cgroup, pids, PIDS_MAX);
	for (int i = 0; i < n; i++)
		(void)kill(pids[i], sig);
	return 0;
}

int oci_kill(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	bool all = false;
	const struct option_row rows[] = { { "all", 'a', OPTION_FLAG, &all } };
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows),
		"Usage: carpel-oci kill [--all] ID [SIGNAL]\n\n"
		"Sends a signal, SIGTERM, to the container's process or to all of them.\n",
		e);
	int sig = SIGTERM, rc;

	if (at < 0)
		return at;
	if (at >= argc || at + 2 < argc)
		return err_say(e, EINVAL, "want a container id and a signal");
	if (argv[at + 1] && (sig = signal_number(argv[at + 1])) < 0)
		return err_say(e, EINVAL, "%.64s: no such signal", argv[at + 1]);
	if ((rc = container_open(o, argv[at], FOR_READING, &c, e)) < 0)
		return rc;
	/* Without a PID namespace of its own others may live on. */
	if (all && (c.pidfd < 0 || !c.r.has_pid_namespace))
		return signal_all(o, &c, sig, e);
	if (c.pidfd < 0)
		return err_say(e, ESRCH, "container not running");
	if (all)
		return signal_all(o, &c, sig, e);
	if (syscall(SYS_pidfd_send_signal, c.pidfd, sig, NULL, 0) < 0)
		return errno == ESRCH ? err_say(e, ESRCH, "container not running")
				      : err_set(e, errno, "signal container %s", argv[at]);
	return 0;
}

static int kill_and_wait(const struct container *c, struct err *e)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };

	if (syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_set(e, errno, "kill container %s", c->r.id);
	return poll(&p, 1, END_MS) == 1
		       ? 0
		       : err_say(e, EBUSY, "container %s: its process does not end", c->r.id);
}

static int delete_one(const struct oci *o, const char *id, bool force, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	int rc = container_open(o, id, FOR_CHANGE, &c, e);
	enum status s;

	if (rc == -ENOENT &&
		force) /* what may be left of a creation that was killed at its start */
		return container_forget(o, id, e);
	if (rc < 0)
		return rc;
	s = container_status(&c);
	if (s != STATUS_STOPPED && s != STATUS_CREATED && !force)
		return err_say(
			e, EBUSY, "cannot delete container %s: it is %s", id, status_word(s));
	if (c.pidfd >= 0 && (rc = kill_and_wait(&c, e)) < 0)
		return rc;
	return remove_container(o, &c, e);
}

int oci_delete(const struct oci *o, int argc, char **argv, struct err *e)
{
	bool force = false;
	const struct option_row rows[] = { { "force", 'f', OPTION_FLAG, &force } };
	const char *id = NULL;
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows),
		"Usage: carpel-oci delete [--force] ID\n\n"
		"Removes a stopped container; with --force any, and none is no error.\n",
		e);
	int rc = at < 0 ? at : options_id(argc, argv, at, &id, e);

	return rc < 0 ? rc : delete_one(o, id, force, e);
}
