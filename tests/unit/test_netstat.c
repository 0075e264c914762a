/* The counters of interfaces, from the kernel's text and from what a hostile namespace makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "sys/netstat.h"

#define HEADER                                                                                     \
	"Inter-|   Receive                                                |  Transmit\n"           \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs " \
	"drop fifo colls carrier compressed\n"
#define REST " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"

static void test_parse(void **state)
{
	static const char text[] =
		HEADER "    lo:  523984    4720    0    0    0     0          0         0   523984 "
		       "   4720 "
		       "   0    0    0     0       0          0\n"
		       "  eth0: 18446744073709551615 12 13 14 15 16 17 18 21 22 23 24 25 26 27 28\n"
		       "a-15-byte-name-:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
	struct netstat n[4];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(netstat_parse(text, n, 4, &e), 3);
	assert_string_equal(n[0].name, "lo");
	assert_int_equal(n[0].rx.bytes, 523984);
	assert_int_equal(n[0].tx.packets, 4720);
	assert_string_equal(n[1].name, "eth0");
	assert_true(n[1].rx.bytes == UINT64_MAX);
	assert_int_equal(n[1].rx.packets, 12);
	assert_int_equal(n[1].rx.errors, 13);
	assert_int_equal(n[1].rx.dropped, 14);
	assert_int_equal(n[1].tx.bytes, 21);
	assert_int_equal(n[1].tx.errors, 23);
	assert_int_equal(n[1].tx.dropped, 24);
	assert_string_equal(n[2].name, "a-15-byte-name-");
	assert_int_equal(n[2].tx.bytes, 9);
	assert_int_equal(netstat_parse(text, n, 2, &e), 2);
	assert_int_equal(netstat_parse(HEADER, n, 4, &e), 0);
	assert_int_equal(netstat_parse(HEADER " lo:" REST "eth0: 1 2", n, 4, &e), 1); /* cut */
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "", "lo:" REST, HEADER " lo 1 2\n", HEADER "\n",
		HEADER " :" REST, HEADER "a-16-byte-name--:" REST, HEADER " lo: 1 2 3\n",
		HEADER " lo: 1 2 3 4 5 6 7 8 9 10 11 x\n",
		HEADER " lo: 18446744073709551616 2 3 4 5 6 7 8 9 10 11 12\n",
		HEADER " lo: 000000000000000000000001 2 3 4 5 6 7 8 9 10 11 12\n",
		HEADER " lo: -1 2 3 4 5 6 7 8 9 10 11 12\n" };
	struct netstat n[4];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (netstat_parse(bad[i], n, 4, &e) != -EPROTO)
			fail_msg("accepted: %s", bad[i]);
	assert_non_null(strstr(e.text, "line 3"));
}

/* Whatever bytes: readers of ours are told UTF-8, and no more than there is room for. */
static void test_hostile_names(void **state)
{
	static const char text[] = HEADER "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
					  "\xff:" REST " h\xc3\xa9:" REST;
	struct netstat n[2];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(netstat_parse(text, n, 2, &e), 2);
	assert_int_equal(strlen(n[0].name), 45);
	assert_int_equal(strncmp(n[0].name, "\xef\xbf\xbd\xef\xbf\xbd", 6), 0);
	assert_string_equal(n[1].name, "h\xc3\xa9");
}

static void test_own(void **state)
{
	CLEANUP(cleanup_fd) int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct netstat n[64];
	struct err e = { 0 };
	int count = netstat_read(self, getpid(), n, 64, &e);

	(void)state;
	assert_true(count >= 1);
	assert_string_equal(n[0].name, "lo");
}

/* A number of somebody else by now: the process of the pidfd has ended. */
static void test_ended(void **state)
{
	pid_t child = fork();
	CLEANUP(cleanup_fd) int fd = -1;
	struct netstat n[1];
	struct err e = { 0 };

	(void)state;
	if (child == 0)
		_exit(0);
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(netstat_read(fd, child, n, 1, &e), -ESRCH);
	assert_int_equal(netstat_read(fd, getpid(), n, 1, &e), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
