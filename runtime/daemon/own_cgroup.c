#include "daemon/own_cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

/* What they need with a thousand pods, and half as much again.  Only what is in use is protected,
 * and never more than the cgroup above protects: so that one has the sum. */
#define OWN_MEMORY "67108864"
#define HELPERS_MEMORY "33554432"
#define BOTH_MEMORY "100663296"

/* Among the pods' levels, as what everything of theirs waits for. */
enum { OWN_SHARES = 65536 };

/* systemd names the process that it started; a unit's environment alone is inherited by shells. */
static bool is_systemds(const struct daemon *d)
{
	const char *text = getenv("SYSTEMD_EXEC_PID");
	int64_t pid = 0;

	return text && str_to_i64(text, 1, INT32_MAX, &pid) == 0 &&
	       (pid == getpid() || pid == d->keeper);
}

static int protect(struct cgroups *c, const char *path, const char *bytes, struct err *e)
{
	struct cgroup_pair pair = { "memory.min", bytes };
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.unified = &pair;
	l.unified_len = 1;
	return cgroup_set_limits(c, path, &l, e);
}

/* v1 has no protection: a soft limit only chooses among those who are above theirs. */
static int protect_helpers(struct cgroups *c, struct err *e)
{
	int rc;

	if (cgroups_layout(c) != CGROUP_V2)
		return 0;
	rc = protect(c, "", BOTH_MEMORY, e);
	return rc < 0 ? rc : protect(c, HELPERS_CGROUP, HELPERS_MEMORY, e);
}

static int move(struct daemon *d, struct err *e)
{
	struct cgroups *c = d->engine.cgroups;
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	int rc = cgroup_origin(c, &d->origin, e);

	l.cpu_shares = OWN_SHARES;
	if (rc == 0)
		rc = cgroup_make(c, OWN_CGROUP, CGROUP_LEAF, &l, e);
	if (rc == 0 && cgroups_layout(c) == CGROUP_V2)
		rc = protect(c, OWN_CGROUP, OWN_MEMORY, e);
	if (rc == 0)
		rc = cgroup_join(c, OWN_CGROUP, d->starter_pid, e);
	if (rc == 0)
		rc = cgroup_join(c, OWN_CGROUP, getpid(), e);
	return rc;
}

void own_cgroup_enter(struct daemon *d)
{
	struct err e = { 0 };
	int rc;

	if (d->engine.layout.by_systemd)
		return; /* nothing is made behind its back; our unit or session is what we have */
	rc = protect_helpers(d->engine.cgroups, &e);
	if (rc == 0 && !is_systemds(d))
		rc = move(d, &e);
	if (rc < 0)
		log_warn("carpeld has no cgroup of its own: %s", e.text);
}

/* What we started and did not put elsewhere (rm) comes along: it is to end by itself. */
int own_cgroup_leave(struct daemon *d, struct err *e)
{
	enum { PIDS_MAX = 64 };
	int32_t pids[PIDS_MAX];
	int n = cgroup_pids(d->engine.cgroups, OWN_CGROUP, pids, PIDS_MAX), rc = 0;

	for (int i = 0; i < n; i++) {
		struct err why = { 0 };

		/* One that has ended meanwhile is none. */
		if (cgroup_return(&d->origin, pids[i], &why) < 0 && why.code != ESRCH)
			rc = err_say(e, why.code, "%s", why.text);
	}
	return rc;
}
