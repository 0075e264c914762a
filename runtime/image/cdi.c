#include "image/cdi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/lockdown.h"
#include "base/str.h"
#include "base/yaml.h"
#include "spec/cdi.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 256, ANSWER_MAX = (1 << 20) - 64 * 1024 };

/* One that counts more comes later. */
static const char *const dirs[] = { "etc/cdi", "var/run/cdi" };

static const struct lockdown_call calls[] = {
	{ SYS_lseek, { { 0 } } },
};

struct file {
	char *path;
	size_t dir;
	int fd; /* -1: not opened, and why is noted */
	struct json *doc;
	struct cdi_spec spec; /* kind NULL: it is wrong */
	bool is_used;         /* its own edits are among those to carry out */
};

struct files {
	struct file *at;
	size_t len;
	char *wrong; /* why the first of them was not read */
};

static void files_free(struct files *f)
{
	for (size_t i = 0; i < f->len; i++) {
		free(f->at[i].path);
		cleanup_fd(&f->at[i].fd);
		json_free(f->at[i].doc);
		cdi_spec_free(&f->at[i].spec);
	}
	free(f->at);
	free(f->wrong);
}

static void note_wrong(struct files *f, const char *path, const struct err *e)
{
	if (!f->wrong)
		f->wrong = str_fmt("%s: %s", path, e->text);
}

/* Names with line breaks are passed over, see list_dir(). */
static void tell_place(const char *path)
{
	CLEANUP(cleanup_free) char *line = str_fmt("at %s\n", path);

	(void)fd_write_all(STDOUT_FILENO, line, strlen(line));
}

/* ---- opening them ---- */

static bool is_name_of_ours(const char *name)
{
	return name[0] != '.' && !strchr(name, '\n') &&
	       (str_ends(name, ".json") || str_ends(name, ".yaml"));
}

static void list_dir(const char *dir, struct strv *names)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (is_name_of_ours(entry->d_name))
			strv_add(names, entry->d_name);
	if (d)
		closedir(d);
	strv_sort(names);
}

/* Opened so that a FIFO or a device cannot hold us. */
static int open_file(const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = -1;
	struct stat st;

	tell_place(path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open it");
	return S_ISREG(st.st_mode) ? take_fd(&fd) : err_say(e, EINVAL, "it is no regular file");
}

static void open_dir(const char *root, size_t index, struct files *f)
{
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/%s", root, dirs[index]);
	CLEANUP(strv_free) struct strv names = { 0 };
	struct err e = { 0 };

	tell_place(dir);
	list_dir(dir, &names);
	for (size_t i = 0; i < names.len; i++) {
		CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, names.at[i]);
		int fd;

		if (f->len == FILES_MAX) {
			(void)err_say(&e, E2BIG, "there are more than %d files", FILES_MAX);
			note_wrong(f, path, &e);
			return;
		}
		if ((fd = open_file(path, &e)) < 0) {
			note_wrong(f, path, &e);
			continue;
		}
		f->at = mem_resize(f->at, f->len + 1, sizeof(*f->at));
		f->at[f->len++] = (struct file){ .path = TAKE(path), .dir = index, .fd = fd };
	}
}

/* ---- reading them ---- */

/* JSON is YAML, too; but of a JSON file the stricter reader is wanted. */
static int read_tree(const char *path, const struct buf *text, struct json **out, struct err *e)
{
	struct yaml_documents documents = { 0 };
	const char *bytes = text->data ? text->data : "";
	int rc;

	if (str_ends(path, ".json"))
		return json_parse(bytes, text->len, &(struct json_options){ 0 }, out, e);
	if ((rc = yaml_parse(bytes, text->len, &documents, e)) < 0)
		return rc;
	if (documents.len != 1)
		rc = err_say(e, EINVAL, "must be one document");
	else
		*out = TAKE(documents.at[0].value);
	yaml_documents_free(&documents);
	return rc;
}

