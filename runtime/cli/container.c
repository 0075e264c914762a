#include "cli/container.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/pod_text.h"

const char *container_default(const struct json *pod)
{
	const struct json *list = json_path(pod, "spec.containers");
	const char *name = json_get_str(
		json_path(pod, "metadata.annotations"), "kubectl.kubernetes.io/default-container");
	CLEANUP(buf_free) struct buf all = { 0 };

	if (name && named_entry(list, name))
		return name;
	name = json_get_str(json_at(list, 0), "name");
	if (!name || json_len(list) < 2)
		return name;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *one = json_get_str(json_at(list, i), "name");

		buf_addf(&all, "%s%s", i ? ", " : "", one ? one : "");
	}
	fprintf(stderr, "Defaulted container \"%s\" out of: %s\n", name, all.data);
	return name;
}
