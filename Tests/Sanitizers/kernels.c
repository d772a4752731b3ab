// Runs the C kernels on buffers of exactly the sizes that they may touch, for sanitizers to watch. Not in the build:
//
//   clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fuse-ld=lld \
//     -ISources/CKernels/include Tests/Sanitizers/kernels.c Sources/CKernels/*.c -lm -o /tmp/kernels && /tmp/kernels

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "CKernels.h"

static unsigned state = 1;
static unsigned draw(unsigned low, unsigned high) {
  state = state * 1664525u + 1013904223u;
  return low + (state >> 8) % (high - low + 1);
}
static float *numbers(size_t count) {
  float *p = malloc(count * sizeof(float));
  for (size_t i = 0; i < count; i++) p[i] = (float)draw(0, 2000) / 1000 - 1;
  return p;
}
static size_t up(size_t n, size_t step) { return (n + step - 1) / step * step; }

static void winograd(void) {
  const int64_t m = draw(0, 1) ? 4 : 2, upsample2x = draw(0, 3) == 0, pooled = draw(0, 3) == 0;
  const size_t items = draw(1, 2), h = 2 * draw(2, 8), w = 2 * draw(2, 8), c = draw(1, 70), o = draw(1, 70);
  const size_t planes = (size_t)((m + 2) * (m + 2));
  const ck_winograd g = {m, (int64_t)h, (int64_t)w, (int64_t)c, (int64_t)h, (int64_t)w, (int64_t)o, 1, 1, upsample2x,
                         pooled};
  const size_t tiles = items * ((h + (size_t)m - 1) / (size_t)m) * ((w + (size_t)m - 1) / (size_t)m);
  const size_t rows = up(c, 16), columns = up(o, 32), panels = columns / 32;
  float *x = numbers(items * h * w * c / (upsample2x ? 4 : 1)), *y = numbers(items * h * w * o / (pooled ? 4 : 1));
  float *residual = numbers(items * h * w * o / (pooled ? 4 : 1)), *gy = numbers(items * h * w * o);
  float *weight = numbers(9 * c * o), *bias = numbers(o), *shift = numbers(items * o), *gw = numbers(9 * c * o);
  float *v = numbers(planes * tiles * rows), *z = calloc(planes * tiles * columns, 4);
  float *u = numbers(planes * tiles * 32);
  float *packed = numbers(panels * planes * c * 32), *sums = calloc(planes * rows * columns, 4);
  float *turned = numbers(up(c, 32) / 32 * planes * o * 32);
  ck_winograd_input(&g, x, 0, tiles, v, rows, tiles * rows);
  for (size_t p = 0; p < panels; p++) {
    float *panel = packed + p * planes * c * 32;
    ck_winograd_weights(m, weight, c, o, 0, p * 32, 0, c, panel);
    for (size_t i = 0; i < planes; i++)
      ck_product(v + i * tiles * rows, rows, panel + i * c * 32, NULL, u + i * tiles * 32, 32, tiles, c, 32);
    ck_winograd_output(&g, u, tiles * 32, 0, tiles, p * 32, bias, shift, residual, y);
  }
  for (size_t p = 0; p * 32 < c; p++)
    ck_winograd_weights(m, weight, c, o, 1, p * 32, 0, o, turned + p * planes * o * 32);
  ck_winograd_gradient(&g, gy, 0, tiles, z, columns, tiles * columns);
  for (size_t i = 0; i < planes; i++)
    ck_correlate(v + i * tiles * rows, rows, z + i * tiles * columns, columns, sums + i * rows * columns, columns,
                 tiles, up(c, 8), columns);
  ck_winograd_weight_gradient(m, sums, columns, rows * columns, 0, c, c, o, gw);
  float *all[] = {x, y, residual, gy, weight, bias, shift, gw, v, z, u, packed, sums, turned};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void products(void) {
  const size_t rows = draw(1, 40), inner = draw(1, 300), columns = draw(1, 32);
  float *a = numbers(rows * inner), *b = numbers(inner * columns), *panel = numbers(inner * 32);
  float *bias = numbers(columns);
  float *y = numbers(rows * columns);
  for (int transposed = 0; transposed < 2; transposed++) {
    ck_pack(b, transposed ? inner : columns, transposed, inner, columns, panel);
    ck_product(a, inner, panel, bias, y, columns, rows, inner, columns);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < columns; c++) {
        double sum = bias[c];
        for (size_t k = 0; k < inner; k++)
          sum += (double)a[r * inner + k] * (transposed ? b[c * inner + k] : b[k * columns + c]);
        if (fabs(sum - y[r * columns + c]) > 1e-4) {
          printf("product %zu x %zu x %zu: %g, expected %g\n", rows, inner, columns, y[r * columns + c], sum);
          exit(1);
        }
      }
  }
  float *all[] = {a, b, panel, bias, y};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void normalization(void) {
  const size_t pixels = draw(1, 70), channels = draw(1, 70);
  float *x = numbers(pixels * channels), *gy = numbers(pixels * channels), *d = numbers(pixels * channels);
  float *scale = numbers(channels), *shift = numbers(channels);
  double *sums = malloc(2 * channels * sizeof(double));
  for (int silu = 0; silu < 2; silu++) {
    ck_channel_moments(CK_FLOAT32, x, sums, pixels, channels);
    ck_channel_affine(CK_FLOAT32, x, scale, shift, silu, d, pixels, channels);
    ck_channel_affine_moments(CK_FLOAT32, x, scale, shift, silu, gy, d, sums, pixels, channels);
    ck_channel_affine_gradient(CK_FLOAT32, x, d, scale, shift, scale, d, pixels, channels);
    ck_column_sums(CK_FLOAT32, x, d, pixels, channels);
    ck_softmax(CK_FLOAT32, x, 0.5, d, pixels, channels);
    ck_softmax_gradient(CK_FLOAT32, d, 0.5, gy, x, pixels, channels);
  }
  float *all[] = {x, gy, d, scale, shift};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  free(sums);
}

int main(void) {
  for (int i = 0; i < 300; i++) winograd(), products(), normalization();
  puts("all is well");
  return 0;
}
