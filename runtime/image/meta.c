#include "image/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { XATTR_NAMES_MAX = 64 * 1024, XATTR_VALUE_MAX = 64 * 1024, MODE_BITS = 07777 };

void meta_free(struct meta *m)
{
	for (size_t i = 0; i < m->xattrs_len; i++) {
		free(m->xattrs[i].name);
		free(m->xattrs[i].value);
	}
	free(m->xattrs);
	*m = (struct meta){ 0 };
}

void meta_add_xattr(struct meta *m, const char *name, const void *value, size_t len)
{
	struct xattr *x;

	m->xattrs = mem_resize(m->xattrs, m->xattrs_len + 1, sizeof(*m->xattrs));
	x = &m->xattrs[m->xattrs_len++];
	*x = (struct xattr){ str_dup(name), mem_zalloc(len ? len : 1), len };
	if (len)
		memcpy(x->value, value, len);
}

bool meta_is_overlay(const char *xattr)
{
	return str_starts(xattr, "trusted.overlay.") || str_starts(xattr, "user.overlay.");
}

bool meta_keeps(const char *xattr)
{
	return str_eq(xattr, "security.capability") ||
	       (str_starts(xattr, "user.") && !meta_is_overlay(xattr));
}

static int read_xattr(int fd, const char *name, struct meta *m, struct err *e)
{
	CLEANUP(cleanup_free) void *value = mem_zalloc(XATTR_VALUE_MAX);
	ssize_t len = fgetxattr(fd, name, value, XATTR_VALUE_MAX);

	if (len < 0)
		return errno == ENODATA ? 0 : err_set(e, errno, "read attribute %s", name);
	meta_add_xattr(m, name, value, (size_t)len);
	return 0;
}

static int read_xattrs(int fd, struct meta *m, struct err *e)
{
	CLEANUP(cleanup_free) char *names = NULL;
	ssize_t len = flistxattr(fd, NULL, 0);
	int rc = 0;

	if (len == 0 || (len < 0 && errno == EOPNOTSUPP))
		return 0;
	names = mem_zalloc(XATTR_NAMES_MAX);
	len = flistxattr(fd, names, XATTR_NAMES_MAX);
	if (len < 0)
		return err_set(e, errno, "list attributes");
	for (const char *n = names; rc == 0 && n < names + len; n += strlen(n) + 1)
		if (meta_keeps(n))
			rc = read_xattr(fd, n, m, e);
	return rc;
}

int meta_read(int fd, struct meta *out, struct err *e)
{
	CLEANUP(meta_free) struct meta m = { 0 };
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat");
	m.mode = st.st_mode & MODE_BITS;
	m.uid = st.st_uid;
	m.gid = st.st_gid;
	m.mtime = st.st_mtim;
	rc = read_xattrs(fd, &m, e);
	if (rc < 0)
		return rc;
	*out = m;
	m = (struct meta){ 0 };
	return 0;
}

/* A change of owner clears set-user-ID bits and capabilities, and any change the time: hence this
 * order. */
int meta_apply(int fd, const struct meta *m, struct err *e)
{
	const struct timespec times[] = { m->mtime, m->mtime };

	if (fchown(fd, m->uid, m->gid) < 0)
		return err_set(e, errno, "change owner");
	if (fchmod(fd, m->mode & MODE_BITS) < 0)
		return err_set(e, errno, "change mode");
	for (size_t i = 0; i < m->xattrs_len; i++) {
		const struct xattr *x = &m->xattrs[i];

		if (fsetxattr(fd, x->name, x->value, x->len, 0) < 0)
			return err_set(e, errno, "set attribute %s", x->name);
	}
	return futimens(fd, times) < 0 ? err_set(e, errno, "set time") : 0;
}
