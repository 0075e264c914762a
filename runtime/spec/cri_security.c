/* LinuxContainerSecurityContext, and the parts of it that a sandbox has too, see cri.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cri_parts.h"

static const char context_at[] = "config.linux.security_context",
		  namespaces_at[] = "config.linux.security_context.namespace_options",
		  capabilities_at[] = "config.linux.security_context.capabilities";

/* ---- of sandboxes and containers ---- */

int cri_check_namespaces(const char *at, const Runtime__V1__NamespaceOption *o, struct err *e)
{
	enum { LAST = RUNTIME__V1__NAMESPACE_MODE__TARGET };
	CLEANUP(cleanup_free) char *here = str_fmt("%s.namespace_options", at);
	struct cri_users users;
	int rc;

	if ((rc = cri_check_enum(here, "network", o->network, LAST, e)) < 0 ||
		(rc = cri_check_enum(here, "pid", o->pid, LAST, e)) < 0 ||
		(rc = cri_check_enum(here, "ipc", o->ipc, LAST, e)) < 0)
		return rc;
	if (*o->target_id && o->pid != RUNTIME__V1__NAMESPACE_MODE__TARGET)
		return cri_bad(e, here, "target_id", o->target_id, "needs pid TARGET (3)");
	return cri_read_users(here, o->userns_options, &users, e);
}

static int read_label_part(
	const char *at, const char *name, const char *text, char **out, struct err *e)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:,-";
	CLEANUP(cleanup_free) char *here = str_fmt("selinux_options.%s", name);

	if (strlen(text) > CRI_NAME_MAX || strspn(text, allowed) != strlen(text))
		return cri_bad(e, at, here, text, "must be a part of an SELinux context");
	*out = *text ? str_dup(text) : NULL;
	return 0;
}

int cri_read_selinux(const char *at, const Runtime__V1__SELinuxOption *o, struct selinux_spec *out,
	struct err *e)
{
	int rc;

	if (!o)
		return 0;
	if ((rc = read_label_part(at, "user", o->user, &out->user, e)) < 0 ||
		(rc = read_label_part(at, "role", o->role, &out->role, e)) < 0 ||
		(rc = read_label_part(at, "type", o->type, &out->type, e)) < 0)
		return rc;
	return read_label_part(at, "level", o->level, &out->level, e);
}

static const char local[] = "localhost/";

static int read_profile(
	const char *at, const char *name, const char *text, char **out, struct err *e)
{
	const char *profile = text + (str_starts(text, local) ? strlen(local) : 0);
	int rc = cri_check_text(at, name, text, CRI_PATH_MAX, e);

	if (rc < 0)
		return rc;
	for (const char *c = profile; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return cri_bad(e, at, name, text, "must not have control characters");
	if (!*profile)
		return cri_bad(e, at, name, text, "must name a profile");
	*out = str_dup(profile);
	return 0;
}

/* The deprecated form, and the kubelet sends both. */
static int read_old_apparmor(const char *at, const char *text, enum apparmor_type *out,
	char **out_profile, struct err *e)
{
	static const char name[] = "apparmor_profile";

	*out = !*text                            ? APPARMOR_DEFAULT
	       : str_eq(text, "runtime/default") ? APPARMOR_RUNTIME_DEFAULT
	       : str_eq(text, "unconfined")      ? APPARMOR_UNCONFINED
						 : APPARMOR_LOCALHOST;
	if (*out != APPARMOR_LOCALHOST)
		return 0;
	if (!str_starts(text, local))
		return cri_bad(e, at, name, text,
			"must be runtime/default, unconfined or localhost/<profile>");
	return read_profile(at, name, text, out_profile, e);
}

int cri_read_apparmor(const char *at, const Runtime__V1__SecurityProfile *p, const char *old,
	enum apparmor_type *out, char **out_profile, struct err *e)
{
	static const enum apparmor_type types[] = {
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault] =
			APPARMOR_RUNTIME_DEFAULT,
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined] = APPARMOR_UNCONFINED,
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost] = APPARMOR_LOCALHOST,
	};
	CLEANUP(cleanup_free) char *unused = NULL;
	int rc = read_old_apparmor(at, old, out, p ? &unused : out_profile, e);

	if (rc < 0 || !p)
		return rc;
	rc = cri_check_enum(
		at, "apparmor.profile_type", p->profile_type, (int)ARRAY_LEN(types) - 1, e);
	if (rc < 0)
		return rc;
	*out = types[p->profile_type];
	if (*out == APPARMOR_LOCALHOST)
		return read_profile(at, "apparmor.localhost_ref", p->localhost_ref, out_profile, e);
	return *p->localhost_ref ? cri_bad(e, at, "apparmor.localhost_ref", p->localhost_ref,
					   "needs profile_type Localhost (2)")
				 : 0;
}

