// What the compiler expects of a C library: memory functions, word by word where alignment allows.
#include <stddef.h>
#include <stdint.h>

#define BOTH_ALIGNED(a, b) ((((uintptr_t)(a) | (uintptr_t)(b)) & 3) == 0)
typedef uint32_t __attribute__((may_alias)) word;

__attribute__((used)) void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (BOTH_ALIGNED(d, s))
        for (; n >= 4; n -= 4, d += 4, s += 4) *(word *)d = *(const word *)s;
    while (n--) *d++ = *s++;
    return to;
}

__attribute__((used)) void *memmove(void *to, const void *from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d <= s) return memcpy(to, from, n);
    while (n--) d[n] = s[n];
    return to;
}

__attribute__((used)) void *memset(void *to, int value, size_t n) {
    uint8_t *d = to;
    uint32_t fill = (uint8_t)value * 0x01010101u;
    if (BOTH_ALIGNED(d, 0))
        for (; n >= 4; n -= 4, d += 4) *(word *)d = fill;
    while (n--) *d++ = (uint8_t)value;
    return to;
}

__attribute__((used)) int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (; n--; x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

// Arm run-time ABI names (RTABI32, 4.3.4).
__attribute__((used)) void __aeabi_memcpy(void *to, const void *from, size_t n) { memcpy(to, from, n); }
__attribute__((used)) void __aeabi_memcpy4(void *to, const void *from, size_t n) { memcpy(to, from, n); }
__attribute__((used)) void __aeabi_memcpy8(void *to, const void *from, size_t n) { memcpy(to, from, n); }
__attribute__((used)) void __aeabi_memmove(void *to, const void *from, size_t n) { memmove(to, from, n); }
__attribute__((used)) void __aeabi_memmove4(void *to, const void *from, size_t n) { memmove(to, from, n); }
__attribute__((used)) void __aeabi_memmove8(void *to, const void *from, size_t n) { memmove(to, from, n); }
__attribute__((used)) void __aeabi_memset(void *to, size_t n, int v) { memset(to, v, n); }
__attribute__((used)) void __aeabi_memset4(void *to, size_t n, int v) { memset(to, v, n); }
__attribute__((used)) void __aeabi_memset8(void *to, size_t n, int v) { memset(to, v, n); }
__attribute__((used)) void __aeabi_memclr(void *to, size_t n) { memset(to, 0, n); }
__attribute__((used)) void __aeabi_memclr4(void *to, size_t n) { memset(to, 0, n); }
__attribute__((used)) void __aeabi_memclr8(void *to, size_t n) { memset(to, 0, n); }
