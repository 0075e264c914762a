/* The texts of the gRPC protocol: timeouts, messages in headers, codes for errno.  Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/grpc.h"

enum { GRPC_TEXT_MAX = 4096 }; /* of an escaped message: clients bound the head that holds it */

/* "1H", "250m": 1 to 8 digits and one of HMSmun; parts of a millisecond count as one.  -EINVAL. */
int grpc_timeout_parse(const char *text, int64_t *out_ms, struct err *e);
/* Percent-encoded and cut at a whole character; what is no UTF-8 becomes U+FFFD.  The caller's. */
char *grpc_escape(const char *message);
enum grpc_code grpc_code_of_errno(int rc);
/* What stands behind "application/grpc" in a content type: "", "+json", …; NULL: no such type. */
const char *grpc_type_suffix(const char *content_type);
