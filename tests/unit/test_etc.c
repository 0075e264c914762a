/* The texts of /etc/hosts, /etc/hostname and /etc/resolv.conf, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/etc.h"

static char hostname[] = "web-0";

static void expect_hosts(const struct pod_spec *pod, const char *ip, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	etc_hosts(pod, "127.0.0.1 localhost\n192.0.2.7 node1\n", ip, &out);
	assert_string_equal(out.data, want);
}

#define OWN_HOSTS                                                                                  \
	"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"                                 \
	"::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"                       \
	"fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
#define ALIASES "\n# Entries added by HostAliases.\n10.1.1.1\tfoo.local\tbar.local\n10.1.1.2\tbaz\n"

static void test_hosts(void **state)
{
	char ip1[] = "10.1.1.1", ip2[] = "10.1.1.2", foo[] = "foo.local", bar[] = "bar.local";
	char baz[] = "baz", *first[] = { foo, bar }, *second[] = { baz };
	struct host_alias aliases[] = { { ip1, { first, 2 } }, { ip2, { second, 1 } } };
	struct pod_spec pod = { .hostname = hostname };

	(void)state;
	expect_hosts(&pod, "10.0.0.2", OWN_HOSTS "10.0.0.2\tweb-0\n");
	expect_hosts(&pod, NULL, OWN_HOSTS "127.0.0.1\tweb-0\n");
	pod.aliases = aliases;
	pod.aliases_len = 2;
	expect_hosts(&pod, "10.0.0.2", OWN_HOSTS "10.0.0.2\tweb-0\n" ALIASES);
	pod.host_network = true;
	expect_hosts(&pod, "192.0.2.7",
		"# Kubernetes-managed hosts file (host network).\n"
		"127.0.0.1 localhost\n192.0.2.7 node1\n" ALIASES);
}

static void test_hostname(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	etc_hostname("web-0", &out);
	assert_string_equal(out.data, "web-0\n");
}

static struct strv list(char **at, size_t len)
{
	return (struct strv){ .at = at, .len = len };
}

/* The file's text; the warning, if any, behind "! ". */
static void expect_resolv(const struct pod_spec *pod, const char *node, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	CLEANUP(cleanup_free) char *warning = NULL;

	etc_resolv_conf(pod, node, &out, &warning);
	if (warning)
		buf_addf(&out, "! %s\n", warning);
	assert_string_equal(out.data ? out.data : "", want);
}

static const char node[] = "# made by hand\n; really\n\nnameserver 192.0.2.53\n"
			   "search old.example\nnameserver\t192.0.2.54\n"
			   "nameserver 192.0.2.53\noptions timeout:2 rotate\n"
			   "search  a.example.\tb.example . a.example\noptions rotate ndots:1\n"
			   "sortlist 10.0.0.0\n";

static void test_node_resolv(void **state)
{
	struct pod_spec pod = { .dns.policy = DNS_DEFAULT };

	(void)state;
	expect_resolv(&pod, node,
		"search a.example b.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n"
		"options timeout:2 rotate ndots:1\n");
	pod.dns.policy = DNS_CLUSTER_FIRST; /* without a cluster it is the node's */
	expect_resolv(&pod, "nameserver 192.0.2.53", "nameserver 192.0.2.53\n");
	expect_resolv(&pod, "", "");
	expect_resolv(&pod, "search\nnameserver\noptions\n", "");
	expect_resolv(&pod, "search a\nsearch\n", ""); /* the last line wins, an empty one too */
}

static void test_pod_resolv(void **state)
{
	char s1[] = "192.0.2.54", s2[] = "10.0.0.53", d1[] = "b.example", d2[] = "c.example";
	char o1[] = "ndots:5", o2[] = "edns0", o3[] = "timeout:2", *servers[] = { s1, s2 };
	char *searches[] = { d1, d2 }, *options[] = { o1, o2, o3 };
	struct pod_spec pod = { .dns = { .policy = DNS_DEFAULT,
					.nameservers = list(servers, 2),
					.searches = list(searches, 2),
					.options = list(options, 3) } };

	(void)state;
	/* Added to the node's, once each; an option of the same name is replaced. */
	expect_resolv(&pod, node,
		"search a.example b.example c.example\nnameserver 192.0.2.53\n"
		"nameserver 192.0.2.54\nnameserver 10.0.0.53\n"
		"options timeout:2 rotate ndots:5 edns0\n");
	pod.dns.policy = DNS_NONE;
	expect_resolv(&pod, node,
		"search b.example c.example\nnameserver 192.0.2.54\nnameserver 10.0.0.53\n"
		"options ndots:5 edns0 timeout:2\n");
}

