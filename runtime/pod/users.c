#include "pod/users.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

void users_take(struct users_map *m, struct id_range r)
{
	const uint64_t last = (uint64_t)r.first + r.size - 1;
	const uint64_t end = USERS_FIRST + (uint64_t)USERS_BLOCKS * USERS_SIZE;
	uint64_t at = r.first < USERS_FIRST ? USERS_FIRST : r.first - r.first % USERS_SIZE;

	for (; r.size && at <= last && at < end; at += USERS_SIZE) {
		const uint64_t i = (at - USERS_FIRST) / USERS_SIZE;

		m->taken[i / 8] |= (unsigned char)(1U << i % 8);
	}
}

static bool is_taken(const struct users_map *m, uint32_t i)
{
	return m->taken[i / 8] & 1U << i % 8;
}

/* Field number n of the line, by colons.  -1: there is none, or it is no number. */
static int64_t field(const char *line, size_t len, unsigned n)
{
	CLEANUP(cleanup_free) char *text = str_ndup(line, len);
	char *at = text;
	int64_t number;

	for (; n; n--) {
		at = strchr(at, ':');
		if (!at)
			return -1;
		at++;
	}
	at[strcspn(at, ":")] = '\0';
	return str_to_i64(at, 0, UINT32_MAX, &number) < 0 ? -1 : number;
}

static void take_line(struct users_map *m, enum users_file kind, const char *line, size_t len)
{
	const int64_t third = field(line, len, 2);
	const int64_t other =
		kind == USERS_GROUP ? -1 : field(line, len, kind == USERS_SUBIDS ? 1 : 3);

	if (kind == USERS_SUBIDS) {
		if (other >= 0 && third > 0)
			users_take(m, (struct id_range){ (uint32_t)other, (uint32_t)third });
		return;
	}
	if (third >= 0)
		users_take(m, (struct id_range){ (uint32_t)third, 1 });
	if (other >= 0)
		users_take(m, (struct id_range){ (uint32_t)other, 1 });
}

void users_take_file(struct users_map *m, enum users_file kind, const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		take_line(m, kind, text, len);
	}
}

int users_choose(const struct users_map *m, uint32_t start, struct id_range *out, struct err *e)
{
	for (uint32_t i = 0; i < USERS_BLOCKS; i++) {
		const uint32_t block = (start + i) % USERS_BLOCKS;

		if (is_taken(m, block))
			continue;
		*out = (struct id_range){ USERS_FIRST + block * USERS_SIZE, USERS_SIZE };
		return 0;
	}
	return err_say(
		e, ENOSPC, "all %d blocks of ids for user namespaces are taken", USERS_BLOCKS);
}

bool users_is_block(int64_t first)
{
	return first >= USERS_FIRST && first <= USERS_FIRST + (USERS_BLOCKS - 1LL) * USERS_SIZE &&
	       first % USERS_SIZE == 0;
}

static void set_map(struct plan_map *m, struct id_range r)
{
	m->at = mem_resize(NULL, 1, sizeof(*m->at));
	m->at[0] = (struct plan_ids){ 0, r.first, r.size };
	m->len = 1;
}

void users_plan(const struct pod_spec *pod, struct plan *out)
{
	if (!pod->own_users)
		return;
	set_map(&out->uid_map, pod->uids);
	set_map(&out->gid_map, pod->gids);
}

int users_give(const struct pod_spec *pod, const char *path, struct err *e)
{
	if (!pod->own_users)
		return 0;
	return chown(path, pod->uids.first, pod->gids.first) < 0
		       ? err_set(e, errno, "give %s to the pod's root", path)
		       : 0;
}
