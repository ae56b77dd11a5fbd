// What the kernels for ARMv7E-M begin with.
    .syntax unified
    .thumb

// A function of the header: with Arm's calling convention.
    .macro function name
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .p2align 2
    .thumb_func
\name:
    .endm

// A function with the kernels' own convention (field_armv7em.S).
    .macro inner name
    .hidden \name
    function \name
    .endm

// The function of the header that is the inner one, but keeps r4-r11.
    .macro wrapped name, inner
    function \name
    push {r4-r11, lr}
    bl \inner
    pop {r4-r11, pc}
    .endm
