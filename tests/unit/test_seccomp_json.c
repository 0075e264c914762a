/* Profiles in JSON, compiled and then executed here: what does the filter answer to a call? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "launch/profile_json.h"
#include "sys/seccomp_bpf.h"

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

static const struct profile_host host = { .caps = UINT64_C(1) << CAP_CHOWN,
	.arch = "amd64",
#if defined(__x86_64__)
	.native_arch = "SCMP_ARCH_X86_64",
#else
	.native_arch = "SCMP_ARCH_AARCH64",
#endif
	.kernel_major = 5,
	.kernel_minor = 14 };

/* Single quotes are read as double ones. */
static int try_compile(const char *quoted, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_free) char *text = str_dup(quoted);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return profile_json_compile(text, strlen(text), &host, out, e);
}

static void compile(const char *quoted, struct buf *out)
{
	struct err e = { 0 };

	buf_free(out);
	if (try_compile(quoted, out, &e) < 0)
		fail_msg("%s: %s", quoted, e.text);
	assert_int_equal(out->len % sizeof(struct sock_filter), 0);
}

static uint32_t load(const struct seccomp_data *d, uint32_t at)
{
	uint32_t word;

	assert_true(at % 4 == 0 && at + sizeof(word) <= sizeof(*d));
	memcpy(&word, (const char *)d + at, sizeof(word));
	return word;
}

/* The kernel's little machine, as far as filters of the library use it. */
static uint32_t answer(const struct buf *b, const struct seccomp_data *d)
{
	const struct sock_filter *code = (const void *)b->data;
	size_t len = b->len / sizeof(*code);
	uint32_t a = 0;

	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *i = &code[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(d, i->k);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("instruction %zu: code %x", pc, i->code);
		}
	}
	fail_msg("the program runs over its end");
	return 0;
}

static uint32_t call(const struct buf *b, long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const struct seccomp_data d = { .nr = (int)nr, .arch = OUR_ARCH, .args = { a0, a1, a2 } };

	return answer(b, &d);
}

