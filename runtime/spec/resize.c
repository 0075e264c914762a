#include "spec/resize.h"

#include <stdlib.h>

#include "base/cleanup.h"

static const char *const lists[] = { "limits", "requests" };
static const char *const resources[] = { "cpu", "memory" };

static bool is_resizable_annotation(const char *key)
{
	return str_starts(key, "carpel/io.") || str_eq(key, "carpel/pids-limit");
}

/* Of a container that has no such list, one that is empty. */
static struct json *list_of(struct json *container, const char *list)
{
	struct json *all = json_get(container, "resources");

	if (!all) {
		all = json_new_object();
		json_set(container, "resources", all);
	}
	if (!json_get(all, list))
		json_set(all, list, json_new_object());
	return json_get(all, list);
}

static void drop_amounts(struct json *spec)
{
	struct json *containers = json_get(spec, "containers");

	for (size_t i = 0; i < json_len(containers); i++)
		for (size_t l = 0; l < ARRAY_LEN(lists); l++)
			for (size_t r = 0; r < ARRAY_LEN(resources); r++)
				(void)json_remove(
					list_of(json_at(containers, i), lists[l]), resources[r]);
}

/* The spec with all that may not change.  A manifest names no node, a stored pod does. */
static struct json *fixed_spec(const struct json *pod)
{
	struct json *spec = json_copy(json_get(pod, "spec"));

	drop_amounts(spec);
	(void)json_remove(spec, "nodeName");
	return spec;
}

static bool have_same_names(const struct json *a, const struct json *b)
{
	if (json_len(a) != json_len(b))
		return false;
	for (size_t i = 0; i < json_len(a); i++)
		if (!str_eq(json_get_str(json_at(a, i), "name"),
			    json_get_str(json_at(b, i), "name")))
			return false;
	return true;
}

static void validate_removal(
	const struct json *before, const struct json *after, size_t container, struct causes *c)
{
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json *was = json_get(json_get(before, "resources"), lists[l]);
		const struct json *is = json_get(json_get(after, "resources"), lists[l]);
		CLEANUP(cleanup_free)
		char *at = str_fmt("spec.containers[%zu].resources.%s", container, lists[l]);
		CLEANUP(cleanup_free)
		char *why = str_fmt("resource %s cannot be removed", lists[l]);

		for (size_t r = 0; r < ARRAY_LEN(resources); r++)
			if (json_get(was, resources[r]) && !json_get(is, resources[r])) {
				cause_forbidden(c, at, why);
				break;
			}
	}
}

static void validate_spec(const struct json *stored, const struct json *asked, struct causes *c)
{
	const struct json *was = json_path(stored, "spec.containers");
	const struct json *is = json_path(asked, "spec.containers");
	CLEANUP(cleanup_json) struct json *before = fixed_spec(stored);
	CLEANUP(cleanup_json) struct json *after = fixed_spec(asked);

	if (!have_same_names(was, is)) {
		cause_forbidden(c, "spec", "containers may not be renamed or reordered on resize");
		return;
	}
	for (size_t i = 0; i < json_len(was); i++)
		validate_removal(json_at(was, i), json_at(is, i), i, c);
	if (!json_equal(before, after))
		cause_forbidden(c, "spec", "only cpu and memory resources are mutable");
}

/* Of one of them "no limit" could not be told from "as it is" while the container runs. */
static void validate_annotations(
	const struct json *before, const struct json *after, struct causes *c)
{
	for (size_t i = 0; i < json_len(before); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(before, i, &key));
		const char *now = json_get_str(after, key);
		CLEANUP(cleanup_free) char *at = str_fmt("metadata.annotations[%s]", key);

		if (is_resizable_annotation(key) ? !now : !str_eq(value, now))
			cause_forbidden(c, at,
				now ? "a resize changes only carpel/io.* and carpel/pids-limit"
				    : "cannot be removed by a resize");
	}
	for (size_t i = 0; i < json_len(after); i++) {
		const char *key = NULL;
		CLEANUP(cleanup_free) char *at = NULL;

		(void)json_member(after, i, &key);
		at = str_fmt("metadata.annotations[%s]", key);
		if (!json_get(before, key) && !is_resizable_annotation(key))
			cause_forbidden(c, at, "cannot be added by a resize");
	}
}

void resize_validate(
	const struct json *stored, const struct json *asked, enum qos_class qos, struct causes *c)
{
	static const char *const names[] = {
		[QOS_GUARANTEED] = "Guaranteed",
		[QOS_BURSTABLE] = "Burstable",
		[QOS_BEST_EFFORT] = "BestEffort",
	};
	const char *before = json_str(json_path(stored, "status.qosClass"));
	const struct json *labels = json_path(stored, "metadata.labels");
	const struct json *new_labels = json_path(asked, "metadata.labels");

	if (!str_eq(before, names[qos]))
		cause_invalid(c, "spec", before ? before : "",
			"Pod QOS Class may not change as a result of resizing");
	validate_spec(stored, asked, c);
	validate_annotations(json_path(stored, "metadata.annotations"),
		json_path(asked, "metadata.annotations"), c);
	if (json_len(labels) != json_len(new_labels) ||
		(json_len(labels) && !json_equal(labels, new_labels)))
		cause_forbidden(c, "metadata.labels", "cannot be changed by a resize");
}

bool resize_changes(const struct json *stored, const struct json *asked)
{
	const struct json *was = json_path(stored, "metadata.annotations");
	const struct json *is = json_path(asked, "metadata.annotations");
	CLEANUP(cleanup_json) struct json *before = json_copy(json_get(stored, "spec"));
	CLEANUP(cleanup_json) struct json *after = json_copy(json_get(asked, "spec"));

	(void)json_remove(before, "nodeName");
	(void)json_remove(after, "nodeName");
	return !json_equal(before, after) || json_len(was) != json_len(is) ||
	       (json_len(was) && !json_equal(was, is));
}
