// Field arithmetic for ARMv7E-M (Cortex-M4, M7): contract in Ed25519Kernel.h.
//
// UMAAL computes (RdHi, RdLo) = Rn Rm + RdLo + RdHi, which never overflows: (2^32-1)^2 + 2 (2^32-1) = 2^64 - 1. So a row of the product
// is a chain of UMAALs whose RdHi is the carry, and no flag is involved (ARMv7-M Architecture Reference Manual, A7.7.203).
//
// The last step folds T = 2^256 hi + lo, hi and lo of eight words, into 38 hi + lo, in one pass without a carry left at its end:
// the top word goes first, 38 hi[7] + lo[7] = 2^31 x + y with x < 2^7 + 2^1 and y < 2^31; then c = 19 x enters the chain
// lo[i] + 38 hi[i], i = 0…6, which hands a carry of at most 38 to y. So the result is at most (2^31 + 37) 2^224 + …: below 2^256.
//
// Within the kernels (point_armv7em.S) operations follow a convention of their own: the operands' addresses in r1, r2, the result's in r0,
// and every register but sp may change, r4-r11 too: nothing is saved and restored. Those with names from the header are wrapped to keep Arm's.
//
// Cycles, by Arm's table of instruction timings, without the call: product 180, square 163, sum and difference 52, double 41.
#if defined(__ARM_ARCH_7EM__)
#include "armv7em.h"

// \c = 19 x and \y = y of the comment above; in: \c = high word, \y = low word of 38 hi[7] + lo[7].
    .macro fold_top c, y, temporary
    lsl \c, \c, #1
    orr \c, \c, \y, lsr #31
    bic \y, \y, #0x80000000
    add \temporary, \c, \c, lsl #3
    add \c, \c, \temporary, lsl #1
    .endm

