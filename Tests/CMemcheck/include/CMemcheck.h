// Tells valgrind's memcheck which memory holds secrets: it then reports every branch and every address that depends on them.
#pragma once
#include <stddef.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>

static inline int memcheck_is_running(void) { return RUNNING_ON_VALGRIND; }
static inline void memcheck_make_secret(const void *at, size_t count) { VALGRIND_MAKE_MEM_UNDEFINED(at, count); }
static inline void memcheck_make_public(const void *at, size_t count) { VALGRIND_MAKE_MEM_DEFINED(at, count); }
#else
static inline int memcheck_is_running(void) { return 0; }
static inline void memcheck_make_secret(const void *at, size_t count) {}
static inline void memcheck_make_public(const void *at, size_t count) {}
#endif
