#include "cli/usage.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

int64_t usage_number(const struct json *object, const char *path)
{
	int64_t n;

	return json_i64(json_path(object, path), 0, INT64_MAX, &n) == 0 ? n : -1;
}

/* The element whose text at path is the same.  Samples have nearly the same order: the search
 * begins where it was. */
static const struct json *find(
	const struct json *list, size_t begin, const char *path, const struct json *like)
{
	const char *text = json_str(json_path(like, path));
	size_t len = json_len(list);

	for (size_t i = 0; text && i < len; i++) {
		const struct json *one = json_at(list, (begin + i) % len);

		if (str_eq(json_str(json_path(one, path)), text))
			return one;
	}
	return NULL;
}

/* -1: there is none. */
static int64_t time_between(const struct json *before, const struct json *after)
{
	const char *from = json_get_str(before, "timestamp"),
		   *to = json_get_str(after, "timestamp");
	int64_t from_ns, to_ns;

	if (!from || !to || clock_parse_rfc3339(from, &from_ns) < 0 ||
		clock_parse_rfc3339(to, &to_ns) < 0 || to_ns <= from_ns)
		return -1;
	return to_ns - from_ns;
}

static void add_cpu(const struct json *before, struct json *after, struct json *usage)
{
	static const char path[] = "cpu.usageCoreNanoSeconds";
	int64_t span = time_between(before, after), from = usage_number(before, path),
		to = usage_number(after, path), cores;
	CLEANUP(cleanup_free) char *text = NULL;
	char window[CLOCK_TEXT_MAX];

	if (span < 0 || from < 0 || to < from)
		return;
	cores = (int64_t)((double)(to - from) / (double)span * 1e9);
	text = str_fmt("%" PRId64 "n", cores);
	json_set_str(usage, "cpu", text);
	json_set_i64(json_get(after, "cpu"), "usageNanoCores", cores);
	clock_duration((span + 500000) / 1000000, window);
	json_set_str(after, "window", window);
}

static void add_usage(const struct json *before, struct json *after)
{
	struct json *usage = json_new_object();
	int64_t memory = usage_number(after, "memory.workingSetBytes");

	add_cpu(before, after, usage);
	if (memory >= 0) {
		CLEANUP(cleanup_free) char *text = str_fmt("%" PRId64 "Ki", memory / 1024);

		json_set_str(usage, "memory", text);
	}
	json_set(after, "usage", usage);
}

void usage_between(const struct json *before, struct json *after)
{
	const struct json *old = json_get(before, "items");
	struct json *items = json_get(after, "items");

	for (size_t i = 0; i < json_len(items); i++) {
		struct json *pod = json_at(items, i), *containers = json_get(pod, "containers");
		const struct json *was = find(old, i, "metadata.uid", pod);

		add_usage(was, pod);
		for (size_t k = 0; k < json_len(containers); k++) {
			struct json *c = json_at(containers, k);

			add_usage(find(json_get(was, "containers"), k, "id", c), c);
		}
	}
}

void usage_cores(int64_t nano_cores, struct buf *out)
{
	enum { NANO_OF_MILLI = 1000 * 1000 };

	buf_addf(
		out, "%" PRId64 "m", nano_cores / NANO_OF_MILLI + (nano_cores % NANO_OF_MILLI > 0));
}

void usage_size(int64_t bytes, struct buf *out)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti" };
	size_t unit = 0;

	while (bytes >= 10000 && unit + 1 < ARRAY_LEN(units)) {
		bytes /= 1024;
		unit++;
	}
	buf_addf(out, "%" PRId64 "%s", bytes, units[unit]);
}
