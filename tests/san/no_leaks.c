/* Linked into carpel-launch when it is built with AddressSanitizer.  It ends as a child of another
 * PID namespace, where LeakSanitizer waits forever for a tracer that cannot find its parent; and it
 * is gone after a start, so a leak of its own costs nothing.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
