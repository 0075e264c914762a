#include "oci/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

void config_init(struct config *c)
{
	*c = (struct config){ .limits = CGROUP_LIMITS_NONE };
	c->limits.cpu_scale = CGROUP_QUADRATIC;
	plan_init(&c->plan);
}

void config_free(struct config *c)
{
	plan_free(&c->plan);
	cgroup_limits_release(&c->limits);
	json_free(c->json);
	c->json = NULL;
}

int config_read_file(int bundle, struct buf *out, struct err *e)
{
	return fd_read_file(bundle, "config.json", CONFIG_BYTES_MAX, out, e);
}

/* Any 1.x; what later ones add is refused where it matters. */
static int check_version(const struct part *whole, struct err *e)
{
	const char *version = NULL;
	int rc = read_text(whole, "ociVersion", &version, e);

	if (rc < 0)
		return rc;
	return version && str_starts(version, "1.")
		       ? 0
		       : read_refuse(whole, "ociVersion", "want a version 1", e);
}

int config_parse(const char *text, size_t len, struct config *out, struct err *e)
{
	const struct json_options options = { .max_bytes = CONFIG_BYTES_MAX };
	struct part whole;
	int rc = json_parse(text, len, &options, &out->json, e);

	if (rc < 0)
		return err_wrap(e, rc, "config.json");
	whole = part_of(out->json, "");
	if (json_type(out->json) != JSON_OBJECT)
		return err_say(e, EINVAL, "config.json: want an object");
	return check_version(&whole, e);
}

static int translate_root(
	const struct part *whole, const char *bundle, struct plan *p, struct err *e)
{
	const char *path = NULL;
	struct part root;
	int rc = part_get(whole, "root", JSON_OBJECT, &root, e);

	if (rc == 0)
		rc = read_text(&root, "path", &path, e);
	if (rc == 0)
		rc = read_bool(&root, "readonly", &p->read_only_root, e);
	if (rc < 0)
		return rc;
	if (!path || !*path)
		return read_refuse(&root, "path", "want a path", e);

	CLEANUP(cleanup_free)
	char *joined = *path == '/' ? str_dup(path) : str_fmt("%s/%s", bundle, path);

	p->rootfs = realpath(joined, NULL);
	return p->rootfs ? 0 : err_set(e, errno, "config.json: root.path: %s", joined);
}

int config_translate(struct config *c, const char *id, const char *bundle, struct err *e)
{
	const struct part whole = part_of(c->json, "");
	const char *hostname = NULL, *domainname = NULL;
	struct plan *p = &c->plan;
	struct part process;
	int rc;

	p->kind = PLAN_BUNDLE;
	p->id = str_dup(id);
	if ((rc = translate_root(&whole, bundle, p, e)) < 0 ||
		(rc = read_text(&whole, "hostname", &hostname, e)) < 0 ||
		(rc = read_text(&whole, "domainname", &domainname, e)) < 0 ||
		(rc = part_get(&whole, "process", JSON_OBJECT, &process, e)) < 0)
		return rc;
	if (!process.json)
		return read_refuse(&whole, "process", "it is missing", e);
	p->hostname = hostname && *hostname ? str_dup(hostname) : NULL;
	p->domainname = domainname && *domainname ? str_dup(domainname) : NULL;
	if ((rc = config_process(&process, c, p, e)) < 0 || (rc = config_maps(c->json, p, e)) < 0 ||
		(rc = config_mounts(c, bundle, e)) < 0)
		return rc;
	return config_linux(c, e);
}
