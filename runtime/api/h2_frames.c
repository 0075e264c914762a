#include "api/h2_frames.h"

#include <string.h>

enum {
	PREFACE_LEN = 24, /* RFC 9113 §3.4 */
	TYPE_HEADERS = 1,
	TYPE_RST_STREAM = 3,
	RST_STREAM_LEN = 4,
};

void h2_frames_init(struct h2_frames *f)
{
	*f = (struct h2_frames){ .left = PREFACE_LEN };
}

/* RFC 9113 §4.1: 24 bits of length, 8 of type, 8 of flags, 31 of the stream's number. */
static void head_read(struct h2_frames *f)
{
	const unsigned char *h = f->head;
	uint32_t stream =
		(uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];

	f->left = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
	if (h[3] == TYPE_HEADERS && stream > f->opened)
		f->opened = stream;
	f->is_dropped = h[3] == TYPE_RST_STREAM && f->left == RST_STREAM_LEN && stream % 2 == 1 &&
			stream > f->opened;
}

static size_t take(const unsigned char **bytes, size_t *len, size_t wanted)
{
	size_t n = *len < wanted ? *len : wanted;

	*bytes += n;
	*len -= n;
	return n;
}

size_t h2_frames_next(struct h2_frames *f, const unsigned char **bytes, size_t *len,
	const unsigned char **piece, size_t *dropped)
{
	while (*len > 0) {
		const unsigned char *at = *bytes;
		size_t n;

		if (f->left > 0) {
			n = take(bytes, len, f->left);
			f->left -= n;
			if (f->is_dropped)
				continue;
			*piece = at;
			return n;
		}
		n = take(bytes, len, H2_FRAME_HEAD - f->head_len);
		memcpy(f->head + f->head_len, at, n);
		f->head_len += n;
		if (f->head_len < H2_FRAME_HEAD)
			continue;
		f->head_len = 0;
		head_read(f);
		if (f->is_dropped) {
			*dropped += 1;
			continue;
		}
		*piece = f->head;
		return H2_FRAME_HEAD;
	}
	return 0;
}
