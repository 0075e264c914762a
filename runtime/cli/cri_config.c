/* crictl's config files: PodSandboxConfig and ContainerConfig as YAML or JSON.  What the fields
 * mean is the mapping's and carpeld's to say; what crictl itself asks for or fills in is done here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api/client_grpc.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/uid.h"
#include "base/yaml.h"
#include "cli/cri.h"
#include "cli/cri_text.h"

/* JSON of a call may be as large as its message, with bytes as base64. */
enum { ARGUMENT_BYTES_MAX = 2 * GRPC_MESSAGE_MAX };

static const char *name_of(const char *file)
{
	return strcmp(file, "-") == 0 ? "standard input" : file;
}

static int read_file(const char *file, size_t max, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_fd)
	int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "%s", name_of(file));
	rc = fd_read_all(fd, max, out, e);
	if (rc == -EFBIG)
		return err_say(e, EFBIG, "%s is larger than %zu bytes", name_of(file), max);
	return rc < 0 ? err_wrap(e, rc, "%s", name_of(file)) : 0;
}

/* ---- config files ---- */

static int parse_yaml(const struct buf *text, struct json **out, struct err *e)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	int rc = yaml_parse(text->data, text->len, &docs, e);

	if (rc < 0)
		return rc;
	if (docs.len != 1)
		return err_say(e, EINVAL, "%zu documents instead of one", docs.len);
	*out = TAKE(docs.at[0].value);
	return 0;
}

/* Text that begins with "{" is JSON, whose errors are said then, unless it is YAML in flow style.
 */
static int parse_text(const struct buf *text, struct json **out, struct err *e)
{
	struct err json_error = { 0 };
	int rc;

	if (text->data[strspn(text->data, " \t\r\n")] != '{')
		return parse_yaml(text, out, e);
	rc = json_parse(text->data, text->len, NULL, out, &json_error);
	if (rc == -EINVAL && parse_yaml(text, out, e) == 0)
		return 0;
	if (rc < 0)
		*e = json_error;
	return rc;
}

static int read_config(const char *file, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *config = NULL;
	int rc = read_file(file, YAML_BYTES_MAX, &text, e);

	if (rc < 0)
		return rc;
	if (text.len == 0)
		return err_say(e, EINVAL, "%s is empty", name_of(file));
	rc = parse_text(&text, &config, e);
	if (rc < 0)
		return err_wrap(e, rc, "%s", name_of(file));
	if (json_type(config) != JSON_OBJECT)
		return err_say(e, EINVAL, "%s: a %s, not an object", name_of(file),
			json_type_name(config));
	if (json_type(json_get(config, "metadata")) != JSON_OBJECT)
		return err_say(e, EINVAL, "%s: metadata is missing", name_of(file));
	*out = TAKE(config);
	return 0;
}

static int need(const char *file, const struct json *config, const char *path, struct err *e)
{
	const struct json *value = json_path(config, path);

	if (value && json_type(value) != JSON_STRING)
		return err_say(e, EINVAL, "%s: %s is a %s, not a string", name_of(file), path,
			json_type_name(value)); /* as YAML's "n" is */
	if (!*cri_str(config, path))
		return err_say(e, EINVAL, "%s: %s is missing", name_of(file), path);
	return 0;
}

int cri_config_pod(const char *file, struct json **out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *config = NULL;
	int rc = read_config(file, &config, e);

	if (rc == 0)
		rc = need(file, config, "metadata.name", e);
	if (rc == 0)
		rc = need(file, config, "metadata.namespace", e);
	if (rc < 0)
		return rc;
	if (!*cri_str(config, "metadata.uid")) {
		char uid[UID_LEN + 1];

		uid_make(uid);
		json_set_str(json_get(config, "metadata"), "uid", uid);
	}
	*out = TAKE(config);
	return 0;
}

/* crictl's files have values as they are, protobuf's JSON has bytes as base64. */
static void encode_values(const struct json *envs)
{
	for (size_t i = 0; i < json_len(envs); i++) {
		struct json *env = json_at(envs, i);
		const struct json *value = json_get(env, "value");
		CLEANUP(buf_free) struct buf text = { 0 };

		if (json_type(value) != JSON_STRING || json_str_len(value) == 0)
			continue;
		base64_write(json_str(value), json_str_len(value), &text);
		json_set_str(env, "value", text.data);
	}
}

int cri_config_container(const char *file, struct json **out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *config = NULL;
	struct json *image;
	int rc = read_config(file, &config, e);

	if (rc == 0)
		rc = need(file, config, "metadata.name", e);
	if (rc == 0)
		rc = need(file, config, "image.image", e);
	if (rc < 0)
		return rc;
	image = json_get(config, "image");
	if (!*cri_str(image, "user_specified_image") && !*cri_str(image, "userSpecifiedImage")) {
		(void)json_remove(image, "userSpecifiedImage"); /* one of its two names at most */
		json_set_str(image, "user_specified_image", cri_str(image, "image"));
	}
	encode_values(json_get(config, "envs"));
	*out = TAKE(config);
	return 0;
}

/* ---- arguments ---- */

int cri_config_argument(const char *text, struct json **out, struct err *e)
{
	const struct json_options opt = { .max_bytes = ARGUMENT_BYTES_MAX };
	CLEANUP(buf_free) struct buf bytes = { 0 };
	bool is_stdin = text && strcmp(text, "-") == 0, is_file = text && *text == '@';
	const char *file = is_file ? text + 1 : text;
	int rc = 0;

	if (!text)
		buf_adds(&bytes, "{}");
	else if (is_stdin || is_file)
		rc = read_file(file, ARGUMENT_BYTES_MAX, &bytes, e);
	else
		buf_adds(&bytes, text);
	if (rc < 0)
		return rc;
	rc = json_parse(bytes.data ? bytes.data : "", bytes.len, &opt, out, e);
	if (rc < 0)
		return err_wrap(e, rc, "%s", is_stdin || is_file ? name_of(file) : "the JSON");
	return 0;
}
