/* config.json: read, checked, and translated into a launch plan.  What it asks for is in the plan,
 * or is refused by its path and value; nothing is passed over but what OCI says to ignore.
 */
#pragma once

#include "base/json.h"
#include "oci/read.h"
#include "spec/plan.h"
#include "sys/cgroup.h"

enum { CONFIG_BYTES_MAX = 8 << 20 };

struct config {
	struct json *json; /* the whole; texts below borrow from it */
	struct plan plan;  /* of kind bundle, without descriptors and cgroups */
	bool has_terminal;
	int64_t rows, columns;      /* of the terminal; 0 */
	const char *cgroup;         /* cgroupsPath; NULL */
	bool has_pid_namespace;     /* one of its own: its end is the end of all */
	const struct json *seccomp; /* NULL: unconfined */
	struct cgroup_limits limits;
};
void config_free(struct config *c);
void config_init(struct config *c);

/* The text of BUNDLE/config.json, and what it means for a container id. */
int config_read_file(int bundle, struct buf *out, struct err *e);
int config_parse(const char *text, size_t len, struct config *out, struct err *e);
/* All but the process, which exec takes from elsewhere.  bundle: its absolute path. */
int config_translate(struct config *c, const char *id, const char *bundle, struct err *e);

/* A process object: into p; *c gets what is no plan's. */
int config_process(const struct part *process, struct config *c, struct plan *p, struct err *e);
/* Of that: what it asks of security modules; what it leaves out stays. */
int config_labels(const struct part *process, struct plan *p, struct err *e);
/* The user namespace that the container joins; NULL: it has one of its own, or none. */
const char *config_user_path(const struct json *config);
/* linux.uidMappings and gidMappings: of every plan for that container, exec's too.  With such a
 * path p has its maps already. */
int config_maps(const struct json *config, struct plan *p, struct err *e);
/* A mount's own maps, where they are not those of p: into m, with is_mapped. */
int config_mount_maps(
	const struct part *mount, const struct plan *p, struct plan_mount *m, struct err *e);
/* The same of an option "idmap=uids=…;gids=…". */
int config_mount_option_maps(const struct part *mount, const char *text, const struct plan *p,
	struct plan_mount *m, struct err *e);
int config_mounts(struct config *c, const char *bundle, struct err *e);
int config_linux(struct config *c, struct err *e);
int config_devices(const struct part *linux_part, struct plan *p, struct err *e);
int config_device_rules(const struct part *resources, struct plan *p, struct err *e);
int config_resources(const struct part *resources, struct cgroup_limits *out, struct err *e);
