/* features: what callers may count on, as OCI writes it down. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/oci.h"
#include "oci/options.h"

static struct json *list(const char *const *texts)
{
	struct json *j = json_new_array();

	for (; *texts; texts++)
		json_push(j, json_new_string(*texts));
	return j;
}

static struct json *enabled(bool is_enabled)
{
	struct json *j = json_new_object();

	json_set_bool(j, "enabled", is_enabled);
	return j;
}

static struct json *seccomp(void)
{
	static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
		"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE",
		"SCMP_ACT_TRAP", NULL };
	static const char *const operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
		"SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL };
	static const char *const flags[] = { "SECCOMP_FILTER_FLAG_TSYNC", NULL };
	struct json *j = enabled(true);

	json_set(j, "actions", list(actions));
	json_set(j, "operators", list(operators));
	json_set(j, "knownFlags", list(flags));
	json_set(j, "supportedFlags", list(flags));
	return j;
}

static struct json *cgroup(void)
{
	struct json *j = json_new_object();

	json_set_bool(j, "v1", true);
	json_set_bool(j, "v2", true);
	json_set_bool(j, "systemd", true);
	json_set_bool(j, "systemdUser", false);
	json_set_bool(j, "rdma", false);
	return j;
}

static struct json *linux_features(void)
{
	static const char *const namespaces[] = { "cgroup", "ipc", "mount", "network", "pid",
		"user", "uts", NULL };
	struct json *j = json_new_object(), *extensions = json_new_object();

	json_set(j, "namespaces", list(namespaces));
	json_set(j, "cgroup", cgroup());
	json_set(j, "seccomp", seccomp());
	json_set(j, "apparmor", enabled(true));
	json_set(j, "selinux", enabled(false));
	json_set(j, "intelRdt", enabled(false));
	json_set(extensions, "idmap", enabled(true));
	json_set(j, "mountExtensions", extensions);
	json_set(j, "netDevices", enabled(false));
	return j;
}

int oci_features(const struct oci *o, int argc, char **argv, struct err *e)
{
	static const char *const hooks[] = { "prestart", "createRuntime", "createContainer",
		"startContainer", "poststart", "poststop", NULL };
	static const char *const options[] = { "async", "atime", "bind", "defaults", "dev",
		"diratime", "exec", "idmap", "noatime", "nodev", "noexec", "nosuid", "notmpcopyup",
		"private", "rbind", "relatime", "ridmap", "rnodev", "rnoexec", "rnosuid", "ro",
		"rprivate", "rro", "rshared", "rslave", "rw", "shared", "slave", "strictatime",
		"suid", "tmpcopyup", NULL };
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	CLEANUP(buf_free) struct buf text = { 0 };
	int at = options_read(argc, argv, NULL, 0,
		"Usage: carpel-oci features\n\nShows what this runtime supports as JSON.\n", e);

	(void)o;
	if (at < 0)
		return at;
	if (at < argc)
		return err_say(e, EINVAL, "%s: no arguments are wanted", argv[at]);
	json_set_str(j, "ociVersionMin", "1.0.0");
	json_set_str(j, "ociVersionMax", "1.2.0");
	json_set(j, "hooks", list(hooks));
	json_set(j, "mountOptions", list(options));
	json_set(j, "linux", linux_features());
	json_write(j, JSON_PRETTY, &text);
	return printf("%s\n", text.data) < 0 || fflush(stdout) != 0
		       ? err_set(e, errno, "write to standard output")
		       : 0;
}
