// Nothing but the check that a kernel exists for the processor: see field_armv7em.S and field_armv6m.S.
#include "Ed25519Kernel.h"

#if !defined(__ARM_ARCH_7EM__) && !defined(__ARM_ARCH_6M__)
#error "no Ed25519 kernel for this processor: build with LIGHTNODE_ED25519=swift"
#endif
