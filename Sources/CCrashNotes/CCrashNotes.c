#include "CCrashNotes.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 256, LENGTH = 1024 };

/// `text` is written before `length` is set, and read while it is not 0.
static struct {
  char text[LENGTH];
  atomic_size_t length;
  int taken;
} notes[COUNT];

static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS};
enum { SIGNALS = sizeof signals / sizeof *signals };
static struct sigaction before[SIGNALS];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_flag has_crashed = ATOMIC_FLAG_INIT;

static void say(const char *text, size_t length) {
  while (length > 0) {
    ssize_t written = write(STDERR_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

/// Only what may be called in a handler of signals.
static void crashed(int number, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  if (!atomic_flag_test_and_set(&has_crashed)) {
    int is_first = 1;
    for (int index = 0; index < COUNT; index++) {
      size_t length = atomic_load(&notes[index].length);
      if (length == 0) continue;
      static const char heading[] = "\nthe program crashed; please report it with what stands above. It was at:\n";
      if (is_first) say(heading, sizeof heading - 1);
      is_first = 0;
      say(notes[index].text, length);
      say("\n", 1);
    }
  }
  // It happens again at once, or is sent again, and takes its usual course.
  for (int index = 0; index < SIGNALS; index++) {
    if (signals[index] == number) sigaction(number, &before[index], NULL);
  }
  raise(number);
}

static void install(void) {
  struct sigaction action = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  for (int index = 0; index < SIGNALS; index++) {
    sigaction(signals[index], NULL, &before[index]);
    // What somebody else takes care of is no crash.
    const int is_free = !(before[index].sa_flags & SA_SIGINFO) && before[index].sa_handler == SIG_DFL;
    if (is_free) sigaction(signals[index], &action, NULL);
  }
}

int ccrashnotes_begin(const char *text) {
  pthread_once(&once, install);
  pthread_mutex_lock(&mutex);
  int found = -1;
  for (int index = 0; index < COUNT && found < 0; index++) {
    if (!notes[index].taken) found = index;
  }
  if (found >= 0) {
    size_t length = strnlen(text, LENGTH - 1);
    memcpy(notes[found].text, text, length);
    notes[found].taken = 1;
    atomic_store(&notes[found].length, length);
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

void ccrashnotes_end(int number) {
  if (number < 0 || number >= COUNT) return;
  pthread_mutex_lock(&mutex);
  atomic_store(&notes[number].length, 0);
  notes[number].taken = 0;
  pthread_mutex_unlock(&mutex);
}
