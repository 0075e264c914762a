/* What the API shows of a pod: what was asked for, as it was stored, and what has become of it. */
#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "pod/status.h"

static void add_deletion(const struct pod_state *s, struct json *metadata)
{
	char when[CLOCK_TEXT_MAX];

	if (s->delete_wall_ms == 0)
		return;
	clock_rfc3339(s->delete_wall_ms, when);
	json_set_str(metadata, "deletionTimestamp", when);
	json_set_i64(metadata, "deletionGracePeriodSeconds", s->grace_seconds);
}

struct json *pod_object(const struct pod *p)
{
	struct json *object = json_copy(p->object);
	struct json *metadata = json_get(object, "metadata");
	const struct status_node node = { .host_ip = p->d->host_ip,
		.pod_ip = p->facts.pod_ip,
		.containers = json_path(p->object, "spec.containers") };

	json_set_i64(metadata, "generation", p->generation);
	add_deletion(p->state, metadata);
	json_set(object, "status", status_to_json(p->spec, p->state, &node, p->generation));
	return object;
}

void objects_put(struct daemon *d, enum object_kind kind, const struct json *object)
{
	versions_reserve(d);
	(void)store_put(d->store, kind, object);
}

void objects_delete(struct daemon *d, enum object_kind kind, const char *ns, const char *name,
	const struct json *last)
{
	versions_reserve(d);
	(void)store_delete(d->store, kind, ns, name, last);
}
