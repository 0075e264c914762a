/* The process object of config.json, which is also all of exec's process.json. */
#include "oci/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/caps.h"

enum { UMASK_MAX = 0777, CONSOLE_MAX = 65535 };

static const struct bounds ids = { 0, INT32_MAX };

static int user(const struct part *process, struct plan *p, struct err *e)
{
	int64_t uid = 0, gid = 0, umask = 0;
	struct part user, groups;
	int rc = part_get(process, "user", JSON_OBJECT, &user, e);

	if (rc < 0 || (rc = read_number(&user, "uid", ids, &uid, e)) < 0 ||
		(rc = read_number(&user, "gid", ids, &gid, e)) < 0 ||
		(rc = part_get(&user, "additionalGids", JSON_ARRAY, &groups, e)) < 0)
		return rc;
	p->user = str_fmt("%" PRId64 ":%" PRId64, uid, gid);
	for (size_t i = 0; i < json_len(groups.json); i++) {
		struct part group;
		CLEANUP(cleanup_free) char *text = NULL;

		if ((rc = part_element(&groups, i, JSON_NUMBER, &group, e)) < 0)
			return rc;
		if (json_i64(group.json, ids.min, ids.max, &gid) < 0)
			return read_refuse(&user, "additionalGids", "one is out of range", e);
		text = str_fmt("%" PRId64, gid);
		strv_add(&p->groups, text);
	}
	rc = read_number(&user, "umask", (struct bounds){ 0, UMASK_MAX }, &umask, e);
	if (rc > 0)
		p->umask = str_fmt("%" PRIo64, umask);
	return rc < 0 ? rc : 0;
}

static int set_of(const struct part *caps, const char *key, uint64_t *out, struct err *e)
{
	struct strv names = { 0 };
	int rc = read_texts(caps, key, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++) {
		uint64_t bit = str_starts(names.at[i], "CAP_") ? caps_bit(names.at[i]) : 0;

		if (!bit)
			rc = err_say(e, EINVAL,
				"config.json: %s.%s[%zu]=\"%.40s\": no such "
				"capability here",
				caps->path, key, i, names.at[i]);
		*out |= bit;
	}
	strv_free(&names);
	return rc;
}

/* What a process has after exec is decided by three sets: root gets the bounding set, everybody the
 * ambient one, files may add from the inheritable one.  So what is permitted and effective before
 * counts for the ambient set only, as the kernel's rule for raising one is. */
static int capabilities(const struct part *process, struct plan *p, struct err *e)
{
	uint64_t bounding = 0, permitted = 0, effective = 0, inheritable = 0, ambient = 0;
	struct part caps;
	int rc = part_get(process, "capabilities", JSON_OBJECT, &caps, e);

	if (rc < 0 || (rc = set_of(&caps, "bounding", &bounding, e)) < 0 ||
		(rc = set_of(&caps, "permitted", &permitted, e)) < 0 ||
		(rc = set_of(&caps, "effective", &effective, e)) < 0 ||
		(rc = set_of(&caps, "inheritable", &inheritable, e)) < 0 ||
		(rc = set_of(&caps, "ambient", &ambient, e)) < 0)
		return rc;
	if (inheritable & ~bounding)
		return read_refuse(&caps, "inheritable", "it is not within the bounding set", e);
	p->caps = bounding;
	p->inheritable = inheritable;
	p->ambient = ambient & inheritable & permitted;
	return 0;
}

static void add_value(struct buf *out, const struct json *value)
{
	const char *text = json_str(value);

	buf_addc(out, ':');
	buf_adds(out, str_eq(text, "18446744073709551615") ? "max" : text);
}

