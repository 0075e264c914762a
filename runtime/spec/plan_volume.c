/* volume= of a plan, and the paths that name one: see plan.h for the grammar. */
#include "spec/plan_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { VOLUME_NAME_MAX = 63, VOLUMES_MAX = 4096 };

/* Neither "." nor "..": it becomes the name of a directory. */
static bool is_volume_name(const char *text, size_t len)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	return len > 0 && len <= VOLUME_NAME_MAX && text[0] != '.' && strspn(text, allowed) >= len;
}

bool plan_is_volume_path(const char *text)
{
	return plan_is_path(text) && is_volume_name(text + 1, strcspn(text + 1, "/"));
}

static const struct plan_volume *find(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->volumes_len; i++)
		if (str_eq(p->volumes[i].name, name))
			return &p->volumes[i];
	return NULL;
}

const char *plan_read_volume(const char *value, struct plan *p)
{
	const char *gid = strchr(value, ':'), *name = gid ? strchr(gid + 1, ':') : NULL;
	struct plan_volume v = { .gid = -1 };

	if (!name || !is_volume_name(name + 1, strlen(name + 1)))
		return "want SIZE:[GID]:NAME, the name of 1 to 63 letters, digits, '-' and '.'";

	CLEANUP(cleanup_free) char *size_text = str_ndup(value, (size_t)(gid - value));
	CLEANUP(cleanup_free) char *gid_text = str_ndup(gid + 1, (size_t)(name - gid - 1));

	if (str_to_i64(size_text, 1, INT64_MAX, &v.size_bytes) < 0)
		return "want a size from 1 byte";
	if (*gid_text && str_to_i64(gid_text, 0, INT32_MAX, &v.gid) < 0)
		return "want a gid from 0 to 2147483647";
	if (find(p, name + 1))
		return "there is one of that name";
	if (p->volumes_len == VOLUMES_MAX)
		return "there are 4096 already";
	v.name = str_dup(name + 1);
	p->volumes = mem_resize(p->volumes, p->volumes_len + 1, sizeof(*p->volumes));
	p->volumes[p->volumes_len++] = v;
	return NULL;
}

void plan_write_volumes(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->volumes_len; i++) {
		const struct plan_volume *v = &p->volumes[i];

		buf_addf(out, "volume=%" PRId64 ":", v->size_bytes);
		if (v->gid >= 0)
			buf_addf(out, "%" PRId64, v->gid);
		buf_addf(out, ":%s", v->name);
		buf_addc(out, '\0');
	}
}

void plan_free_volumes(struct plan *p)
{
	for (size_t i = 0; i < p->volumes_len; i++)
		free(p->volumes[i].name);
	free(p->volumes);
}
