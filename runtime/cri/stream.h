/* Lists as server streams, of any length: what is to be sent is chosen when the call comes, by id;
 * messages are made as the client takes them, without those that are gone by then.
 */
#pragma once

#include "cri/state.h"

enum { STREAM_ITEMS = 128 }; /* of one message */

struct list_stream {
	struct cri *c;
	struct grpc_call *call;
	char (*ids)[65];
	size_t len, at;
	/* One message of those ids that are still there; none: 0 without one. */
	int (*send)(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len);
};

struct list_stream *stream_new(struct cri *c, struct grpc_call *call,
	int (*send)(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len));
void stream_add(struct list_stream *s, const char *id);
void stream_begin(struct list_stream *s); /* it frees itself at its end */
