#include "engine/cdi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/yaml.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 256 };

/* One that counts more comes later. */
static const char *const dirs[] = { "etc/cdi", "var/run/cdi" };

struct file {
	char *path;
	size_t dir;
	bool is_used; /* its own edits are among those to carry out */
};

/* Beside the specs of a set, in the same order. */
struct files {
	struct file *at;
	size_t len;
	char *wrong; /* why the first of them was not read */
};

static void files_free(struct files *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->at[i].path);
	free(f->at);
	free(f->wrong);
}

static void note_wrong(struct files *f, const char *path, const struct err *e)
{
	if (!f->wrong)
		f->wrong = str_fmt("%s: %s", path, e->text);
}

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

/* Opened so that a FIFO or a device cannot hold us. */
static int read_file(const char *path, struct cdi_spec *out, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *doc = NULL;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open it");
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "it is no regular file");
	if ((rc = fd_read_all(fd, FILE_MAX, &text, e)) < 0 ||
		(rc = read_tree(path, &text, &doc, e)) < 0)
		return rc;
	return cdi_parse(doc, out, e);
}

static void list_dir(const char *dir, struct strv *names)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' &&
			(str_ends(entry->d_name, ".json") || str_ends(entry->d_name, ".yaml")))
			strv_add(names, entry->d_name);
	if (d)
		closedir(d);
	strv_sort(names);
}

static void read_dir(const char *root, size_t index, struct files *f, struct cdi_set *s)
{
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/%s", root, dirs[index]);
	struct strv names = { 0 };
	struct err e = { 0 };

	list_dir(dir, &names);
	for (size_t i = 0; i < names.len; i++) {
		CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, names.at[i]);
		struct cdi_spec spec = { 0 };

		if (f->len == FILES_MAX) {
			(void)err_say(&e, E2BIG, "there are more than %d files", FILES_MAX);
			note_wrong(f, path, &e);
			break;
		}
		if (read_file(path, &spec, &e) < 0) {
			note_wrong(f, path, &e);
			continue;
		}
		f->at = mem_resize(f->at, f->len + 1, sizeof(*f->at));
		f->at[f->len++] = (struct file){ TAKE(path), index, false };
		s->specs = mem_resize(s->specs, s->specs_len + 1, sizeof(*s->specs));
		s->specs[s->specs_len++] = spec;
	}
	strv_free(&names);
}

static int unknown(const struct files *f, const char *name, struct err *e)
{
	return err_say(e, EINVAL, "unresolvable CDI device %s: no file of /%s or /%s has it%s%s",
		name, dirs[0], dirs[1], f->wrong ? "; " : "", f->wrong ? f->wrong : "");
}

/* The one of the directory that counts most; two there contradict each other.  NULL: e says why. */
static struct file *find(
	const struct files *f, const struct cdi_set *s, const char *name, struct err *e)
{
	struct file *found = NULL;

	for (size_t i = f->len; i-- > 0;) {
		struct file *file = &f->at[i];

		if (found && file->dir != found->dir)
			break;
		if (!cdi_find(&s->specs[i], name))
			continue;
		if (found) {
			(void)err_say(e, EINVAL, "unresolvable CDI device %s: %s and %s have it",
				name, file->path, found->path);
			return NULL;
		}
		found = file;
	}
	if (!found)
		(void)unknown(f, name, e);
	return found;
}

static int add(struct cdi_set *s, const struct cdi_edits *edits, const struct file *file,
	const char *name, struct err *e)
{
	if (edits->refused)
		return err_say(
			e, EOPNOTSUPP, "CDI device %s: %s: %s", name, file->path, edits->refused);
	s->edits = mem_resize(s->edits, s->len + 1, sizeof(*s->edits));
	s->edits[s->len++] = edits;
	return 0;
}

static int resolve(
	const struct files *f, const struct strv *names, struct cdi_set *s, struct err *e)
{
	for (size_t i = 0; i < names->len; i++) {
		const char *name = names->at[i];
		struct file *file = find(f, s, name, e);
		const struct cdi_spec *spec;
		int rc = 0;

		if (!file)
			return -EINVAL;
		spec = &s->specs[file - f->at];
		if (!file->is_used)
			rc = add(s, &spec->edits, file, name, e);
		if (rc == 0)
			rc = add(s, &cdi_find(spec, name)->edits, file, name, e);
		if (rc < 0)
			return rc;
		file->is_used = true;
	}
	return 0;
}

int cdi_resolve(const char *root, const struct strv *names, struct cdi_set *out, struct err *e)
{
	CLEANUP(files_free) struct files f = { 0 };
	CLEANUP(cdi_set_free) struct cdi_set s = { 0 };
	int rc;

	if (!names->len)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		read_dir(root, i, &f, &s);
	if ((rc = resolve(&f, names, &s, e)) < 0)
		return rc;
	for (size_t i = 0; i < f.len; i++)
		if (!f.at[i].is_used)
			cdi_spec_free(&s.specs[i]);
	*out = s;
	s = (struct cdi_set){ 0 };
	return 0;
}

void cdi_set_free(struct cdi_set *s)
{
	for (size_t i = 0; i < s->specs_len; i++)
		cdi_spec_free(&s->specs[i]);
	free(s->specs);
	free(s->edits);
	*s = (struct cdi_set){ 0 };
}
