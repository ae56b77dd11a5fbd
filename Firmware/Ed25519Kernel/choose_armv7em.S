// Choosing from a table in constant time for ARMv7E-M: contract in Ed25519Kernel.h.
//
// Bit i of 1 << index says whether row i is the one. UADD8 adds the mask made of it to itself, which carries in all four bytes or in none; the
// carries are the GE flags, by which SEL takes each byte from one register or from another: no branch, no condition, one cycle for either
// (ARMv7-M Architecture Reference Manual, A7.7.158, A7.7.198). Eight words of each row in a pass, three passes. About 650 cycles.
#if defined(__ARM_ARCH_7EM__)
#include "armv7em.h"

// r4-r11 = the eight words at r1 of row \i if it is chosen; r1 goes to the next row.
    .macro row i
    sbfx r3, r2, #\i, #1
    uadd8 r3, r3, r3
    ldm r1!, {r0, r3, r12, lr}
    sel r4, r0, r4
    sel r5, r3, r5
    sel r6, r12, r6
    sel r7, lr, r7
    ldm r1!, {r0, r3, r12, lr}
    sel r8, r0, r8
    sel r9, r3, r9
    sel r10, r12, r10
    sel r11, lr, r11
    adds r1, r1, #64
    .endm

// Exchanges two registers where the GE flags are set.
    .macro exchange a, b
    sel r12, \b, \a
    sel \b, \a, \b
    mov \a, r12
    .endm

    function ed25519_choose
    push {r4-r11, lr}
    movs r12, #1
    lsl r2, r12, r2
    movs r12, #3
    push {r0, r3, r12}  // r, the mask, passes
1:  movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    mov r8, #0
    mov r9, #0
    mov r10, #0
    mov r11, #0
    row 0
    row 1
    row 2
    row 3
    row 4
    row 5
    row 6
    row 7
    ldr r0, [sp]
    stm r0!, {r4-r11}
    ldr r12, [sp, #8]
    sub r1, r1, #736  // eight rows back, eight words on
    str r0, [sp]
    subs r12, r12, #1
    str r12, [sp, #8]
    bne 1b
    pop {r0, r3, r12}
    subs r0, r0, #96
    uadd8 r12, r3, r3
    ldm r0, {r4-r11}
    add r1, r0, #32
    ldr r2, [r1]
    exchange r4, r2
    str r2, [r1]
    ldr r2, [r1, #4]
    exchange r5, r2
    str r2, [r1, #4]
    ldr r2, [r1, #8]
    exchange r6, r2
    str r2, [r1, #8]
    ldr r2, [r1, #12]
    exchange r7, r2
    str r2, [r1, #12]
    ldr r2, [r1, #16]
    exchange r8, r2
    str r2, [r1, #16]
    ldr r2, [r1, #20]
    exchange r9, r2
    str r2, [r1, #20]
    ldr r2, [r1, #24]
    exchange r10, r2
    str r2, [r1, #24]
    ldr r2, [r1, #28]
    exchange r11, r2
    str r2, [r1, #28]
    stm r0, {r4-r11}
    // -t = (2^256 - 1 - t) - 37 modulo p: entries are below p, so nothing is borrowed from the top.
    adds r0, r0, #64
    ldm r0, {r4-r11}
    eors r4, r4, r3
    eors r5, r5, r3
    eors r6, r6, r3
    eors r7, r7, r3
    eor r8, r8, r3
    eor r9, r9, r3
    eor r10, r10, r3
    eor r11, r11, r3
    and r3, r3, #37
    subs r4, r4, r3
    sbcs r5, r5, #0
    sbcs r6, r6, #0
    sbcs r7, r7, #0
    sbcs r8, r8, #0
    sbcs r9, r9, #0
    sbcs r10, r10, #0
    sbc r11, r11, #0
    stm r0, {r4-r11}
    pop {r4-r11, pc}
#endif
