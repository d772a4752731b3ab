// Arithmetic number by number, sums of all numbers, strided copies, Adam's step.
#include <math.h>
#include <stdint.h>

#include "harness.h"

void check_arithmetic(scalar type) {
  const double u = type.unit;
  const size_t n = draw(1, 90);
  void *a = numbers(type, n, -2, 2), *b = numbers(type, n, 0.1, 2), *y = buffer(n * type.size);
  checking("ck_binary");
  for (int operation = CK_ADD; operation <= CK_DIVIDE; operation++) {
    ck_binary(type.dtype, operation, a, b, y, n);
    for (size_t i = 0; i < n; i++) {
      const double p = get(type, a, i), q = get(type, b, i);
      const double results[] = {p + q, p - q, p * q, p / q}, exact = results[operation];
      expect(get(type, y, i), exact, u * fabs(exact));
    }
  }
  // The kernels take factors in double and round them once. What is multiplied and added rounds once or twice.
  const double scale = rounded(type, uniform(-2, 2)), shift = rounded(type, uniform(-2, 2));
  checking("ck_affine");
  ck_affine(type.dtype, a, scale, shift, y, n);
  for (size_t i = 0; i < n; i++) {
    const double product = get(type, a, i) * scale;
    expect(get(type, y, i), product + shift, u * (fabs(product) + fabs(product + shift)));
  }
  checking("ck_accumulate");
  void *sum = numbers(type, n, -2, 2), *before = buffer(n * type.size);
  for (size_t i = 0; i < n; i++) put(type, before, i, get(type, sum, i));
  ck_accumulate(type.dtype, a, scale, sum, n);
  double total = 0, dot = 0, size = 0, dot_size = 0;
  for (size_t i = 0; i < n; i++) {
    const double p = get(type, a, i), q = get(type, b, i), exact = get(type, before, i) + p * scale;
    expect(get(type, sum, i), exact, u * (fabs(p * scale) + fabs(exact)));
    total += p, size += fabs(p), dot += p * q, dot_size += fabs(p * q);
  }
  // In double whatever the type; the reference is no better.
  checking("ck_sum");
  expect(ck_sum(type.dtype, a, n), total, 2 * 0x1p-53 * (double)n * size);
  checking("ck_dot");
  expect(ck_dot(type.dtype, a, b, n), dot, 2 * 0x1p-53 * (double)(n + 1) * dot_size);

  void *clamped = buffer(n * type.size), *passed = buffer(n * type.size);
  const double low = rounded(type, -0.7), high = rounded(type, 0.4);
  put(type, a, draw(0, n - 1), low), put(type, a, draw(0, n - 1), high);
  checking("ck_clamp");
  ck_clamp(type.dtype, a, low, high, clamped, n);
  checking("ck_clamp_gradient");
  ck_clamp_gradient(type.dtype, a, low, high, b, passed, n);
  for (size_t i = 0; i < n; i++) {
    const double p = get(type, a, i);
    checking("ck_clamp");
    expect(get(type, clamped, i), fmin(fmax(p, low), high), 0);
    checking("ck_clamp_gradient");
    expect(get(type, passed, i), p >= low && p <= high ? get(type, b, i) : 0, 0);
  }
  release();

  checking("ck_adam");
  void *p = numbers(type, n, -2, 2), *g = numbers(type, n, -2, 2), *m = numbers(type, n, -1, 1);
  void *v = numbers(type, n, 0, 1), *old = buffer(3 * n * type.size);
  for (size_t i = 0; i < n; i++) {
    put(type, old, 3 * i, get(type, p, i));
    put(type, old, 3 * i + 1, get(type, m, i)), put(type, old, 3 * i + 2, get(type, v, i));
  }
  const double beta1 = 0.9, beta2 = 0.999, step = rounded(type, 0.01), eps = rounded(type, 1e-8);
  ck_adam(type.dtype, p, g, m, v, beta1, beta2, step, eps, n);
  for (size_t i = 0; i < n; i++) {
    const double d = get(type, g, i), first = rounded(type, beta1) * get(type, old, 3 * i + 1);
    const double second = rounded(type, beta2) * get(type, old, 3 * i + 2);
    const double more = rounded(type, 1 - beta1) * d, more_square = rounded(type, 1 - beta2) * d * d;
    expect(get(type, m, i), first + more, 2 * u * (fabs(first) + fabs(more)));
    expect(get(type, v, i), second + more_square, 4 * u * (second + more_square));
    // The step follows from the moments as they came out.
    const double change = step * get(type, m, i) / (sqrt(get(type, v, i)) + eps);
    const double target = get(type, old, 3 * i) - change;
    expect(get(type, p, i), target, u * (4 * fabs(change) + fabs(target)));
  }
  release();
}

