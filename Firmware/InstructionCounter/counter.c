#include "InstructionCounter.h"

extern uint8_t __stack_limit[], __stack_top[], __data_start[];

#define SYST_CSR (*(volatile uint32_t *)0xE000E010)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018)
#define PAINT 0xC0DEFACEu

void instruction_counter_start(void) {
    SYST_RVR = 0xFFFFFF;
    SYST_CVR = 0;
    SYST_CSR = 5;
    while (SYST_CVR == 0) {}
}

__attribute__((noinline)) uint32_t instruction_counter_read(void) { return 0xFFFFFF - SYST_CVR; }

__attribute__((naked)) void instruction_counter_known_loop(uint32_t rounds) {
    __asm volatile(".syntax unified\n1: subs r0, #1\nbne 1b\nbx lr\n");
}

static uint32_t painted_below;

__attribute__((noinline)) void stack_meter_paint(void) {
    uint32_t *here = __builtin_frame_address(0);
    painted_below = (uint32_t)(uintptr_t)here;
    for (uint32_t *at = (uint32_t *)(void *)__stack_limit; at < here - 16; at++) *at = PAINT;
}

uint32_t stack_meter_used(void) {
    const uint32_t *at = (const uint32_t *)(void *)__stack_limit;
    while (*at == PAINT) at++;
    return painted_below - (uint32_t)(uintptr_t)at;
}

const uint8_t *ram_start(void) { return __data_start; }
const uint8_t *ram_end(void) { return __stack_top; }

static int32_t call(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt #0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

void host_print(const char *text) { call(0x04, text); }

void host_print_number(uint32_t value) {
    char digits[11];
    char *at = digits + 10;
    *at = 0;
    do *--at = '0' + value % 10;
    while (value /= 10);
    host_print(at);
}

int32_t host_open(const char *path) {
    uint32_t length = 0;
    while (path[length]) length++;
    uint32_t block[3] = {(uint32_t)(uintptr_t)path, 1, length};
    return call(0x01, block);
}

int32_t host_read(int32_t handle, void *to, int32_t count) {
    uint32_t block[3] = {(uint32_t)handle, (uint32_t)(uintptr_t)to, (uint32_t)count};
    return count - call(0x06, block);
}
