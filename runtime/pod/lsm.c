#include "pod/lsm.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static const struct node_lsm none;

/* The kernel's own word for no profile, of whatever namespace of AppArmor's: ":NAME:unconfined" and
 * ":NAME://unconfined". */
static bool is_unconfined(const char *profile)
{
	const char *end = *profile == ':' ? strchr(profile + 1, ':') : NULL;

	if (end)
		profile = end + 1 + (str_starts(end + 1, "//") ? 2 : 0);
	return str_eq(profile, "unconfined");
}

/* A container that says nothing has our profile where it is loaded; one that asks for it has it or
 * does not start.  "unconfined" is written, too: without a word exec takes whatever profile of the
 * host is meant for a program of that path. */
static int plan_apparmor(
	const struct node_lsm *n, const struct security_spec *s, struct plan *p, struct err *e)
{
	const bool is_default = !s->privileged && (s->apparmor == APPARMOR_DEFAULT ||
							  s->apparmor == APPARMOR_RUNTIME_DEFAULT);

	/* Who may have any profile, but not none, must not get none by that name. */
	if (s->apparmor == APPARMOR_LOCALHOST && !s->privileged &&
		is_unconfined(s->apparmor_profile))
		return err_say(e, EINVAL,
			"AppArmor profile %s: is none; the type Unconfined asks for that",
			s->apparmor_profile);
	if (!n->has_apparmor && s->apparmor == APPARMOR_LOCALHOST && !s->privileged)
		return err_say(e, ENOTSUP,
			"AppArmor profile %s: AppArmor is not enabled on the host",
			s->apparmor_profile);
	if (!n->has_apparmor)
		return 0;
	if (s->apparmor == APPARMOR_RUNTIME_DEFAULT && is_default && !n->has_profile)
		return err_say(e, ENOTSUP,
			"AppArmor profile " LSM_DEFAULT_PROFILE
			" (RuntimeDefault) is not loaded: see carpeld(8)");
	if (!is_default)
		p->apparmor = str_dup(s->privileged || s->apparmor == APPARMOR_UNCONFINED
					      ? "unconfined"
					      : s->apparmor_profile);
	else if (n->has_profile)
		p->apparmor = str_dup(LSM_DEFAULT_PROFILE);
	return 0;
}

/* The parts that are not given are those of the policies' usual containers. */
static void plan_selinux(const struct selinux_spec *s, struct plan *p)
{
	const char *level = s->level ? s->level : "s0";

	p->selinux = str_fmt("%s:%s:%s:%s", s->user ? s->user : "system_u",
		s->role ? s->role : "system_r", s->type ? s->type : "container_t", level);
	if (p->kind != PLAN_EXEC) /* it mounts nothing */
		p->selinux_mount = str_fmt("system_u:object_r:container_file_t:%s", level);
}

static int check_selinux(const struct node_lsm *n, const struct selinux_spec *s, struct err *e)
{
	return n->has_selinux || !selinux_is_given(s)
		       ? 0
		       : err_say(e, ENOTSUP, "selinux_options: SELinux is not enabled on the host");
}

static int check_mounts(const struct node_lsm *n, const struct container_spec *c, struct err *e)
{
	for (size_t i = 0; n->has_selinux && i < c->mounts_len; i++)
		if (c->mounts[i].relabels)
			return err_say(e, ENOTSUP,
				"mount %s: carpel does not relabel (selinux_relabel)",
				c->mounts[i].path);
	return 0;
}

int lsm_plan(
	const struct node_lsm *n, const struct container_spec *c, struct plan *p, struct err *e)
{
	const struct security_spec *s = &c->security;
	int rc;

	if (!n)
		n = &none;
	if ((rc = plan_apparmor(n, s, p, e)) < 0 || s->privileged)
		return rc;
	if ((rc = check_selinux(n, &s->selinux, e)) < 0 || (rc = check_mounts(n, c, e)) < 0)
		return rc;
	if (selinux_is_given(&s->selinux))
		plan_selinux(&s->selinux, p);
	return 0;
}

/* pause is no program of the client's, so AppArmor has nothing to keep it from. */
int lsm_plan_sandbox(
	const struct node_lsm *n, const struct pod_spec *pod, struct plan *p, struct err *e)
{
	int rc = check_selinux(n ? n : &none, &pod->selinux, e);

	if (rc == 0 && selinux_is_given(&pod->selinux))
		plan_selinux(&pod->selinux, p);
	return rc;
}