/// Sizes and strides of a view, of at most 8 dimensions, into `extent` numbers; some dimensions may repeat themselves.
static int view(int64_t shape[8], int64_t strides[8], size_t *count, size_t *extent) {
  const int dimensions = (int)(draw(0, 3) == 0 ? draw(5, 8) : draw(1, 4));
  const int64_t longest = dimensions > 4 ? 3 : 9;
  int64_t step = draw(0, 3) == 0 ? 2 : 1;
  *count = 1, *extent = 1;
  // In an order that is not that of the result.
  int order[8];
  for (int d = 0; d < dimensions; d++) order[d] = d;
  for (int d = dimensions - 1; d > 0; d--) {
    const int other = (int)draw(0, (size_t)d), kept = order[d];
    order[d] = order[other], order[other] = kept;
  }
  for (int d = 0; d < dimensions; d++) {
    const int at = order[d];
    shape[at] = (int64_t)draw(1, (size_t)longest);
    strides[at] = draw(0, 4) == 0 ? 0 : step;
    *count *= (size_t)shape[at];
    *extent += (size_t)(strides[at] * (shape[at] - 1));
    if (strides[at] > 0) step *= shape[at] + (draw(0, 3) == 0);
  }
  return dimensions;
}

/// Where the i-th number of a view stands.
static size_t place(size_t i, int dimensions, const int64_t shape[8], const int64_t strides[8]) {
  size_t at = 0;
  for (int d = dimensions - 1; d >= 0; d--) {
    at += i % (size_t)shape[d] * (size_t)strides[d];
    i /= (size_t)shape[d];
  }
  return at;
}

void check_strided(scalar type) {
  int64_t shape[8], strides[8];
  size_t count, extent;
  const int dimensions = view(shape, strides, &count, &extent);
  void *whole = numbers(type, extent, -1, 1), *part = untouched(type, count);
  checking("ck_gather_strided");
  ck_gather_strided(type.dtype, whole, part, dimensions, shape, strides);
  for (size_t i = 0; i < count; i++)
    expect(get(type, part, i), get(type, whole, place(i, dimensions, shape, strides)), 0);

  // [sum, sum of absolute values, how many there are] for every place.
  double *exact = buffer(3 * extent * sizeof(double));
  for (size_t i = 0; i < extent; i++) {
    exact[3 * i] = get(type, whole, i);
    exact[3 * i + 1] = fabs(exact[3 * i]), exact[3 * i + 2] = 1;
  }
  void *x = numbers(type, count, -1, 1);
  for (size_t i = 0; i < count; i++) {
    double *sum = exact + 3 * place(i, dimensions, shape, strides);
    sum[0] += get(type, x, i), sum[1] += fabs(get(type, x, i)), sum[2]++;
  }
  checking("ck_scatter_add_strided");
  ck_scatter_add_strided(type.dtype, x, whole, dimensions, shape, strides);
  for (size_t i = 0; i < extent; i++) {
    const double size = exact[3 * i + 1], additions = exact[3 * i + 2] - 1;
    expect(get(type, whole, i), exact[3 * i], type.unit * additions * size);
  }
  release();
}
