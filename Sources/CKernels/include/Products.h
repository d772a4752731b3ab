/// Matrix products in float32 of what has been put in order for them. Each call is one thread's; the caller splits the
/// work.
///
/// A panel is 32 columns of a matrix, [inner, 32], with zeros where the matrix has fewer.
#ifndef CKERNELS_PRODUCTS_H
#define CKERNELS_PRODUCTS_H

#include <stddef.h>

/// The kind of kernels in use: 3 for NEON, 2 for AVX-512, 1 for AVX2, 0 for those that any processor runs.
int ck_kernels(void);

/// The panel of `columns` ≤ 32 columns of b [inner, …] from b on, whose rows are `stride` apart; where `transposed`, b
/// is stored as [columns, inner].
void ck_pack(const float *b, size_t stride, int transposed, size_t inner, size_t columns, float *panel);
/// y [rows, columns] = a [rows, inner] · panel + bias, columns ≤ 32; bias may be NULL.
void ck_product(const float *a, size_t stride, const float *panel, const float *bias, float *y, size_t y_stride,
                size_t rows, size_t inner, size_t columns);
/// sums [rows, columns] += aᵀ b for a [count, rows] and b [count, columns]; rows must be a multiple of 8 and columns of
/// 32.
void ck_correlate(const float *a, size_t a_stride, const float *b, size_t b_stride, float *sums, size_t sums_stride,
                  size_t count, size_t rows, size_t columns);

#endif
