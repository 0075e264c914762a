/* The set of pods: in a list, and by their two names, since every request, probe result and exit
 * asks for one of them.
 */
#include "base/hash.h"
#include "base/str.h"
#include "daemon/daemon.h"

static struct pod **name_bucket(struct daemon *d, const char *ns, const char *name)
{
	return &d->by_name[hash_text(hash_text(HASH_START, ns), name) % POD_BUCKETS];
}

static struct pod **uid_bucket(struct daemon *d, const char *uid)
{
	return &d->by_uid[hash_text(HASH_START, uid) % POD_BUCKETS];
}

struct pod *pod_find(struct daemon *d, const char *ns, const char *name)
{
	struct pod *p = *name_bucket(d, ns, name);

	while (p && !(str_eq(p->spec->name, name) && str_eq(p->spec->namespace, ns)))
		p = p->next_by_name;
	return p;
}

struct pod *pod_find_uid(struct daemon *d, const char *uid)
{
	struct pod *p = *uid_bucket(d, uid);

	while (p && !str_eq(p->spec->uid, uid))
		p = p->next_by_uid;
	return p;
}

void pod_link(struct pod *p)
{
	struct daemon *d = p->d;
	struct pod **name = name_bucket(d, p->spec->namespace, p->spec->name);
	struct pod **uid = uid_bucket(d, p->spec->uid);

	p->next_by_name = *name;
	p->next_by_uid = *uid;
	*name = *uid = p;
	p->next = d->pods;
	p->link = &d->pods;
	if (p->next)
		p->next->link = &p->next;
	d->pods = p;
	d->pods_len++;
}

void pod_unlink(struct pod *p)
{
	struct daemon *d = p->d;
	struct pod **name = name_bucket(d, p->spec->namespace, p->spec->name);
	struct pod **uid = uid_bucket(d, p->spec->uid);

	while (*name != p)
		name = &(*name)->next_by_name;
	while (*uid != p)
		uid = &(*uid)->next_by_uid;
	*name = p->next_by_name;
	*uid = p->next_by_uid;
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	d->pods_len--;
}
