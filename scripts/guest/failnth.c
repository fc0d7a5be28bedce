// SPDX-License-Identifier: GPL-2.0
/*
 * failnth.c - load a module with the Nth allocation made meanwhile failing
 *
 * usage: failnth N FILE [PARAMETER=VALUE]
 *
 * Prints how many allocations were made, up to N.
 * Exit status: 0 loaded, no fault was left to happen; 1 not loaded, the fault happened; 2 loaded
 * all the same; 3 not loaded although no fault happened; 4 cannot try.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fault = open("/proc/thread-self/fail-nth", O_RDWR);
	int file = argc >= 3 ? open(argv[2], O_RDONLY) : -1;
	char left[16] = "";
	long err;

	if (fault < 0 || file < 0) {
		perror("failnth");
		return 4;
	}
	if (write(fault, argv[1], strlen(argv[1])) < 0) {
		perror("failnth");
		return 4;
	}
	err = syscall(SYS_finit_module, file, argc > 3 ? argv[3] : "", 0);
	if (pread(fault, left, sizeof(left) - 1, 0) < 0) {
		perror("failnth");
		return 4;
	}
	if (pwrite(fault, "0", 1, 0) < 0)
		return 4;
	printf("%d\n", atoi(argv[1]) - atoi(left));
	if (atoi(left))
		return err ? 3 : 0;
	return err ? 1 : 2;
}
