/* Whether a container is paused. */
#pragma once

#include "oci/oci.h"
#include "oci/record.h"

/* Also looks at its cgroups. */
enum status container_status_of(const struct oci *o, const struct container *c);
