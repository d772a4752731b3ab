/// The hot loops. Every function works on one contiguous piece and in one thread; the caller splits the work.
///
/// `dtype` is CK_FLOAT32 or CK_FLOAT64 and says what the untyped pointers point at. Letters: N items, H W rows and
/// columns, C channels, T tokens, D width.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "Products.h"
#include "Winograd.h"

/// Tells the processor that this thread waits for another.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // `yield` does nothing where a core has one thread, which then would look many times as often as on x86-64.
  __asm__ volatile("isb");
#endif
}

/// The number of the processor that this thread runs on; −1 where that is not known.
int ck_processor(void);
/// Moves this thread to another processor than that one, if it may run on any.
void ck_leave_processor(int processor);

enum { CK_FLOAT32 = 0, CK_FLOAT64 = 1 };

/// Functions of one number. `parameter` is the slope of CK_LEAKY_RELU, and ignored elsewhere.
enum {
  CK_EXP, CK_LOG, CK_SQRT, CK_SQUARE, CK_ABS, CK_TANH, CK_SIGMOID, CK_RELU, CK_LEAKY_RELU, CK_SILU, CK_QUICK_GELU,
  CK_GELU
};
void ck_unary(int dtype, int function, double parameter, const void *x, void *y, size_t n);
/// gx = gy * f'(x)
void ck_unary_gradient(int dtype, int function, double parameter, const void *x, const void *gy, void *gx, size_t n);

enum { CK_ADD, CK_SUBTRACT, CK_MULTIPLY, CK_DIVIDE };
void ck_binary(int dtype, int operation, const void *a, const void *b, void *y, size_t n);
/// y = scale x + shift
void ck_affine(int dtype, const void *x, double scale, double shift, void *y, size_t n);
/// y += scale x
void ck_accumulate(int dtype, const void *x, double scale, void *y, size_t n);
/// y = min(max(x, low), high); its gradient passes where low <= x <= high.
void ck_clamp(int dtype, const void *x, double low, double high, void *y, size_t n);
void ck_clamp_gradient(int dtype, const void *x, double low, double high, const void *gy, void *gx, size_t n);

/// Σ x in double precision.
double ck_sum(int dtype, const void *x, size_t n);
/// Σ x y in double precision.
double ck_dot(int dtype, const void *x, const void *y, size_t n);
/// Whether |x| < limit for every element; an element that is not a number is not.
int ck_all_below(int dtype, const void *x, double limit, size_t n);

/// y[r, c] = x[r, c] + b[c] over `rows` rows of `columns`.
void ck_add_row(int dtype, const void *x, const void *b, void *y, size_t rows, size_t columns);
/// sums[c] = Σ_r x[r, c]
void ck_column_sums(int dtype, const void *x, void *sums, size_t rows, size_t columns);

/// y[i...] = x[Σ i_d strides_d]: permutes, broadcasts (stride 0) or cuts out. At most 8 dimensions, y contiguous.
void ck_gather_strided(int dtype, const void *x, void *y, int dimensions, const int64_t *shape, const int64_t *strides);
/// y[Σ i_d strides_d] += x[i...]: the transpose of ck_gather_strided.
void ck_scatter_add_strided(int dtype, const void *x, void *y, int dimensions, const int64_t *shape,
                            const int64_t *strides);

/// Softmax over each of `rows` rows, of scale·x, and its gradient from the result y.
void ck_softmax(int dtype, const void *x, double scale, void *y, size_t rows, size_t columns);
void ck_softmax_gradient(int dtype, const void *y, double scale, const void *gy, void *gx, size_t rows, size_t columns);

/// Layer normalization of rows of width D; keeps 1/σ and the mean per row in `statistics` [rows, 2].
void ck_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double eps, void *y,
                   void *statistics, size_t rows, size_t columns);
/// gx, and this piece's gw += Σ gy x̂, gb += Σ gy.
void ck_layer_norm_gradient(int dtype, const void *x, const void *weight, const void *statistics, const void *gy,
                            void *gx, void *gw, void *gb, size_t rows, size_t columns);

/// sums[c] = Σ x, sums[C + c] = Σ x² over `pixels` pixels of C channels, in double.
void ck_channel_moments(int dtype, const void *x, double *sums, size_t pixels, size_t channels);
/// y = f(x·scale[c] + shift[c]), f = SiLU where `silu`.
void ck_channel_affine(int dtype, const void *x, const void *scale, const void *shift, int silu, void *y,
                       size_t pixels, size_t channels);
/// With z = x·scale + shift: d = gy·f'(z), sums[c] = Σ d, sums[C + c] = Σ d·x.
void ck_channel_affine_moments(int dtype, const void *x, const void *scale, const void *shift, int silu,
                               const void *gy, void *d, double *sums, size_t pixels, size_t channels);
/// gx = d·a[c] + x·b[c] + e[c]; gx may be d.
void ck_channel_affine_gradient(int dtype, const void *x, const void *d, const void *a, const void *b, const void *e,
                                void *gx, size_t pixels, size_t channels);

/// One output row-block of a convolution as an implicit matrix product, and the two products of its gradient.
///
/// y[p, 0..<columns] (+)= Σ_r Σ_k a[r·a_row + p·a_pixel + k] · b[(r·inner + k)·b_stride + 0..<columns]
/// for p < pixels, r < rows, k < inner. `b` may be read up to the next multiple of 32 columns.
void ck_multiply_windows(int dtype, const void *a, size_t a_row, size_t a_pixel, const void *b, size_t b_stride,
                         const void *bias, void *y, size_t y_pixel, size_t pixels, size_t rows, size_t inner,
                         size_t columns);
/// w[j, 0..<columns] += Σ_p a[p·a_pixel + j] · g[p·columns_stride + 0..<columns] for j < inner, p < pixels.
void ck_multiply_windows_transposed(int dtype, const void *a, size_t a_pixel, const void *g, size_t g_pixel, void *w,
                                    size_t w_stride, size_t pixels, size_t inner, size_t columns);

/// One step of Adam (Kingma & Ba 2015, algorithm 1) with both bias corrections folded into `step` and `eps`:
/// p −= step · m / (√v + eps).
void ck_adam(int dtype, void *p, const void *g, void *m, void *v, double beta1, double beta2, double step, double eps,
             size_t n);

void ck_half_to_float(const uint16_t *x, float *y, size_t n);
/// Rounds to nearest, ties to even.
void ck_float_to_half(const float *x, uint16_t *y, size_t n);

#endif
