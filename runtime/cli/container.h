/* Which container of a pod a line means when it names none: kubectl's rule. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

/* The one that the pod's annotation kubectl.kubernetes.io/default-container names, else the first;
 * says so on standard error when there are several.  Borrowed from pod; NULL when it has none. */
const char *container_default(const struct json *pod);
