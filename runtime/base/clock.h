/* The clocks.  Deadlines and whatever is compared across restarts use boot time (it goes on in
 * suspend and is the same for every process until the next boot); wall time is only shown, never
 * compared.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct moment {
	int64_t boot_ms; /* CLOCK_BOOTTIME */
	int64_t wall_ms; /* CLOCK_REALTIME since 1970; for people */
};

struct moment clock_now(void);
int64_t clock_boot_ns(void);
int64_t clock_wall_ns(void);
/* The kernel's boot id, 36 characters and NUL. Returns 0 or -errno. */
int clock_boot_id(char out_id[37]);

enum { CLOCK_TEXT_MAX = 48 };
/* "2026-11-24T14:20:05Z"; 0 gives an empty text. */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);
/* "2026-11-24T14:20:05.123456789Z", trailing zeros kept. */
void clock_rfc3339_nano(int64_t wall_ns, char out[CLOCK_TEXT_MAX]);
/* "…05.123456Z" */
void clock_rfc3339_micro(int64_t wall_us, char out[CLOCK_TEXT_MAX]);
/* Any RFC 3339 time, with offset and fraction, to nanoseconds since 1970; times that do not fit
 * (before 1678, after 2261) become INT64_MIN or INT64_MAX.  -EINVAL otherwise. */
int clock_parse_rfc3339(const char *text, int64_t *out_wall_ns);
/* Go's duration text of whole milliseconds: "10s", "1m20s", "5m0s", "500ms", "0s". */
void clock_duration(int64_t ms, char out[CLOCK_TEXT_MAX]);
