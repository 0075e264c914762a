/* What a node refuses of a pod that is sound by itself. */
#include "manifest_fixture.h"

#include "spec/admit.h"

/* lines: of the causes, or "REASON TEXT" of a rejection. */
static void expect(const struct node_rules *n, const char *patch, const char *lines)
{
	CLEANUP(cleanup_free) char *rejection = NULL;
	const char *reason = NULL;
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(cleanup_free) char *got = NULL;
	struct err e = { 0 };

	if (read_patched(patch, &r, &e) < 0)
		fail_msg("%s: %s", patch, e.text);
	admit_pod(n, r.spec, &r.causes);
	rejection = admit_rejection(n, r.spec, &reason);
	got = rejection ? str_fmt("%s %s", reason, rejection) : causes_lines(&r.causes);
	if (!str_eq(got, lines))
		fail_msg("%s\n  got: %s\n  not: %s", patch, got, lines);
}

#define SYSCTL(name) "SysctlForbidden forbidden sysctl: \"" name "\" not allowlisted"
#define SYSCTLS(...) S("'securityContext':{'sysctls':[" __VA_ARGS__ "]}")

static void test_sysctls(void **state)
{
	static char group[] = "kernel.msg*", one[] = "net.core.somaxconn";
	static char *patterns[] = { group, one };
	const struct strv allowed = { patterns, 2 };
	const struct node_rules strict = { 0 }, open = { .sysctls = &allowed };
	static const char some[] = SYSCTLS("{'name':'net.ipv4.tcp_syncookies','value':'1'},"
					   "{'name':'kernel/msgmax','value':'1'},"
					   "{'name':'net.core.somaxconn','value':'1'}");
	static const char more[] = SYSCTLS("{'name':'net.core.somaxconn2','value':'1'},"
					   "{'name':'net.core','value':'1'},"
					   "{'name':'kernel.panic','value':'1'}");

	(void)state;
	expect(&strict, some, SYSCTL("kernel.msgmax"));
	expect(&open, some, "");
	expect(&open, more, SYSCTL("net.core.somaxconn2"));
}

/* Nothing that is not a pod's own. */
static void test_patterns(void **state)
{
	static const char *const good[] = { "kernel.msg*", "kernel.shm_rmid_forced", "kernel.sem",
		"fs.mqueue.*", "net.*", "net.ipv4.conf.*", "net.core.somaxconn" };
	static const char *const bad[] = { "", "*", "k*", "kernel.*", "net*", "kernel.panic",
		"kernel.se*", "fs.*", "vm.swappiness", "net.x*y", "net.X*", "net..a",
		"kernel.msg**" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!admit_is_sysctl_pattern(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (admit_is_sysctl_pattern(bad[i]))
			fail_msg("%s is taken", bad[i]);
}

#define NO_APPARMOR "AppArmor Cannot enforce AppArmor: AppArmor is not enabled on the host"
#define NO_SELINUX(at)                                                                             \
	"FieldValueForbidden " at ".seLinuxOptions: Forbidden: SELinux is not enabled on the host"
#define LOCAL "'appArmorProfile':{'type':'Localhost','localhostProfile':'p'}"

static void test_labels(void **state)
{
	const struct node_rules none = { 0 }, both = { .has_apparmor = true, .has_selinux = true };
	static const struct {
		const char *patch, *causes;
	} rows[] = {
		{ C("'securityContext':{" LOCAL "}"), NO_APPARMOR },
		{ S("'securityContext':{" LOCAL "}"), NO_APPARMOR },
		/* The container's word over the pod's. */
		{ S("'securityContext':{" LOCAL "},'containers':[{'name':'a','image':'i',"
		    "'securityContext':{'appArmorProfile':{'type':'RuntimeDefault'}}}]"),
			"" },
		{ C("'securityContext':{'privileged':true," LOCAL "}"), "" },
		{ C("'securityContext':{'appArmorProfile':{'type':'Unconfined'}}"), "" },
		{ C("'securityContext':{'seLinuxOptions':{'level':'s0'}}"),
			NO_SELINUX(C0 ".securityContext") },
		{ C("'securityContext':{'seLinuxOptions':{'level':''}}"), "" },
		{ S("'securityContext':{'seLinuxOptions':{'type':'t'}}"),
			NO_SELINUX("spec.securityContext") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect(&none, rows[i].patch, rows[i].causes);
		expect(&both, rows[i].patch, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_labels),
	};

	return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
