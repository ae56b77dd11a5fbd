// Assembly kernels for arithmetic modulo p = 2^255 - 19: ARMv7E-M (UMAAL) and ARMv6-M. Everything else of Ed25519 is Swift.
#pragma once
#include <stdint.h>

// The contract, the same for every function:
// - An element is eight 32-bit words, least significant first, aligned to 4. Every operand may be any value below 2^256; the result is
//   congruent to the exact one modulo p and again some value below 2^256, not necessarily the least.
// - `r` may be the same element as any operand; elements otherwise do not overlap.
// - The sequence of instructions and addresses does not depend on the values: constant time.
// - Only the stack is used beside the operands: 100 bytes on ARMv7E-M, 220 bytes on ARMv6-M at most. What a function leaves there is not wiped.

/// r = a b
void ed25519_field_multiply(uint32_t *r, const uint32_t *a, const uint32_t *b);
/// r = a^2
void ed25519_field_square(uint32_t *r, const uint32_t *a);
/// r = a + b
void ed25519_field_add(uint32_t *r, const uint32_t *a, const uint32_t *b);
/// r = a - b
void ed25519_field_subtract(uint32_t *r, const uint32_t *a, const uint32_t *b);
