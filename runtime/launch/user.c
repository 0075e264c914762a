#include "launch/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { ID_MAX = INT32_MAX, NAME_LEN_MAX = 256, FIELDS_MAX = 7 };

struct span {
	const char *at;
	size_t len;
};

void user_free(struct user *u)
{
	free(u->groups);
	free(u->sorted);
	free(u->home);
	free(u->name);
	*u = (struct user){ 0 };
}

static bool span_eq(struct span s, struct span t)
{
	return s.len == t.len && memcmp(s.at, t.at, s.len) == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits without a leading zero, up to ID_MAX. */
static int read_id(struct span s, uid_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || s.len > 10 || (s.at[0] == '0' && s.len > 1))
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.at[i]))
			return -EINVAL;
		n = n * 10 + (uint64_t)(s.at[i] - '0');
	}
	if (n > ID_MAX)
		return -ERANGE;
	*out = (uid_t)n;
	return 0;
}

static bool is_number(struct span s)
{
	return s.len > 0 && is_digit(s.at[0]);
}

static bool is_name(struct span s)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-$";

	if (s.len == 0 || s.len > NAME_LEN_MAX || is_digit(s.at[0]) || s.at[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!s.at[i] || !strchr(allowed, s.at[i]))
			return false;
	return true;
}

/* The next line of the file, split at colons.  Returns the number of fields, 0 at the end.  A line
 * with a NUL has no fields that mean anything: it is passed over. */
static size_t next_line(const struct user_file *f, size_t *pos, struct span fields[FIELDS_MAX])
{
	while (*pos < f->len) {
		const char *line = f->bytes + *pos;
		const char *nl = memchr(line, '\n', f->len - *pos);
		size_t len = nl ? (size_t)(nl - line) : f->len - *pos, n = 0;
		const char *end = line + len;

		*pos += len + 1;
		if (len == 0 || memchr(line, '\0', len))
			continue;
		for (const char *at = line; n < FIELDS_MAX; n++) {
			const char *colon = memchr(at, ':', (size_t)(end - at));

			fields[n] = (struct span){ at, (size_t)((colon ? colon : end) - at) };
			at = colon ? colon + 1 : end;
			if (!colon) {
				n++;
				break;
			}
		}
		return n;
	}
	return 0;
}

struct entry {
	bool is_found;
	struct span name, home;
	uid_t uid;
	gid_t gid;
};

/* By name when name.len, else by uid.  The first match counts, as for getpwnam(3); one whose
 * numbers cannot be read is an error, since skipping it would pick somebody else. */
static int find_entry(const struct user_file *passwd, struct span name, uid_t uid,
	struct entry *out, struct err *e)
{
	struct span f[FIELDS_MAX];
	size_t pos = 0, n;

	*out = (struct entry){ 0 };
	while ((n = next_line(passwd, &pos, f)) > 0) {
		uid_t id;
		bool is_good = n >= 4 && read_id(f[2], &id) == 0;

		if (name.len ? !span_eq(f[0], name) : !is_good || id != uid)
			continue;
		if (!is_good || read_id(f[3], &out->gid) < 0)
			return err_say(e, EINVAL, "/etc/passwd: the entry of %.*s has no valid ids",
				(int)f[0].len, f[0].at);
		out->is_found = true;
		out->name = f[0];
		out->uid = id;
		if (n > 5)
			out->home = f[5];
		return 0;
	}
	return 0;
}

static int find_group(const struct user_file *group, struct span name, gid_t *out, struct err *e)
{
	struct span f[FIELDS_MAX];
	size_t pos = 0, n;

	while ((n = next_line(group, &pos, f)) > 0) {
		if (!span_eq(f[0], name))
			continue;
		if (n < 3 || read_id(f[2], out) < 0)
			return err_say(e, EINVAL, "/etc/group: the entry of %.*s has no valid id",
				(int)name.len, name.at);
		return 0;
	}
	return err_say(
		e, ENOENT, "group %.*s is not in the image's /etc/group", (int)name.len, name.at);
}

static size_t place_of(const struct user *u, gid_t gid)
{
	size_t from = 0, to = u->groups_len;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (u->sorted[middle] < gid)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* A file may name the same groups a million times, so they are looked up in a sorted copy; in no
 * hash, whose collisions the file's author would choose. */
static int add_group(struct user *u, gid_t gid, struct err *e)
{
	size_t at = place_of(u, gid);

	if (at < u->groups_len && u->sorted[at] == gid)
		return 0;
	if (u->groups_len == USER_GROUPS_MAX)
		return err_say(e, E2BIG, "more than %d groups", (int)USER_GROUPS_MAX);
	/* Grown by doubling at powers of two, so that a long list costs no quadratic copying. */
	if ((u->groups_len & (u->groups_len - 1)) == 0) {
		size_t room = u->groups_len ? u->groups_len * 2 : 1;

		u->groups = mem_resize(u->groups, room, sizeof(*u->groups));
		u->sorted = mem_resize(u->sorted, room, sizeof(*u->sorted));
	}
	memmove(u->sorted + at + 1, u->sorted + at, (u->groups_len - at) * sizeof(*u->sorted));
	u->sorted[at] = u->groups[u->groups_len++] = gid;
	return 0;
}

static bool lists_member(struct span members, struct span name)
{
	const char *at = members.at, *end = members.at + members.len;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;

		if (span_eq((struct span){ at, (size_t)(stop - at) }, name))
			return true;
		at = stop + 1;
	}
	return false;
}