/* The texts from before there were profile types; no current client sends them. */
static int read_old_seccomp(
	const char *at, const char *text, enum seccomp_type *out, char **out_path, struct err *e)
{
	static const char name[] = "seccomp_profile_path", prefix[] = "localhost/";
	int rc;

	*out = SECCOMP_UNCONFINED;
	if (!*text || str_eq(text, "unconfined"))
		return 0;
	if (str_eq(text, "runtime/default") || str_eq(text, "docker/default")) {
		*out = SECCOMP_DEFAULT;
		return 0;
	}
	if (!str_starts(text, prefix))
		return cri_bad(e, at, name, text,
			"must be runtime/default, unconfined or localhost/<path>");
	*out = SECCOMP_LOCALHOST;
	rc = cri_read_path(at, name, text + strlen(prefix), out_path, e);
	return rc;
}

int cri_read_seccomp(const char *at, const Runtime__V1__SecurityProfile *p, const char *old,
	enum seccomp_type *out, char **out_path, struct err *e)
{
	/* No profile is none, unlike in a manifest: the client's word is the last. */
	static const enum seccomp_type types[] = {
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault] = SECCOMP_DEFAULT,
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined] = SECCOMP_UNCONFINED,
		[RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost] = SECCOMP_LOCALHOST,
	};
	int rc;

	if (!p)
		return read_old_seccomp(at, old, out, out_path, e);
	rc = cri_check_enum(
		at, "seccomp.profile_type", p->profile_type, (int)ARRAY_LEN(types) - 1, e);
	if (rc < 0)
		return rc;
	*out = types[p->profile_type];
	if (*out == SECCOMP_LOCALHOST)
		return cri_read_path(at, "seccomp.localhost_ref", p->localhost_ref, out_path, e);
	return *p->localhost_ref ? cri_bad(e, at, "seccomp.localhost_ref", p->localhost_ref,
					   "needs profile_type Localhost (2)")
				 : 0;
}

/* ---- namespaces of a container ---- */

/* POD is what the sandbox has, its own or the node's: a client that says nothing says POD. */
static int check_as_sandbox(const char *name, Runtime__V1__NamespaceMode mode,
	Runtime__V1__NamespaceMode sandbox, struct err *e)
{
	if (mode == RUNTIME__V1__NAMESPACE_MODE__POD || mode == sandbox)
		return 0;
	return cri_bad_number(
		e, namespaces_at, name, mode, "must be POD (0) or what the sandbox has");
}

/* An id of ours or the beginning of one. */
static int read_target(const char *id, char **out, struct err *e)
{
	size_t len = strlen(id);

	if (!len || len > CRI_ID_MAX || strspn(id, "0123456789abcdef") != len)
		return cri_bad(e, namespaces_at, "target_id", id, "must be a container's id");
	*out = str_dup(id);
	return 0;
}

static int read_pid(const Runtime__V1__NamespaceOption *o, Runtime__V1__NamespaceMode sandbox,
	struct container_spec *out, struct err *e)
{
	bool is_on_node = sandbox == RUNTIME__V1__NAMESPACE_MODE__NODE;

	out->pid = is_on_node ? PID_NODE : PID_POD;
	if (!o || o->pid == RUNTIME__V1__NAMESPACE_MODE__POD)
		return 0;
	if (o->pid == RUNTIME__V1__NAMESPACE_MODE__NODE)
		return is_on_node ? 0
				  : cri_bad_number(e, namespaces_at, "pid", o->pid,
					    "NODE needs a sandbox with NODE");
	out->pid = o->pid == RUNTIME__V1__NAMESPACE_MODE__TARGET ? PID_TARGET : PID_CONTAINER;
	return out->pid == PID_TARGET ? read_target(o->target_id, &out->pid_target, e) : 0;
}

