/* Identity, capabilities, limits and keys of the calling process.  Every call acts on the caller
 * alone and uses no heap, so all but cred_caps_make() may run between clone and exec.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "base/err.h"

/* Permitted and effective as in mask; inheritable only those of it that cred_raise_ambient() needs.
 * Bits that this kernel does not know are an error. */
int cred_caps_make(uint64_t mask, uint64_t inheritable, cap_t *out, struct err *e);
void cred_caps_free(cap_t *caps);                 /* accepts NULL inside */
int cred_caps_held(uint64_t *out, struct err *e); /* what we are permitted */

int cred_keep_bounding(uint64_t mask, struct err *e); /* drops all others; no way back */
int cred_apply_caps(cap_t caps, struct err *e);       /* also empties the ambient set */

/* Each must be permitted and inheritable.  What a user that is not root has after exec. */
int cred_raise_ambient(uint64_t mask, struct err *e);

/* Groups, gid, uid, in this order.  The permitted capabilities survive, the effective ones do not
 * when uid is not 0: cred_apply_caps() decides what is left. */
int cred_become(uid_t uid, gid_t gid, const gid_t *groups, size_t len, struct err *e);
int cred_no_new_privs(struct err *e);
int cred_undumpable(struct err *e);

/* A session keyring of our own that only its possessor may use. */
int cred_new_keyring(struct err *e);

struct cred_limit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};
/* A hard limit above the inherited one stays at the inherited one where the machine does not let us
 * raise it. */
int cred_limit(const struct cred_limit *l, struct err *e);
