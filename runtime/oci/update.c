/* update: other limits for a container that is there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "oci/config.h"
#include "oci/groups.h"
#include "oci/options.h"
#include "oci/record.h"
#include "oci/unit.h"

static const char usage[] =
	"Usage: carpel-oci update [OPTION…] ID\n"
	"\n"
	"Changes limits of a container; what is not named stays.\n"
	"\n"
	"  -r, --resources FILE     linux.resources of config.json (-: standard input)\n"
	"  --cpu-period US  --cpu-quota US  --cpu-share N\n"
	"  --cpuset-cpus LIST  --cpuset-mems LIST\n"
	"  --memory BYTES  --memory-swap BYTES\n"
	"  --pids-limit N\n";

struct request {
	const char *resources, *cpus, *mems;
	int64_t period, quota, shares, memory, swap, pids;
};

static int read_request(int argc, char **argv, struct request *r, struct err *e)
{
	const struct option_row rows[] = {
		{ "resources", 'r', OPTION_TEXT, &r->resources },
		{ "cpu-period", 0, OPTION_NUMBER, &r->period },
		{ "cpu-quota", 0, OPTION_NUMBER, &r->quota },
		{ "cpu-share", 0, OPTION_NUMBER, &r->shares },
		{ "cpuset-cpus", 0, OPTION_TEXT, &r->cpus },
		{ "cpuset-mems", 0, OPTION_TEXT, &r->mems },
		{ "memory", 0, OPTION_NUMBER, &r->memory },
		{ "memory-swap", 0, OPTION_NUMBER, &r->swap },
		{ "pids-limit", 0, OPTION_NUMBER, &r->pids },
	};

	return options_read(argc, argv, rows, ARRAY_LEN(rows), usage, e);
}

static void set_number(struct json *resources, const char *part, const char *key, int64_t value)
{
	struct json *object = json_get(resources, part);

	if (!value)
		return;
	if (!object) {
		json_set(resources, part, json_new_object());
		object = json_get(resources, part);
	}
	json_set_i64(object, key, value);
}

static void set_text(struct json *resources, const char *key, const char *value)
{
	if (!value)
		return;
	if (!json_get(resources, "cpu"))
		json_set(resources, "cpu", json_new_object());
	json_set_str(json_get(resources, "cpu"), key, value);
}

/* Options as the document that they stand for, so that both have one meaning. */
static struct json *document(const struct request *r)
{
	struct json *j = json_new_object();

	set_number(j, "cpu", "period", r->period);
	set_number(j, "cpu", "quota", r->quota);
	set_number(j, "cpu", "shares", r->shares);
	set_text(j, "cpus", r->cpus);
	set_text(j, "mems", r->mems);
	set_number(j, "memory", "limit", r->memory);
	set_number(j, "memory", "swap", r->swap);
	set_number(j, "pids", "limit", r->pids);
	return j;
}

static int read_document(const struct request *r, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	if (!r->resources) {
		*out = document(r);
		return 0;
	}
	rc = str_eq(r->resources, "-")
		     ? fd_read_all(STDIN_FILENO, CONFIG_BYTES_MAX, &text, e)
		     : fd_read_file(AT_FDCWD, r->resources, CONFIG_BYTES_MAX, &text, e);
	if (rc == 0)
		rc = json_parse(text.data ? text.data : "", text.len, NULL, out, e);
	if (rc == 0 && json_type(*out) != JSON_OBJECT)
		rc = err_say(e, EINVAL, "want an object");
	return rc < 0 ? err_wrap(e, rc, "--resources %s", r->resources) : 0;
}

static int set_limits(const struct cgroups *c, const struct record *r,
	const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_v2_dir(c, r->cgroup);
	int rc = cgroup_set_limits(c, r->cgroup, l, e);

	return rc < 0 || !r->is_unit ? rc : unit_set_limits(r->cgroup, dir, l, e);
}

int oci_update(const struct oci *o, int argc, char **argv, struct err *e)
{
	struct request r = { 0 };
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	CLEANUP(cleanup_json) struct json *j = NULL;
	CLEANUP(cgroup_limits_release) struct cgroup_limits limits = CGROUP_LIMITS_NONE;
	static const char *const refused[] = { "devices", NULL };
	struct part resources;
	const char *id = NULL;
	int at = read_request(argc, argv, &r, e);
	int rc = at < 0 ? at : options_id(argc, argv, at, &id, e);

	limits.cpu_scale = CGROUP_QUADRATIC;
	if (rc < 0 || (rc = read_document(&r, &j, e)) < 0)
		return rc;
	resources = part_of(j, "linux.resources");
	if ((rc = read_refused(&resources, refused, e)) < 0 ||
		(rc = config_resources(&resources, &limits, e)) < 0 ||
		(rc = container_open(o, id, FOR_CHANGE, &c, e)) < 0)
		return rc;
	if (c.pidfd < 0)
		return err_say(e, ESRCH, "container not running");
	return (rc = groups_open(o, &cgroups, e)) < 0 ? rc : set_limits(cgroups, &c.r, &limits, e);
}
