/* `run --foreground`: shows what the containers write, hands interrupts on as a graceful stop, and
 * ends with the pod's exit code.
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

/* pod as carpeld answered it; timeout_ms 0: none. An exit code. */
int foreground_run(struct cli *c, const struct json *pod, int64_t timeout_ms);

/* The exit code of an ended pod: that of the first container that failed, in the order of the spec.
 */
int foreground_exit_code(const struct json *pod);
