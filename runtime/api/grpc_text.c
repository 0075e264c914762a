#include "api/grpc_text.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

int grpc_timeout_parse(const char *text, int64_t *out_ms, struct err *e)
{
	enum { DIGITS_MAX = 8 };
	static const struct {
		char unit;
		int64_t mul, div; /* to milliseconds */
	} units[] = {
		{ 'H', 3600 * 1000, 1 }, /* */
		{ 'M', 60 * 1000, 1 },   /* */
		{ 'S', 1000, 1 },        /* */
		{ 'm', 1, 1 },           /* */
		{ 'u', 1, 1000 },        /* */
		{ 'n', 1, 1000 * 1000 }, /* */
	};
	size_t digits = strspn(text, "0123456789");
	int64_t n = 0;

	if (digits == 0 || digits > DIGITS_MAX || strlen(text) != digits + 1)
		return err_say(e, EINVAL,
			"malformed grpc-timeout \"%.40s\": 1 to 8 digits and a unit are needed",
			text);
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (text[i] - '0');
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit != text[digits])
			continue;
		*out_ms = (n * units[i].mul + units[i].div - 1) / units[i].div;
		return 0;
	}
	return err_say(
		e, EINVAL, "malformed grpc-timeout \"%.40s\": the unit is none of HMSmun", text);
}

static void escape_char(struct buf *out, const char *bytes, size_t len)
{
	if (len == 1 && bytes[0] >= ' ' && bytes[0] <= '~' && bytes[0] != '%') {
		buf_addc(out, bytes[0]);
		return;
	}
	for (size_t i = 0; i < len; i++)
		buf_addf(out, "%%%02X", (unsigned char)bytes[i]);
}

char *grpc_escape(const char *message)
{
	static const char replacement[] = "\xef\xbf\xbd";
	enum { CHAR_MAX_ESCAPED = 4 * 3 };
	size_t left = strlen(message);
	struct buf out = { 0 };

	while (left > 0 && out.len <= GRPC_TEXT_MAX - CHAR_MAX_ESCAPED) {
		size_t n = str_utf8_char(message, left);

		escape_char(&out, n ? message : replacement, n ? n : 3);
		message += n ? n : 1;
		left -= n ? n : 1;
	}
	return buf_take(&out);
}

enum grpc_code grpc_code_of_errno(int rc)
{
	switch (rc < 0 ? -rc : rc) {
	case ENOENT:
		return GRPC_NOT_FOUND;
	case EEXIST:
		return GRPC_ALREADY_EXISTS;
	case EINVAL:
	case ERANGE:
	case EDOM:
		return GRPC_INVALID_ARGUMENT;
	case EOPNOTSUPP:
		return GRPC_UNIMPLEMENTED;
	case ENOSPC:
	case EDQUOT:
	case E2BIG:
		return GRPC_RESOURCE_EXHAUSTED;
	case EBUSY:
	case ENOTCONN:
	case ESRCH:
		return GRPC_FAILED_PRECONDITION;
	case ETIMEDOUT:
		return GRPC_DEADLINE_EXCEEDED;
	case ECANCELED:
		return GRPC_CANCELLED;
	case EAGAIN:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

const char *grpc_type_suffix(const char *content_type)
{
	static const char type[] = "application/grpc";
	const char *rest;

	if (!content_type || strncmp(content_type, type, sizeof(type) - 1) != 0)
		return NULL;
	rest = content_type + sizeof(type) - 1;
	return *rest == '\0' || *rest == '+' || *rest == ';' ? rest : NULL;
}
