#include "oci/config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

enum option {
	OPT_BIND = 1,
	OPT_RBIND,
	OPT_READ_ONLY,
	OPT_READ_WRITE,
	OPT_RECURSIVE_READ_ONLY,
	OPT_NO_SUID,
	OPT_NO_DEV,
	OPT_NO_EXEC,
	OPT_NO_ATIME,
	OPT_STRICT_ATIME,
	OPT_PRIVATE,
	OPT_SLAVE,
	OPT_SHARED,
	OPT_MAPPED,
	OPT_COPY_UP,
	OPT_NOTHING, /* what is so anyway */
};

/* What restricts or maps is of all below a bind as well, so the r-forms are the same. */
static const struct {
	const char *word;
	enum option option;
} words[] = {
	{ "bind", OPT_BIND },
	{ "rbind", OPT_RBIND },
	{ "ro", OPT_READ_ONLY },
	{ "rw", OPT_READ_WRITE },
	{ "rro", OPT_RECURSIVE_READ_ONLY },
	{ "nosuid", OPT_NO_SUID },
	{ "rnosuid", OPT_NO_SUID },
	{ "nodev", OPT_NO_DEV },
	{ "rnodev", OPT_NO_DEV },
	{ "noexec", OPT_NO_EXEC },
	{ "rnoexec", OPT_NO_EXEC },
	{ "noatime", OPT_NO_ATIME },
	{ "strictatime", OPT_STRICT_ATIME },
	{ "private", OPT_PRIVATE },
	{ "rprivate", OPT_PRIVATE },
	{ "slave", OPT_SLAVE },
	{ "rslave", OPT_SLAVE },
	{ "shared", OPT_SHARED },
	{ "rshared", OPT_SHARED },
	{ "idmap", OPT_MAPPED },
	{ "ridmap", OPT_MAPPED },
	{ "relatime", OPT_NOTHING },
	{ "atime", OPT_NOTHING },
	{ "diratime", OPT_NOTHING },
	{ "suid", OPT_NOTHING },
	{ "dev", OPT_NOTHING },
	{ "exec", OPT_NOTHING },
	{ "async", OPT_NOTHING },
	{ "defaults", OPT_NOTHING },
	{ "tmpcopyup", OPT_COPY_UP },
	{ "notmpcopyup", OPT_NOTHING },
};

static const char *const types[] = { "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup" };

struct reading {
	struct plan_mount *m;
	const struct plan *plan;
	bool is_bind;
	struct buf options; /* of a new file system */
};

/* Takes what it knows. */
static bool take_option(struct reading *r, const char *text)
{
	struct plan_mount *m = r->m;
	enum option option = 0;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(words[i].word, text))
			option = words[i].option;
	r->is_bind |= option == OPT_BIND || option == OPT_RBIND;
	m->is_alone = option == OPT_BIND || (m->is_alone && option != OPT_RBIND);
	m->recursive_read_only |= option == OPT_RECURSIVE_READ_ONLY;
	m->read_only |= option == OPT_READ_ONLY || option == OPT_RECURSIVE_READ_ONLY;
	m->no_suid |= option == OPT_NO_SUID;
	m->no_dev |= option == OPT_NO_DEV;
	m->no_exec |= option == OPT_NO_EXEC;
	m->is_mapped |= option == OPT_MAPPED;
	m->copies_up |= option == OPT_COPY_UP;
	if (option == OPT_READ_WRITE)
		m->read_only = m->recursive_read_only = false;
	if (option == OPT_NO_ATIME || option == OPT_STRICT_ATIME)
		m->atime = option == OPT_NO_ATIME ? PLAN_ATIME_NEVER : PLAN_ATIME_STRICT;
	if (option == OPT_PRIVATE || option == OPT_SLAVE || option == OPT_SHARED)
		m->propagation = option == OPT_PRIVATE ? PLAN_PRIVATE
				 : option == OPT_SLAVE ? PLAN_SLAVE
						       : PLAN_SHARED;
	return option != 0;
}

/* "/a//b/" as "/a/b".  NULL: not absolute, or with "..". */
static char *clean_path(const char *path)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	if (path[0] != '/')
		return NULL;
	for (const char *at = path; *at;) {
		size_t len;

		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (len == 2 && at[0] == '.' && at[1] == '.')
			return NULL;
		if (len > 0 && !(len == 1 && at[0] == '.')) {
			buf_addc(&out, '/');
			buf_add(&out, at, len);
		}
		at += len;
	}
	if (!out.len)
		buf_addc(&out, '/');
	return buf_take(&out);
}

/* 1: it was one, as podman hands it on. */
static int take_maps(const struct part *mount, struct reading *r, const char *text, struct err *e)
{
	static const char *const keys[] = { "idmap=", "ridmap=" };
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_starts(text, keys[i])) {
			rc = config_mount_option_maps(
				mount, text + strlen(keys[i]), r->plan, r->m, e);
			return rc < 0 ? rc : 1;
		}
	return 0;
}