static int limits(const struct part *process, struct plan *p, struct err *e)
{
	static const char prefix[] = "RLIMIT_";
	struct part list, limit, soft, hard;
	int rc = part_get(process, "rlimits", JSON_ARRAY, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		const char *type = NULL;

		if ((rc = part_element(&list, i, JSON_OBJECT, &limit, e)) < 0 ||
			(rc = read_text(&limit, "type", &type, e)) < 0 ||
			(rc = part_get(&limit, "soft", JSON_NUMBER, &soft, e)) < 0 ||
			(rc = part_get(&limit, "hard", JSON_NUMBER, &hard, e)) < 0)
			return rc;
		if (!type || !str_starts(type, prefix))
			return read_refuse(&limit, "type", "want RLIMIT_…", e);
		if (!soft.json || !hard.json)
			return read_refuse(&limit, soft.json ? "hard" : "soft", "it is missing", e);
		for (const char *c = type + strlen(prefix); *c; c++)
			buf_addc(&text, (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c));
		add_value(&text, soft.json);
		add_value(&text, hard.json);
		strv_add(&p->limits, text.data);
	}
	return rc;
}

static void take_label(const char *given, char **label)
{
	if (!given || !*given)
		return;
	free(*label);
	*label = str_dup(given);
}

int config_labels(const struct part *process, struct plan *p, struct err *e)
{
	const char *apparmor = NULL, *selinux = NULL;
	int rc;

	if ((rc = read_text(process, "apparmorProfile", &apparmor, e)) < 0 ||
		(rc = read_text(process, "selinuxLabel", &selinux, e)) < 0)
		return rc;
	take_label(apparmor, &p->apparmor);
	take_label(selinux, &p->selinux);
	return 0;
}

static int terminal(const struct part *process, struct config *c, struct err *e)
{
	const struct bounds size = { 0, CONSOLE_MAX };
	struct part console;
	int rc;

	if ((rc = read_bool(process, "terminal", &c->has_terminal, e)) < 0 ||
		(rc = part_get(process, "consoleSize", JSON_OBJECT, &console, e)) < 0 ||
		(rc = read_number(&console, "height", size, &c->rows, e)) < 0 ||
		(rc = read_number(&console, "width", size, &c->columns, e)) < 0)
		return rc;
	return 0;
}

static int program(const struct part *process, struct plan *p, struct err *e)
{
	const char *cwd = NULL;
	int rc;

	if ((rc = read_texts(process, "args", &p->args, e)) < 0 ||
		(rc = read_texts(process, "env", &p->env, e)) < 0 ||
		(rc = read_text(process, "cwd", &cwd, e)) < 0)
		return rc;
	if (!p->args.len || !p->args.at[0][0])
		return read_refuse(process, "args", "want a program", e);
	if (!cwd || cwd[0] != '/')
		return read_refuse(process, "cwd", "want an absolute path", e);
	for (size_t i = 0; i < p->env.len; i++)
		if (p->env.at[i][0] == '=' || !strchr(p->env.at[i], '='))
			return err_say(e, EINVAL,
				"config.json: process.env[%zu]=\"%.40s\": want "
				"NAME=VALUE",
				i, p->env.at[i]);
	p->cwd = str_dup(cwd);
	return 0;
}

int config_process(const struct part *process, struct config *c, struct plan *p, struct err *e)
{
	static const char *const refused[] = { "scheduler", "ioPriority", "execCPUAffinity", NULL };
	int64_t score = 0;
	int rc;

	p->keeps_limits = true;
	if ((rc = read_refused(process, refused, e)) < 0 || (rc = program(process, p, e)) < 0 ||
		(rc = user(process, p, e)) < 0 || (rc = capabilities(process, p, e)) < 0 ||
		(rc = config_labels(process, p, e)) < 0 || (rc = limits(process, p, e)) < 0 ||
		(rc = terminal(process, c, e)) < 0 ||
		(rc = read_bool(process, "noNewPrivileges", &p->no_new_privs, e)) < 0)
		return rc;
	rc = read_number(process, "oomScoreAdj", (struct bounds){ -1000, 1000 }, &score, e);
	if (rc > 0) {
		p->oom_score_adj = (int32_t)score;
		p->has_oom_score_adj = true;
	}
	return rc < 0 ? rc : 0;
}
