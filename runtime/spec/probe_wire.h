/* What carpeld and carpel-probe say to each other, over a SEQPACKET pair: one JSON object a message
 * (64 KiB at most), descriptors beside it where named.  carpel-probe trusts carpeld; carpeld trusts
 * nothing but the shape of what comes back: unknown ids and wrong types are dropped with a log
 * line.
 *
 * carpeld -> carpel-probe
 *   {"op":"add","id":"<pod uid>/<container>/<Startup|Liveness|Readiness>",
 * "spec":{probe_spec_to_json}, "ports":{"web":8080,…}, "host":"127.0.0.1"}           before any
 * instance
 *   {"op":"instance","id":…,"instance":N,"startedMs":M,"isStarted":B,
 *    "last":L,"run":R,"published":P}                        a new instance; last.. only when taken
 * over
 *   {"op":"started","id":…,"instance":N}                    startup succeeded
 *   {"op":"ended","id":…}                                   instance over, or stop probing it
 *   {"op":"remove","id":…}
 *   {"op":"socket","ask":K} + one descriptor                answer: an unconnected non-blocking TCP
 * socket in the pod's network namespace; without: "error":"…"
 *   {"op":"exec-result","ask":K,"exit":N,"output":"…"}      or "error":"…" (could not run), or
 * "timeout":true
 *   {"op":"run","id":…,"ask":K}                             one attempt now, aside from the
 * schedule (`carpel probe run`) carpel-probe -> carpeld
 *   {"op":"result","id":…,"instance":N,"type":"Liveness","isSuccess":B,"run":R,"threshold":T,"durationMs":D,
 *    "output":"…","isWarning":B,"published":B}              every attempt; published: the stored
 * result is new or changed. for run: "ask":K beside it
 *   {"op":"socket","ask":K,"id":…,"family":4|6}             wants a socket
 *   {"op":"exec","ask":K,"id":…,"timeoutMs":T}              wants the probe's command run
 *   {"op":"cancel","ask":K}                                 that exec is of no interest any more:
 * kill it
 */
#pragma once

#include "base/json.h"
#include "spec/probe.h"

enum { PROBE_WIRE_MAX = 64 * 1024, PROBE_WIRE_FD = 3 };

struct json *probe_spec_to_json(const struct probe_spec *p);
int probe_spec_from_json(const struct json *j, struct probe_spec *out, struct err *e);
