/* Devices that a container asks for beside those that everybody has: by the host's path, or by the
 * name that CDI has for them.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum { DEVICES_ASKED_MAX = 256 };

struct device_spec {
	char *host_path, *path; /* on the host: a device or a directory of devices; inside */
	unsigned access;        /* of enum plan's */
};

struct devices_asked {
	struct device_spec *at;
	size_t len;
	struct strv cdi; /* "vendor.com/class=name", each once */
};

void devices_asked_free(struct devices_asked *d);
void devices_ask_cdi(struct devices_asked *d, const char *name);
/* "/HOST[:/CONTAINER][:ACCESS]" or a name of CDI, separated by commas.  NULL, or what is wrong with
 * the entry in *out_entry (owned). */
const char *devices_read_list(const char *text, struct devices_asked *out, char **out_entry);

/* Letters of r, w and m in any order, each once. */
bool devices_read_access(const char *text, unsigned *out);
/* Absolute, no "..", at most 4095 bytes, no control characters. */
bool devices_is_path(const char *text);
