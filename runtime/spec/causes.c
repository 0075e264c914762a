#include "spec/causes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* What a hostile document can make us hold and send back. */
enum { CAUSES_MAX = 256 };

void causes_free(struct causes *c)
{
	for (size_t i = 0; i < c->len; i++) {
		free(c->at[i].message);
		free(c->at[i].field);
	}
	free(c->at);
	*c = (struct causes){ 0 };
}

/* Takes message. */
static void add(struct causes *c, const char *reason, const char *field, char *message)
{
	if (c->len > CAUSES_MAX) {
		free(message);
		return;
	}
	if (c->len == CAUSES_MAX) {
		free(message);
		message = str_dup("there are more errors than are listed");
		reason = "FieldValueTooMany";
		field = "";
	}
	c->at = mem_resize(c->at, c->len + 1, sizeof(*c->at));
	c->at[c->len++] = (struct cause){ reason, message, str_dup(field) };
}

/* strconv.Quote, but for the few printable-looking code points that Go escapes. */
static void quote(struct buf *out, const char *text)
{
	static const char plain[] = "abfnrtv", special[] = "\a\b\f\n\r\t\v";

	buf_addc(out, '"');
	for (const char *p = text; *p; p++) {
		const char *at = strchr(special, *p);

		if (at)
			buf_addf(out, "\\%c", plain[at - special]);
		else if (*p == '"' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*p);
		else
			buf_addc(out, *p);
	}
	buf_addc(out, '"');
}

/* "Type", "Type: value", "Type: detail", "Type: value: detail" */
static char *text_of(const char *type, const char *value, const char *detail)
{
	return str_fmt("%s%s%s%s%s", type, *value ? ": " : "", value, *detail ? ": " : "", detail);
}

static void add_quoted(struct causes *c, const char *reason, const char *field, const char *type,
	const char *value, const char *detail)
{
	CLEANUP(buf_free) struct buf quoted = { 0 };

	quote(&quoted, value);
	add(c, reason, field, text_of(type, quoted.data, detail));
}

void cause_required(struct causes *c, const char *field, const char *detail)
{
	add(c, "FieldValueRequired", field, text_of("Required value", "", detail));
}

void cause_forbidden(struct causes *c, const char *field, const char *detail)
{
	add(c, "FieldValueForbidden", field, text_of("Forbidden", "", detail));
}

void cause_invalid(struct causes *c, const char *field, const char *value, const char *detail)
{
	add_quoted(c, "FieldValueInvalid", field, "Invalid value", value, detail);
}

void cause_invalid_raw(struct causes *c, const char *field, const char *raw, const char *detail)
{
	add(c, "FieldValueInvalid", field, text_of("Invalid value", raw, detail));
}

void cause_invalid_number(struct causes *c, const char *field, int64_t value, const char *detail)
{
	CLEANUP(cleanup_free) char *raw = str_fmt("%" PRId64, value);

	cause_invalid_raw(c, field, raw, detail);
}

void cause_duplicate(struct causes *c, const char *field, const char *value)
{
	add_quoted(c, "FieldValueDuplicate", field, "Duplicate value", value, "");
}

void cause_not_found(struct causes *c, const char *field, const char *value)
{
	add_quoted(c, "FieldValueNotFound", field, "Not found", value, "");
}

void cause_too_long(struct causes *c, const char *field, int max_bytes)
{
	CLEANUP(cleanup_free) char *detail = str_fmt("may not be more than %d bytes", max_bytes);

	add(c, "FieldValueTooLong", field, text_of("Too long", "", detail));
}

void cause_unsupported(
	struct causes *c, const char *field, const char *value, const char *const *supported)
{
	CLEANUP(buf_free) struct buf detail = { 0 };

	buf_adds(&detail, "supported values: ");
	for (size_t i = 0; supported[i]; i++)
		buf_addf(&detail, "%s\"%s\"", i ? ", " : "", supported[i]);
	add_quoted(c, "FieldValueNotSupported", field, "Unsupported value", value, detail.data);
}

void cause_not_yet(struct causes *c, const char *field, const char *raw)
{
	add(c, "FieldValueNotSupported", field,
		text_of("Unsupported value", raw, "carpel does not support this value yet"));
}

/* Texts that are equal are shown once, as an API server does. */
void causes_text(const struct causes *c, const char *kind, const char *name, struct buf *out)
{
	CLEANUP(strv_free) struct strv shown = { 0 };

	for (size_t i = 0; i < c->len; i++) {
		const struct cause *cause = &c->at[i];
		CLEANUP(cleanup_free)
		char *text =
			str_fmt("%s%s%s", cause->field, *cause->field ? ": " : "", cause->message);

		if (!strv_has(&shown, text))
			strv_add(&shown, text);
	}
	buf_addf(out, "%s \"%s\" is invalid: %s", kind, name, shown.len > 1 ? "[" : "");
	for (size_t i = 0; i < shown.len; i++)
		buf_addf(out, "%s%s", i ? ", " : "", shown.at[i]);
	buf_adds(out, shown.len > 1 ? "]" : "");
}
