#include "sys/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

int seccomp_read(int fd, struct seccomp_filter *out, struct err *e)
{
	struct stat st;
	struct sock_filter *code;
	size_t len;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "system call filter");
	len = (size_t)st.st_size / sizeof(*code);
	if (st.st_size <= 0 || (size_t)st.st_size % sizeof(*code) || len > BPF_MAXINSNS)
		return err_say(e, EINVAL, "system call filter: %lld bytes are no BPF program",
			(long long)st.st_size);
	code = mem_resize(NULL, len, sizeof(*code));
	if (pread(fd, code, (size_t)st.st_size, 0) != st.st_size) {
		free(code);
		return err_set(e, errno, "read the system call filter");
	}
	*out = (struct seccomp_filter){ .code = code, .len = (unsigned short)len };
	return 0;
}

void seccomp_free(struct seccomp_filter *f)
{
	free(f->code);
	*f = (struct seccomp_filter){ 0 };
}

int seccomp_install(const struct seccomp_filter *f, struct err *e)
{
	struct sock_fprog program = { .len = f->len, .filter = f->code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0
		       ? err_set(e, errno, "load the system call filter")
		       : 0;
}
