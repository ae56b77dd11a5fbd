// libsodium: the host's own Ed25519, and a witness for ours.
#pragma once
#include <sodium.h>
