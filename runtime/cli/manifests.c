#include "cli/manifests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/yaml.h"
#include "cli/target.h"

/* Where an object comes from. */
struct origin {
	const struct cli *cli;
	const char *where;
};

void manifests_free(struct manifests *m)
{
	for (size_t i = 0; i < m->len; i++) {
		json_free(m->at[i].pod);
		free(m->at[i].ns);
		free(m->at[i].where);
	}
	free(m->at);
	*m = (struct manifests){ 0 };
}

/* The document's own namespace, else -n, else "default"; both given must agree, as in kubectl. */
static int choose_namespace(const struct cli *c, const struct json *pod, char **out, struct err *e)
{
	const char *own = json_get_str(json_get(pod, "metadata"), "namespace");
	int rc;

	if (own && c->ns && strcmp(own, c->ns) != 0)
		return err_say(e, EINVAL,
			"the namespace of the object, \"%.64s\", is not \"%.64s\", which -n asks "
			"for",
			own, c->ns);
	if (!own)
		own = cli_namespace(c);
	rc = target_check_namespace(own, e);
	if (rc == 0)
		*out = str_dup(own);
	return rc;
}

static int check_name(const struct json *pod, const char **out, struct err *e)
{
	const struct json *metadata = json_get(pod, "metadata");

	*out = json_get_str(metadata, "name");
	if (!*out && json_get_str(metadata, "generateName"))
		return 0;
	if (!*out)
		return err_say(e, EINVAL, "metadata.name is missing");
	return target_check_name(*out, e);
}

static int check_new(const struct manifests *all, const struct manifest *m, struct err *e)
{
	for (size_t i = 0; m->name && i < all->len; i++)
		if (str_eq(all->at[i].name, m->name) && strcmp(all->at[i].ns, m->ns) == 0)
			return err_say(e, EEXIST, "pod \"%s\" stands in %s already", m->name,
				all->at[i].where);
	return 0;
}

static int add_pod(
	const struct origin *o, const struct json *pod, struct manifests *out, struct err *e)
{
	struct manifest m = { .pod = json_copy(pod) };
	int rc = check_name(m.pod, &m.name, e);

	if (rc == 0)
		rc = choose_namespace(o->cli, m.pod, &m.ns, e);
	if (rc == 0)
		rc = check_new(out, &m, e);
	if (rc < 0) {
		json_free(m.pod);
		free(m.ns);
		return err_wrap(e, rc, "%s", o->where);
	}
	m.where = str_dup(o->where);
	out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
	out->at[out->len++] = m;
	return 0;
}

static int add_object(
	const struct origin *o, const struct json *object, struct manifests *out, struct err *e)
{
	const char *kind = json_get_str(object, "kind");
	const char *version = json_get_str(object, "apiVersion");

	if (json_type(object) != JSON_OBJECT)
		return err_say(
			e, EINVAL, "%s: a %s, not an object", o->where, json_type_name(object));
	if (!kind || !version)
		return err_say(
			e, EINVAL, "%s: %s is missing", o->where, kind ? "apiVersion" : "kind");
	if (strcmp(version, "v1") == 0 && strcmp(kind, "Pod") == 0)
		return add_pod(o, object, out, e);
	return err_say(e, EINVAL,
		"%s: %.64s %.64s is not known here: carpel runs v1 Pod and v1 List", o->where,
		version, kind);
}

static int add_document(
	const struct origin *o, const struct json *document, struct manifests *out, struct err *e)
{
	const struct json *items = json_get(document, "items");
	bool is_list = str_eq(json_get_str(document, "kind"), "List") &&
		       str_eq(json_get_str(document, "apiVersion"), "v1");

	if (!is_list)
		return add_object(o, document, out, e);
	if (json_type(items) != JSON_ARRAY)
		return err_say(e, EINVAL, "%s: a List without items", o->where);
	for (size_t i = 0; i < json_len(items); i++) {
		CLEANUP(cleanup_free) char *where = str_fmt("%s: items[%zu]", o->where, i);
		struct origin item = { .cli = o->cli, .where = where };
		int rc = add_object(&item, json_at(items, i), out, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Text that begins with "{" is JSON; when it is not, it may still be YAML in flow style. */
static int parse_text(const struct buf *text, struct yaml_documents *out, struct err *e)
{
	const char *first = text->data + strspn(text->data, " \t\r\n");
	struct err json_error = { 0 };
	struct json *value = NULL;
	int rc;

	if (*first != '{')
		return yaml_parse(text->data, text->len, out, e);
	rc = json_parse(text->data, text->len, NULL, &value, &json_error);
	if (rc == -EINVAL && yaml_parse(text->data, text->len, out, e) == 0)
		return 0;
	if (rc < 0) {
		*e = json_error;
		return rc;
	}
	out->at = mem_zalloc(sizeof(*out->at));
	out->at[0] = (struct yaml_document){ .value = value, .line = 1 };
	out->len = 1;
	return 0;
}

int manifests_parse(const struct cli *c, const char *file, const struct buf *text,
	struct manifests *out, struct err *e)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	int rc = text->len ? parse_text(text, &docs, e) : 0;

	if (rc < 0)
		return err_wrap(e, rc, "%s", file);
	if (docs.len == 0)
		return err_say(e, EINVAL, "%s holds no object", file);
	for (size_t i = 0; i < docs.len; i++) {
		CLEANUP(cleanup_free)
		char *where = docs.len == 1 ? str_dup(file)
					    : str_fmt("%s: document %zu (line %zu)", file, i + 1,
						      docs.at[i].line);
		struct origin o = { .cli = c, .where = where };

		rc = add_document(&o, docs.at[i].value, out, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_stdin(const char *file)
{
	return strcmp(file, "-") == 0;
}

static const char *name_of_file(const char *file)
{
	return is_stdin(file) ? "standard input" : file;
}

static int read_file(const char *file, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_fd)
	int fd = is_stdin(file) ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "%s", name_of_file(file));
	rc = fd_read_all(fd, YAML_BYTES_MAX, out, e);
	if (rc == -EFBIG)
		return err_say(e, EFBIG, "%s is larger than 1 MiB", name_of_file(file));
	return rc < 0 ? err_wrap(e, rc, "%s", name_of_file(file)) : 0;
}

int manifests_read(
	const struct cli *c, const struct strv *files, struct manifests *out, struct err *e)
{
	for (size_t i = 0; i < files->len; i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		const char *file = files->at[i];
		int rc = read_file(file, &text, e);

		if (rc == 0)
			rc = manifests_parse(c, name_of_file(file), &text, out, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}
