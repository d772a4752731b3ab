#define _GNU_SOURCE
#include "CFileFaults.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COUNT = 256 };

/// A slot is free where `end` is 0; `start` is set before and read after it.
static struct {
  _Atomic uintptr_t start, end;
  atomic_int happened;
} watched[COUNT];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uintptr_t page = 4096;
static struct sigaction before;

/// Puts zeros where the rest of the file was. Only system calls here.
static void fault(int number, siginfo_t *info, void *context) {
  (void)context;
  uintptr_t place = (uintptr_t)info->si_addr;
  for (int index = 0; index < COUNT; index++) {
    uintptr_t end = atomic_load(&watched[index].end), start = atomic_load(&watched[index].start);
    if (end == 0 || place < start || place >= end) continue;
    place &= ~(page - 1);
    if (mmap((void *)place, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) break;
    atomic_store(&watched[index].happened, 1);
    return;
  }
  // Not ours: it happens again at once, and takes its usual course.
  sigaction(number, &before, NULL);
}

static void install(void) {
  page = (uintptr_t)sysconf(_SC_PAGESIZE);
  struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &before);
}

int cfilefaults_watch(const void *start, size_t size) {
  pthread_once(&once, install);
  pthread_mutex_lock(&mutex);
  int found = -1;
  for (int index = 0; index < COUNT && found < 0; index++) {
    if (atomic_load(&watched[index].end) == 0) found = index;
  }
  if (found >= 0) {
    atomic_store(&watched[found].happened, 0);
    atomic_store(&watched[found].start, (uintptr_t)start);
    atomic_store(&watched[found].end, (uintptr_t)start + size);
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

int cfilefaults_happened(int number) { return atomic_load(&watched[number].happened); }

void cfilefaults_forget(int number) { atomic_store(&watched[number].end, 0); }
