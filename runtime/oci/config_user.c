/* linux.uidMappings and linux.gidMappings: the container's own user namespace, and the ids of
 * mounts.
 */
#include "oci/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int read_range(const struct part *range, struct plan_ids *out, struct err *e)
{
	static const struct {
		const char *key;
		int64_t min;
	} keys[] = { { "containerID", 0 }, { "hostID", 0 }, { "size", 1 } };
	uint32_t *const to[] = { &out->inside, &out->outside, &out->size };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct bounds b = { keys[i].min, UINT32_MAX };
		int64_t n = 0;
		int rc = read_number(range, keys[i].key, b, &n, e);

		if (rc == 0)
			return read_refuse(range, keys[i].key, "it is missing", e);
		if (rc < 0)
			return rc;
		*to[i] = (uint32_t)n;
	}
	return 0;
}

/* The plan's reader checks what they are together. */
static int read_map(const struct part *p, const char *key, struct plan_map *out, struct err *e)
{
	struct part list, range;
	int rc = part_get(p, key, JSON_ARRAY, &list, e);

	if (rc == 0 && json_len(list.json) > PLAN_IDS_MAX)
		return err_say(
			e, E2BIG, "config.json: %s: more than %d", list.path, (int)PLAN_IDS_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		struct plan_ids ids = { 0 };

		if ((rc = part_element(&list, i, JSON_OBJECT, &range, e)) < 0 ||
			(rc = read_range(&range, &ids, e)) < 0)
			return rc;
		out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
		out->at[out->len++] = ids;
	}
	return rc;
}

static const struct json *user_namespace(const struct json *config)
{
	const struct json *list = json_path(config, "linux.namespaces");

	for (size_t i = 0; i < json_len(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "type"), "user"))
			return json_at(list, i);
	return NULL;
}

const char *config_user_path(const struct json *config)
{
	const char *path = json_get_str(user_namespace(config), "path");

	return path && *path ? path : NULL;
}

static bool has_range(const struct plan_map *m, const struct plan_ids *ids)
{
	for (size_t i = 0; i < m->len; i++)
		if (memcmp(&m->at[i], ids, sizeof(*ids)) == 0)
			return true;
	return false;
}

/* The kernel may have sorted one of them. */
static bool is_same(const struct plan_map *a, const struct plan_map *b)
{
	bool is = a->len == b->len;

	for (size_t i = 0; is && i < a->len; i++)
		is = has_range(b, &a->at[i]);
	return is;
}

/* podman gives this one where it knows none, since others want some. */
static bool is_placeholder(const struct plan_map *m)
{
	const struct plan_ids ids = { 0, 0, 1 };

	return m->len == 1 && has_range(m, &ids);
}

/* own: those of the namespace at the container's path. */
static int check_joined(
	const struct part *linux_part, const char *key, const struct plan_map *own, struct err *e)
{
	struct plan_map m = { 0 };
	int rc = read_map(linux_part, key, &m, e);

	if (rc == 0 && m.len && !is_placeholder(&m) && !is_same(&m, own))
		rc = read_refuse(linux_part, key,
			"they are not those of the user namespace that is there", e);
	free(m.at);
	return rc;
}

int config_maps(const struct json *config, struct plan *p, struct err *e)
{
	static const char *const keys[] = { "uidMappings", "gidMappings" };
	struct plan_map *const maps[] = { &p->uid_map, &p->gid_map };
	const struct part whole = part_of(config, "");
	const bool has_namespace = user_namespace(config) != NULL;
	struct part linux_part;
	int rc = part_get(&whole, "linux", JSON_OBJECT, &linux_part, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(keys); i++) {
		rc = config_user_path(config) ? check_joined(&linux_part, keys[i], maps[i], e)
					      : read_map(&linux_part, keys[i], maps[i], e);
		if (rc < 0)
			return rc;
		if (!maps[i]->len && has_namespace)
			return read_refuse(&linux_part, keys[i], "a user namespace needs them", e);
		if (maps[i]->len && !has_namespace)
			return read_refuse(&linux_part, keys[i], "they need a user namespace", e);
	}
	return rc;
}

/* Ones that are the container's own need no namespace more. */
static void use_maps(const struct plan *p, struct plan_mount *m)
{
	m->is_mapped = true;
	if (!is_same(&m->uids, &p->uid_map) || !is_same(&m->gids, &p->gid_map))
		return;
	free(m->uids.at);
	free(m->gids.at);
	m->uids = m->gids = (struct plan_map){ 0 };
}

static int read_mount_map(
	const struct part *mount, const char *key, struct plan_map *out, struct err *e)
{
	struct plan_map m = { 0 };
	int rc = read_map(mount, key, &m, e);

	for (size_t i = 0; rc == 0 && i < m.len; i++)
		if (plan_map_add(out, &m.at[i]) < 0)
			rc = read_refuse(mount, key, "ranges overlap, or are none", e);
	free(m.at);
	return rc;
}

int config_mount_maps(
	const struct part *mount, const struct plan *p, struct plan_mount *m, struct err *e)
{
	int rc = read_mount_map(mount, "uidMappings", &m->uids, e);

	if (rc == 0)
		rc = read_mount_map(mount, "gidMappings", &m->gids, e);
	if (rc < 0)
		return rc;
	if (!m->uids.len != !m->gids.len)
		return read_refuse(
			mount, m->uids.len ? "gidMappings" : "uidMappings", "want both or none", e);
	if (m->uids.len)
		use_maps(p, m);
	return 0;
}

/* The last ids may lie elsewhere than behind the first: only within one range all are known. */
static bool to_host(const struct plan_map *own, struct plan_ids *ids)
{
	for (size_t i = 0; i < own->len; i++) {
		const struct plan_ids *range = &own->at[i];
		const uint32_t skipped = ids->outside - range->inside;

		if (ids->outside < range->inside || skipped >= range->size ||
			ids->size > range->size - skipped)
			continue;
		ids->outside = range->outside + skipped;
		return true;
	}
	return false;
}

/* "[@]FILE-HOST-SIZE" up to '#' or stop: with '@' HOST is an id of the container. */
static bool take_triplet(
	const char **at, char stop, const struct plan_map *own, struct plan_ids *out)
{
	const bool is_relative = **at == '@';

	*at += is_relative;
	if (!plan_take_id(at, '-', &out->inside) || !plan_take_id(at, '-', &out->outside) ||
		(!plan_take_id(at, '#', &out->size) && !plan_take_id(at, stop, &out->size)) ||
		out->size == 0)
		return false;
	return !is_relative || to_host(own, out);
}

static bool take_list(const char **at, const char *key, char stop, const struct plan_map *own,
	struct plan_map *out)
{
	struct plan_ids ids;

	if (!str_starts(*at, key))
		return false;
	*at += strlen(key);
	do
		if (!take_triplet(at, stop, own, &ids) || plan_map_add(out, &ids) < 0)
			return false;
	while ((*at)[-1] == '#');
	return true;
}

int config_mount_option_maps(const struct part *mount, const char *text, const struct plan *p,
	struct plan_mount *m, struct err *e)
{
	const char *at = text;

	if (m->uids.len || !take_list(&at, "uids=", ';', &p->uid_map, &m->uids) ||
		!take_list(&at, "gids=", '\0', &p->gid_map, &m->gids))
		return read_refuse(
			mount, "options", "want idmap=uids=[@]FILE-HOST-SIZE[#…];gids=…", e);
	use_maps(p, m);
	return 0;
}
