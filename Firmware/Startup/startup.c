// Reset handler, vector table and fault entry for ARMv6-M and ARMv7E-M.
#include "Startup.h"

extern uint32_t __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
int main(void);

__attribute__((weak)) void lightnode_fault(const FaultFrame *frame) {
    (void)frame;
    for (;;) {}
}

#define SCB_ICSR (*(volatile uint32_t *)0xE000ED04)
#define SCB_AIRCR (*(volatile uint32_t *)0xE000ED0C)
#define SCB_CFSR (*(volatile uint32_t *)0xE000ED28)
#define SCB_BFAR (*(volatile uint32_t *)0xE000ED38)

void startup_reset(void) {
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = 0x05FA0004;
    __asm volatile("dsb" ::: "memory");
    for (;;) {}
}

__attribute__((used)) static void fault_entry(const uint32_t *stacked) {
    FaultFrame frame;
    startup_disable_interrupts();
    frame.exception = SCB_ICSR & 0x1FF;
#if __ARM_ARCH >= 7
    frame.cfsr = SCB_CFSR;
    frame.address = SCB_BFAR;
#else
    frame.cfsr = frame.address = 0;
#endif
    frame.sp = (uint32_t)(uintptr_t)stacked;
    // A stack that ran out of RAM took no registers: reading them would fault again, and lock the processor up.
    static const uint32_t lost[8];
    if (stacked < __data_start || (const uint8_t *)(stacked + 8) > __stack_top) stacked = lost;
    frame.r0 = stacked[0], frame.r1 = stacked[1], frame.r2 = stacked[2], frame.r3 = stacked[3];
    frame.r12 = stacked[4], frame.lr = stacked[5], frame.pc = stacked[6], frame.xpsr = stacked[7];
    frame.sp += 32;
    lightnode_fault(&frame);
    for (;;) {}
}

// When the stack has overflowed there is no room to report with: the handler then continues on a stack at the top of RAM.
__attribute__((naked)) void Fault_Handler(void) {
    __asm volatile(
        ".syntax unified\n"
        "mrs r0, msp\n"
        "ldr r1, =__stack_limit + 256\n"
        "cmp r0, r1\n"
        "bhs 1f\n"
        "ldr r1, =__stack_top\n"
        "mov sp, r1\n"
        "1: b fault_entry\n"
        ".ltorg\n");
}

void Reset_Handler(void) {
    const uint32_t *from = __data_load;
    for (uint32_t *to = __data_start; to < __data_end;) *to++ = *from++;
    for (uint32_t *to = __bss_start; to < __bss_end;) *to++ = 0;
    uint32_t *here = (uint32_t *)__builtin_frame_address(0) - 16;
    for (uint32_t *to = (uint32_t *)(void *)__stack_limit; to < here;) *to++ = STACK_PAINT;
    main();
    for (;;) startup_wait_for_interrupt();
}

uint32_t startup_stack_size(void) { return (uint32_t)(__stack_top - __stack_limit); }

uint32_t startup_stack_high_water(void) {
    const uint32_t *at = (const uint32_t *)(void *)__stack_limit;
    while (*at == STACK_PAINT) at++;
    return (uint32_t)(__stack_top - (const uint8_t *)at);
}

#define WEAK_IRQ(n) __attribute__((weak, alias("Fault_Handler"))) void IRQ##n##_Handler(void);
#define EIGHT(M, t) M(t##0) M(t##1) M(t##2) M(t##3) M(t##4) M(t##5) M(t##6) M(t##7)
#define TEN(M, t) EIGHT(M, t) M(t##8) M(t##9)
#define THIRTY_TWO(M) TEN(M, ) TEN(M, 1) TEN(M, 2) M(30) M(31)
#define NINETY_SIX(M) THIRTY_TWO(M) M(32) M(33) M(34) M(35) M(36) M(37) M(38) M(39) \
    TEN(M, 4) TEN(M, 5) TEN(M, 6) TEN(M, 7) TEN(M, 8) M(90) M(91) M(92) M(93) M(94) M(95)
#if __ARM_ARCH >= 7
#define EVERY_IRQ(M) NINETY_SIX(M)
#else
#define EVERY_IRQ(M) THIRTY_TWO(M)
#endif
EVERY_IRQ(WEAK_IRQ)
__attribute__((weak, alias("Fault_Handler"))) void SysTick_Handler(void);

#define ENTRY(n) IRQ##n##_Handler,
typedef void (*Vector)(void);
// ARMv6-M ARM B1.5.3, ARMv7-M ARM B1.5.3: initial stack pointer, 15 exceptions, then the chip's interrupts.
__attribute__((section(".vectors"), used)) static const Vector vectors[] = {
    (Vector)(void *)__stack_top, Reset_Handler, Fault_Handler, Fault_Handler,
    Fault_Handler, Fault_Handler, Fault_Handler, 0, 0, 0, 0, Fault_Handler, Fault_Handler, 0, Fault_Handler, SysTick_Handler,
    EVERY_IRQ(ENTRY)
};
