/* Names and release of the model; every owner of a pod_spec frees it here, so a new field is freed
 * in one place. */
#include "spec/pod.h"

#include <stdlib.h>

#include "base/cleanup.h"

const char *probe_type_name(enum probe_type t)
{
	static const char *const names[PROBE_TYPES] = {
		[PROBE_STARTUP] = "Startup",
		[PROBE_LIVENESS] = "Liveness",
		[PROBE_READINESS] = "Readiness",
	};

	return (size_t)t < ARRAY_LEN(names) && names[t] ? names[t] : "Unknown";
}

void probe_spec_free(struct probe_spec *p)
{
	for (size_t i = 0; i < p->headers_len; i++) {
		free(p->headers[i].name);
		free(p->headers[i].value);
	}
	free(p->headers);
	free(p->host);
	free(p->port_name);
	free(p->path);
	strv_free(&p->command);
	*p = (struct probe_spec){ 0 };
}

const char *labels_get(const struct labels *l, const char *key)
{
	for (size_t i = 0; i < l->len; i++)
		if (str_eq(l->at[i].key, key))
			return l->at[i].value;
	return NULL;
}

void labels_put(struct labels *l, const char *key, const char *value)
{
	for (size_t i = 0; i < l->len; i++) {
		if (!str_eq(l->at[i].key, key))
			continue;
		free(l->at[i].value);
		l->at[i].value = str_dup(value);
		return;
	}
	l->at = mem_resize(l->at, l->len + 1, sizeof(*l->at));
	l->at[l->len++] = (struct label){ str_dup(key), str_dup(value) };
}

void labels_free(struct labels *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->at[i].key);
		free(l->at[i].value);
	}
	free(l->at);
	*l = (struct labels){ 0 };
}

void linux_resources_clear(struct linux_resources *r)
{
	for (size_t i = 0; i < r->hugepages_len; i++)
		free(r->hugepages[i].page_size);
	free(r->hugepages);
	free(r->cpuset_cpus);
	free(r->cpuset_mems);
	labels_free(&r->unified);
	*r = (struct linux_resources){ 0 };
}

static void free_ports(struct container_spec *c)
{
	for (size_t i = 0; i < c->ports_len; i++) {
		free(c->ports[i].name);
		free(c->ports[i].protocol);
		free(c->ports[i].host_ip);
	}
	free(c->ports);
}

static void free_env(struct container_spec *c)
{
	for (size_t i = 0; i < c->env_len; i++) {
		free(c->env[i].name);
		free(c->env[i].value);
		free(c->env[i].field_path);
		free(c->env[i].resource);
		free(c->env[i].resource_container);
	}
	free(c->env);
}

static void free_mounts(struct container_spec *c)
{
	for (size_t i = 0; i < c->mounts_len; i++) {
		free(c->mounts[i].volume);
		free(c->mounts[i].path);
		free(c->mounts[i].sub_path);
		free(c->mounts[i].host_path);
	}
	free(c->mounts);
}

bool selinux_is_given(const struct selinux_spec *s)
{
	return s->user || s->role || s->type || s->level;
}

static void free_selinux(struct selinux_spec *s)
{
	free(s->user);
	free(s->role);
	free(s->type);
	free(s->level);
}

static void free_security(struct security_spec *s)
{
	strv_free(&s->cap_add);
	strv_free(&s->cap_drop);
	strv_free(&s->cap_ambient);
	strv_free(&s->masked_paths);
	strv_free(&s->readonly_paths);
	free(s->run_as_username);
	free(s->seccomp_path);
	free(s->apparmor_profile);
	free_selinux(&s->selinux);
	free(s->groups);
}

static void free_container(struct container_spec *c)
{
	free(c->name);
	free(c->image);
	free(c->working_dir);
	free(c->message_path);
	strv_free(&c->command);
	strv_free(&c->args);
	free_security(&c->security);
	free_ports(c);
	free_env(c);
	free_mounts(c);
	devices_asked_free(&c->devices);
	for (size_t i = 0; i < ARRAY_LEN(c->probes); i++)
		probe_spec_free(&c->probes[i]);
	if (c->resources)
		linux_resources_clear(c->resources);
	free(c->resources);
	free(c->pid_target);
	free(c->log_path);
}

void container_spec_free(struct container_spec *c)
{
	if (c)
		free_container(c);
	free(c);
}

void cleanup_container_spec(struct container_spec **c)
{
	container_spec_free(*c);
	*c = NULL;
}

static void free_volume(struct volume_spec *v)
{
	free(v->name);
	free(v->host_path);
	free(v->host_type);
}

static void free_alias(struct host_alias *a)
{
	free(a->ip);
	strv_free(&a->names);
}

static void free_sysctl(struct sysctl_spec *s)
{
	free(s->name);
	free(s->value);
}

static void free_lists(struct pod_spec *p)
{
	for (size_t i = 0; i < p->containers_len; i++)
		free_container(&p->containers[i]);
	for (size_t i = 0; i < p->volumes_len; i++)
		free_volume(&p->volumes[i]);
	for (size_t i = 0; i < p->aliases_len; i++)
		free_alias(&p->aliases[i]);
	for (size_t i = 0; i < p->sysctls_len; i++)
		free_sysctl(&p->sysctls[i]);
	free(p->containers);
	free(p->volumes);
	free(p->aliases);
	free(p->sysctls);
	free(p->groups);
}

void pod_spec_free(struct pod_spec *p)
{
	if (!p)
		return;
	free_lists(p);
	labels_free(&p->labels);
	labels_free(&p->annotations);
	strv_free(&p->dns.nameservers);
	strv_free(&p->dns.searches);
	strv_free(&p->dns.options);
	strv_free(&p->readiness_gates);
	free_selinux(&p->selinux);
	free(p->name);
	free(p->namespace);
	free(p->uid);
	free(p->hostname);
	free(p->node_name);
	free(p->service_account);
	free(p->cgroup_parent);
	free(p->log_directory);
	free(p);
}

void cleanup_pod_spec(struct pod_spec **p)
{
	pod_spec_free(*p);
	*p = NULL;
}
