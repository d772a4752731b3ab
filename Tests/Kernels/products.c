// Matrix products: of windows, of packed panels, and of transposed matrices.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"

void check_windows(scalar type) {
  const double u = type.unit;
  const size_t pixels = draw(1, 20), rows = draw(1, 3), inner = draw(1, 40);
  // Around the width of a tile, 32, or anything.
  const size_t edges[] = {1, 31, 32, 33, 63, 64, 65}, columns = draw(0, 1) ? draw(1, 80) : edges[draw(0, 6)];
  const size_t wide = up(columns, 32) + 8 * draw(0, 1);
  // Windows overlap, as those of a convolution do, or stand apart.
  const size_t a_pixel = draw(1, inner + 3), a_row = draw(1, pixels * a_pixel + 5), y_pixel = columns + draw(0, 3);
  void *a = numbers(type, (rows - 1) * a_row + (pixels - 1) * a_pixel + inner, -1, 1);
  // Read up to the next multiple of 32 columns.
  void *b = numbers(type, (rows * inner - 1) * wide + up(columns, 32), -1, 1);
  void *bias = draw(0, 1) ? numbers(type, columns, -1, 1) : NULL;
  void *y = untouched(type, (pixels - 1) * y_pixel + columns);
  checking("ck_multiply_windows");
  ck_multiply_windows(type.dtype, a, a_row, a_pixel, b, wide, bias, y, y_pixel, pixels, rows, inner, columns);
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < y_pixel; c++) {
      if (c >= columns) {
        if (p + 1 < pixels) expect_untouched(type, y, p * y_pixel + c);
        continue;
      }
      double sum = bias ? get(type, bias, c) : 0, size = fabs(sum);
      for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < inner; k++) {
          const double term = get(type, a, r * a_row + p * a_pixel + k) * get(type, b, (r * inner + k) * wide + c);
          sum += term, size += fabs(term);
        }
      expect(get(type, y, p * y_pixel + c), sum, u * (double)(rows * inner + 1) * size);
    }

  const size_t g_pixel = columns + draw(0, 3), w_stride = columns + draw(0, 3);
  void *g = numbers(type, (pixels - 1) * g_pixel + columns, -1, 1);
  void *w = untouched(type, (inner - 1) * w_stride + columns), *before = numbers(type, inner * columns, -1, 1);
  void *x = numbers(type, (pixels - 1) * a_pixel + inner, -1, 1);
  for (size_t j = 0; j < inner; j++)
    for (size_t c = 0; c < columns; c++) put(type, w, j * w_stride + c, get(type, before, j * columns + c));
  checking("ck_multiply_windows_transposed");
  ck_multiply_windows_transposed(type.dtype, x, a_pixel, g, g_pixel, w, w_stride, pixels, inner, columns);
  for (size_t j = 0; j < inner; j++)
    for (size_t c = 0; c < w_stride; c++) {
      if (c >= columns) {
        if (j + 1 < inner) expect_untouched(type, w, j * w_stride + c);
        continue;
      }
      double sum = get(type, before, j * columns + c), size = fabs(sum);
      for (size_t p = 0; p < pixels; p++) {
        const double term = get(type, x, p * a_pixel + j) * get(type, g, p * g_pixel + c);
        sum += term, size += fabs(term);
      }
      expect(get(type, w, j * w_stride + c), sum, u * (double)(pixels + 1) * size);
    }
  release();
}

