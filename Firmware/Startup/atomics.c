// Compare-and-swap for ARMv6-M, which has no exclusive access: with interrupts off on the one core it is as good.
// Swift calls it once for each global variable that is initialised at its first use.
#include <stdint.h>

#if __ARM_ARCH < 7
uint32_t startup_compare_and_swap(volatile uint32_t *at, uint32_t expected, uint32_t desired) __asm("__sync_val_compare_and_swap_4");

__attribute__((used)) uint32_t startup_compare_and_swap(volatile uint32_t *at, uint32_t expected, uint32_t desired) {
    uint32_t mask, old;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(mask)::"memory");
    old = *at;
    if (old == expected) *at = desired;
    __asm volatile("msr primask, %0" ::"r"(mask) : "memory");
    return old;
}
#endif
