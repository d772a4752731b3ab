// Kernels over rows: softmax, layer normalization, sums of columns.
#include <math.h>

#include "harness.h"

static void check_softmax(scalar type, size_t rows, size_t columns) {
  const double u = type.unit, scale = rounded(type, uniform(0.1, 3));
  const size_t n = rows * columns;
  void *x = numbers(type, n, -6, 6), *y = buffer(n * type.size), *gy = numbers(type, n, -2, 2);
  // Some of a row do not count at all.
  for (size_t i = 0; i < n; i++)
    if (i % columns > 0 && draw(0, 9) == 0) put(type, x, i, -INFINITY);
  checking("ck_softmax");
  ck_softmax(type.dtype, x, scale, y, rows, columns);
  for (size_t r = 0; r < rows; r++) {
    double top = -INFINITY, sum = 0, size = 0;
    for (size_t c = 0; c < columns; c++) {
      const double v = get(type, x, r * columns + c) * scale;
      top = fmax(top, v);
      if (isfinite(v)) size = fmax(size, fabs(v));
    }
    for (size_t c = 0; c < columns; c++) sum += exp(get(type, x, r * columns + c) * scale - top);
    for (size_t c = 0; c < columns; c++) {
      const double exact = exp(get(type, x, r * columns + c) * scale - top) / sum;
      // An exponential, a sum of them, a quotient, a product; what rounding exponents of up to 2 size does to e^x.
      const double bound = u * (4 + 4 + (double)columns + 3 + 4 * size) * exact;
      expect(get(type, y, r * columns + c), exact, bound + (type.dtype == CK_FLOAT32 ? TINY : 0));
    }
  }
  checking("ck_softmax_gradient");
  void *gx = buffer(n * type.size);
  ck_softmax_gradient(type.dtype, y, scale, gy, gx, rows, columns);
  for (size_t r = 0; r < rows; r++) {
    double dot = 0, size = 0;
    for (size_t c = 0; c < columns; c++) {
      const double term = get(type, y, r * columns + c) * get(type, gy, r * columns + c);
      dot += term, size += fabs(term);
    }
    for (size_t c = 0; c < columns; c++) {
      const double g = get(type, gy, r * columns + c), factor = scale * get(type, y, r * columns + c);
      expect(get(type, gx, r * columns + c), factor * (g - dot),
             fabs(factor) * u * (((double)columns + 1) * size + 3 * (fabs(g) + fabs(dot))) +
                 (type.dtype == CK_FLOAT32 ? TINY : 0));
    }
  }
  release();
}

