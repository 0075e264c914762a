/* Hooks: programs that OCI's configuration or CDI's files want run while a container comes to be.
 * They get its state as JSON on standard input, and their failure is the container's.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct hook {
	const char *name; /* "hooks.poststop[0]", for messages */
	const char *path;
	char *const *argv; /* NULL: the path alone */
	char *const *envp;
	int64_t timeout_s; /* 0: none */
};

/* What a hook reads: a descriptor of the text, for one hook. */
int hook_state_file(const struct json *state, struct err *e);
/* In our own namespaces, as who we are, until its end or its time limit: then it is killed. */
int hook_run(const struct hook *h, int state, struct err *e);
/* One that somebody else has started, as a child of ours. */
int hook_await(const struct hook *h, int pidfd, struct err *e);
