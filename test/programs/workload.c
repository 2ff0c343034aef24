/* SPDX-License-Identifier: MIT */
/* workload.c - something for a compiler to chew on */
#include <stddef.h>
#include <stdint.h>

#define STEP(n)                                                        \
	uint32_t step##n(const uint32_t *v, size_t count);            \
	uint32_t step##n(const uint32_t *v, size_t count)      \
	{                                                              \
		uint32_t sum = n;                                      \
		for (size_t i = 0; i < count; i++)                     \
			sum = (sum << (n % 31 + 1)) ^ (v[i] * (n + 3)); \
		return sum;                                            \
	}
#define TEN(n) STEP(n##0) STEP(n##1) STEP(n##2) STEP(n##3) STEP(n##4) STEP(n##5) STEP(n##6) STEP(n##7) STEP(n##8) STEP(n##9)

TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)

uint32_t all(const uint32_t *v, size_t count)
{
	return step10(v, count) + step23(v, count) + step37(v, count) + step44(v, count) + step58(v, count) +
	       step61(v, count) + step79(v, count) + step86(v, count) + step92(v, count) + step99(v, count) +
	       step11(v, count) + step20(v, count) + step35(v, count) + step42(v, count) + step53(v, count);
}
