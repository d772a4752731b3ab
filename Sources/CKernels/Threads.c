#define _GNU_SOURCE
#include "CKernels.h"

#ifdef __linux__
#include <sched.h>

int ck_processor(void) { return sched_getcpu(); }

void ck_leave_processor(int processor) {
  cpu_set_t allowed, others;
  if (processor < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  others = allowed;
  CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) == 0) return;
  // The first call moves the thread at once, the second lets the system move it again when it likes.
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
int ck_processor(void) { return -1; }
void ck_leave_processor(int processor) { (void)processor; }
#endif