static void test_names_and_default(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	(void)state;
	compile("{'defaultAction':'SCMP_ACT_ERRNO','syscalls':["
		"{'names':['read','no_such_call','getpid','_llseek'],'action':'SCMP_ACT_ALLOW'},"
		"{'name':'close','action':'SCMP_ACT_KILL_PROCESS','comment':'x','args':null}]}",
		&b);
	assert_int_equal(call(&b, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_getpid, 1, 2, 3), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_close, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(call(&b, SYS_brk, 0, 0, 0), ERRNO(EPERM));
	/* Younger than all that the profile knows. */
	assert_int_equal(call(&b, SYS_close_range, 0, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(call(&b, 9999, 0, 0, 0), ERRNO(ENOSYS));
	compile("{'defaultAction':'SCMP_ACT_KILL'}", &b);
	assert_int_equal(call(&b, 9999, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
}

static void test_actions(void **state)
{
	static const struct {
		const char *members;
		uint32_t want;
	} cases[] = {
		{ "'action':'SCMP_ACT_KILL'", SECCOMP_RET_KILL_THREAD },
		{ "'action':'SCMP_ACT_KILL_THREAD'", SECCOMP_RET_KILL_THREAD },
		{ "'action':'SCMP_ACT_KILL_PROCESS'", SECCOMP_RET_KILL_PROCESS },
		{ "'action':'SCMP_ACT_TRAP'", SECCOMP_RET_TRAP },
		{ "'action':'SCMP_ACT_LOG','errnoRet':null", SECCOMP_RET_LOG },
		{ "'action':'SCMP_ACT_ALLOW','errno':''", SECCOMP_RET_ALLOW },
		{ "'action':'SCMP_ACT_ERRNO'", ERRNO(EPERM) },
		{ "'action':'SCMP_ACT_ERRNO','errnoRet':22", ERRNO(EINVAL) },
		{ "'action':'SCMP_ACT_ERRNO','errnoRet':0", ERRNO(0) },
		{ "'action':'SCMP_ACT_ERRNO','errnoRet':1,'errno':'ENOSYS'", ERRNO(ENOSYS) },
		{ "'action':'SCMP_ACT_ERRNO','errno':'4094'", ERRNO(4094) },
		{ "'action':'SCMP_ACT_TRACE'", SECCOMP_RET_TRACE | EPERM },
		{ "'action':'SCMP_ACT_TRACE','errnoRet':65535", SECCOMP_RET_TRACE | 65535 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *rule = str_fmt("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':99,"
				     "'syscalls':[{'names':['brk'],%s}]}",
			cases[i].members);
		CLEANUP(buf_free) struct buf b = { 0 };

		compile(rule, &b);
		assert_int_equal(call(&b, SYS_brk, 0, 0, 0), cases[i].want);
		assert_int_equal(call(&b, 0xffff, 0, 0, 0), ERRNO(ENOSYS));
	}
}

/* Only where calls without a rule are refused are young ones absent. */
static void test_defaults(void **state)
{
	static const struct {
		const char *members;
		uint32_t old, young;
	} cases[] = {
		{ "'defaultAction':'SCMP_ACT_ALLOW'", SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
		{ "'defaultAction':'SCMP_ACT_LOG'", SECCOMP_RET_LOG, SECCOMP_RET_LOG },
		{ "'defaultAction':'SCMP_ACT_TRACE'", SECCOMP_RET_TRACE | EPERM,
			SECCOMP_RET_TRACE | EPERM },
		{ "'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38", ERRNO(ENOSYS),
			ERRNO(ENOSYS) },
		{ "'defaultAction':'SCMP_ACT_ERRNO','defaultErrno':'EACCES'", ERRNO(EACCES),
			ERRNO(ENOSYS) },
		{ "'defaultAction':'SCMP_ACT_KILL_PROCESS'", SECCOMP_RET_KILL_PROCESS,
			ERRNO(ENOSYS) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *profile = str_fmt("{%s,'syscalls':[{'names':['statx'],"
					"'action':'SCMP_ACT_TRAP'}]}",
			cases[i].members);
		CLEANUP(buf_free) struct buf b = { 0 };

		compile(profile, &b);
		assert_int_equal(call(&b, SYS_statx, 0, 0, 0), SECCOMP_RET_TRAP);
		assert_int_equal(call(&b, SYS_brk, 0, 0, 0), cases[i].old);
		assert_int_equal(call(&b, 0xffff, 0, 0, 0), cases[i].young);
		assert_int_equal(call(&b, -1, 0, 0, 0), cases[i].old); /* a tracer's */
	}
}

static void test_comparisons(void **state)
{
	static const uint64_t big = 0x100000005;
	static const struct {
		const char *op;
		bool below, equal, above;
	} cases[] = {
		{ "SCMP_CMP_NE", true, false, true },
		{ "SCMP_CMP_LT", true, false, false },
		{ "SCMP_CMP_LE", true, true, false },
		{ "SCMP_CMP_EQ", false, true, false },
		{ "SCMP_CMP_GE", false, true, true },
		{ "SCMP_CMP_GT", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *profile = str_fmt("{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':"
					"['brk'],'action':'SCMP_ACT_ALLOW','args':[{'index':1,"
					"'value':4294967301,'valueTwo':0,'op':'%s'}]}]}",
			cases[i].op);
		CLEANUP(buf_free) struct buf b = { 0 };

		compile(profile, &b);
		assert_int_equal(
			call(&b, SYS_brk, 0, big - 1, 0) == SECCOMP_RET_ALLOW, cases[i].below);
		assert_int_equal(call(&b, SYS_brk, 0, big, 0) == SECCOMP_RET_ALLOW, cases[i].equal);
		assert_int_equal(
			call(&b, SYS_brk, 0, big + 1, 0) == SECCOMP_RET_ALLOW, cases[i].above);
		/* all 64 bits count */
		assert_int_equal(call(&b, SYS_brk, 0, 5, 0) == SECCOMP_RET_ALLOW, cases[i].below);
	}
}

static void test_several_args(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	(void)state;
	compile("{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['brk'],'action':"
		"'SCMP_ACT_ALLOW','args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'},"
		"{'index':2,'value':2,'op':'SCMP_CMP_EQ'}]},"
		"{'names':['read'],'action':'SCMP_ACT_ALLOW','args':["
		"{'index':0,'value':1,'op':'SCMP_CMP_EQ'},{'index':0,'value':7,'op':'SCMP_CMP_EQ'}]"
		"},"
		"{'names':['close'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,"
		"'value':18446744073709551360,'valueTwo':18446744069414584320,"
		"'op':'SCMP_CMP_MASKED_EQ'}]}]}",
		&b);
	assert_int_equal(call(&b, SYS_brk, 1, 0, 2), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_brk, 1, 0, 3), ERRNO(EPERM));
	assert_int_equal(call(&b, SYS_brk, 0, 0, 2), ERRNO(EPERM));
	assert_int_equal(call(&b, SYS_read, 1, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_read, 7, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_read, 2, 0, 0), ERRNO(EPERM));
	assert_int_equal(call(&b, SYS_close, 0xffffffff00000012, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(&b, SYS_close, 0xffffffff00000112, 0, 0), ERRNO(EPERM));
	assert_int_equal(call(&b, SYS_close, 0x12, 0, 0), ERRNO(EPERM));
}

/* The container has CAP_CHOWN, the machine is amd64 with Linux 5.14. */
static void test_conditions(void **state)
{
	static const struct {
		const char *members;
		bool applies;
	} cases[] = {
		{ "'includes':{},'excludes':{}", true },
		{ "'includes':null,'excludes':{'caps':[],'arches':null}", true },
		{ "'includes':{'caps':['CAP_CHOWN']}", true },
		{ "'includes':{'caps':['CAP_KILL']}", false },
		{ "'includes':{'caps':['CAP_CHOWN','CAP_KILL']}", false },
		{ "'includes':{'caps':['CAP_NO_SUCH']}", false },
		{ "'excludes':{'caps':['CAP_CHOWN']}", false },
		{ "'excludes':{'caps':['CAP_KILL','CAP_CHOWN']}", false },
		{ "'excludes':{'caps':['CAP_KILL','CAP_NO_SUCH']}", true },
		{ "'includes':{'arches':['s390x','amd64']}", true },
		{ "'includes':{'arches':['x86']}", false },
		{ "'excludes':{'arches':['amd64']}", false },
		{ "'excludes':{'arches':['arm64']}", true },
		{ "'includes':{'minKernel':'5.14'}", true },
		{ "'includes':{'minKernel':'4.99'}", true },
		{ "'includes':{'minKernel':'5.15'}", false },
		{ "'includes':{'minKernel':'6.0'}", false },
		{ "'excludes':{'minKernel':'5.14'}", false },
		{ "'excludes':{'minKernel':'5.15'}", true },
		{ "'includes':{'caps':['CAP_CHOWN'],'arches':['amd64'],'minKernel':'5.0'}", true },
		{ "'includes':{'caps':['CAP_CHOWN'],'arches':['arm'],'minKernel':'5.0'}", false },
		{ "'includes':{'caps':['CAP_CHOWN']},'excludes':{'arches':['amd64']}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *profile = str_fmt("{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':"
					"['brk'],'action':'SCMP_ACT_LOG',%s}]}",
			cases[i].members);
		CLEANUP(buf_free) struct buf b = { 0 };

		compile(profile, &b);
		if ((call(&b, SYS_brk, 0, 0, 0) == SECCOMP_RET_LOG) != cases[i].applies)
			fail_msg("%s", cases[i].members);
	}
}

static void test_architectures(void **state)
{
#if defined(__x86_64__)
	static const char *const both[] = {
		"'architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X86']",
		"'archMap':[{'architecture':'SCMP_ARCH_S390X','subArchitectures':['SCMP_ARCH_ODD']}"
		","
		"{'architecture':'SCMP_ARCH_X86_64','subArchitectures':['SCMP_ARCH_X86']}]",
		"'architectures':['SCMP_ARCH_NATIVE','SCMP_ARCH_X86','SCMP_ARCH_AARCH64'],"
		"'archMap':[]",
	};
	enum { GETPID_I386 = 20, READ_I386 = 3 };
	struct seccomp_data i386 = { .nr = GETPID_I386, .arch = AUDIT_ARCH_I386 };
	CLEANUP(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		CLEANUP(cleanup_free)
		char *profile = str_fmt("{'defaultAction':'SCMP_ACT_ERRNO',%s,'syscalls':["
					"{'names':['getpid'],'action':'SCMP_ACT_ALLOW'}]}",
			both[i]);

		compile(profile, &b);
		i386.nr = GETPID_I386;
		assert_int_equal(answer(&b, &i386), SECCOMP_RET_ALLOW);
		i386.nr = READ_I386;
		assert_int_equal(answer(&b, &i386), ERRNO(EPERM));
		assert_int_equal(call(&b, SYS_getpid, 0, 0, 0), SECCOMP_RET_ALLOW);
	}
	compile("{'defaultAction':'SCMP_ACT_ERRNO','flags':['SECCOMP_FILTER_FLAG_TSYNC'],"
		"'syscalls':[{'names':['getpid'],'action':'SCMP_ACT_ALLOW'}]}",
		&b);
	assert_int_equal(answer(&b, &i386), SECCOMP_RET_KILL_PROCESS);
	/* x32 is another architecture by its numbers only */
	assert_int_equal(call(&b, 0x40000000 | SYS_getpid, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
#endif
	(void)state;
}

#define D "{'defaultAction':'SCMP_ACT_ALLOW',"
#define S D "'syscalls':[{'names':['brk'],'action':'SCMP_ACT_LOG',"

static const struct {
	const char *profile;
	int code;
	const char *want;
} refusals[] = {
	{ "[]", EINVAL, "want an object, not a array" },
	{ "{}", EINVAL, "defaultAction is missing" },
	{ "{'defaultAction':null}", EINVAL, "defaultAction is missing" },
	{ "{'defaultAction':1}", EINVAL, "defaultAction is a number" },
	{ "{'defaultAction':'ALLOW'}", EINVAL, "unknown action \"ALLOW\"" },
	{ "{'defaultAction':'SCMP_ACT_NOTIFY'}", ENOTSUP, "SCMP_ACT_NOTIFY is not supported" },
	{ D "'defaultErrnoRet':1}", EINVAL, "SCMP_ACT_ALLOW has no errno" },
	{ "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4095}", ERANGE,
		"SCMP_ACT_ERRNO of 4095, more than 4094" },
	{ "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':-1}", ERANGE,
		"defaultErrnoRet is -1" },
	{ "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrno':'EODD'}", EINVAL,
		"unknown errno \"EODD\"" },
	{ D "'listenerPath':'/x'}", EINVAL, "unknown field \"listenerPath\"" },
	{ D "'flags':['SECCOMP_FILTER_FLAG_LOG']}", ENOTSUP,
		"flag \"SECCOMP_FILTER_FLAG_LOG\" is not supported" },
	{ D "'flags':[1]}", EINVAL, "flags[0] is a number" },
	{ D "'architectures':['SCMP_ARCH_ODD']}", EINVAL,
		"unknown architecture \"SCMP_ARCH_ODD\"" },
	{ D "'architectures':['x86']}", EINVAL, "unknown architecture \"x86\"" },
	{ D "'architectures':['SCMP_ARCH_X86'],'archMap':[{}]}", EINVAL,
		"want either architectures or archMap" },
	{ D "'archMap':[{},{'sub':1}]}", EINVAL, "archMap[1]: unknown field \"sub\"" },
	{ D "'syscalls':{}}", EINVAL, "syscalls is a object" },
	{ D "'syscalls':[1]}", EINVAL, "syscalls[0]: want an object, not a number" },
	{ S "'action':'x'}]}", EEXIST, NULL },
	{ S "'Args':[]}]}", EINVAL, "syscalls[0]: unknown field \"Args\"" },
	{ S "'name':'read'}]}", EINVAL, "syscalls[0]: want either names or name" },
	{ D "'syscalls':[{'action':'SCMP_ACT_LOG'}]}", EINVAL,
		"syscalls[0]: want either names or name" },
	{ D "'syscalls':[{'names':['brk']}]}", EINVAL, "syscalls[0]: action is missing" },
	{ D "'syscalls':[{'names':['brk',null],'action':'SCMP_ACT_LOG'}]}", EINVAL,
		"syscalls[0]: names[1] is a null" },
	{ S "'errnoRet':1}]}", EINVAL, "syscalls[0]: SCMP_ACT_LOG has no errno" },
	{ S "'args':[{'index':6,'op':'SCMP_CMP_EQ'}]}]}", ERANGE,
		"syscalls[0]: args[0]: index is 6" },
	{ S "'args':[{'index':1,'op':'EQ'}]}]}", EINVAL,
		"syscalls[0]: args[0]: unknown comparison \"EQ\"" },
	{ S "'args':[{'index':1}]}]}", EINVAL, "syscalls[0]: args[0]: unknown comparison \"\"" },
	{ S "'args':[{'index':1,'value':18446744073709551616,'op':'SCMP_CMP_EQ'}]}]}", ERANGE,
		"syscalls[0]: args[0]: value is 18446744073709551616" },
	{ S "'args':[{'index':1,'valueTwo':1.5,'op':'SCMP_CMP_EQ'}]}]}", ERANGE,
		"syscalls[0]: args[0]: valueTwo is 1.5" },
	{ S "'includes':{'minkernel':'5'}}]}", EINVAL,
		"syscalls[0]: includes: unknown field \"minkernel\"" },
	{ S "'excludes':{'minKernel':'5'}}]}", EINVAL,
		"syscalls[0]: excludes: minKernel is \"5\"" },
	{ S "'excludes':{'minKernel':'5.1.2'}}]}", EINVAL,
		"syscalls[0]: excludes: minKernel is \"5.1.2\"" },
	{ S "'includes':{'caps':[1]}}]}", EINVAL, "syscalls[0]: includes: caps[0] is a number" },
	/* also where it does not apply */
	{ D "'syscalls':[{'names':['brk'],'action':'x','includes':{'arches':['odd']}}]}", EINVAL,
		"syscalls[0]: unknown action \"x\"" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		CLEANUP(cleanup_free)
		char *want = refusals[i].want ? str_fmt("profile: %s", refusals[i].want) : NULL;
		CLEANUP(buf_free) struct buf b = { 0 };
		struct err e = { 0 };
		int rc = try_compile(refusals[i].profile, &b, &e);

		if (rc != -refusals[i].code || (want && !str_eq(e.text, want)))
			fail_msg("%s: %d %s", refusals[i].profile, rc, e.text);
		assert_int_equal(b.len, 0);
	}
}

/* rules rules of args comparisons each. */
static int try_many(int rules, int args, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };

	buf_adds(&text, D "'syscalls':[");
	for (int i = 0; i < rules; i++) {
		buf_addf(
			&text, "%s{'names':['brk'],'action':'SCMP_ACT_LOG','args':[", i ? "," : "");
		for (int k = 0; k < args; k++)
			buf_addf(&text, "%s{'index':%d,'value':%d0000000000,'op':'SCMP_CMP_EQ'}",
				k ? "," : "", k % 6, i * 100 + k + 1);
		buf_adds(&text, "]}");
	}
	buf_adds(&text, "]}");
	return try_compile(text.data, &out, e);
}

static void test_limits(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(try_many(100, 1, &e), 0);
	assert_int_equal(try_many(1, 16, &e), 0);
	assert_int_equal(try_many(1, 17, &e), -E2BIG);
	assert_string_equal(e.text, "profile: syscalls[0]: more than 16 args");
	assert_int_equal(try_many(1500, 1, &e), -EFBIG);
	assert_string_equal(e.text, "profile: the filter is longer than 4096 instructions");
	assert_int_equal(try_many(1 << 14, 1, &e), -E2BIG); /* more than 1 MiB of text */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_default),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_several_args),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
