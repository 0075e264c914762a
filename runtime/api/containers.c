#include "api/containers.h"

#include "api/kube_status.h"
#include "base/cleanup.h"

/* In the order in which the reference lists them. */
static const char *const lists[] = { "spec.initContainers", "spec.containers",
	"spec.ephemeralContainers" };

static bool is_there(const struct json *pod, const char *name)
{
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json *list = json_path(pod, lists[l]);

		for (size_t i = 0; i < json_len(list); i++) {
			if (str_eq(json_get_str(json_at(list, i), "name"), name))
				return true;
		}
	}
	return false;
}

static void refuse_unclear(const struct rest_request *r, const struct json *pod)
{
	CLEANUP(buf_free) struct buf names = { 0 };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json *list = json_path(pod, lists[l]);

		for (size_t i = 0; i < json_len(list); i++)
			buf_addf(&names, "%s%s", names.len ? " " : "",
				json_get_str(json_at(list, i), "name"));
	}
	kube_bad_request(r, "a container name must be specified for pod %s, choose one of: [%s]",
		r->name, names.data ? names.data : "");
}

char *container_choose(const struct rest_request *r, const struct json *pod)
{
	const char *asked = query_get(&r->query, "container");
	const struct json *containers = json_path(pod, "spec.containers");

	if (!asked || !*asked) {
		if (json_len(containers) == 1)
			return str_dup(json_get_str(json_at(containers, 0), "name"));
		refuse_unclear(r, pod);
		return NULL;
	}
	if (is_there(pod, asked))
		return str_dup(asked);
	kube_bad_request(r, "container %s is not valid for pod %s", asked, r->name);
	return NULL;
}
