/* URLs as Kubernetes' prober builds and follows them, which is as Go's net/url reads and prints
 * them: pods were written against exactly that.  Pure, and for hostile text: redirects come from
 * the workload. User names in a URL are read over, never sent.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct url {
	char *scheme;   /* lower case; NULL: none */
	char *opaque;   /* what follows "scheme:" without a slash; NULL: none */
	char *host;     /* with its port and brackets, as for a Host header; NULL: none */
	char *path;     /* escaped, "" when there is none */
	char *query;    /* as given; NULL: none, "": a bare '?' */
	char *fragment; /* escaped; NULL: none */
};

void url_free(struct url *u); /* accepts the empty form; usable with CLEANUP */

/* Fails with -EINVAL and Go's reason ("missing protocol scheme"), without the text itself. */
int url_parse(const char *text, struct url *out, struct err *e);
/* http://host:port with what the manifest calls path.  A path that is no URL reference is escaped
 * as a whole, so this cannot fail. */
void url_for_probe(const char *host, int port, const char *path, struct url *out);
/* Where a Location of an answer from base leads. */
int url_resolve(const struct url *base, const char *ref, struct url *out, struct err *e);

char *url_text(const struct url *u);
void url_add_target(const struct url *u, struct buf *out); /* path and query, for a request line */
char *url_hostname(const struct url *u); /* without port and brackets; never NULL */
int url_port(const struct url *u);       /* 0: none is given; -1: not a port */

/* Appends text as Go's %q: in quotes, nothing in it can end a line or the quotes.  At most 256
 * bytes of it are shown. */
void url_quote(struct buf *out, const char *text, size_t len);
