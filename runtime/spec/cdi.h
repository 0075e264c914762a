/* CDI (Container Device Interface, 0.3 to 1.0): files by which the maker of a device says what a
 * container is given that asks for it as "vendor.com/class=name".  Data only: who reads the files
 * and who carries out what they say is elsewhere.  The files are the administrator's; even so, what
 * is unknown, too much or senseless is an error that names the field and the value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "spec/plan.h"

enum { CDI_NAME_MAX = 253, CDI_LIST_MAX = 1024 };

struct cdi_node {
	char *path;      /* in the container */
	char *host_path; /* NULL: a node by its numbers */
	char type;       /* 'b', 'c', 'p'; 0: whatever the host's is */
	int64_t major, minor;
	unsigned access;        /* of enum plan's */
	int32_t mode, uid, gid; /* -1: not given */
};

struct cdi_mount {
	char *host_path, *container_path;
	bool read_only, recursive_read_only, no_exec, no_dev, no_suid;
	bool is_slave, is_shared;
};

/* A program of the host's, see sys/hook.h. */
struct cdi_hook {
	enum plan_hook_kind kind;
	char *path;
	struct strv args, env;
	int64_t timeout_s; /* 0: none */
};

struct cdi_edits {
	struct strv env; /* NAME=VALUE */
	struct cdi_node *nodes;
	size_t nodes_len;
	struct cdi_mount *mounts;
	size_t mounts_len;
	struct cdi_hook *hooks;
	size_t hooks_len;
	int64_t *gids;
	size_t gids_len;
	char *refused; /* what of it carpel cannot do; NULL: it can do all */
};

struct cdi_device {
	char *name;
	struct cdi_edits edits;
};

struct cdi_spec {
	char *kind;             /* "vendor.com/class" */
	struct cdi_edits edits; /* of a container that has any of the devices */
	struct cdi_device *devices;
	size_t devices_len;
};

/* e begins with the field: "devices[0].containerEdits.mounts[1].hostPath: …".  What carpel cannot
 * do makes no bad file, see refused. */
int cdi_parse(const struct json *doc, struct cdi_spec *out, struct err *e);
/* One "containerEdits" by itself. */
int cdi_parse_edits(const struct json *j, struct cdi_edits *out, struct err *e);
void cdi_spec_free(struct cdi_spec *s);
void cdi_edits_free(struct cdi_edits *x);
/* "vendor.com/class=name". */
bool cdi_is_name(const char *text);
/* "vendor.com/class" */
bool cdi_is_kind(const char *text);
bool cdi_is_device(const char *text);
const struct cdi_device *cdi_find(const struct cdi_spec *s, const char *qualified);
