#include "pod/etc.h"

#include <stdlib.h>
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

static void join(const struct strv *v, struct buf *out)
{
	for (size_t i = 0; i < v->len; i++)
		buf_addf(out, "%s%s", i ? " " : "", v->at[i]);
}

/* The first 32 but for those that no resolver can use, as many as fit on the line.  The entries are
 * d's. */
static struct strv searches_that_fit(const struct dns_spec *d)
{
	struct strv fit = { .at = mem_zalloc(SEARCHES_MAX * sizeof(char *)) };
	size_t chars = 0;

	for (size_t i = 0; i < d->searches.len && i < SEARCHES_MAX; i++) {
		size_t len = strlen(d->searches.at[i]);

		if (len > SEARCH_LEN_MAX)
			continue;
		chars += len + (fit.len > 0);
		if (chars > SEARCH_CHARS_MAX)
			break;
		fit.at[fit.len++] = d->searches.at[i];
	}
	return fit;
}

static void write_line(const char *key, const struct strv *v, struct buf *out)
{
	if (!v->len)
		return;
	buf_addf(out, "%s ", key);
	join(v, out);
	buf_addc(out, '\n');
}

static char *cut_warning(
	const char *what, const char *of, const char *line, const struct strv *kept)
{
	CLEANUP(buf_free) struct buf applied = { 0 };

	join(kept, &applied);
	return str_fmt("%s limits were exceeded, some %s have been omitted, the applied %s line "
		       "is: %s",
		what, of, line, applied.data ? applied.data : "");
}

static void write_lines(const struct dns_spec *d, const struct strv *servers,
	const struct strv *searches, struct buf *out)
{
	write_line("search", searches, out);
	for (size_t i = 0; i < servers->len; i++)
		buf_addf(out, "nameserver %s\n", servers->at[i]);
	write_line("options", &d->options, out);
}

static void write_resolv(const struct dns_spec *d, struct buf *out, char **warning)
{
	const struct strv searches = searches_that_fit(d);
	const struct strv servers = { .at = d->nameservers.at,
		.len = d->nameservers.len < NAMESERVERS_MAX ? d->nameservers.len
							    : NAMESERVERS_MAX };

	write_lines(d, &servers, &searches, out);
	*warning = NULL;
	if (servers.len < d->nameservers.len)
		*warning = cut_warning("Nameserver", "nameservers", "nameserver", &servers);
	else if (searches.len < d->searches.len)
		*warning = cut_warning("Search Line", "search paths", "search", &searches);
	free(searches.at);
}

void etc_resolv_conf(
	const struct pod_spec *pod, const char *node_resolv, struct buf *out, char **warning)
{
	struct dns_spec all = { .policy = pod->dns.policy };

	if (pod->dns.policy == DNS_LITERAL) {
		write_lines(&pod->dns, &pod->dns.nameservers, &pod->dns.searches, out);
		*warning = NULL;
		return;
	}
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
