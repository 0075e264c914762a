#include "image/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

/* fd_remove_tree() goes 1024 deep; whatever can be made here must be removable. */
enum { DEPTH_MAX = 512 };

static int refuse(const char *given, const char *why, struct err *e)
{
	CLEANUP(cleanup_free) char *shown = str_utf8(given, strnlen(given, 100));

	return err_say(e, EINVAL, "path \"%s\": %s", shown, why);
}

int path_clean(const char *given, char **out, struct err *e)
{
	CLEANUP(buf_free) struct buf clean = { 0 };
	int depth = 0;

	for (const char *p = given; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && strncmp(p, "..", 2) == 0)
			return refuse(given, "has a part \"..\"", e);
		if (len > NAME_MAX || ++depth > DEPTH_MAX)
			return refuse(given, len > NAME_MAX ? "a name is too long" : "too deep", e);
		if (len > 0 && !(len == 1 && *p == '.')) {
			if (clean.len)
				buf_addc(&clean, '/');
			buf_add(&clean, p, len);
		}
		p += len + strspn(p + len, "/");
	}
	if (clean.len >= PATH_MAX)
		return refuse(given, "too long", e);
	*out = buf_take(&clean);
	return 0;
}

const char *path_last(const char *clean)
{
	const char *slash = strrchr(clean, '/');

	return slash ? slash + 1 : clean;
}

char *path_parent(const char *clean)
{
	const char *slash = strrchr(clean, '/');

	return str_ndup(clean, slash ? (size_t)(slash - clean) : 0);
}
