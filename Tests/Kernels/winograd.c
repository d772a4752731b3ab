// Winograd's convolution and both of its gradients beside the direct sums, over all that a geometry may say.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "harness.h"

/// What results and weights' gradients may differ by, relative to the largest value. F(2×2, 3×3) multiplies by powers
/// of two alone, so that it rounds about as a direct sum does. F(4×4, 3×3) multiplies by up to 100 and takes the
/// difference of what comes out. Documentation/performance.md has its largest errors in networks; these are twice that.
static double allowed(int64_t m, int is_weights) { return m == 2 ? 4e-6 : is_weights ? 4e-5 : 16e-6; }

/// A range of so many pieces in two parts.
static size_t parted(size_t n) { return draw(0, n); }

/// x [items, height, width, channels] at a place that may lie outside, as the convolution sees it.
static double pixel(const ck_winograd *g, const float *x, size_t item, int64_t row, int64_t column, size_t channel) {
  if (row < 0 || column < 0 || row >= g->height || column >= g->width) return 0;
  const int64_t step = g->upsample2x ? 2 : 1;
  const size_t at = (item * (size_t)(g->height / step) + (size_t)(row / step)) * (size_t)(g->width / step);
  return x[(at + (size_t)(column / step)) * (size_t)g->channels + channel];
}

/// The weight [3, 3, channels, outputs] from an input's channel to an output's. `turned` ones are of the convolution
/// whose gradient this is: [3, 3, outputs, channels].
static double tap(const ck_winograd *g, const float *w, int turned, size_t a, size_t b, size_t from, size_t to) {
  const size_t inputs = (size_t)g->channels, outputs = (size_t)g->outputs;
  if (turned) return w[(((2 - a) * 3 + 2 - b) * outputs + to) * inputs + from];
  return w[((a * 3 + b) * inputs + from) * outputs + to];
}

/// One number of the convolution.
static double direct(const ck_winograd *g, const float *x, const float *w, int turned, size_t item, int64_t row,
                     int64_t column, size_t to) {
  double sum = 0;
  for (size_t a = 0; a < 3; a++)
    for (size_t b = 0; b < 3; b++)
      for (size_t c = 0; c < (size_t)g->channels; c++)
        sum += pixel(g, x, item, row + (int64_t)a - g->top, column + (int64_t)b - g->left, c) *
               tap(g, w, turned, a, b, c, to);
  return sum;
}

static size_t tiles_of(const ck_winograd *g, size_t items) {
  return items * (size_t)((g->output_height + g->m - 1) / g->m) * (size_t)((g->output_width + g->m - 1) / g->m);
}

/// Compares with the largest absolute value in mind.
static void compare(const float *got, const double *exact, size_t n, double relative) {
  double largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(exact[i]));
  for (size_t i = 0; i < n; i++) expect(got[i], exact[i], relative * largest + TINY);
}

static void check_convolution(const ck_winograd *g, size_t items, const float *x, const float *w, int turned) {
  const size_t planes = (size_t)((g->m + 2) * (g->m + 2)), tiles = tiles_of(g, items), skew = 16 * draw(0, 1);
  const size_t inner = (size_t)g->channels, outputs = (size_t)g->outputs;
  const size_t rows = up(inner, 16), panels = up(outputs, 32) / 32;
  const size_t step = g->pooled ? 2 : 1, high = (size_t)g->output_height / step, wide = (size_t)g->output_width / step;
  const size_t plane = tiles * rows + skew, n = items * high * wide * outputs;
  float *v = buffer((planes * plane - skew) * sizeof(float)), *y = untouched(float32, n);
  const size_t split = parted(tiles);
  ck_winograd_input(g, x, 0, split, v, rows, plane);
  ck_winograd_input(g, x, split, tiles - split, v + split * rows, rows, plane);
  float *bias = draw(0, 1) ? numbers(float32, outputs, -1, 1) : NULL;
  float *shift = draw(0, 1) ? numbers(float32, items * outputs, -1, 1) : NULL;
  float *residual = draw(0, 1) ? numbers(float32, n, -1, 1) : NULL;
  for (size_t p = 0; p < panels; p++) {
    float *panel = buffer(planes * inner * 32 * sizeof(float)), *u = buffer(planes * tiles * 32 * sizeof(float));
    const size_t part = parted(inner);
    // [channels, outputs] of the weights as they are stored.
    const size_t stored = turned ? outputs : inner, columns = turned ? inner : outputs;
    ck_winograd_weights(g->m, w, stored, columns, turned, p * 32, 0, part, panel);
    ck_winograd_weights(g->m, w, stored, columns, turned, p * 32, part, inner - part, panel);
    for (size_t i = 0; i < planes; i++)
      ck_product(v + i * plane, rows, panel + i * inner * 32, NULL, u + i * tiles * 32, 32, tiles, inner, 32);
    ck_winograd_output(g, u, tiles * 32, 0, split, p * 32, bias, shift, residual, y);
    ck_winograd_output(g, u + split * 32, tiles * 32, split, tiles - split, p * 32, bias, shift, residual, y);
  }
  double *exact = buffer(n * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    const size_t o = i % outputs, item = i / outputs / wide / high;
    const int64_t row = (int64_t)(i / outputs / wide % high * step), column = (int64_t)(i / outputs % wide * step);
    exact[i] = (bias ? bias[o] : 0) + (shift ? shift[item * outputs + o] : 0) + (residual ? residual[i] : 0);
    for (int64_t a = 0; a < (int64_t)step; a++)
      for (int64_t b = 0; b < (int64_t)step; b++) exact[i] += direct(g, x, w, turned, item, row + a, column + b, o);
  }
  compare(y, exact, n, allowed(g->m, 0));
}

