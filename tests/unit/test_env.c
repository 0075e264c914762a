/* A container's environment: expansion, order, and what the downward API says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "pod/env.h"

static char name[] = "web", ns[] = "prod", uid[] = "u1", account[] = "robot";
static char key[] = "app", value[] = "shop";

static const struct env_facts facts = { .node_name = "node1",
	.host_ip = "192.0.2.7",
	.pod_ip = "10.0.0.2",
	.node_cpu_milli = 4000,
	.node_memory_bytes = INT64_C(8) << 30,
	.node_ephemeral_bytes = 777 };

static void test_expansion(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },                       /* */
		{ "plain", "plain" },             /* */
		{ "$(A)", "one" },                /* */
		{ "-$(A)-$(B)-", "-one-$(A)-" },  /* a value is not expanded again */
		{ "$(NO)", "$(NO)" },             /* unknown */
		{ "$(NO)$(A)", "$(NO)one" },      /* */
		{ "$$", "$" },                    /* */
		{ "$$(A)", "$(A)" },              /* */
		{ "$$$(A)", "$one" },             /* */
		{ "$$$$(A)", "$$(A)" },           /* */
		{ "$", "$" },                     /* */
		{ "a$", "a$" },                   /* */
		{ "$A ${A}", "$A ${A}" },         /* */
		{ "$(A", "$(A" },                 /* not closed */
		{ "$($$", "$($" },                /* */
		{ "$()", "$()" },                 /* */
		{ "$(EMPTY)|", "|" },             /* */
		{ "$(A B)", "$(A B)" },           /* */
		{ "$(a)", "$(a)" },               /* case counts */
		{ "$(EQ=x)", "$(EQ=x)" },         /* a name has no '=' */
		{ "$(EQ)", "x=y" },               /* */
		{ "$(A$(B))", "$(A$(B))" },       /* the first ')' closes */
		{ "\xc3\xa4$(A)", "\xc3\xa4one" } /* */
	};
	struct strv env = { 0 };

	(void)state;
	env_set(&env, "A", "one");
	env_set(&env, "B", "$(A)");
	env_set(&env, "EMPTY", "");
	env_set(&env, "EQ", "x=y");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *got = env_expand(rows[i].text, &env);

		assert_string_equal(got, rows[i].want);
	}
	strv_free(&env);
}

static void test_set_replaces_in_place(void **state)
{
	struct strv env = { 0 };

	(void)state;
	env_set(&env, "A", "1");
	env_set(&env, "AB", "2");
	env_set(&env, "A", "3");
	assert_int_equal(env.len, 2);
	assert_string_equal(env.at[0], "A=3");
	assert_string_equal(env.at[1], "AB=2");
	assert_string_equal(env_lookup(&env, "ABC", 2), "2");
	assert_null(env_lookup(&env, "ABC", 3));
	strv_free(&env);
}

/* One container with the variables; the result as "A=1 B=2", or the error's text. */
static const char *build(struct env_spec *env, size_t len, const struct env_facts *f)
{
	static char said[1024];
	struct label labels[] = { { key, value } };
	struct container_spec c[] = { { .name = name, .env = env, .env_len = len },
		{ .name = account } };
	struct pod_spec pod = { .name = name,
		.namespace = ns,
		.uid = uid,
		.service_account = account,
		.labels = { labels, 1 },
		.containers = c,
		.containers_len = 2 };
	struct strv out = { 0 };
	struct err e = { 0 };

	c[0].limits = (struct resource_spec){ -1, -1, -1 };
	c[0].requests = (struct resource_spec){ 1500, -1, -1 };
	c[1].limits = (struct resource_spec){ 250, 100 << 20, 5 << 20 };
	c[1].requests = c[1].limits;
	said[0] = '\0';
	if (env_build(&pod, c, f, &out, &e) < 0) {
		assert_int_equal(e.code, ENODATA);
		strcpy(said, e.text);
	}
	for (size_t i = 0; !e.code && i < out.len; i++) {
		strcat(said, i ? " " : "");
		strcat(said, out.at[i]);
	}
	strv_free(&out);
	return said;
}

static struct env_spec literal(char *n, char *v)
{
	return (struct env_spec){ .name = n, .value = v };
}

static void test_order(void **state)
{
	char a[] = "A", b[] = "B", one[] = "1", seen[] = "$(A)$(B)", ref[] = "$(A)", two[] = "2";
	struct env_spec env[] = { literal(a, one), literal(b, seen), literal(a, two),
		literal(b, ref), literal(key, NULL) };

	(void)state;
	/* Each sees those before it, as they were then; of the same name the last one counts. */
	assert_string_equal(build(env, 2, &facts), "A=1 B=1$(B)");
	assert_string_equal(build(env, 5, &facts), "A=2 B=2 app=");
}

static const char *field(const char *path, const struct env_facts *f)
{
	static char copy[128];
	char v[] = "V";
	struct env_spec env = { .name = v, .field_path = copy };

	strcpy(copy, path);
	return build(&env, 1, f);
}

