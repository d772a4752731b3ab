#define _GNU_SOURCE
#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

typedef void (*sgemm_function)(int, int, int, int, int, int, float, const float *, int, const float *, int, float,
                               float *, int);
typedef void (*dgemm_function)(int, int, int, int, int, int, double, const double *, int, const double *, int, double,
                               double *, int);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *problem = NULL;
static const char *core = "";
static sgemm_function sgemm = NULL;
static dgemm_function dgemm = NULL;

/// The best kernels that every OpenBLAS since 0.3.0 has for this CPU, or for the lesser one that `DIFFUSIONCLIP_KERNELS`
/// asks for; NULL leaves the choice to OpenBLAS.
///
/// On aarch64 it takes ARMv8's for a processor that is newer than it, which are written for NEON as all others are.
static const char *best_core(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const char *limit = getenv("DIFFUSIONCLIP_KERNELS");
  if (limit && !strcmp(limit, "any")) return __builtin_cpu_supports("avx") ? "Sandybridge" : NULL;
  if (!(limit && !strcmp(limit, "v3")) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#elif defined(__aarch64__)
  const char *limit = getenv("DIFFUSIONCLIP_KERNELS");
  if (limit && !strcmp(limit, "any")) return "ARMV8";
#endif
  return NULL;
}

/// Why the library was not loaded. One that is there needs other help than one that is not.
static const char *refusal(void) {
  const char *reason = dlerror();
  if (!reason || strstr(reason, "No such file")) {
    return "OpenBLAS (libopenblas.so.0) cannot be loaded: install libopenblas-dev";
  }
  if (strstr(reason, "Too many open files")) {
    return "OpenBLAS cannot be loaded: allow more open files (`ulimit -n`)";
  }
  if (strstr(reason, "annot allocate memory") || strstr(reason, "failed to map") || strstr(reason, "cannot map")) {
    return "OpenBLAS cannot be loaded: allow more memory (`ulimit -v`)";
  }
  static char text[512];
  snprintf(text, sizeof text, "OpenBLAS cannot be loaded: %s", reason);
  return text;
}

static void load(void) {
  const char *best = best_core();
  if (best) setenv("OPENBLAS_CORETYPE", best, 0);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    problem = refusal();
    return;
  }
  sgemm = (sgemm_function)dlsym(library, "cblas_sgemm");
  dgemm = (dgemm_function)dlsym(library, "cblas_dgemm");
  if (!sgemm || !dgemm) {
    problem = "libopenblas.so.0 has no cblas_sgemm and cblas_dgemm: install libopenblas-dev";
    return;
  }
  char *(*core_name)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
  if (core_name) core = core_name();
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
}

const char *copenblas_load(void) {
  pthread_once(&once, load);
  return problem;
}

const char *copenblas_core(void) { return core; }

/// Some of OpenBLAS's kernels leave the upper halves of the vector registers in use, and then every instruction of the
/// older kind that follows, in whatever code, takes four times as long. (aarch64 has no older kind.)
static void leave_registers(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx")) __asm__ volatile("vzeroupper");
#endif
}

void copenblas_sgemm(int transA, int transB, int M, int N, int K, float alpha, const float *A, int lda,
                     const float *B, int ldb, float beta, float *C, int ldc) {
  copenblas_load();
  sgemm(ROW_MAJOR, transA ? TRANS : NO_TRANS, transB ? TRANS : NO_TRANS, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
  leave_registers();
}

void copenblas_dgemm(int transA, int transB, int M, int N, int K, double alpha, const double *A, int lda,
                     const double *B, int ldb, double beta, double *C, int ldc) {
  copenblas_load();
  dgemm(ROW_MAJOR, transA ? TRANS : NO_TRANS, transB ? TRANS : NO_TRANS, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
  leave_registers();
}
