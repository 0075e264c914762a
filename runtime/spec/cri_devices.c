/* ContainerConfig.devices and CDI_devices, and the annotations by which device plugins that know no
 * CDI_devices ask for the same, see cri.h.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cdi.h"
#include "spec/cri_parts.h"

static const char config_at[] = "config", cdi_prefix[] = "cdi.k8s.io/";

static int has_room(const char *name, const struct devices_asked *d, struct err *e)
{
	return d->len + d->cdi.len < DEVICES_ASKED_MAX
		       ? 0
		       : err_say(e, E2BIG, "config.%s: more than %d devices", name,
				 DEVICES_ASKED_MAX);
}

static int read_device(
	const Runtime__V1__Device *d, const char *at, struct devices_asked *out, struct err *e)
{
	struct device_spec spec = { 0 };
	int rc = has_room("devices", out, e);

	if (rc < 0)
		return rc;
	if (!devices_read_access(d->permissions, &spec.access))
		return cri_bad(e, at, "permissions", d->permissions,
			"must be some of r, w and m, each once");
	if ((rc = cri_read_path(at, "host_path", d->host_path, &spec.host_path, e)) < 0)
		return rc;
	rc = cri_read_path(at, "container_path", d->container_path, &spec.path, e);
	if (rc < 0) {
		free(spec.host_path);
		return rc;
	}
	out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
	out->at[out->len++] = spec;
	return 0;
}

static int read_cdi(const char *at, const char *name, const char *text, struct devices_asked *out,
	struct err *e)
{
	int rc = has_room(name, out, e);

	if (rc < 0)
		return rc;
	if (!cdi_is_name(text))
		return cri_bad(e, at, name, text, "must be VENDOR/CLASS=NAME");
	devices_ask_cdi(out, text);
	return 0;
}

/* Names separated by commas; what comes after the prefix only tells plugins apart. */
static int read_annotation(const char *text, struct devices_asked *out, struct err *e)
{
	CLEANUP(cleanup_free) char *copy = str_dup(text);
	int rc = 0;

	for (char *at = copy, *next; rc == 0 && at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		rc = read_cdi(config_at, "annotations", at, out, e);
	}
	return rc;
}

int cri_read_devices(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->n_devices; i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("config.devices[%zu]", i);

		rc = read_device(c->devices[i], at, &out->devices, e);
	}
	for (size_t i = 0; rc == 0 && i < c->n_cdi_devices; i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("config.CDI_devices[%zu]", i);

		rc = read_cdi(at, "name", c->cdi_devices[i]->name, &out->devices, e);
	}
	for (size_t i = 0; rc == 0 && i < c->n_annotations; i++)
		if (str_starts(c->annotations[i]->key, cdi_prefix))
			rc = read_annotation(c->annotations[i]->value, &out->devices, e);
	return rc;
}
