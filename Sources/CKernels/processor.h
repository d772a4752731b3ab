// The kinds of x86-64 processors that every kernel is compiled for. Files with kernels are included once per kind, with
// PROCESSOR its name and KIND(f) the spelling of a function's name.
//
// (Clang's target_clones cannot be told to use vectors of 512 bits, which halves the speed of a product.)
#ifndef PROCESSOR_H
#define PROCESSOR_H

enum processor { PROCESSOR_ANY, PROCESSOR_V3, PROCESSOR_V4 };

/// The best kind of kernels that this processor runs.
static inline enum processor processor(void) {
#if defined(__x86_64__)
  static int known = -1;
  int kind = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (kind < 0) {
    __builtin_cpu_init();
    kind = __builtin_cpu_supports("x86-64-v4") ? PROCESSOR_V4
        : __builtin_cpu_supports("x86-64-v3")  ? PROCESSOR_V3
                                               : PROCESSOR_ANY;
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

#endif
