#include "daemon/qos.h"

#include "base/log.h"
#include "pod/resources.h"

/* Pods that have a sandbox, or whose sandbox is being made. */
static int64_t cpu_of_level(const struct daemon *d, enum qos_class qos)
{
	int64_t sum = 0;

	for (const struct pod *p = d->pods; p; p = p->next)
		if (p->spec->qos == qos && p->state->sandbox != SANDBOX_NONE &&
			p->state->sandbox != SANDBOX_GONE)
			sum += resources_cpu_request(p->spec);
	return sum;
}

/* Else the level of the BestEffort pods would weigh as much as a whole CPU that somebody asked for.
 * Failing is no reason to refuse a pod: its limits are its own. */
void qos_weigh(const struct daemon *d, enum qos_class qos)
{
	const char *level = layout_level(qos);
	const struct cgroup_limits l = resources_of_level(cpu_of_level(d, qos));
	struct err e = { 0 };

	if (level && cgroup_set_limits(d->engine.cgroups, level, &l, &e) < 0)
		log_warn("%s", e.text);
}
