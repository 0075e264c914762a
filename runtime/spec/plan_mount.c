/* The text of one mount, read and written.  Words stand in one order only: one spelling for one
 * meaning.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan_keys.h"

static const char *const atime_words[] = {
	[PLAN_ATIME_USUAL] = "",
	[PLAN_ATIME_NEVER] = "noatime,",
	[PLAN_ATIME_STRICT] = "strictatime,",
};

/* The next part behind a ':'.  NULL: there is none. */
static char *next_part(const char **at)
{
	if (**at != ':')
		return NULL;
	++*at;
	return plan_unescape(at);
}

static char *take_type(const char **at)
{
	static const char key[] = "type=";
	const char *start = *at + strlen(key);
	size_t len;

	if (strncmp(*at, key, strlen(key)) != 0)
		return NULL;
	len = strcspn(start, ",:");
	if (len == 0 || start[len] != ',')
		return NULL; /* then it is no path either */
	*at = start + len + 1;
	return str_ndup(start, len);
}

static bool take_ids(const char **at, const char *key, struct plan_map *m)
{
	while (str_starts(*at, key)) {
		const char *next = *at + strlen(key);
		struct plan_ids ids = { 0 };

		if (!plan_take_id(&next, '-', &ids.inside) ||
			!plan_take_id(&next, '-', &ids.outside) ||
			!plan_take_id(&next, ',', &ids.size) || plan_map_add(m, &ids) < 0)
			return false;
		*at = next;
	}
	return true;
}

/* Ids that are none are left, and are no path. */
static void read_words(const char **at, struct plan_mount *m)
{
	m->is_volume = plan_take_word(at, "volume");
	m->type = m->is_volume ? NULL : take_type(at);
	m->recursive_read_only = plan_take_word(at, "rro");
	m->read_only = m->recursive_read_only || plan_take_word(at, "ro");
	m->is_file = plan_take_word(at, "file");
	m->is_alone = plan_take_word(at, "alone");
	m->no_exec = plan_take_word(at, "noexec");
	m->no_dev = plan_take_word(at, "nodev");
	m->no_suid = plan_take_word(at, "nosuid");
	m->is_mapped = plan_take_word(at, "idmap");
	if (m->is_mapped)
		(void)(take_ids(at, "uid=", &m->uids) && take_ids(at, "gid=", &m->gids));
	m->atime = plan_take_word(at, "noatime")       ? PLAN_ATIME_NEVER
		   : plan_take_word(at, "strictatime") ? PLAN_ATIME_STRICT
						       : PLAN_ATIME_USUAL;
	m->propagation = plan_take_word(at, "slave")    ? PLAN_SLAVE
			 : plan_take_word(at, "shared") ? PLAN_SHARED
							: PLAN_PRIVATE;
	m->copies_up = plan_take_word(at, "copyup");
}

void plan_mount_free(struct plan_mount *m)
{
	free(m->source);
	free(m->target);
	free(m->type);
	free(m->options);
	free(m->uids.at);
	free(m->gids.at);
	*m = (struct plan_mount){ 0 };
}

static const char *check(const struct plan_mount *m, const char *rest)
{
	/* What the host mounts below it later would be writable. */
	if (m->recursive_read_only && m->propagation != PLAN_PRIVATE)
		return "recursive read-only excludes slave and shared";
	if (m->copies_up && !str_eq(m->type, "tmpfs"))
		return "copyup is for a tmpfs";
	if (!m->type && m->atime)
		return "noatime and strictatime are for a new file system";
	if (m->type && (m->recursive_read_only || m->is_file || m->is_alone || m->is_mapped ||
			       m->propagation != PLAN_PRIVATE))
		return "a new file system is none of rro, file, idmap, slave, shared";
	if (!m->source || !m->target || *rest || !plan_is_path(m->target) ||
		!(m->type ? m->source[0] != '\0' : plan_is_path(m->source)) ||
		(m->options && (!m->type || strlen(m->options) > PLAN_MOUNT_OPTIONS_MAX)))
		return PLAN_MOUNT_WANT;
	if (!m->uids.len != !m->gids.len)
		return "want uid= and gid= of idmap, or none";
	if (m->is_volume && (m->propagation != PLAN_PRIVATE || m->is_file || m->is_alone ||
				    m->is_mapped || !plan_is_volume_path(m->source)))
		return "want volume,[ro,|rro,]…/NAME[/PATH]:/TARGET";
	return NULL;
}

const char *plan_mount_read(const char *value, struct plan_mount *out)
{
	struct plan_mount m = { 0 };
	const char *at = value, *want;

	read_words(&at, &m);
	m.source = plan_unescape(&at);
	m.target = m.source ? next_part(&at) : NULL;
	m.options = m.target ? next_part(&at) : NULL;
	want = check(&m, at);
	if (want)
		plan_mount_free(&m);
	else
		*out = m;
	return want;
}

static void write_ids(const char *key, const struct plan_map *m, struct buf *out)
{
	for (size_t i = 0; i < m->len; i++)
		buf_addf(out, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu32 ",", key, m->at[i].inside,
			m->at[i].outside, m->at[i].size);
}

void plan_mount_write(const struct plan_mount *m, struct buf *out)
{
	static const char *const propagations[] = {
		[PLAN_PRIVATE] = "",
		[PLAN_SLAVE] = "slave,",
		[PLAN_SHARED] = "shared,",
	};

	if (m->is_volume)
		buf_adds(out, "volume,");
	if (m->type)
		buf_addf(out, "type=%s,", m->type);
	buf_addf(out, "%s%s%s%s%s%s%s",
		m->recursive_read_only ? "rro,"
		: m->read_only         ? "ro,"
				       : "",
		m->is_file ? "file," : "", m->is_alone ? "alone," : "", m->no_exec ? "noexec," : "",
		m->no_dev ? "nodev," : "", m->no_suid ? "nosuid," : "",
		m->is_mapped ? "idmap," : "");
	write_ids("uid=", &m->uids, out);
	write_ids("gid=", &m->gids, out);
	buf_addf(out, "%s%s%s", atime_words[m->atime], propagations[m->propagation],
		m->copies_up ? "copyup," : "");
	plan_escape(out, m->source);
	buf_addc(out, ':');
	plan_escape(out, m->target);
	if (m->options) {
		buf_addc(out, ':');
		plan_escape(out, m->options);
	}
}

const struct plan_mount *plan_mount_at(const struct plan *p, const char *target)
{
	for (size_t i = 0; i < p->mounts_len; i++)
		if (str_eq(p->mounts[i].target, target))
			return &p->mounts[i];
	return NULL;
}
