// Boot code for chips that start at an address where the image does not lie, since the sectors in between keep the store. It knows of the image
// only where it begins, so it stays the same from one firmware to the next. Linker scripts without a BOOT region leave it out.
#include "Startup.h"

#if __ARM_ARCH >= 7
extern const uint32_t __image_start[];

#define SCB_VTOR 0xE000ED08

// The image's own vector table counts from here on (ARMv7-M Architecture Reference Manual, B3.2.5): initial stack pointer, reset handler.
__attribute__((naked, used, section(".boot.code"))) void Boot_Handler(void) {
    __asm volatile(
        ".syntax unified\n"
        "ldr r0, =__image_start\n"
        "ldr r1, =%c0\n"
        "str r0, [r1]\n"
        "ldm r0, {r1, r2}\n"
        "mov sp, r1\n"
        "bx r2\n"
        ".ltorg\n" ::"i"(SCB_VTOR));
}

__attribute__((used, section(".boot.vectors"))) static void (*const boot_vectors[2])(void) = {
    (void (*)(void))(void *)__stack_top, Boot_Handler};
#endif
