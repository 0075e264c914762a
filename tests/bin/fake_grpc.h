/* A gRPC face without a runtime: a few calls of CRI's services that act in ways a test asks for, in
 * words of the request.  For tests that drive the gRPC server from outside, and for its fuzzer.
 *
 * RuntimeService:
 *   Version         says the request's version back
 *   StartContainer  ends by its container_id: "fail CODE TEXT", "errno N", "later MS", "never"
 *                   (nobody is told), "watched" (never; that its client left is counted), "careless
 *                   MS" (answers when its client may long be gone), else OK
 *   CreateContainer says how many bytes of text its config's labels have
 *   ExecSync        stdout of timeout bytes
 *   ListContainers  one container whose id is as in the filter, with an \xff at its end
 *   StreamContainers  filter.id "N BYTES": N answers of that size, made as the client takes them;
 *                   "fail N": N answers, then NOT_FOUND; "now": ends before it begins
 *   GetContainerEvents  never ends; its leaving is counted
 *   RuntimeConfig, PortForward   not served; the second says why
 * ImageService:
 *   ListImages      counts, as sizes of images: running, cancelled, overdue (told so by gone), late
 *                   (answered by a timer)
 */
#pragma once

#include "api/grpc.h"
#include "base/loop.h"

struct fake_grpc;

struct fake_grpc *fake_grpc_new(struct loop *l);
void fake_grpc_free(struct fake_grpc *f); /* after the server */
const struct grpc_face *fake_grpc_face(const struct fake_grpc *f);
/* How many calls wait for something. */
size_t fake_grpc_running(const struct fake_grpc *f);
