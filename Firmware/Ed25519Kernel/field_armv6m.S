// Field arithmetic for ARMv6-M (Cortex-M0, M0+): contract in Ed25519Kernel.h.
//
// Karatsuba's method makes one product of 256 bits out of three of 128 (product_armv6m.S): with A = A0 + A1 2^128 and B alike, L = A0 B0,
// H = A1 B1 and M = |A0 - A1| |B0 - B1|, A B = L + (L + H ∓ M) 2^128 + H 2^256, - where the two differences have the same sign.
//
// The last step folds T = 2^256 hi + lo into 38 hi + lo in one pass without a carry left at its end: the top word goes first,
// 38 hi[7] + lo[7] = 2^31 x + y with x < 2^7 + 2^1 and y < 2^31; then 19 x enters the chain lo[i] + 38 hi[i], i = 0…6, which hands
// a carry of at most 39 to y: the result is below 2^256.
//
// Frame, in bytes from sp: 0 operand A, 16 operand B, 32 product, 64 L then T[0…7], 96 H then T[8…15], 128 r, 132 a, 136 b.
#if defined(__ARM_ARCH_6M__)
    .syntax unified
    .thumb

    .macro function name
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .p2align 2
    .thumb_func
\name:
    .endm

    function ed25519_field_multiply
    push {r4-r7, lr}
    sub sp, sp, #144
    str r0, [sp, #128]
    str r1, [sp, #132]
    str r2, [sp, #136]
    // L
    mov r0, sp
    ldm r1!, {r4-r7}
    stm r0!, {r4-r7}
    ldm r2!, {r4-r7}
    stm r0!, {r4-r7}
    bl ed25519_multiply_128
    add r0, sp, #32
    add r1, sp, #64
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    // H
    ldr r1, [sp, #132]
    ldr r2, [sp, #136]
    adds r1, r1, #16
    adds r2, r2, #16
    mov r0, sp
    ldm r1!, {r4-r7}
    stm r0!, {r4-r7}
    ldm r2!, {r4-r7}
    stm r0!, {r4-r7}
    bl ed25519_multiply_128
    add r0, sp, #32
    add r1, sp, #96
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    // M
    ldr r1, [sp, #132]
    ldr r2, [sp, #136]
    mov r0, sp
    ldm r1!, {r4-r7}
    ldr r3, [r1]
    subs r4, r4, r3
    ldr r3, [r1, #4]
    sbcs r5, r3
    ldr r3, [r1, #8]
    sbcs r6, r3
    ldr r3, [r1, #12]
    sbcs r7, r3
    sbcs r3, r3
    eors r4, r3
    eors r5, r3
    eors r6, r3
    eors r7, r3
    subs r4, r4, r3
    sbcs r5, r3
    sbcs r6, r3
    sbcs r7, r3
    stm r0!, {r4-r7}
    mov r12, r3
    mov r1, r2
    ldm r1!, {r4-r7}
    ldr r3, [r1]
    subs r4, r4, r3
    ldr r3, [r1, #4]
    sbcs r5, r3
    ldr r3, [r1, #8]
    sbcs r6, r3
    ldr r3, [r1, #12]
    sbcs r7, r3
    sbcs r3, r3
    eors r4, r3
    eors r5, r3
    eors r6, r3
    eors r7, r3
    subs r4, r4, r3
    sbcs r5, r3
    sbcs r6, r3
    sbcs r7, r3
    stm r0!, {r4-r7}
    mov r1, r12
    eors r3, r1
    mvns r3, r3
    mov r12, r3
    bl ed25519_multiply_128
    mov r6, r12
    b ed25519_combine

    function ed25519_field_square
    push {r4-r7, lr}
    sub sp, sp, #144
    str r0, [sp, #128]
    str r1, [sp, #132]
    // L
    mov r0, sp
    ldm r1!, {r4-r7}
    stm r0!, {r4-r7}
    bl ed25519_square_128
    add r0, sp, #32
    add r1, sp, #64
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    // H
    ldr r1, [sp, #132]
    adds r1, r1, #16
    mov r0, sp
    ldm r1!, {r4-r7}
    stm r0!, {r4-r7}
    bl ed25519_square_128
    add r0, sp, #32
    add r1, sp, #96
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    // M
    ldr r1, [sp, #132]
    mov r0, sp
    ldm r1!, {r4-r7}
    ldr r3, [r1]
    subs r4, r4, r3
    ldr r3, [r1, #4]
    sbcs r5, r3
    ldr r3, [r1, #8]
    sbcs r6, r3
    ldr r3, [r1, #12]
    sbcs r7, r3
    sbcs r3, r3
    eors r4, r3
    eors r5, r3
    eors r6, r3
    eors r7, r3
    subs r4, r4, r3
    sbcs r5, r3
    sbcs r6, r3
    sbcs r7, r3
    stm r0!, {r4-r7}
    bl ed25519_square_128
    movs r6, #0
    mvns r6, r6
    b ed25519_combine

    .section .text.ed25519_combine, "ax", %progbits
    .p2align 2
    .thumb_func
    .type ed25519_combine, %function
// The end of both functions. In: L at 64, H at 96, M at 32, r6 = -1 to subtract M, 0 to add it.
// T = L + (L + H ∓ M) 2^128 + H 2^256: with L = l0 + l1 2^128, H = h0 + h1 2^128 and s = l1 + h0,
// T[0…3] = l0, T[4…7] = s + l0 ∓ m0, T[8…11] = s + h1 ∓ m1, T[12…15] = h1, and the carries from each to the next, kept in r7.
ed25519_combine:
    add r0, sp, #80
    ldm r0!, {r1-r4}
    ldr r5, [r0]
    adds r1, r1, r5
    ldr r5, [r0, #4]
    adcs r2, r5
    ldr r5, [r0, #8]
    adcs r3, r5
    ldr r5, [r0, #12]
    adcs r4, r5
    movs r7, #0
    adcs r7, r7
    str r7, [sp, #16]
    mov r0, sp
    stm r0!, {r1-r4}
    // T[4…7]
    movs r0, #0
    ldr r5, [sp, #64]
    adds r1, r1, r5
    ldr r5, [sp, #68]
    adcs r2, r5
    ldr r5, [sp, #72]
    adcs r3, r5
    ldr r5, [sp, #76]
    adcs r4, r5
    adcs r7, r0
    adds r5, r6, r6  // carry in: 1 to subtract
    ldr r5, [sp, #32]
    eors r5, r6
    adcs r1, r5
    ldr r5, [sp, #36]
    eors r5, r6
    adcs r2, r5
    ldr r5, [sp, #40]
    eors r5, r6
    adcs r3, r5
    ldr r5, [sp, #44]
    eors r5, r6
    adcs r4, r5
    adcs r7, r0
    add r0, sp, #80
    stm r0!, {r1-r4}
    // T[8…11]
    mov r0, sp
    ldm r0!, {r1-r4}
    movs r0, #0
    adds r1, r1, r7
    adcs r2, r0
    adcs r3, r0
    adcs r4, r0
    ldr r7, [sp, #16]
    adcs r7, r0
    ldr r5, [sp, #112]
    adds r1, r1, r5
    ldr r5, [sp, #116]
    adcs r2, r5
    ldr r5, [sp, #120]
    adcs r3, r5
    ldr r5, [sp, #124]
    adcs r4, r5
    adcs r7, r0
    ldr r5, [sp, #48]
    eors r5, r6
    adds r1, r1, r5
    ldr r5, [sp, #52]
    eors r5, r6
    adcs r2, r5
    ldr r5, [sp, #56]
    eors r5, r6
    adcs r3, r5
    ldr r5, [sp, #60]
    eors r5, r6
    adcs r4, r5
    adcs r7, r6
    add r0, sp, #96
    stm r0!, {r1-r4}
    // T[12…15]: r7 is -1 … 3
    asrs r6, r7, #31
    ldm r0!, {r1-r4}
    subs r0, r0, #16
    adds r1, r1, r7
    adcs r2, r6
    adcs r3, r6
    adcs r4, r6
    stm r0!, {r1-r4}
    // 38 T[15] + T[7] = 2^31 x + y, 19 x enters below, y waits in r5
    movs r7, #38
    movs r6, #0
    uxth r1, r4
    lsrs r0, r4, #16
    muls r1, r7, r1
    muls r0, r7, r0
    lsls r2, r0, #16
    lsrs r0, r0, #16
    adds r1, r1, r2
    adcs r0, r6
    ldr r2, [sp, #92]
    adds r1, r1, r2
    adcs r0, r6
    adds r1, r1, r1
    adcs r0, r0
    lsrs r5, r1, #1
    movs r2, #19
    muls r0, r2, r0
    ldr r4, [sp, #128]
    ldr r1, [sp, #96]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #64]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #0]
    ldr r1, [sp, #100]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #68]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #4]
    ldr r1, [sp, #104]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #72]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #8]
    ldr r1, [sp, #108]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #76]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #12]
    ldr r1, [sp, #112]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #80]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #16]
    ldr r1, [sp, #116]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #84]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #20]
    ldr r1, [sp, #120]
    uxth r2, r1
    lsrs r1, r1, #16
    muls r2, r7, r2
    muls r1, r7, r1
    adds r2, r2, r0
    lsls r3, r1, #16
    lsrs r0, r1, #16
    adds r2, r2, r3
    adcs r0, r6
    ldr r3, [sp, #88]
    adds r2, r2, r3
    adcs r0, r6
    str r2, [r4, #24]
    adds r0, r0, r5
    str r0, [r4, #28]
    add sp, sp, #144
    pop {r4-r7, pc}

// Bits from 2^255 on, x of them, weigh 19: a + b = 2^255 x + y with x < 4, so y + 19 x is below 2^256.
    function ed25519_field_add
    push {r4-r7, lr}
    ldm r1!, {r4-r7}
    ldr r3, [r2]
    adds r4, r4, r3
    ldr r3, [r2, #4]
    adcs r5, r3
    ldr r3, [r2, #8]
    adcs r6, r3
    ldr r3, [r2, #12]
    adcs r7, r3
    stm r0!, {r4-r7}
    ldm r1!, {r4-r7}
    ldr r3, [r2, #16]
    adcs r4, r3
    ldr r3, [r2, #20]
    adcs r5, r3
    ldr r3, [r2, #24]
    adcs r6, r3
    ldr r3, [r2, #28]
    adcs r7, r3
    movs r3, #0
    adcs r3, r3
    lsls r7, r7, #1
    adcs r3, r3
    lsrs r7, r7, #1
    movs r2, #19
    muls r3, r2, r3
    movs r2, #0
    subs r0, r0, #16
    ldr r1, [r0]
    adds r1, r1, r3
    str r1, [r0]
    ldr r1, [r0, #4]
    adcs r1, r2
    str r1, [r0, #4]
    ldr r1, [r0, #8]
    adcs r1, r2
    str r1, [r0, #8]
    ldr r1, [r0, #12]
    adcs r1, r2
    str r1, [r0, #12]
    adcs r4, r2
    adcs r5, r2
    adcs r6, r2
    adcs r7, r2
    adds r0, r0, #16
    stm r0!, {r4-r7}
    pop {r4-r7, pc}

// The borrow from 2^256 weighs -38. If subtracting 38 borrows again, what remains is at least 2^256 - 38, and once more does not.
    function ed25519_field_subtract
    push {r4-r7, lr}
    ldm r1!, {r4-r7}
    ldr r3, [r2]
    subs r4, r4, r3
    ldr r3, [r2, #4]
    sbcs r5, r3
    ldr r3, [r2, #8]
    sbcs r6, r3
    ldr r3, [r2, #12]
    sbcs r7, r3
    stm r0!, {r4-r7}
    ldm r1!, {r4-r7}
    ldr r3, [r2, #16]
    sbcs r4, r3
    ldr r3, [r2, #20]
    sbcs r5, r3
    ldr r3, [r2, #24]
    sbcs r6, r3
    ldr r3, [r2, #28]
    sbcs r7, r3
    sbcs r3, r3
    movs r2, #38
    ands r3, r2
    movs r2, #0
    subs r0, r0, #16
    ldr r1, [r0]
    subs r1, r1, r3
    str r1, [r0]
    ldr r1, [r0, #4]
    sbcs r1, r2
    str r1, [r0, #4]
    ldr r1, [r0, #8]
    sbcs r1, r2
    str r1, [r0, #8]
    ldr r1, [r0, #12]
    sbcs r1, r2
    str r1, [r0, #12]
    sbcs r4, r2
    sbcs r5, r2
    sbcs r6, r2
    sbcs r7, r2
    sbcs r3, r3
    movs r2, #38
    ands r3, r2
    ldr r1, [r0]
    subs r1, r1, r3
    str r1, [r0]
    adds r0, r0, #16
    stm r0!, {r4-r7}
    pop {r4-r7, pc}
#endif
