#include "daemon/node.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "spec/names.h"

/* As the kubelet: the host's name in lower case. */
static int read_name(const char *given, char **out, struct err *e)
{
	struct utsname host;
	const char *wrong;
	char *name;

	if (!given && uname(&host) < 0)
		return err_set(e, errno, "read the host's name");
	name = str_dup(given ? given : host.nodename);
	for (char *p = name; *p && !given; p++)
		*p = (char)tolower((unsigned char)*p);
	wrong = name_check_subdomain(name);
	if (wrong) {
		(void)err_say(e, EINVAL, "node name \"%s\": %s (set another with --node-name)",
			name, wrong);
		free(name);
		return -EINVAL;
	}
	*out = name;
	return 0;
}

/* The first address by which others may reach this machine; NULL when it has none. */
static char *read_address(void)
{
	struct ifaddrs *all;
	char text[INET_ADDRSTRLEN], *found = NULL;

	if (getifaddrs(&all) < 0)
		return NULL;
	for (struct ifaddrs *a = all; a && !found; a = a->ifa_next) {
		const struct sockaddr_in *in = (const void *)a->ifa_addr;

		if (!in || in->sin_family != AF_INET || !(a->ifa_flags & IFF_UP) ||
			(a->ifa_flags & IFF_LOOPBACK))
			continue;
		if ((ntohl(in->sin_addr.s_addr) >> 16) == 0xa9fe)
			continue; /* link-local, RFC 3927 */
		if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
			found = str_dup(text);
	}
	freeifaddrs(all);
	return found;
}

int node_read(struct daemon *d, const char *given, struct err *e)
{
	struct sysinfo memory;
	struct statvfs disk;
	int rc = read_name(given, &d->node_name, e);

	if (rc < 0)
		return rc;
	if (sysinfo(&memory) < 0)
		return err_set(e, errno, "read the machine's memory");
	if (statvfs(d->engine.layout.lib, &disk) < 0)
		return err_set(e, errno, "read the size of %s", d->engine.layout.lib);
	d->host_ip = read_address();
	d->engine.facts = (struct env_facts){ .node_name = d->node_name,
		.host_ip = d->host_ip,
		.node_cpu_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
		.node_memory_bytes = (int64_t)memory.totalram * memory.mem_unit,
		.node_ephemeral_bytes = (int64_t)(disk.f_blocks * disk.f_frsize) };
	return 0;
}

void node_free(struct daemon *d)
{
	free(d->node_name);
	free(d->host_ip);
	d->node_name = d->host_ip = NULL;
}
