/* CDI's files and lists of devices on hostile text: what is taken is sound, so that a plan may hold
 * it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "spec/cdi.h"
#include "spec/devices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_edits(const struct cdi_edits *x)
{
	for (size_t i = 0; i < x->env.len; i++)
		must(strchr(x->env.at[i], '=') && x->env.at[i][0] != '=');
	for (size_t i = 0; i < x->nodes_len; i++) {
		const struct cdi_node *n = &x->nodes[i];

		must(devices_is_path(n->path) && n->access && n->access <= 7);
		must(n->host_path ? devices_is_path(n->host_path) : n->type != 0);
		must(n->mode <= 07777 && n->major >= 0 && n->minor >= 0);
	}
	for (size_t i = 0; i < x->mounts_len; i++)
		must(devices_is_path(x->mounts[i].host_path) &&
			devices_is_path(x->mounts[i].container_path));
	for (size_t i = 0; i < x->hooks_len; i++) {
		const struct cdi_hook *h = &x->hooks[i];

		must((h->kind || x->refused) && devices_is_path(h->path));
		must(h->timeout_s >= 0 && h->timeout_s <= 24 * 3600);
		for (size_t k = 0; k < h->env.len; k++)
			must(strchr(h->env.at[k], '=') && h->env.at[k][0] != '=');
	}
}

static void check_spec(const struct json *doc)
{
	CLEANUP(cdi_spec_free) struct cdi_spec s = { 0 };
	struct err e;

	if (cdi_parse(doc, &s, &e) < 0)
		return;
	must(cdi_is_kind(s.kind) && s.devices_len > 0);
	check_edits(&s.edits);
	for (size_t i = 0; i < s.devices_len; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("%s=%s", s.kind, s.devices[i].name);

		must(cdi_is_name(name) && cdi_find(&s, name) == &s.devices[i]);
		check_edits(&s.devices[i].edits);
	}
}

static void check_list(const char *text)
{
	CLEANUP(devices_asked_free) struct devices_asked d = { 0 };
	CLEANUP(cleanup_free) char *entry = NULL;

	if (devices_read_list(text, &d, &entry))
		must(entry != NULL);
	must(d.len + d.cdi.len <= DEVICES_ASKED_MAX);
	for (size_t i = 0; i < d.len; i++)
		must(devices_is_path(d.at[i].host_path) && devices_is_path(d.at[i].path) &&
			d.at[i].access);
	for (size_t i = 0; i < d.cdi.len; i++)
		must(cdi_is_name(d.cdi.at[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	CLEANUP(cleanup_free) char *text = str_ndup((const char *)data, size);
	struct err e;

	check_list(text);
	if (yaml_parse((const char *)data, size, &docs, &e) < 0)
		return 0;
	for (size_t i = 0; i < docs.len; i++)
		check_spec(docs.at[i].value);
	return 0;
}
