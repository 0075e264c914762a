/* carpel/probe.<container>.<liveness|readiness|startup>.<period|timeout|delay>-ms: a probe's times
 * in milliseconds, which Kubernetes has no field for.
 */
#include "spec/annotations.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct timing_row {
	const char *word;
	int64_t min_ms;
	size_t at; /* in struct probe_timing */
};

/* A probe every 10 ms is a hundred times what Kubernetes can ask for, and no more than one core's
 * per cent.  The upper end is that of Kubernetes' seconds. */
static const struct timing_row timings[] = {
	{ "period-ms", 10, offsetof(struct probe_timing, period_ms) },  /**/
	{ "timeout-ms", 1, offsetof(struct probe_timing, timeout_ms) }, /**/
	{ "delay-ms", 0, offsetof(struct probe_timing, delay_ms) },     /**/
};

static const int64_t time_max_ms = INT32_MAX * INT64_C(1000);

static const struct {
	const char *word, *field;
	enum probe_type type;
} probes[] = {
	{ "liveness", "livenessProbe", PROBE_LIVENESS },    /**/
	{ "readiness", "readinessProbe", PROBE_READINESS }, /**/
	{ "startup", "startupProbe", PROBE_STARTUP },       /**/
};

struct probe_key {
	char *container;
	size_t probe; /* index of probes */
	const struct timing_row *timing;
};

static void probe_key_free(struct probe_key *k)
{
	free(k->container);
}

/* False: not a key of this kind.  A container's name has no dot, so there is one way to read it. */
static bool parse_key(const char *key, struct probe_key *out)
{
	static const char prefix[] = "carpel/probe.";
	const char *name = key + strlen(prefix), *word, *what;

	if (!str_starts(key, prefix) || !(word = strchr(name, '.')) || word == name ||
		!(what = strchr(word + 1, '.')))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++)
		for (size_t k = 0; k < ARRAY_LEN(timings); k++) {
			size_t len = strlen(probes[i].word);

			if ((size_t)(what - word - 1) != len ||
				memcmp(word + 1, probes[i].word, len) != 0 ||
				!str_eq(what + 1, timings[k].word))
				continue;
			*out = (struct probe_key){ str_ndup(name, (size_t)(word - name)), i,
				&timings[k] };
			return true;
		}
	return false;
}

static const struct json *find_container(const struct json *spec, const char *name)
{
	const struct json *containers = json_get(spec, "containers");

	for (size_t i = 0; i < json_len(containers); i++)
		if (str_eq(text_at(json_at(containers, i), "name"), name))
			return json_at(containers, i);
	return NULL;
}

static void check_annotation(struct check *k, const char *key, const char *value)
{
	CLEANUP(probe_key_free) struct probe_key at = { 0 };
	CLEANUP(cleanup_free) char *field = str_fmt("metadata.annotations[%s]", key);
	CLEANUP(cleanup_free) char *detail = NULL;
	const struct json *container;
	int64_t ms = 0;

	if (!parse_key(key, &at)) {
		cause_forbidden(k->causes, field, "carpel has no such annotation");
		return;
	}
	container = find_container(k->spec, at.container);
	if (!container) {
		cause_not_found(k->causes, field, at.container);
	} else if (!json_get(container, probes[at.probe].field)) {
		detail = str_fmt("container %s has no %s", at.container, probes[at.probe].field);
		cause_forbidden(k->causes, field, detail);
	} else if (str_to_i64(value, at.timing->min_ms, time_max_ms, &ms) < 0) {
		detail = str_fmt("must be between %lld and %lld, inclusive",
			(long long)at.timing->min_ms, (long long)time_max_ms);
		cause_invalid(k->causes, field, value, detail);
	}
}

void validate_annotations(struct check *k, const struct json *annotations)
{
	for (size_t i = 0; i < json_len(annotations); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(annotations, i, &key));

		if (str_starts(key, "carpel/"))
			check_annotation(k, key, value);
	}
}

void annotations_apply(const struct json *annotations, struct pod_spec *pod)
{
	for (size_t i = 0; i < json_len(annotations); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(annotations, i, &key));
		CLEANUP(probe_key_free) struct probe_key at = { 0 };

		if (!parse_key(key, &at))
			continue;
		for (size_t c = 0; c < pod->containers_len; c++) {
			struct probe_spec *p = &pod->containers[c].probes[probes[at.probe].type];

			/* Checked before, so it is a number in its range. */
			if (str_eq(pod->containers[c].name, at.container))
				(void)str_to_i64(value, 0, time_max_ms,
					(int64_t *)(void *)((char *)&p->timing + at.timing->at));
		}
	}
}
