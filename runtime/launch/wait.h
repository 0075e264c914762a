/* Where a bundle's new process waits for whoever makes it (its result socket) or starts it. */
#pragma once

#include "launch/job.h"

/* With the plan's hooks=1: REPORT_READY, and the answer. */
int wait_for_hooks(struct job *j, struct err *e);
/* REPORT_STARTED; then a connection on start-fd, which becomes j->start_conn. */
int wait_for_start(struct job *j, struct err *e);
/* Tells who hears: the one who starts it or, before that, the one who makes it. */
void wait_report_failure(struct job *j);
