// Sixteen rounds of SHA-512, and the schedule of the next, for ARMv7E-M: contract in Ed25519Kernel.h, formulas in Firmware/Ed25519/SHA512.swift. About 90
// cycles to a round, 45 to a word of the schedule.
//
// r0 is the window of a to h, r1 the schedule, r2 the constants; e is in r4, r5 and a in r6, r7 from round to round. A 64-bit word is in two registers,
// the lower half first; a rotation is two shifts, which the processor does within an exclusive or.
#if defined(__ARM_ARCH_7EM__)
#include "armv7em.h"

// (\h, \l) += the word in r10, r11.
    .macro add_to l, h
    adds \l, \l, r10
    adc \h, \h, r11
    .endm

// r10, r11 = the word \l, \h rotated right by \a and by \b, exclusive or'ed with it rotated by 32 + \c; all below 32.
    .macro rotations l, h, a, b, c
    lsr r10, \l, #\a
    eor r10, r10, \h, lsl #(32 - \a)
    eor r10, r10, \l, lsr #\b
    eor r10, r10, \h, lsl #(32 - \b)
    eor r10, r10, \h, lsr #\c
    eor r10, r10, \l, lsl #(32 - \c)
    lsr r11, \h, #\a
    eor r11, r11, \l, lsl #(32 - \a)
    eor r11, r11, \h, lsr #\b
    eor r11, r11, \l, lsl #(32 - \b)
    eor r11, r11, \l, lsr #\c
    eor r11, r11, \h, lsl #(32 - \c)
    .endm

    .macro round
    // The choice of f and g by e
    ldrd r8, r9, [r0, #40]
    ldrd r10, r11, [r0, #48]
    eor r8, r8, r10
    eor r9, r9, r11
    and r8, r8, r4
    and r9, r9, r5
    eor r8, r8, r10
    eor r9, r9, r11
    ldrd r10, r11, [r0, #56]  // h
    add_to r8, r9
    ldrd r10, r11, [r1], #8
    add_to r8, r9
    ldrd r10, r11, [r2], #8
    add_to r8, r9
    rotations r4, r5, 14, 18, 9
    add_to r8, r9
    // e = d + that
    ldrd r10, r11, [r0, #24]
    adds r4, r8, r10
    adc r5, r9, r11
    strd r4, r5, [r0, #24]
    // The first rotation of Σ0 is by 28, the others by 32 + 2 and 32 + 7.
    lsr r10, r6, #28
    eor r10, r10, r7, lsl #4
    eor r10, r10, r7, lsr #2
    eor r10, r10, r6, lsl #30
    eor r10, r10, r7, lsr #7
    eor r10, r10, r6, lsl #25
    lsr r11, r7, #28
    eor r11, r11, r6, lsl #4
    eor r11, r11, r6, lsr #2
    eor r11, r11, r7, lsl #30
    eor r11, r11, r6, lsr #7
    eor r11, r11, r7, lsl #25
    add_to r8, r9
    // The majority of a, b and c
    ldrd r10, r11, [r0, #8]
    ldrd r12, lr, [r0, #16]
    orr r3, r6, r10
    and r3, r3, r12
    and r10, r10, r6
    orr r10, r10, r3
    orr r3, r7, r11
    and r3, r3, lr
    and r11, r11, r7
    orr r11, r11, r3
    adds r6, r8, r10
    adc r7, r9, r11
    strd r6, r7, [r0, #-8]!
    .endm

    function ed25519_sha512_rounds
    push {r4-r11, lr}
    add r3, r1, #128
    push {r3, r12}
    ldrd r4, r5, [r0, #32]
    ldrd r6, r7, [r0]
1:  round
    round
    ldr r3, [sp]
    cmp r1, r3
    bne 1b
    add sp, sp, #8
    pop {r4-r11, pc}

// The word at r0 += those \a, \b and \c bytes from it, σ0 of the first and σ1 of the last; r0 goes to the next. σ0 rotates by 1 and 8 and shifts by 7,
// σ1 rotates by 19 and 61, which is 32 + 29, and shifts by 6.
    .macro extend a, b, c
    ldrd r4, r5, [r0, #\a]
    ldrd r6, r7, [r0, #\c]
    ldrd r8, r9, [r0, #\b]
    ldrd r10, r11, [r0]
    add_to r8, r9
    lsr r10, r4, #1
    eor r10, r10, r5, lsl #31
    eor r10, r10, r4, lsr #8
    eor r10, r10, r5, lsl #24
    eor r10, r10, r4, lsr #7
    eor r10, r10, r5, lsl #25
    lsr r11, r5, #1
    eor r11, r11, r4, lsl #31
    eor r11, r11, r5, lsr #8
    eor r11, r11, r4, lsl #24
    eor r11, r11, r5, lsr #7
    add_to r8, r9
    lsr r10, r6, #19
    eor r10, r10, r7, lsl #13
    eor r10, r10, r7, lsr #29
    eor r10, r10, r6, lsl #3
    eor r10, r10, r6, lsr #6
    eor r10, r10, r7, lsl #26
    lsr r11, r7, #19
    eor r11, r11, r6, lsl #13
    eor r11, r11, r6, lsr #29
    eor r11, r11, r7, lsl #3
    eor r11, r11, r7, lsr #6
    add_to r8, r9
    strd r8, r9, [r0], #8
    .endm

// Words 0-15 in turn; of 1, 9 and 14 words further those beyond the end are 16 words back.
    function ed25519_sha512_extend
    push {r4-r11, lr}
    extend 8, 72, 112
    extend 8, 72, 112
    movs r1, #5
1:  extend 8, 72, -16
    subs r1, r1, #1
    bne 1b
    movs r1, #8
1:  extend 8, -56, -16
    subs r1, r1, #1
    bne 1b
    extend -120, -56, -16
    pop {r4-r11, pc}
#endif