static int take_options(const struct part *mount, struct reading *r, struct err *e)
{
	struct strv all = { 0 };
	int rc = read_texts(mount, "options", &all, e);

	for (size_t i = 0; rc == 0 && i < all.len; i++) {
		if (take_option(r, all.at[i]) || (rc = take_maps(mount, r, all.at[i], e)) != 0) {
			rc = rc > 0 ? 0 : rc;
			continue;
		}
		if (r->options.len)
			buf_addc(&r->options, ',');
		buf_adds(&r->options, all.at[i]);
	}
	strv_free(&all);
	return rc;
}

static int finish_bind(const struct part *mount, const char *source, const char *bundle,
	struct reading *r, struct err *e)
{
	const struct plan *p = r->plan;
	struct plan_mount *m = r->m;
	struct stat st;

	if (r->options.len)
		return err_say(e, EINVAL,
			"config.json: %s.options: %.60s: not supported for a bind", mount->path,
			r->options.data);
	if (m->copies_up)
		return read_refuse(mount, "options", "tmpcopyup is for a tmpfs outside /dev", e);
	if (m->is_mapped && !m->uids.len && !p->uid_map.len)
		return err_say(e, EINVAL,
			"config.json: %s: mapped ids need a user namespace of the container, or "
			"mappings",
			mount->path);
	if (m->atime)
		return read_refuse(mount, "options",
			"noatime and strictatime are not supported "
			"for a bind",
			e);
	if (!source || !*source)
		return read_refuse(mount, "source", "want a path", e);
	m->source = *source == '/' ? str_dup(source) : str_fmt("%s/%s", bundle, source);
	if (stat(m->source, &st) < 0)
		return err_set(e, errno, "config.json: %s.source=%s", mount->path, m->source);
	m->is_file = !S_ISDIR(st.st_mode);
	return 0;
}

static int finish_new(const struct part *mount, const char *source, const char *type,
	struct reading *r, struct err *e)
{
	struct plan_mount *m = r->m;
	bool is_known = false;

	for (size_t i = 0; type && i < ARRAY_LEN(types); i++)
		is_known |= str_eq(type, types[i]);
	if (!is_known)
		return read_refuse(mount, "type", "it is not supported", e);
	if (m->propagation != PLAN_PRIVATE || m->recursive_read_only)
		return read_refuse(mount, "options", "slave, shared and rro are for binds", e);
	if (m->copies_up && (!str_eq(type, "tmpfs") || str_eq(m->target, "/dev")))
		return read_refuse(mount, "options", "tmpcopyup is for a tmpfs outside /dev", e);
	if (m->is_mapped)
		return err_say(
			e, EINVAL, "config.json: %s: only a bind has ids to map", mount->path);
	if (r->options.len > PLAN_MOUNT_OPTIONS_MAX)
		return read_refuse(mount, "options", "they are too long", e);
	m->type = str_dup(type);
	m->source = str_dup(source && *source ? source : type);
	if (r->options.len && !str_eq(type, "cgroup"))
		m->options = buf_take(&r->options);
	return 0;
}

static void reading_free(struct reading *r)
{
	buf_free(&r->options);
}

static int one(const struct part *mount, const char *bundle, const struct plan *p,
	struct plan_mount *m, struct err *e)
{
	const char *target = NULL, *source = NULL, *type = NULL;
	CLEANUP(reading_free) struct reading r = { .m = m, .plan = p };
	int rc;

	if ((rc = config_mount_maps(mount, p, m, e)) < 0 ||
		(rc = read_text(mount, "destination", &target, e)) < 0 ||
		(rc = read_text(mount, "source", &source, e)) < 0 ||
		(rc = read_text(mount, "type", &type, e)) < 0 ||
		(rc = take_options(mount, &r, e)) < 0)
		return rc;
	m->target = target ? clean_path(target) : NULL;
	if (!m->target)
		return read_refuse(mount, "destination", "want an absolute path without \"..\"", e);
	if (r.is_bind || str_eq(type, "bind"))
		return finish_bind(mount, source, bundle, &r, e);
	return finish_new(mount, source, type, &r, e);
}

int config_mounts(struct config *c, const char *bundle, struct err *e)
{
	const struct part whole = part_of(c->json, "");
	struct plan *p = &c->plan;
	struct part list, mount;
	int rc = part_get(&whole, "mounts", JSON_ARRAY, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		if ((rc = part_element(&list, i, JSON_OBJECT, &mount, e)) < 0)
			return rc;
		p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
		p->mounts[p->mounts_len] = (struct plan_mount){ 0 };
		rc = one(&mount, bundle, p, &p->mounts[p->mounts_len++], e);
	}
	return rc;
}
