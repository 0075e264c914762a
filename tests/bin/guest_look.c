/* What a container's surroundings look like from inside. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest.h"

static int print_file(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return answer(path, -1);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
	if (n < 0)
		answer(path, -1);
	close(fd);
	return 0;
}

int look_cat(char **args)
{
	while (*args)
		print_file(*args++);
	return 0;
}

int look_mounts(char **args)
{
	(void)args;
	return print_file("/proc/self/mountinfo");
}

/* "Name:\tvalue" of /proc/self/status as "key value", keys as report calls them. */
static void report_status(void)
{
	static const char *const keys[][2] = { { "Uid", "uid" }, { "Gid", "gid" },
		{ "Groups", "groups" }, { "CapInh", "inheritable" }, { "CapPrm", "permitted" },
		{ "CapEff", "effective" }, { "CapBnd", "bounding" }, { "CapAmb", "ambient" },
		{ "NoNewPrivs", "no_new_privs" }, { "Seccomp", "seccomp" }, { "Umask", "umask" },
		{ "SigBlk", "blocked" }, { "SigIgn", "ignored" } };
	FILE *f = fopen("/proc/self/status", "r");
	char line[70000];

	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (char *c = colon + 1; *c; c++)
			*c = *c == '\t' || *c == '\n' ? ' ' : *c;
		for (char *c = colon + strlen(colon + 1); *c == ' '; c--)
			*c = '\0';
		for (size_t i = 0; i < COUNT(keys); i++)
			if (strcmp(line, keys[i][0]) == 0)
				printf("%s%s\n", keys[i][1], colon + 1);
	}
	if (f)
		fclose(f);
}

static void report_fds(void)
{
	printf("fds");
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
}

static void report_limits(void)
{
	static const struct {
		int resource;
		const char *name;
	} limits[] = { { RLIMIT_NOFILE, "nofile" }, { RLIMIT_CORE, "core" },
		{ RLIMIT_NPROC, "nproc" }, { RLIMIT_STACK, "stack" } };
	struct rlimit l;

	for (size_t i = 0; i < COUNT(limits); i++)
		if (getrlimit((__rlimit_resource_t)limits[i].resource, &l) == 0)
			printf("limit_%s %lld %lld\n", limits[i].name, (long long)l.rlim_cur,
				(long long)l.rlim_max);
}

int look_keyring(char **args)
{
	char text[200];
	long key =
		args[0] ? number(args[0])
			: syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	if (key < 0)
		return answer("keyring", -1);
	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof(text)) < 0)
		return answer("keyring", -1);
	printf("keyring %ld %s\n", key, text);
	return 0;
}

int look_env(char **args)
{
	(void)args;
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
	return 0;
}

int look_report(char **args)
{
	char cwd[4096], host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	printf("pid %d\nppid %d\nsid %d\n", getpid(), getppid(), getsid(0));
	report_status();
	printf("cwd %s\nhostname %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?", host);
	report_fds();
	report_limits();
	printf("oom_score_adj ");
	print_file("/proc/self/oom_score_adj");
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	while (*args)
		printf("arg %s\n", *args++);
	return 0;
}

int look_show_args(char **args)
{
	while (*args)
		puts(*args++);
	return 0;
}

int look_ls(char **args)
{
	DIR *d = opendir(*args ? *args : ".");
	struct dirent *e;

	if (!d)
		return answer(*args, -1);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			puts(e->d_name);
	closedir(d);
	return 0;
}

int look_show_link(char **args)
{
	char target[4096];
	ssize_t n = readlink(*args, target, sizeof(target) - 1);

	if (n < 0)
		return answer(*args, -1);
	target[n] = '\0';
	return puts(target) < 0;
}

int look_show_stat(char **args)
{
	for (; *args; args++) {
		struct stat st;

		if (lstat(*args, &st) < 0) {
			answer(*args, -1);
			continue;
		}
		printf("%s %s %o %u %u %u:%u\n", *args,
			S_ISREG(st.st_mode)   ? "file"
			: S_ISDIR(st.st_mode) ? "dir"
			: S_ISCHR(st.st_mode) ? "char"
			: S_ISBLK(st.st_mode) ? "block"
			: S_ISLNK(st.st_mode) ? "link"
					      : "other",
			st.st_mode & 07777, st.st_uid, st.st_gid, major(st.st_rdev),
			minor(st.st_rdev));
	}
	return 0;
}

int look_ns(char **args)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "uts", "user" };
	char path[64], target[64];

	(void)args;
	for (size_t i = 0; i < COUNT(names); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		n = readlink(path, target, sizeof(target) - 1);
		printf("%s %.*s\n", names[i], n > 0 ? (int)n : 1, n > 0 ? target : "?");
	}
	return 0;
}

int look_procs(char **args)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	(void)args;
	while (d && (e = readdir(d))) {
		char path[300], name[64] = "?";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		if (f)
			fclose(f);
		printf("%s %s\n", e->d_name, name);
	}
	if (d)
		closedir(d);
	return 0;
}
