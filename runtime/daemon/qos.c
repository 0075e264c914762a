#include "daemon/qos.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "pod/resources.h"
#include "sys/systemd.h"

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
void qos_weigh(struct daemon *d, enum qos_class qos)
{
	const char *name = layout_level(qos);
	CLEANUP(cleanup_free) char *level = layout_level_cgroup(&d->engine.layout, name);
	const struct cgroup_limits l = resources_of_level(cpu_of_level(d, qos));
	struct err e = { 0 };

	if (name && d->engine.layout.by_systemd)
		slice_weigh(&d->slices[qos], &d->engine, systemd_unit_of(level),
			cgroup_weight(l.cpu_shares, l.cpu_scale));
	else if (name && cgroup_set_limits(d->engine.cgroups, level, &l, &e) < 0)
		log_warn("%s", e.text);
}

void qos_forget(const struct daemon *d)
{
	for (enum qos_class qos = QOS_BURSTABLE; qos <= QOS_BEST_EFFORT; qos++) {
		CLEANUP(cleanup_free)
		char *level = layout_level_cgroup(&d->engine.layout, layout_level(qos));

		if (d->engine.layout.by_systemd)
			slice_forget(systemd_unit_of(level));
	}
}
