/* What is known of a container between two commands: ROOT/ID, a directory of mode 0700 with
 *
 *     state.json   this record, replaced as a whole
 *     config.json  the bundle's, as it was when the container was made
 *     start.sock   where its first process waits for start, while it does
 *     seccomp      its filter, if it has one
 *
 * Whatever is about to exist in the kernel stands in the record before.  A process is its pid and
 * the time of its birth, so that another one with the same pid is never taken for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "oci/oci.h"

struct record {
	char *id, *bundle, *rootfs;
	char *cgroup; /* an absolute path of sys/cgroup */
	bool is_unit; /* that is a scope of systemd's */
	char *created;
	int64_t pid; /* 0: there was none yet */
	uint64_t birth;
	bool has_pid_namespace;
	struct json *annotations; /* NULL: none */
};
void record_free(struct record *r);

enum status { STATUS_CREATING = 1, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };
const char *status_word(enum status s);

struct container {
	int dir;   /* of the record, locked if it was opened for change; -1 */
	int pidfd; /* of its first process while that lives; -1 */
	struct record r;
};
void container_close(struct container *c);
#define CONTAINER_NONE ((struct container){ .dir = -1, .pidfd = -1 })

/* Letters, digits and "_+.-", 255 at most, and neither "." nor "..". */
int record_check_id(const char *id, struct err *e);
int record_open_root(const struct oci *o, struct err *e); /* makes it; its descriptor */

enum access { FOR_READING = 1, FOR_CHANGE };
/* -ENOENT: "container ID does not exist". */
int container_open(
	const struct oci *o, const char *id, enum access a, struct container *out, struct err *e);
/* Makes the directory, locked. -EEXIST. */
int container_make(const struct oci *o, const char *id, struct container *out, struct err *e);
int container_save(const struct container *c, struct err *e);
/* Its directory and all in it. */
int container_forget(const struct oci *o, const char *id, struct err *e);

/* pidfd is of the process from now on. */
int container_adopt(struct container *c, int pidfd, struct err *e);
enum status container_status(const struct container *c);
/* OCI's state as runc writes it; the caller frees. */
struct json *container_state(const struct container *c, enum status s);

/* A socket at start.sock: bound and listening, or connected. */
int container_listen(const struct container *c, struct err *e);
int container_connect(const struct container *c, struct err *e); /* -ECONNREFUSED, -ENOENT */