static int read_file(struct file *file, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	tell_place(file->path);
	if ((rc = fd_read_all(file->fd, FILE_MAX, &text, e)) < 0 ||
		(rc = read_tree(file->path, &text, &file->doc, e)) < 0)
		return rc;
	return cdi_parse(file->doc, &file->spec, e);
}

static void read_all(struct files *f)
{
	for (size_t i = 0; i < f->len; i++) {
		struct err e = { 0 };

		if (read_file(&f->at[i], &e) < 0)
			note_wrong(f, f->at[i].path, &e);
		cleanup_fd(&f->at[i].fd);
	}
}

/* ---- the devices ---- */

/* The one of the directory that counts most; two there contradict each other.  NULL: e says why. */
static struct file *find(const struct files *f, const char *name, struct err *e)
{
	struct file *found = NULL;

	for (size_t i = f->len; i-- > 0;) {
		struct file *file = &f->at[i];

		if (found && file->dir != found->dir)
			break;
		if (!file->spec.kind || !cdi_find(&file->spec, name))
			continue;
		if (found) {
			(void)err_say(e, EINVAL, "unresolvable CDI device %s: %s and %s have it",
				name, file->path, found->path);
			return NULL;
		}
		found = file;
	}
	if (!found)
		(void)err_say(e, EINVAL,
			"unresolvable CDI device %s: no file of /%s or /%s has it%s%s", name,
			dirs[0], dirs[1], f->wrong ? "; " : "", f->wrong ? f->wrong : "");
	return found;
}

/* source: the edits as they stand in the file. */
static int add(struct json *list, const struct cdi_edits *edits, const struct json *source,
	const struct file *file, const char *name, struct err *e)
{
	struct json *one;

	if (edits->refused)
		return err_say(
			e, EOPNOTSUPP, "CDI device %s: %s: %s", name, file->path, edits->refused);
	if (json_type(source) != JSON_OBJECT)
		return 0; /* the file has none for all */
	one = json_new_object();
	json_set_str(one, "device", name);
	json_set_str(one, "file", file->path);
	json_set(one, "containerEdits", json_copy(source));
	json_push(list, one);
	return 0;
}

static int add_device(const struct files *f, const char *name, struct json *list, struct err *e)
{
	struct file *file = find(f, name, e);
	const struct cdi_device *device;
	const struct json *source;
	int rc = 0;

	if (!file)
		return -EINVAL;
	device = cdi_find(&file->spec, name);
	source = json_at(json_get(file->doc, "devices"), (size_t)(device - file->spec.devices));
	if (!file->is_used)
		rc = add(list, &file->spec.edits, json_get(file->doc, "containerEdits"), file, name,
			e);
	if (rc == 0)
		rc = add(list, &device->edits, json_get(source, "containerEdits"), file, name, e);
	file->is_used = true;
	return rc;
}

static int print(const struct json *answer, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	json_write(answer, JSON_COMPACT, &text);
	if (text.len > ANSWER_MAX)
		return err_say(
			e, E2BIG, "the CDI devices bring more than %d bytes of edits", ANSWER_MAX);
	buf_addc(&text, '\n');
	rc = fd_write_all(STDOUT_FILENO, text.data, text.len);
	return rc < 0 ? err_set(e, -rc, "write the result") : 0;
}

int cdi_resolve(const char *root, char *const *names, size_t len, struct err *e)
{
	CLEANUP(files_free) struct files f = { 0 };
	CLEANUP(cleanup_json) struct json *answer = json_new_object();
	struct json *list = json_new_array();
	int rc;

	json_set(answer, "edits", list);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		open_dir(root, i, &f);
	if ((rc = lockdown(LOCKDOWN_ID_CDI, calls, ARRAY_LEN(calls), e)) < 0)
		return rc;
	read_all(&f);
	for (size_t i = 0; rc == 0 && i < len; i++)
		rc = add_device(&f, names[i], list, e);
	return rc < 0 ? rc : print(answer, e);
}
