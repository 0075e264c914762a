/* The objects: in lists, newest first, and by their two names, since every request asks for one by
 * id, and no two may have the same name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "cri/state.h"

/* ---- tables ---- */

static size_t bucket(const char *text)
{
	return hash_text(HASH_START, text) % CRI_BUCKETS;
}

struct cri_sandbox *sandbox_new(struct cri *c, const char *id)
{
	struct cri_sandbox *s = mem_zalloc(sizeof(*s));

	s->cri = c;
	s->facts = c->engine->facts;
	memcpy(s->id, id, sizeof(s->id));
	return s;
}

void sandbox_link(struct cri_sandbox *s)
{
	struct cri *c = s->cri;
	struct cri_sandbox **id = &c->sandboxes_by_id[bucket(s->id)];
	struct cri_sandbox **name = &c->sandboxes_by_name[bucket(s->key)];

	s->next_by_id = *id;
	s->next_by_name = *name;
	*id = *name = s;
	s->next = c->sandboxes;
	s->link = &c->sandboxes;
	if (s->next)
		s->next->link = &s->next;
	c->sandboxes = s;
	c->sandboxes_len++;
}

void cri_each_users(const struct cri *c, void (*each)(void *arg, struct id_range r), void *arg)
{
	for (const struct cri_sandbox *s = c->sandboxes; s; s = s->next) {
		each(arg, s->spec->uids);
		each(arg, s->spec->gids);
	}
}

void sandbox_unlink_free(struct cri_sandbox *s)
{
	struct cri *c = s->cri;
	struct cri_sandbox **id = &c->sandboxes_by_id[bucket(s->id)];
	struct cri_sandbox **name = &c->sandboxes_by_name[bucket(s->key)];

	while (*id != s)
		id = &(*id)->next_by_id;
	while (*name != s)
		name = &(*name)->next_by_name;
	*id = s->next_by_id;
	*name = s->next_by_name;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	c->sandboxes_len--;
	sandbox_free(s);
}

void sandbox_free(struct cri_sandbox *s)
{
	loop_timer_stop(&s->end);
	if (s->box.engine)
		sandbox_close(&s->box);
	free(s->key);
	message_free(s->config);
	pod_spec_free(s->spec);
	free(s);
}

struct cri_container *container_new(struct cri_sandbox *s, const char *id)
{
	struct cri_container *c = mem_zalloc(sizeof(*c));

	c->cri = s->cri;
	c->sandbox = s;
	c->groups_len = -1;
	ctr_open(&c->ctr, &s->box, &cri_ctr_owner, NULL);
	memcpy(c->ctr.id, id, sizeof(c->ctr.id));
	return c;
}

void container_link(struct cri_container *c)
{
	struct cri *cri = c->cri;
	struct cri_container **id = &cri->containers_by_id[bucket(c->ctr.id)];
	struct cri_container **name = &cri->containers_by_name[bucket(c->key)];

	c->next_by_id = *id;
	c->next_by_name = *name;
	*id = *name = c;
	c->all_next = cri->containers;
	c->all_link = &cri->containers;
	if (c->all_next)
		c->all_next->all_link = &c->all_next;
	cri->containers = c;
	c->next = c->sandbox->containers;
	c->link = &c->sandbox->containers;
	if (c->next)
		c->next->link = &c->next;
	c->sandbox->containers = c;
	cri->containers_len++;
}

void container_unlink_free(struct cri_container *c)
{
	struct cri *cri = c->cri;
	struct cri_container **id = &cri->containers_by_id[bucket(c->ctr.id)];
	struct cri_container **name = &cri->containers_by_name[bucket(c->key)];

	while (*id != c)
		id = &(*id)->next_by_id;
	while (*name != c)
		name = &(*name)->next_by_name;
	*id = c->next_by_id;
	*name = c->next_by_name;
	*c->all_link = c->all_next;
	if (c->all_next)
		c->all_next->all_link = c->all_link;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	cri->containers_len--;
	container_free(c);
}

void container_free(struct cri_container *c)
{
	ctr_close(&c->ctr);
	loop_timer_stop(&c->kill_timer);
	usage_forget(c);
	free(c->key);
	message_free(c->config);
	message_free(c->resources);
	container_spec_free(c->spec);
	free(c->reason);
	free(c->message);
	free(c->groups);
	free(c);
}

/* ---- finding ---- */

struct cri_sandbox *sandbox_by_id(const struct cri *c, const char *id)
{
	struct cri_sandbox *s = c->sandboxes_by_id[bucket(id)];

	while (s && !str_eq(s->id, id))
		s = s->next_by_id;
	return s;
}

struct cri_container *container_by_id(const struct cri *c, const char *id)
{
	struct cri_container *i = c->containers_by_id[bucket(id)];

	while (i && !str_eq(i->ctr.id, id))
		i = i->next_by_id;
	return i;
}

static int ambiguous(const char *what, const char *id, struct err *e)
{
	return err_say(e, EINVAL, "%s id \"%s\" is the beginning of several ids", what, id);
}

static int unknown(const char *what, const char *id, struct err *e)
{
	return *id ? err_say(e, ENOENT, "%s \"%.80s\" not found", what, id)
		   : err_say(e, EINVAL, "%s id: Required value", what);
}

int sandbox_find(struct cri *c, const char *id, struct cri_sandbox **out, struct err *e)
{
	struct cri_sandbox *found = sandbox_by_id(c, id);
	bool is_exact = found != NULL;

	for (struct cri_sandbox *s = c->sandboxes; *id && !is_exact && s; s = s->next) {
		if (!str_starts(s->id, id))
			continue;
		if (found)
			return ambiguous("sandbox", id, e);
		found = s;
	}
	if (!found)
		return unknown("sandbox", id, e);
	*out = found;
	return 0;
}

int container_find(struct cri *c, const char *id, struct cri_container **out, struct err *e)
{
	struct cri_container *found = container_by_id(c, id);
	bool is_exact = found != NULL;

	for (struct cri_container *i = c->containers; *id && !is_exact && i; i = i->all_next) {
		if (!str_starts(i->ctr.id, id))
			continue;
		if (found)
			return ambiguous("container", id, e);
		found = i;
	}
	if (!found)
		return unknown("container", id, e);
	*out = found;
	return 0;
}

struct cri_sandbox *sandbox_by_key(const struct cri *c, const char *key)
{
	struct cri_sandbox *s = c->sandboxes_by_name[bucket(key)];

	while (s && !str_eq(s->key, key))
		s = s->next_by_name;
	return s;
}

struct cri_container *container_by_key(const struct cri *c, const char *key)
{
	struct cri_container *i = c->containers_by_name[bucket(key)];

	while (i && !str_eq(i->key, key))
		i = i->next_by_name;
	return i;
}

/* Names hold '_' in CRI: a separator that none of them can hold keeps two keys apart. */
char *sandbox_key(const Runtime__V1__PodSandboxMetadata *m)
{
	return str_fmt("%s/%s/%s/%" PRIu32, m->name, m->namespace_, m->uid, m->attempt);
}

char *container_key(
	const Runtime__V1__ContainerMetadata *m, const Runtime__V1__PodSandboxMetadata *sandbox)
{
	return str_fmt("%s/%s/%s/%s/%" PRIu32, m->name, sandbox->name, sandbox->namespace_,
		sandbox->uid, m->attempt);
}