// The product in four blocks of 4 x 4 words: a[0…3] b[0…3], a[0…3] b[4…7], a[4…7] b[0…3], a[4…7] b[4…7]. Each row of a block adds
// a[i…i+3] b[j]; its carry starts from 0 or, in the last block, from the word of the first blocks that has its weight.
    wrapped ed25519_field_multiply, ed25519_product
    inner ed25519_product
    ldm r1!, {r3-r6}
    push {r0, r1, lr}
    ldm r2!, {r7-r10}
    // a[0…3] b[0…3]
    umull r0, r1, r3, r7
    mov r11, #0
    umaal r1, r11, r4, r7
    mov r12, #0
    umaal r11, r12, r5, r7
    mov lr, #0
    umaal r12, lr, r6, r7
    mov r7, #0
    umaal r1, r7, r3, r8
    umaal r11, r7, r4, r8
    umaal r12, r7, r5, r8
    umaal lr, r7, r6, r8
    mov r8, #0
    umaal r11, r8, r3, r9
    umaal r12, r8, r4, r9
    umaal lr, r8, r5, r9
    umaal r7, r8, r6, r9
    mov r9, #0
    umaal r12, r9, r3, r10
    umaal lr, r9, r4, r10
    umaal r7, r9, r5, r10
    umaal r8, r9, r6, r10
    push {r0, r1, r11, r12}
    // a[0…3] b[4…7]
    ldm r2, {r0, r1, r11, r12}
    mov r10, #0
    umaal lr, r10, r3, r0
    umaal r7, r10, r4, r0
    umaal r8, r10, r5, r0
    umaal r9, r10, r6, r0
    mov r0, #0
    umaal r7, r0, r3, r1
    umaal r8, r0, r4, r1
    umaal r9, r0, r5, r1
    umaal r10, r0, r6, r1
    mov r1, #0
    umaal r8, r1, r3, r11
    umaal r9, r1, r4, r11
    umaal r10, r1, r5, r11
    umaal r0, r1, r6, r11
    mov r11, #0
    umaal r9, r11, r3, r12
    umaal r10, r11, r4, r12
    umaal r0, r11, r5, r12
    umaal r1, r11, r6, r12
    push {r0, r1, r10, r11}  // words 9, 10, 8, 11
    // a[4…7] b[0…3]
    ldr r12, [sp, #36]
    ldm r12, {r3-r6}
    sub r2, r2, #16
    ldm r2!, {r0, r1, r10, r11}
    mov r12, #0
    umaal lr, r12, r3, r0
    umaal r7, r12, r4, r0
    umaal r8, r12, r5, r0
    umaal r9, r12, r6, r0
    mov r0, #0
    umaal r7, r0, r3, r1
    umaal r8, r0, r4, r1
    umaal r9, r0, r5, r1
    umaal r12, r0, r6, r1
    mov r1, #0
    umaal r8, r1, r3, r10
    umaal r9, r1, r4, r10
    umaal r12, r1, r5, r10
    umaal r0, r1, r6, r10
    mov r10, #0
    umaal r9, r10, r3, r11
    umaal r12, r10, r4, r11
    umaal r0, r10, r5, r11
    umaal r1, r10, r6, r11
    push {r7, r8, r9, lr}  // words 5, 6, 7, 4
    // a[4…7] b[4…7]
    ldm r2, {r7, r8, r9, r11}
    ldr lr, [sp, #24]
    umaal r12, lr, r3, r7
    umaal r0, lr, r4, r7
    umaal r1, lr, r5, r7
    umaal r10, lr, r6, r7
    ldr r7, [sp, #16]
    umaal r0, r7, r3, r8
    umaal r1, r7, r4, r8
    umaal r10, r7, r5, r8
    umaal lr, r7, r6, r8
    ldr r8, [sp, #20]
    umaal r1, r8, r3, r9
    umaal r10, r8, r4, r9
    umaal lr, r8, r5, r9
    umaal r7, r8, r6, r9
    ldr r9, [sp, #28]
    umaal r10, r9, r3, r11
    umaal lr, r9, r4, r11
    umaal r7, r9, r5, r11
    umaal r8, r9, r6, r11
    // hi: r12, r0, r1, r10, lr, r7, r8, r9
    mov r2, #38
    ldr r3, [sp, #8]
    mov r11, #0
    umaal r3, r11, r9, r2
    fold_top r11, r3, r9
    add r4, sp, #32
    ldm r4, {r4, r5, r6, r9}
    umaal r4, r11, r12, r2
    umaal r5, r11, r0, r2
    umaal r6, r11, r1, r2
    umaal r9, r11, r10, r2
    pop {r0, r1, r10, r12}
    umaal r12, r11, lr, r2
    umaal r0, r11, r7, r2
    umaal r1, r11, r8, r2
    add r3, r3, r11
    add sp, sp, #32
    pop {r2, r7, lr}
    stm r2!, {r4, r5, r6, r9, r12}
    stm r2, {r0, r1, r3}
    bx lr

// The square: s[w], the sum of a[i] a[w-i] for i < w - i, column by column, a column being the words of its weight added up by UMAAL;
// then T = 2 s + (a[i]^2 at words 2i, 2i+1), again by UMAAL, whose factor 2 and carry never overflow.
    wrapped ed25519_field_square, ed25519_square
    inner ed25519_square
    push {r0, lr}
    ldm r1, {r3-r10}
    sub sp, sp, #64
    // s1
    umull r0, r1, r3, r4
    // s2
    mov r2, #0
    umaal r2, r1, r3, r5
    strd r0, r2, [sp, #4]
    // s3
    umull r11, r12, r3, r6
    umaal r11, r1, r4, r5
    // s4
    umaal r1, r12, r3, r7
    mov lr, #0
    umaal lr, r1, r4, r6
    strd r11, lr, [sp, #12]
    // s5
    umull r0, r2, r3, r8
    umaal r1, r12, r4, r7
    umaal r0, r1, r5, r6
    // s6
    umaal r12, r2, r3, r9
    umaal r1, r12, r4, r8
    mov r11, #0
    umaal r11, r1, r5, r7
    strd r0, r11, [sp, #20]
    // s7
    umull lr, r0, r3, r10
    umaal r12, r2, r4, r9
    umaal r1, r12, r5, r8
    umaal lr, r1, r6, r7
    // s8
    umaal r2, r0, r4, r10
    umaal r12, r2, r5, r9
    umaal r1, r12, r6, r8
    strd lr, r1, [sp, #28]
    // s9
    umaal r2, r0, r5, r10
    umaal r12, r2, r6, r9
    mov r11, #0
    umaal r11, r12, r7, r8
    // s10
    umaal r2, r0, r6, r10
    umaal r12, r2, r7, r9
    strd r11, r12, [sp, #36]
    // s11
    umaal r2, r0, r7, r10
    mov lr, #0
    umaal lr, r2, r8, r9
    // s12
    umaal r2, r0, r8, r10
    strd lr, r2, [sp, #44]
    // s13
    mov r1, #0
    umaal r1, r0, r9, r10
    strd r1, r0, [sp, #52]
    mov r11, #2
    mov r12, #0
    // words 0, 1
    ldr lr, [sp, #4]
    umull r0, r3, r3, r3
    umaal r3, r12, lr, r11
    strd r0, r3, [sp]
    // words 2, 3
    ldrd r0, r1, [sp, #8]
    umull r2, r4, r4, r4
    umaal r2, r12, r0, r11
    umaal r4, r12, r1, r11
    strd r2, r4, [sp, #8]
    // words 4, 5
    ldrd r0, r1, [sp, #16]
    umull r2, r5, r5, r5
    umaal r2, r12, r0, r11
    umaal r5, r12, r1, r11
    strd r2, r5, [sp, #16]
    // words 6, 7
    ldrd r0, r1, [sp, #24]
    umull r2, r6, r6, r6
    umaal r2, r12, r0, r11
    umaal r6, r12, r1, r11
    // words 8, 9
    ldrd r0, r1, [sp, #32]
    umull r3, r7, r7, r7
    umaal r3, r12, r0, r11
    umaal r7, r12, r1, r11
    // words 10, 11
    ldrd r0, r1, [sp, #40]
    umull r4, r8, r8, r8
    umaal r4, r12, r0, r11
    umaal r8, r12, r1, r11
    // words 12, 13
    ldrd r0, r1, [sp, #48]
    umull r5, r9, r9, r9
    umaal r5, r12, r0, r11
    umaal r9, r12, r1, r11
    // words 14, 15
    ldr r0, [sp, #56]
    umull lr, r10, r10, r10
    umaal lr, r12, r0, r11
    add r10, r10, r12
    // hi: r3, r7, r4, r8, r5, r9, lr, r10
    mov r11, #38
    mov r12, #0
    umaal r6, r12, r10, r11
    fold_top r12, r6, r0
    ldrd r0, r1, [sp]
    umaal r0, r12, r3, r11
    umaal r1, r12, r7, r11
    ldrd r3, r7, [sp, #8]
    umaal r3, r12, r4, r11
    umaal r7, r12, r8, r11
    ldrd r4, r8, [sp, #16]
    umaal r4, r12, r5, r11
    umaal r8, r12, r9, r11
    umaal r2, r12, lr, r11
    add r6, r6, r12
    ldr r10, [sp, #64]
    stm r10!, {r0, r1, r3, r7}
    strd r4, r8, [r10]
    strd r2, r6, [r10, #8]
    add sp, sp, #68
    pop {pc}

// r = a squared r2 times, r2 > 0.
    function ed25519_field_square_times
    push {r4-r11, lr}
    push {r0, r2}
1:  bl ed25519_square
    ldrd r0, r2, [sp]
    mov r1, r0
    subs r2, r2, #1
    str r2, [sp, #4]
    bne 1b
    add sp, sp, #8
    pop {r4-r11, pc}

// The carry out of 2^256 weighs 38. If adding 38 carries again, what remains is below 38, and adding 38 once more does not.
    wrapped ed25519_field_add, ed25519_sum
    inner ed25519_sum
    ldm r1, {r3-r10}
    ldm r2!, {r1, r11, r12}
    adds r3, r3, r1
    adcs r4, r4, r11
    adcs r5, r5, r12
    ldm r2!, {r1, r11, r12}
    adcs r6, r6, r1
    adcs r7, r7, r11
    adcs r8, r8, r12
    ldm r2, {r1, r2}
    adcs r9, r9, r1
    adcs r10, r10, r2
    b.w 1f

// 2 a, in r0 r1.
    .type ed25519_twice, %function
    .global ed25519_twice
    .hidden ed25519_twice
    .thumb_func
ed25519_twice:
    ldm r1, {r3-r10}
    adds r3, r3, r3
    adcs r4, r4, r4
    adcs r5, r5, r5
    adcs r6, r6, r6
    adcs r7, r7, r7
    adcs r8, r8, r8
    adcs r9, r9, r9
    adcs r10, r10, r10
1:  mov r11, #38
    sbc r1, r1, r1  // 0 if carry, else -1
    bic r1, r11, r1
    adds r3, r3, r1
    adcs r4, r4, #0
    adcs r5, r5, #0
    adcs r6, r6, #0
    adcs r7, r7, #0
    adcs r8, r8, #0
    adcs r9, r9, #0
    adcs r10, r10, #0
    sbc r1, r1, r1
    bic r1, r11, r1
    add r3, r3, r1
    stm r0, {r3-r10}
    bx lr

// Likewise the borrow from 2^256: after a second one, what remains is at least 2^256 - 38.
    wrapped ed25519_field_subtract, ed25519_difference
    inner ed25519_difference
    ldm r1, {r3-r10}
    ldm r2!, {r1, r11, r12}
    subs r3, r3, r1
    sbcs r4, r4, r11
    sbcs r5, r5, r12
    ldm r2!, {r1, r11, r12}
    sbcs r6, r6, r1
    sbcs r7, r7, r11
    sbcs r8, r8, r12
    ldm r2, {r1, r2}
    sbcs r9, r9, r1
    sbcs r10, r10, r2
    sbc r1, r1, r1  // -1 if borrow, else 0
    and r1, r1, #38
    subs r3, r3, r1
    sbcs r4, r4, #0
    sbcs r5, r5, #0
    sbcs r6, r6, #0
    sbcs r7, r7, #0
    sbcs r8, r8, #0
    sbcs r9, r9, #0
    sbcs r10, r10, #0
    sbc r1, r1, r1
    and r1, r1, #38
    sub r3, r3, r1
    stm r0, {r3-r10}
    bx lr
#endif
