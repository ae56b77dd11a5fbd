// Assembly kernels: arithmetic modulo p = 2^255 - 19 for ARMv7E-M (UMAAL) and ARMv6-M, operations on points, choosing from a
// table and SHA-512's rounds for ARMv7E-M. Everything else of Ed25519 is Swift.
#pragma once
#include <stdint.h>

// The contract, the same for every function:
// - An element is eight 32-bit words, least significant first, aligned to 4. Every operand may be any value below 2^256; the result is
//   congruent to the exact one modulo p and again some value below 2^256, not necessarily the least.
// - `r` may be the same element as any operand; elements otherwise do not overlap.
// - The sequence of instructions and addresses does not depend on the values: constant time.
// - Only the stack is used beside the operands: 160 bytes on ARMv7E-M, 220 bytes on ARMv6-M at most. What a function leaves there is not wiped.

/// r = a b
void ed25519_field_multiply(uint32_t *r, const uint32_t *a, const uint32_t *b);
/// r = a^2
void ed25519_field_square(uint32_t *r, const uint32_t *a);
/// r = a + b
void ed25519_field_add(uint32_t *r, const uint32_t *a, const uint32_t *b);
/// r = a - b
void ed25519_field_subtract(uint32_t *r, const uint32_t *a, const uint32_t *b);

#if defined(__ARM_ARCH_7EM__)
/// r = a^(2^count), count > 0
void ed25519_field_square_times(uint32_t *r, const uint32_t *a, uint32_t count);

// Points are four elements X, Y, Z, T, as Firmware/Ed25519/Point.swift has them; `scratch` is four elements.

/// p = 2p; T is made where `makesT` is not 0.
void ed25519_point_double(uint32_t *p, uint32_t *scratch, uint32_t makesT);

#define ED25519_SUBTRACT 1
#define ED25519_MAKE_T 2
#define ED25519_CACHED 4
/// p += q, by the flags: p -= q; T is made; q is (Y+X, Y-X, 2dT, 2Z), not ((y+x)/2, (y-x)/2, dxy). T of p must be valid. Branches by the flags.
void ed25519_point_add(uint32_t *p, const uint32_t *q, uint32_t *scratch, uint32_t flags);

/// r = row `index` of the eight at `table`, which are three elements (y+x)/2, (y-x)/2, dxy of 24 words; where `negative` is all ones and not 0, the
/// first two are exchanged and the third is negated. Reads the whole table, in constant time.
void ed25519_choose(uint32_t *r, const uint32_t *table, uint32_t index, uint32_t negative);

/// Sixteen rounds of SHA-512: the working variables a to h are the eight words at `top` and afterwards those 16 words below, `schedule` and
/// `constants` are 16 words each.
void ed25519_sha512_rounds(uint64_t *top, const uint64_t *schedule, const uint64_t *constants);
/// The next 16 words of the message schedule of SHA-512, in place of the last 16.
void ed25519_sha512_extend(uint64_t *schedule);
#endif
