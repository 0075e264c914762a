/* PodSandboxConfig, see cri.h.  What only concerns the holder process is accepted and has no
 * effect: the holder is carpel-pause, our own program, which runs nothing of the client's.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/cri_parts.h"

static const char config_at[] = "config", metadata_at[] = "config.metadata",
		  linux_at[] = "config.linux", dns_at[] = "config.dns_config",
		  context_at[] = "config.linux.security_context",
		  namespaces_at[] = "config.linux.security_context.namespace_options",
		  sysctls_at[] = "config.linux.sysctls";

const Runtime__V1__NamespaceOption *cri_sandbox_namespaces(const Runtime__V1__PodSandboxConfig *c)
{
	return c->linux && c->linux->security_context
		       ? c->linux->security_context->namespace_options
		       : NULL;
}

/* ---- who it is ---- */

static int read_metadata(
	const Runtime__V1__PodSandboxMetadata *m, struct pod_spec *out, struct err *e)
{
	int rc;

	if (!m)
		return err_say(e, EINVAL, "config.metadata: must be given");
	if ((rc = cri_check_name(metadata_at, "name", m->name, e)) < 0 ||
		(rc = cri_check_name(metadata_at, "namespace", m->namespace_, e)) < 0 ||
		(rc = cri_check_name(metadata_at, "uid", m->uid, e)) < 0)
		return rc;
	out->name = str_dup(m->name);
	out->namespace = str_dup(m->namespace_);
	out->uid = str_dup(m->uid);
	return 0; /* every attempt is one */
}

static int read_labels(const Runtime__V1__PodSandboxConfig *c, struct pod_spec *out, struct err *e)
{
	int rc = cri_check_count(config_at, "labels", c->n_labels, CRI_LABELS_MAX, e);

	for (size_t i = 0; rc == 0 && i < c->n_labels; i++)
		rc = cri_read_label(config_at, "labels", c->labels[i]->key, c->labels[i]->value,
			&out->labels, e);
	if (rc == 0)
		rc = cri_check_count(config_at, "annotations", c->n_annotations, CRI_LABELS_MAX, e);
	for (size_t i = 0; rc == 0 && i < c->n_annotations; i++)
		rc = cri_read_label(config_at, "annotations", c->annotations[i]->key,
			c->annotations[i]->value, &out->annotations, e);
	return rc;
}

/* ---- namespaces, before what depends on them ---- */

/* A sandbox has its namespaces or takes the node's. */
static int check_pod_or_node(const char *name, Runtime__V1__NamespaceMode mode, struct err *e)
{
	if (mode == RUNTIME__V1__NAMESPACE_MODE__POD || mode == RUNTIME__V1__NAMESPACE_MODE__NODE)
		return 0;
	return cri_bad_number(e, namespaces_at, name, mode, "must be POD (0) or NODE (2)");
}

/* As Kubernetes has it: a pod with a user namespace of its own shares none with the node. */
static int read_users(const Runtime__V1__NamespaceOption *o, struct pod_spec *out, struct err *e)
{
	static const char why[] = "must not be NODE with a user namespace";
	const Runtime__V1__NamespaceMode node = RUNTIME__V1__NAMESPACE_MODE__NODE;
	struct cri_users users;
	int rc = cri_read_users(namespaces_at, o->userns_options, &users, e);

	if (rc < 0 || !users.is_own)
		return rc;
	if (o->network == node || o->pid == node || o->ipc == node)
		return cri_bad_number(e, namespaces_at,
			o->network == node ? "network"
			: o->pid == node   ? "pid"
					   : "ipc",
			node, why);
	out->own_users = true;
	out->uids = users.uids;
	out->gids = users.gids;
	return 0;
}

static int read_namespaces(
	const Runtime__V1__PodSandboxConfig *c, struct pod_spec *out, struct err *e)
{
	const Runtime__V1__NamespaceOption *o = cri_sandbox_namespaces(c);
	int rc;

	/* Nothing said is every 0: POD, the PID namespace too. */
	out->share_pid = !o || o->pid == RUNTIME__V1__NAMESPACE_MODE__POD;
	if (!o)
		return 0;
	if ((rc = cri_check_namespaces(context_at, o, e)) < 0 ||
		(rc = check_pod_or_node("network", o->network, e)) < 0 ||
		(rc = check_pod_or_node("ipc", o->ipc, e)) < 0)
		return rc;
	if (o->pid == RUNTIME__V1__NAMESPACE_MODE__TARGET)
		return cri_bad_number(e, namespaces_at, "pid", o->pid,
			"must be POD (0), CONTAINER (1) or NODE (2)");
	out->host_network = o->network == RUNTIME__V1__NAMESPACE_MODE__NODE;
	out->host_ipc = o->ipc == RUNTIME__V1__NAMESPACE_MODE__NODE;
	out->host_pid = o->pid == RUNTIME__V1__NAMESPACE_MODE__NODE;
	return read_users(o, out, e);
}

