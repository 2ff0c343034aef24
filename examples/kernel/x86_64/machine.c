/* SPDX-License-Identifier: MIT */
/* x86_64/machine.c - serial line, start information, traps */
#include "kernel.h"

static void out(uint16_t port, uint8_t byte) { __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port)); }

#define SERIAL 0x3f8
#define SERIAL_STATUS (SERIAL + 5)
#define SERIAL_IS_READY 0x20
#define DEBUG_EXIT 0xf4 /* qemu: -device isa-debug-exit */

void machine_put(char c)
{
	uint8_t status;
	do
		__asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)SERIAL_STATUS));
	while (!(status & SERIAL_IS_READY));
	out(SERIAL, (uint8_t)c);
}

/* The emulator ends with the status 2 * code + 1. */
void machine_halt(unsigned code)
{
	out(DEBUG_EXIT, (uint8_t)code);
	for (;;)
		__asm__ volatile("hlt");
}

uint64_t machine_cycles(void) { return __builtin_ia32_rdtsc(); }

/* --- what the firmware says ----------------------------------------------------------- */

/* Xen, public/arch-x86/hvm/start_info.h. */
struct start_information {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, command_line, rsdp, memory_map;
	uint32_t nr_memory_map, reserved;
};
#define START_MAGIC 0x336ec578
struct memory_map {
	uint64_t base, size;
	uint32_t type, reserved;
};
#define TYPE_MEMORY 1

void machine_read_map(uintptr_t information)
{
	const struct start_information *start = (void *)information;
	CHECK(start->magic == START_MAGIC && start->version >= 1);
	const struct memory_map *ranges = (void *)start->memory_map;
	for (uint32_t i = 0; i < start->nr_memory_map; i++) {
		bool is_memory = ranges[i].type == TYPE_MEMORY;
		map_set(ranges[i].base, ranges[i].base + ranges[i].size, is_memory ? AVAILABLE : RESERVED, false,
			is_memory ? "memory" : "firmware");
	}
	map_set(0xa0000, 0xc0000, RESERVED, false, "device: screen");
	map_set(0xfec00000, 0xfec01000, RESERVED, false, "device: interrupts");
	map_set(0xfee00000, 0xfee01000, RESERVED, false, "device: interrupts");
	map_set(0, PAGE_SIZE, OCCUPIED, true, "firmware: interrupt vectors");
	map_set(information, information + sizeof(*start), OCCUPIED, true, "start information");
	map_set(start->memory_map, start->memory_map + start->nr_memory_map * sizeof(*ranges), OCCUPIED, true,
		"start information: memory map");
	if (!start->command_line)
		return;
	command_line = (const char *)start->command_line;
	map_set(start->command_line, start->command_line + strlen(command_line) + 1, OCCUPIED, true,
		"start information: command line");
}

/* --- traps ------------------------------------------------------------------------------ */

#define NR_GATES 256
#define CALL_GATE 0x80
#define CALL_VECTOR 32 /* that entry of start.S */
#define PAGE_FAULT 14
#define FAULT_IS_WRITE 2
#define GATE_KERNEL 0x8e00
#define GATE_USER 0xee00
#define TASK 0x28 /* its descriptor */
#define MSR_FS_BASE 0xc0000100

static struct gate {
	uint16_t low, segment, kind, middle;
	uint32_t high, reserved;
} gates[NR_GATES];
static struct {
	uint32_t reserved;
	uint64_t stack[3], reserved2, lists[7];
	uint32_t reserved3, io;
} __attribute__((packed)) task;

extern char trap_entries[];
extern uint64_t task_descriptor[2];
void enter_process(struct frame *frame);

static uint64_t thread_pointer;

static void set_thread_pointer(void)
{
	uint32_t low = (uint32_t)thread_pointer, high = (uint32_t)(thread_pointer >> 32);
	__asm__ volatile("wrmsr" : : "c"(MSR_FS_BASE), "a"(low), "d"(high));
}

static void set_gate(unsigned gate, unsigned entry, uint16_t kind)
{
	uintptr_t at = (uintptr_t)trap_entries + 16 * entry;
	gates[gate] = (struct gate){(uint16_t)at, 8, kind, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
}

void machine_start(void *thread)
{
	struct {
		uint16_t limit;
		const void *base;
	} __attribute__((packed)) place = {sizeof(gates) - 1, gates};
	for (unsigned i = 0; i < CALL_VECTOR; i++)
		set_gate(i, i, GATE_KERNEL);
	set_gate(CALL_GATE, CALL_VECTOR, GATE_USER);
	__asm__ volatile("lidt %0" : : "m"(place));
	uint64_t base = (uintptr_t)&task;
	task.io = sizeof(task) << 16;
	task_descriptor[0] = (sizeof(task) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	task_descriptor[1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(TASK));
	thread_pointer = (uintptr_t)thread;
	set_thread_pointer();
}

void machine_use_tables(entry_t *root) { __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory"); }

static uint64_t fault_address(void)
{
	uint64_t address;
	__asm__ volatile("mov %%cr2, %0" : "=r"(address));
	return address;
}

void kernel_trap(struct frame *frame)
{
	if (frame->vector == PAGE_FAULT && system_fault(fault_address(), frame->error & FAULT_IS_WRITE))
		return;
	fail_by_trap(frame->vector, frame->rip, fault_address());
}

struct trap machine_run(struct frame *frame)
{
	task.stack[0] = (uintptr_t)(frame + 1);
	enter_process(frame);
	set_thread_pointer(); /* the process may have changed it */
	if (frame->vector == CALL_VECTOR)
		return (struct trap){.cause = TRAP_CALL};
	if (frame->vector != PAGE_FAULT)
		return (struct trap){.cause = TRAP_OTHER};
	return (struct trap){TRAP_FAULT, fault_address(), frame->error & FAULT_IS_WRITE};
}
