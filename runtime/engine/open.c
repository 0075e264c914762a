#include "engine/open.h"

#include "base/cleanup.h"
#include "engine/cdi.h"
#include "engine/child.h"
#include "engine/discard.h"
#include "engine/find.h"
#include "engine/launcher.h"
#include "engine/logs.h"
#include "engine/lsm.h"
#include "engine/profiles.h"
#include "engine/scope.h"
#include "engine/users.h"

static const char *const levels[] = { "burstable", "besteffort", LAYOUT_CRI_LEVEL };

/* Our helpers' scope, and with it the slices of the levels.  An earlier carpeld's may be there,
 * with helpers that outlived it. */
static int enter_scope(struct engine *g, struct err *e)
{
	CLEANUP(cleanup_free) char *root = layout_root_cgroup(&g->layout);
	CLEANUP(cleanup_free) char *path = str_fmt("/%s", root);
	CLEANUP(buf_free) struct buf wants = { 0 };
	struct systemd_scope scope = { .path = path };
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		CLEANUP(cleanup_free)
		char *level = layout_level_cgroup(&g->layout, levels[i]);

		buf_addf(&wants, "%s%s", i ? " " : "", systemd_unit_of(level));
	}
	scope.wants = wants.data;
	rc = scope_await(g, &scope, SCOPE_NEW_OR_THERE, &g->scope, e);
	return rc == 0 ? cgroups_enter(g->cgroups, e) : rc;
}

/* Levels are made here and not with their first pod, so that one that a crash left without
 * controllers gets them. */
static int make_levels(struct engine *g, struct err *e)
{
	int rc = 0;

	if (g->layout.by_systemd)
		return enter_scope(g, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(levels); i++)
		rc = cgroup_make(g->cgroups, levels[i], CGROUP_INNER, NULL, e);
	return rc;
}

int engine_open(struct engine *g, struct err *e)
{
	CLEANUP(cleanup_free) char *root = layout_root_cgroup(&g->layout);
	int rc = find_check(e);

	if (rc == 0)
		rc = cgroups_open(root, &g->cgroups, e);
	if (rc == 0)
		rc = make_levels(g, e);
	if (rc == 0)
		rc = cgroup_make(g->cgroups, HELPERS_CGROUP, CGROUP_LEAF, NULL, e);
	if (rc == 0)
		engine_find_lsm(g);
	if (rc == 0)
		rc = launcher_open(g, e);
	if (rc == 0)
		rc = profiles_open(g, e);
	return rc;
}

void engine_close(struct engine *g)
{
	launcher_close(g);
	scope_release(g->scope);
	discards_free(g);
	cdi_close(g);
	users_close(g);
	children_free(g);
	profiles_close(g);
	cgroups_free(g->cgroups);
}
