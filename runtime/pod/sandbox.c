#include "pod/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "pod/etc.h"
#include "pod/resources.h"
#include "pod/users.h"
#include "pod/volume.h"

char *sandbox_cgroup(const struct place *at)
{
	return str_fmt("%s/pause", at->cgroup);
}

static const char *pod_hostname(const struct pod_spec *pod, const struct sandbox_facts *f)
{
	return pod->host_network ? f->node_name : pod->hostname;
}

/* For every user of the pod to read, whereas files of ours are for root alone. */
static int write_public(int dir, const char *name, const struct buf *text, struct err *e)
{
	int rc = fd_replace_file(
		dir, name, text->data ? text->data : "", text->len, FD_SURVIVES_CRASH, e);

	if (rc == 0 && fchmodat(dir, name, 0644, 0) < 0)
		return err_set(e, errno, "chmod %s", name);
	return rc;
}

static int write_etc(const char *dir, const struct pod_spec *pod, const struct sandbox_facts *f,
	char **dns_warning, struct err *e)
{
	CLEANUP(cleanup_free) char *etc = str_fmt("%s/etc", dir);
	CLEANUP(buf_free) struct buf hosts = { 0 };
	CLEANUP(buf_free) struct buf hostname = { 0 };
	CLEANUP(buf_free) struct buf resolv = { 0 };
	CLEANUP(cleanup_fd) int fd = -1;
	int rc = fd_mkdir_all(AT_FDCWD, etc, 0755, e);

	if (rc < 0)
		return rc;
	fd = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open %s", etc);
	etc_hosts(pod, f->node_hosts, f->pod_ip, &hosts);
	etc_hostname(pod_hostname(pod, f), &hostname);
	etc_resolv_conf(pod, f->node_resolv, &resolv, dns_warning);
	rc = write_public(fd, "hosts", &hosts, e);
	if (rc == 0)
		rc = write_public(fd, "hostname", &hostname, e);
	if (rc == 0)
		rc = write_public(fd, "resolv.conf", &resolv, e);
	return rc;
}

int sandbox_prepare(const struct place *at, const struct pod_spec *pod,
	const struct sandbox_facts *f, char **dns_warning, struct err *e)
{
	int rc = fd_mkdir_all(AT_FDCWD, at->dir, 0700, e);

	if (rc == 0)
		rc = write_etc(at->dir, pod, f, dns_warning, e);
	if (rc == 0)
		rc = volumes_make(at, pod, e);
	return rc;
}

/* What nobody knows the containers of yet is not limited by their sum: that is up to who made the
 * parent of the cgroup (CRI). */
struct cgroup_limits sandbox_limits(const struct pod_spec *pod)
{
	return pod->containers_len ? resources_of_pod(pod) : CGROUP_LIMITS_NONE;
}

int sandbox_make_cgroups(
	const struct place *at, struct cgroups *cg, const struct pod_spec *pod, struct err *e)
{
	CLEANUP(cleanup_free) char *pause = sandbox_cgroup(at);
	const struct cgroup_limits limits = sandbox_limits(pod);
	int rc = cgroup_make(cg, at->cgroup, CGROUP_INNER, &limits, e);

	if (rc == 0)
		/* No limits of its own, the pod's count; and not the least weight, as containerd
		 * gives it: pause only reaps, and a restart waits for that. */
		rc = cgroup_make(cg, pause, CGROUP_LEAF, NULL, e);
	return rc;
}

/* What the pod may have of memory at most, as the kubelet says. */
static int64_t size_of(
	const struct volume_spec *v, const struct pod_spec *pod, const struct sandbox_facts *f)
{
	const int64_t limits[] = { v->size_limit_bytes, resources_of_pod(pod).memory_bytes };
	int64_t size = f->node_memory_bytes;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		if (limits[i] > 0 && (size <= 0 || limits[i] < size))
			size = limits[i];
	return size > 0 ? size : INT64_MAX;
}

static void plan_volumes(const struct pod_spec *pod, const struct sandbox_facts *f, struct plan *p)
{
	for (size_t i = 0; i < pod->volumes_len; i++) {
		const struct volume_spec *v = &pod->volumes[i];

		if (!v->in_memory)
			continue;
		p->volumes = mem_resize(p->volumes, p->volumes_len + 1, sizeof(*p->volumes));
		p->volumes[p->volumes_len++] = (struct plan_volume){ .name = str_dup(v->name),
			.size_bytes = size_of(v, pod, f),
			.gid = pod->fs_group };
	}
}

int sandbox_plan(const struct place *at, const struct cgroups *cg, const struct pod_spec *pod,
	const struct sandbox_facts *f, const char *id, struct plan *out, struct err *e)
{
	CLEANUP(cleanup_free) char *cgroup = sandbox_cgroup(at);

	plan_init(out);
	out->kind = PLAN_SANDBOX;
	out->id = str_dup(id);
	out->pause_path = str_dup(f->pause_path);
	out->hostname = str_dup(pod_hostname(pod, f));
	out->host_network = pod->host_network;
	out->host_ipc = pod->host_ipc;
	users_plan(pod, out);
	plan_volumes(pod, f, out);
	cgroup_dirs(cg, cgroup, &out->cgroups, &out->cgroup_v2);
	if (pod->sysctls_len)
		out->sysctls = mem_zalloc(pod->sysctls_len * sizeof(*out->sysctls));
	for (size_t i = 0; i < pod->sysctls_len; i++)
		out->sysctls[out->sysctls_len++] =
			(struct plan_sysctl){ .name = str_dup(pod->sysctls[i].name),
				.value = str_dup(pod->sysctls[i].value) };
	return lsm_plan_sandbox(f->lsm, pod, out, e);
}