static void check_weight_gradient(const ck_winograd *g, size_t items, const float *x, const float *gy) {
  const size_t planes = (size_t)((g->m + 2) * (g->m + 2)), tiles = tiles_of(g, items), split = parted(tiles);
  const size_t inner = (size_t)g->channels, outputs = (size_t)g->outputs;
  const size_t rows = up(inner, 16), columns = up(outputs, 32);
  float *v = buffer(planes * tiles * rows * sizeof(float)), *z = numbers(float32, planes * tiles * columns, 0, 0);
  float *sums = numbers(float32, planes * rows * columns, 0, 0), *gw = untouched(float32, 9 * inner * outputs);
  ck_winograd_input(g, x, 0, tiles, v, rows, tiles * rows);
  ck_winograd_gradient(g, gy, 0, split, z, columns, tiles * columns);
  ck_winograd_gradient(g, gy, split, tiles - split, z + split * columns, columns, tiles * columns);
  for (size_t i = 0; i < planes; i++)
    ck_correlate(v + i * tiles * rows, rows, z + i * tiles * columns, columns, sums + i * rows * columns, columns,
                 tiles, up(inner, 8), columns);
  const size_t part = parted(inner);
  ck_winograd_weight_gradient(g->m, sums, columns, rows * columns, 0, part, inner, outputs, gw);
  ck_winograd_weight_gradient(g->m, sums, columns, rows * columns, part, inner - part, inner, outputs, gw);
  double *exact = buffer(9 * inner * outputs * sizeof(double));
  for (size_t i = 0; i < 9 * inner * outputs; i++) {
    const size_t o = i % outputs, c = i / outputs % inner;
    const int64_t a = (int64_t)(i / outputs / inner / 3), b = (int64_t)(i / outputs / inner % 3);
    exact[i] = 0;
    for (size_t item = 0; item < items; item++)
      for (int64_t row = 0; row < g->output_height; row++)
        for (int64_t column = 0; column < g->output_width; column++)
          exact[i] += pixel(g, x, item, row + a - g->top, column + b - g->left, c) *
                      gy[((item * (size_t)g->output_height + (size_t)row) * (size_t)g->output_width + (size_t)column) *
                             outputs + o];
  }
  compare(gw, exact, 9 * inner * outputs, allowed(g->m, 1));
}

void check_winograd(void) {
  const int64_t upsample2x = draw(0, 3) == 0, pooled = !upsample2x && draw(0, 3) == 0;
  const size_t items = draw(1, 2), most = draw(0, 9) == 0 ? 70 : 20, side = draw(0, 4) == 0 ? 18 : 9;
  ck_winograd g = {.m = draw(0, 1) ? 4 : 2,
                   .channels = (int64_t)draw(1, most),
                   .outputs = (int64_t)draw(1, most),
                   .top = (int64_t)draw(0, 2),
                   .left = (int64_t)draw(0, 2),
                   .upsample2x = upsample2x,
                   .pooled = pooled};
  // Even where pixels stand for 2×2.
  const int64_t step = upsample2x || pooled ? 2 : 1;
  if (step == 2) g.top = g.left = 1;
  g.height = step * (int64_t)draw(2, side / (size_t)step), g.width = step * (int64_t)draw(2, side / (size_t)step);
  g.output_height = g.height + g.top - 2 + (step == 2 ? 1 : (int64_t)draw(0, 2));
  g.output_width = g.width + g.left - 2 + (step == 2 ? 1 : (int64_t)draw(0, 2));
  if (g.output_height < 1) g.output_height = 1;
  if (g.output_width < 1) g.output_width = 1;

  const size_t inputs = items * (size_t)(g.height * g.width * g.channels) / (upsample2x ? 4 : 1);
  float *w = numbers(float32, (size_t)(9 * g.channels * g.outputs), -1, 1);
  float *x = numbers(float32, inputs, -1, 1);
  float *gy = numbers(float32, items * (size_t)(g.output_height * g.output_width * g.outputs), -1, 1);
  checking("ck_winograd_input, _weights, _output");
  check_convolution(&g, items, x, w, 0);
  checking("ck_winograd_gradient, _weight_gradient");
  check_weight_gradient(&g, items, x, gy);

  // The input's gradient: what was spread by the upsampling is summed.
  const ck_winograd back = {.m = g.m,
                            .height = g.output_height,
                            .width = g.output_width,
                            .channels = g.outputs,
                            .output_height = g.height,
                            .output_width = g.width,
                            .outputs = g.channels,
                            .top = 2 - g.top,
                            .left = 2 - g.left,
                            .pooled = upsample2x};
  checking("ck_winograd_weights, turned");
  check_convolution(&back, items, gy, w, 1);
  release();
}
