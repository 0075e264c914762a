/* carpel-oci: containers by OCI's runtime command line.  Each command is one short process; what
 * lives between two of them is a directory per container below --root (record.h) and the kernel's
 * own.  Containers are made by carpel-launch from a launch plan, as those of pods are; this program
 * translates config.json into one and holds no privilege of its own beyond its caller's.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum { OCI_EXIT_FAILED = 1, OCI_EXIT_EXEC_FAILED = 255 };

struct oci {
	const char *root; /* the directory of directories */
	const char *log;  /* --log: NULL: standard error only */
	bool is_json, is_debug;
	bool by_systemd; /* makes cgroups */
	bool is_exec;    /* the command, which has a status of its own for our failures */
};

/* A command: argv[0] is its name.  0, an exit status above 0, or -errno with *e. */
typedef int oci_command(const struct oci *o, int argc, char **argv, struct err *e);

oci_command oci_create, oci_run, oci_start, oci_state, oci_kill, oci_delete, oci_exec, oci_list,
	oci_ps, oci_pause, oci_resume, oci_update, oci_features;

/* "carpel-oci kill: …"; -EINVAL. */
int oci_usage_error(struct err *e, const char *command, const char *what, const char *value);
