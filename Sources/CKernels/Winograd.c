#include "Winograd.h"

#include <string.h>

#include "processor.h"

#if defined(__clang__)
#pragma clang fp reassociate(on) contract(fast)
#endif

/// The functions for one kind of processor; those of F(4×4, 3×3) first, then those of F(2×2, 3×3).
typedef struct {
  void (*input[2])(const ck_winograd *, const float *, size_t, size_t, float *, size_t, size_t);
  void (*gradient[2])(const ck_winograd *, const float *, size_t, size_t, float *, size_t, size_t);
  void (*output[2])(const ck_winograd *, const float *, size_t, size_t, size_t, size_t, const float *, const float *,
                    const float *, float *);
  void (*weights[2])(const float *, size_t, size_t, int, size_t, size_t, size_t, float *);
  void (*weight_gradient[2])(const float *, size_t, size_t, size_t, size_t, size_t, size_t, float *);
} functions;

#define VECTOR KIND(vector)

#if defined(X86_KINDS)

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"), min_vector_width(512))), apply_to = function)
#define PROCESSOR v4
#define LANES 16
#include "kind.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#define PROCESSOR v3
#define LANES 8
#include "kind.inc"
#pragma clang attribute pop

#endif

#if defined(__aarch64__)
#define PROCESSOR neon
#else
#define PROCESSOR any
#endif
#define LANES 4
#include "kind.inc"

static const functions *chosen(void) {
#if defined(X86_KINDS)
  if (processor() == PROCESSOR_V4) return &functions_v4;
  if (processor() == PROCESSOR_V3) return &functions_v3;
#endif
#if defined(__aarch64__)
  return &functions_neon;
#else
  return &functions_any;
#endif
}

void ck_winograd_input(const ck_winograd *g, const float *x, size_t first, size_t count, float *v, size_t stride,
                       size_t plane) {
  chosen()->input[g->m == 2](g, x, first, count, v, stride, plane);
}
void ck_winograd_gradient(const ck_winograd *g, const float *gy, size_t first, size_t count, float *z, size_t stride,
                          size_t plane) {
  chosen()->gradient[g->m == 2](g, gy, first, count, z, stride, plane);
}
void ck_winograd_output(const ck_winograd *g, const float *u, size_t plane, size_t first, size_t count, size_t column,
                        const float *bias, const float *channel_bias, const float *residual, float *y) {
  chosen()->output[g->m == 2](g, u, plane, first, count, column, bias, channel_bias, residual, y);
}
void ck_winograd_weights(int64_t m, const float *w, size_t channels, size_t outputs, int turned, size_t column,
                         size_t first, size_t count, float *panel) {
  chosen()->weights[m == 2](w, channels, outputs, turned, column, first, count, panel);
}
void ck_winograd_weight_gradient(int64_t m, const float *sums, size_t stride, size_t plane, size_t first, size_t count,
                                 size_t channels, size_t outputs, float *gw) {
  chosen()->weight_gradient[m == 2](sums, stride, plane, first, count, channels, outputs, gw);
}