static int merge_groups(
	const struct user_file *group, struct span name, struct user *u, struct err *e)
{
	struct span f[FIELDS_MAX];
	size_t pos = 0, n;
	gid_t gid;
	int rc = 0;

	while (rc == 0 && (n = next_line(group, &pos, f)) > 0)
		if (n >= 4 && lists_member(f[3], name) && read_id(f[2], &gid) == 0)
			rc = add_group(u, gid, e);
	return rc;
}

static void split(const char *text, struct span *user, struct span *group, bool *has_group)
{
	const char *colon = text ? strchr(text, ':') : NULL;

	if (!text)
		text = "0";
	*has_group = colon != NULL;
	*user = (struct span){ text, colon ? (size_t)(colon - text) : strlen(text) };
	*group = (struct span){ colon ? colon + 1 : "", colon ? strlen(colon + 1) : 0 };
}

bool user_needs_passwd(const struct user_request *q)
{
	struct span user, group;
	bool has_group;

	split(q->text, &user, &group, &has_group);
	return !is_number(user) || !has_group || q->merge_groups || q->wants_home;
}

bool user_needs_group(const struct user_request *q)
{
	struct span user, group;
	bool has_group;

	split(q->text, &user, &group, &has_group);
	return (has_group && !is_number(group)) || q->merge_groups;
}

static int check_text(const struct user_request *q, struct span user, struct span group,
	bool has_group, struct err *e)
{
	uid_t id;

	if ((is_number(user) ? read_id(user, &id) == 0 : is_name(user)) &&
		(!has_group || (is_number(group) ? read_id(group, &id) == 0 : is_name(group))))
		return 0;
	return err_say(e, EINVAL, "user \"%.64s\" is neither a number from 0 to %d nor a name",
		q->text, ID_MAX);
}

int user_find(const struct user_request *q, const struct user_file *passwd, struct user *out,
	struct err *e)
{
	struct span user_text, group_text;
	struct user u = { 0 };
	struct entry entry;
	bool has_group;
	int rc;

	split(q->text, &user_text, &group_text, &has_group);
	if ((rc = check_text(q, user_text, group_text, has_group, e)) < 0)
		return rc;
	if (is_number(user_text)) {
		(void)read_id(user_text, &u.uid);
		user_text.len = 0;
	}
	if ((rc = find_entry(passwd, user_text, u.uid, &entry, e)) < 0)
		return rc;
	if (user_text.len && !entry.is_found)
		return err_say(e, ENOENT, "user %.*s is not in the image's /etc/passwd",
			(int)user_text.len, user_text.at);
	if (entry.is_found) {
		u.uid = entry.uid;
		u.gid = entry.gid;
	}
	if (q->refuse_root && u.uid == 0)
		return err_say(e, EPERM, "container has runAsNonRoot and would run as root");
	if (entry.is_found)
		u.name = str_ndup(entry.name.at, entry.name.len);
	if (entry.home.len && entry.home.at[0] == '/')
		u.home = str_ndup(entry.home.at, entry.home.len);
	*out = u;
	return 0;
}

static int add_listed_groups(
	const struct user_request *q, const struct user_file *group, struct user *u, struct err *e)
{
	int rc = add_group(u, u->gid, e);

	for (size_t i = 0; rc == 0 && q->groups && i < q->groups->len; i++) {
		const char *text = q->groups->at[i];
		gid_t gid;

		rc = read_id((struct span){ text, strlen(text) }, &gid);
		rc = rc < 0 ? err_say(e, -rc, "group %.64s is no number", text)
			    : add_group(u, gid, e);
	}
	if (rc == 0 && q->merge_groups && u->name)
		rc = merge_groups(group, (struct span){ u->name, strlen(u->name) }, u, e);
	return rc;
}

int user_find_groups(
	const struct user_request *q, const struct user_file *group, struct user *u, struct err *e)
{
	struct span user_text, group_text;
	bool has_group;
	int rc = 0;

	split(q->text, &user_text, &group_text, &has_group);
	if (has_group && is_number(group_text))
		(void)read_id(group_text, &u->gid);
	else if (has_group)
		rc = find_group(group, group_text, &u->gid, e);
	return rc < 0 ? rc : add_listed_groups(q, group, u, e);
}
