/* SPDX-License-Identifier: MIT */
/* bignum.c - arithmetic whose every result is a small block
 *
 * After cfrac, the factoring program that B. Zorn and D. Grunwald, "Empirical Measurements of Six
 * Allocation-intensive C Programs", SIGPLAN Notices 27(12), 1992, and many since have measured:
 * numbers of some words, each operation takes a new one, and nearly all die at once.
 *
 * Adapted: instead of factoring, numbers in a file of registers are multiplied and added at
 * random.  Each number carries its remainder modulo 2^31 - 1, which is computed again from
 * its digits before it is freed: this verifies arithmetic and memory together.
 */
#include "stress.h"

/* Of all threads: 8 MB with the numbers. */
#define REGISTERS 120000
/* Of all threads in one round. */
#define STEPS 20000
/* A result with more digits is cut to these; 32 bits each. */
#define DIGITS_HIGH 20
#define MODULUS 0x7fffffffull /* a prime: 2^31 - 1 */

/* Owners that are no register. */
enum { PRODUCT = REGISTERS, SUM };

struct number {
	uint32_t owner; /* so that two numbers in one place are noticed */
	uint32_t nr_digits;
	uint32_t remainder;
	uint32_t digits[]; /* the lowest first */
};

static size_t size_of(uint32_t nr_digits)
{
	return sizeof(struct number) + nr_digits * sizeof(uint32_t);
}

static uint32_t remainder_of(const struct number *number)
{
	uint64_t remainder = 0;
	for (uint32_t i = number->nr_digits; i-- > 0;)
		remainder = (remainder << 32 | number->digits[i]) % MODULUS;
	return (uint32_t)remainder;
}

static struct number *make(struct worker *self, uint32_t owner, uint32_t nr_digits, uint64_t remainder)
{
	struct number *number = take(self, size_of(nr_digits));
	number->owner = owner;
	number->nr_digits = nr_digits;
	number->remainder = (uint32_t)(remainder % MODULUS);
	return number;
}

/* Before its digits are read: there may be as many as a sum can have. */
static const struct number *verified(const struct number *number, uint32_t owner)
{
	if (number->owner != owner || number->nr_digits > 2 * DIGITS_HIGH + 1)
		stress_fail("number %u: overwritten, or another lies in the same place", owner);
	return number;
}

static void discard(struct worker *self, struct number *number, uint32_t owner)
{
	if (verified(number, owner)->remainder != remainder_of(number))
		stress_fail("number %u of %u digits does not have its remainder", owner, number->nr_digits);
	give(self, number, size_of(number->nr_digits));
}

static struct number *make_random(struct worker *self, uint32_t owner)
{
	uint32_t nr_digits = (uint32_t)random_between(&self->random, 1, DIGITS_HIGH);
	struct number *number = make(self, owner, nr_digits, 0);
	for (uint32_t i = 0; i < nr_digits; i++)
		number->digits[i] = (uint32_t)random_next(&self->random);
	number->remainder = remainder_of(number);
	return number;
}

static struct number *multiply(struct worker *self, const struct number *a, const struct number *b)
{
	uint64_t remainder = (uint64_t)a->remainder * b->remainder;
	struct number *product = make(self, PRODUCT, a->nr_digits + b->nr_digits, remainder);
	for (uint32_t i = 0; i < product->nr_digits; i++)
		product->digits[i] = 0;
	for (uint32_t i = 0; i < a->nr_digits; i++) {
		uint64_t carry = 0;
		for (uint32_t j = 0; j < b->nr_digits; j++) {
			carry += (uint64_t)a->digits[i] * b->digits[j] + product->digits[i + j];
			product->digits[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		product->digits[i + b->nr_digits] = (uint32_t)carry;
	}
	return product;
}

static uint32_t digit(const struct number *number, uint32_t i)
{
	return i < number->nr_digits ? number->digits[i] : 0;
}

static struct number *add(struct worker *self, const struct number *a, const struct number *b)
{
	uint32_t nr_digits = (a->nr_digits > b->nr_digits ? a->nr_digits : b->nr_digits) + 1;
	struct number *sum = make(self, SUM, nr_digits, (uint64_t)a->remainder + b->remainder);
	uint64_t carry = 0;
	for (uint32_t i = 0; i < nr_digits; i++) {
		carry += (uint64_t)digit(a, i) + digit(b, i);
		sum->digits[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return sum;
}

/* The upper digits, without zeros in front, and of a random number if they are too many:
 * else all registers would soon be full. */
static struct number *shortened(struct worker *self, uint32_t owner, const struct number *long_one)
{
	uint32_t nr_digits = long_one->nr_digits;
	while (nr_digits > 1 && long_one->digits[nr_digits - 1] == 0)
		nr_digits--;
	uint32_t kept = nr_digits;
	if (nr_digits > DIGITS_HIGH)
		kept = (uint32_t)random_between(&self->random, 1, DIGITS_HIGH);
	struct number *number = make(self, owner, kept, 0);
	for (uint32_t i = 0; i < kept; i++)
		number->digits[i] = long_one->digits[nr_digits - kept + i];
	number->remainder = remainder_of(number);
	return number;
}

static uint32_t pick(struct worker *self)
{
	return (uint32_t)random_below(&self->random, stress_share(REGISTERS));
}

static const struct number *pick_number(struct worker *self, struct number **registers)
{
	uint32_t at = pick(self);
	return verified(registers[at], at);
}

/* One register becomes the product of two others and the sum with a third. */
static void step(struct worker *self, struct number **registers)
{
	uint32_t result = pick(self);
	const struct number *factor = pick_number(self, registers);
	struct number *product = multiply(self, factor, pick_number(self, registers));
	struct number *sum = add(self, verified(product, PRODUCT), pick_number(self, registers));
	discard(self, product, PRODUCT);
	discard(self, registers[result], result);
	registers[result] = shortened(self, result, verified(sum, SUM));
	discard(self, sum, SUM);
}

static void work(struct worker *self)
{
	size_t nr = stress_share(REGISTERS);
	struct number **registers = take(self, nr * sizeof(*registers));
	for (uint32_t i = 0; i < nr; i++)
		registers[i] = make_random(self, i);
	while (worker_goes_on(self))
		for (size_t i = stress_share(STEPS); i > 0; i--)
			step(self, registers);
	for (uint32_t i = 0; i < nr; i++)
		discard(self, registers[i], i);
	give(self, registers, nr * sizeof(*registers));
}

const struct pattern pattern = {
	.name = "bignum",
	.imitates = "arithmetic on numbers of any length, each result a block that soon dies "
		    "(after cfrac, Zorn and Grunwald 1992)",
	.threads = 1,
	.rounds = 60,
	.work = work,
};
