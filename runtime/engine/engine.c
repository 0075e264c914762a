#include "engine/engine.h"

#include "engine/child.h"
#include "engine/discard.h"
#include "engine/find.h"
#include "engine/launcher.h"
#include "engine/logs.h"
#include "engine/profiles.h"

int engine_open(struct engine *g, struct err *e)
{
	int rc = find_check(e);

	if (rc == 0)
		rc = cgroups_open(g->layout.cgroup, &g->cgroups, e);
	if (rc == 0)
		rc = cgroup_make(g->cgroups, HELPERS_CGROUP, CGROUP_LEAF, NULL, e);
	if (rc == 0)
		rc = launcher_open(g, e);
	if (rc == 0)
		rc = profiles_open(g, e);
	return rc;
}

void engine_close(struct engine *g)
{
	launcher_close(g);
	discards_free(g);
	children_free(g);
	profiles_close(g);
	cgroups_free(g->cgroups);
}
