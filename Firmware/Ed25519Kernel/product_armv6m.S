// Products of 128 bits for field_armv6m.S, column by column: a product of words is four of half words, as the processor multiplies 32 x 32
// bits to the lower 32 only. Operands and result are in the caller's frame.
#if defined(__ARM_ARCH_6M__)
    .syntax unified
    .thumb

// (r0, r4) = the product of the words at sp + \a and sp + \b. Changes r1-r3.
    .macro product a, b
    ldr r0, [sp, #\a]
    ldr r1, [sp, #\b]
    uxth r2, r0
    lsrs r0, r0, #16
    uxth r3, r1
    lsrs r1, r1, #16
    mov r4, r2
    muls r4, r3, r4
    muls r2, r1, r2
    muls r3, r0, r3
    muls r0, r1, r0
    lsls r1, r2, #16
    lsrs r2, r2, #16
    adds r4, r4, r1
    adcs r0, r2
    lsls r1, r3, #16
    lsrs r3, r3, #16
    adds r4, r4, r1
    adcs r0, r3
    .endm

// (r0, r4) = the square of the word at sp + \a. Changes r1, r2.
    .macro square_of a
    ldr r0, [sp, #\a]
    uxth r2, r0
    lsrs r0, r0, #16
    mov r4, r2
    muls r4, r4, r4
    muls r2, r0, r2
    muls r0, r0, r0
    lsls r1, r2, #17
    lsrs r2, r2, #15
    adds r4, r4, r1
    adcs r0, r2
    .endm

    .section .text.ed25519_multiply_128, "ax", %progbits
    .p2align 2
    .thumb_func
    .global ed25519_multiply_128
    .hidden ed25519_multiply_128
    .type ed25519_multiply_128, %function
// The words at sp + 32 = those at sp + 0 times those at sp + 16. Changes r0-r7; uses no stack of its own.
ed25519_multiply_128:
    // word 0
    product 0, 16
    str r4, [sp, #32]
    mov r6, r0
    // word 1
    product 0, 20
    movs r7, #0
    adds r6, r6, r4
    adcs r7, r0
    movs r5, #0
    product 4, 16
    movs r1, #0
    adds r6, r6, r4
    adcs r7, r0
    adcs r5, r1
    str r6, [sp, #36]
    // word 2
    product 0, 24
    adds r7, r7, r4
    adcs r5, r0
    movs r6, #0
    adcs r6, r6
    product 4, 20
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    product 8, 16
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    str r7, [sp, #40]
    // word 3
    product 0, 28
    adds r5, r5, r4
    adcs r6, r0
    movs r7, #0
    adcs r7, r7
    product 4, 24
    movs r1, #0
    adds r5, r5, r4
    adcs r6, r0
    adcs r7, r1
    product 8, 20
    movs r1, #0
    adds r5, r5, r4
    adcs r6, r0
    adcs r7, r1
    product 12, 16
    movs r1, #0
    adds r5, r5, r4
    adcs r6, r0
    adcs r7, r1
    str r5, [sp, #44]
    // word 4
    product 4, 28
    adds r6, r6, r4
    adcs r7, r0
    movs r5, #0
    adcs r5, r5
    product 8, 24
    movs r1, #0
    adds r6, r6, r4
    adcs r7, r0
    adcs r5, r1
    product 12, 20
    movs r1, #0
    adds r6, r6, r4
    adcs r7, r0
    adcs r5, r1
    str r6, [sp, #48]
    // word 5
    product 8, 28
    adds r7, r7, r4
    adcs r5, r0
    movs r6, #0
    adcs r6, r6
    product 12, 24
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    str r7, [sp, #52]
    // word 6
    product 12, 28
    adds r5, r5, r4
    adcs r6, r0
    str r5, [sp, #56]
    str r6, [sp, #60]
    bx lr

    .section .text.ed25519_square_128, "ax", %progbits
    .p2align 2
    .thumb_func
    .global ed25519_square_128
    .hidden ed25519_square_128
    .type ed25519_square_128, %function
// The words at sp + 32 = the square of those at sp + 0. Changes r0-r7; uses no stack of its own.
ed25519_square_128:
    // word 0
    square_of 0
    str r4, [sp, #32]
    mov r6, r0
    // word 1
    product 0, 4
    adds r4, r4, r4
    adcs r0, r0, r0
    movs r5, #0
    adcs r5, r5
    movs r7, #0
    adds r6, r6, r4
    adcs r7, r0
    movs r1, #0
    adcs r5, r1
    str r6, [sp, #36]
    // word 2
    product 0, 8
    adds r4, r4, r4
    adcs r0, r0, r0
    movs r6, #0
    adcs r6, r6
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    square_of 4
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    str r7, [sp, #40]
    // word 3
    product 0, 12
    adds r4, r4, r4
    adcs r0, r0, r0
    movs r7, #0
    adcs r7, r7
    movs r1, #0
    adds r5, r5, r4
    adcs r6, r0
    adcs r7, r1
    product 4, 8
    movs r1, #0
    adds r4, r4, r4
    adcs r0, r0, r0
    adcs r7, r1
    adds r5, r5, r4
    adcs r6, r0
    adcs r7, r1
    str r5, [sp, #44]
    // word 4
    product 4, 12
    adds r4, r4, r4
    adcs r0, r0, r0
    movs r5, #0
    adcs r5, r5
    movs r1, #0
    adds r6, r6, r4
    adcs r7, r0
    adcs r5, r1
    square_of 8
    movs r1, #0
    adds r6, r6, r4
    adcs r7, r0
    adcs r5, r1
    str r6, [sp, #48]
    // word 5
    product 8, 12
    adds r4, r4, r4
    adcs r0, r0, r0
    movs r6, #0
    adcs r6, r6
    movs r1, #0
    adds r7, r7, r4
    adcs r5, r0
    adcs r6, r1
    str r7, [sp, #52]
    // word 6
    square_of 12
    adds r5, r5, r4
    adcs r6, r0
    str r5, [sp, #56]
    str r6, [sp, #60]
    bx lr
#endif
