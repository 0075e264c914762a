/* The CRI face of carpeld: runtime.v1.RuntimeService and ImageService over the engine, for whoever
 * holds the policy elsewhere (a kubelet, crictl, a script).  It keeps what clients gave and what
 * became of it, and decides nothing.  It knows nothing of the Pod life cycle, nor that of it.
 */
#pragma once

#include "api/grpc.h"
#include "engine/engine.h"

struct cri;

/* g is borrowed.  Reads the records of an earlier carpeld: sandboxes that are there are adopted. */
int cri_open(struct engine *g, struct cri **out, struct err *e);
/* After carpel-log is connected: what is there into news; half-made things are undone. */
void cri_resume(struct cri *c);
const struct grpc_face *cri_face(const struct cri *c);
size_t cri_sandboxes(const struct cri *c); /* that are not removed */
/* The host's ids that its sandboxes' user namespaces have. */
void cri_each_users(const struct cri *c, void (*each)(void *arg, struct id_range r), void *arg);
/* Stops and removes all; ended is called from the loop when none is left, now if there is none. */
void cri_shutdown(struct cri *c, void (*ended)(void *arg), void *arg);
void cri_close(struct cri *c); /* forgets; what runs goes on. NULL is fine */
