#include "api/rest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/kube_status.h"
#include "api/pretty.h"
#include "base/cleanup.h"

static const char *const pod_fields[] = { "metadata.name", "metadata.namespace", "spec.nodeName",
	"spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
	"status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName", NULL };
static const char *const event_fields[] = { "involvedObject.kind", "involvedObject.namespace",
	"involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
	"involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
	"reportingComponent", "source", "type", "metadata.name", "metadata.namespace", NULL };

const struct resource rest_pods = {
	.kind = OBJECT_POD,
	.plural = "pods",
	.kind_name = "Pod",
	.fields = pod_fields,
	.empty_members = ",\"spec\":{\"containers\":null},\"status\":{}",
};
const struct resource rest_events = {
	.kind = OBJECT_EVENT,
	.plural = "events",
	.kind_name = "Event",
	.fields = event_fields,
	.empty_members = ",\"involvedObject\":{},\"source\":{},\"firstTimestamp\":null,"
			 "\"lastTimestamp\":null,\"eventTime\":null,\"reportingComponent\":\"\","
			 "\"reportingInstance\":\"\"",
};

struct route {
	const char *method;  /* "*": any */
	const char *pattern; /* ":ns", ":name" take one segment, "*" at the end takes the rest */
	const struct resource *resource;
	void (*handle)(struct rest_request *r);
};

#define ALL_PODS "api/v1/namespaces/:ns/pods"
#define ONE_POD ALL_PODS "/:name"
#define ALL_EVENTS "api/v1/namespaces/:ns/events"
#define ONE_EVENT ALL_EVENTS "/:name"

static const struct route routes[] = {
	{ "GET", "api/v1/pods", &rest_pods, list_get },               /* of all namespaces */
	{ "GET", ALL_PODS, &rest_pods, list_get },                    /* watch too */
	{ "POST", ALL_PODS, &rest_pods, pod_create },                 /* */
	{ "DELETE", ALL_PODS, &rest_pods, pod_delete_collection },    /* */
	{ "GET", ONE_POD, &rest_pods, object_get },                   /* */
	{ "PUT", ONE_POD, &rest_pods, pod_replace },                  /* */
	{ "PATCH", ONE_POD, &rest_pods, pod_patch },                  /* */
	{ "DELETE", ONE_POD, &rest_pods, pod_delete },                /* */
	{ "GET", ONE_POD "/status", &rest_pods, object_get },         /* carpeld alone writes it */
	{ "GET", ONE_POD "/resize", &rest_pods, object_get },         /* */
	{ "PUT", ONE_POD "/resize", &rest_pods, pod_resize_replace }, /* */
	{ "PATCH", ONE_POD "/resize", &rest_pods, pod_resize_patch }, /* */
	{ "GET", ONE_POD "/log", &rest_pods, log_get },               /* */
	{ "CONNECT", ONE_POD "/exec", &rest_pods, stream_exec },      /* RFC 8441 */
	{ "GET", ONE_POD "/exec", &rest_pods, stream_without_upgrade },    /* */
	{ "POST", ONE_POD "/exec", &rest_pods, stream_without_upgrade },   /* */
	{ "CONNECT", ONE_POD "/attach", &rest_pods, stream_attach },       /* */
	{ "GET", ONE_POD "/attach", &rest_pods, stream_without_upgrade },  /* */
	{ "POST", ONE_POD "/attach", &rest_pods, stream_without_upgrade }, /* */
	{ "GET", "api/v1/events", &rest_events, list_get },                /* */
	{ "GET", ALL_EVENTS, &rest_events, list_get },                     /* */
	{ "POST", ALL_EVENTS, &rest_events, event_create },                /* */
	{ "DELETE", ALL_EVENTS, &rest_events, event_delete_collection },   /* */
	{ "GET", ONE_EVENT, &rest_events, object_get },                    /* */
	{ "PUT", ONE_EVENT, &rest_events, event_replace },                 /* */
	{ "PATCH", ONE_EVENT, &rest_events, event_patch },                 /* */
	{ "DELETE", ONE_EVENT, &rest_events, event_delete },               /* */
	{ "GET", "healthz", NULL, carpel_health },                         /* */
	{ "GET", "livez", NULL, carpel_health },                           /* */
	{ "GET", "readyz", NULL, carpel_health },                          /* */
	{ "GET", "healthz/*", NULL, carpel_health },                       /* one check */
	{ "GET", "livez/*", NULL, carpel_health },                         /* */
	{ "GET", "readyz/*", NULL, carpel_health },                        /* */
	{ "GET", "version", NULL, carpel_version },                        /* */
	{ "*", "apis/carpel/v1/*", NULL, carpel_call }, /* what Kubernetes has no word for */
};

static bool take_rest(struct rest_request *r, size_t from)
{
	struct buf rest = { 0 };

	if (from >= r->path.len)
		return false;
	for (size_t i = from; i < r->path.len; i++)
		buf_addf(&rest, "%s%s", i > from ? "/" : "", r->path.at[i]);
	free(r->rest);
	r->rest = buf_take(&rest);
	return true;
}

