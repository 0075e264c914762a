/* The table behind the plan format, shared by its reader and its writer and by nobody else:
 * everything about a key in one row, so the two cannot disagree.
 */
#pragma once

#include <stddef.h>

#include "spec/plan.h"

enum value_type {
	VALUE_KIND = 1, /* these three: one of some words, see plan_words() */
	VALUE_PID,
	VALUE_MASKS,
	VALUE_FD,
	VALUE_I64,
	VALUE_OOM,
	VALUE_HEX,
	VALUE_BOOL,
	VALUE_NAME, /* no blank, no control character */
	VALUE_TEXT, /* not empty */
	VALUE_PATH,
	VALUE_HOSTNAME,
	VALUE_UMASK,
	VALUE_LABEL, /* printable, not empty */
	VALUE_PATHS, /* from here on keys may repeat */
	VALUE_DIGITS,
	VALUE_TEXTS,
	VALUE_ENV,
	VALUE_SYSCTL,
	VALUE_MOUNT,
	VALUE_VOLUME,
	VALUE_DEVICE,
	VALUE_DEVICE_RULE,
	VALUE_HOOK,
	VALUE_MAP,
	VALUE_NAMESPACES,
	VALUE_LIMITS,
};

enum {
	SANDBOX = 1 << PLAN_SANDBOX,
	CONTAINER = 1 << PLAN_CONTAINER,
	EXEC = 1 << PLAN_EXEC,
	BUNDLE = 1 << PLAN_BUNDLE,
	INSIDE = CONTAINER | EXEC, /* of a process that is there */
	PROCESS = INSIDE | BUNDLE,
	ANY = SANDBOX | PROCESS,
};

struct plan_key {
	const char *name;
	enum value_type type;
	unsigned kinds, needed; /* bits of plan kinds */
	size_t at;              /* where in struct plan */
};

extern const struct plan_key plan_keys[];
extern const size_t plan_keys_len;

/* The words of an enum, by value: NULL where a value has none, and beyond the last. */
const char *plan_word(enum value_type type, unsigned value);
const char *plan_kind_name(enum plan_kind kind); /* NULL: no such kind */

/* Parts of the grammar that several values have. */
enum { PLAN_PATH_MAX = 4095 };
bool plan_is_path(const char *text);
char *plan_unescape(const char **at); /* up to a ':' or the end; NULL: a stray backslash */
void plan_escape(struct buf *out, const char *text);
bool plan_take_word(const char **at, const char *word); /* "WORD," from the front */

/* Sysctls (plan_sysctl.c), as devices below. */
const char *plan_read_sysctl(const char *value, struct plan *p);

/* Volumes (plan_volume.c), as devices below. */
const char *plan_read_volume(const char *value, struct plan *p);
void plan_write_volumes(const struct plan *p, struct buf *out);
void plan_free_volumes(struct plan *p);
/* "/NAME" or "/NAME/PATH". */
bool plan_is_volume_path(const char *text);

/* Devices (plan_device.c).  Reading: NULL, or what was wanted instead. */
const char *plan_read_device(const char *value, struct plan *p);
const char *plan_read_device_rule(const char *value, struct plan *p);
void plan_write_devices(const struct plan *p, struct buf *out);
void plan_write_device_rules(const struct plan *p, struct buf *out);
void plan_free_devices(struct plan *p);

/* Hooks (plan_hook.c), the same. */
const char *plan_read_hook(const char *value, struct plan *p);
void plan_write_hooks(const struct plan *p, struct buf *out);
void plan_free_hooks(struct plan *p);

/* Adds one range, checked against those before it; and what only the whole plan shows. */
int plan_map_read(const char *key, const char *value, struct plan_map *m, struct err *e);
int plan_map_check(const struct plan *p, struct err *e);
#define PLAN_MOUNT_WANT                                                                            \
	"want "                                                                                    \
	"[volume,|type=TYPE,][ro,|rro,][file,][alone,][noexec,][nodev,][nosuid,][idmap,][uid=IDS," \
	"]…"                                                                                     \
	"[gid=IDS,]…[noatime,|strictatime,]"                                                     \
	"[slave,|shared,]/SOURCE:/TARGET[:OPTIONS of TYPE]"

/* One mount.  Reading: NULL, or what is wanted instead. */
const char *plan_mount_read(const char *value, struct plan_mount *out);
void plan_mount_write(const struct plan_mount *m, struct buf *out);
void plan_mount_free(struct plan_mount *m);

/* The field of key k in p, as the type that the table promises. */
#define FIELD(p, k, type) ((type *)(void *)((char *)(p) + (k)->at))
#define CONST_FIELD(p, k, type) ((type const *)(const void *)((const char *)(p) + (k)->at))
