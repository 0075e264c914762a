#include "launch/filesystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "sys/mount.h"

enum { OPTIONS_MAX = 32 };

/* "mode=755,size=64k,flag", taken apart in place. */
static int split(char *text, struct mount_option out[OPTIONS_MAX], size_t *out_len, struct err *e)
{
	char *save = NULL;

	*out_len = 0;
	for (char *at = strtok_r(text, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
		char *value = strchr(at, '=');

		if (*out_len == OPTIONS_MAX)
			return err_say(e, E2BIG, "more than %d options", OPTIONS_MAX);
		if (value)
			*value++ = '\0';
		out[(*out_len)++] = (struct mount_option){ at, value };
	}
	return 0;
}

int filesystem_new(const struct plan_mount *m, struct err *e)
{
	const uint64_t attributes = (m->no_exec ? MOUNT_ATTR_NOEXEC : 0) |
				    (m->no_dev ? MOUNT_ATTR_NODEV : 0) |
				    (m->no_suid ? MOUNT_ATTR_NOSUID : 0) |
				    (m->atime == PLAN_ATIME_NEVER           ? MOUNT_ATTR_NOATIME
					    : m->atime == PLAN_ATIME_STRICT ? MOUNT_ATTR_STRICTATIME
									    : 0);
	struct mount_option options[OPTIONS_MAX];
	char text[PLAN_MOUNT_OPTIONS_MAX + 1];
	size_t len;
	int rc;

	/* The plan's reader has measured it. */
	(void)snprintf(text, sizeof(text), "%s", m->options ? m->options : "");
	rc = split(text, options, &len, e);
	return rc < 0 ? rc : mount_new(m->type, options, len, attributes, e);
}
