/* A container's limit is on its writable layer and its logs; the pod's is the sum of those limits,
 * on all that it has, what containers without a limit have too (spec/pod-lifecycle.md §14).
 */
#include "pod/disk.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/quantity_text.h"

size_t disk_trees(const struct pod_spec *pod)
{
	return pod->volumes_len + 2 * pod->containers_len;
}

size_t disk_tree(const struct pod_spec *pod, enum disk_part part, size_t i)
{
	const size_t first[] = {
		[DISK_VOLUME] = 0,
		[DISK_LOGS] = pod->volumes_len,
		[DISK_LAYER] = pod->volumes_len + pod->containers_len,
	};

	return first[part] + i;
}

bool disk_has_tree(const struct pod_spec *pod, enum disk_part part, size_t i)
{
	return part != DISK_VOLUME ||
	       (pod->volumes[i].kind == VOLUME_EMPTY_DIR && !pod->volumes[i].in_memory);
}

/* Of a container all that is kept of its instances. */
char *disk_path(const struct layout *l, const struct place *at, const struct pod_spec *pod,
	enum disk_part part, size_t i)
{
	if (!disk_has_tree(pod, part, i))
		return NULL;
	switch (part) {
	case DISK_VOLUME:
		return str_fmt("%s/volumes/%s", at->dir, pod->volumes[i].name);
	case DISK_LOGS:
		return layout_log_dir(l, pod, pod->containers[i].name);
	case DISK_LAYER:
		return str_fmt("%s/containers/%s", at->dir, pod->containers[i].name);
	}
	return NULL;
}

static bool is_limited_volume(const struct volume_spec *v)
{
	return v->kind == VOLUME_EMPTY_DIR && !v->in_memory && v->size_limit_bytes > 0;
}

static bool is_limited_container(const struct container_spec *c)
{
	return c->limits.ephemeral_bytes >= 0;
}

bool disk_is_limited(const struct pod_spec *pod)
{
	for (size_t i = 0; i < pod->volumes_len; i++)
		if (is_limited_volume(&pod->volumes[i]))
			return true;
	for (size_t i = 0; i < pod->containers_len; i++)
		if (is_limited_container(&pod->containers[i]))
			return true;
	return false;
}

static void add(struct disk_use *sum, const struct disk_use *u)
{
	sum->bytes = u->bytes > UINT64_MAX - sum->bytes ? UINT64_MAX : sum->bytes + u->bytes;
	sum->is_cut |= u->is_cut;
}

static bool is_over(const struct disk_use *u, int64_t limit)
{
	return u->is_cut || u->bytes > (uint64_t)limit;
}

/* What cannot be counted cannot be held to a limit either. */
static char *say(const struct disk_use *u, int64_t limit, char *text)
{
	CLEANUP(cleanup_free) char *owned = text;

	return u->bytes > (uint64_t)limit
		       ? TAKE(owned)
		       : str_fmt("%sThere are more files than can be counted. ", owned);
}

static char *check_volume(
	const struct pod_spec *pod, const struct json *object, const struct disk_use *use, size_t i)
{
	const struct volume_spec *v = &pod->volumes[i];
	const struct disk_use *u = &use[disk_tree(pod, DISK_VOLUME, i)];
	const struct json *at = json_at(json_path(object, "spec.volumes"), i);
	const char *limit = json_str(json_path(at, "emptyDir.sizeLimit"));

	if (!is_limited_volume(v) || !is_over(u, v->size_limit_bytes))
		return NULL;
	return say(u, v->size_limit_bytes,
		str_fmt("Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\". ", v->name,
			limit ? limit : ""));
}

static const char *limit_text(const struct json *object, size_t container)
{
	const struct json *at = json_at(json_path(object, "spec.containers"), container);
	const char *text = json_get_str(json_path(at, "resources.limits"), "ephemeral-storage");

	return text ? text : "";
}

static void add_container(
	const struct pod_spec *pod, const struct disk_use *use, size_t i, struct disk_use *sum)
{
	add(sum, &use[disk_tree(pod, DISK_LOGS, i)]);
	add(sum, &use[disk_tree(pod, DISK_LAYER, i)]);
}

static char *check_container(
	const struct pod_spec *pod, const struct json *object, const struct disk_use *use, size_t i)
{
	const struct container_spec *c = &pod->containers[i];
	struct disk_use sum = { 0 };

	add_container(pod, use, i, &sum);
	if (!is_limited_container(c) || !is_over(&sum, c->limits.ephemeral_bytes))
		return NULL;
	return say(&sum, c->limits.ephemeral_bytes,
		str_fmt("Container %s exceeded its local ephemeral storage limit \"%s\". ", c->name,
			limit_text(object, i)));
}

/* In the form of the first of them, as Kubernetes adds quantities. */
static void write_sum(int64_t sum, const char *first, struct buf *out)
{
	static const struct {
		int64_t size;
		const char *suffix;
	} units[] = { { INT64_C(1) << 60, "Ei" }, { INT64_C(1) << 50, "Pi" },
		{ INT64_C(1) << 40, "Ti" }, { 1 << 30, "Gi" }, { 1 << 20, "Mi" },
		{ 1 << 10, "Ki" } };
	CLEANUP(cleanup_free) char *plain = str_fmt("%" PRId64, sum);

	for (size_t i = 0; strchr(first, 'i') && i < ARRAY_LEN(units); i++)
		if (sum % units[i].size == 0) {
			buf_addf(out, "%" PRId64 "%s", sum / units[i].size, units[i].suffix);
			return;
		}
	(void)quantity_canonical(plain, out);
}

static char *check_pod(
	const struct pod_spec *pod, const struct json *object, const struct disk_use *use)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct disk_use sum = { 0 };
	const char *first = NULL;
	int64_t limit = 0;

	for (size_t i = 0; i < pod->containers_len; i++) {
		const struct container_spec *c = &pod->containers[i];

		add_container(pod, use, i, &sum);
		if (!is_limited_container(c))
			continue;
		first = first ? first : limit_text(object, i);
		limit = c->limits.ephemeral_bytes > INT64_MAX - limit
				? INT64_MAX
				: limit + c->limits.ephemeral_bytes;
	}
	for (size_t i = 0; i < pod->volumes_len; i++)
		add(&sum, &use[disk_tree(pod, DISK_VOLUME, i)]);
	if (!first || !is_over(&sum, limit))
		return NULL;
	write_sum(limit, first, &text);
	return say(&sum, limit,
		str_fmt("Pod ephemeral local storage usage exceeds the total limit of containers "
			"%s. ",
			text.data));
}

char *disk_verdict(
	const struct pod_spec *pod, const struct json *object, const struct disk_use *use)
{
	char *why = NULL;

	for (size_t i = 0; !why && i < pod->volumes_len; i++)
		why = check_volume(pod, object, use, i);
	if (!why)
		why = check_pod(pod, object, use);
	for (size_t i = 0; !why && i < pod->containers_len; i++)
		why = check_container(pod, object, use, i);
	return why;
}
