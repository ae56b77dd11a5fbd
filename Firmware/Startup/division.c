// Division for ARMv6-M, which has no divide instruction: one bit at a time. The compiler's own library spends 1.3 KB on speed that
// nothing here needs: a 64-bit division takes about a thousand cycles. Names and results as in Arm's RTABI32, 4.2 and 4.3.1.
// Nobody divides by zero: Swift checks before it calls.
#include <stdint.h>

#if __ARM_ARCH < 7

__attribute__((used)) uint64_t startup_divide(uint64_t dividend, uint64_t divisor, uint64_t *remainder) {
    uint64_t rest = 0;
    for (int bit = 0; bit < 64; bit++) {
        rest = rest << 1 | dividend >> 63;
        dividend <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            dividend |= 1;
        }
    }
    *remainder = rest;
    return dividend;
}

// Quotient in r0 and r1, remainder in r2 and r3: no C function returns that.
__attribute__((naked, used)) void __aeabi_uldivmod(void) {
    __asm volatile(
        ".syntax unified\n"
        "push {r4, lr}\n"
        "sub sp, #16\n"
        "add r4, sp, #8\n"
        "str r4, [sp]\n"
        "bl startup_divide\n"
        "ldr r2, [sp, #8]\n"
        "ldr r3, [sp, #12]\n"
        "add sp, #16\n"
        "pop {r4, pc}\n");
}

// Quotient in r0, remainder in r1.
__attribute__((used)) uint64_t __aeabi_uidivmod(uint32_t dividend, uint32_t divisor) {
    uint32_t rest = 0;
    for (int bit = 0; bit < 32; bit++) {
        rest = rest << 1 | dividend >> 31;
        dividend <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            dividend |= 1;
        }
    }
    return (uint64_t)rest << 32 | dividend;
}

__attribute__((used)) uint32_t __aeabi_uidiv(uint32_t dividend, uint32_t divisor) {
    return (uint32_t)__aeabi_uidivmod(dividend, divisor);
}

// Rounds towards zero; the remainder has the dividend's sign.
__attribute__((used)) uint64_t __aeabi_idivmod(int32_t dividend, int32_t divisor) {
    uint32_t top = dividend < 0 ? -(uint32_t)dividend : (uint32_t)dividend;
    uint32_t bottom = divisor < 0 ? -(uint32_t)divisor : (uint32_t)divisor;
    uint64_t result = __aeabi_uidivmod(top, bottom);
    uint32_t quotient = (uint32_t)result, rest = (uint32_t)(result >> 32);
    if ((dividend < 0) != (divisor < 0)) quotient = -quotient;
    if (dividend < 0) rest = -rest;
    return (uint64_t)rest << 32 | quotient;
}

__attribute__((used)) int32_t __aeabi_idiv(int32_t dividend, int32_t divisor) { return (int32_t)__aeabi_idivmod(dividend, divisor); }

#endif
