/* pause, resume: the freezer of the v2 tree, which is there on v1 machines, too. */

#include "oci/pause.h"

#include <errno.h>

#include "base/cleanup.h"
#include "oci/groups.h"
#include "oci/options.h"

static int freeze(const struct oci *o, int argc, char **argv, bool is_frozen, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	const char *id = NULL;
	int at = options_read(argc, argv, NULL, 0,
		"Usage: carpel-oci pause ID\n       carpel-oci resume ID\n\n"
		"Freezes all processes of a container, or lets them go on.\n",
		e);
	int rc = at < 0 ? at : options_id(argc, argv, at, &id, e);

	if (rc < 0 || (rc = container_open(o, id, FOR_CHANGE, &c, e)) < 0)
		return rc;
	if (c.pidfd < 0)
		return err_say(e, ESRCH, "container not running");
	rc = groups_open(o, &cgroups, e);
	return rc < 0 ? rc : cgroup_freeze(cgroups, c.r.cgroup, is_frozen, e);
}

int oci_pause(const struct oci *o, int argc, char **argv, struct err *e)
{
	return freeze(o, argc, argv, true, e);
}

int oci_resume(const struct oci *o, int argc, char **argv, struct err *e)
{
	return freeze(o, argc, argv, false, e);
}

enum status container_status_of(const struct oci *o, const struct container *c)
{
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	const enum status s = container_status(c);

	if ((s != STATUS_RUNNING && s != STATUS_CREATED) || groups_open(o, &cgroups, NULL) < 0)
		return s;
	return cgroup_is_frozen(cgroups, c->r.cgroup) ? STATUS_PAUSED : s;
}
