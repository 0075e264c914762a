/* How a launch ends, told to whoever holds the other end of result-fd, or to a person. */
#pragma once

#include "launch/job.h"

/* Where the report goes must be known even when the plan cannot be read: the last result-fd of its
 * bytes, or -1.  Pure. */
int report_find_fd(const char *bytes, size_t len);

/* Each returns 0 or -errno of the socket; fd -1: words on standard output or error. */
int report_started(int fd, const struct job *j);
/* Of a report that could not be sent: was it refused, as spec/plan.h says, or is nobody there? */
bool report_is_unwanted(int fd);
int report_ready(int fd, const struct job *j); /* REPORT_READY, with the pidfd */
int report_hook(int fd, const struct err *e);  /* REPORT_HOOK; nothing for a person */
int report_failed(int fd, int exit_code, const struct err *e);
