/* The annotations that carpel reads, see manifest.h for their grammar. */
#pragma once

#include "base/json.h"
#include "spec/check.h"
#include "spec/pod.h"

/* Puts what the annotations of a validated pod say into it. */
void annotations_apply(const struct json *annotations, struct pod_spec *pod);
