/* Which container of a pod a request means: pods/NAME/log, exec and attach share the rule. */
#pragma once

#include "api/rest.h"

/* The name that the query gives, checked, or that of the only container.  Answers and returns NULL
 * when it is unclear or wrong.  The caller frees. */
char *container_choose(const struct rest_request *r, const struct json *pod);
