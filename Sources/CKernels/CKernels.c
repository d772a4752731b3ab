#include "CKernels.h"

#include <math.h>
#include <string.h>

#include "processor.h"

// Sums may be re-associated and products contracted, so that loops vectorize; the order that results is fixed by the
// compiler for a CPU type, and never depends on how the work was split.
#if defined(__clang__)
#pragma clang fp reassociate(on) contract(fast)
#endif

/// e^x for |error| ≤ 2 ulp, written so that loops over it vectorize: x = n ln 2 + r, a polynomial in r, an exponent
/// put together from n. Below −87.3 the result is what it is there, 1.2e−38, and above 88.72283 likewise, 3.403e38.
static inline float fast_exp(float x) {
  float clamped = x < -87.33654f ? -87.33654f : x > 88.72283f ? 88.72283f : x;
  float shifted = clamped * 1.44269504f + 12582912.f;  // 1.5 * 2^23: rounds to the nearest integer
  int32_t bits;
  memcpy(&bits, &shifted, 4);
  float n = shifted - 12582912.f;
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // n reaches 128 just below the overflow, where one power of two is not enough.
  int32_t whole = bits - 0x4B400000, half = whole >> 1;
  uint32_t first_bits = (uint32_t)(half + 127) << 23, second_bits = (uint32_t)(whole - half + 127) << 23;
  float first, second;
  memcpy(&first, &first_bits, 4);
  memcpy(&second, &second_bits, 4);
  float result = p * first * second;
  return x != x ? x : result;
}

/// The C library's function for a square root, or the processor's own instruction: the former tells of errors by
/// `errno`, so that no loop with it has vectors. (x86-64's kinds have always called the function.)
#if defined(__aarch64__) && defined(__clang__)
#define SQUARE_ROOT(function) __builtin_elementwise_sqrt
#else
#define SQUARE_ROOT(function) function
#endif

#if defined(X86_KINDS)

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,tune=znver4"), min_vector_width(512))), apply_to = function)
#define PROCESSOR v4
#define BYTES 64
#include "types.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#define PROCESSOR v3
#define BYTES 32
#include "types.inc"
#pragma clang attribute pop

#endif

#if defined(__aarch64__)
#define PROCESSOR neon
#else
#define PROCESSOR any
#endif
#define BYTES 16
#include "types.inc"

/// Sends a call to the function for the scalar type.
#define DISPATCH(name, ...) (dtype == CK_FLOAT32 ? CALL(name##_f32, __VA_ARGS__) : CALL(name##_f64, __VA_ARGS__))

