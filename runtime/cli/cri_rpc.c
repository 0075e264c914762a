#include "cli/cri_rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "spec/cri.pb-c.h"

static const ProtobufCServiceDescriptor *const services[] = {
	&runtime__v1__runtime_service__descriptor,
	&runtime__v1__image_service__descriptor,
};

int cri_rpc_at(size_t i, struct cri_rpc *out)
{
	for (size_t s = 0; s < ARRAY_LEN(services); s++) {
		if (i < services[s]->n_methods) {
			*out = (struct cri_rpc){ services[s], &services[s]->methods[i] };
			return 0;
		}
		i -= services[s]->n_methods;
	}
	return -ENOENT;
}

/* Is it the service's name, with or without its package? */
static bool is_service(const ProtobufCServiceDescriptor *s, const char *name, size_t len)
{
	return (strlen(s->name) == len && memcmp(s->name, name, len) == 0) ||
	       (strlen(s->short_name) == len && memcmp(s->short_name, name, len) == 0);
}

int cri_rpc_find(const char *name, struct cri_rpc *out, struct err *e)
{
	const char *start = *name == '/' ? name + 1 : name;
	const char *slash = strchr(start, '/');
	const char *method = slash ? slash + 1 : start;
	const char *near = NULL;
	struct cri_rpc rpc;

	for (size_t i = 0; cri_rpc_at(i, &rpc) == 0; i++) {
		if (slash && !is_service(rpc.service, start, (size_t)(slash - start)))
			continue;
		if (strcmp(rpc.method->name, method) == 0) {
			*out = rpc;
			return 0;
		}
		if (strcasecmp(rpc.method->name, method) == 0)
			near = rpc.method->name;
	}
	if (near)
		return err_say(e, ENOENT, "CRI has no call \"%.80s\": do you mean %s?", name, near);
	return err_say(e, ENOENT, "CRI has no call \"%.80s\": `carpel cri call` lists them", name);
}
