/* The program for devices, run here: an interpreter for the few instructions that it has, beside a
 * plain reading of the rules, on all devices and accesses of a small world.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "sys/device_rules.h"

enum { STEPS_MAX = 1 << 16 };

static bool run(const struct bpf_insn *code, size_t len, const struct bpf_cgroup_dev_ctx *ctx)
{
	int64_t reg[11] = { 0 };
	size_t at = 0;

	for (int step = 0; step < STEPS_MAX; step++) {
		const struct bpf_insn *i = &code[at++];
		int64_t *dst = &reg[i->dst_reg];
		bool jumps = false;

		assert_true(at <= len);
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, 1);
			*dst = ((const uint32_t *)(const void *)ctx)[i->off / 4];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*dst = i->imm;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*dst &= i->imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*dst = (int64_t)((uint64_t)*dst >> i->imm);
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			jumps = *dst != i->imm;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jumps = *dst & i->imm;
			break;
		case BPF_JMP | BPF_JA:
			jumps = true;
			break;
		case BPF_JMP | BPF_EXIT:
			return reg[0];
		default:
			fail_msg("instruction %#x", i->code);
		}
		at += jumps ? (size_t)i->off : 0;
	}
	fail_msg("it does not end");
	return false;
}

static bool fits(const struct device_rule *r, char type, unsigned major, unsigned minor)
{
	return (r->type == 'a' || r->type == type) && (r->major < 0 || r->major == major) &&
	       (r->minor < 0 || r->minor == minor);
}

/* As it is written: for each kind of access the last rule that fits. */
static bool wanted(const struct device_rule *rules, size_t len, char type, unsigned major,
	unsigned minor, unsigned access)
{
	for (unsigned bit = 1; bit <= DEVICE_WRITE; bit <<= 1) {
		bool is_allowed = false;

		for (size_t i = 0; i < len; i++)
			if (fits(&rules[i], type, major, minor) && (rules[i].access & bit))
				is_allowed = rules[i].is_allowed;
		if ((access & bit) && !is_allowed)
			return false;
	}
	return true;
}

static void check(const struct device_rule *rules, size_t len)
{
	struct bpf_insn code[8 + 16 * DEVICE_RULE_LEN];
	size_t n = device_rules_compile(rules, len, code);

	assert_true(n <= 8 + len * DEVICE_RULE_LEN);
	for (unsigned at = 0; at < 2 * 3 * 3 * 7; at++) {
		unsigned access = 1 + at % 7, minor = at / 7 % 3, major = at / 21 % 3;
		bool is_block = at / 63;
		struct bpf_cgroup_dev_ctx ctx = { .access_type = access << 16 |
								 (is_block ? BPF_DEVCG_DEV_BLOCK
									   : BPF_DEVCG_DEV_CHAR),
			.major = major,
			.minor = minor };

		assert_int_equal(run(code, n, &ctx),
			wanted(rules, len, is_block ? 'b' : 'c', major, minor, access));
	}
}

static void test_cases(void **state)
{
	static const struct device_rule rules[] = {
		{ true, 'c', 1, 2, DEVICE_READ | DEVICE_WRITE },
		{ true, 'c', 1, -1, DEVICE_MKNOD },
		{ false, 'a', -1, 2, DEVICE_WRITE },
		{ true, 'b', 0, 2, DEVICE_WRITE },
		{ false, 'a', -1, -1, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },
		{ true, 'a', -1, -1, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },
	};

	(void)state;
	for (size_t first = 0; first < ARRAY_LEN(rules); first++)
		for (size_t len = 0; first + len <= ARRAY_LEN(rules); len++)
			check(rules + first, len);
}

static void test_any(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct device_rule rules[12];
		size_t len = 0;

		for (; len < 1 + (size_t)round % ARRAY_LEN(rules); len++) {
			seed = seed * 1664525 + 1013904223;
			rules[len] = (struct device_rule){ seed >> 31, "abc"[(seed >> 8) % 3],
				(int64_t)(seed >> 12) % 4 - 1, (int64_t)(seed >> 16) % 4 - 1,
				1 + (seed >> 20) % 7 };
		}
		check(rules, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
