#include "sys/cred.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What the possessor of a key may do, and nobody else anything: KEY_POS_ALL of the kernel. */
enum { KEY_POSSESSOR_ALL = 0x3f000000 };

int cred_caps_make(uint64_t mask, uint64_t inheritable, cap_t *out, struct err *e)
{
	cap_value_t last = cap_max_bits();
	cap_t caps = cap_init();

	if (!caps)
		return err_set(e, errno, "allocate capabilities");
	for (cap_value_t c = 0; c < 64; c++) {
		if (!(mask & 1ULL << c))
			continue;
		if (c >= last || cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET) < 0 ||
			cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET) < 0 ||
			((inheritable & 1ULL << c) &&
				cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_SET) < 0)) {
			cred_caps_free(&caps);
			return err_say(e, EINVAL, "capability %d is unknown to this kernel", c);
		}
	}
	*out = caps;
	return 0;
}

void cred_caps_free(cap_t *caps)
{
	if (*caps)
		(void)cap_free(*caps);
	*caps = NULL;
}

int cred_caps_held(uint64_t *out, struct err *e)
{
	cap_t caps = cap_get_proc();
	cap_value_t last = cap_max_bits();
	uint64_t held = 0;

	if (!caps)
		return err_set(e, errno, "read our capabilities");
	for (cap_value_t c = 0; c < last; c++) {
		cap_flag_value_t is_set = CAP_CLEAR;

		if (cap_get_flag(caps, c, CAP_PERMITTED, &is_set) == 0 && is_set == CAP_SET)
			held |= 1ULL << c;
	}
	cred_caps_free(&caps);
	*out = held;
	return 0;
}

int cred_keep_bounding(uint64_t mask, struct err *e)
{
	cap_value_t last = cap_max_bits();

	for (cap_value_t c = 0; c < last; c++)
		if (!(mask & 1ULL << c) && cap_drop_bound(c) < 0)
			return err_set(e, errno, "drop capability %d from the bounding set", c);
	return 0;
}

/* cap_reset_ambient() would first ask for each capability by itself whether it is there. */
int cred_apply_caps(cap_t caps, struct err *e)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_set(e, errno, "empty the ambient set");
	return cap_set_proc(caps) < 0 ? err_set(e, errno, "set capabilities") : 0;
}

int cred_raise_ambient(uint64_t mask, struct err *e)
{
	for (unsigned c = 0; c < 64; c++)
		if ((mask & 1ULL << c) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			return err_set(e, errno, "raise capability %u to ambient", c);
	return 0;
}

/* The raw calls: libc's would look for threads to tell, and there are none. */
int cred_become(uid_t uid, gid_t gid, const gid_t *groups, size_t len, struct err *e)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "keep capabilities");
	if (syscall(SYS_setgroups, len, groups) < 0)
		return err_set(e, errno, "set %zu groups", len);
	if (syscall(SYS_setresgid, gid, gid, gid) < 0)
		return err_set(e, errno, "become gid %u", gid);
	if (syscall(SYS_setresuid, uid, uid, uid) < 0)
		return err_set(e, errno, "become uid %u", uid);
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0
		       ? err_set(e, errno, "stop keeping capabilities")
		       : 0;
}

int cred_no_new_privs(struct err *e)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_set(e, errno, "set no_new_privs")
							  : 0;
}

int cred_undumpable(struct err *e)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? err_set(e, errno, "become non-dumpable")
						      : 0;
}

int cred_new_keyring(struct err *e)
{
	long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	if (key < 0)
		return errno == ENOSYS ? 0
				       : err_set(e, errno,
						 "new session keyring"); /* a kernel without keys */
	return syscall(SYS_keyctl, KEYCTL_SETPERM, key, KEY_POSSESSOR_ALL) < 0
		       ? err_set(e, errno, "restrict the session keyring")
		       : 0;
}

int cred_limit(const struct cred_limit *l, struct err *e)
{
	struct rlimit old, new = { .rlim_cur = l->soft, .rlim_max = l->hard };

	if (setrlimit((__rlimit_resource_t)l->resource, &new) == 0)
		return 0;
	if (errno != EPERM || getrlimit((__rlimit_resource_t)l->resource, &old) < 0)
		return err_set(e, errno, "set limit %d", l->resource);
	new.rlim_max = old.rlim_max;
	if (new.rlim_cur > new.rlim_max)
		new.rlim_cur = new.rlim_max;
	return setrlimit((__rlimit_resource_t)l->resource, &new) < 0
		       ? err_set(e, errno, "set limit %d", l->resource)
		       : 0;
}
