/* What a caller says in the kernel's own words: names of v2 files and what to write there.
 *
 * v1 has no such files.  There the pairs are accepted that the kubelet sends with every container,
 * as long as they state what holds without them: memory.min, memory.low 0 and memory.high max are
 * no protection and no throttling; memory.swap.max 0 is said by memory_swap_bytes, too, or goes
 * with a limit of memory; and of memory.oom.group v1 knows nothing: the kernel kills one process,
 * and a container lives as long as its first one.  Anything else is an error, never ignored.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/cgroup_tree.h"

enum { PAIRS_MAX = 128, KEY_MAX = 64, VALUE_MAX = 4096 };

static bool means_nothing_on_v1(const struct cgroup_pair *p)
{
	static const struct cgroup_pair harmless[] = { { "memory.min", "0" }, { "memory.low", "0" },
		{ "memory.high", "max" }, { "memory.swap.max", "0" }, { "memory.oom.group", "0" },
		{ "memory.oom.group", "1" } };

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (str_eq(p->key, harmless[i].key) && str_eq(p->value, harmless[i].value))
			return true;
	return false;
}

/* "cgroup.procs", "cgroup.kill" … are no limits but what we work by; and memory.reclaim does not
 * return before it has reclaimed. */
static int check(const struct cgroup_pair *p, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(p->key);

	if (!len || len > KEY_MAX || strspn(p->key, letters) != len || p->key[0] == '.' ||
		!strchr(p->key, '.'))
		return err_say(e, EINVAL, "unified %.64s: not CONTROLLER.FILE", p->key);
	if (str_starts(p->key, "cgroup.") || str_eq(p->key, "memory.reclaim"))
		return err_say(e, EINVAL, "unified %s: is no limit", p->key);
	if (!*p->value || strlen(p->value) > VALUE_MAX)
		return err_say(e, EINVAL, "unified %s: the value is %s", p->key,
			*p->value ? "too long" : "empty");
	return 0;
}

int cgroup_unified_add(const struct cgroups *c, const char *path, const struct cgroup_limits *l,
	struct cgroup_writes *w, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);

	if (l->unified_len > PAIRS_MAX)
		return err_say(e, E2BIG, "unified: more than %d pairs", PAIRS_MAX);
	for (size_t i = 0; i < l->unified_len; i++) {
		const struct cgroup_pair *p = &l->unified[i];
		bool is_swap = str_eq(p->key, "memory.swap.max");
		int rc = check(p, e);

		if (rc < 0)
			return rc;
		if (c->is_hybrid && means_nothing_on_v1(p))
			continue;
		if (c->is_hybrid)
			return err_say(e, ENOTSUP, "unified %s: needs cgroup v2", p->key);

		CLEANUP(cleanup_free) char *controller = str_ndup(p->key, strcspn(p->key, "."));

		if ((rc = cgroup_need(c, path, controller, e)) < 0)
			return err_wrap(e, rc, "unified %s", p->key);
		/* Without swap there is no file, and nothing to forbid. */
		cgroup_writes_add(w, dir, p->key,
			is_swap && (str_eq(p->value, "0") || str_eq(p->value, "max"))
				? MISSING_IS_FINE
				: MISSING_IS_ERROR,
			"%s", p->value);
	}
	return 0;
}
