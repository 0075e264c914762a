#include "api/list_token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/json.h"

void list_token_write(const struct list_token *t, struct buf *out)
{
	CLEANUP(cleanup_free) char *json = NULL;

	/* Names of stored objects need no escapes. */
	json = str_fmt("{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRIi64 ",\"start\":\"%s/%s\"}", t->rv,
		t->ns, t->name);
	base64_write_url(json, strlen(json), out);
}

int list_token_read(const char *text, struct list_token *out, struct err *e)
{
	CLEANUP(buf_free) struct buf plain = { 0 };
	CLEANUP(cleanup_json) struct json *json = NULL;
	const char *start, *slash;
	int64_t rv = 0;

	if (base64_read(text, strlen(text), &plain) < 0)
		return err_say(e, EINVAL, "illegal base64 data");
	if (json_parse(plain.data ? plain.data : "", plain.len, NULL, &json, e) < 0)
		return -EINVAL;
	start = json_get_str(json, "start");
	slash = start ? strchr(start, '/') : NULL;
	if (!str_eq(json_get_str(json, "v"), "meta.k8s.io/v1") || !slash ||
		json_i64(json_get(json, "rv"), -1, INT64_MAX, &rv) < 0)
		return err_say(e, EINVAL, "the token is not one of this server");
	out->rv = rv;
	out->ns = str_ndup(start, (size_t)(slash - start));
	out->name = str_dup(slash + 1);
	return 0;
}

void list_token_free(struct list_token *t)
{
	free(t->ns);
	free(t->name);
	*t = (struct list_token){ 0 };
}
