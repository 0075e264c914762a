/* Says whom it runs as, for critest's specs about no_new_privs.  Its image gives it the set-user-id
 * bit. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("Effective uid: %u\n", geteuid());
	return 0;
}
