// Moving elements: permuting, broadcasting, cutting out and joining, and rows looked up by index.
//
// A window is a shape of at most 8 axes with a stride for each; where there are fewer, the first are 1. Each is eight arguments.
#define EIGHT(name) \
  int name##0, int name##1, int name##2, int name##3, int name##4, int name##5, int name##6, int name##7
#define THE_EIGHT(name) {name##0, name##1, name##2, name##3, name##4, name##5, name##6, name##7}

/// Where element `i` of a window lies in what it looks onto.
INLINE int place_in_window(int i, const int *shape, const int *strides) {
  int place = 0;
#pragma unroll
  for (int axis = 7; axis >= 0; axis--) {
    if (shape[axis] == 1) continue;
    place += i % shape[axis] * strides[axis];
    i /= shape[axis];
  }
  return place;
}

/// y[y_offset + i…] = x[offset + Σ i·stride]
KERNEL void gather(GLOBAL const float *x, GLOBAL float *y, EIGHT(n), EIGHT(s), int offset, int y_offset, int count) {
  const int shape[8] = THE_EIGHT(n), strides[8] = THE_EIGHT(s);
  for (int i = FIRST; i < count; i += STEP) y[y_offset + i] = x[offset + place_in_window(i, shape, strides)];
}

/// The transpose of `gather`: gx[offset + Σ i·stride] += Σ g over the axes whose stride is 0. The window is split in two: its
/// axes that move (n, with strides s in gx and d in g), of which each place of gx is reached once at most, and those that
/// repeat (m, with strides e in g).
KERNEL void scatter_add(GLOBAL const float *g, GLOBAL float *gx, EIGHT(n), EIGHT(s), EIGHT(d), EIGHT(m), EIGHT(e),
                        int offset, int count, int repeat_count) {
  const int shape[8] = THE_EIGHT(n), strides[8] = THE_EIGHT(s), steps[8] = THE_EIGHT(d);
  const int repeats[8] = THE_EIGHT(m), repeat_steps[8] = THE_EIGHT(e);
  for (int i = FIRST; i < count; i += STEP) {
    const int from = place_in_window(i, shape, steps);
    float sum = 0.0f;
    for (int r = 0; r < repeat_count; r++) sum += g[from + place_in_window(r, repeats, repeat_steps)];
    gx[offset + place_in_window(i, shape, strides)] += sum;
  }
}

/// y[r·stride + offset + i] = x[r, i], rows of `width`.
KERNEL void join(GLOBAL const float *x, GLOBAL float *y, int width, int stride, int offset, int count) {
  for (int i = FIRST; i < count; i += STEP) y[i / width * stride + offset + i % width] = x[i];
}

/// y[r] = x[index[r]], rows of `width`.
KERNEL void take_rows(GLOBAL const float *x, GLOBAL const int *index, GLOBAL float *y, int rows, int width) {
  const int count = rows * width;
  for (int i = FIRST; i < count; i += STEP) y[i] = x[index[i / width] * width + i % width];
}

/// gx[k] = Σ gy[r] over the rows r with index k.
KERNEL void take_rows_gradient(GLOBAL const float *gy, GLOBAL const int *index, GLOBAL float *gx, int rows, int width,
                               int table) {
  const int count = table * width;
  for (int i = FIRST; i < count; i += STEP) {
    float sum = 0.0f;
    for (int row = 0; row < rows; row++) {
      if (index[row] == i / width) sum += gy[row * width + i % width];
    }
    gx[i] = sum;
  }
}

/// The largest of each window of x [N, H, W, C], and where it was: the first of equals; NaN wins.
KERNEL void max_pool(GLOBAL const float *x, GLOBAL float *y, GLOBAL int *winners, int height, int width, int channels,
                     int out_height, int out_width, int size, int stride, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const int c = i % channels, column = i / channels % out_width, row = i / (channels * out_width) % out_height;
    const int item = i / (channels * out_width * out_height);
    const int top = row * stride, left = column * stride;
    int best = ((item * height + top) * width + left) * channels + c;
    for (int h = top; h < height && h < top + size; h++) {
      for (int w = left; w < width && w < left + size; w++) {
        const int at = ((item * height + h) * width + w) * channels + c;
        if (x[at] > x[best] || x[at] != x[at]) best = at;
      }
    }
    y[i] = x[best];
    winners[i] = best;
  }
}

/// gx[p] = Σ gy over the windows that took p: of those that reach p, in order.
KERNEL void max_pool_gradient(GLOBAL const float *gy, GLOBAL const int *winners, GLOBAL float *gx, int height, int width,
                              int channels, int out_height, int out_width, int size, int stride, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const int c = i % channels, w = i / channels % width, h = i / (channels * width) % height;
    const int item = i / (channels * width * height);
    const int first_row = h < size ? 0 : (h - size) / stride + 1, first_column = w < size ? 0 : (w - size) / stride + 1;
    float sum = 0.0f;
    for (int row = first_row; row < out_height && row * stride <= h; row++) {
      for (int column = first_column; column < out_width && column * stride <= w; column++) {
        const int at = ((item * out_height + row) * out_width + column) * channels + c;
        if (winners[at] == i) sum += gy[at];
      }
    }
    gx[i] = sum;
  }
}
