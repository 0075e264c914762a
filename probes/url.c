#include "probes/url.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { QUOTE_MAX = 256 };

void url_free(struct url *u)
{
	free(u->scheme);
	free(u->opaque);
	free(u->host);
	free(u->path);
	free(u->query);
	free(u->fragment);
	*u = (struct url){ 0 };
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 16 for what is no hexadecimal digit. */
static unsigned hex_value(char c)
{
	if (is_digit(c))
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

static bool is_escape(const char *p)
{
	return p[0] == '%' && hex_value(p[1]) < 16 && hex_value(p[2]) < 16;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* What may stand bare. Go prints a path as it came when it is well formed, and else escapes more of
 * it than it would have refused: hence two sets. */
static const char path_bare[] = "-_.~!$&'()*+,;=:@[]/", path_strict[] = "-_.~$&+,/:;=@",
		  fragment_bare[] = "-_.~!$&'()*+,;=:@/?", host_bare[] = "-_.~!$&'()*+,;=:[]<>\"";

static void add_escaped(struct buf *out, char c, const char *bare)
{
	if (is_alpha(c) || is_digit(c) || is_one_of(c, bare))
		buf_addc(out, c);
	else
		buf_addf(out, "%%%02X", (unsigned char)c);
}

/* text in its printed form. Escapes in it are decoded first when are_escapes is given. */
static char *escape(const char *text, const char *bare, bool are_escapes)
{
	struct buf out = { 0 };

	for (const char *p = text; *p; p++) {
		bool is_coded = are_escapes && is_escape(p);

		add_escaped(
			&out, is_coded ? (char)(hex_value(p[1]) * 16 + hex_value(p[2])) : *p, bare);
		p += is_coded ? 2 : 0;
	}
	return buf_take(&out);
}

static bool is_printable_as_is(const char *text, const char *bare)
{
	for (const char *p = text; *p; p++)
		if (!is_alpha(*p) && !is_digit(*p) && *p != '%' && !is_one_of(*p, bare))
			return false;
	return true;
}

static char *escape_once(const char *text, const char *bare, const char *strict)
{
	return is_printable_as_is(text, bare) ? str_dup(text) : escape(text, strict, true);
}

static int check_escapes(const char *text, struct err *e)
{
	for (const char *p = text; *p; p++)
		if (*p == '%' && !is_escape(p))
			return err_say(e, EINVAL, "invalid URL escape \"%.3s\"", p);
	return 0;
}

static int check_control(const char *text, struct err *e)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			return err_say(e, EINVAL, "net/url: invalid control character in URL");
	return 0;
}

/* Moves *rest behind "scheme:", if it begins with one. */
static int take_scheme(const char **rest, char **out, struct err *e)
{
	const char *text = *rest, *p = text;

	while (is_alpha(*p) || (p > text && (is_digit(*p) || is_one_of(*p, "+-."))))
		p++;
	if (*p != ':')
		return 0;
	if (p == text)
		return err_say(e, EINVAL, "missing protocol scheme");
	*out = str_ndup(text, (size_t)(p - text));
	for (char *c = *out; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	*rest = p + 1;
	return 0;
}

static int check_port(const char *port, struct err *e)
{
	const char *p = port + (*port == ':');

	while (is_digit(*p))
		p++;
	if ((*port && *port != ':') || *p)
		return err_say(e, EINVAL, "invalid port \"%.64s\" after host", port);
	return 0;
}

static int check_host(const char *host, struct err *e)
{
	const char *close = strrchr(host, ']'), *colon = strrchr(host, ':');

	if (host[0] == '[' && !close)
		return err_say(e, EINVAL, "missing ']' in host");
	for (const char *p = host; *p; p++) {
		if (*p == '%')
			return err_say(e, EINVAL, "invalid URL escape \"%.3s\"", p);
		if ((unsigned char)*p < 0x80 && !is_alpha(*p) && !is_digit(*p) &&
			!is_one_of(*p, host_bare))
			return err_say(e, EINVAL, "invalid character \"%c\" in host name", *p);
	}
	return check_port(host[0] == '[' ? close + 1 : colon ? colon : "", e);
}

static int take_authority(const char **rest, char **out, struct err *e)
{
	size_t len = strcspn(*rest + 2, "/");
	CLEANUP(cleanup_free) char *authority = str_ndup(*rest + 2, len);
	const char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority;
	int rc = check_host(host, e);

	if (rc < 0)
		return rc;
	*rest += 2 + len;
	if (*host)
		*out = str_dup(host);
	return 0;
}

/* rest: a text without fragment and query. */
static int parse_hierarchy(const char *rest, struct url *out, struct err *e)
{
	int rc = take_scheme(&rest, &out->scheme, e);

	if (rc < 0)
		return rc;
	if (rest[0] != '/' && out->scheme) {
		out->opaque = str_dup(rest);
		out->path = str_dup("");
		return 0;
	}
	if (rest[0] != '/' && rest[strcspn(rest, "/:")] == ':')
		return err_say(e, EINVAL, "first path segment in URL cannot contain colon");
	if (str_starts(rest, "//") && (out->scheme || !str_starts(rest, "///")))
		rc = take_authority(&rest, &out->host, e);
	if (rc == 0)
		rc = check_escapes(rest, e);
	if (rc < 0)
		return rc;
	out->path = str_eq(rest, "*") ? str_dup(rest) : escape_once(rest, path_bare, path_strict);
	return 0;
}

int url_parse(const char *text, struct url *out, struct err *e)
{
	CLEANUP(url_free) struct url u = { 0 };
	size_t len = strcspn(text, "#");
	CLEANUP(cleanup_free) char *rest = str_ndup(text, len);
	const char *fragment = text[len] ? text + len + 1 : "";
	char *question = strchr(rest, '?');
	int rc = check_control(rest, e);

	if (question) {
		u.query = str_dup(question + 1);
		*question = '\0';
	}
	if (rc == 0)
		rc = parse_hierarchy(rest, &u, e);
	if (rc == 0)
		rc = check_escapes(fragment, e);
	if (rc < 0)
		return rc;
	if (*fragment)
		u.fragment = escape_once(fragment, fragment_bare, fragment_bare);
	*out = u;
	u = (struct url){ 0 };
	return 0;
}

/* Once there is a host, what follows it begins with a slash. */
static void root_path(struct url *u)
{
	if (u->path[0] && u->path[0] != '/') {
		char *rooted = str_fmt("/%s", u->path);

		free(u->path);
		u->path = rooted;
	}
}

void url_for_probe(const char *host, int port, const char *path, struct url *out)
{
	CLEANUP(url_free) struct url u = { 0 };

	if (url_parse(path, &u, NULL) < 0) {
		url_free(&u);
		u.path = escape(path, path_strict, false);
	}
	assert(u.path);
	free(u.scheme);
	free(u.host);
	u.scheme = str_dup("http");
	u.host = str_fmt(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
	root_path(&u);
	*out = u;
	u = (struct url){ 0 };
}

/* The last segment that is not the one being written: cut at its slash. */
static void drop_segment(struct buf *out)
{
	while (out->len && out->data[out->len - 1] != '/')
		out->len--;
	if (out->len)
		out->len--;
}

/* RFC 3986 5.2.4: "." and ".." are gone afterwards. Empty for an empty path. */
static char *clean_path(const char *path)
{
	struct buf out = { 0 };
	bool is_dir = false;

	if (!*path)
		return str_dup("");
	for (const char *p = path + (*path == '/'); p;) {
		size_t len = strcspn(p, "/");
		bool is_dot = len == 1 && p[0] == '.',
		     is_up = len == 2 && p[0] == '.' && p[1] == '.';

		if (is_up)
			drop_segment(&out);
		else if (!is_dot) {
			buf_addc(&out, '/');
			buf_add(&out, p, len);
		}
		is_dir = is_dot || is_up;
		p = p[len] ? p + len + 1 : NULL;
	}
	if (is_dir || !out.len)
		buf_addc(&out, '/');
	return buf_take(&out);
}

static char *join_path(const char *base, const char *ref)
{
	const char *slash = strrchr(base, '/');
	CLEANUP(cleanup_free) char *full = NULL;

	if (!*ref)
		return clean_path(base);
	if (*ref == '/')
		return clean_path(ref);
	full = str_fmt("%.*s%s", slash ? (int)(slash + 1 - base) : 0, base, ref);
	return clean_path(full);
}

int url_resolve(const struct url *base, const char *ref, struct url *out, struct err *e)
{
	CLEANUP(url_free) struct url u = { 0 };
	int rc = url_parse(ref, &u, e);
	char *path;

	if (rc < 0)
		return rc;
	assert(u.path); /* whatever was parsed has one, "" at least */
	if (u.scheme || u.host) {
		path = clean_path(u.path);
	} else {
		path = join_path(base->path, u.path);
		u.host = str_dup(base->host);
		if (!*u.path && !u.query) {
			u.query = str_dup(base->query);
			u.fragment = u.fragment ? u.fragment : str_dup(base->fragment);
		}
	}
	free(u.path);
	u.path = path;
	u.scheme = u.scheme ? u.scheme : str_dup(base->scheme);
	*out = u;
	u = (struct url){ 0 };
	return 0;
}

char *url_text(const struct url *u)
{
	struct buf out = { 0 };

	buf_addf(&out, "%s:", u->scheme ? u->scheme : "");
	if (u->opaque)
		buf_adds(&out, u->opaque);
	else
		buf_addf(&out, "//%s%s", u->host ? u->host : "", u->path);
	if (u->query)
		buf_addf(&out, "?%s", u->query);
	if (u->fragment)
		buf_addf(&out, "#%s", u->fragment);
	return buf_take(&out);
}

void url_add_target(const struct url *u, struct buf *out)
{
	buf_adds(out, *u->path ? u->path : "/");
	if (u->query)
		buf_addf(out, "?%s", u->query);
}

/* Where in host its ":port" begins, or its end. */
static const char *port_part(const char *host)
{
	const char *close = host[0] == '[' ? strrchr(host, ']') : NULL,
		   *colon = strrchr(close ? close : host, ':');

	return colon ? colon : host + strlen(host);
}

char *url_hostname(const struct url *u)
{
	const char *host = u->host ? u->host : "", *end = port_part(host);

	if (host[0] == '[' && end > host && end[-1] == ']')
		return str_ndup(host + 1, (size_t)(end - host) - 2);
	return str_ndup(host, (size_t)(end - host));
}

int url_port(const struct url *u)
{
	const char *part = port_part(u->host ? u->host : "");
	int64_t port = 0;

	if (part[0] && part[1] && str_to_i64(part + 1, 1, UINT16_MAX, &port) < 0)
		return -1;
	return (int)port;
}

void url_quote(struct buf *out, const char *text, size_t len)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < len && i < QUOTE_MAX; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_addf(out, "\\%c", text[i]);
		else if (text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
			buf_addf(out, "\\%c", text[i] == '\n' ? 'n' : text[i] == '\r' ? 'r' : 't');
		else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			buf_addf(out, "\\x%02x", (unsigned)text[i]);
		else
			buf_addc(out, text[i]);
	}
	buf_adds(out, len > QUOTE_MAX ? "\"..." : "\"");
}
