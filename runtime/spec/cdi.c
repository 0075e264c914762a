/* Names of CDI, and the release of what was read. */
#include "spec/cdi.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool has_end(const char *text, size_t len, const char *allowed)
{
	return strchr(allowed, text[0]) && strchr(allowed, text[len - 1]);
}

static bool is_made_of(const char *text, size_t len, const char *allowed)
{
	return len > 0 && len <= CDI_NAME_MAX && strspn(text, allowed) >= len;
}

static bool is_kind(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	size_t vendor = slash ? (size_t)(slash - text) : 0, class = slash ? len - vendor - 1 : 0;

	return slash && is_made_of(text, vendor, LETTERS DIGITS "_-.") &&
	       has_end(text, vendor, LETTERS DIGITS) && strchr(LETTERS, text[0]) &&
	       is_made_of(slash + 1, class, LETTERS DIGITS "_-.") &&
	       has_end(slash + 1, class, LETTERS DIGITS) && strchr(LETTERS, slash[1]);
}

bool cdi_is_kind(const char *text)
{
	return is_kind(text, strlen(text));
}

bool cdi_is_device(const char *text)
{
	size_t len = strlen(text);

	return is_made_of(text, len, LETTERS DIGITS "_-.:") && has_end(text, len, LETTERS DIGITS);
}

bool cdi_is_name(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && is_kind(text, (size_t)(equals - text)) && cdi_is_device(equals + 1);
}

const struct cdi_device *cdi_find(const struct cdi_spec *s, const char *qualified)
{
	size_t len = strlen(s->kind);

	if (strncmp(qualified, s->kind, len) != 0 || qualified[len] != '=')
		return NULL;
	for (size_t i = 0; i < s->devices_len; i++)
		if (str_eq(s->devices[i].name, qualified + len + 1))
			return &s->devices[i];
	return NULL;
}

void cdi_edits_free(struct cdi_edits *x)
{
	for (size_t i = 0; i < x->nodes_len; i++) {
		free(x->nodes[i].path);
		free(x->nodes[i].host_path);
	}
	for (size_t i = 0; i < x->mounts_len; i++) {
		free(x->mounts[i].host_path);
		free(x->mounts[i].container_path);
	}
	for (size_t i = 0; i < x->hooks_len; i++) {
		free(x->hooks[i].path);
		strv_free(&x->hooks[i].args);
		strv_free(&x->hooks[i].env);
	}
	strv_free(&x->env);
	free(x->hooks);
	free(x->nodes);
	free(x->mounts);
	free(x->gids);
	free(x->refused);
	*x = (struct cdi_edits){ 0 };
}

void cdi_spec_free(struct cdi_spec *s)
{
	for (size_t i = 0; i < s->devices_len; i++) {
		free(s->devices[i].name);
		cdi_edits_free(&s->devices[i].edits);
	}
	free(s->kind);
	free(s->devices);
	cdi_edits_free(&s->edits);
	*s = (struct cdi_spec){ 0 };
}
