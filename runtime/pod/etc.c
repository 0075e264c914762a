#include "pod/etc.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { NAMESERVERS_MAX = 3, SEARCHES_MAX = 32, SEARCH_CHARS_MAX = 2048, SEARCH_LEN_MAX = 253 };

void etc_hosts(
	const struct pod_spec *pod, const char *node_hosts, const char *pod_ip, struct buf *out)
{
	if (pod->host_network) {
		buf_adds(out, "# Kubernetes-managed hosts file (host network).\n");
		buf_adds(out, node_hosts);
	} else {
		buf_adds(out, "# Kubernetes-managed hosts file.\n"
			      "127.0.0.1\tlocalhost\n"
			      "::1\tlocalhost ip6-localhost ip6-loopback\n"
			      "fe00::0\tip6-localnet\n"
			      "fe00::0\tip6-mcastprefix\n"
			      "fe00::1\tip6-allnodes\n"
			      "fe00::2\tip6-allrouters\n");
		/* Without an address the host name still has to resolve, as everybody's own name
		 * does. */
		buf_addf(out, "%s\t%s\n", pod_ip ? pod_ip : "127.0.0.1", pod->hostname);
	}
	if (pod->aliases_len)
		buf_adds(out, "\n# Entries added by HostAliases.\n");
	for (size_t i = 0; i < pod->aliases_len; i++) {
		buf_adds(out, pod->aliases[i].ip);
		for (size_t j = 0; j < pod->aliases[i].names.len; j++)
			buf_addf(out, "\t%s", pod->aliases[i].names.at[j]);
		buf_addc(out, '\n');
	}
}

void etc_hostname(const char *hostname, struct buf *out)
{
	buf_addf(out, "%s\n", hostname);
}

static void add_once(struct strv *v, const char *text)
{
	if (!strv_has(v, text))
		strv_add(v, text);
}

static void replace_all(struct strv *v, char *words)
{
	char *save = NULL;

	strv_free(v);
	for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		size_t len = strlen(w);

		if (len > 1 && w[len - 1] == '.')
			w[len - 1] = '\0';
		if (!str_eq(w, "."))
			add_once(v, w);
	}
}

/* nameserver lines add up, the last search line wins, options are gathered. */
static void read_node(const char *text, struct dns_spec *out)
{
	CLEANUP(cleanup_free) char *copy = str_dup(text);
	char *lines = NULL, *words = NULL;

	for (char *line = strtok_r(copy, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *key = strtok_r(line, " \t", &words);

		if (!key || *key == '#' || *key == ';')
			continue;
		if (str_eq(key, "nameserver")) {
			char *server = strtok_r(NULL, " \t", &words);

			if (server)
				add_once(&out->nameservers, server);
		} else if (str_eq(key, "search") || str_eq(key, "domain")) {
			replace_all(&out->searches, words);
		} else if (str_eq(key, "options")) {
			for (char *w = strtok_r(NULL, " \t", &words); w;
				w = strtok_r(NULL, " \t", &words))
				add_once(&out->options, w);
		}
	}
}

/* An option of the pod replaces the node's of the same name. */
static void set_option(struct strv *options, const char *option)
{
	size_t name = strcspn(option, ":");

	for (size_t i = 0; i < options->len; i++) {
		if (strncmp(options->at[i], option, name) == 0 &&
			strcspn(options->at[i], ":") == name) {
			free(options->at[i]);
			options->at[i] = str_dup(option);
			return;
		}
	}
	strv_add(options, option);
}

static void join(const struct strv *v, size_t max, struct buf *out)
{
	for (size_t i = 0; i < v->len && i < max; i++)
		buf_addf(out, "%s%s", i ? " " : "", v->at[i]);
}

static size_t searches_that_fit(const struct strv *v)
{
	size_t chars = 0, n = 0;

	for (; n < v->len && n < SEARCHES_MAX; n++) {
		chars += strlen(v->at[n]) + (n > 0);
		if (chars > SEARCH_CHARS_MAX || strlen(v->at[n]) > SEARCH_LEN_MAX)
			break;
	}
	return n;
}

static void write_resolv(const struct dns_spec *d, struct buf *out, char **warning)
{
	CLEANUP(buf_free) struct buf line = { 0 };
	size_t searches = searches_that_fit(&d->searches);

	*warning = NULL;
	if (searches) {
		buf_adds(out, "search ");
		join(&d->searches, searches, out);
		buf_addc(out, '\n');
	}
	for (size_t i = 0; i < d->nameservers.len && i < NAMESERVERS_MAX; i++)
		buf_addf(out, "nameserver %s\n", d->nameservers.at[i]);
	if (d->options.len) {
		buf_adds(out, "options ");
		join(&d->options, d->options.len, out);
		buf_addc(out, '\n');
	}
	if (d->nameservers.len > NAMESERVERS_MAX) {
		join(&d->nameservers, NAMESERVERS_MAX, &line);
		*warning = str_fmt("Nameserver limits were exceeded, some nameservers have been "
				   "omitted, the applied nameserver line is: %s",
			line.data);
	} else if (searches < d->searches.len) {
		join(&d->searches, searches, &line);
		*warning = str_fmt("Search Line limits were exceeded, some search paths have been "
				   "omitted, the applied search line is: %s",
			line.data ? line.data : "");
	}
}

void etc_resolv_conf(
	const struct pod_spec *pod, const char *node_resolv, struct buf *out, char **warning)
{
	struct dns_spec all = { .policy = pod->dns.policy };

	/* There is no cluster DNS on one node, so ClusterFirst is Default, as the kubelet falls
	 * back too. */
	if (pod->dns.policy != DNS_NONE)
		read_node(node_resolv, &all);
	for (size_t i = 0; i < pod->dns.nameservers.len; i++)
		add_once(&all.nameservers, pod->dns.nameservers.at[i]);
	for (size_t i = 0; i < pod->dns.searches.len; i++)
		add_once(&all.searches, pod->dns.searches.at[i]);
	for (size_t i = 0; i < pod->dns.options.len; i++)
		set_option(&all.options, pod->dns.options.at[i]);
	write_resolv(&all, out, warning);
	strv_free(&all.nameservers);
	strv_free(&all.searches);
	strv_free(&all.options);
}