/// y = a · b + bias for panels of b, whichever way b is stored.
static void check_product(size_t rows, size_t inner, size_t columns, int transposed, int has_bias) {
  const size_t stride = inner + draw(0, 5), y_stride = columns + draw(0, 5);
  const size_t b_stride = (transposed ? inner : columns) + draw(0, 5);
  float *a = numbers(float32, (rows - 1) * stride + inner, -1, 1);
  const size_t b_rows = transposed ? columns : inner, b_columns = transposed ? inner : columns;
  float *b = numbers(float32, b_rows && b_columns ? (b_rows - 1) * b_stride + b_columns : 0, -1, 1);
  float *bias = has_bias ? numbers(float32, columns, -1, 1) : NULL;
  float *panel = untouched(float32, inner * 32), *y = untouched(float32, (rows - 1) * y_stride + columns);
  checking("ck_pack");
  ck_pack(b, b_stride, transposed, inner, columns, panel);
  for (size_t k = 0; k < inner; k++)
    for (size_t c = 0; c < 32; c++)
      expect(panel[k * 32 + c], c >= columns ? 0 : transposed ? b[c * b_stride + k] : b[k * b_stride + c], 0);
  checking("ck_product");
  ck_product(a, stride, panel, bias, y, y_stride, rows, inner, columns);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < y_stride; c++) {
      if (c >= columns) {
        if (r + 1 < rows) expect_untouched(float32, y, r * y_stride + c);
        continue;
      }
      double sum = bias ? bias[c] : 0, size = fabs(sum);
      for (size_t k = 0; k < inner; k++) {
        const double term = (double)a[r * stride + k] * panel[k * 32 + c];
        sum += term, size += fabs(term);
      }
      // Sums of 128 products are added to each other.
      const double additions = (double)(inner < 128 ? inner : 128) + (double)inner / 128 + 2;
      expect(y[r * y_stride + c], sum, float32.unit * additions * size);
    }
  // A row has the same bytes wherever it stands, and a NaN is its own row's alone.
  const size_t first = draw(0, rows - 1), count = draw(1, rows - first), sick = draw(0, rows - 1);
  float *part = untouched(float32, (count - 1) * y_stride + columns);
  ck_product(a + first * stride, stride, panel, bias, part, y_stride, count, inner, columns);
  for (size_t r = 0; r < count; r++)
    require(memcmp(part + r * y_stride, y + (first + r) * y_stride, columns * sizeof(float)) == 0,
            "a row depends on its place");
  if (inner > 0) a[sick * stride + draw(0, inner - 1)] = NAN;
  ck_product(a, stride, panel, bias, y, y_stride, rows, inner, columns);
  for (size_t r = 0; r < rows && inner > 0; r++)
    for (size_t c = 0; c < columns; c++)
      require(!!isnan(y[r * y_stride + c]) == (r == sick), "a NaN is in the wrong rows");
  release();
}

static void check_correlation(size_t count, size_t rows, size_t columns) {
  const size_t a_stride = rows + draw(0, 5), b_stride = columns + draw(0, 5), stride = columns + draw(0, 5);
  float *a = numbers(float32, count > 0 ? (count - 1) * a_stride + rows : 0, -1, 1);
  float *b = numbers(float32, count > 0 ? (count - 1) * b_stride + columns : 0, -1, 1);
  float *sums = untouched(float32, (rows - 1) * stride + columns), *before = numbers(float32, rows * columns, -1, 1);
  for (size_t r = 0; r < rows; r++) memcpy(sums + r * stride, before + r * columns, columns * sizeof(float));
  checking("ck_correlate");
  ck_correlate(a, a_stride, b, b_stride, sums, stride, count, rows, columns);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < stride; c++) {
      if (c >= columns) {
        if (r + 1 < rows) expect_untouched(float32, sums, r * stride + c);
        continue;
      }
      double sum = before[r * columns + c], size = fabs(sum);
      for (size_t k = 0; k < count; k++) {
        const double term = (double)a[k * a_stride + r] * b[k * b_stride + c];
        sum += term, size += fabs(term);
      }
      expect(sums[r * stride + c], sum, float32.unit * (double)(count + 1) * size);
    }
  release();
}

void check_products(void) {
  // Sizes around those of tiles and runs, and any others.
  const size_t inners[] = {0, 1, 15, 16, 17, 127, 128, 129, 300}, columns[] = {1, 4, 7, 16, 31, 32};
  check_product(draw(1, 40), inners[draw(0, 8)], columns[draw(0, 5)], (int)draw(0, 1), (int)draw(0, 1));
  check_product(draw(1, 40), draw(1, 300), draw(1, 32), (int)draw(0, 1), (int)draw(0, 1));
  check_correlation(draw(0, 1) ? draw(0, 3) : draw(4, 140), 8 * draw(1, 4), 32 * draw(1, 2));
}
