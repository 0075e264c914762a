#include "cri/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void stream_free(struct list_stream *s)
{
	free(s->ids);
	free(s);
}

static void on_gone(void *arg, enum grpc_gone why)
{
	(void)why;
	stream_free(arg);
}

static void on_room(void *arg)
{
	struct list_stream *s = arg;
	struct grpc_call *call = s->call;

	while (s->at < s->len) {
		size_t n = s->len - s->at < STREAM_ITEMS ? s->len - s->at : STREAM_ITEMS;
		int rc = s->send(call, s->c, s->ids + s->at, n);

		if (rc == -ENOBUFS)
			return; /* called again when there is room */
		if (rc < 0) {
			stream_free(s);
			grpc_fail(call, GRPC_RESOURCE_EXHAUSTED, "an item is too large");
			return;
		}
		s->at += n;
	}
	stream_free(s);
	grpc_finish(call, GRPC_OK, NULL);
}

struct list_stream *stream_new(struct cri *c, struct grpc_call *call,
	int (*send)(struct grpc_call *call, struct cri *c, char (*ids)[65], size_t len))
{
	struct list_stream *s = mem_zalloc(sizeof(*s));

	*s = (struct list_stream){ .c = c, .call = call, .send = send };
	return s;
}

void stream_add(struct list_stream *s, const char *id)
{
	if ((s->len & (s->len - 1)) == 0) /* full at each power of two */
		s->ids = mem_resize(s->ids, s->len ? 2 * s->len : 1, sizeof(*s->ids));
	memcpy(s->ids[s->len++], id, sizeof(*s->ids));
}

void stream_begin(struct list_stream *s)
{
	grpc_on_gone(s->call, on_gone, s);
	grpc_on_room(s->call, on_room, s);
}
