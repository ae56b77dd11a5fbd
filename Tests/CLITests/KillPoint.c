// Preloaded into the program: ends it at a system call that changes something, or at any time, or lets such calls fail as on a full disk.
//   LIGHTNODE_KILL_AT=N     SIGKILL before the Nth fsync, fdatasync, rename, link or unlink
//   LIGHTNODE_KILL_CALL=N   SIGKILL before the Nth of these calls and of all that write, to files, to the node or to a pipe
//   LIGHTNODE_KILL_AFTER=N  SIGKILL N microseconds after the start, wherever the program is
//   LIGHTNODE_CALLS=FILE    at a regular end the number of the calls of LIGHTNODE_KILL_CALL is written there
//   LIGHTNODE_FULL=TEXT     writing to a file with TEXT in its path fails with ENOSPC
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long points, calls;

static void call(void) {
    const char *text = getenv("LIGHTNODE_KILL_CALL");
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (text && number == atol(text)) kill(getpid(), SIGKILL);
}

static void point(void) {
    call();
    const char *text = getenv("LIGHTNODE_KILL_AT");
    if (text && atomic_fetch_add(&points, 1) + 1 == atol(text)) kill(getpid(), SIGKILL);
}

static void *later(void *microseconds) {
    usleep((useconds_t)(long)microseconds);
    kill(getpid(), SIGKILL);
    return NULL;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("LIGHTNODE_KILL_AFTER");
    pthread_t thread;
    if (text) pthread_create(&thread, NULL, later, (void *)atol(text));
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("LIGHTNODE_CALLS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld", atomic_load(&calls));
    fclose(file);
}

static int full(int descriptor) {
    const char *text = getenv("LIGHTNODE_FULL");
    if (!text) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, text)) return 0;
    errno = ENOSPC;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int d) { point(); return REAL(fsync)(d); }
int fdatasync(int d) { point(); return REAL(fdatasync)(d); }
int rename(const char *a, const char *b) { point(); return REAL(rename)(a, b); }
int link(const char *a, const char *b) { point(); return REAL(link)(a, b); }
int unlink(const char *a) { point(); return REAL(unlink)(a); }
ssize_t write(int d, const void *b, size_t n) { call(); return full(d) ? -1 : REAL(write)(d, b, n); }
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) { call(); return full(d) ? -1 : REAL(pwrite64)(d, b, n, o); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { call(); return full(d) ? -1 : REAL(pwrite)(d, b, n, o); }
extern int posix_fallocate(int, off_t, off_t);
int posix_fallocate(int d, off_t o, off_t n) { return full(d) ? ENOSPC : REAL(posix_fallocate)(d, o, n); }
