/* The types behind fields that choose among nodes, see manifest_fields.h: ignored on one node, but
 * a mistake inside them is still a mistake.
 */
#include "base/cleanup.h"
#include "spec/manifest_fields.h"

#define TYPE(name, rows)                                                                           \
	{                                                                                          \
		name, rows, ARRAY_LEN(rows)                                                        \
	}

static const struct field affinity[] = {
	{ "nodeAffinity", "*v1.NodeAffinity", HONOURED, NULL },
	{ "podAffinity", "*v1.PodAffinity", HONOURED, NULL },
	{ "podAntiAffinity", "*v1.PodAntiAffinity", HONOURED, NULL },
};

static const struct field node_affinity[] = {
	{ "requiredDuringSchedulingIgnoredDuringExecution", "*v1.NodeSelector", HONOURED, NULL },
	{ "preferredDuringSchedulingIgnoredDuringExecution", "[]v1.PreferredSchedulingTerm",
		HONOURED, NULL },
};

static const struct field node_selector[] = {
	{ "nodeSelectorTerms", "[]v1.NodeSelectorTerm", WRITTEN, NULL },
};

static const struct field node_selector_term[] = {
	{ "matchExpressions", "[]v1.NodeSelectorRequirement", HONOURED, NULL },
	{ "matchFields", "[]v1.NodeSelectorRequirement", HONOURED, NULL },
};

static const struct field node_selector_requirement[] = {
	{ "key", "string", WRITTEN, NULL },
	{ "operator", "v1.NodeSelectorOperator", WRITTEN, NULL },
	{ "values", "[]string", HONOURED, NULL },
};

static const struct field preferred_term[] = {
	{ "weight", "int32", WRITTEN, NULL },
	{ "preference", "v1.NodeSelectorTerm", WRITTEN, NULL },
};

static const struct field pod_affinity[] = {
	{ "requiredDuringSchedulingIgnoredDuringExecution", "[]v1.PodAffinityTerm", HONOURED,
		NULL },
	{ "preferredDuringSchedulingIgnoredDuringExecution", "[]v1.WeightedPodAffinityTerm",
		HONOURED, NULL },
};

static const struct field pod_affinity_term[] = {
	{ "labelSelector", "*v1.LabelSelector", HONOURED, NULL },
	{ "namespaces", "[]string", HONOURED, NULL },
	{ "topologyKey", "string", WRITTEN, NULL },
	{ "namespaceSelector", "*v1.LabelSelector", HONOURED, NULL },
	{ "matchLabelKeys", "[]string", HONOURED, NULL },
	{ "mismatchLabelKeys", "[]string", HONOURED, NULL },
};

static const struct field weighted_term[] = {
	{ "weight", "int32", WRITTEN, NULL },
	{ "podAffinityTerm", "v1.PodAffinityTerm", WRITTEN, NULL },
};

static const struct field label_selector[] = {
	{ "matchLabels", "map[string]string", HONOURED, NULL },
	{ "matchExpressions", "[]v1.LabelSelectorRequirement", HONOURED, NULL },
};

static const struct field label_selector_requirement[] = {
	{ "key", "string", WRITTEN, NULL },
	{ "operator", "v1.LabelSelectorOperator", WRITTEN, NULL },
	{ "values", "[]string", HONOURED, NULL },
};

static const struct field toleration[] = {
	{ "key", "string", HONOURED, NULL },
	{ "operator", "v1.TolerationOperator", HONOURED, NULL },
	{ "value", "string", HONOURED, NULL },
	{ "effect", "v1.TaintEffect", HONOURED, NULL },
	{ "tolerationSeconds", "*int64", HONOURED, NULL },
};

static const struct field topology_spread[] = {
	{ "maxSkew", "int32", WRITTEN, NULL },
	{ "topologyKey", "string", WRITTEN, NULL },
	{ "whenUnsatisfiable", "v1.UnsatisfiableConstraintAction", WRITTEN, NULL },
	{ "labelSelector", "*v1.LabelSelector", HONOURED, NULL },
	{ "minDomains", "*int32", HONOURED, NULL },
	{ "nodeAffinityPolicy", "*v1.NodeInclusionPolicy", HONOURED, NULL },
	{ "nodeTaintsPolicy", "*v1.NodeInclusionPolicy", HONOURED, NULL },
	{ "matchLabelKeys", "[]string", HONOURED, NULL },
};

static const struct field scheduling_group[] = {
	{ "podGroupName", "*string", HONOURED, NULL },
};

static const struct type rows[] = {
	TYPE("v1.Affinity", affinity),
	TYPE("v1.NodeAffinity", node_affinity),
	TYPE("v1.NodeSelector", node_selector),
	TYPE("v1.NodeSelectorTerm", node_selector_term),
	TYPE("v1.NodeSelectorRequirement", node_selector_requirement),
	TYPE("v1.PreferredSchedulingTerm", preferred_term),
	TYPE("v1.PodAffinity", pod_affinity),
	TYPE("v1.PodAntiAffinity", pod_affinity),
	TYPE("v1.PodAffinityTerm", pod_affinity_term),
	TYPE("v1.WeightedPodAffinityTerm", weighted_term),
	TYPE("v1.LabelSelector", label_selector),
	TYPE("v1.LabelSelectorRequirement", label_selector_requirement),
	TYPE("v1.Toleration", toleration),
	TYPE("v1.TopologySpreadConstraint", topology_spread),
	TYPE("v1.PodSchedulingGroup", scheduling_group),
};
const struct types scheduling_types = { rows, ARRAY_LEN(rows) };
