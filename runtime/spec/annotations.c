/* What Kubernetes has no field for: a probe's times in milliseconds (carpel/probe.…), limits of
 * block IO (carpel/io.…) and of processes (carpel/pids-limit), devices (carpel/devices.…).
 */
#include "spec/annotations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/quantity.h"

/* ---- carpel/probe.<container>.<liveness|readiness|startup>.<period|timeout|delay>-ms ---- */

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

/* ---- carpel/io.<container>.<limit> ---- */

struct limit_row {
	const char *word;
	int64_t min, max;
	size_t at; /* in struct io_spec */
	int (*read)(const char *text, int64_t *out);
};

static int read_digits(const char *text, int64_t *out)
{
	return str_to_i64(text, 0, INT64_MAX, out);
}

/* v1 keeps operations in 32 bits. */
static const struct limit_row ios[] = {
	{ "max-read-bps", 1024, INT64_MAX, offsetof(struct io_spec, read_bps), quantity_units },
	{ "max-write-bps", 1024, INT64_MAX, offsetof(struct io_spec, write_bps), quantity_units },
	{ "max-read-iops", 1, UINT32_MAX, offsetof(struct io_spec, read_iops), read_digits },
	{ "max-write-iops", 1, UINT32_MAX, offsetof(struct io_spec, write_iops), read_digits },
	{ "weight", 1, 10000, offsetof(struct io_spec, weight), read_digits },
};

static const struct limit_row pids_row = { "carpel/pids-limit", 16, 4 << 20, 0, read_digits };

/* NULL: not a key of this kind. */
static const struct limit_row *parse_io_key(const char *key, char **out_container)
{
	static const char prefix[] = "carpel/io.";
	const char *name = key + strlen(prefix), *word;

	if (!str_starts(key, prefix) || !(word = strchr(name, '.')) || word == name)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(ios); i++)
		if (str_eq(word + 1, ios[i].word)) {
			*out_container = str_ndup(name, (size_t)(word - name));
			return &ios[i];
		}
	return NULL;
}

static int read_limit(const struct limit_row *row, const char *text, int64_t *out)
{
	int64_t n;

	if (row->read(text, &n) < 0 || n < row->min || n > row->max)
		return -EINVAL;
	*out = n;
	return 0;
}

static void check_limit(
	struct check *k, const char *field, const struct limit_row *row, const char *value)
{
	CLEANUP(cleanup_free) char *detail = NULL;
	int64_t n;

	if (read_limit(row, value, &n) == 0)
		return;
	detail = row->read == quantity_units
			 ? str_fmt("must be a quantity of bytes a second, at least %lld",
				   (long long)row->min)
			 : str_fmt("must be between %lld and %lld, inclusive", (long long)row->min,
				   (long long)row->max);
	cause_invalid(k->causes, field, value, detail);
}

/* ---- carpel/devices.<container> ---- */

/* NULL: not a key of this kind. */
static const char *parse_devices_key(const char *key)
{
	static const char prefix[] = "carpel/devices.";
	const char *name = key + strlen(prefix);

	return str_starts(key, prefix) && *name && !strchr(name, '.') ? name : NULL;
}

static void check_devices(struct check *k, const char *field, const char *value)
{
	CLEANUP(devices_asked_free) struct devices_asked asked = { 0 };
	CLEANUP(cleanup_free) char *entry = NULL;
	const char *why = devices_read_list(value, &asked, &entry);

	if (why)
		cause_invalid(k->causes, field, entry, why);
}

static void apply_devices(const char *key, const char *value, struct pod_spec *pod)
{
	const char *container = parse_devices_key(key);
	CLEANUP(cleanup_free) char *entry = NULL;

	for (size_t c = 0; container && c < pod->containers_len; c++)
		if (str_eq(pod->containers[c].name, container))
			(void)devices_read_list(value, &pod->containers[c].devices, &entry);
}

/* ---- all ---- */

static const struct json *find_container(const struct json *spec, const char *name)
{
	const struct json *containers = json_get(spec, "containers");

	for (size_t i = 0; i < json_len(containers); i++)
		if (str_eq(text_at(json_at(containers, i), "name"), name))
			return json_at(containers, i);
	return NULL;
}

static void check_probe(
	struct check *k, const char *field, const struct probe_key *key, const char *value)
{
	const struct probe_key at = *key;
	CLEANUP(cleanup_free) char *detail = NULL;
	const struct json *container;
	int64_t ms = 0;

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

static void check_annotation(struct check *k, const char *key, const char *value)
{
	CLEANUP(probe_key_free) struct probe_key at = { 0 };
	CLEANUP(cleanup_free) char *field = str_fmt("metadata.annotations[%s]", key);
	CLEANUP(cleanup_free) char *container = NULL;
	const struct limit_row *row = parse_io_key(key, &container);

	if (!container && parse_devices_key(key))
		container = str_dup(parse_devices_key(key));
	if (parse_key(key, &at))
		check_probe(k, field, &at, value);
	else if (container && !find_container(k->spec, container))
		cause_not_found(k->causes, field, container);
	else if (container && !row)
		check_devices(k, field, value);
	else if (row || str_eq(key, pids_row.word))
		check_limit(k, field, row ? row : &pids_row, value);
	else
		cause_forbidden(k->causes, field, "carpel has no such annotation");
}

/* Kubernetes' way before there was a field for it; to ignore it would be to run unconfined. */
static void refuse_old_profile(struct check *k, const char *key)
{
	CLEANUP(cleanup_free) char *field = str_fmt("metadata.annotations[%s]", key);

	cause_forbidden(k->causes, field, "use securityContext.appArmorProfile instead");
}

void validate_annotations(struct check *k, const struct json *annotations)
{
	for (size_t i = 0; i < json_len(annotations); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(annotations, i, &key));

		if (str_starts(key, "carpel/"))
			check_annotation(k, key, value);
		else if (str_starts(key, "container.apparmor.security.beta.kubernetes.io/"))
			refuse_old_profile(k, key);
	}
}

/* Checked before, as what annotations_apply() reads: a number in its range. */
static void apply_limit(const char *key, const char *value, struct pod_spec *pod)
{
	CLEANUP(cleanup_free) char *container = NULL;
	const struct limit_row *row = parse_io_key(key, &container);

	if (str_eq(key, pids_row.word))
		(void)read_limit(&pids_row, value, &pod->pids_limit);
	for (size_t c = 0; row && c < pod->containers_len; c++)
		if (str_eq(pod->containers[c].name, container))
			(void)read_limit(row, value,
				(int64_t *)(void *)((char *)&pod->containers[c].io + row->at));
}

void annotations_apply(const struct json *annotations, struct pod_spec *pod)
{
	for (size_t i = 0; i < json_len(annotations); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(annotations, i, &key));
		CLEANUP(probe_key_free) struct probe_key at = { 0 };

		if (str_starts(key, "carpel/"))
			apply_limit(key, value, pod);
		apply_devices(key, value, pod);
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
