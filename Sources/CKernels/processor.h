// The kinds of x86-64 processors that every kernel is compiled for. Files with kernels are included once per kind, with
// PROCESSOR its name and KIND(f) the spelling of a function's name.
//
// (Clang's target_clones cannot be told to use vectors of 512 bits, which halves the speed of a product.)
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdlib.h>
#include <string.h>

enum processor { PROCESSOR_ANY, PROCESSOR_V3, PROCESSOR_V4 };

/// The best kind of kernels that this processor runs; none better than `DIFFUSIONCLIP_KERNELS` says, which may be "v3"
/// (AVX2) or "any".
static inline enum processor processor(void) {
#if defined(__x86_64__)
  static int known = -1;
  int kind = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (kind < 0) {
    __builtin_cpu_init();
    kind = __builtin_cpu_supports("x86-64-v4") ? PROCESSOR_V4
        : __builtin_cpu_supports("x86-64-v3")  ? PROCESSOR_V3
                                               : PROCESSOR_ANY;
    const char *limit = getenv("DIFFUSIONCLIP_KERNELS");
    if (limit && !strcmp(limit, "v3") && kind > PROCESSOR_V3) kind = PROCESSOR_V3;
    if (limit && !strcmp(limit, "any")) kind = PROCESSOR_ANY;
    __atomic_store_n(&known, kind, __ATOMIC_RELAXED);
  }
  return (enum processor)kind;
#else
  return PROCESSOR_ANY;
#endif
}

#define PASTE(a, b) a##_##b
#define SPELL(a, b) PASTE(a, b)
#define KIND(f) SPELL(f, PROCESSOR)

/// Sends a call to the function for this processor.
#if defined(__x86_64__)
#define CALL(name, ...)                                    \
  (processor() == PROCESSOR_V4   ? name##_v4(__VA_ARGS__)  \
   : processor() == PROCESSOR_V3 ? name##_v3(__VA_ARGS__)  \
                                 : name##_any(__VA_ARGS__))
#else
#define CALL(name, ...) name##_any(__VA_ARGS__)
#endif

#endif
