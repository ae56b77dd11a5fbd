// Point operations for ARMv7E-M, of the operations in field_armv7em.S: the formulas of Firmware/Ed25519/Point.swift, in the same order.
//
// Cycles, by Arm's table of instruction timings: doubling 1,590, with T 1,780; addition of an affine point 1,680, with T 1,870, of a cached one 190 more.
#if defined(__ARM_ARCH_7EM__)
#include "armv7em.h"

// \to = the address \offset bytes from the one that lies at \base on the stack; \other has that of \otheroffset from \otherbase.
    .macro address to, base, offset, other, otherbase, otheroffset
    .if \base == \otherbase
    .if \offset == \otheroffset
    mov \to, \other
    .else
    add \to, \other, #(\offset - \otheroffset)
    .endif
    .else
    ldr \to, [sp, #\base]
    .if \offset
    adds \to, \to, #\offset
    .endif
    .endif
    .endm

// Calls \f with the operand's address in r1 and the result's in r0.
    .macro unary f, rbase, r, abase, a
    address r0, \rbase, \r, r0, -1, 0
    address r1, \abase, \a, r0, \rbase, \r
    bl ed25519_\f
    .endm

// Calls \f with the operands' addresses in r1 and r2 and the result's in r0.
    .macro operation f, rbase, r, abase, a, bbase, b
    address r0, \rbase, \r, r0, -1, 0
    address r1, \abase, \a, r0, \rbase, \r
    .if \bbase == \abase
    address r2, \bbase, \b, r1, \abase, \a
    .else
    address r2, \bbase, \b, r0, \rbase, \r
    .endif
    bl ed25519_\f
    .endm

// p = 2p. In: r0 = p, r1 = s, 32 words of scratch memory; r2: whether T is made.
// Stack: p at 0, s at 4.
    .equ P, 0
    .equ S, 4
    function ed25519_point_double
    push {r2, r4-r11, lr}
    push {r0, r1}
    operation product, S, 0, P, 0, P, 32
    unary twice, S, 0, S, 0  // E
    unary square, S, 32, P, 0  // A
    unary square, S, 64, P, 32  // B
    unary square, P, 64, P, 64
    unary twice, P, 64, P, 64  // C
    operation difference, S, 96, S, 64, S, 32  // G
    operation sum, S, 32, S, 64, S, 32  // H
    operation difference, S, 64, P, 64, S, 96  // F
    operation product, P, 0, S, 0, S, 64
    operation product, P, 32, S, 96, S, 32
    operation product, P, 64, S, 64, S, 96
    ldr r0, [sp, #8]
    cbz r0, 1f
    operation product, P, 96, S, 0, S, 32
1:  add sp, sp, #12
    pop {r4-r11, pc}

// p += q or p -= q. In: r0 = p, r1 = q, r2 = s, 32 words of scratch memory; r3: bit 0 to subtract, bit 1 to make T, bit 2 if q has 2Z.
// Stack: p at 0, s at 4, where the sum with C goes at 8 and the difference at 12, the factor of Y - X at 16 and of Y + X at 20, q at 24, r3 at 28.
    .equ G, 8
    .equ F, 12
    .equ MINUS, 16
    .equ PLUS, 20
    .equ Q, 24
    function ed25519_point_add
    push {r4-r11, lr}
    // -q has y + x and y - x exchanged and the sign of T changed, which exchanges F and G.
    and r12, r3, #1
    add r6, r1, r12, lsl #5  // PLUS
    eor r7, r12, #1
    add r5, r1, r7, lsl #5  // MINUS
    adds r2, r2, #64
    add r4, r2, r12, lsl #5  // F
    mov r8, r1
    add r1, r2, r7, lsl #5  // G
    subs r2, r2, #64
    mov r9, r3
    mov r7, r6
    mov r6, r5
    mov r5, r4
    mov r4, r1
    mov r3, r2
    mov r2, r0
    push {r2-r9}
    tst r9, #4
    beq 1f
    operation product, P, 64, P, 64, Q, 96  // D
1:  operation difference, S, 0, P, 32, P, 0
    operation sum, S, 32, P, 32, P, 0
    operation product, S, 0, S, 0, MINUS, 0  // A
    operation product, S, 32, S, 32, PLUS, 0  // B
    operation product, P, 96, P, 96, Q, 64  // C
    operation difference, F, 0, P, 64, P, 96
    operation sum, G, 0, P, 64, P, 96
    operation difference, P, 96, S, 32, S, 0  // E
    operation sum, S, 0, S, 32, S, 0  // H
    operation product, P, 0, P, 96, S, 64
    operation product, P, 32, S, 96, S, 0
    operation product, P, 64, S, 64, S, 96
    ldr r0, [sp, #28]
    tst r0, #2
    beq 1f
    operation product, P, 96, P, 96, S, 0
1:  add sp, sp, #32
    pop {r4-r11, pc}
#endif