static bool route_matches(const struct route *route, struct rest_request *r)
{
	const char *p = route->pattern;
	size_t i = 0;

	r->ns = r->name = NULL;
	for (; *p; i++) {
		size_t len = strcspn(p, "/");

		if (*p == '*')
			return take_rest(r, i);
		if (i >= r->path.len)
			return false;
		if (strncmp(p, ":ns", len) == 0)
			r->ns = r->path.at[i];
		else if (strncmp(p, ":name", len) == 0)
			r->name = r->path.at[i];
		else if (strlen(r->path.at[i]) != len || strncmp(p, r->path.at[i], len) != 0)
			return false;
		p += len;
		p += *p == '/';
	}
	return i == r->path.len;
}

static bool is_acceptable(const struct rest_request *r)
{
	const char *accept = h2_header(r->stream, H2_ACCEPT);
	/* Who wants protobuf gets JSON: the answer's content type decides for every client. */
	static const char *const fine[] = { "*/*", "application/*", "application/json",
		"application/vnd.kubernetes.protobuf" };

	for (size_t i = 0; accept && i < ARRAY_LEN(fine); i++) {
		if (strstr(accept, fine[i]))
			return true;
	}
	return !accept || !*accept || (r->path.len == 7 && strstr(accept, "text/plain"));
}

static void answer_unknown(const struct rest_request *r)
{
	if (r->path.len >= 2 && str_eq(r->path.at[0], "api") && str_eq(r->path.at[1], "v1"))
		kube_no_such_path(r);
	else
		rest_answer_plain(r, 404, "404 page not found\n");
}

static void route_request(struct rest_request *r)
{
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *route = &routes[i];

		if (!route_matches(route, r))
			continue;
		is_known = true;
		if (!str_eq(route->method, "*") && !str_eq(route->method, r->method))
			continue;
		r->resource = route->resource;
		if (r->resource && !is_acceptable(r))
			kube_fail(r, 406, "NotAcceptable", json_new_object(),
				"406: Not Acceptable\n\nAvailable representations: "
				"application/json");
		else
			route->handle(r);
		return;
	}
	if (is_known)
		kube_not_allowed(r);
	else
		answer_unknown(r);
}

static bool wants_pretty(const struct rest_request *r)
{
	const char *agent = h2_header(r->stream, H2_USER_AGENT);

	if (query_get(&r->query, "pretty"))
		return query_is_true(&r->query, "pretty");
	return agent && (str_starts(agent, "curl") || str_starts(agent, "Wget") ||
				str_starts(agent, "Mozilla/5.0"));
}

void rest_handle(struct api_server *api, const struct api_backend *b, struct h2_stream *s)
{
	const char *path = h2_header(s, H2_PATH), *method = h2_header(s, H2_METHOD);
	struct rest_request r = {
		.api = api,
		.backend = b,
		.stream = s,
		.method = method ? method : "",
	};
	int rc = query_split(path ? path : "", &r.path, &r.query);

	r.is_pretty = wants_pretty(&r);
	if (h2_refusal(s))
		kube_refuse(&r, h2_refusal(s));
	else if (h2_header(s, H2_IMPERSONATE))
		kube_fail(&r, 403, "Forbidden", NULL,
			"forbidden: impersonation is not available on this socket");
	else if (rc < 0)
		answer_unknown(&r);
	else
		route_request(&r);
	free(r.rest);
	strv_free(&r.path);
	query_free(&r.query);
}

/* ---- answers ---- */

void rest_answer_text(
	const struct rest_request *r, int code, struct buf *json, const struct strv *warnings)
{
	const struct h2_head head = {
		.status = code,
		.content_type = "application/json",
		.warnings = warnings,
	};
	CLEANUP(buf_free) struct buf text = { 0 };

	if (r->is_pretty) {
		struct pretty p = { 0 };

		pretty_add(&p, json->data, json->len, &text);
		buf_free(json);
	} else {
		text = *json;
		*json = (struct buf){ 0 };
	}
	buf_addc(&text, '\n');
	h2_answer(r->stream, &head, &text);
}

void rest_answer_json(const struct rest_request *r, int code, const struct json *answer,
	const struct strv *warnings)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	json_write(answer, JSON_COMPACT, &text);
	rest_answer_text(r, code, &text, warnings);
}

void rest_answer_object(
	const struct rest_request *r, int code, const struct object *o, const struct strv *warnings)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	object_write(o, &text);
	rest_answer_text(r, code, &text, warnings);
}

void rest_answer_plain(const struct rest_request *r, int code, const char *text)
{
	const struct h2_head head = { .status = code, .content_type = "text/plain; charset=utf-8" };
	CLEANUP(buf_free) struct buf body = { 0 };

	buf_adds(&body, text);
	h2_answer(r->stream, &head, &body);
}
