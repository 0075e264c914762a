/* The hooks of a container's plan: programs of the host that work on the container's root before
 * its program runs, as CDI's files ask for.
 *
 * They need both worlds, and who makes the container has left the host's by then.  So a process of
 * ours stays behind, the keeper.  When all mounts are made, the first process hands it a copy of
 * them; it shows the copy at BUNDLE/rootfs in a mount namespace of its own, a copy of the host's,
 * runs the hooks there, and hands back a copy of what it is then, which takes the place of what
 * was.  So mounts that a hook makes are in the container, and nothing of the host's ever is: what
 * goes back are the root and the mounts below it.
 *
 * prestart and createRuntime have the host's other namespaces; createContainer the container's
 * network, IPC and UTS namespaces.  Never its PID namespace, where a container could trace them:
 * they are the host's root, with all its power.
 */
#pragma once

#include "launch/job.h"

int hooks_prepare(struct job *j, struct err *e); /* host's view: starts the keeper */
int hooks_run(struct job *j, struct err *e);     /* step of the first process: until all are done */
void hooks_end(struct job *j); /* of carpel-launch, whatever has become of the first process */
