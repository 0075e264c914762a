#include "launch/filesystem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "sys/mount.h"

enum { OPTIONS_MAX = 32 };
enum { IDS_MAX = 64 }; /* what numbers of the host may take more */

/* "mode=755,size=64k,flag", taken apart in place. */
static int split(char *text, struct mount_option out[OPTIONS_MAX], size_t *out_len, struct err *e)
{
	char *save = NULL;

	*out_len = 0;
	for (char *at = strtok_r(text, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
		char *value = strchr(at, '=');

		if (*out_len == OPTIONS_MAX)
			return err_say(e, E2BIG, "more than %d options", OPTIONS_MAX);
		if (value)
			*value++ = '\0';
		out[(*out_len)++] = (struct mount_option){ at, value };
	}
	return 0;
}

int filesystem_new(const struct plan_mount *m, struct err *e)
{
	const uint64_t attributes = (m->no_exec ? MOUNT_ATTR_NOEXEC : 0) |
				    (m->no_dev ? MOUNT_ATTR_NODEV : 0) |
				    (m->no_suid ? MOUNT_ATTR_NOSUID : 0) |
				    (m->atime == PLAN_ATIME_NEVER           ? MOUNT_ATTR_NOATIME
					    : m->atime == PLAN_ATIME_STRICT ? MOUNT_ATTR_STRICTATIME
									    : 0);
	struct mount_option options[OPTIONS_MAX];
	char text[PLAN_MOUNT_OPTIONS_MAX + IDS_MAX + 1];
	size_t len;
	int rc;

	if (m->options && strlen(m->options) >= sizeof(text))
		return err_say(e, E2BIG, "options of more than %zu bytes", sizeof(text) - 1);
	(void)snprintf(text, sizeof(text), "%s", m->options ? m->options : "");
	rc = split(text, options, &len, e);
	return rc < 0 ? rc : mount_new(m->type, options, len, attributes, e);
}

/* key: "uid=". */
static int add_id(const struct plan_map *map, const char *key, const char *text, struct buf *out,
	struct err *e)
{
	int64_t id = 0, outside;

	if (str_to_i64(text, 0, UINT32_MAX - 1, &id) < 0)
		return err_say(e, EINVAL, "%s%.64s: want an id", key, text);
	outside = plan_host_id(map, (uint32_t)id);
	if (outside < 0)
		return err_say(e, EINVAL, "%s%s is not in the user namespace", key, text);
	buf_addf(out, "%s%s%" PRId64, out->len ? "," : "", key, outside);
	return 0;
}

int filesystem_new_outside(const struct plan *p, const struct plan_mount *m, struct err *e)
{
	static const char *const keys[] = { "uid=", "gid=" };
	const struct plan_map *const maps[] = { &p->uid_map, &p->gid_map };
	CLEANUP(cleanup_free) char *options = str_dup(m->options ? m->options : "");
	CLEANUP(buf_free) struct buf mapped = { 0 };
	struct plan_mount own = *m;
	char *save = NULL;
	int rc = 0;

	if (!p->uid_map.len || !str_eq(m->type, "tmpfs"))
		return filesystem_new(m, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(keys); i++)
		rc = add_id(maps[i], keys[i], "0", &mapped, e);
	for (char *at = strtok_r(options, ",", &save); rc == 0 && at;
		at = strtok_r(NULL, ",", &save)) {
		const size_t i = str_starts(at, keys[1]);

		if (str_starts(at, keys[i]))
			rc = add_id(maps[i], keys[i], at + strlen(keys[i]), &mapped, e);
		else
			buf_addf(&mapped, ",%s", at);
	}
	own.options = mapped.data;
	return rc < 0 ? rc : filesystem_new(&own, e);
}
