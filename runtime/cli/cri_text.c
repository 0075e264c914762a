#include "cli/cri_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/table.h"

enum { SHORT_ID = 13 };

const char *cri_str(const struct json *j, const char *path)
{
	const char *text = json_str(json_path(j, path));

	return text ? text : "";
}

int64_t cri_i64(const struct json *j, const char *path)
{
	int64_t n;

	return str_to_i64(cri_str(j, path), INT64_MIN, INT64_MAX, &n) == 0 ? n : 0;
}

/* ---- words for numbers ---- */

void cri_ago(int64_t then_ns, int64_t now_ns, struct buf *out)
{
	enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24, WEEK = 7 * DAY, MONTH = 30 * DAY };
	int64_t s = now_ns > then_ns ? (now_ns - then_ns) / 1000000000 : 0;
	int64_t hours = (s + HOUR / 2) / HOUR;

	if (s < 1)
		buf_adds(out, "Less than a second");
	else if (s == 1)
		buf_adds(out, "1 second");
	else if (s < MINUTE)
		buf_addf(out, "%" PRId64 " seconds", s);
	else if (s < 2 * MINUTE)
		buf_adds(out, "About a minute");
	else if (s < HOUR)
		buf_addf(out, "%" PRId64 " minutes", s / MINUTE);
	else if (hours == 1)
		buf_adds(out, "About an hour");
	else if (hours < 2 * DAY)
		buf_addf(out, "%" PRId64 " hours", hours);
	else if (hours < 2 * WEEK)
		buf_addf(out, "%" PRId64 " days", hours / DAY);
	else if (hours < 2 * MONTH)
		buf_addf(out, "%" PRId64 " weeks", hours / WEEK);
	else if (hours < 2 * 365 * DAY)
		buf_addf(out, "%" PRId64 " months", hours / MONTH);
	else
		buf_addf(out, "%" PRId64 " years", s / HOUR / DAY / 365);
	buf_adds(out, " ago");
}

void cri_size(double bytes, int digits, struct buf *out)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	/* What is no longer rounded to three digits before the point goes to the next unit. */
	double limit = digits == 3 ? 999.5 : 1000;
	size_t unit = 0;

	while (bytes >= limit && unit + 1 < ARRAY_LEN(units)) {
		bytes /= 1000;
		unit++;
	}
	buf_addf(out, "%.*g%s", digits, bytes, units[unit]);
}

void cri_short_id(const char *id, struct buf *out)
{
	if (str_starts(id, "sha256:"))
		id += strlen("sha256:");
	buf_addf(out, "%.*s", SHORT_ID, id);
}

void cri_time(int64_t ns, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];

	clock_rfc3339_nano(ns, text);
	buf_adds(out, ns ? text : "0001-01-01T00:00:00Z");
}

/* ---- fields ---- */

const char *cri_state_text(const char *state)
{
	static const struct {
		const char *name, *text;
	} states[] = {
		{ "SANDBOX_READY", "Ready" },       /* */
		{ "SANDBOX_NOTREADY", "NotReady" }, /* */
		{ "CONTAINER_CREATED", "Created" }, /* */
		{ "CONTAINER_RUNNING", "Running" }, /* */
		{ "CONTAINER_EXITED", "Exited" },   /* */
		{ "CONTAINER_UNKNOWN", "Unknown" }, /* */
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].text;
	return state;
}

const char *cri_label(const struct json *object, const char *key)
{
	const char *value = json_get_str(json_get(object, "labels"), key);

	return value ? value : "unknown";
}

void cri_write_map(const char *title, const struct json *map, struct buf *out)
{
	struct strv keys = { 0 };

	for (size_t i = 0; i < json_len(map); i++) {
		const char *key;

		(void)json_member(map, i, &key);
		strv_add(&keys, key);
	}
	strv_sort(&keys);
	if (keys.len > 0)
		buf_addf(out, "%s:\n", title);
	for (size_t i = 0; i < keys.len; i++) {
		const char *value = json_str(json_get(map, keys.at[i]));

		buf_addc(out, '\t');
		table_safe_text(out, keys.at[i]);
		buf_adds(out, " -> ");
		table_safe_text(out, value ? value : "");
		buf_addc(out, '\n');
	}
	strv_free(&keys);
}

void cri_write_line(const char *key, const char *value, struct buf *out)
{
	if (!*value)
		return;
	buf_addf(out, "%s: ", key);
	table_safe_text(out, value);
	buf_addc(out, '\n');
}
