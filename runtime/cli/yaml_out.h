/* JSON trees as YAML for `-o yaml`; what it writes, yaml_parse() reads back as the same tree. Pure.
 */
#pragma once

#include "base/json.h"

void yaml_write(const struct json *j, struct buf *out);
