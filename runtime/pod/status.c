#include "pod/status.h"

#include "base/cleanup.h"
#include "pod/status_parts.h"

bool pod_is_final(const struct pod_state *s)
{
	return s->phase == POD_SUCCEEDED || s->phase == POD_FAILED;
}

bool pod_is_ready(const struct pod_spec *spec, const struct pod_state *s)
{
	return conditions_value(spec, s, COND_READY);
}

/* Kubernetes' table (spec §2), without init containers.  A container that waits for its restart
 * counts as stopped, but it keeps the pod Running. */
static enum pod_phase phase_of(const struct pod_state *s)
{
	bool has_unborn = false, has_live = false, all_well = true;

	if (pod_is_final(s))
		return s->phase;
	for (size_t i = 0; i < s->ctrs_len; i++) {
		const struct ctr_state *c = &s->ctrs[i];
		bool runs = c->phase == CTR_RUNNING || c->phase == CTR_ENDING;

		has_unborn = has_unborn || (!runs && !c->last.is_set);
		has_live = has_live || c->phase != CTR_EXITED;
		all_well = all_well && c->last.is_set && c->last.exit_code == 0;
	}
	if (has_unborn)
		return POD_PENDING;
	if (has_live)
		return POD_RUNNING;
	return all_well ? POD_SUCCEEDED : POD_FAILED;
}

void status_update(const struct pod_spec *spec, struct pod_state *s, struct moment now)
{
	s->phase = phase_of(s);
	for (int c = 0; c < POD_CONDITIONS; c++) {
		bool value = conditions_value(spec, s, (enum pod_condition)c);

		if (s->conditions[c].value == value)
			continue;
		s->conditions[c].value = value;
		s->conditions[c].since_wall_ms = now.wall_ms;
	}
}

static struct json *ip_list(const char *ip)
{
	struct json *list = json_new_array(), *entry = json_new_object();

	json_set_str(entry, "ip", ip);
	json_push(list, entry);
	return list;
}

static const char *const qos_names[] = {
	[QOS_GUARANTEED] = "Guaranteed",
	[QOS_BURSTABLE] = "Burstable",
	[QOS_BEST_EFFORT] = "BestEffort",
};

/* Members stand in the order of Kubernetes' own type. */
struct json *status_to_json(const struct pod_spec *spec, const struct pod_state *s,
	const struct status_node *node, int64_t generation)
{
	struct json *j = json_new_object();

	json_set_i64(j, "observedGeneration", generation);
	json_set_str(j, "phase", pod_phase_name(s->phase));
	if (s->stop != STOP_REJECTED)
		json_set(j, "conditions", conditions_to_json(spec, s, generation));
	json_set_str(j, "message", s->message);
	json_set_str(j, "reason", s->reason);
	if (node->host_ip) {
		json_set_str(j, "hostIP", node->host_ip);
		json_set(j, "hostIPs", ip_list(node->host_ip));
	}
	if (node->pod_ip) {
		json_set_str(j, "podIP", node->pod_ip);
		json_set(j, "podIPs", ip_list(node->pod_ip));
	}
	json_set(j, "startTime", json_new_time(s->created_wall_ms));
	if (s->stop != STOP_REJECTED)
		json_set(j, "containerStatuses", ctr_statuses_to_json(spec, s, node));
	json_set_str(j, "qosClass", qos_names[spec->qos]);
	return j;
}
