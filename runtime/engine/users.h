/* Whether this machine has what pods with user namespaces of their own need. */
#pragma once

#include "engine/engine.h"

/* Tried out, on the file system of layers.  In an engine's opening: carpeld may not do it later. */
bool users_are_to_be_had(const struct engine *g);