static void test_nameserver_limit(void **state)
{
	const struct pod_spec pod = { .dns.policy = DNS_DEFAULT };

	(void)state;
	expect_resolv(&pod, "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n",
		"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n");
	expect_resolv(&pod,
		"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
		"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"
		"! Nameserver limits were exceeded, some nameservers have been omitted, the "
		"applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3\n");
}

/* A resolv.conf with n searches of len characters each. */
static char *searches_of(int n, int len)
{
	struct buf out = { 0 };

	buf_adds(&out, "search");
	for (int i = 0; i < n; i++)
		buf_addf(&out, " %0*d", len, i);
	buf_addc(&out, '\n');
	return buf_take(&out);
}

static size_t searches_kept(const char *text, bool *out_is_cut)
{
	const struct pod_spec pod = { .dns.policy = DNS_DEFAULT };
	CLEANUP(buf_free) struct buf out = { 0 };
	CLEANUP(cleanup_free) char *warning = NULL;
	size_t n = 0;

	etc_resolv_conf(&pod, text, &out, &warning);
	for (const char *p = out.data; p && (p = strchr(p, ' ')); p++)
		n++;
	*out_is_cut = warning && str_starts(warning, "Search Line limits were exceeded, some "
						     "search paths have been omitted, the applied "
						     "search line is: 0");
	return n;
}

static void test_search_limits(void **state)
{
	static const struct {
		int n, len;
		size_t kept;
		bool is_cut;
	} rows[] = {
		{ 32, 10, 32, false }, /* */
		{ 33, 10, 32, true },  /* */
		{ 8, 253, 8, false },  /* 2031 characters with the blanks */
		{ 9, 227, 8, true },   /* 2051 */
		{ 24, 84, 24, false }, /* 2039 */
		{ 24, 85, 23, true },  /* 2063 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *text = searches_of(rows[i].n, rows[i].len);
		bool is_cut;

		assert_int_equal(searches_kept(text, &is_cut), rows[i].kept);
		assert_int_equal(is_cut, rows[i].is_cut);
	}
}

/* One that no resolver can use is left out; those behind it stay. */
static void test_long_search_is_dropped(void **state)
{
	const struct pod_spec pod = { .dns.policy = DNS_DEFAULT };
	CLEANUP(cleanup_free) char *text = str_fmt("search a.example %0254d b.example\n", 0);

	(void)state;
	expect_resolv(&pod, text,
		"search a.example b.example\n"
		"! Search Line limits were exceeded, some search paths have been omitted, the "
		"applied search line is: a.example b.example\n");
}

/* As they are: no limits, nothing of the node's, nothing thrown away. */
static void test_literal_dns(void **state)
{
	char a[] = "10.0.0.1", b[] = "10.0.0.2", c[] = "10.0.0.3", d[] = "10.0.0.4",
	     ndots[] = "ndots:5";
	char *servers[] = { a, b, c, d, a }, *searches[] = { b, b }, *options[] = { ndots, ndots };
	struct pod_spec pod = { .dns = { .policy = DNS_LITERAL,
					.nameservers = { servers, 5 },
					.searches = { searches, 2 },
					.options = { options, 2 } } };
	const struct pod_spec empty = { .dns.policy = DNS_LITERAL };
	CLEANUP(buf_free) struct buf out = { 0 };
	char *warning = a;

	(void)state;
	etc_resolv_conf(&pod, "nameserver 192.0.2.1\n", &out, &warning);
	assert_string_equal(out.data, "search 10.0.0.2 10.0.0.2\nnameserver 10.0.0.1\nnameserver "
				      "10.0.0.2\nnameserver 10.0.0.3\nnameserver "
				      "10.0.0.4\nnameserver 10.0.0.1\noptions ndots:5 ndots:5\n");
	assert_null(warning);
	buf_clear(&out);
	etc_resolv_conf(&empty, "nameserver 192.0.2.1\n", &out, &warning);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_hostname),
		cmocka_unit_test(test_node_resolv),
		cmocka_unit_test(test_pod_resolv),
		cmocka_unit_test(test_nameserver_limit),
		cmocka_unit_test(test_search_limits),
		cmocka_unit_test(test_long_search_is_dropped),
		cmocka_unit_test(test_literal_dns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
