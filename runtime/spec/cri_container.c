/* ContainerConfig, see cri.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cri_parts.h"

static const char config_at[] = "config", image_at[] = "config.image";

/* ---- who it is ---- */

static int read_names(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e)
{
	int rc;

	if (!c->metadata)
		return err_say(e, EINVAL, "config.metadata: must be given");
	if ((rc = cri_check_name("config.metadata", "name", c->metadata->name, e)) < 0)
		return rc;
	if (!c->image)
		return err_say(e, EINVAL, "config.image: must be given");
	if ((rc = cri_check_text(image_at, "image", c->image->image, CRI_PATH_MAX, e)) < 0 ||
		(rc = cri_check_text(image_at, "user_specified_image",
			 c->image->user_specified_image, CRI_PATH_MAX, e)) < 0)
		return rc;
	if (!*c->image->image)
		return cri_bad(e, image_at, "image", "", "must not be empty");
	/* The image's annotations, its digest and what the pod's author wrote say where it came
	 * from; which one to run is said by image alone. */
	if (*c->image->runtime_handler)
		return cri_bad(e, image_at, "runtime_handler", c->image->runtime_handler,
			"unknown; the only one is the default, \"\"");
	out->name = str_dup(c->metadata->name);
	out->image = str_dup(c->image->image);
	return 0;
}

/* Labels and annotations go back to the client as they came: the face keeps them, they are only
 * checked here.  For those by which device plugins ask for CDI devices see cri_devices.c. */
static int check_labels(const Runtime__V1__ContainerConfig *c, struct err *e)
{
	int rc = cri_check_count(config_at, "labels", c->n_labels, CRI_LABELS_MAX, e);

	for (size_t i = 0; rc == 0 && i < c->n_labels; i++)
		rc = cri_read_label(
			config_at, "labels", c->labels[i]->key, c->labels[i]->value, NULL, e);
	if (rc == 0)
		rc = cri_check_count(config_at, "annotations", c->n_annotations, CRI_LABELS_MAX, e);
	for (size_t i = 0; rc == 0 && i < c->n_annotations; i++)
		rc = cri_read_label(config_at, "annotations", c->annotations[i]->key,
			c->annotations[i]->value, NULL, e);
	return rc;
}

/* ---- what runs ---- */

static int read_arguments(
	const char *name, char *const *texts, size_t n, struct strv *out, struct err *e)
{
	int rc = cri_check_count(config_at, name, n, CRI_ARGS_MAX, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = cri_check_text(config_at, name, texts[i], CRI_ARGUMENT_MAX, e);
		if (rc == 0)
			strv_add(out, texts[i]);
	}
	return rc;
}

/* A value is bytes: anything that is no NUL, which would cut it. */
static int read_variable(
	const char *at, const Runtime__V1__KeyValue *kv, struct env_spec *out, struct err *e)
{
	size_t name_len = strlen(kv->key), len = kv->value.len;
	int rc = cri_check_text(at, "key", kv->key, CRI_ARGUMENT_MAX, e);

	if (rc < 0)
		return rc;
	if (!name_len || strchr(kv->key, '='))
		return cri_bad(e, at, "key", kv->key, "must not be empty or contain '='");
	if (len && memchr(kv->value.data, '\0', len))
		return err_say(e, EINVAL, "%s.value: must not contain NUL", at);
	if (name_len + 1 + len > CRI_ARGUMENT_MAX)
		return err_say(e, E2BIG,
			"%s.value: %zu bytes: must be no more than %d with the key", at, len,
			CRI_ARGUMENT_MAX);
	out->name = str_dup(kv->key);
	out->value = len ? str_ndup((const char *)kv->value.data, len) : str_dup("");
	return 0;
}

static int read_env(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e)
{
	int rc = cri_check_count(config_at, "envs", c->n_envs, CRI_ENV_MAX, e);

	if (rc < 0 || !c->n_envs)
		return rc;
	out->env = mem_zalloc(c->n_envs * sizeof(*out->env));
	out->env_len = c->n_envs;
	for (size_t i = 0; rc == 0 && i < c->n_envs; i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("config.envs[%zu]", i);

		rc = read_variable(at, c->envs[i], &out->env[i], e);
	}
	return rc;
}

