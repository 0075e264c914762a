/* Where this process is, to come back to: for who lives in a cgroup of its own for a while. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"

/* The mount point of the hierarchy that a line's list of controllers names; NULL: none of ours. */
static const char *top_of(const struct cgroups *c, const char *controllers)
{
	char *save = NULL;
	CLEANUP(cleanup_free) char *list = str_dup(controllers);

	if (!*controllers)
		return c->v2;
	for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save))
		for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
			if (c->v1[i] && str_eq(word, cgroup_controllers[i]))
				return c->v1[i];
	return NULL;
}

/* "4:memory:/user/1", "0::/init.scope".  What is ours already, or outside what we see (a path
 * through ".."), is no place to come back to: the top is. */
static void note_line(const struct cgroups *c, char *line, struct strv *out)
{
	char *controllers = strchr(line, ':'),
	     *path = controllers ? strchr(controllers + 1, ':') : NULL;
	CLEANUP(cleanup_free) char *own = str_fmt("/%s/", c->name);
	CLEANUP(cleanup_free) char *dir = NULL;
	const char *top;

	if (!path)
		return;
	*controllers++ = *path++ = '\0';
	top = top_of(c, controllers);
	if (!top)
		return;
	if (!*path || str_eq(path, "/") || str_starts(path, own) || str_starts(path, "/.."))
		path[0] = '\0';
	dir = str_fmt("%s%s", top, path);
	strv_add(out, top);
	strv_add(out, dir);
}

int cgroup_origin(const struct cgroups *c, struct strv *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;
	int rc = fd_read_file(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &text, e);

	for (char *line = rc == 0 && text.len ? strtok_r(text.data, "\n", &save) : NULL; line;
		line = strtok_r(NULL, "\n", &save))
		note_line(c, line, out);
	return rc;
}

int cgroup_return(const struct strv *origin, int32_t pid, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i + 1 < origin->len; i += 2)
		if (cgroup_join_dir(origin->at[i + 1], pid, NULL) < 0)
			rc = cgroup_join_dir(origin->at[i], pid, e);
	return rc;
}
