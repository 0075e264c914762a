#include "image/bytes.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { CHUNK = 256 * 1024 };

static int copy_range(int from, int to, off_t begin, off_t end, struct err *e)
{
	loff_t in = begin, out = begin;

	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "copy");
		if (n == 0)
			break; /* the source was cut meanwhile */
	}
	return 0;
}

static int copy_data(int from, int to, off_t size, struct err *e)
{
	off_t begin = 0, end;

	while (begin < size) {
		int rc;

		begin = lseek(from, begin, SEEK_DATA);
		if (begin < 0)
			return errno == ENXIO ? 0
					      : err_set(e, errno, "seek"); /* a hole to the end */
		end = lseek(from, begin, SEEK_HOLE);
		if (end < 0)
			return err_set(e, errno, "seek");
		if ((rc = copy_range(from, to, begin, end < size ? end : size, e)) < 0)
			return rc;
		begin = end;
	}
	return 0;
}

/* Across file systems copy_file_range(2) may say EXDEV, and some never learnt it. */
static int copy_plainly(int from, int to, off_t size, struct err *e)
{
	CLEANUP(cleanup_free) char *chunk = mem_zalloc(CHUNK);

	for (off_t at = 0; at < size;) {
		ssize_t n = pread(from, chunk, CHUNK, at), put = 0;

		if (n > size - at)
			n = (ssize_t)(size - at);
		while (n > 0 && put < n) {
			ssize_t m = pwrite(to, chunk + put, (size_t)(n - put), at + put);

			if (m < 0)
				return err_set(e, errno, "write");
			put += m;
		}
		if (n < 0)
			return err_set(e, errno, "read");
		if (n == 0)
			break;
		at += n;
	}
	return 0;
}

int bytes_copy(int from, int to, struct budget *budget, struct err *e)
{
	struct stat st;
	int rc;

	if (fstat(from, &st) < 0)
		return err_set(e, errno, "stat");
	if ((rc = budget_take_bytes(budget, st.st_size, e)) < 0)
		return rc;
	if (ioctl(to, FICLONE, from) == 0)
		/* It may have grown since; what was not paid for is not kept. */
		return ftruncate(to, st.st_size) < 0 ? err_set(e, errno, "set size") : 0;
	rc = copy_data(from, to, st.st_size, e);
	if (rc == -EXDEV || rc == -EOPNOTSUPP || rc == -EINVAL || rc == -ENOSYS)
		rc = copy_plainly(from, to, st.st_size, e);
	if (rc == 0 && ftruncate(to, st.st_size) < 0)
		rc = err_set(e, errno, "set size");
	return rc;
}
