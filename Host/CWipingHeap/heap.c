// Overwrites every block of memory that the program gives back, whoever took it: Swift's strings and arrays, a QR encoder, a drawing
// library. So no secret is left in memory that nobody uses any more, nor in a core of it. An executable that depends on this
// target has these functions in place of the C library's (glibc manual, "Replacing malloc": its own remain under the names __libc_…).
#include "CWipingHeap.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
extern void __libc_free(void *);
extern void *__libc_malloc(size_t);

void free(void *block) {
    if (!block) return;
    explicit_bzero(block, malloc_usable_size(block));
    __libc_free(block);
}

// The C library's own would move a block and leave the old one as it was.
void *realloc(void *block, size_t size) {
    if (!block) return __libc_malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    size_t usable = malloc_usable_size(block);
    if (size <= usable) return block;
    void *larger = __libc_malloc(size);
    if (!larger) return NULL;
    memcpy(larger, block, usable);
    free(block);
    return larger;
}
#endif
