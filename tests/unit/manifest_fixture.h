/* Pods as short texts: quotes of JSON are written as ', and a case is a merge patch on a pod of one
 * container.  Causes are compared as the lines "reason field: message" that a person would read.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/manifest.h"

#define A_POD                                                                                      \
	"{'kind':'Pod','apiVersion':'v1','metadata':{'name':'p'},"                                 \
	"'spec':{'containers':[{'name':'a','image':'i:1'}]}}"
/* A patch that gives the one container these fields, or the spec or its security context these. */
#define C(fields) "{'spec':{'containers':[{'name':'a','image':'i:1'," fields "}]}}"
#define S(fields) "{'spec':{" fields "}}"
#define C0 "spec.containers[0]"

static inline struct json *parse_quoted(const char *text, struct strv *dups)
{
	const struct json_options opt = { .dups = dups };
	CLEANUP(cleanup_free) char *copy = str_dup(text);
	struct json *doc = NULL;
	struct err e = { 0 };

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(copy, strlen(copy), &opt, &doc, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return doc;
}

static inline int read_text(
	const char *text, enum field_validation fv, struct manifest_result *out, struct err *e)
{
	CLEANUP(strv_free) struct strv dups = { 0 };
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(text, &dups);

	return manifest_read(doc, fv, &dups, out, e);
}

static inline int read_patched(const char *patch, struct manifest_result *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	CLEANUP(cleanup_json) struct json *change = parse_quoted(patch, NULL);

	json_merge_patch(&doc, change);
	return manifest_read(doc, FIELDS_STRICT, NULL, out, e);
}

static inline char *causes_lines(const struct causes *c)
{
	struct buf lines = { 0 };

	for (size_t i = 0; i < c->len; i++)
		buf_addf(&lines, "%s%s %s: %s", i ? "\n" : "", c->at[i].reason, c->at[i].field,
			c->at[i].message);
	return buf_take(&lines);
}

/* The patch is refused with exactly these causes, in this order; "": it is accepted. */
static inline void expect_causes(const char *patch, const char *lines)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };
	int rc = read_patched(patch, &r, &e);
	CLEANUP(cleanup_free) char *got = causes_lines(&r.causes);

	if (!str_eq(got, lines) || rc != (*lines ? -EBADMSG : 0))
		fail_msg("%s\n  rc %d %s\n  got: %s\n  not: %s", patch, rc, e.text, got, lines);
	assert_true((r.spec != NULL) == (rc == 0));
	assert_true((r.object != NULL) == (rc == 0));
}

struct rule_case {
	const char *patch, *causes;
};

static inline void expect_all(const struct rule_case *cases, size_t len)
{
	for (size_t i = 0; i < len; i++)
		expect_causes(cases[i].patch, cases[i].causes);
}

/* Long details of Kubernetes, see the facts page on validation. */
#define LABEL_TEXT                                                                                 \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "   \
	"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN_TEXT                                                                             \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "  \
	"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "      \
	"regex used for validation is "                                                            \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_TEXT                                                                             \
	"name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "  \
	"end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "  \
	"used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define NOT_YET "Forbidden: carpel does not support this field yet"
#define NOT_THIS "carpel does not support this value yet"
#define REQUIRED(field) "FieldValueRequired " field ": Required value"
