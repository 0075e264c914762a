#include "daemon/event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aged.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"

enum { REPLAY_MAX = 64 << 20, LINE_MAX = 1 << 20 };

/* ---- writing ---- */

static int append(struct event_file *f, struct json *line, struct err *e)
{
	CLEANUP(cleanup_json) struct json *owned = line;
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	json_write(owned, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	rc = fd_write_all(f->fd, text.data, text.len);
	if (rc < 0)
		return err_set(e, -rc, "write %s", f->path);
	f->bytes += text.len;
	return 0;
}

static char *temporary(const char *path)
{
	return str_fmt("%s.new", path);
}

int event_file_begin(struct event_file *f, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *new = temporary(path);
	struct json *head = json_new_object();
	char boot[37] = "";

	event_file_close(f);
	f->path = str_dup(path);
	f->bytes = 0;
	(void)clock_boot_id(boot);
	json_set_str(head, "boot", boot);
	f->fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		json_free(head);
		return err_set(e, errno, "open %s", new);
	}
	return append(f, head, e);
}

int event_file_commit(struct event_file *f, struct err *e)
{
	CLEANUP(cleanup_free) char *new = temporary(f->path);

	if (rename(new, f->path) < 0)
		return err_set(e, errno, "rename %s", new);
	f->bytes = 0; /* from here on it grows */
	return 0;
}

int event_file_add(struct event_file *f, const struct event_line *l, struct err *e)
{
	CLEANUP(cleanup_free) char *key = str_fmt("%016" PRIx64, l->key);
	struct json *line = json_new_object();

	json_set_str(line, "key", key);
	json_set_i64(line, "lastBootMs", l->last_boot_ms);
	json_set(line, "event", json_copy(l->event));
	return append(f, line, e);
}

int event_file_add_gone(struct event_file *f, const char *ns, const char *name, struct err *e)
{
	struct json *line = json_new_object(), *gone = json_new_object();

	json_set_str(gone, "namespace", ns);
	json_set_str(gone, "name", name);
	json_set(line, "gone", gone);
	return append(f, line, e);
}

void event_file_close(struct event_file *f)
{
	if (f->fd >= 0 && f->path)
		close(f->fd);
	free(f->path);
	*f = (struct event_file){ .fd = -1 };
}

/* ---- reading ---- */

/* The last line of each event. */
struct replay_line {
	struct aged aged; /* its key is name_hash(), its age the number of the line */
	struct json *line;
};

struct replay {
	struct aged_table lines;
	int64_t count;
};

static uint64_t name_hash(const struct json *metadata)
{
	const char *ns = json_get_str(metadata, "namespace");
	const char *name = json_get_str(metadata, "name");

	return hash_text(hash_text(HASH_START, ns ? ns : ""), name ? name : "");
}

static bool is_same(const struct json *a, const struct json *b)
{
	return str_eq(json_get_str(a, "name"), json_get_str(b, "name")) &&
	       str_eq(json_get_str(a, "namespace"), json_get_str(b, "namespace"));
}

static void line_free(struct replay *r, struct replay_line *l)
{
	aged_remove(&r->lines, &l->aged);
	json_free(l->line);
	free(l);
}

static void forget(struct replay *r, const struct json *metadata)
{
	struct aged *next;

	for (struct aged *a = aged_find(&r->lines, name_hash(metadata)); a; a = next) {
		struct replay_line *l = (struct replay_line *)a;

		next = aged_find_next(a);
		if (is_same(json_path(l->line, "event.metadata"), metadata))
			line_free(r, l);
	}
}

static void take_line(struct replay *r, const char *text, size_t len)
{
	const struct json *metadata;
	struct replay_line *l;
	struct json *line = NULL;

	/* The last line may be torn; what does not parse says nothing. */
	if (json_parse(text, len, NULL, &line, NULL) < 0)
		return;
	if (json_get(line, "gone")) {
		forget(r, json_get(line, "gone"));
		json_free(line);
		return;
	}
	metadata = json_path(line, "event.metadata");
	forget(r, metadata);
	l = mem_zalloc(sizeof(*l));
	l->line = line;
	aged_add(&r->lines, &l->aged, name_hash(metadata), r->count++);
}

static bool is_of_this_boot(const char *text, size_t len)
{
	CLEANUP(cleanup_json) struct json *head = NULL;
	char boot[37];

	return json_parse(text, len, NULL, &head, NULL) == 0 && clock_boot_id(boot) == 0 &&
	       str_eq(json_get_str(head, "boot"), boot);
}

static void tell(
	const struct json *line, void (*item)(void *arg, const struct event_line *l), void *arg)
{
	const char *key = json_get_str(line, "key");
	struct event_line l = { .event = json_get(line, "event") };

	if (!key || sscanf(key, "%16" SCNx64, &l.key) != 1 ||
		json_type(json_get(l.event, "metadata")) != JSON_OBJECT)
		return;
	(void)json_i64(json_get(line, "lastBootMs"), 0, INT64_MAX, &l.last_boot_ms);
	item(arg, &l);
}

int event_file_replay(const char *path, void (*item)(void *arg, const struct event_line *l),
	void *arg, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct replay r = { 0 };
	size_t at = 0;
	int rc = fd_read_file(AT_FDCWD, path, REPLAY_MAX, &text, e);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	while (at < text.len) {
		const char *start = text.data + at, *end = memchr(start, '\n', text.len - at);
		size_t len = end ? (size_t)(end - start) : text.len - at;

		if (at == 0 && !is_of_this_boot(start, len))
			return 0; /* its pods are gone, and its times mean nothing now */
		if (at > 0 && len < LINE_MAX)
			take_line(&r, start, len);
		at += len + 1;
	}
	while (r.lines.oldest) {
		struct replay_line *l = (struct replay_line *)r.lines.oldest;

		tell(l->line, item, arg);
		line_free(&r, l);
	}
	aged_free(&r.lines);
	return 0;
}
