#include "oci/config.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static const char *const kinds[] = { "pid", "network", "ipc", "uts", "cgroup", "user" };

static int add_namespace(const struct part *ns, struct config *c, bool *has_mount, struct err *e)
{
	const char *type = NULL, *path = NULL;
	int rc;

	if ((rc = read_text(ns, "type", &type, e)) < 0 ||
		(rc = read_text(ns, "path", &path, e)) < 0)
		return rc;
	path = path && *path ? path : NULL;
	if (path && *path != '/')
		return read_refuse(ns, "path", "want an absolute path", e);
	if (str_eq(type, "mount")) {
		*has_mount = true;
		return path ? read_refuse(ns, "path",
				      "a mount namespace that is there is not "
				      "supported",
				      e)
			    : 0;
	}
	/* Of a new one its mappings are the plan's word. */
	if (str_eq(type, "user") && !path)
		return 0;
	for (size_t i = 0; type && i < ARRAY_LEN(kinds); i++)
		if (str_eq(type, kinds[i])) {
			CLEANUP(cleanup_free)
			char *text = path ? str_fmt("%s:%s", type, path) : str_dup(type);

			c->has_pid_namespace |= str_eq(type, "pid") && !path;
			strv_add(&c->plan.namespaces, text);
			return 0;
		}
	return read_refuse(ns, "type", "it is not supported", e);
}

static int namespaces(const struct part *linux_part, struct config *c, struct err *e)
{
	struct part list, ns;
	bool has_mount = false;
	int rc = part_get(linux_part, "namespaces", JSON_ARRAY, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++)
		if ((rc = part_element(&list, i, JSON_OBJECT, &ns, e)) == 0)
			rc = add_namespace(&ns, c, &has_mount, e);
	if (rc == 0 && !has_mount)
		return read_refuse(linux_part, "namespaces", "a mount namespace is needed", e);
	return rc;
}

static int sysctls(const struct part *linux_part, struct plan *p, struct err *e)
{
	struct part all;
	int rc = part_get(linux_part, "sysctl", JSON_OBJECT, &all, e);

	for (size_t i = 0; rc == 0 && i < json_len(all.json); i++) {
		const char *name, *value = NULL;

		(void)json_member(all.json, i, &name);
		rc = read_text(&all, name, &value, e);
		if (rc < 0 || !value)
			continue;
		p->sysctls = mem_resize(p->sysctls, p->sysctls_len + 1, sizeof(*p->sysctls));
		p->sysctls[p->sysctls_len++] =
			(struct plan_sysctl){ .name = str_dup(name), .value = str_dup(value) };
	}
	return rc;
}

static int check_paths(
	const struct part *linux_part, const char *key, const struct strv *paths, struct err *e)
{
	for (size_t i = 0; i < paths->len; i++)
		if (paths->at[i][0] != '/')
			return read_refuse(linux_part, key, "want absolute paths", e);
	return 0;
}

static int masks(const struct part *linux_part, struct plan *p, struct err *e)
{
	int rc;

	p->masks = PLAN_MASKS_GIVEN;
	if ((rc = read_texts(linux_part, "maskedPaths", &p->masked, e)) < 0 ||
		(rc = check_paths(linux_part, "maskedPaths", &p->masked, e)) < 0 ||
		(rc = read_texts(linux_part, "readonlyPaths", &p->readonly_paths, e)) < 0)
		return rc;
	return check_paths(linux_part, "readonlyPaths", &p->readonly_paths, e);
}

static int propagation(const struct part *linux_part, struct plan *p, struct err *e)
{
	static const char *const plain[] = { "", "private", "rprivate", "slave", "rslave" };
	const char *word = NULL;
	int rc = read_text(linux_part, "rootfsPropagation", &word, e);

	if (rc < 0 || !word)
		return rc;
	p->is_root_shared = str_eq(word, "shared") || str_eq(word, "rshared");
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (str_eq(word, plain[i]))
			return 0;
	return p->is_root_shared
		       ? 0
		       : read_refuse(linux_part, "rootfsPropagation", "it is not supported", e);
}

static int personality(const struct part *linux_part, struct err *e)
{
	static const char *const refused[] = { "flags", NULL };
	const char *domain = NULL;
	struct part part;
	int rc = part_get(linux_part, "personality", JSON_OBJECT, &part, e);

	if (rc < 0 || (rc = read_text(&part, "domain", &domain, e)) < 0 ||
		(rc = read_refused(&part, refused, e)) < 0)
		return rc;
	return !domain || str_eq(domain, "LINUX")
		       ? 0
		       : read_refuse(&part, "domain", "it is not supported", e);
}

int config_linux(struct config *c, struct err *e)
{
	static const char *const refused[] = { "timeOffsets", "mountLabel", "intelRdt",
		"netDevices", "memoryPolicy", NULL };
	const struct part whole = part_of(c->json, "");
	struct part linux_part, resources, seccomp;
	int rc = part_get(&whole, "linux", JSON_OBJECT, &linux_part, e);

	if (rc < 0 || (rc = read_refused(&linux_part, refused, e)) < 0 ||
		(rc = namespaces(&linux_part, c, e)) < 0 ||
		(rc = sysctls(&linux_part, &c->plan, e)) < 0 ||
		(rc = masks(&linux_part, &c->plan, e)) < 0 ||
		(rc = propagation(&linux_part, &c->plan, e)) < 0 ||
		(rc = personality(&linux_part, e)) < 0 ||
		(rc = read_text(&linux_part, "cgroupsPath", &c->cgroup, e)) < 0 ||
		(rc = part_get(&linux_part, "seccomp", JSON_OBJECT, &seccomp, e)) < 0 ||
		(rc = part_get(&linux_part, "resources", JSON_OBJECT, &resources, e)) < 0 ||
		(rc = config_device_rules(&resources, &c->plan, e)) < 0 ||
		(rc = config_devices(&linux_part, &c->plan, e)) < 0)
		return rc;
	c->seccomp = seccomp.json;
	if (c->cgroup && !*c->cgroup)
		c->cgroup = NULL;
	return config_resources(&resources, &c->limits, e);
}
