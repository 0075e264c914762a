/* A system call filter made rule by rule, in the words of the seccomp library, which OCI profiles
 * use too: for a profile that somebody wrote, where sys/seccomp_profile is the one of ours.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { SECCOMP_RULES_MAX = 4096, SECCOMP_ARGS_MAX = 16 };

/* "SCMP_ACT_ERRNO" and so on.  data: the errno of SCMP_ACT_ERRNO or the message of SCMP_ACT_TRACE,
 * EPERM where none is given; no other action may be given any.  SCMP_ACT_NOTIFY, which needs
 * somebody to answer, and unknown words are refused by name. */
enum { SECCOMP_NO_DATA = -1 };
int seccomp_action(const char *word, int64_t data, uint32_t *out, struct err *e);

struct seccomp_arg {
	unsigned index;            /* 0 to 5 */
	int op;                    /* of seccomp_op() */
	uint64_t value, value_two; /* SCMP_CMP_MASKED_EQ: the mask, and what is left by it */
};
int seccomp_op(const char *word, int *out, struct err *e); /* "SCMP_CMP_EQ" and so on */

struct seccomp_rules;
/* action: for calls without a rule. */
int seccomp_rules_open(uint32_t action, struct seccomp_rules **out, struct err *e);
void seccomp_rules_free(struct seccomp_rules **r); /* accepts NULL inside; usable with CLEANUP */

/* Beside the machine's own architecture, one whose calls pass by the same rules; calls of all
 * others are death.  "SCMP_ARCH_X86" and so on; before the first rule.  The machine's own is fine.
 */
int seccomp_rules_add_arch(struct seccomp_rules *r, const char *word, struct err *e);
/* A name that the library does not know is passed over: the kernel's answer to such a call is what
 * seccomp_rules_compile() says.  All args must hold, but those of one index that is there twice are
 * rules of their own, as runc has it. */
int seccomp_rules_add(struct seccomp_rules *r, const char *name, uint32_t action,
	const struct seccomp_arg *args, size_t len, struct err *e);
/* Appends the program, an array of struct sock_filter.  Where calls without a rule are refused,
 * those with a number above all that the rules know are ENOSYS, as runc has it: they are younger
 * than the profile, and libc has another way. */
int seccomp_rules_compile(struct seccomp_rules *r, struct buf *out, struct err *e);
