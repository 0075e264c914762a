#include "api/client_grpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* A call is a POST of one framed message.  Answers come as framed messages of any cut; behind them,
 * or in the head of an answer without any, stands how the call ended. */

enum { FRAME_HEAD = 5 }; /* flag of compression, then the length, big-endian */

struct run {
	const struct api_call *call;
	struct buf bytes; /* came and are not a whole message yet */
	struct api_call_end *out;
	bool is_too_large;
	int rc; /* of an answer that cannot be read; 0 */
	struct err *e;
};

void api_call_end_free(struct api_call_end *end)
{
	buf_free(&end->message);
	*end = (struct api_call_end){ 0 };
}

const char *api_call_code_name(int code)
{
	static const char *const names[] = {
		[GRPC_OK] = "OK",
		[GRPC_CANCELLED] = "CANCELLED",
		[GRPC_UNKNOWN] = "UNKNOWN",
		[GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[GRPC_NOT_FOUND] = "NOT_FOUND",
		[GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[GRPC_ABORTED] = "ABORTED",
		[GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[GRPC_INTERNAL] = "INTERNAL",
		[GRPC_UNAVAILABLE] = "UNAVAILABLE",
		"DATA_LOSS",       /* 15 */
		"UNAUTHENTICATED", /* 16 */
	};

	return code >= 0 && (size_t)code < ARRAY_LEN(names) ? names[code] : NULL;
}

/* ---- the request ---- */

/* At most eight digits and a unit. */
void api_call_timeout_text(int64_t timeout_ms, char out[API_CALL_TIMEOUT_TEXT])
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 'm', 1 }, { 'S', 1000 }, { 'M', 60 * 1000 }, { 'H', 3600 * 1000 } };
	enum { VALUE_MAX = 99999999 };

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		int64_t value = timeout_ms / units[i].ms + (timeout_ms % units[i].ms != 0);

		if (value > VALUE_MAX && i + 1 < ARRAY_LEN(units))
			continue;
		snprintf(out, API_CALL_TIMEOUT_TEXT, "%" PRId64 "%c",
			value < VALUE_MAX ? value : VALUE_MAX, units[i].unit);
		return;
	}
}

static void write_frame(const ProtobufCMessage *m, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	const unsigned char head[FRAME_HEAD] = { 0, (unsigned char)(len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8), (unsigned char)len };
	char *body = mem_resize(NULL, len + 1, 1);

	buf_add(out, head, sizeof(head));
	buf_add(out, body, protobuf_c_message_pack(m, (uint8_t *)body));
	free(body);
}

/* ---- the answers ---- */

static int take_message(struct run *run, const char *bytes, size_t len)
{
	const struct api_call *call = run->call;
	ProtobufCMessage *m =
		protobuf_c_message_unpack(call->method->output, NULL, len, (const uint8_t *)bytes);
	int rc;

	if (!m) {
		run->rc = err_say(run->e, EPROTO, "%s: the answer of %zu bytes is no %s",
			call->method->name, len, call->method->output->short_name);
		return run->rc;
	}
	rc = call->on_message(call->arg, m);
	protobuf_c_message_free_unpacked(m, NULL);
	return rc;
}

static size_t length_of(const unsigned char *head)
{
	return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct run *run = arg;
	size_t at = 0;
	int rc = 0;

	buf_add(&run->bytes, bytes, len);
	while (rc == 0 && run->bytes.len - at >= FRAME_HEAD) {
		const unsigned char *head = (const unsigned char *)run->bytes.data + at;
		size_t body = length_of(head);

		if (head[0] != 0) { /* we never offered to read compressed ones */
			run->rc = err_say(run->e, EPROTO, "%s: the answer is compressed",
				run->call->method->name);
			return run->rc;
		}
		if (body > GRPC_MESSAGE_MAX) {
			run->is_too_large = true;
			return -EMSGSIZE;
		}
		if (run->bytes.len - at - FRAME_HEAD < body)
			break;
		rc = take_message(run, run->bytes.data + at + FRAME_HEAD, body);
		at += FRAME_HEAD + body;
	}
	if (at > 0)
		buf_drop(&run->bytes, at);
	return rc;
}

