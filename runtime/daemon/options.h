/* carpeld's command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "daemon/driver.h"
#include "pod/lifecycle.h"

struct options {
	const char *root;      /* "" or a directory */
	const char *node_name; /* NULL: the host's name */
	bool keep;             /* be the keeper: start carpeld, and again when it crashes */
	int listen_fd;         /* inherited socket, -1: none */
	pid_t keeper;          /* who started us as a keeper; 0: nobody */
	bool is_verbose;
	enum cgroup_driver cgroup_driver;
	struct lifecycle_config config;
	uint32_t log_max_kib; /* a container's log file is rotated at that size */
	unsigned log_max_files;
	int64_t start_deadline_ms; /* see engine.h */
	int64_t disk_period_ms;
	struct strv unsafe_sysctls; /* see spec/admit.h */
};

enum { OPTIONS_RUN = -1 };

/* OPTIONS_RUN, or the code to exit with: help and version are printed, mistakes are told. */
int options_read(int argc, char **argv, struct options *out);
void options_free(struct options *o); /* also of what was not read whole */
