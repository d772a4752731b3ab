// Moving elements: permuting, broadcasting, cutting out and joining, and rows looked up by index.
//
// A window is a shape [s0, s1, …] of at most 8 axes with a stride for each; where there are fewer, the first are 1. Shapes and
// strides come as buffers of 8 numbers.

/// Where element `i` of a window lies in what it looks onto.
INLINE int place_in_window(int i, GLOBAL const int *shape, GLOBAL const int *strides) {
  int place = 0;
  for (int axis = 7; axis >= 0; axis--) {
    place += i % shape[axis] * strides[axis];
    i /= shape[axis];
  }
  return place;
}

/// y[i…] = x[offset + Σ i·stride]
KERNEL void gather(GLOBAL const float *x, GLOBAL float *y, GLOBAL const int *shape, GLOBAL const int *strides, int offset,
                   int y_offset, int count) {
  for (int i = FIRST; i < count; i += STEP) y[y_offset + i] = x[offset + place_in_window(i, shape, strides)];
}

/// The transpose of `gather`: gx[offset + Σ i·stride] += Σ g over the axes whose stride is 0. The window is split in two: its
/// axes that move (`shape`, `strides` in gx, `steps` in g), of which each place of gx is reached once at most, and those that
/// repeat (`repeats`, `repeat_steps`).
KERNEL void scatter_add(GLOBAL const float *g, GLOBAL float *gx, GLOBAL const int *shape, GLOBAL const int *strides,
                        GLOBAL const int *steps, GLOBAL const int *repeats, GLOBAL const int *repeat_steps, int offset,
                        int count, int repeat_count) {
  for (int i = FIRST; i < count; i += STEP) {
    const int from = place_in_window(i, shape, steps);
    float sum = 0.0f;
    for (int r = 0; r < repeat_count; r++) sum += g[from + place_in_window(r, repeats, repeat_steps)];
    gx[offset + place_in_window(i, shape, strides)] += sum;
  }
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