/* ---- network ---- */

/* An FQDN too, as setHostnameAsFQDN makes it: Linux takes 64 bytes.  Without one the pod's name is
 * it, as it is a manifest's. */
static int read_hostname(
	const Runtime__V1__PodSandboxConfig *c, struct pod_spec *out, struct err *e)
{
	enum { LABEL_MAX = 63, HOSTNAME_MAX = 64 };
	const char *why = *c->hostname ? name_check_subdomain(c->hostname) : NULL;
	const char *label = c->hostname;

	for (size_t len; !why && *label; label += len + (label[len] == '.')) {
		len = strcspn(label, ".");
		if (len > LABEL_MAX)
			why = "each label must be no more than 63 characters";
	}
	if (!why && strlen(c->hostname) > HOSTNAME_MAX)
		why = "must be no more than 64 characters";
	if (!why && *c->hostname && out->host_network)
		why = "a pod on the node's network has the node's name";
	if (why)
		return cri_bad(e, config_at, "hostname", c->hostname, why);
	out->hostname = *c->hostname ? str_dup(c->hostname) : str_ndup(out->name, LABEL_MAX);
	for (size_t len = strlen(out->hostname); len && strchr("-._", out->hostname[len - 1]);
		len--)
		out->hostname[len - 1] = '\0';
	return 0;
}

