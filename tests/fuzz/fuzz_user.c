/* Who a container runs as: a user text, then an image's passwd and group files, three parts closed
 * by a line of "%%".  Beyond not crashing: 0 is only what says 0, the group list is bounded, starts
 * with the primary group and names none twice, and refuse_root holds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "launch/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static const char mark[] = "%%\n";

/* The bytes up to the next mark; *at moves behind it. */
static struct user_file part(const char **at, const char *end)
{
	const char *start = *at;
	const char *stop = memmem(start, (size_t)(end - start), mark, sizeof(mark) - 1);

	*at = stop ? stop + sizeof(mark) - 1 : end;
	return (struct user_file){ start, (size_t)((stop ? stop : end) - start) };
}

static void check_groups(const struct user *u)
{
	require(u->groups_len >= 1 && u->groups_len <= USER_GROUPS_MAX);
	require(u->groups[0] == u->gid);
	for (size_t i = 0; i < u->groups_len && i < 64; i++)
		for (size_t k = 0; k < i; k++)
			require(u->groups[i] != u->groups[k]);
}

static int resolve(const struct user_request *q, const struct user_file *passwd,
	const struct user_file *group, struct user *out, struct err *e)
{
	int rc = user_find(q, passwd, out, e);

	return rc < 0 ? rc : user_find_groups(q, group, out, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	const struct user_file text_part = part(&at, end);
	const struct user_file passwd = part(&at, end);
	const struct user_file group = part(&at, end);
	CLEANUP(cleanup_free) char *text = str_ndup(text_part.bytes, text_part.len);
	CLEANUP(user_free) struct user u = { 0 };
	CLEANUP(user_free) struct user not_root = { 0 };
	const struct user_request q = { .text = text, .merge_groups = true };
	const struct user_request strict = { .text = text, .refuse_root = true };
	struct err e = { 0 };

	text[strcspn(text, "\n")] = '\0';
	if (resolve(&q, &passwd, &group, &u, &e) == 0) {
		check_groups(&u);
		require(!u.home || u.home[0] == '/');
		/* A number means itself. */
		if (text[0] >= '1' && text[0] <= '9')
			require(u.uid == (uid_t)strtoul(text, NULL, 10));
	} else {
		require(e.code > 0 && e.text[0] && !u.groups);
	}
	if (resolve(&strict, &passwd, &group, &not_root, &e) == 0)
		require(not_root.uid != 0);
	return 0;
}
