/* SPDX-License-Identifier: MIT */
/* counted_abort.c - abort() that first writes gcc's counters: of a build that counts coverage only
 *
 * A mistake of the program ends it by abort(), and counters are otherwise written at exit only.
 */
void __gcov_dump(void);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

_Noreturn void __wrap_abort(void)
{
	__gcov_dump();
	__real_abort();
}
