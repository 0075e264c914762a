/* The model's release: under the sanitizers, a field that pod.c forgets is a leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/pod.h"

#define LIST(type, field, ...)                                                                     \
	(field) = mem_zalloc(sizeof(type));                                                        \
	(field)[0] = (type)__VA_ARGS__

static char *text(void)
{
	return str_dup("x");
}

static struct linux_resources full_resources(void)
{
	struct linux_resources r = { .cpuset_cpus = text(), .cpuset_mems = text() };

	LIST(struct hugepage_limit, r.hugepages, { .page_size = text() });
	r.hugepages_len = 1;
	labels_put(&r.unified, "memory.min", "0");
	return r;
}

static void fill_from_cri(struct container_spec *c)
{
	strv_add(&c->security.cap_ambient, "x");
	strv_add(&c->security.masked_paths, "x");
	strv_add(&c->security.readonly_paths, "x");
	c->security.run_as_username = text();
	c->security.seccomp_path = text();
	c->security.apparmor_profile = text();
	c->security.selinux = (struct selinux_spec){ text(), text(), text(), text() };
	LIST(int64_t, c->security.groups, 5);
	c->security.groups_len = 1;
	LIST(struct linux_resources, c->resources, { 0 });
	*c->resources = full_resources();
	c->pid_target = text();
	c->log_path = text();
}

static void fill_container(struct container_spec *c)
{
	fill_from_cri(c);
	c->name = text();
	c->image = text();
	c->working_dir = text();
	c->message_path = text();
	strv_add(&c->command, "x");
	strv_add(&c->args, "x");
	strv_add(&c->security.cap_add, "x");
	strv_add(&c->security.cap_drop, "x");
	LIST(struct port_spec, c->ports, { .name = text(), .protocol = text(), .host_ip = text() });
	LIST(struct env_spec, c->env,
		{ .name = text(),
			.value = text(),
			.field_path = text(),
			.resource = text(),
			.resource_container = text() });
	LIST(struct mount_spec, c->mounts,
		{ .volume = text(), .path = text(), .sub_path = text(), .host_path = text() });
	c->ports_len = c->env_len = c->mounts_len = 1;
	for (int t = PROBE_STARTUP; t < PROBE_TYPES; t++) {
		struct probe_spec *p = &c->probes[t];

		strv_add(&p->command, "x");
		p->host = text();
		p->port_name = text();
		p->path = text();
		LIST(struct probe_header, p->headers, { .name = text(), .value = text() });
		p->headers_len = 1;
	}
}

static struct pod_spec *full_pod(void)
{
	struct pod_spec *p = mem_zalloc(sizeof(*p));
	struct strv *lists[] = { &p->dns.nameservers, &p->dns.searches, &p->dns.options,
		&p->readiness_gates };

	p->name = text();
	p->namespace = text();
	p->uid = text();
	p->hostname = text();
	p->node_name = text();
	p->service_account = text();
	p->cgroup_parent = text();
	p->selinux = (struct selinux_spec){ text(), text(), text(), text() };
	p->log_directory = text();
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strv_add(lists[i], "x");
	LIST(struct label, p->labels.at, { .key = text(), .value = text() });
	LIST(struct label, p->annotations.at, { .key = text(), .value = text() });
	p->labels.len = p->annotations.len = 1;
	LIST(struct container_spec, p->containers, { 0 });
	fill_container(p->containers);
	LIST(struct volume_spec, p->volumes,
		{ .name = text(), .host_path = text(), .host_type = text() });
	LIST(struct host_alias, p->aliases, { .ip = text() });
	strv_add(&p->aliases->names, "x");
	LIST(struct sysctl_spec, p->sysctls, { .name = text(), .value = text() });
	LIST(int64_t, p->groups, 5);
	p->containers_len = p->volumes_len = p->aliases_len = p->sysctls_len = p->groups_len = 1;
	return p;
}

static void test_release(void **state)
{
	struct pod_spec *p = full_pod();

	(void)state;
	cleanup_pod_spec(&p);
	assert_null(p);
	cleanup_pod_spec(&p); /* the empty form */
	pod_spec_free(NULL);
	pod_spec_free(mem_zalloc(sizeof(*p)));
}

static void test_container_release(void **state)
{
	struct container_spec *c = mem_zalloc(sizeof(*c));

	(void)state;
	fill_container(c);
	cleanup_container_spec(&c);
	assert_null(c);
	cleanup_container_spec(&c);
	container_spec_free(mem_zalloc(sizeof(*c)));
}

static void test_resources_release_leaves_the_empty_form(void **state)
{
	struct linux_resources r = full_resources();

	(void)state;
	linux_resources_clear(&r);
	assert_null(r.cpuset_cpus);
	assert_null(r.hugepages);
	assert_int_equal(r.hugepages_len, 0);
	assert_int_equal(r.unified.len, 0);
	linux_resources_clear(&r);
}

static void test_probe_release_leaves_the_empty_form(void **state)
{
	struct probe_spec p = { .handler = PROBE_HTTP, .path = text(), .host = text(), .port = 80 };

	(void)state;
	probe_spec_free(&p);
	assert_int_equal(p.handler, PROBE_NONE);
	assert_null(p.path);
	assert_null(p.host);
	assert_int_equal(p.port, 0);
	probe_spec_free(&p);
}

static void test_labels(void **state)
{
	struct labels l = { 0 };

	(void)state;
	assert_null(labels_get(&l, "a"));
	l.at = mem_zalloc(2 * sizeof(*l.at));
	l.at[0] = (struct label){ .key = str_dup("a"), .value = str_dup("1") };
	l.at[1] = (struct label){ .key = str_dup("b/a"), .value = str_dup("") };
	l.len = 2;
	assert_string_equal(labels_get(&l, "a"), "1");
	labels_put(&l, "a", "2"); /* replaces */
	labels_put(&l, "c", "3");
	assert_int_equal(l.len, 3);
	assert_string_equal(labels_get(&l, "a"), "2");
	assert_string_equal(labels_get(&l, "c"), "3");
	assert_string_equal(labels_get(&l, "b/a"), "");
	assert_null(labels_get(&l, "A"));
	assert_null(labels_get(&l, ""));
	labels_free(&l);
	assert_null(l.at);
	assert_int_equal(l.len, 0);
	labels_free(&l);
}

static void test_probe_type_names(void **state)
{
	(void)state;
	assert_string_equal(probe_type_name(PROBE_STARTUP), "Startup");
	assert_string_equal(probe_type_name(PROBE_LIVENESS), "Liveness");
	assert_string_equal(probe_type_name(PROBE_READINESS), "Readiness");
	assert_string_equal(probe_type_name((enum probe_type)0), "Unknown");
	assert_string_equal(probe_type_name(PROBE_TYPES), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_container_release),
		cmocka_unit_test(test_resources_release_leaves_the_empty_form),
		cmocka_unit_test(test_probe_release_leaves_the_empty_form),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_probe_type_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
