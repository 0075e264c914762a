/* What carpeld says of itself, shared by `info`, `version` and `down`. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

/* GET /apis/carpel/v1/info on the connection that is open. */
int info_read(struct cli *c, struct json **out, struct err *e);
