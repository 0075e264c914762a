/* Spans of time as kubectl shows them. Pure. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* "31s", "5m10s", "7h30m", "5d22h", "3y45d"; "<invalid>" for more than a second in the future. */
void age_text(int64_t span_ms, struct buf *out);
/* The age of an RFC 3339 time; "<unknown>" for none. */
void age_since(const char *rfc3339, int64_t now_wall_ms, struct buf *out);
/* An event's age: "8m7s (x6 over 11m)" when it was seen several times. */
struct json;
void age_of_event(const struct json *event, int64_t now_wall_ms, struct buf *out);
