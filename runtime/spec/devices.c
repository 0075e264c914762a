#include "spec/devices.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cdi.h"
#include "spec/plan.h"

enum { PATH_LEN_MAX = 4095 };

void devices_asked_free(struct devices_asked *d)
{
	for (size_t i = 0; i < d->len; i++) {
		free(d->at[i].host_path);
		free(d->at[i].path);
	}
	free(d->at);
	strv_free(&d->cdi);
	*d = (struct devices_asked){ 0 };
}

void devices_ask_cdi(struct devices_asked *d, const char *name)
{
	if (!strv_has(&d->cdi, name))
		strv_add(&d->cdi, name);
}

bool devices_read_access(const char *text, unsigned *out)
{
	unsigned access = 0;

	for (; *text; text++) {
		unsigned bit = *text == 'r'   ? PLAN_READ
			       : *text == 'w' ? PLAN_WRITE
			       : *text == 'm' ? PLAN_MKNOD
					      : 0;

		if (!bit || (access & bit))
			return false;
		access |= bit;
	}
	*out = access;
	return access != 0;
}

static bool has_back_step(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (at[3] == '/' || !at[3])
			return true;
	return false;
}

bool devices_is_path(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return text[0] == '/' && strlen(text) <= PATH_LEN_MAX && !has_back_step(text);
}

/* "/HOST[:/CONTAINER][:ACCESS]" */
static const char *read_path(char *entry, struct devices_asked *out)
{
	char *second = strchr(entry, ':'), *third = NULL;
	struct device_spec d = { .access = PLAN_READ | PLAN_WRITE | PLAN_MKNOD };

	if (second) {
		*second++ = '\0';
		third = *second == '/' ? strchr(second, ':') : second;
		if (third == second)
			second = NULL;
		else if (third)
			*third++ = '\0';
	}
	if (!devices_is_path(entry) || (second && !devices_is_path(second)))
		return "a path must be absolute and without \"..\"";
	if (third && !devices_read_access(third, &d.access))
		return "the access must be some of r, w and m";
	d.host_path = str_dup(entry);
	d.path = str_dup(second ? second : entry);
	out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
	out->at[out->len++] = d;
	return NULL;
}

static const char *read_entry(char *entry, struct devices_asked *out)
{
	if (out->len + out->cdi.len >= DEVICES_ASKED_MAX)
		return "there are more than 256 devices";
	if (*entry == '/')
		return read_path(entry, out);
	if (!cdi_is_name(entry))
		return "must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME";
	devices_ask_cdi(out, entry);
	return NULL;
}

const char *devices_read_list(const char *text, struct devices_asked *out, char **out_entry)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		CLEANUP(cleanup_free) char *entry = str_ndup(text, len);
		CLEANUP(cleanup_free) char *shown = str_ndup(text, len);
		const char *why = read_entry(entry, out);

		if (why) {
			*out_entry = TAKE(shown);
			return why;
		}
		if (!text[len])
			return NULL;
		text += len + 1;
	}
}