void ck_unary(int dtype, int function, double parameter, const void *x, void *y, size_t n) {
  DISPATCH(unary, function, parameter, x, y, n);
}
void ck_unary_gradient(int dtype, int function, double parameter, const void *x, const void *gy, void *gx, size_t n) {
  DISPATCH(unary_gradient, function, parameter, x, gy, gx, n);
}
void ck_binary(int dtype, int operation, const void *a, const void *b, void *y, size_t n) {
  DISPATCH(binary, operation, a, b, y, n);
}
void ck_affine(int dtype, const void *x, double scale, double shift, void *y, size_t n) {
  DISPATCH(affine, x, scale, shift, y, n);
}
void ck_accumulate(int dtype, const void *x, double scale, void *y, size_t n) {
  DISPATCH(accumulate, x, scale, y, n);
}
void ck_clamp(int dtype, const void *x, double low, double high, void *y, size_t n) {
  DISPATCH(clamp, x, low, high, y, n);
}
void ck_clamp_gradient(int dtype, const void *x, double low, double high, const void *gy, void *gx, size_t n) {
  DISPATCH(clamp_gradient, x, low, high, gy, gx, n);
}
double ck_sum(int dtype, const void *x, size_t n) { return DISPATCH(sum, x, n); }
double ck_dot(int dtype, const void *x, const void *y, size_t n) { return DISPATCH(dot, x, y, n); }
int ck_all_below(int dtype, const void *x, double limit, size_t n) { return DISPATCH(all_below, x, limit, n); }
void ck_add_row(int dtype, const void *x, const void *b, void *y, size_t rows, size_t columns) {
  DISPATCH(add_row, x, b, y, rows, columns);
}
void ck_column_sums(int dtype, const void *x, void *sums, size_t rows, size_t columns) {
  DISPATCH(column_sums, x, sums, rows, columns);
}
void ck_gather_strided(int dtype, const void *x, void *y, int dimensions, const int64_t *shape,
                       const int64_t *strides) {
  DISPATCH(gather_strided, x, y, dimensions, shape, strides);
}
void ck_scatter_add_strided(int dtype, const void *x, void *y, int dimensions, const int64_t *shape,
                            const int64_t *strides) {
  DISPATCH(scatter_add_strided, x, y, dimensions, shape, strides);
}
void ck_softmax(int dtype, const void *x, double scale, void *y, size_t rows, size_t columns) {
  DISPATCH(softmax, x, scale, y, rows, columns);
}
void ck_softmax_gradient(int dtype, const void *y, double scale, const void *gy, void *gx, size_t rows,
                         size_t columns) {
  DISPATCH(softmax_gradient, y, scale, gy, gx, rows, columns);
}
void ck_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double eps, void *y,
                   void *statistics, size_t rows, size_t columns) {
  DISPATCH(layer_norm, x, weight, bias, eps, y, statistics, rows, columns);
}
void ck_layer_norm_gradient(int dtype, const void *x, const void *weight, const void *statistics, const void *gy,
                            void *gx, void *gw, void *gb, size_t rows, size_t columns) {
  DISPATCH(layer_norm_gradient, x, weight, statistics, gy, gx, gw, gb, rows, columns);
}
void ck_channel_moments(int dtype, const void *x, double *sums, size_t pixels, size_t channels) {
  DISPATCH(channel_moments, x, sums, pixels, channels);
}
void ck_channel_affine(int dtype, const void *x, const void *scale, const void *shift, int silu, void *y,
                       size_t pixels, size_t channels) {
  DISPATCH(channel_affine, x, scale, shift, silu, y, pixels, channels);
}
void ck_channel_affine_moments(int dtype, const void *x, const void *scale, const void *shift, int silu,
                               const void *gy, void *d, double *sums, size_t pixels, size_t channels) {
  DISPATCH(channel_affine_moments, x, scale, shift, silu, gy, d, sums, pixels, channels);
}
void ck_channel_affine_gradient(int dtype, const void *x, const void *d, const void *a, const void *b, const void *e,
                                void *gx, size_t pixels, size_t channels) {
  DISPATCH(channel_affine_gradient, x, d, a, b, e, gx, pixels, channels);
}
void ck_multiply_windows(int dtype, const void *a, size_t a_row, size_t a_pixel, const void *b, size_t b_stride,
                         const void *bias, void *y, size_t y_pixel, size_t pixels, size_t rows, size_t inner,
                         size_t columns) {
  DISPATCH(multiply_windows, a, a_row, a_pixel, b, b_stride, bias, y, y_pixel, pixels, rows, inner, columns);
}
void ck_multiply_windows_transposed(int dtype, const void *a, size_t a_pixel, const void *g, size_t g_pixel, void *w,
                                    size_t w_stride, size_t pixels, size_t inner, size_t columns) {
  DISPATCH(multiply_windows_transposed, a, a_pixel, g, g_pixel, w, w_stride, pixels, inner, columns);
}
void ck_adam(int dtype, void *p, const void *g, void *m, void *v, double beta1, double beta2, double step, double eps,
             size_t n) {
  DISPATCH(adam, p, g, m, v, beta1, beta2, step, eps, n);
}

void ck_half_to_float(const uint16_t *x, float *y, size_t n) { CALL(half_to_float, x, y, n); }
void ck_float_to_half(const float *x, uint16_t *y, size_t n) { CALL(float_to_half, x, y, n); }
