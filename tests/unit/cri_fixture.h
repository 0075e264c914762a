/* Requests as crictl's files spell them, for the tests of the reader of CRI. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "spec/cri.h"
#include "spec/message.h"
#include "spec/message_json.h"

/* What is read last; the texts of errors are compared as "-EINVAL config.x: why". */
struct fx {
	struct pod_spec *pod;
	struct container_spec *ctr;
	struct linux_resources resources;
	struct err e;
	struct buf said;
};

static inline void fx_close(struct fx *f)
{
	cleanup_pod_spec(&f->pod);
	cleanup_container_spec(&f->ctr);
	linux_resources_clear(&f->resources);
	buf_free(&f->said);
}

static inline void *message_of(const ProtobufCMessageDescriptor *d, const char *text)
{
	ProtobufCMessage *m = NULL;
	CLEANUP(cleanup_json) struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), NULL, &j, &e) < 0 ||
		message_from_json(d, j, &m, &e) < 0) {
		print_error("%s: %s\n", text, e.text);
		abort(); /* fail() would leave the same way, but no analyzer knows */
	}
	return m;
}

static inline const char *outcome(struct fx *f, int rc)
{
	buf_clear(&f->said);
	buf_adds(&f->said, "");
	if (rc < 0)
		buf_addf(&f->said, "%s %s", strerrorname_np(-rc), f->e.text);
	return f->said.data;
}

/* more: members beside the metadata, "" or ", …". Returns "" or the refusal. */
static inline const char *sandbox(struct fx *f, const char *more)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("{\"metadata\": {\"name\": \"web\", \"namespace\": \"prod\", "
			     "\"uid\": \"u1\", \"attempt\": 2}%s}",
		more);
	CLEANUP(cleanup_message)
	void *m = message_of(&runtime__v1__pod_sandbox_config__descriptor, text);

	cleanup_pod_spec(&f->pod);
	f->e = (struct err){ 0 };
	return outcome(f, cri_read_sandbox(m, "", &f->pod, &f->e));
}

/* in: members of the sandbox beside its metadata. */
static inline const char *container_in(struct fx *f, const char *in, const char *more)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("{\"metadata\": {\"name\": \"app\"}, \"image\": {\"image\": "
			     "\"sha256:1\"}%s}",
		more);
	CLEANUP(cleanup_free)
	char *box = str_fmt("{\"metadata\": {\"name\": \"web\"}%s}", in);
	CLEANUP(cleanup_message)
	void *c = message_of(&runtime__v1__container_config__descriptor, text);
	CLEANUP(cleanup_message)
	void *s = message_of(&runtime__v1__pod_sandbox_config__descriptor, box);

	cleanup_container_spec(&f->ctr);
	f->e = (struct err){ 0 };
	return outcome(f, cri_read_container(c, s, &f->ctr, &f->e));
}

static inline const char *container(struct fx *f, const char *more)
{
	return container_in(f, "", more);
}

/* text: a whole LinuxContainerResources. */
static inline const char *resources(struct fx *f, const char *text)
{
	CLEANUP(cleanup_message)
	void *m = message_of(&runtime__v1__linux_container_resources__descriptor, text);

	linux_resources_clear(&f->resources);
	f->e = (struct err){ 0 };
	return outcome(f, cri_read_resources(m, "linux", &f->resources, &f->e));
}

struct refusal {
	const char *more, *want;
};

static inline void check_refusals(
	const char *(*read)(struct fx *f, const char *more), const struct refusal *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct fx f = { 0 };
		const char *got = read(&f, rows[i].more);

		if (!str_eq(got, rows[i].want))
			fail_msg("%s\n got: %s\nwant: %s", rows[i].more, got, rows[i].want);
		assert_null(f.pod);
		assert_null(f.ctr);
		fx_close(&f);
	}
}

/* Enums arrive as numbers, which JSON would not let through: each field of c, set to a value it
 * does not know, is refused. */
struct unknown {
	void *field;
	int value;
	const char *want;
};

static inline void check_unknown(const void *c, const Runtime__V1__PodSandboxConfig *in,
	const struct unknown *rows, size_t len)
{
	struct fx f = { 0 };

	for (size_t i = 0; i < len; i++) {
		int before;

		memcpy(&before, rows[i].field, sizeof(before));
		memcpy(rows[i].field, &rows[i].value, sizeof(before));
		assert_int_equal(in ? cri_read_container(c, in, &f.ctr, &f.e)
				    : cri_read_sandbox(c, "", &f.pod, &f.e),
			-EINVAL);
		assert_string_equal(f.e.text, rows[i].want);
		memcpy(rows[i].field, &before, sizeof(before));
	}
	assert_int_equal(in ? cri_read_container(c, in, &f.ctr, &f.e)
			    : cri_read_sandbox(c, "", &f.pod, &f.e),
		0);
	fx_close(&f);
}

/* n times piece, behind head and before tail. */
static inline char *many(const char *head, const char *piece, size_t n, const char *tail)
{
	struct buf out = { 0 };

	buf_adds(&out, head);
	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%s%s", i ? ", " : "", piece);
	buf_adds(&out, tail);
	return buf_take(&out);
}

/* A member whose value is n times 'a', between two texts. */
static inline char *long_member(const char *head, size_t n, const char *tail)
{
	CLEANUP(cleanup_free) char *value = mem_zalloc(n + 1);

	memset(value, 'a', n);
	return str_fmt("%s%s%s", head, value, tail);
}

static inline const char *joined(struct fx *f, const struct strv *v)
{
	buf_clear(&f->said);
	buf_adds(&f->said, "");
	for (size_t i = 0; i < v->len; i++)
		buf_addf(&f->said, "%s%s", i ? " " : "", v->at[i]);
	return f->said.data;
}
