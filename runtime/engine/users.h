/* Whether this machine has what pods with user namespaces of their own need: such namespaces, and
 * layers on a file system that maps ids.  carpel-launch tries it out, when somebody wants to know
 * for the first time; the answer holds as long as we live.  A try-out that ends without one counts
 * as "no" for a while.  A pod that asks for one does not need it: it fails by what is missing.
 */
#pragma once

#include "engine/engine.h"

/* Not USERS_UNKNOWN: at once.  Else it is being tried out, and changed(arg) is called once, later,
 * for all who ask meanwhile with the same argument; so it is after each try-out that is due again.
 */
enum users_answer users_ask(struct engine *g, void (*changed)(void *arg), void *arg);
void users_close(struct engine *g); /* nobody is called any more */
