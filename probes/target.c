#include "probes/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probes/http.h"

/* Kubernetes discards an attempt whose port name is unknown, so that such a probe never fails; here
 * it is a failure with the same words. */
static int find_port(const struct probe_spec *p, const struct json *ports, struct err *e)
{
	int64_t port = p->port;

	if (p->port_name && json_i64(json_get(ports, p->port_name), 1, UINT16_MAX, &port) < 0)
		return err_say(e, ENOENT, "port \"%s\" not found", p->port_name);
	if (port < 1 || port > UINT16_MAX)
		return err_say(e, EINVAL, "invalid port number: %d", (int)port);
	return (int)port;
}

static int prepare(struct target *t, const char *pod_host, const struct json *ports, struct err *e)
{
	const struct probe_spec *p = &t->spec;
	const char *host = p->host && *p->host ? p->host : pod_host;
	int port;

	if (p->handler != PROBE_HTTP && p->handler != PROBE_TCP)
		return 0;
	port = find_port(p, ports, e);
	if (port < 0)
		return port;
	if (!host || !*host)
		return err_say(e, EINVAL, "the pod has no address");
	if (tcp_address(host, port, &t->address) < 0)
		return err_say(e, EINVAL,
			"host \"%.64s\" is not an IP address, and names are not resolved", host);
	if (p->handler == PROBE_TCP)
		return 0;
	url_for_probe(host, port, p->path ? p->path : "/", &t->url);
	if (t->url.opaque)
		return err_say(e, EINVAL, "http: no Host in request URL");
	return http_request_text(&(struct http_request){ .url = &t->url,
					 .headers = p->headers,
					 .headers_len = p->headers_len,
					 .has_own_host = true },
		&t->request, e);
}

struct target *target_new(struct probe_spec *spec, const char *pod_host, const struct json *ports)
{
	struct target *t = mem_zalloc(sizeof(*t));
	struct err e = { 0 };

	t->refs = 1;
	t->spec = *spec;
	*spec = (struct probe_spec){ 0 };
	if (prepare(t, pod_host, ports, &e) < 0) {
		struct buf text = { 0 };

		if (t->url.host) { /* it came as far as a request */
			CLEANUP(cleanup_free) char *url = url_text(&t->url);

			buf_adds(&text, "Get ");
			url_quote(&text, url, strlen(url));
			buf_adds(&text, ": ");
		}
		buf_adds(&text, e.text);
		t->problem = buf_take(&text);
	}
	return t;
}

struct target *target_hold(struct target *t)
{
	t->refs++;
	return t;
}

void target_drop(struct target *t)
{
	if (!t || --t->refs)
		return;
	probe_spec_free(&t->spec);
	url_free(&t->url);
	buf_free(&t->request);
	free(t->problem);
	free(t);
}
