/* SPDX-License-Identifier: MIT */
/* riscv64/machine.c - serial line, device tree, traps
 *
 * The device tree ("Devicetree Specification", chapter 5) is a string of words with the high byte
 * first: a node begins, has properties and nodes, ends.  Addresses and sizes have two cells in all
 * nodes that we read.
 */
#include "kernel.h"

/* Devices of qemu's machine "virt".  The serial line is used before the tree has been read. */
#define SERIAL ((volatile uint8_t *)0x10000000)
#define SERIAL_STATUS 5
#define SERIAL_IS_READY 0x20
#define TEST ((volatile uint32_t *)0x100000)
#define TEST_PASS 0x5555u
#define TEST_FAIL 0x3333u

void machine_put(char c)
{
	while (!(SERIAL[SERIAL_STATUS] & SERIAL_IS_READY))
		;
	SERIAL[0] = (uint8_t)c;
}

/* The emulator ends with this status. */
void machine_halt(unsigned code)
{
	*TEST = code ? code << 16 | TEST_FAIL : TEST_PASS;
	for (;;)
		__asm__ volatile("wfi");
}

uint64_t machine_cycles(void)
{
	uint64_t cycles;
	__asm__ volatile("rdcycle %0" : "=r"(cycles));
	return cycles;
}

/* --- the device tree ---------------------------------------------------------------------- */

#define TREE_MAGIC 0xd00dfeed
enum { NODE_BEGINS = 1, NODE_ENDS = 2, PROPERTY = 3, NOTHING = 4, TREE_ENDS = 9 };
enum { HEADER_MAGIC, HEADER_SIZE, HEADER_STRUCTURE, HEADER_STRINGS };
#define MAX_DEPTH 16

static uint32_t cell(const uint32_t *at)
{
	const uint8_t *byte = (const uint8_t *)at;
	return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static uint64_t two_cells(const uint32_t *at) { return (uint64_t)cell(at) << 32 | cell(at + 1); }

static bool begins_with(const char *text, const char *start) { return !memcmp(text, start, strlen(start)); }

/* The value of a property "reg": ranges of two numbers each.  What is reserved overrides what is
 * memory, so it is read in a second pass. */
static void read_ranges(const char *const *node, unsigned depth, const uint32_t *value, uint32_t size, bool second)
{
	const char *name = node[depth], *parent = depth ? node[depth - 1] : "";
	bool is_memory = depth == 1 && begins_with(name, "memory@");
	bool is_device = depth == 2 && begins_with(parent, "soc");
	bool is_reserved = depth == 2 && begins_with(parent, "reserved-memory");
	for (; size >= 16 && (second ? is_reserved : is_memory || is_device); size -= 16, value += 4) {
		uint64_t base = two_cells(value), end = base + two_cells(value + 2);
		if (base < MACHINE_REACH)
			map_set(base, end, is_memory ? AVAILABLE : RESERVED, false, name);
	}
}

static void read_tree(const uint32_t *tree, bool second)
{
	const uint32_t *at = tree + cell(&tree[HEADER_STRUCTURE]) / sizeof(*at);
	const char *strings = (const char *)tree + cell(&tree[HEADER_STRINGS]);
	const char *node[MAX_DEPTH];
	for (unsigned depth = 0; cell(at) != TREE_ENDS;) {
		uint32_t token = cell(at++);
		if (token == NODE_BEGINS) {
			CHECK(depth < MAX_DEPTH);
			node[depth++] = (const char *)at;
			at += strlen((const char *)at) / sizeof(*at) + 1;
		} else if (token == NODE_ENDS) {
			depth--;
		} else if (token == PROPERTY) {
			uint32_t size = cell(at);
			const char *name = strings + cell(at + 1);
			at += 2;
			if (begins_with(name, "reg") && !name[3])
				read_ranges(node, depth - 1, at, size, second);
			else if (begins_with(name, "bootargs") && begins_with(node[depth - 1], "chosen"))
				command_line = (const char *)at;
			at += (size + sizeof(*at) - 1) / sizeof(*at);
		}
	}
}

void machine_read_map(uintptr_t information)
{
	const uint32_t *tree = (void *)information;
	CHECK(cell(&tree[HEADER_MAGIC]) == TREE_MAGIC);
	read_tree(tree, false);
	read_tree(tree, true);
	map_set(information, information + cell(&tree[HEADER_SIZE]), OCCUPIED, true, "device tree");
}

/* --- traps ----------------------------------------------------------------------------------- */

enum { CAUSE_CALL = 8, CAUSE_FETCH_FAULT = 12, CAUSE_READ_FAULT = 13, CAUSE_WRITE_FAULT = 15 };
#define STATUS_USER_MEMORY (1ull << 18) /* the kernel may use the memory of a process */
#define STATUS_FLOATING (3ull << 13)	  /* a process may use floating point */
#define SV39 (8ull << 60)

void enter_process(struct frame *frame);

void machine_start(void *thread)
{
	machine_use_tables(kernel_root);
	__asm__ volatile("csrs sstatus, %0" : : "r"(STATUS_USER_MEMORY));
	__asm__ volatile("csrc sstatus, %0" : : "r"(STATUS_FLOATING));
	__asm__ volatile("mv tp, %0" : : "r"(thread));
}

void machine_use_tables(entry_t *root)
{
	__asm__ volatile("csrw satp, %0\n\tsfence.vma" : : "r"(SV39 | (uintptr_t)root >> 12) : "memory");
}

static bool is_fault(const struct frame *frame)
{
	return frame->scause == CAUSE_READ_FAULT || frame->scause == CAUSE_WRITE_FAULT || frame->scause == CAUSE_FETCH_FAULT;
}

void kernel_trap(struct frame *frame)
{
	if (is_fault(frame) && system_fault(frame->stval, frame->scause == CAUSE_WRITE_FAULT))
		return;
	fail_by_trap(frame->scause, frame->sepc, frame->stval);
}

struct trap machine_run(struct frame *frame)
{
	enter_process(frame);
	if (frame->scause == CAUSE_CALL) {
		frame->sepc += 4;
		return (struct trap){.cause = TRAP_CALL};
	}
	if (!is_fault(frame))
		return (struct trap){.cause = TRAP_OTHER};
	return (struct trap){TRAP_FAULT, frame->stval, frame->scause == CAUSE_WRITE_FAULT};
}
