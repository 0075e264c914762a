/* linux.devices and linux.resources.devices.  A launch plan begins with "nothing but the usual
 * nodes", which is OCI's beginning, too: a first rule that denies everything says only that.
 */
#include "oci/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

enum { MODE_MAX = 07777 };

static const struct bounds ids = { 0, INT32_MAX };
static const struct bounds any_number = { -1, UINT32_MAX };

/* What everybody may use.  In force before a rule of config.json, and after one that took it away.
 */
static const struct {
	int64_t major, minor;
} usual[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 }, { 136, -1 } };

static void add_rule(struct plan *p, const struct plan_device_rule *r)
{
	p->device_rules =
		mem_resize(p->device_rules, p->device_rules_len + 1, sizeof(*p->device_rules));
	p->device_rules[p->device_rules_len++] = *r;
}

static int read_access(const struct part *rule, unsigned *out, struct err *e)
{
	static const char letters[] = "mrw";
	static const unsigned bits[] = { PLAN_MKNOD, PLAN_READ, PLAN_WRITE };
	const char *text = "rwm";
	int rc = read_text(rule, "access", &text, e);

	for (*out = 0; rc == 0 && *text; text++) {
		const char *found = strchr(letters, *text);

		if (!found)
			return read_refuse(rule, "access", "want of r, w and m", e);
		*out |= bits[found - letters];
	}
	return rc == 0 && !*out ? read_refuse(rule, "access", "want of r, w and m", e) : rc;
}

static int read_rule(const struct part *rule, struct plan_device_rule *r, struct err *e)
{
	const char *type = "a";
	int rc;

	*r = (struct plan_device_rule){ .major = -1, .minor = -1 };
	if ((rc = read_bool(rule, "allow", &r->is_allowed, e)) < 0 ||
		(rc = read_text(rule, "type", &type, e)) < 0 ||
		(rc = read_number(rule, "major", any_number, &r->major, e)) < 0 ||
		(rc = read_number(rule, "minor", any_number, &r->minor, e)) < 0 ||
		(rc = read_access(rule, &r->access, e)) < 0)
		return rc;
	if (!*type)
		type = "a";
	if (!strchr("abcu", *type) || type[1])
		return read_refuse(rule, "type", "want a, b, c or u", e);
	r->type = *type == 'u' ? 'c' : *type;
	/* As runc: a rule for all types is one for all devices. */
	if (r->type == 'a')
		r->major = r->minor = -1;
	return 0;
}

static bool is_for_all(const struct plan_device_rule *r)
{
	return r->type == 'a' && r->access == (PLAN_READ | PLAN_WRITE | PLAN_MKNOD);
}

int config_device_rules(const struct part *resources, struct plan *p, struct err *e)
{
	struct part list, rule;
	bool denies = false;
	int rc = part_get(resources, "devices", JSON_ARRAY, &list, e);

	if (rc == 0 && json_len(list.json) > PLAN_DEVICE_RULES_MAX - ARRAY_LEN(usual))
		return err_say(e, E2BIG, "config.json: %s: too many", list.path);
	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		struct plan_device_rule r;

		if ((rc = part_element(&list, i, JSON_OBJECT, &rule, e)) < 0 ||
			(rc = read_rule(&rule, &r, e)) < 0)
			return rc;
		if (i == 0 && !r.is_allowed && is_for_all(&r))
			continue;
		denies |= !r.is_allowed;
		add_rule(p, &r);
	}
	for (size_t i = 0; rc == 0 && denies && i < ARRAY_LEN(usual); i++)
		add_rule(p, &(struct plan_device_rule){ true, 'c', usual[i].major, usual[i].minor,
				    PLAN_READ | PLAN_WRITE | PLAN_MKNOD });
	return rc;
}

static int read_device(const struct part *part, struct plan_device *d, struct err *e)
{
	int64_t major = 0, minor = 0, mode = -1, uid = 0, gid = 0;
	const char *type = NULL, *path = NULL;
	int rc;

	if ((rc = read_text(part, "type", &type, e)) < 0 ||
		(rc = read_text(part, "path", &path, e)) < 0 ||
		(rc = read_number(part, "major", ids, &major, e)) < 0 ||
		(rc = read_number(part, "minor", ids, &minor, e)) < 0 ||
		(rc = read_number(part, "fileMode", (struct bounds){ 0, INT32_MAX }, &mode, e)) <
			0 ||
		(rc = read_number(part, "uid", ids, &uid, e)) < 0 ||
		(rc = read_number(part, "gid", ids, &gid, e)) < 0)
		return rc;
	if (!type || !strchr("bcup", *type) || !*type || type[1])
		return read_refuse(part, "type", "want b, c, u or p", e);
	if (!path || !str_starts(path, "/dev/"))
		return read_refuse(part, "path", "want a path below /dev", e);
	d->source = *type == 'p' ? str_dup("p")
				 : str_fmt("%c%" PRId64 ".%" PRId64, *type == 'u' ? 'c' : *type,
					   major, minor);
	d->target = str_dup(path);
	d->mode = (int32_t)(mode < 0 ? 0666 : mode & MODE_MAX);
	d->uid = (int32_t)uid;
	d->gid = (int32_t)gid;
	return 0;
}

int config_devices(const struct part *linux_part, struct plan *p, struct err *e)
{
	struct part list, part;
	int rc = part_get(linux_part, "devices", JSON_ARRAY, &list, e);

	if (rc == 0 && json_len(list.json) > PLAN_DEVICES_MAX)
		return err_say(
			e, E2BIG, "config.json: %s: more than %d", list.path, PLAN_DEVICES_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		if ((rc = part_element(&list, i, JSON_OBJECT, &part, e)) < 0)
			return rc;
		p->devices = mem_resize(p->devices, p->devices_len + 1, sizeof(*p->devices));
		p->devices[p->devices_len++] = (struct plan_device){ 0 };
		rc = read_device(&part, &p->devices[p->devices_len - 1], e);
	}
	return rc;
}