/* Nothing said is what the sandbox has, as it is with every other namespace. */
static int check_users(const Runtime__V1__NamespaceOption *o,
	const Runtime__V1__PodSandboxConfig *sandbox, struct err *e)
{
	struct cri_users ours, theirs;
	int rc;

	if (!o || !o->userns_options)
		return 0;
	if ((rc = cri_read_users(namespaces_at, o->userns_options, &ours, e)) < 0 ||
		(rc = cri_read_sandbox_users(sandbox, &theirs, e)) < 0)
		return rc;
	return cri_users_are_same(&ours, &theirs)
		       ? 0
		       : err_say(e, EINVAL, "%s.userns_options: must be what the sandbox has",
				 namespaces_at);
}

static int read_namespaces(const Runtime__V1__NamespaceOption *o,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec *out, struct err *e)
{
	static const Runtime__V1__NamespaceOption all_pod; /* every mode 0 is POD */
	const Runtime__V1__NamespaceOption *theirs = cri_sandbox_namespaces(sandbox);
	int rc;

	if (!theirs)
		theirs = &all_pod;
	if (o && ((rc = cri_check_namespaces(context_at, o, e)) < 0 ||
			 (rc = check_as_sandbox("network", o->network, theirs->network, e)) < 0 ||
			 (rc = check_as_sandbox("ipc", o->ipc, theirs->ipc, e)) < 0 ||
			 (rc = check_users(o, sandbox, e)) < 0))
		return rc;
	return read_pid(o, theirs->pid, out, e);
}

/* ---- identity ---- */

static int read_user(const Runtime__V1__LinuxContainerSecurityContext *s, struct security_spec *out,
	struct err *e)
{
	enum { USER_MAX = 256 };
	static const char name[] = "run_as_username";
	const char *user = s->run_as_username;
	int rc;

	if ((rc = cri_read_id(context_at, "run_as_user", s->run_as_user, &out->run_as_user, e)) <
			0 ||
		(rc = cri_read_id(
			 context_at, "run_as_group", s->run_as_group, &out->run_as_group, e)) < 0 ||
		(rc = cri_check_text(context_at, name, user, USER_MAX, e)) < 0)
		return rc;
	if (s->run_as_group && !s->run_as_user && !*user)
		return cri_bad_number(e, context_at, "run_as_group", s->run_as_group->value,
			"needs a run_as_user or run_as_username");
	if (!*user)
		return 0;
	if (s->run_as_user)
		return cri_bad(e, context_at, name, user, "must not be given with run_as_user");
	/* Digits would be an id further on, and a ':' the beginning of a group. */
	if (strspn(user, "0123456789") == strlen(user) || strpbrk(user, ":\n"))
		return cri_bad(e, context_at, name, user, "must be a name, without ':'");
	out->run_as_username = str_dup(user);
	return 0;
}

static int read_identity(const Runtime__V1__LinuxContainerSecurityContext *s,
	struct security_spec *out, struct err *e)
{
	const Runtime__V1__SupplementalGroupsPolicy strict =
		RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Strict;
	int rc = read_user(s, out, e);

	if (rc == 0)
		rc = cri_read_groups(context_at, s->supplemental_groups, s->n_supplemental_groups,
			&out->groups, &out->groups_len, e);
	if (rc == 0)
		rc = cri_check_enum(context_at, "supplemental_groups_policy",
			s->supplemental_groups_policy, strict, e);
	out->strict_groups = s->supplemental_groups_policy == strict;
	return rc;
}

/* ---- powers ---- */

