// The image header at flash offset 0x200; its layout is in ImageHeader.h.
// Size, hash, application, flags and build are filled after linking.
#include "Startup.h"

#ifndef LIGHTNODE_BOARD_NAME
#define LIGHTNODE_BOARD_NAME ""
#endif
#ifndef LIGHTNODE_MCU_NAME
#define LIGHTNODE_MCU_NAME ""
#endif

__attribute__((section(".image_header"), used)) const ImageHeader lightnode_image_header = {
    .magic = {LIGHTNODE_IMAGE_MAGIC},
    .format = LIGHTNODE_IMAGE_FORMAT,
    .version = {LIGHTNODE_VERSION},
    .board = LIGHTNODE_BOARD_NAME,
    .mcu = LIGHTNODE_MCU_NAME,
};
