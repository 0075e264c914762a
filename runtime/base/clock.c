#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000, BOOT_ID_LEN = 36 };

static int64_t read_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

int64_t clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

struct moment clock_now(void)
{
	return (struct moment){ .boot_ms = clock_boot_ns() / NS_PER_MS,
		.wall_ms = clock_wall_ns() / NS_PER_MS };
}

int clock_boot_id(char out_id[BOOT_ID_LEN + 1])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out_id, BOOT_ID_LEN);
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (n != BOOT_ID_LEN)
		return n < 0 ? -error : -EIO;
	out_id[BOOT_ID_LEN] = '\0';
	return 0;
}

/* seconds since 1970 and a printed fraction (".123" or ""). */
static void write_time(int64_t seconds, const char *fraction, char out[CLOCK_TEXT_MAX])
{
	struct tm tm;
	time_t t = (time_t)seconds;

	if (!gmtime_r(&t, &tm)) {
		out[0] = '\0';
		return;
	}
	(void)snprintf(out, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

static int64_t floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
	out[0] = '\0';
	if (wall_ms)
		write_time(floor_div(wall_ms, 1000), "", out);
}

void clock_rfc3339_nano(int64_t wall_ns, char out[CLOCK_TEXT_MAX])
{
	int64_t seconds = floor_div(wall_ns, NS_PER_S);
	char fraction[24];

	(void)snprintf(fraction, sizeof(fraction), ".%09" PRId64, wall_ns - seconds * NS_PER_S);
	write_time(seconds, fraction, out);
}

void clock_rfc3339_micro(int64_t wall_us, char out[CLOCK_TEXT_MAX])
{
	int64_t seconds = floor_div(wall_us, 1000000);
	char fraction[24];

	(void)snprintf(fraction, sizeof(fraction), ".%06" PRId64, wall_us - seconds * 1000000);
	write_time(seconds, fraction, out);
}

/* Exactly n digits; -1 otherwise. */
static int digits(const char **p, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static int fraction_ns(const char **p, int64_t *out)
{
	int64_t unit = NS_PER_S / 10;

	*out = 0;
	if (**p != '.')
		return 0;
	++*p;
	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; ++*p, unit /= 10)
		*out += (**p - '0') * unit;
	return 0;
}

static int offset_seconds(const char **p, int64_t *out)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	*out = 0;
	if (**p == 'Z' || **p == 'z') {
		++*p;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -EINVAL;
	++*p;
	hours = digits(p, 2);
	if (hours < 0 || *(*p)++ != ':' || (minutes = digits(p, 2)) < 0 || hours > 23 ||
		minutes > 59)
		return -EINVAL;
	*out = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int days_in(int year, int month)
{
	static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

static int64_t to_ns(int64_t seconds, int64_t fraction)
{
	int64_t ns;

	if (__builtin_mul_overflow(seconds, (int64_t)NS_PER_S, &ns) ||
		__builtin_add_overflow(ns, fraction, &ns))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

int clock_parse_rfc3339(const char *text, int64_t *out_wall_ns)
{
	static const char separators[] = "--T::";
	int field[6], widths[6] = { 4, 2, 2, 2, 2, 2 };
	const char *p = text;
	int64_t fraction, offset;
	struct tm tm;

	for (int i = 0; i < 6; i++) {
		if ((field[i] = digits(&p, widths[i])) < 0)
			return -EINVAL;
		if (i < 5 && *p != separators[i] && !(i == 2 && *p == 't'))
			return -EINVAL;
		p += i < 5;
	}
	if (fraction_ns(&p, &fraction) < 0 || offset_seconds(&p, &offset) < 0 || *p)
		return -EINVAL;
	if (field[1] < 1 || field[1] > 12 || field[2] < 1 ||
		field[2] > days_in(field[0], field[1]) || field[3] > 23 || field[4] > 59 ||
		field[5] > 60)
		return -EINVAL;
	tm = (struct tm){ .tm_year = field[0] - 1900,
		.tm_mon = field[1] - 1,
		.tm_mday = field[2],
		.tm_hour = field[3],
		.tm_min = field[4],
		.tm_sec = field[5] };
	*out_wall_ns = to_ns(timegm(&tm) - offset, fraction);
	return 0;
}

void clock_duration(int64_t ms, char out[CLOCK_TEXT_MAX])
{
	uint64_t all = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	uint64_t s = all / 1000, rest = all % 1000;
	const char *sign = ms < 0 ? "-" : "";
	char seconds[24];

	if (all > 0 && all < 1000) {
		(void)snprintf(out, CLOCK_TEXT_MAX, "%s%" PRIu64 "ms", sign, all);
		return;
	}
	(void)snprintf(seconds, sizeof(seconds), "%" PRIu64, s % 60);
	if (rest) {
		(void)snprintf(seconds, sizeof(seconds), "%" PRIu64 ".%03" PRIu64, s % 60, rest);
		for (size_t len = strlen(seconds); seconds[len - 1] == '0'; len--)
			seconds[len - 1] = '\0';
	}
	if (s >= 3600)
		(void)snprintf(out, CLOCK_TEXT_MAX, "%s%" PRIu64 "h%" PRIu64 "m%ss", sign, s / 3600,
			s / 60 % 60, seconds);
	else if (s >= 60)
		(void)snprintf(out, CLOCK_TEXT_MAX, "%s%" PRIu64 "m%ss", sign, s / 60, seconds);
	else
		(void)snprintf(out, CLOCK_TEXT_MAX, "%s%ss", sign, seconds);
}