/* One word of one line: a name server, a search domain, an option. */
static int check_dns_word(const char *name, const char *word, struct err *e)
{
	int rc = cri_check_text(dns_at, name, word, CRI_NAME_MAX, e);

	if (rc < 0)
		return rc;
	if (!*word)
		return cri_bad(e, dns_at, name, word, "must not be empty");
	for (const char *p = word; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return cri_bad(e, dns_at, name, word,
				"must not contain blanks, line breaks or control characters");
	return 0;
}

static int read_dns_list(
	const char *name, char *const *words, size_t n, struct strv *out, struct err *e)
{
	enum { WORDS_MAX = 64 };
	int rc = cri_check_count(dns_at, name, n, WORDS_MAX, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = check_dns_word(name, words[i], e);
		if (rc == 0)
			strv_add(out, words[i]);
	}
	return rc;
}

static int read_dns(const Runtime__V1__DNSConfig *d, struct dns_spec *out, struct err *e)
{
	int rc;

	out->policy = d ? DNS_LITERAL : DNS_DEFAULT;
	if (!d)
		return 0; /* the node's resolv.conf */
	if ((rc = read_dns_list("servers", d->servers, d->n_servers, &out->nameservers, e)) < 0 ||
		(rc = read_dns_list("searches", d->searches, d->n_searches, &out->searches, e)) < 0)
		return rc;
	return read_dns_list("options", d->options, d->n_options, &out->options, e);
}

static int check_mapping(
	const char *at, const Runtime__V1__PortMapping *p, bool is_on_node, struct err *e)
{
	enum { PORT_MAX = 65535 };
	int rc = cri_check_enum(at, "protocol", p->protocol, RUNTIME__V1__PROTOCOL__SCTP, e);

	if (rc == 0)
		rc = cri_check_text(at, "host_ip", p->host_ip, CRI_NAME_MAX, e);
	if (rc < 0)
		return rc;
	if (p->container_port < 1 || p->container_port > PORT_MAX)
		return cri_bad_number(e, at, "container_port", p->container_port,
			"must be between 1 and 65535, inclusive");
	if (p->host_port < 0 || p->host_port > PORT_MAX)
		return cri_bad_number(
			e, at, "host_port", p->host_port, "must be between 0 and 65535, inclusive");
	if (p->host_port == 0)
		return 0; /* what a container listens on: nothing to do for it */
	if (!is_on_node)
		return err_say(e, EOPNOTSUPP,
			"%s.host_port: %d: host ports come with the networking issue", at,
			p->host_port);
	if (p->host_port != p->container_port)
		return cri_bad_number(e, at, "host_port", p->host_port,
			"must be the container_port of a pod on the node's network");
	return 0;
}

static int check_mappings(
	const Runtime__V1__PodSandboxConfig *c, const struct pod_spec *pod, struct err *e)
{
	int rc = cri_check_count(config_at, "port_mappings", c->n_port_mappings, CRI_LIST_MAX, e);

	for (size_t i = 0; rc == 0 && i < c->n_port_mappings; i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("config.port_mappings[%zu]", i);

		rc = check_mapping(at, c->port_mappings[i], pod->host_network, e);
	}
	return rc;
}

/* ---- linux ---- */

/* The node's own are nobody's to set through a pod, and nothing that is not namespaced. */
static int check_sysctl(
	const char *dotted, const char *value, const struct pod_spec *pod, struct err *e)
{
	enum { VALUE_MAX = 4096 };
	bool is_net = str_starts(dotted, "net."), is_ipc = sysctl_is_ipc(dotted);

	if (!is_net && !is_ipc)
		return cri_bad(e, linux_at, "sysctls", dotted, "belongs to no namespace of a pod");
	if (is_net && pod->host_network)
		return cri_bad(
			e, linux_at, "sysctls", dotted, "must not be set on the node's network");
	if (is_ipc && pod->host_ipc)
		return cri_bad(e, linux_at, "sysctls", dotted, "must not be set in the node's IPC");
	if (!*value || strlen(value) > VALUE_MAX)
		return cri_bad(e, sysctls_at, dotted, value, "must be between 1 and 4096 bytes");
	for (const char *p = value; *p; p++)
		if ((*p < ' ' && *p != '\t') || *p > '~' || *p == '+' || *p == '=')
			return cri_bad(e, sysctls_at, dotted, value,
				"must be printable and without '+' and '='");
	return 0;
}

/* The same name in two spellings is one; the last one wins, as in every map. */
static void put_sysctl(struct pod_spec *out, char *dotted, const char *value)
{
	for (size_t i = 0; i < out->sysctls_len; i++) {
		if (!str_eq(out->sysctls[i].name, dotted))
			continue;
		free(dotted);
		free(out->sysctls[i].value);
		out->sysctls[i].value = str_dup(value);
		return;
	}
	out->sysctls[out->sysctls_len++] = (struct sysctl_spec){ dotted, str_dup(value) };
}

static int read_sysctls(
	const Runtime__V1__LinuxPodSandboxConfig *l, struct pod_spec *out, struct err *e)
{
	int rc = cri_check_count(linux_at, "sysctls", l->n_sysctls, CRI_LIST_MAX, e);

	if (rc < 0 || !l->n_sysctls)
		return rc;
	out->sysctls = mem_zalloc(l->n_sysctls * sizeof(*out->sysctls));
	for (size_t i = 0; i < l->n_sysctls; i++) {
		const char *value = l->sysctls[i]->value;
		CLEANUP(cleanup_free) char *dotted = NULL;

		if (!sysctl_is_name(l->sysctls[i]->key))
			return cri_bad(
				e, linux_at, "sysctls", l->sysctls[i]->key, "is no name of one");
		dotted = sysctl_dotted(l->sysctls[i]->key);
		if ((rc = check_sysctl(dotted, value, out, e)) < 0)
			return rc;
		put_sysctl(out, TAKE(dotted), value);
	}
	return 0;
}

/* Everything here but privileged and the namespaces is about the holder process: checked, since a
 * client that sends nonsense should hear of it, and without effect. */
static int read_context(
	const Runtime__V1__LinuxSandboxSecurityContext *s, struct pod_spec *out, struct err *e)
{
	CLEANUP(cleanup_free) int64_t *groups = NULL;
	CLEANUP(cleanup_free) char *profile = NULL;
	CLEANUP(cleanup_free) char *name = NULL;
	enum apparmor_type apparmor;
	enum seccomp_type seccomp;
	size_t groups_len = 0;
	int64_t id;
	int rc;

	/* Which user and groups the holder has, and whether its root is read-only: it has no files,
	 * and what a container runs as is said with the container. */
	if ((rc = cri_read_id(context_at, "run_as_user", s->run_as_user, &id, e)) < 0 ||
		(rc = cri_read_id(context_at, "run_as_group", s->run_as_group, &id, e)) < 0 ||
		(rc = cri_read_groups(context_at, s->supplemental_groups, s->n_supplemental_groups,
			 &groups, &groups_len, e)) < 0 ||
		(rc = cri_check_enum(context_at, "supplemental_groups_policy",
			 s->supplemental_groups_policy,
			 RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Strict, e)) < 0)
		return rc;
	if (s->run_as_group && !s->run_as_user)
		return cri_bad_number(e, context_at, "run_as_group", s->run_as_group->value,
			"needs a run_as_user");
	/* The kubelet always sends RuntimeDefault.  A filter is for programs that a client brings;
	 * the holder only waits and reaps. */
	if ((rc = cri_read_seccomp(
		     context_at, s->seccomp, s->seccomp_profile_path, &seccomp, &profile, e)) < 0 ||
		(rc = cri_read_selinux(context_at, s->selinux_options, &out->selinux, e)) < 0 ||
		(rc = cri_read_apparmor(context_at, s->apparmor, "", &apparmor, &name, e)) < 0)
		return rc;
	if (apparmor == APPARMOR_LOCALHOST)
		return cri_not_yet(
			e, context_at, "apparmor", "profiles of AppArmor for the holder are");
	out->may_privileged = s->privileged;
	return 0;
}

/* Whether slices are taken, and this one, is for whoever knows the cgroup driver. */
static bool is_slice_name(const char *parent)
{
	return str_ends(parent, ".slice") && !strchr(parent, '/') && strlen(parent) <= CRI_NAME_MAX;
}

static int read_linux(
	const Runtime__V1__LinuxPodSandboxConfig *l, struct pod_spec *out, struct err *e)
{
	int rc = 0;

	if (!l)
		return 0;
	if (is_slice_name(l->cgroup_parent))
		out->cgroup_parent = str_dup(l->cgroup_parent);
	else if (*l->cgroup_parent)
		rc = cri_read_path(
			linux_at, "cgroup_parent", l->cgroup_parent, &out->cgroup_parent, e);
	if (rc == 0 && str_eq(out->cgroup_parent, "/"))
		rc = cri_bad(
			e, linux_at, "cgroup_parent", l->cgroup_parent, "must not be the root");
	if (rc == 0 && l->security_context)
		rc = read_context(l->security_context, out, e);
	/* overhead and resources: sums for runtimes that have to size a machine.  The limits of the
	 * pod's cgroup are the client's, who made it. */
	return rc == 0 ? read_sysctls(l, out, e) : rc;
}

/* ---- all of it ---- */

static int read_config(const Runtime__V1__PodSandboxConfig *c, struct pod_spec *out, struct err *e)
{
	int rc;

	if ((rc = cri_check_no_windows(&c->base, CRI_SANDBOX_WINDOWS, e)) < 0 ||
		(rc = read_metadata(c->metadata, out, e)) < 0 ||
		(rc = read_labels(c, out, e)) < 0 || (rc = read_namespaces(c, out, e)) < 0 ||
		(rc = read_hostname(c, out, e)) < 0 ||
		(rc = read_dns(c->dns_config, &out->dns, e)) < 0 ||
		(rc = check_mappings(c, out, e)) < 0)
		return rc;
	if (*c->log_directory && (rc = cri_read_path(config_at, "log_directory", c->log_directory,
					  &out->log_directory, e)) < 0)
		return rc;
	return read_linux(c->linux, out, e);
}

int cri_read_sandbox(const Runtime__V1__PodSandboxConfig *c, const char *runtime_handler,
	struct pod_spec **out, struct err *e)
{
	CLEANUP(cleanup_pod_spec) struct pod_spec *pod = mem_zalloc(sizeof(*pod));
	int rc;

	if (!c)
		return err_say(e, EINVAL, "config: must be given");
	if (*runtime_handler)
		return err_say(e, EINVAL,
			"runtime_handler: \"%.40s\": unknown; the only one is the default, \"\"",
			runtime_handler);
	/* Nobody asks these of a pod without a life cycle of ours; each is what a manifest that
	 * says nothing has. */
	pod->restart = RESTART_NEVER;
	pod->qos = QOS_BEST_EFFORT;
	pod->deadline_seconds = -1;
	pod->fs_group = -1; /* comes as one of a container's groups */
	rc = read_config(c, pod, e);
	if (rc == 0)
		*out = TAKE(pod);
	return rc;
}
