/* Label and field selectors, from any client's URL.  Beyond not crashing: an answer depends on the
 * selector's meaning alone, so blanks and a repeated term change nothing, and of "in" and "notin"
 * exactly one selects.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "spec/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static char a[] = "a", b[] = "b", in[] = "in", one[] = "1", empty[] = "", minus[] = "-9",
	    prefixed[] = "x.io/k";
static struct label some[] = { { a, one }, { in, in } }, others[] = { { b, empty }, { a, minus } },
		    more[] = { { prefixed, b }, { b, one } };
static const struct labels objects[] = { { NULL, 0 }, { some, 2 }, { others, 2 }, { more, 2 } };

static const char *field_of(const void *ctx, const char *field)
{
	return strcmp(field, "metadata.name") == 0 ? ctx : "";
}

static unsigned matches(const struct selector *s)
{
	unsigned bits = 0;

	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		bits |= (unsigned)selector_matches_labels(s, &objects[i]) << i;
	return bits;
}

/* The same selector, twice over and with blanks around it. */
static void check_repeated(const char *text, unsigned want)
{
	CLEANUP(cleanup_selector) struct selector *s = NULL;
	CLEANUP(buf_free) struct buf twice = { 0 };
	struct err e = { 0 };

	if (!text[strspn(text, " \t\r\n")])
		return;
	buf_addf(&twice, "\t%s , %s\n", text, text);
	if (twice.len > SELECTOR_BYTES_MAX)
		return;
	require(selector_parse_labels(twice.data, &s, &e) == 0);
	require(matches(s) == want);
}

/* The text as the list of values. */
static void check_lists(const char *text)
{
	CLEANUP(cleanup_selector) struct selector *with = NULL, *without = NULL;
	CLEANUP(cleanup_free) char *in_list = str_fmt("a in (%s)", text);
	CLEANUP(cleanup_free) char *not_in = str_fmt("a notin (%s)", text);
	struct err e = { 0 };

	if (strpbrk(text, "()"))
		return;
	require(selector_parse_labels(in_list, &with, &e) ==
		selector_parse_labels(not_in, &without, &e));
	if (with)
		require((matches(with) ^ matches(without)) == (1U << ARRAY_LEN(objects)) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const allowed[] = { "metadata.name", "status.phase", NULL };
	CLEANUP(cleanup_free) char *text = str_ndup((const char *)data, size);
	CLEANUP(cleanup_selector) struct selector *labels = NULL, *fields = NULL;
	struct err e = { 0 };

	if (selector_parse_labels(text, &labels, &e) == 0)
		check_repeated(text, matches(labels));
	else
		require(!labels && e.code && e.text[0]);
	check_lists(text);
	if (selector_parse_fields(text, allowed, &fields, &e) == 0)
		(void)(selector_matches_fields(fields, field_of, "web") +
			selector_matches_fields(fields, field_of, ""));
	else
		require(!fields && e.code && e.text[0]);
	return 0;
}
