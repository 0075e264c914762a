#include "cli/age.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR = 365 * DAY };

/* Two units, the smaller one left out when it is 0. */
static void two_units(struct buf *out, int64_t big, char big_unit, int64_t small, char small_unit)
{
	buf_addf(out, "%" PRId64 "%c", big, big_unit);
	if (small)
		buf_addf(out, "%" PRId64 "%c", small, small_unit);
}

void age_text(int64_t span_ms, struct buf *out)
{
	int64_t s = span_ms / 1000;

	if (span_ms < -1000)
		buf_adds(out, "<invalid>");
	else if (s < 2 * MINUTE)
		buf_addf(out, "%" PRId64 "s", s > 0 ? s : 0);
	else if (s < 10 * MINUTE)
		two_units(out, s / MINUTE, 'm', s % MINUTE, 's');
	else if (s < 3 * HOUR)
		buf_addf(out, "%" PRId64 "m", s / MINUTE);
	else if (s < 8 * HOUR)
		two_units(out, s / HOUR, 'h', s % HOUR / MINUTE, 'm');
	else if (s < 2 * DAY)
		buf_addf(out, "%" PRId64 "h", s / HOUR);
	else if (s < 8 * DAY)
		two_units(out, s / DAY, 'd', s % DAY / HOUR, 'h');
	else if (s < 2 * YEAR)
		buf_addf(out, "%" PRId64 "d", s / DAY);
	else if (s < 8 * YEAR)
		two_units(out, s / YEAR, 'y', s % YEAR / DAY, 'd');
	else
		buf_addf(out, "%" PRId64 "y", s / YEAR);
}

void age_since(const char *rfc3339, int64_t now_wall_ms, struct buf *out)
{
	int64_t wall_ns;

	if (!rfc3339 || clock_parse_rfc3339(rfc3339, &wall_ns) < 0)
		buf_adds(out, "<unknown>");
	else
		age_text(now_wall_ms - wall_ns / 1000000, out);
}

void age_of_event(const struct json *event, int64_t now_wall_ms, struct buf *out)
{
	const struct json *series = json_get(event, "series");
	const char *first = json_get_str(event, "firstTimestamp");
	const char *last = json_get_str(event, "lastTimestamp");
	int64_t count = 0;

	if (!first)
		first = json_get_str(event, "eventTime");
	if (series) {
		last = json_get_str(series, "lastObservedTime");
		(void)json_i64(json_get(series, "count"), 0, INT64_MAX, &count);
	} else {
		(void)json_i64(json_get(event, "count"), 0, INT64_MAX, &count);
	}
	age_since(last ? last : first, now_wall_ms, out);
	if (count <= 1)
		return;
	buf_addf(out, " (x%" PRId64 " over ", count);
	age_since(first, now_wall_ms, out);
	buf_addc(out, ')');
}
