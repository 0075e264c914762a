/* CreateContainer in bytes of a client's choosing: what the reader of CRI accepts keeps the
 * promises that sandboxes, containers and their plans are built on, what it refuses has a reason.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/grpc_wire.h"
#include "base/cleanup.h"
#include "spec/cri.h"
#include "spec/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static int judged(int rc, const struct err *e)
{
	require(rc == 0 || (rc == -e->code && e->text[0]));
	return rc;
}

static bool has_dots(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '/' || !p[2]))
			return true;
	return false;
}

static void require_path(const char *path)
{
	if (!path || path[0] != '/')
		abort();
	require(strlen(path) < 4096);
	require(!has_dots(path) && !strstr(path, "//"));
}

static void require_paths(const struct strv *paths)
{
	for (size_t i = 0; i < paths->len; i++)
		require_path(paths->at[i]);
}

static void require_name(const char *name)
{
	require(name && name[0] && name[0] != '.' && name[0] != '-' && strlen(name) <= 253);
	require(!strpbrk(name, "/ \n\t\"\\"));
}

/* No sysctl can leave the directory that its name makes, or reach the machine's own. */
static void check_sysctls(const struct pod_spec *p)
{
	for (size_t i = 0; i < p->sysctls_len; i++) {
		const char *name = p->sysctls[i].name;

		require(name[0] != '/' && name[0] != '.' && !strstr(name, ".."));
		require(!strstr(name, "//") && p->sysctls[i].value[0]);
		require(!(p->host_network && str_starts(name, "net")));
		require(!(p->host_ipc && !str_starts(name, "net")));
	}
}

static void check_sandbox(const struct pod_spec *p)
{
	require_name(p->name);
	require_name(p->namespace);
	require_name(p->uid);
	require(p->hostname && p->containers_len == 0);
	/* A path, or a slice's name, which whoever knows the cgroup driver judges. */
	if (p->cgroup_parent && p->cgroup_parent[0] == '/')
		require_path(p->cgroup_parent);
	else if (p->cgroup_parent)
		require(str_ends(p->cgroup_parent, ".slice") && !strchr(p->cgroup_parent, '/'));
	if (p->log_directory)
		require_path(p->log_directory);
	check_sysctls(p);
	for (size_t i = 0; i < p->groups_len; i++)
		require(p->groups[i] >= 0);
}

static void check_mounts(const struct container_spec *c)
{
	for (size_t i = 0; i < c->mounts_len; i++) {
		const struct mount_spec *m = &c->mounts[i];

		require_path(m->path);
		require_path(m->host_path);
		require(!m->volume && !m->sub_path && m->path[1]);
		require(!m->recursive_read_only ||
			(m->read_only && m->propagation == MOUNT_PRIVATE));
	}
}

static void check_resources(const struct linux_resources *r)
{
	require(r->cpu_quota_us >= -1 && r->cpu_period_us >= 0 && r->memory_bytes >= 0);
	require(r->oom_score_adj >= -1000 && r->oom_score_adj <= 1000);
	for (size_t i = 0; i < r->unified.len; i++)
		require(r->unified.at[i].key[0] && !strpbrk(r->unified.at[i].key, "/\n"));
	for (size_t i = 0; i < r->hugepages_len; i++)
		require(!strchr(r->hugepages[i].page_size, '/'));
}

static void check_security(const struct security_spec *s, const struct pod_spec *p)
{
	require(s->run_as_user >= -1 && s->run_as_group >= -1);
	require(!s->privileged || p->may_privileged);
	require((s->seccomp == SECCOMP_LOCALHOST) == (s->seccomp_path != NULL));
	if (s->seccomp_path)
		require_path(s->seccomp_path);
	require_paths(&s->masked_paths);
	require_paths(&s->readonly_paths);
	for (size_t i = 0; i < s->groups_len; i++)
		require(s->groups[i] >= 0);
}

static void check_container(const struct container_spec *c, const struct pod_spec *p)
{
	require_name(c->name);
	require(c->image && c->image[0] && c->is_literal && c->pull == PULL_NEVER);
	check_mounts(c);
	check_security(&c->security, p);
	if (c->resources)
		check_resources(c->resources);
	for (size_t i = 0; i < c->env_len; i++)
		require(c->env[i].name[0] && !strchr(c->env[i].name, '=') && c->env[i].value);
	require((c->pid == PID_TARGET) == (c->pid_target != NULL));
	require(c->pid != PID_POD || !p->host_pid);
	require(c->stop_signal >= 0 && c->stop_signal <= 64);
	if (c->log_path) {
		require_path(c->log_path);
		require(p->log_directory && str_starts(c->log_path, p->log_directory));
	}
}

static void check_update(const Runtime__V1__LinuxContainerResources *first,
	const Runtime__V1__LinuxContainerResources *second)
{
	CLEANUP(linux_resources_clear) struct linux_resources into = { 0 };
	CLEANUP(linux_resources_clear) struct linux_resources update = { 0 };
	struct err e = { 0 };

	if (judged(cri_read_resources(first, "a", &into, &e), &e) == 0 &&
		judged(cri_read_resources(second, "b", &update, &e), &e) == 0 &&
		judged(cri_merge_resources(&into, &update, &e), &e) == 0)
		check_resources(&into);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cleanup_message) Runtime__V1__CreateContainerRequest *m = NULL;
	CLEANUP(cleanup_pod_spec) struct pod_spec *p = NULL;
	CLEANUP(cleanup_container_spec) struct container_spec *c = NULL;
	struct err e = { 0 };

	/* As the server does: texts are UTF-8 without NUL from here on. */
	if (grpc_wire_check(&runtime__v1__create_container_request__descriptor, data, size, &e) < 0)
		return 0;
	m = runtime__v1__create_container_request__unpack(NULL, size, data);
	if (!m || !m->config || !m->sandbox_config)
		return 0;
	if (judged(cri_read_sandbox(m->sandbox_config, m->pod_sandbox_id, &p, &e), &e) < 0)
		return 0;
	check_sandbox(p);
	if (judged(cri_read_container(m->config, m->sandbox_config, &c, &e), &e) < 0)
		return 0;
	check_container(c, p);
	if (m->config->linux && m->sandbox_config->linux && m->sandbox_config->linux->resources &&
		m->config->linux->resources)
		check_update(m->config->linux->resources, m->sandbox_config->linux->resources);
	return 0;
}
