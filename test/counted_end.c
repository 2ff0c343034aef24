/* SPDX-License-Identifier: MIT */
/* counted_end.c - abort() and _exit() that first write gcc's counters: in a build that counts
 * coverage
 *
 * A mistake of the program ends it by abort(), children of tests end by _exit(), and counters are
 * otherwise written by exit() only.
 */
void __gcov_dump(void);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap_abort(void)
{
	__gcov_dump();
	__real_abort();
}

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
