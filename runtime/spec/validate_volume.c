/* Kubernetes' rules for volumes, see validate.c.  A volume with any error does not exist for the
 * mounts that name it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"

/* The order in which Kubernetes looks for a source; each after the first is one too many. */
static const char *const sources[] = { "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk",
	"awsElasticBlockStore", "secret", "nfs", "iscsi", "glusterfs", "flocker",
	"persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
	"flexVolume", "azureFile", "configMap", "vsphereVolume", "photonPersistentDisk",
	"portworxVolume", "azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral",
	"image" };

static void validate_host_path(struct check *k, const struct json *source, const char *at)
{
	static const char *const types[] = { "", "BlockDevice", "CharDevice", "Directory",
		"DirectoryOrCreate", "File", "FileOrCreate", "Socket", NULL };
	const char *path = text_at(source, "path");
	CLEANUP(cleanup_free) char *path_at = str_fmt("%s.path", at);

	if (!*path)
		cause_required(k->causes, path_at, "");
	else if (has_back_step(path))
		cause_invalid(k->causes, path_at, path, "must not contain '..'");
	check_word(k, source, "type", at, types);
}

static void validate_source(
	struct check *k, const struct json *source, const char *name, const char *at)
{
	const char *limit = json_get_str(source, "sizeLimit");
	CLEANUP(cleanup_free) char *limit_at = str_fmt("%s.sizeLimit", at);

	if (str_eq(name, "hostPath"))
		validate_host_path(k, source, at);
	if (str_eq(name, "emptyDir") && limit && *limit == '-')
		cause_forbidden(
			k->causes, limit_at, "SizeLimit field must be a valid resource quantity");
}

static void validate_volume(struct check *k, const struct json *volume, const char *path)
{
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const struct json *source = json_get(volume, sources[i]);
		CLEANUP(cleanup_free) char *at = str_fmt("%s.%s", path, sources[i]);

		if (!source)
			continue;
		if (found++)
			cause_forbidden(k->causes, at, "may not specify more than 1 volume type");
		else
			validate_source(k, source, sources[i], at);
	}
}

void validate_volumes(struct check *k)
{
	const struct json *volumes = json_get(k->spec, "volumes");

	for (size_t i = 0; i < json_len(volumes); i++) {
		const struct json *volume = json_at(volumes, i);
		const char *name = text_at(volume, "name");
		CLEANUP(cleanup_free) char *path = str_fmt("spec.volumes[%zu]", i);
		CLEANUP(cleanup_free) char *name_at = str_fmt("%s.name", path);
		size_t before = k->causes->len;

		validate_volume(k, volume, path);
		if (!*name)
			cause_required(k->causes, name_at, "");
		else
			(void)check_name(k, name, name_at, name_faults_label);
		if (strv_has(&k->volumes, name))
			cause_duplicate(k->causes, name_at, name);
		if (k->causes->len == before)
			strv_add(&k->volumes, name);
	}
}
