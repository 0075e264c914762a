/* What is in a namespace is made by whoever lives there: any number of interfaces with any names.
 */
#include "sys/netstat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

enum { TEXT_MAX = 64 << 10, NAME_BYTES_MAX = 15, HEADER_LINES = 2 };

/* Bytes, packets, errs, drop, fifo, frame, compressed, multicast; the same four come first of tx.
 */
static int parse_counters(const char *p, struct netstat *n)
{
	uint64_t unused = 0;
	uint64_t *const columns[] = { &n->rx.bytes, &n->rx.packets, &n->rx.errors, &n->rx.dropped,
		&unused, &unused, &unused, &unused, &n->tx.bytes, &n->tx.packets, &n->tx.errors,
		&n->tx.dropped };

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		char digits[24];
		size_t len;

		p += strspn(p, " ");
		len = strspn(p, "0123456789");
		if (!len || len >= sizeof(digits))
			return -EPROTO;
		memcpy(digits, p, len);
		digits[len] = '\0';
		if (str_to_u64(digits, UINT64_MAX, columns[i]) < 0)
			return -EPROTO;
		p += len;
	}
	return 0;
}

/* "  eth0: 1 2 3 …": neither a space nor a colon can be in a name. */
static int parse_line(const char *line, size_t len, struct netstat *out)
{
	CLEANUP(cleanup_free) char *name = NULL;
	CLEANUP(cleanup_free) char *copy = str_ndup(line, len);
	const char *start = copy + strspn(copy, " "), *colon = strchr(start, ':');
	struct netstat n = { 0 };

	if (!colon || colon == start || colon - start > NAME_BYTES_MAX ||
		parse_counters(colon + 1, &n) < 0)
		return -EPROTO;
	name = str_utf8(start, (size_t)(colon - start));
	(void)snprintf(n.name, sizeof(n.name), "%s", name);
	*out = n;
	return 0;
}

int netstat_parse(const char *text, struct netstat *out, size_t max, struct err *e)
{
	const char *end;
	size_t count = 0;

	if (!str_starts(text, "Inter-|"))
		return err_say(e, EPROTO, "network counters: the header is missing");
	for (int i = 0; (end = strchr(text, '\n')) && count < max; i++, text = end + 1) {
		if (i < HEADER_LINES)
			continue;
		if (parse_line(text, (size_t)(end - text), &out[count]) < 0)
			return err_say(
				e, EPROTO, "network counters: line %d is not understood", i + 1);
		count++;
	}
	return (int)count;
}

/* As much as there is room for: the rest is interfaces beyond any sense. */
static int read_head(int fd, struct buf *out)
{
	char part[4096];
	ssize_t n = 1;

	buf_adds(out, "");
	while (n > 0 && out->len < TEXT_MAX) {
		n = read(fd, part, sizeof(part));
		if (n < 0)
			return -errno;
		buf_add(out, part, (size_t)n);
	}
	return 0;
}

int netstat_read(int pidfd, int32_t pid, struct netstat *out, size_t max, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%d/net/dev", (int)pid);
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	/* ENOENT, EINVAL: of a zombie, which has left its namespaces. */
	if (fd < 0)
		return err_set(
			e, errno == ENOENT || errno == EINVAL ? ESRCH : errno, "open %s", path);
	/* It lives after the number was used, so the number was its own. */
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0)
		return err_set(e, errno, "process %d", (int)pid);
	rc = read_head(fd, &text);
	return rc < 0 ? err_set(e, -rc, "read %s", path) : netstat_parse(text.data, out, max, e);
}