static int on_idle(void *arg)
{
	const struct run *run = arg;

	return run->call->on_idle ? run->call->on_idle(run->call->arg) : 0;
}

/* ---- the end ---- */

static int hex_value(char c)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

void api_call_unescape(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p++) {
		int high = *p == '%' ? hex_value(p[1]) : -1;
		int low = high >= 0 ? hex_value(p[2]) : -1;

		if (low < 0 || high + low == 0) {
			buf_addc(out, *p); /* as it stands: a wrong escape is no reason to hide the
					      text */
			continue;
		}
		buf_addc(out, (char)(high << 4 | low));
		p += 2;
	}
}

static void end_with(struct api_call_end *out, enum grpc_code code, const char *message)
{
	out->code = (int)code;
	buf_adds(&out->message, message);
}

static int read_end(struct run *run, const struct api_answer *a)
{
	int64_t code;

	if (!a->grpc_status)
		return err_say(run->e, EPROTO,
			"%s: no gRPC status in the answer (HTTP %d): does the server speak CRI?",
			run->call->method->name, a->status);
	if (str_to_i64(a->grpc_status, 0, INT32_MAX, &code) < 0)
		return err_say(run->e, EPROTO, "%s: \"%.40s\" is no gRPC status",
			run->call->method->name, a->grpc_status);
	if (code == GRPC_OK && run->bytes.len > 0)
		return err_say(run->e, EPROTO, "%s: the answer ends within a message",
			run->call->method->name);
	run->out->code = (int)code;
	if (a->grpc_message)
		api_call_unescape(a->grpc_message, &run->out->message);
	return 0;
}

/* What went wrong on the way, where gRPC has a word for it. */
static int end_without_answer(struct run *run, int rc)
{
	CLEANUP(cleanup_free) char *text = NULL;

	if (run->rc < 0)
		return run->rc;
	if (run->is_too_large) {
		text = str_fmt("the answer is larger than %d bytes", GRPC_MESSAGE_MAX);
		end_with(run->out, GRPC_RESOURCE_EXHAUSTED, text);
		return 0;
	}
	if (rc == -ETIMEDOUT && run->call->timeout_ms > 0) {
		text = str_fmt("no answer within %" PRId64 " ms", run->call->timeout_ms);
		end_with(run->out, GRPC_DEADLINE_EXCEEDED, text);
		return 0;
	}
	return rc;
}

int api_call_run(
	struct api_client *c, const struct api_call *call, struct api_call_end *out, struct err *e)
{
	CLEANUP(api_answer_free) struct api_answer answer = { 0 };
	CLEANUP(api_call_end_free) struct api_call_end end = { 0 };
	CLEANUP(buf_free) struct buf body = { 0 };
	CLEANUP(cleanup_free)
	char *path = str_fmt("/%s/%s", call->service->name, call->method->name);
	struct run run = { .call = call, .out = &end, .e = e };
	char timeout[API_CALL_TIMEOUT_TEXT];
	const struct api_line lines[] = {
		{ "te", "trailers" },
		{ "grpc-timeout", timeout },
	};
	struct api_request q = {
		.method = "POST",
		.path = path,
		.content_type = "application/grpc",
		.lines = lines,
		.lines_len = call->timeout_ms > 0 ? 2 : 1,
		.timeout_ms = call->timeout_ms,
		.on_data = on_data,
		.on_idle = call->on_idle ? on_idle : NULL,
		.arg = &run,
	};
	int rc;

	api_call_timeout_text(call->timeout_ms, timeout);
	write_frame(call->request, &body);
	q.body = body.data;
	q.body_len = body.len;
	rc = api_request(c, &q, &answer, e);
	rc = rc < 0 ? end_without_answer(&run, rc) : read_end(&run, &answer);
	buf_free(&run.bytes);
	if (rc < 0)
		return rc;
	*out = end;
	end = (struct api_call_end){ 0 };
	return 0;
}