/* Names come with or without "CAP_" and in any case; whether the kernel knows one shows later. */
static int read_capability(const char *name, const char *text, struct strv *out, struct err *e)
{
	enum { CAPABILITY_MAX = 40 };
	CLEANUP(cleanup_free) char *upper = str_ndup(text, CAPABILITY_MAX + 1);
	const char *bare;

	for (char *p = upper; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	bare = upper + (str_starts(upper, "CAP_") ? strlen("CAP_") : 0);
	if (!*bare || strlen(upper) > CAPABILITY_MAX ||
		strspn(bare, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != strlen(bare))
		return cri_bad(e, capabilities_at, name, text, "must be the name of a capability");
	if (!strv_has(out, bare))
		strv_add(out, bare);
	return 0;
}

static int read_capability_list(
	const char *name, char *const *texts, size_t n, struct strv *out, struct err *e)
{
	int rc = cri_check_count(capabilities_at, name, n, CRI_LIST_MAX, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_capability(name, texts[i], out, e);
	return rc;
}

static int read_capabilities(
	const Runtime__V1__Capability *c, struct security_spec *out, struct err *e)
{
	int rc;

	if (!c)
		return 0;
	if ((rc = read_capability_list("add_capabilities", c->add_capabilities,
		     c->n_add_capabilities, &out->cap_add, e)) < 0 ||
		(rc = read_capability_list("drop_capabilities", c->drop_capabilities,
			 c->n_drop_capabilities, &out->cap_drop, e)) < 0)
		return rc;
	return read_capability_list("add_ambient_capabilities", c->add_ambient_capabilities,
		c->n_add_ambient_capabilities, &out->cap_ambient, e);
}

static int read_paths(
	const char *name, char *const *paths, size_t n, struct strv *out, struct err *e)
{
	int rc = cri_check_count(context_at, name, n, CRI_LIST_MAX, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		CLEANUP(cleanup_free) char *path = NULL;

		rc = cri_read_path(context_at, name, paths[i], &path, e);
		if (rc == 0 && str_eq(path, "/"))
			rc = cri_bad(e, context_at, name, paths[i], "must not be the root");
		if (rc == 0)
			strv_add(out, path);
	}
	return rc;
}

/* What it leaves out is the sandbox's. */
static int read_selinux(const Runtime__V1__SELinuxOption *o,
	const Runtime__V1__PodSandboxConfig *sandbox, struct selinux_spec *out, struct err *e)
{
	const Runtime__V1__LinuxSandboxSecurityContext *theirs =
		sandbox->linux ? sandbox->linux->security_context : NULL;
	int rc = cri_read_selinux(context_at, o, out, e);

	if (rc < 0 || selinux_is_given(out) || !theirs)
		return rc;
	return cri_read_selinux("sandbox's security_context", theirs->selinux_options, out, e);
}

static int read_confinement(const Runtime__V1__LinuxContainerSecurityContext *s,
	const Runtime__V1__PodSandboxConfig *sandbox, struct security_spec *out, struct err *e)
{
	int rc;

	if ((rc = cri_read_seccomp(context_at, s->seccomp, s->seccomp_profile_path, &out->seccomp,
		     &out->seccomp_path, e)) < 0 ||
		(rc = read_selinux(s->selinux_options, sandbox, &out->selinux, e)) < 0 ||
		(rc = cri_read_apparmor(context_at, s->apparmor, s->apparmor_profile,
			 &out->apparmor, &out->apparmor_profile, e)) < 0 ||
		(rc = read_paths("masked_paths", s->masked_paths, s->n_masked_paths,
			 &out->masked_paths, e)) < 0)
		return rc;
	return read_paths(
		"readonly_paths", s->readonly_paths, s->n_readonly_paths, &out->readonly_paths, e);
}

static bool may_be_privileged(const Runtime__V1__PodSandboxConfig *sandbox)
{
	return sandbox->linux && sandbox->linux->security_context &&
	       sandbox->linux->security_context->privileged;
}

static int read_context(const Runtime__V1__LinuxContainerSecurityContext *s,
	const Runtime__V1__PodSandboxConfig *sandbox, struct security_spec *out, struct err *e)
{
	int rc;

	if (s->privileged && !may_be_privileged(sandbox))
		return err_say(e, EINVAL,
			"%s.privileged: a privileged container needs a privileged sandbox",
			context_at);
	if ((rc = read_identity(s, out, e)) < 0 ||
		(rc = read_capabilities(s->capabilities, out, e)) < 0 ||
		(rc = read_confinement(s, sandbox, out, e)) < 0)
		return rc;
	out->privileged = s->privileged;
	out->read_only_root = s->readonly_rootfs;
	out->no_new_privs = s->no_new_privs;
	/* The lists are the whole truth, and empty ones hide nothing; but from a privileged
	 * container nothing is hidden whatever they say, nor is it filtered. */
	out->has_masks = !s->privileged;
	if (s->privileged)
		out->seccomp = SECCOMP_UNCONFINED;
	return 0;
}

int cri_read_security(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec *out, struct err *e)
{
	const Runtime__V1__LinuxContainerSecurityContext *s =
		c->linux ? c->linux->security_context : NULL;
	int rc;

	/* Who says nothing gets no filter (critest), but the usual masks: they are no word of his.
	 */
	out->security.run_as_user = out->security.run_as_group = -1;
	out->security.seccomp = SECCOMP_UNCONFINED;
	rc = read_namespaces(s ? s->namespace_options : NULL, sandbox, out, e);
	return rc == 0 && s ? read_context(s, sandbox, &out->security, e) : rc;
}
