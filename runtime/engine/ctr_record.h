/* What the kernel and carpel-log have of a container, for its owner's record on disk: enough to
 * find it again after a crash.
 */
#pragma once

#include "engine/ctr.h"

struct json;

void ctr_to_json(const struct ctr *c, struct json *body); /* adds its members */
/* Whatever is absent or odd counts as none. */
void ctr_from_json(struct ctr *c, const struct json *body);
