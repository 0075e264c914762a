#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "probes/http.h"

static const char user_agent[] = "kube-probe/1.37";

/* One header as it will be sent: sorted by name, and as given where names are equal. */
struct field {
	char *name;
	const char *value;
	size_t place;
};

struct fields {
	struct field *at;
	size_t len;
};

static void fields_free(struct fields *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->at[i].name);
	free(f->at);
	*f = (struct fields){ 0 };
}

bool http_header_name_ok(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!strchr("-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", *p))
			return false;
	return *name != '\0';
}

/* x-api-key becomes X-Api-Key. */
static char *canonical(const char *name)
{
	char *out = str_dup(name), before = '-';

	for (char *p = out; *p; before = *p++) {
		if (before == '-' && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		else if (before != '-' && *p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return out;
}

static void add(struct fields *f, const char *name, const char *value)
{
	f->at = mem_resize(f->at, f->len + 1, sizeof(*f->at));
	f->at[f->len] = (struct field){ canonical(name), value, f->len };
	f->len++;
}

static const char *get(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->len; i++)
		if (str_eq(f->at[i].name, name))
			return f->at[i].value;
	return NULL;
}

static int by_name(const void *one, const void *other)
{
	const struct field *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int check(const struct fields *f, struct err *e)
{
	for (size_t i = 0; i < f->len; i++) {
		if (!http_header_name_ok(f->at[i].name))
			return err_say(e, EINVAL, "net/http: invalid header field name \"%s\"",
				f->at[i].name);
		for (const unsigned char *p = (const unsigned char *)f->at[i].value; *p; p++)
			if ((*p < ' ' && *p != '\t') || *p == 0x7f)
				return err_say(e, EINVAL,
					"net/http: invalid header field value for \"%s\"",
					f->at[i].name);
	}
	return 0;
}

static void add_line(struct buf *out, const char *name, const char *value)
{
	size_t len;

	value += strspn(value, " \t");
	len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	buf_addf(out, "%s: %.*s\r\n", name, (int)len, value);
}

/* Those that the request itself decides: first lines, or no body to describe. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "Host", "User-Agent", "Content-Length",
		"Transfer-Encoding", "Trailer" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (str_eq(name, ours[i]))
			return true;
	return false;
}

static void write_request(const struct http_request *r, const struct fields *f, struct buf *out)
{
	const char *host = r->has_own_host ? get(f, "Host") : NULL, *agent = get(f, "User-Agent"),
		   *accept = get(f, "Accept");
	const char *connection = get(f, "Connection");

	buf_adds(out, "GET ");
	url_add_target(r->url, out);
	buf_adds(out, " HTTP/1.1\r\n");
	add_line(out, "Host", host && *host ? host : r->url->host);
	if (!agent || *agent)
		add_line(out, "User-Agent", agent ? agent : user_agent);
	for (size_t i = 0; i < f->len; i++) {
		/* An empty Accept means: none. */
		bool is_unwanted = accept && !*accept && str_eq(f->at[i].name, "Accept");

		if (!is_ours(f->at[i].name) && !is_unwanted)
			add_line(out, f->at[i].name, f->at[i].value);
	}
	if (!connection || !strcasestr(connection, "close"))
		buf_adds(out, "Connection: close\r\n");
	buf_adds(out, "\r\n");
}

int http_request_text(const struct http_request *r, struct buf *out, struct err *e)
{
	CLEANUP(fields_free) struct fields f = { 0 };
	int rc;

	for (size_t i = 0; i < r->headers_len; i++)
		add(&f, r->headers[i].name, r->headers[i].value);
	if (!get(&f, "Accept"))
		add(&f, "Accept", "*/*");
	if (r->referer && !get(&f, "Referer"))
		add(&f, "Referer", r->referer);
	qsort(f.at, f.len, sizeof(*f.at), by_name);
	rc = check(&f, e);
	if (rc == 0)
		write_request(r, &f, out);
	return rc;
}
