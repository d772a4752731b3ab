#include "Products.h"

#include <string.h>

#include "processor.h"

#if defined(__clang__)
#pragma clang fp reassociate(on) contract(fast)
#endif

#if defined(X86_KINDS)

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"), min_vector_width(512))), apply_to = function)
#define PROCESSOR v4
#define LANES 16
#define TALL 8
#define WIDE 2
#include "products.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#define PROCESSOR v3
#define LANES 8
#define TALL 4
#define WIDE 2
#include "products.inc"
#pragma clang attribute pop

#endif

#if defined(__aarch64__)

// 16 sums of four numbers are as many multiplications as are under way at once in four multipliers, four cycles each.
// They take 20 of 32 registers with what they are made from; by LLVM's models of Neoverse N1, N2, V1 and V2 nothing but
// the multipliers limits these loops.
#define PROCESSOR neon
#define LANES 4
#define TALL 8
#define WIDE 2
#define BY_LANE
#include "products.inc"
#undef BY_LANE

#else

#define PROCESSOR any
#define LANES 4
#define TALL 4
#define WIDE 2
#include "products.inc"

#endif

int ck_kernels(void) { return (int)processor(); }

void ck_pack(const float *b, size_t stride, int transposed, size_t inner, size_t columns, float *panel) {
  // Runs of rows that stay in the innermost cache.
  for (size_t k0 = 0; k0 < inner; k0 += 16) {
    const size_t end = k0 + 16 < inner ? k0 + 16 : inner;
    if (columns < 32) memset(panel + k0 * 32, 0, (end - k0) * 32 * sizeof(float));
    if (transposed) {
      for (size_t c = 0; c < columns; c++)
        for (size_t k = k0; k < end; k++) panel[k * 32 + c] = b[c * stride + k];
    } else {
      for (size_t k = k0; k < end; k++) memcpy(panel + k * 32, b + k * stride, columns * sizeof(float));
    }
  }
}

void ck_product(const float *a, size_t stride, const float *panel, const float *bias, float *y, size_t y_stride,
                size_t rows, size_t inner, size_t columns) {
  CALL(product, a, stride, panel, bias, y, y_stride, rows, inner, columns);
}

void ck_correlate(const float *a, size_t a_stride, const float *b, size_t b_stride, float *sums, size_t sums_stride,
                  size_t count, size_t rows, size_t columns) {
  CALL(correlate, a, a_stride, b, b_stride, sums, sums_stride, count, rows, columns);
}
