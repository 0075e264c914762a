/* The first part of a name is a host only if it looks like one: it has a dot or a port, or is
 * "localhost".  Everything else lives at docker.io, and there a single word lives in "library/". So
 * "web" and "docker.io/library/web:latest" are one image, and a name that a manifest uses finds
 * what was imported under a shorter one.
 */
#include "image/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

/* A whole name becomes a file's name with five characters to spare for ".json". */
enum { REF_MAX = 240, TAG_MAX = 128 };

#define DEFAULT_HOST "docker.io"
#define DIGEST_PREFIX "sha256:"

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum_ascii(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

bool image_is_digest(const char *text)
{
	const char *hex = text + strlen(DIGEST_PREFIX);

	return str_starts(text, DIGEST_PREFIX) && strlen(hex) == IMAGE_HEX_LEN &&
	       strspn(hex, "0123456789abcdef") == IMAGE_HEX_LEN;
}

const char *image_name_digest(const char *ref)
{
	return strchr(ref, '@');
}

/* One of ".", "_", "__" or any number of "-" between two words; returns its length, 0 if it is
 * none. */
static size_t separator_len(const char *text)
{
	if (*text == '-')
		return strspn(text, "-");
	if (*text == '.')
		return 1;
	return *text == '_' ? (text[1] == '_' ? 2 : 1) : 0;
}

static bool is_component(const char *text, size_t len)
{
	size_t i = 0;

	for (;;) {
		size_t begin = i, skip;

		while (i < len && is_lower_or_digit(text[i]))
			i++;
		if (i == begin) /* no word where one must be */
			return false;
		if (i == len)
			return true;
		skip = separator_len(text + i);
		if (skip == 0)
			return false;
		i += skip;
	}
}

static bool is_path(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!is_component(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static bool is_host(const char *host)
{
	size_t name = strcspn(host, ":");
	int64_t port;

	if (name == 0 || (host[name] && str_to_i64(host + name + 1, 1, 65535, &port) < 0))
		return false;
	for (size_t i = 0; i < name; i++)
		if (!is_alnum_ascii(host[i]) && host[i] != '.' && host[i] != '-')
			return false;
	return is_alnum_ascii(host[0]) && is_alnum_ascii(host[name - 1]);
}

static bool is_tag(const char *tag)
{
	size_t len = strlen(tag);

	if (len == 0 || len > TAG_MAX || (!is_alnum_ascii(*tag) && *tag != '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum_ascii(tag[i]) && !strchr("_.-", tag[i]))
			return false;
	return true;
}

static bool looks_like_host(const char *part)
{
	return strchr(part, '.') || strchr(part, ':') || str_eq(part, "localhost");
}

/* Cuts "host/" off the head of *path; NULL when it has none. */
static const char *cut_host(char **path)
{
	char *slash = strchr(*path, '/');
	const char *host = *path;

	if (!slash)
		return NULL;
	*slash = '\0';
	if (looks_like_host(host)) {
		*path = slash + 1;
		return str_eq(host, "index.docker.io") ? DEFAULT_HOST : host;
	}
	*slash = '/';
	return NULL;
}

static const char *cut_tag(char *path)
{
	char *slash = strrchr(path, '/');
	char *colon = strchr(slash ? slash : path, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static int refuse(const char *given, const char *why, struct err *e)
{
	CLEANUP(cleanup_free) char *shown = str_utf8(given, strnlen(given, REF_MAX));

	return err_say(e, EINVAL, "image name \"%.100s\": %s", shown, why);
}

static int assemble(const char *given, const char *host, const char *path, const char *tag,
	const char *digest, char **out_ref, struct err *e)
{
	struct buf ref = { 0 };

	buf_addf(&ref, "%s/%s%s", host ? host : DEFAULT_HOST,
		(!host || str_eq(host, DEFAULT_HOST)) && !strchr(path, '/') ? "library/" : "",
		path);
	if (digest)
		buf_addf(&ref, "@%s", digest); /* the tag says nothing any more */
	else
		buf_addf(&ref, ":%s", tag ? tag : "latest");
	if (ref.len > REF_MAX) {
		buf_free(&ref);
		return refuse(given, "too long", e);
	}
	*out_ref = buf_take(&ref);
	return 0;
}

int image_name_normalise(const char *given, char **out_ref, struct err *e)
{
	CLEANUP(cleanup_free) char *copy = str_dup(given);
	char *path = copy, *at = strchr(copy, '@');
	const char *host, *tag, *digest = NULL;

	if (at) {
		*at = '\0';
		digest = at + 1;
		if (!image_is_digest(digest))
			return refuse(given, "what follows the @ is no sha256 digest", e);
	}
	host = cut_host(&path);
	tag = cut_tag(path);
	if (host && !is_host(host))
		return refuse(given, "its registry is no host name", e);
	if (tag && !is_tag(tag))
		return refuse(given,
			"its tag has a character that tags never have, or none or too many", e);
	if (!is_path(path))
		return refuse(given, "want lower-case words joined by one of . _ __ - /", e);
	if (strlen(path) == IMAGE_HEX_LEN && strspn(path, "0123456789abcdef") == IMAGE_HEX_LEN)
		return refuse(given, "looks like an image id", e);
	return assemble(given, host, path, tag, digest, out_ref, e);
}
