/// Winograd's convolution with 3×3 kernels in float32 (Lavin & Gray 2016): F(4×4, 3×3) and F(2×2, 3×3).
///
/// An output is cut into tiles of M×M pixels, each made from an input of N×N, N = M + 2. With the matrices A, B and G
/// of the paper: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, where ⊙ over all channels is N² matrix products, for which see
/// Products.h. Every function works on a range of tiles or of columns, in one thread; the caller splits the work.
///
/// Transformed inputs are [N², tiles, channels] with `plane` numbers from one of the N² to the next; transformed
/// weights are panels of 32 columns, [⌈columns/32⌉, N², inner, 32], the last filled up with zeros.
#ifndef CKERNELS_WINOGRAD_H
#define CKERNELS_WINOGRAD_H

#include <stddef.h>
#include <stdint.h>

/// The geometry of one convolution, at stride 1.
typedef struct {
  /// M: 4 or 2.
  int64_t m;
  /// Of the input, as the convolution sees it.
  int64_t height, width, channels;
  /// Of the output.
  int64_t output_height, output_width, outputs;
  /// Zeros above and to the left of the input. (Those below and to the right follow from the output's size.)
  int64_t top, left;
  /// Whether the input is stored at half the size, and each of its pixels stands for 2×2.
  int64_t upsample2x;
  /// Whether the output is stored at half the size, each pixel the sum of 2×2.
  int64_t pooled;
} ck_winograd;

/// v = Bᵀ d B for tiles first ..< first + count of x [items, height, width, channels]. Rows of v are `stride` apart, a
/// multiple of 16 numbers.
void ck_winograd_input(const ck_winograd *g, const float *x, size_t first, size_t count, float *v, size_t stride,
                       size_t plane);
/// z = A y Aᵀ for the same tiles of the output's gradient, whose rows are a multiple of 16 numbers apart.
void ck_winograd_gradient(const ck_winograd *g, const float *gy, size_t first, size_t count, float *z, size_t stride,
                          size_t plane);
/// y = Aᵀ u A + bias + channel_bias[item] + residual in the 32 columns from `column`; each but u may be NULL.
void ck_winograd_output(const ck_winograd *g, const float *u, size_t plane, size_t first, size_t count, size_t column,
                        const float *bias, const float *channel_bias, const float *residual, float *y);

/// The panel from `column` of G g Gᵀ for w [3, 3, channels, outputs], inner rows `first` ..< first + count. Where
/// `turned`, of the kernel that takes the output's gradient to the input's: rotated by 180°, channels for columns.
void ck_winograd_weights(int64_t m, const float *w, size_t channels, size_t outputs, int turned, size_t column,
                         size_t first, size_t count, float *panel);
/// gw = Gᵀ sums G for channel rows `first` ..< first + count, from sums [N², channels', stride] with `plane` numbers
/// from one of the N² to the next.
void ck_winograd_weight_gradient(int64_t m, const float *sums, size_t stride, size_t plane, size_t first, size_t count,
                                 size_t channels, size_t outputs, float *gw);

#endif
