/* The maps of a pod's user namespace.  What the kernel would refuse later is refused here by name;
 * and a pod without root has nobody to build its containers.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan_keys.h"

static const char want[] = "want CONTAINER:HOST:SIZE, ids up to 4294967294";

bool plan_take_id(const char **at, char stop, uint32_t *out)
{
	size_t len = strspn(*at, "0123456789");
	CLEANUP(cleanup_free) char *digits = str_ndup(*at, len);
	int64_t number;

	if ((*at)[len] != stop || str_to_i64(digits, 0, UINT32_MAX, &number) < 0)
		return false;
	*at += len + (stop ? 1 : 0);
	*out = (uint32_t)number;
	return true;
}

/* The last id, 4294967295, is nobody's: it means "as it was" to the kernel. */
static bool is_range(uint32_t first, uint32_t size)
{
	return size > 0 && size <= UINT32_MAX - first;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

int plan_map_add(struct plan_map *m, const struct plan_ids *ids)
{
	if (!is_range(ids->inside, ids->size) || !is_range(ids->outside, ids->size))
		return -EINVAL;
	if (m->len == PLAN_IDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < m->len; i++)
		if (overlap(ids->inside, ids->size, m->at[i].inside, m->at[i].size) ||
			overlap(ids->outside, ids->size, m->at[i].outside, m->at[i].size))
			return -EEXIST;
	m->at = mem_resize(m->at, m->len + 1, sizeof(*m->at));
	m->at[m->len++] = *ids;
	return 0;
}

int plan_map_read(const char *key, const char *value, struct plan_map *m, struct err *e)
{
	struct plan_ids ids = { 0 };
	const char *at = value;
	int rc;

	if (!plan_take_id(&at, ':', &ids.inside) || !plan_take_id(&at, ':', &ids.outside) ||
		!plan_take_id(&at, '\0', &ids.size))
		return err_say(e, EINVAL, "plan: %s=%.64s: %s", key, value, want);
	rc = plan_map_add(m, &ids);
	if (rc == -EINVAL)
		return err_say(e, EINVAL, "plan: %s=%.64s: %s", key, value, want);
	if (rc == -E2BIG)
		return err_say(e, E2BIG, "plan: %s=%.64s: more than %d of them", key, value,
			(int)PLAN_IDS_MAX);
	return rc < 0 ? err_say(e, EINVAL, "plan: %s=%.64s: it overlaps one before it", key, value)
		      : 0;
}

int plan_map_check(const struct plan *p, struct err *e)
{
	if (!p->uid_map.len != !p->gid_map.len)
		return err_say(
			e, EINVAL, "plan: %s is missing", p->uid_map.len ? "gid-map" : "uid-map");
	if (plan_host_id(&p->uid_map, 0) < 0 || plan_host_id(&p->gid_map, 0) < 0)
		return err_say(e, EINVAL, "plan: %s does not map id 0",
			plan_host_id(&p->uid_map, 0) < 0 ? "uid-map" : "gid-map");
	/* Its files would be made the pod's. */
	if (p->host_ipc && p->uid_map.len)
		return err_say(e, EINVAL, "plan: host-ipc excludes uid-map");
	for (size_t i = 0; i < p->mounts_len; i++) {
		const struct plan_mount *m = &p->mounts[i];

		if (m->is_mapped && !m->uids.len && !p->uid_map.len)
			return err_say(
				e, EINVAL, "plan: mount of %s: idmap needs uid-map", m->target);
		/* Whoever is in a user namespace below the host's cannot mount for the host. */
		if (m->propagation == PLAN_SHARED && p->uid_map.len)
			return err_say(
				e, EINVAL, "plan: mount of %s: shared excludes uid-map", m->target);
	}
	return 0;
}

int64_t plan_host_id(const struct plan_map *m, uint32_t id)
{
	if (!m->len)
		return id;
	for (size_t i = 0; i < m->len; i++)
		if (id >= m->at[i].inside && id - m->at[i].inside < m->at[i].size)
			return (int64_t)m->at[i].outside + (id - m->at[i].inside);
	return -1;
}
