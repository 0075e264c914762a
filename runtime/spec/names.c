#include "spec/names.h"

#include <assert.h>
#include <string.h>

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253 };

/* Kubernetes prints the expression that it checks with; we check by hand and print the same. */
#define LABEL_RE "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define KEY_RE "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

#define BAD_LABEL                                                                                  \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "   \
	"regex used for validation is '" LABEL_RE "')"
#define BAD_SUBDOMAIN                                                                              \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "  \
	"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "      \
	"regex used for validation is '" LABEL_RE "(\\." LABEL_RE ")*')"
#define BAD_KEY                                                                                    \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "  \
	"validation is '" KEY_RE "')"
#define BAD_VALUE                                                                                  \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "   \
	"or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "      \
	"'my_value',  or '12345', regex used for validation is '(" KEY_RE ")?')"

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* One RFC 1123 label of any length. */
static bool is_label(const char *text, size_t len)
{
	if (len == 0 || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

static bool is_subdomain(const char *text, size_t len)
{
	for (;;) {
		const char *dot = memchr(text, '.', len);
		size_t part = dot ? (size_t)(dot - text) : len;

		if (!is_label(text, part))
			return false;
		if (!dot)
			return true;
		text += part + 1;
		len -= part + 1;
	}
}

/* The name part of a key, or a label's value that is not empty. */
static bool is_key_name(const char *text, size_t len)
{
	if (len == 0 || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.')
			return false;
	return true;
}

static void note(struct name_faults *f, bool is_wrong, const char *text)
{
	if (!is_wrong)
		return;
	assert(f->len < NAME_FAULTS_MAX);
	f->at[f->len++] = text;
}

struct name_faults name_faults_label(const char *text)
{
	size_t len = strlen(text);
	struct name_faults f = { .len = 0 };

	note(&f, len > LABEL_MAX, "must be no more than 63 characters");
	note(&f, !is_label(text, len),
		is_subdomain(text, len) ? "must not contain dots" : BAD_LABEL);
	return f;
}

struct name_faults name_faults_subdomain(const char *text)
{
	size_t len = strlen(text);
	struct name_faults f = { .len = 0 };

	note(&f, len > SUBDOMAIN_MAX, "must be no more than 253 characters");
	note(&f, !is_subdomain(text, len), BAD_SUBDOMAIN);
	return f;
}

struct name_faults name_faults_qualified(const char *text)
{
	const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;
	size_t prefix_len = slash ? (size_t)(slash - text) : 0, len = strlen(name);
	struct name_faults f = { .len = 0 };

	if (strchr(name, '/')) {
		note(&f, true,
			"a valid label key " BAD_KEY
			" with an optional DNS subdomain prefix and '/' (e.g. "
			"'example.com/MyName')");
		return f;
	}
	if (slash && prefix_len == 0) {
		note(&f, true, "prefix part must be non-empty");
	} else if (slash) {
		note(&f, prefix_len > SUBDOMAIN_MAX, "prefix part must be no more than 253 bytes");
		note(&f, !is_subdomain(text, prefix_len), "prefix part " BAD_SUBDOMAIN);
	}
	note(&f, len == 0, "name part must be non-empty");
	note(&f, len > LABEL_MAX, "name part must be no more than 63 bytes");
	note(&f, !is_key_name(name, len), "name part " BAD_KEY);
	return f;
}

struct name_faults name_faults_label_value(const char *text)
{
	size_t len = strlen(text);
	struct name_faults f = { .len = 0 };

	note(&f, len > LABEL_MAX, "must be no more than 63 bytes");
	note(&f, len > 0 && !is_key_name(text, len), BAD_VALUE);
	return f;
}

static const char *first(struct name_faults f)
{
	return f.len ? f.at[0] : NULL;
}

const char *name_check_label(const char *text)
{
	return first(name_faults_label(text));
}

const char *name_check_subdomain(const char *text)
{
	return first(name_faults_subdomain(text));
}

const char *name_check_qualified(const char *text)
{
	return first(name_faults_qualified(text));
}

const char *name_check_label_value(const char *text)
{
	return first(name_faults_label_value(text));
}

bool name_is_path_safe(const char *text)
{
	/* The grammar has no '/', and no component of it is empty, so ".", ".." and hidden names
	 * are none. */
	return name_faults_subdomain(text).len == 0;
}
