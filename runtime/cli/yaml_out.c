/* JSON trees as YAML, in kubectl's form: two spaces, lists at their key's column, text of several
 * lines as a block.  A string is quoted whenever it could be read back as anything else.
 */
#include "cli/yaml_out.h"

#include <string.h>

#include "base/yaml.h"

/* Printable without any escape: block scalars and plain ones cannot hold anything else. */
static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;

		if ((c < 0x20 && c != '\n') || c == 0x7f || c == 0xef ||
			(c == 0xc2 && next < 0xa0) || (c == 0xe2 && next == 0x80))
			return false;
	}
	return true;
}

static bool reads_as_string(const char *text, size_t len)
{
	struct json *j = yaml_plain_scalar(text, len);
	bool is_string = json_type(j) == JSON_STRING;

	json_free(j);
	return is_string;
}

static bool is_plain(const char *text, size_t len)
{
	if (len == 0 || strlen(text) != len || !is_printable(text, len) ||
		!reads_as_string(text, len))
		return false;
	if (strchr("-?:,[]{}#&*!|>'\"%@` =<", text[0]) || strchr(" :", text[len - 1]))
		return false;
	if (strncmp(text, "...", 3) == 0) /* could end the document */
		return false;
	return !strchr(text, '\n') && !strstr(text, ": ") && !strstr(text, " #");
}

/* Where YAML and JSON escapes differ, JSON's are a part of YAML's, but for a few characters that
 * YAML wants escaped and JSON does not. */
static void write_quoted(const char *text, size_t len, struct buf *out)
{
	struct buf json = { 0 };

	json_write_string(&json, text, len);
	for (size_t i = 0; i < json.len; i++) {
		const unsigned char *p = (const unsigned char *)json.data + i;

		if (p[0] == 0x7f) {
			buf_adds(out, "\\x7f");
		} else if (p[0] == 0xc2 && p[1] < 0xa0) {
			buf_addf(out, "\\x%02x", p[1]);
			i++;
		} else if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
			buf_adds(out, p[2] == 0xa8 ? "\\L" : "\\P");
			i += 2;
		} else if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
			buf_adds(out, "\\uFEFF");
			i += 2;
		} else {
			buf_addc(out, json.data[i]);
		}
	}
	buf_free(&json);
}

/* Lines under "|": only text that needs no sign of its indentation. */
static bool is_block(const char *text, size_t len)
{
	return memchr(text, '\n', len) && strlen(text) == len && is_printable(text, len) &&
	       !strchr(" \n\t", text[0]);
}

static void write_block(const char *text, size_t len, int indent, struct buf *out)
{
	bool ends_line = text[len - 1] == '\n';

	if (indent == 0) /* a whole document: still a block needs an indentation of its own */
		indent = 2;
	buf_adds(out, !ends_line ? "|-\n" : len > 1 && text[len - 2] == '\n' ? "|+\n" : "|\n");
	for (const char *p = text; *p;) {
		size_t line = strcspn(p, "\n");

		if (line)
			buf_addf(out, "%*s%.*s", indent, "", (int)line, p);
		buf_addc(out, '\n');
		p += line + (p[line] == '\n');
	}
}

static void write_string(const char *text, size_t len, int indent, struct buf *out)
{
	if (is_block(text, len)) {
		write_block(text, len, indent, out);
		return;
	}
	if (is_plain(text, len))
		buf_add(out, text, len);
	else
		write_quoted(text, len, out);
	buf_addc(out, '\n');
}

static void write_value(const struct json *j, int indent, struct buf *out);

/* A member's or element's value behind ":" or "-". */
static void write_nested(const struct json *j, int indent, bool is_member, struct buf *out)
{
	bool is_container = json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY;

	if (!is_container || json_len(j) == 0) {
		buf_addc(out, ' ');
		write_value(j, indent + 2, out);
	} else if (is_member) {
		buf_addc(out, '\n');
		write_value(j, json_type(j) == JSON_ARRAY ? indent : indent + 2, out);
	} else {
		/* "- a: 1": the first line of the element stands behind the dash. */
		size_t start = out->len + 1;

		buf_addc(out, ' ');
		write_value(j, indent + 2, out);
		memmove(out->data + start, out->data + start + indent + 2,
			out->len - start - (size_t)indent - 2);
		out->len -= (size_t)indent + 2;
		out->data[out->len] = '\0';
	}
}

static void write_object(const struct json *j, int indent, struct buf *out)
{
	for (size_t i = 0; i < json_len(j); i++) {
		const char *key;
		const struct json *value = json_member(j, i, &key);

		buf_addf(out, "%*s", indent, "");
		if (is_plain(key, strlen(key)))
			buf_adds(out, key);
		else
			write_quoted(key, strlen(key), out);
		buf_addc(out, ':');
		write_nested(value, indent, true, out);
	}
}

/* Containers begin in a new line at indent; scalars go where out stands. */
static void write_value(const struct json *j, int indent, struct buf *out)
{
	switch (json_type(j)) {
	case JSON_STRING:
		write_string(json_str(j), json_str_len(j), indent, out);
		return;
	case JSON_OBJECT:
		if (json_len(j) == 0)
			buf_adds(out, "{}\n");
		write_object(j, indent, out);
		return;
	case JSON_ARRAY:
		if (json_len(j) == 0)
			buf_adds(out, "[]\n");
		for (size_t i = 0; i < json_len(j); i++) {
			buf_addf(out, "%*s-", indent, "");
			write_nested(json_at(j, i), indent, false, out);
		}
		return;
	case JSON_NUMBER:
	case JSON_BOOL:
	case JSON_NULL:
		json_write(j, JSON_COMPACT, out);
		buf_addc(out, '\n');
		return;
	}
}

void yaml_write(const struct json *j, struct buf *out)
{
	write_value(j, 0, out);
}
