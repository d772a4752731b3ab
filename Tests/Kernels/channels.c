// Normalization by channels, of pixels with channels last: moments, and what is made with them.
#include <math.h>

#include "harness.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double slope(double z) { return sigmoid(z) * (1 + z * sigmoid(-z)); }

/// What x·scale + shift may be off by, rounded once or twice.
static double affine_off(scalar type, double x, double scale, double z) {
  return type.unit * (fabs(x * scale) + fabs(z));
}

void check_channels(scalar type) {
  const double u = type.unit;
  const size_t pixels = draw(1, draw(0, 1) ? 10 : 100), channels = draw(0, 2) ? draw(1, 100) : 32 * draw(1, 3);
  const size_t n = pixels * channels;
  void *x = numbers(type, n, -2, 2), *scale = numbers(type, channels, -2, 2), *shift = numbers(type, channels, -2, 2);
  void *gy = numbers(type, n, -2, 2), *y = buffer(n * type.size), *d = buffer(n * type.size);
  double *sums = buffer(2 * channels * sizeof(double));

  checking("ck_channel_moments");
  ck_channel_moments(type.dtype, x, sums, pixels, channels);
  for (size_t c = 0; c < channels; c++) {
    double sum = 0, size = 0, square = 0;
    for (size_t p = 0; p < pixels; p++) {
      const double v = get(type, x, p * channels + c);
      sum += v, size += fabs(v), square += v * v;
    }
    // Of 32 pixels at a time in the type, then in double.
    expect(sums[c], sum, 33 * u * size);
    expect(sums[channels + c], square, 34 * u * square);
  }

  for (int silu = 0; silu < 2; silu++) {
    checking("ck_channel_affine");
    ck_channel_affine(type.dtype, x, scale, shift, silu, y, pixels, channels);
    for (size_t i = 0; i < n; i++) {
      const double v = get(type, x, i), s = get(type, scale, i % channels), z = v * s + get(type, shift, i % channels);
      const double exact = silu ? z * sigmoid(z) : z;
      // SiLU has slopes of up to 1.1, and 7 u of its own, see functions.c.
      expect(get(type, y, i), exact, 1.1 * affine_off(type, v, s, z) + (silu ? 7 * u * fabs(exact) : 0));
    }

    checking("ck_channel_affine_moments");
    ck_channel_affine_moments(type.dtype, x, scale, shift, silu, gy, d, sums, pixels, channels);
    for (size_t c = 0; c < channels; c++) {
      double sum = 0, product = 0, off = 0, product_off = 0;
      for (size_t p = 0; p < pixels; p++) {
        const size_t i = p * channels + c;
        const double v = get(type, x, i), g = get(type, gy, i);
        const double s = get(type, scale, c), z = v * s + get(type, shift, c);
        const double exact = silu ? g * slope(z) : g;
        // The slope has slopes of up to 1/2, and 8 u of itself, 2 u and 9 u |z| of its own.
        const double bound =
            silu ? fabs(g) * (0.5 * affine_off(type, v, s, z) + u * (2 + 9 * fabs(z))) + 10 * u * fabs(exact) : 0;
        expect(get(type, d, i), exact, bound);
        sum += exact, product += exact * v;
        off += bound + 33 * u * fabs(exact), product_off += fabs(v) * (bound + 34 * u * fabs(exact));
      }
      expect(sums[c], sum, off);
      expect(sums[channels + c], product, product_off);
    }
  }

  checking("ck_channel_affine_gradient");
  void *a = numbers(type, channels, -2, 2), *b = numbers(type, channels, -2, 2), *e = numbers(type, channels, -2, 2);
  ck_channel_affine_gradient(type.dtype, x, d, a, b, e, y, pixels, channels);
  for (size_t i = 0; i < n; i++) {
    const double first = get(type, d, i) * get(type, a, i % channels);
    const double second = get(type, x, i) * get(type, b, i % channels), third = get(type, e, i % channels);
    expect(get(type, y, i), first + second + third, 3 * u * (fabs(first) + fabs(second) + fabs(third)));
  }
  // In place.
  ck_channel_affine_gradient(type.dtype, x, d, a, b, e, d, pixels, channels);
  for (size_t i = 0; i < n; i++) expect(get(type, d, i), get(type, y, i), 0);
  release();
}
