#include "sys/seccomp_rules.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "sys/seccomp_bpf.h"

struct seccomp_rules {
	scmp_filter_ctx ctx;
	uint32_t action;
	int last;     /* the largest number of this machine's calls that a rule names; -1: none */
	size_t count; /* of rules */
};

enum { ERRNO_MAX = 4094, TRACE_MAX = 65535 }; /* what the library takes */

static const struct {
	const char *word;
	uint32_t action;
	int64_t data_max; /* SECCOMP_NO_DATA: it has none */
} actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, SECCOMP_NO_DATA },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), ERRNO_MAX },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL, SECCOMP_NO_DATA },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, SECCOMP_NO_DATA },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, SECCOMP_NO_DATA },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG, SECCOMP_NO_DATA },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), TRACE_MAX },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, SECCOMP_NO_DATA },
};

static const struct {
	const char *word;
	enum scmp_compare op;
} ops[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

int seccomp_action(const char *word, int64_t data, uint32_t *out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (!str_eq(word, actions[i].word))
			continue;
		if (data != SECCOMP_NO_DATA && actions[i].data_max == SECCOMP_NO_DATA)
			return err_say(e, EINVAL, "%s has no errno", word);
		if (data > actions[i].data_max)
			return err_say(e, ERANGE, "%s of %" PRId64 ", more than %" PRId64, word,
				data, actions[i].data_max);
		*out = actions[i].action;
		if (actions[i].data_max != SECCOMP_NO_DATA)
			*out |= data == SECCOMP_NO_DATA ? EPERM : (uint32_t)data;
		return 0;
	}
	if (str_eq(word, "SCMP_ACT_NOTIFY"))
		return err_say(e, ENOTSUP, "SCMP_ACT_NOTIFY is not supported");
	return err_say(e, EINVAL, "unknown action \"%.64s\"", word);
}

int seccomp_op(const char *word, int *out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_eq(word, ops[i].word)) {
			*out = (int)ops[i].op;
			return 0;
		}
	return err_say(e, EINVAL, "unknown comparison \"%.64s\"", word);
}

int seccomp_rules_open(uint32_t action, struct seccomp_rules **out, struct err *e)
{
	CLEANUP(seccomp_rules_free) struct seccomp_rules *r = mem_zalloc(sizeof(*r));
	int rc;

	*r = (struct seccomp_rules){ .ctx = seccomp_init(action), .action = action, .last = -1 };
	if (!r->ctx)
		return err_say(e, ENOMEM, "new filter");
	if ((rc = seccomp_attr_set(r->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) < 0 ||
		(rc = seccomp_attr_set(r->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)) < 0)
		return err_set(e, -rc, "set up the filter");
	*out = TAKE(r);
	return 0;
}

void seccomp_rules_free(struct seccomp_rules **r)
{
	if (*r && (*r)->ctx)
		seccomp_release((*r)->ctx);
	free(*r);
	*r = NULL;
}

int seccomp_rules_add_arch(struct seccomp_rules *r, const char *word, struct err *e)
{
	static const char prefix[] = "SCMP_ARCH_";
	const char *rest = str_starts(word, prefix) ? word + strlen(prefix) : "";
	char name[32] = "";
	uint32_t token;
	int rc;

	for (size_t i = 0; i < sizeof(name) - 1 && rest[i]; i++)
		name[i] = (char)tolower((unsigned char)rest[i]);
	token = str_eq(word, "SCMP_ARCH_NATIVE") ? seccomp_arch_native()
						 : seccomp_arch_resolve_name(name);
	if (!token)
		return err_say(e, EINVAL, "unknown architecture \"%.64s\"", word);
	rc = seccomp_arch_add(r->ctx, token);
	return rc < 0 && rc != -EEXIST ? err_set(e, -rc, "%s beside this machine's own", word) : 0;
}

static bool has_index_twice(const struct seccomp_arg *args, size_t len)
{
	unsigned seen = 0;

	for (size_t i = 0; i < len; i++) {
		if (seen & 1U << args[i].index)
			return true;
		seen |= 1U << args[i].index;
	}
	return false;
}

static int add_one(struct seccomp_rules *r, int number, uint32_t action,
	const struct scmp_arg_cmp *args, size_t len, struct err *e)
{
	int rc;

	if (++r->count > SECCOMP_RULES_MAX)
		return err_say(e, E2BIG, "more than %d rules", SECCOMP_RULES_MAX);
	rc = seccomp_rule_add_array(r->ctx, action, number, (unsigned)len, args);
	return rc < 0 && rc != -EEXIST ? err_set(e, -rc, "add the rule") : 0;
}

int seccomp_rules_add(struct seccomp_rules *r, const char *name, uint32_t action,
	const struct seccomp_arg *args, size_t len, struct err *e)
{
	int number = seccomp_syscall_resolve_name(name);
	struct scmp_arg_cmp cmp[SECCOMP_ARGS_MAX];
	int rc = 0;

	if (len > SECCOMP_ARGS_MAX)
		return err_say(e, E2BIG, "more than %d args", SECCOMP_ARGS_MAX);
	if (number == __NR_SCMP_ERROR)
		return 0;
	if (number > r->last)
		r->last = number;
	if (action == r->action)
		return 0; /* what the library calls an error */
	for (size_t i = 0; i < len; i++)
		cmp[i] = (struct scmp_arg_cmp){ args[i].index, (enum scmp_compare)args[i].op,
			args[i].value, args[i].value_two };
	if (!has_index_twice(args, len))
		return add_one(r, number, action, cmp, len, e);
	for (size_t i = 0; rc == 0 && i < len; i++)
		rc = add_one(r, number, action, &cmp[i], 1, e);
	return rc;
}

static void append_head(const struct seccomp_rules *r, struct buf *out)
{
	const struct sock_filter head[] = {
		/* 0 */ BPF_LOAD(arch),
		/* 1 */ BPF_IF_EQUAL(OUR_ARCH, 0, 4),
		/* 2 */ BPF_LOAD(nr),
		/* 3 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_BIT, 2, 0),
		/* 4 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)r->last, 0, 1),
		/* 5 */ BPF_ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
		/* 6: the library's program */
	};

	buf_add(out, head, sizeof(head));
}

int seccomp_rules_compile(struct seccomp_rules *r, struct buf *out, struct err *e)
{
	bool refuses = r->action != SCMP_ACT_ALLOW && r->action != SCMP_ACT_LOG &&
		       r->action != SCMP_ACT_ERRNO(ENOSYS) &&
		       (r->action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;

	if (refuses && r->last >= 0)
		append_head(r, out);
	return seccomp_append(r->ctx, out, e);
}