static void test_fields(void **state)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "metadata.name", "V=web" },                            /* */
		{ "metadata.namespace", "V=prod" },                      /* */
		{ "metadata.uid", "V=u1" },                              /* */
		{ "metadata.labels['app']", "V=shop" },                  /* */
		{ "metadata.labels['none']", "V=" },                     /* */
		{ "metadata.annotations['app']", "V=" },                 /* */
		{ "spec.nodeName", "V=node1" },                          /* */
		{ "spec.serviceAccountName", "V=robot" },                /* */
		{ "status.hostIP", "V=192.0.2.7" },                      /* */
		{ "status.hostIPs", "V=192.0.2.7" },                     /* */
		{ "status.podIP", "V=10.0.0.2" },                        /* */
		{ "status.podIPs", "V=10.0.0.2" },                       /* */
		{ "status.phase", "env V: status.phase: unknown field" } /* */
	};
	struct env_facts loopback = facts;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(field(rows[i].path, &facts), rows[i].want);
	loopback.pod_ip = NULL;
	assert_string_equal(field("status.podIP", &loopback),
		"env V: status.podIP: the pod has no address but its loopback (a hostNetwork pod "
		"has the node's)");
}

/* A value that came by reference is text: it is not expanded. */
static void test_reference_is_not_expanded(void **state)
{
	struct label labels[] = { { key, value } };
	char v[] = "V", path[] = "metadata.labels['app']", dollar[] = "$$(V)";
	struct env_spec env = { .name = v, .field_path = path };
	struct container_spec c = { .name = name, .env = &env, .env_len = 1 };
	struct pod_spec pod = { .labels = { labels, 1 }, .containers = &c, .containers_len = 1 };
	struct strv out = { 0 };

	(void)state;
	labels[0].value = dollar;
	assert_int_equal(env_build(&pod, &c, &facts, &out, NULL), 0);
	assert_string_equal(out.at[0], "V=$$(V)");
	strv_free(&out);
}

static void test_resources(void **state)
{
	enum { MI = 1 << 20 };
	static const struct {
		const char *resource, *of;
		int64_t divisor_milli;
		const char *want;
	} rows[] = {
		{ "requests.cpu", NULL, 0, "V=2" },                         /* 1.5 is rounded up */
		{ "requests.cpu", NULL, 1, "V=1500" },                      /* */
		{ "limits.cpu", NULL, 1000, "V=4" },                        /* the node's */
		{ "limits.cpu", "robot", 1, "V=250" },                      /* */
		{ "limits.cpu", "robot", 1000, "V=1" },                     /* */
		{ "limits.memory", NULL, 0, "V=8589934592" },               /* the node's */
		{ "requests.memory", NULL, 0, "V=0" },                      /* */
		{ "limits.memory", "robot", 0, "V=104857600" },             /* */
		{ "limits.memory", "robot", INT64_C(1000) * MI, "V=100" },  /* */
		{ "limits.memory", "robot", INT64_C(1000000000), "V=105" }, /* 1M */
		{ "requests.ephemeral-storage", "robot", 1000, "V=5242880" },   /* */
		{ "limits.ephemeral-storage", NULL, 0, "V=777" },               /* */
		{ "requests.ephemeral-storage", NULL, 0, "V=0" },               /* */
		{ "limits.cpu", "none", 1, "env V: container none not found" }, /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char v[] = "V", resource[40], of[8];
		struct env_spec env = { .name = v,
			.resource = strcpy(resource, rows[i].resource),
			.divisor_milli = rows[i].divisor_milli };

		if (rows[i].of)
			env.resource_container = strcpy(of, rows[i].of);
		assert_string_equal(build(&env, 1, &facts), rows[i].want);
	}
}

/* Bytes beyond a thousandth of 64 bits are still right. */
static void test_huge_resource(void **state)
{
	char v[] = "V", resource[] = "limits.memory";
	struct env_spec env = { .name = v, .resource = resource };
	struct env_facts huge = facts;

	(void)state;
	huge.node_memory_bytes = INT64_MAX;
	assert_string_equal(build(&env, 1, &huge), "V=9223372036854775807");
	env.divisor_milli = INT64_C(1000) << 30;
	assert_string_equal(build(&env, 1, &huge), "V=8589934592");
}

static void test_probe_expansion(void **state)
{
	char a[] = "A", b[] = "B", one[] = "1", ref[] = "$(A)", path[] = "metadata.name";
	struct env_spec env[] = { literal(a, path), literal(b, ref),
		{ .name = key, .field_path = path }, literal(a, one) };
	const struct container_spec c = { .env = env, .env_len = 4 };
	CLEANUP(cleanup_free) char *got = env_expand_probe("$(A) $(B) $(app)| $(NO) $$(A)", &c);

	(void)state;
	assert_string_equal(got, "1 $(A) | $(NO) $(A)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expansion),
		cmocka_unit_test(test_set_replaces_in_place),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_reference_is_not_expanded),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_huge_resource),
		cmocka_unit_test(test_probe_expansion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
