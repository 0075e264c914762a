/* device= and device-rule= of a plan: see plan.h for the grammar. */
#include "spec/plan_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { MODE_MAX = 07777, MAJOR_MAX = (1 << 12) - 1, MINOR_MAX = (1 << 20) - 1 };

static const struct {
	char letter;
	unsigned bit;
} accesses[] = {
	{ 'r', PLAN_READ },  /* in this order */
	{ 'w', PLAN_WRITE }, /**/
	{ 'm', PLAN_MKNOD }, /**/
};

/* Letters in their order, each once at most, up to end.  0, and nothing is taken: it is no such
 * text. */
static unsigned take_access(const char **at, char end)
{
	const char *next = *at;
	unsigned access = 0;

	for (size_t i = 0; i < ARRAY_LEN(accesses); i++)
		if (*next == accesses[i].letter) {
			access |= accesses[i].bit;
			next++;
		}
	if (!access || *next != end)
		return 0;
	*at = end ? next + 1 : next;
	return access;
}

static void write_access(struct buf *out, unsigned access)
{
	for (size_t i = 0; i < ARRAY_LEN(accesses); i++)
		if (access & accesses[i].bit)
			buf_addc(out, accesses[i].letter);
}

/* "KEY=DIGITS," from the front of *at into *out, which stays when there is none. */
static bool take_number(const char **at, const char *key, bool is_octal, int32_t *out)
{
	size_t len = strlen(key), digits;
	int64_t value = 0, max = is_octal ? MODE_MAX : INT32_MAX;

	if (strncmp(*at, key, len) != 0)
		return true;
	digits = strspn(*at + len, is_octal ? "01234567" : "0123456789");
	if (!digits || digits > 10 || (*at)[len + digits] != ',')
		return false;
	for (size_t i = len; i < len + digits; i++)
		value = value * (is_octal ? 8 : 10) + ((*at)[i] - '0');
	if (value > max)
		return false;
	*out = (int32_t)value;
	*at += len + digits + 1;
	return true;
}

/* "10", or "*" where any will do. */
static bool read_part(const char *text, size_t len, int64_t max, bool may_be_any, int64_t *out)
{
	CLEANUP(cleanup_free) char *part = str_ndup(text, len);

	if (may_be_any && str_eq(part, "*")) {
		*out = -1;
		return true;
	}
	return len > 0 && part[0] != '-' && str_to_i64(part, 0, max, out) == 0;
}

static bool read_numbers(const char *text, bool may_be_any, int64_t *major, int64_t *minor)
{
	size_t len = strcspn(text, ".");

	return text[len] == '.' && read_part(text, len, MAJOR_MAX, may_be_any, major) &&
	       read_part(text + len + 1, strlen(text + len + 1), MINOR_MAX, may_be_any, minor);
}

static bool is_source(const char *text)
{
	int64_t major, minor;

	if (text[0] == 'c' || text[0] == 'b')
		return read_numbers(text + 1, false, &major, &minor);
	return plan_is_path(text) || str_eq(text, "p");
}

const char *plan_read_device(const char *value, struct plan *p)
{
	static const char want[] = "want [ACCESS,][mode=OCTAL,][uid=N,][gid=N,]SOURCE:/TARGET";
	struct plan_device d = { .mode = -1, .uid = -1, .gid = -1 };
	CLEANUP(cleanup_free) char *source = NULL;
	CLEANUP(cleanup_free) char *target = NULL;
	const char *at = value;

	d.access = take_access(&at, ',');
	if (!take_number(&at, "mode=", true, &d.mode) || !take_number(&at, "uid=", false, &d.uid) ||
		!take_number(&at, "gid=", false, &d.gid))
		return want;
	source = plan_unescape(&at);
	if (source && *at == ':') {
		at++;
		target = plan_unescape(&at);
	}
	if (!target || *at || !is_source(source) || !plan_is_path(target))
		return want;
	if (p->devices_len == PLAN_DEVICES_MAX)
		return "want no more than 256 devices";
	d.source = TAKE(source);
	d.target = TAKE(target);
	p->devices = mem_resize(p->devices, p->devices_len + 1, sizeof(*p->devices));
	p->devices[p->devices_len++] = d;
	return NULL;
}

const char *plan_read_device_rule(const char *value, struct plan *p)
{
	static const char want[] = "want allow|deny,TYPE,MAJOR.MINOR,ACCESS";
	CLEANUP(cleanup_free) char *numbers = NULL;
	struct plan_device_rule r = { 0 };
	const char *at = value;

	r.is_allowed = plan_take_word(&at, "allow");
	if (!r.is_allowed && !plan_take_word(&at, "deny"))
		return want;
	r.type = *at;
	if (!*at || !strchr("abc", *at) || at[1] != ',')
		return want;
	at += 2;
	numbers = str_ndup(at, strcspn(at, ","));
	at += strlen(numbers);
	if (!read_numbers(numbers, true, &r.major, &r.minor) || *at++ != ',')
		return want;
	if (!(r.access = take_access(&at, '\0')))
		return want;
	if (p->device_rules_len == PLAN_DEVICE_RULES_MAX)
		return "want no more than 512 rules";
	p->device_rules =
		mem_resize(p->device_rules, p->device_rules_len + 1, sizeof(*p->device_rules));
	p->device_rules[p->device_rules_len++] = r;
	return NULL;
}

void plan_write_devices(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->devices_len; i++) {
		const struct plan_device *d = &p->devices[i];

		buf_adds(out, "device=");
		write_access(out, d->access);
		if (d->access)
			buf_addc(out, ',');
		if (d->mode >= 0)
			buf_addf(out, "mode=%" PRIo32 ",", (uint32_t)d->mode);
		if (d->uid >= 0)
			buf_addf(out, "uid=%" PRId32 ",", d->uid);
		if (d->gid >= 0)
			buf_addf(out, "gid=%" PRId32 ",", d->gid);
		plan_escape(out, d->source);
		buf_addc(out, ':');
		plan_escape(out, d->target);
		buf_addc(out, '\0');
	}
}

static void write_part(struct buf *out, int64_t part)
{
	if (part < 0)
		buf_addc(out, '*');
	else
		buf_addf(out, "%" PRId64, part);
}

void plan_write_device_rules(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->device_rules_len; i++) {
		const struct plan_device_rule *r = &p->device_rules[i];

		buf_addf(out, "device-rule=%s,%c,", r->is_allowed ? "allow" : "deny", r->type);
		write_part(out, r->major);
		buf_addc(out, '.');
		write_part(out, r->minor);
		buf_addc(out, ',');
		write_access(out, r->access);
		buf_addc(out, '\0');
	}
}

void plan_free_devices(struct plan *p)
{
	for (size_t i = 0; i < p->devices_len; i++) {
		free(p->devices[i].source);
		free(p->devices[i].target);
	}
	free(p->devices);
	free(p->device_rules);
}
