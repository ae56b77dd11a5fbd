// The only C and assembly of the firmware: reset, vectors, fault entry, CPU instructions that Swift cannot spell, libc shims.
#pragma once
#include <stdint.h>
#include "ImageHeader.h"

/// Addresses fixed by the linker script (LinkerScripts/sections.ld).
extern uint8_t __stack_limit[], __stack_top[], __store_start[], __image_end[];
extern uint32_t __suites_start[], __suites_end[];

/// Registers at a fault, as the CPU stacked them (ARMv7-M Architecture Reference Manual, B1.5.6), then r4–r11 as the handler found them.
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
    uint32_t sp;          // before the exception
    uint32_t exception;   // exception number: 3 HardFault, 4 MemManage, 5 BusFault, 6 UsageFault, other: an interrupt nobody handles
    uint32_t cfsr;        // Configurable Fault Status Register, 0 on ARMv6-M
    uint32_t address;     // BFAR, 0 on ARMv6-M
} FaultFrame;

/// Word the stack is painted with at reset, to find the high-water mark later.
#define STACK_PAINT 0xC0DEFACEu

/// What the image says about itself.
extern const ImageHeader lightnode_image_header;

/// The header's hash, 24 bytes, and as many that tell where the image comes from. They are filled in after linking, so the compiler must not
/// take them for what it sees.
static inline const uint8_t *_Nonnull startup_image_hash(void) {
    const uint8_t *hash = lightnode_image_header.hash;
    __asm volatile("" : "+r"(hash));
    return hash;
}

/// Bytes of stack used at most since reset (multiple of 4).
uint32_t startup_stack_high_water(void);
/// Bytes between the end of .bss and the top of RAM.
uint32_t startup_stack_size(void);

static inline uint32_t startup_store_address(void) { return (uint32_t)(uintptr_t)__store_start; }
static inline uint32_t startup_stack_limit(void) { return (uint32_t)(uintptr_t)__stack_limit; }
static inline uint32_t startup_stack_top(void) { return (uint32_t)(uintptr_t)__stack_top; }
static inline uint32_t startup_image_end(void) { return (uint32_t)(uintptr_t)__image_end; }
static inline void startup_wait_for_interrupt(void) { __asm volatile("wfi" ::: "memory"); }
static inline void startup_disable_interrupts(void) { __asm volatile("cpsid i" ::: "memory"); }
static inline void startup_enable_interrupts(void) { __asm volatile("cpsie i" ::: "memory"); }
static inline void startup_barrier(void) { __asm volatile("dsb" ::: "memory"); }

/// Resets the chip through SCB->AIRCR.SYSRESETREQ (B3.2.6). Does not return.
__attribute__((noreturn)) void startup_reset(void);

/// Starts another program by its vector table (B1.5.5): stack pointer, then reset handler. Interrupts must be as after a reset.
__attribute__((noreturn)) static inline void startup_jump(uint32_t vectors) {
    const uint32_t *table = (const uint32_t *)(uintptr_t)vectors;
    __asm volatile("msr msp, %0\n bx %1" ::"r"(table[0]), "r"(table[1]) : "memory");
    __builtin_unreachable();
}

/// Arm semihosting call (Semihosting for AArch32, 2.2). Only test and benchmark images use it; without a debugger it faults.
static inline int32_t startup_semihosting(uint32_t operation, uint32_t argument) {
    register uint32_t r0 __asm("r0") = operation;
    register uint32_t r1 __asm("r1") = argument;
    __asm volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

/// SYS_EXIT_EXTENDED (0x20) with ADP_Stopped_ApplicationExit and `code`.
static inline void startup_semihosting_exit(uint32_t code) {
    uint32_t block[2] = {0x20026u, code};
    startup_semihosting(0x20u, (uint32_t)(uintptr_t)block);
    for (;;) {}
}

/// Defined by the application: called with interrupts off after a fault; reports and must not return. A weak default halts.
void lightnode_fault(const FaultFrame *frame);
