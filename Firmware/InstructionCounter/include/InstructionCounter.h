// Counts executed instructions and stack under QEMU, for benchmark images: SysTick at a fixed -icount, calibrated by a loop of known length.
#pragma once
#include <stdint.h>

/// Starts SysTick on the processor clock, counting down from 2^24 - 1 (ARMv6-M ARM B3.3, ARMv7-M ARM B3.3).
void instruction_counter_start(void);
/// Ticks so far, modulo 2^24.
uint32_t instruction_counter_read(void);
/// Executes 2 * `rounds` instructions, and some 5 more.
void instruction_counter_known_loop(uint32_t rounds);

/// Paints the free stack below the caller.
void stack_meter_paint(void);
/// Bytes of stack that calls from the function that painted have used at most since, itself not counted.
uint32_t stack_meter_used(void);
/// The whole of RAM, for tests that look for secrets in it.
const uint8_t *ram_start(void);
const uint8_t *ram_end(void);

/// Semihosting (Semihosting for AArch32): SYS_WRITE0 (0x04) of a string that ends with 0.
void host_print(const char *text);
void host_print_number(uint32_t value);
/// SYS_OPEN (0x01) with mode "rb"; a handle, or -1.
int32_t host_open(const char *path);
/// SYS_READ (0x06) of `count` bytes; how many were read.
int32_t host_read(int32_t handle, void *to, int32_t count);
