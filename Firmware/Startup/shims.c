// What the compiler expects of a C library: memory functions, word by word where alignment allows.
#include <stddef.h>
#include <stdint.h>

#define FUNCTION __attribute__((used, noinline))
#if __ARM_ARCH < 7
// Where division.c says that there is room.
#define LOW __attribute__((section(".low")))
#else
#define LOW
#endif

#ifdef __ARM_FEATURE_UNALIGNED
// ARMv7-M loads and stores words at any address (ARM DDI 0403, A3.2.1), one at a time.
#define BOTH_ALIGNED(a, b) 1
typedef uint32_t __attribute__((may_alias, aligned(1))) word;
#else
#define BOTH_ALIGNED(a, b) ((((uintptr_t)(a) | (uintptr_t)(b)) & 3) == 0)
typedef uint32_t __attribute__((may_alias)) word;
#endif

FUNCTION void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (BOTH_ALIGNED(d, s))
        for (; n >= 4; n -= 4, d += 4, s += 4) *(word *)d = *(const word *)s;
    while (n--) *d++ = *s++;
    return to;
}

FUNCTION void *memmove(void *to, const void *from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d <= s) return memcpy(to, from, n);
    while (n--) d[n] = s[n];
    return to;
}

LOW FUNCTION void *memset(void *to, int value, size_t n) {
    uint8_t *d = to;
    uint32_t fill = (uint8_t)value * 0x01010101u;
    if (BOTH_ALIGNED(d, 0))
        for (; n >= 4; n -= 4, d += 4) *(word *)d = fill;
    while (n--) *d++ = (uint8_t)value;
    return to;
}

FUNCTION int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (; n--; x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

// Arm run-time ABI names (RTABI32, 4.3.4). What they return is not looked at.
#define IS(function) __attribute__((used, alias(#function)))
IS(memcpy) void __aeabi_memcpy(void *to, const void *from, size_t n);
IS(memcpy) void __aeabi_memcpy4(void *to, const void *from, size_t n);
IS(memcpy) void __aeabi_memcpy8(void *to, const void *from, size_t n);
IS(memmove) void __aeabi_memmove(void *to, const void *from, size_t n);
IS(memmove) void __aeabi_memmove4(void *to, const void *from, size_t n);
IS(memmove) void __aeabi_memmove8(void *to, const void *from, size_t n);
FUNCTION void __aeabi_memset(void *to, size_t n, int v) { memset(to, v, n); }
IS(__aeabi_memset) void __aeabi_memset4(void *to, size_t n, int v);
IS(__aeabi_memset) void __aeabi_memset8(void *to, size_t n, int v);
FUNCTION void __aeabi_memclr(void *to, size_t n) { memset(to, 0, n); }
IS(__aeabi_memclr) void __aeabi_memclr4(void *to, size_t n);
IS(__aeabi_memclr) void __aeabi_memclr8(void *to, size_t n);
