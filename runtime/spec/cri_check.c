/* See cri_parts.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/cri_parts.h"

/* ---- refusals ---- */

int cri_bad(struct err *e, const char *at, const char *name, const char *value, const char *why)
{
	enum { SHOWN_MAX = 40 };
	CLEANUP(buf_free) struct buf shown = { 0 };
	size_t len = strnlen(value, SHOWN_MAX + 1);

	buf_add_quoted(&shown, value, len > SHOWN_MAX ? SHOWN_MAX : len);
	return err_say(e, EINVAL, "%s.%s: %s%s: %s", at, name, shown.data,
		len > SHOWN_MAX ? "…" : "", why);
}

int cri_bad_number(struct err *e, const char *at, const char *name, int64_t value, const char *why)
{
	return err_say(e, EINVAL, "%s.%s: %" PRId64 ": %s", at, name, value, why);
}

int cri_not_yet(struct err *e, const char *at, const char *name, const char *what)
{
	return err_say(e, EOPNOTSUPP, "%s.%s: %s not supported yet", at, name, what);
}

/* ---- checks ---- */

static bool is_utf8(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = str_utf8_char(text + at, len - at);

		if (!n)
			return false;
		at += n;
	}
	return true;
}

/* protobuf-c does not look, but Go does: one bad byte that is echoed would fail every list that a
 * kubelet asks for. */
int cri_check_text(const char *at, const char *name, const char *text, size_t max, struct err *e)
{
	size_t len = strlen(text);

	if (len > max)
		return err_say(
			e, E2BIG, "%s.%s: %zu bytes: must be no more than %zu", at, name, len, max);
	return is_utf8(text, len) ? 0 : cri_bad(e, at, name, text, "must be UTF-8");
}

int cri_check_count(const char *at, const char *name, size_t n, size_t max, struct err *e)
{
	if (n <= max)
		return 0;
	return err_say(e, E2BIG, "%s.%s: %zu of them: must be no more than %zu", at, name, n, max);
}

int cri_check_enum(const char *at, const char *name, int value, int max, struct err *e)
{
	return value >= 0 && value <= max ? 0 : cri_bad_number(e, at, name, value, "unknown value");
}

static int check_one_id(const char *at, const char *name, int64_t id, struct err *e)
{
	return id >= 0 && id <= INT32_MAX ? 0
					  : cri_bad_number(e, at, name, id,
						    "must be between 0 and 2147483647, inclusive");
}

int cri_read_id(const char *at, const char *name, const Runtime__V1__Int64Value *value,
	int64_t *out, struct err *e)
{
	int rc = value ? check_one_id(at, name, value->value, e) : 0;

	if (rc == 0 && value)
		*out = value->value;
	return rc;
}

int cri_read_groups(
	const char *at, const int64_t *ids, size_t n, int64_t **out, size_t *out_len, struct err *e)
{
	static const char name[] = "supplemental_groups";
	int rc = cri_check_count(at, name, n, CRI_LIST_MAX, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_one_id(at, name, ids[i], e);
	if (rc < 0 || !n)
		return rc;
	*out = mem_zalloc(n * sizeof(**out));
	memcpy(*out, ids, n * sizeof(**out));
	*out_len = n;
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int cri_check_name(const char *at, const char *name, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (!len)
		return cri_bad(e, at, name, text, "must not be empty");
	if (len > CRI_NAME_MAX)
		return cri_bad(e, at, name, text, "must be no more than 253 bytes");
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && (i == 0 || !strchr("._-", text[i])))
			return cri_bad(e, at, name, text,
				"must consist of letters, digits, '-', '_' and '.', and start with "
				"a letter or digit");
	return 0;
}

/* The parts that name something, each behind a '/'. */
static char *clean_path(const char *path)
{
	struct buf out = { 0 };

	for (const char *p = path; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");

		if (len && !(len == 1 && *p == '.')) {
			buf_addc(&out, '/');
			buf_add(&out, p, len);
		}
		p += len;
	}
	return buf_take(&out);
}

static int check_path(const char *at, const char *name, const char *path, struct err *e)
{
	int rc = cri_check_text(at, name, path, CRI_PATH_MAX, e);

	if (rc == 0 && has_back_step(path))
		return cri_bad(e, at, name, path, "must not contain '..'");
	return rc;
}

int cri_read_path(const char *at, const char *name, const char *path, char **out, struct err *e)
{
	CLEANUP(cleanup_free) char *clean = NULL;
	int rc = check_path(at, name, path, e);

	if (rc == 0 && *path != '/')
		return cri_bad(e, at, name, path, "must be an absolute path");
	if (rc < 0)
		return rc;
	clean = clean_path(path);
	*out = *clean ? TAKE(clean) : str_dup("/");
	return 0;
}

int cri_read_subpath(const char *at, const char *name, const char *path, char **out, struct err *e)
{
	CLEANUP(cleanup_free) char *clean = NULL;
	int rc = check_path(at, name, path, e);

	if (rc == 0 && *path == '/')
		return cri_bad(e, at, name, path, "must be a relative path");
	if (rc < 0)
		return rc;
	clean = clean_path(path);
	if (!*clean)
		return cri_bad(e, at, name, path, "must name a file");
	*out = str_dup(clean + 1);
	return 0;
}

int cri_read_label(const char *at, const char *name, const char *key, const char *value,
	struct labels *out, struct err *e)
{
	int rc = cri_check_text(at, name, key, CRI_KEY_MAX, e);

	if (rc == 0)
		rc = cri_check_text(at, name, value, CRI_VALUE_MAX, e);
	if (rc == 0 && !*key)
		return cri_bad(e, at, name, key, "a key must not be empty");
	if (rc == 0 && out)
		labels_put(out, key, value);
	return rc;
}

int cri_check_no_windows(const ProtobufCMessage *m, uint32_t tag, struct err *e)
{
	for (unsigned i = 0; i < m->n_unknown_fields; i++)
		if (m->unknown_fields[i].tag == tag)
			return err_say(e, EOPNOTSUPP, "config.windows: this is Linux");
	return 0;
}