static int read_process(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e)
{
	int rc;

	if ((rc = read_arguments("command", c->command, c->n_command, &out->command, e)) < 0 ||
		(rc = read_arguments("args", c->args, c->n_args, &out->args, e)) < 0 ||
		(rc = cri_check_text(config_at, "working_dir", c->working_dir, CRI_PATH_MAX, e)) <
			0 ||
		(rc = read_env(c, out, e)) < 0)
		return rc;
	out->is_literal = true; /* the kubelet has expanded all of it */
	out->working_dir = *c->working_dir ? str_dup(c->working_dir) : NULL;
	out->stdin_open = c->stdin;
	out->stdin_once = c->stdin_once;
	out->tty = c->tty;
	out->stop_signal = cri_signal_number(c->stop_signal);
	return out->stop_signal < 0 ? cri_bad_number(e, config_at, "stop_signal",
					      (int)c->stop_signal, "unknown value")
				    : 0;
}

/* ---- around it ---- */

/* Both parts or no log at all. */
static int read_log_path(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec *out, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = NULL;
	CLEANUP(cleanup_free) char *file = NULL;
	CLEANUP(cleanup_free) char *path = NULL;
	int rc;

	if (!*c->log_path)
		return 0;
	if ((rc = cri_read_subpath(config_at, "log_path", c->log_path, &file, e)) < 0 ||
		!*sandbox->log_directory)
		return rc;
	rc = cri_read_path("sandbox_config", "log_directory", sandbox->log_directory, &dir, e);
	if (rc < 0)
		return rc;
	path = str_fmt("%s/%s", str_eq(dir, "/") ? "" : dir, file);
	if (strlen(path) > CRI_PATH_MAX)
		return cri_bad(e, config_at, "log_path", c->log_path,
			"must be no more than 4095 bytes with the log_directory");
	out->log_path = TAKE(path);
	return 0;
}

static int read_resources(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e)
{
	static const char at[] = "config.linux.resources";
	int rc;

	/* Without any, none: what a manifest that says nothing gets is the kubelet's rule. */
	out->resources = mem_zalloc(sizeof(*out->resources));
	out->limits = out->requests = (struct resource_spec){ -1, -1, -1 };
	if (!c->linux || !c->linux->resources)
		return 0;
	rc = cri_read_resources(c->linux->resources, at, out->resources, e);
	return rc == 0 ? cri_check_swap(at, out->resources->memory_bytes,
				 out->resources->memory_swap_bytes, e)
		       : rc;
}

static int read_config(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec *out, struct err *e)
{
	struct cri_users users;
	int rc;

	if ((rc = cri_read_sandbox_users(sandbox, &users, e)) < 0 ||
		(rc = cri_check_no_windows(&c->base, CRI_CONTAINER_WINDOWS, e)) < 0 ||
		(rc = read_names(c, out, e)) < 0 || (rc = check_labels(c, e)) < 0 ||
		(rc = read_process(c, out, e)) < 0 ||
		(rc = cri_read_mounts(c, &users, out, e)) < 0 ||
		(rc = read_log_path(c, sandbox, out, e)) < 0 ||
		(rc = read_resources(c, out, e)) < 0)
		return rc;
	if ((rc = cri_read_devices(c, out, e)) < 0)
		return rc;
	return cri_read_security(c, sandbox, out, e);
}

int cri_read_container(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec **out, struct err *e)
{
	CLEANUP(cleanup_container_spec) struct container_spec *spec = mem_zalloc(sizeof(*spec));
	int rc;

	if (!c)
		return err_say(e, EINVAL, "config: must be given");
	spec->pull = PULL_NEVER;
	spec->message_policy = MESSAGE_FILE;
	rc = read_config(c, sandbox, spec, e);
	if (rc == 0)
		*out = TAKE(spec);
	return rc;
}
