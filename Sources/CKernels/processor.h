// The kinds of processors that every kernel is compiled for: three of x86-64, one of aarch64, one of all others. Files
// with kernels are included once per kind, with PROCESSOR its name and KIND(f) the spelling of a function's name.
//
// Clang compiles them in the program. GCC compiles them too, for their tests, but knows none of Clang's pragmas: of
// x86-64's kinds it makes the one that any such processor runs, and it adds sums up in their order, without vectors.
//
// (Clang's target_clones cannot be told to use vectors of 512 bits, which halves the speed of a product.)
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__clang__)
#define X86_KINDS
#endif

/// Before a loop of a few rounds, whose number is known: none of it remains.
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum processor { PROCESSOR_ANY, PROCESSOR_V3, PROCESSOR_V4, PROCESSOR_NEON };

/// The best kind of kernels that this processor runs; none better than `DIFFUSIONCLIP_KERNELS` says, which may be "v3"
/// (AVX2) or "any". Every aarch64 processor has NEON, so that "any" are the same kernels there, beside those of
/// OpenBLAS that any such processor runs.
static inline enum processor processor(void) {
#if defined(X86_KINDS)
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
#elif defined(__aarch64__)
  const char *limit = getenv("DIFFUSIONCLIP_KERNELS");
  return limit && !strcmp(limit, "any") ? PROCESSOR_ANY : PROCESSOR_NEON;
#else
  return PROCESSOR_ANY;
#endif
}

#define PASTE(a, b) a##_##b
#define SPELL(a, b) PASTE(a, b)
#define KIND(f) SPELL(f, PROCESSOR)

/// Sends a call to the function for this processor.
#if defined(X86_KINDS)
#define CALL(name, ...)                                    \
  (processor() == PROCESSOR_V4   ? name##_v4(__VA_ARGS__)  \
   : processor() == PROCESSOR_V3 ? name##_v3(__VA_ARGS__)  \
                                 : name##_any(__VA_ARGS__))
#elif defined(__aarch64__)
#define CALL(name, ...) name##_neon(__VA_ARGS__)
#else
#define CALL(name, ...) name##_any(__VA_ARGS__)
#endif

#endif