static void check_layer_norm(scalar type, size_t rows, size_t columns) {
  const double u = type.unit, n = (double)columns, eps = 1e-5;
  void *x = numbers(type, rows * columns, -1, 2), *weight = numbers(type, columns, -2, 2);
  void *bias = numbers(type, columns, -2, 2), *y = buffer(rows * columns * type.size);
  void *statistics = buffer(2 * rows * type.size);
  checking("ck_layer_norm");
  ck_layer_norm(type.dtype, x, weight, bias, eps, y, statistics, rows, columns);
  for (size_t r = 0; r < rows; r++) {
    double mean = 0, size = 0, variance = 0, deviation = 0;
    for (size_t c = 0; c < columns; c++) {
      const double v = get(type, x, r * columns + c);
      mean += v, size += fabs(v);
    }
    mean /= n, size /= n;
    for (size_t c = 0; c < columns; c++) {
      const double d = get(type, x, r * columns + c) - mean;
      variance += d * d / n, deviation += fabs(d) / n;
    }
    const double inverse = 1 / sqrt(variance + rounded(type, eps));
    // What the mean is off by shifts every number; what the variance is off by scales it.
    const double mean_off = (n + 1) * u * size;
    const double variance_off = 2 * (mean_off + u * size) * deviation + mean_off * mean_off + (n + 4) * u * variance;
    const double relative = 0.5 * variance_off * inverse * inverse + 4 * u;
    expect(get(type, statistics, 2 * r), inverse, inverse * relative);
    expect(get(type, statistics, 2 * r + 1), mean, mean_off);
    for (size_t c = 0; c < columns; c++) {
      const double d = get(type, x, r * columns + c) - mean, w = get(type, weight, c);
      const double exact = d * inverse * w + get(type, bias, c);
      expect(get(type, y, r * columns + c), exact,
             fabs(inverse * w) * (mean_off + u * (fabs(d) + mean_off)) + fabs(d * inverse * w) * (relative + 3 * u) +
                 u * fabs(exact));
    }
  }

  checking("ck_layer_norm_gradient");
  void *gy = numbers(type, rows * columns, -2, 2), *gx = buffer(rows * columns * type.size);
  void *gw = numbers(type, columns, -1, 1), *gb = numbers(type, columns, -1, 1);
  // [sum, sum of absolute values] for weights and biases.
  double *exact = buffer(4 * columns * sizeof(double));
  for (size_t c = 0; c < columns; c++) {
    exact[4 * c] = get(type, gw, c), exact[4 * c + 1] = fabs(exact[4 * c]);
    exact[4 * c + 2] = get(type, gb, c), exact[4 * c + 3] = fabs(exact[4 * c + 2]);
  }
  ck_layer_norm_gradient(type.dtype, x, weight, statistics, gy, gx, gw, gb, rows, columns);
  for (size_t r = 0; r < rows; r++) {
    const double inverse = get(type, statistics, 2 * r), mean = get(type, statistics, 2 * r + 1);
    double sum = 0, dot = 0, size = 0, dot_size = 0;
    for (size_t c = 0; c < columns; c++) {
      const double g = get(type, gy, r * columns + c), h = (get(type, x, r * columns + c) - mean) * inverse;
      const double d = g * get(type, weight, c);
      sum += d / n, size += fabs(d) / n, dot += d * h / n, dot_size += fabs(d * h) / n;
      exact[4 * c] += g * h, exact[4 * c + 1] += fabs(g * h), exact[4 * c + 2] += g, exact[4 * c + 3] += fabs(g);
    }
    for (size_t c = 0; c < columns; c++) {
      const double h = (get(type, x, r * columns + c) - mean) * inverse;
      const double d = get(type, gy, r * columns + c) * get(type, weight, c);
      expect(get(type, gx, r * columns + c), inverse * (d - sum - h * dot),
             inverse * u * ((n + 2) * size + (n + 5) * dot_size * fabs(h) + 6 * (fabs(d) + fabs(sum) + fabs(h * dot))));
    }
  }
  const double additions = (double)rows + 4;
  for (size_t c = 0; c < columns; c++) {
    expect(get(type, gw, c), exact[4 * c], u * additions * exact[4 * c + 1]);
    expect(get(type, gb, c), exact[4 * c + 2], u * additions * exact[4 * c + 3]);
  }
  release();
}

void check_rows(scalar type) {
  const size_t rows = draw(1, draw(0, 2) ? 12 : 200), columns = draw(1, draw(0, 1) ? 20 : 150);
  void *x = numbers(type, rows * columns, -2, 2), *b = numbers(type, columns, -2, 2);
  void *y = buffer(rows * columns * type.size), *sums = buffer(columns * type.size);
  checking("ck_add_row");
  ck_add_row(type.dtype, x, b, y, rows, columns);
  for (size_t i = 0; i < rows * columns; i++) {
    const double exact = get(type, x, i) + get(type, b, i % columns);
    expect(get(type, y, i), exact, type.unit * fabs(exact));
  }
  // In place, as layers do it.
  ck_add_row(type.dtype, x, b, x, rows, columns);
  for (size_t i = 0; i < rows * columns; i++) expect(get(type, x, i), get(type, y, i), 0);
  checking("ck_column_sums");
  ck_column_sums(type.dtype, y, sums, rows, columns);
  for (size_t c = 0; c < columns; c++) {
    double sum = 0, size = 0;
    for (size_t r = 0; r < rows; r++) sum += get(type, y, r * columns + c), size += fabs(get(type, y, r * columns + c));
    // Of 64 rows at a time in the type, then in double.
    expect(get(type, sums, c), sum, type.unit * (64 * size + fabs(sum)));
  }
  release();
  check_softmax(type, draw(1, 6), draw(1, 150));
  check_layer_norm(type, draw(1, 9), draw(2, 150));
}
