// Matrix products: C [M, N] = A [M, K]·B [K, N], and convolutions as such products whose A is never stored.
//
// A group of ITEMS items makes TILE × TILE elements of C, each item SIDE × SIDE of them in registers. It walks over K in steps
// of DEPTH, for which the tiles of A and B lie in local memory: 2·TILE·DEPTH loads for TILE²·DEPTH multiplications.

#ifndef TILE
#define TILE 64
#define DEPTH 16
#define SIDE 4
#endif
/// Items along a side of the group's square.
#define ACROSS (TILE / SIDE)
#define ITEMS (ACROSS * ACROSS)
/// Elements of a tile that an item loads.
#define LOADS (TILE * DEPTH / ITEMS)
/// Numbers from one row of a tile to the next: one more than it has, so that items do not meet in one bank.
#define PITCH (TILE + 1)

/// The place in a tile of what an item loads as its number `load`: neighbors along the depth, or along the side.
#define ALONG_DEPTH(load, side, depth) \
  const int side = (ITEM(0) + load * ITEMS) / DEPTH, depth = (ITEM(0) + load * ITEMS) % DEPTH
#define ALONG_SIDE(load, side, depth) \
  const int side = (ITEM(0) + load * ITEMS) % TILE, depth = (ITEM(0) + load * ITEMS) / TILE

#define LOADS_IN_TURN _Pragma("unroll") for (int load = 0; load < LOADS; load++)

/// What an item adds up.
typedef struct {
  float sum[SIDE][SIDE];
} block;

INLINE void clear(block *c) {
#pragma unroll
  for (int i = 0; i < SIDE; i++)
#pragma unroll
    for (int j = 0; j < SIDE; j++) c->sum[i][j] = 0.0f;
}

/// c += Aᵀ-tile·B-tile
INLINE void multiply_tiles(LOCAL const float *a, LOCAL const float *b, block *c) {
  const int row = ITEM(0) / ACROSS, column = ITEM(0) % ACROSS;
#pragma unroll
  for (int k = 0; k < DEPTH; k++) {
    float left[SIDE], right[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; i++) left[i] = a[k * PITCH + row + i * ACROSS];
#pragma unroll
    for (int j = 0; j < SIDE; j++) right[j] = b[k * PITCH + column + j * ACROSS];
#pragma unroll
    for (int i = 0; i < SIDE; i++)
#pragma unroll
      for (int j = 0; j < SIDE; j++) c->sum[i][j] = mad(left[i], right[j], c->sum[i][j]);
  }
}

/// The row and column of C that an item's sum [i][j] is.
#define ROW(i) (GROUP(1) * TILE + ITEM(0) / ACROSS + (i) * ACROSS)
#define COLUMN(j) (GROUP(0) * TILE + ITEM(0) % ACROSS + (j) * ACROSS)

/// C = A·B + bias for each of a batch. Elements are found by strides, so that either may be stored as its transpose.
KERNEL void product(GLOBAL const float *a, int a_offset, int a_batch, int a_row, int a_column, GLOBAL const float *b,
                    int b_offset, int b_batch, int b_row, int b_column, GLOBAL const float *bias, GLOBAL float *c,
                    int c_offset, int c_batch, int c_row, int rows, int columns, int inner) {
  SHARED float left[DEPTH * PITCH], right[DEPTH * PITCH];
  block sums;
  clear(&sums);
  a += a_offset + GROUP(2) * a_batch;
  b += b_offset + GROUP(2) * b_batch;
  c += c_offset + GROUP(2) * c_batch;
  const int top = GROUP(1) * TILE, start = GROUP(0) * TILE;
  for (int k = 0; k < inner; k += DEPTH) {
    LOADS_IN_TURN {
      if (a_column == 1) {
        ALONG_DEPTH(load, m, d);
        left[d * PITCH + m] = top + m < rows && k + d < inner ? a[(top + m) * a_row + k + d] : 0.0f;
      } else {
        ALONG_SIDE(load, m, d);
        left[d * PITCH + m] = top + m < rows && k + d < inner ? a[(top + m) * a_row + (k + d) * a_column] : 0.0f;
      }
      if (b_row == 1) {
        ALONG_DEPTH(load, n, d);
        right[d * PITCH + n] = start + n < columns && k + d < inner ? b[(start + n) * b_column + k + d] : 0.0f;
      } else {
        ALONG_SIDE(load, n, d);
        right[d * PITCH + n] =
            start + n < columns && k + d < inner ? b[(start + n) * b_column + (k + d) * b_row] : 0.0f;
      }
    }
    BARRIER();
    multiply_tiles(left, right, &sums);
    BARRIER();
  }
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      if (ROW(i) < rows && COLUMN(j) < columns) {
        c[ROW(i) * c_row + COLUMN(j)] = sums.sum[i][j] + (bias ? bias[COLUMN(j)] : 0.0f);
      }
    }
  }
}

/// y[i] = Σ part[p·count + i] over the parts in order.
KERNEL void sum_slices(GLOBAL const float *part, GLOBAL float *y, int parts, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    float sum = 0.0f;
    for (int p = 0; p < parts; p++) sum += part[p * count + i];
    y[i] = sum;
  }
}

// Convolutions, channels last: x [N, H, W, C], w [h, w, C, O], y [N, H', W', O]. Where `halved` is 1, x is stored at halved the
// size, and each of its pixels stands for 2 × 2.

/// A window's tap (row, column of the kernel) and channel, which go on by DEPTH without a division.
typedef struct {
  int row, column, channel;
} tap;

INLINE tap first_tap(int k, int width, int channels) {
  tap t;
  t.channel = k % channels;
  t.column = k / channels % width;
  t.row = k / channels / width;
  return t;
}

INLINE void next_tap(tap *t, int width, int channels) {
  t->channel += DEPTH;
  while (t->channel >= channels) {
    t->channel -= channels;
    if (++t->column == width) {
      t->column = 0;
      t->row++;
    }
  }
}

/// y = x ∗ w + bias + channel_bias[item] + residual
KERNEL void convolution(GLOBAL const float *x, GLOBAL const float *w, GLOBAL const float *bias,
                        GLOBAL const float *channel_bias, GLOBAL const float *residual, GLOBAL float *y, int items,
                        int height, int width, int channels, int kernel_height, int kernel_width, int out_height,
                        int out_width, int outputs, int stride, int top, int left_edge, int halved) {
  SHARED float left[DEPTH * PITCH], right[DEPTH * PITCH];
  block sums;
  clear(&sums);
  const int rows = items * out_height * out_width, inner = kernel_height * kernel_width * channels;
  const int first = GROUP(1) * TILE, start = GROUP(0) * TILE;
  const int stored_width = halved ? width / 2 : width, stored_height = halved ? height / 2 : height;
  // Where the windows of this item's loads begin; above the picture for those that there are not.
  int begin[LOADS], h0[LOADS], w0[LOADS];
  LOADS_IN_TURN {
    ALONG_DEPTH(load, m, d);
    const int pixel = first + m;
    h0[load] = pixel < rows ? pixel / out_width % out_height * stride - top : -1000000;
    w0[load] = pixel % out_width * stride - left_edge;
    begin[load] = pixel / (out_width * out_height) * stored_height;
  }
  tap t = first_tap(ITEM(0) % DEPTH, kernel_width, channels);
  for (int k = 0; k < inner; k += DEPTH) {
    LOADS_IN_TURN {
      ALONG_DEPTH(load, m, d);
      const int h = h0[load] + t.row, v = w0[load] + t.column;
      float value = 0.0f;
      if (k + d < inner && h >= 0 && h < height && v >= 0 && v < width) {
        value = x[((begin[load] + (halved ? h / 2 : h)) * stored_width + (halved ? v / 2 : v)) * channels + t.channel];
      }
      left[d * PITCH + m] = value;
    }
    LOADS_IN_TURN {
      ALONG_SIDE(load, n, d);
      right[d * PITCH + n] = start + n < outputs && k + d < inner ? w[(k + d) * outputs + start + n] : 0.0f;
    }
    next_tap(&t, kernel_width, channels);
    BARRIER();
    multiply_tiles(left, right, &sums);
    BARRIER();
  }
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      const int pixel = ROW(i), o = COLUMN(j);
      if (pixel < rows && o < outputs) {
        float value = sums.sum[i][j];
        if (bias) value += bias[o];
        if (channel_bias) value += channel_bias[pixel / (out_width * out_height) * outputs + o];
        if (residual) value += residual[pixel * outputs + o];
        y[pixel * outputs + o] = value;
      }
    }
  }
}

/// gx = the transposed convolution of gy: for each stored pixel the sum over the taps that met it. Where `halved` is 1, over
/// those of its 2 × 2 pixels.
KERNEL void convolution_input_gradient(GLOBAL const float *gy, GLOBAL const float *w, GLOBAL float *gx, int items,
                                       int height, int width, int channels, int kernel_height, int kernel_width,
                                       int out_height, int out_width, int outputs, int stride, int top, int left_edge,
                                       int halved) {
  SHARED float left[DEPTH * PITCH], right[DEPTH * PITCH];
  block sums;
  clear(&sums);
  const int stored_width = halved ? width / 2 : width, stored_height = halved ? height / 2 : height;
  const int rows = items * stored_height * stored_width, copies = halved ? 2 : 1;
  const int taps = kernel_height * kernel_width, inner = taps * outputs;
  const int first = GROUP(1) * TILE, start = GROUP(0) * TILE;
  int begin[LOADS], h0[LOADS], w0[LOADS];
  LOADS_IN_TURN {
    ALONG_DEPTH(load, m, d);
    const int pixel = first + m;
    h0[load] = pixel < rows ? pixel / stored_width % stored_height * copies + top : -1000000;
    w0[load] = pixel % stored_width * copies + left_edge;
    begin[load] = pixel / (stored_width * stored_height) * out_height;
  }
  for (int copy = 0; copy < copies * copies; copy++) {
    tap t = first_tap(ITEM(0) % DEPTH, kernel_width, outputs);
    for (int k = 0; k < inner; k += DEPTH) {
      LOADS_IN_TURN {
        ALONG_DEPTH(load, m, d);
        const int h = h0[load] + copy / 2 - t.row, v = w0[load] + copy % 2 - t.column;
        const int row = h / stride, column = v / stride;
        float value = 0.0f;
        if (k + d < inner && h >= 0 && v >= 0 && row * stride == h && column * stride == v && row < out_height &&
            column < out_width) {
          value = gy[((begin[load] + row) * out_width + column) * outputs + t.channel];
        }
        left[d * PITCH + m] = value;
      }
      LOADS_IN_TURN {
        ALONG_DEPTH(load, n, d);
        const int place = t.row * kernel_width + t.column;
        right[d * PITCH + n] = start + n < channels && k + d < inner
                                   ? w[(place * channels + start + n) * outputs + t.channel]
                                   : 0.0f;
      }
      next_tap(&t, kernel_width, outputs);
      BARRIER();
      multiply_tiles(left, right, &sums);
      BARRIER();
    }
  }
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      if (ROW(i) < rows && COLUMN(j) < channels) gx[ROW(i) * channels + COLUMN(j)] = sums.sum[i][j];
    }
  }
}

/// part[z] = the gradient of the weight from the pixels of part z: gw[tap, c, o] = Σ x·gy.
KERNEL void convolution_weight_gradient(GLOBAL const float *gy, GLOBAL const float *x, GLOBAL float *part, int items,
                                        int height, int width, int channels, int kernel_height, int kernel_width,
                                        int out_height, int out_width, int outputs, int stride, int top, int left_edge,
                                        int halved, int piece) {
  SHARED float left[DEPTH * PITCH], right[DEPTH * PITCH];
  block sums;
  clear(&sums);
  const int rows = kernel_height * kernel_width * channels, pixels = items * out_height * out_width;
  const int stored_width = halved ? width / 2 : width, stored_height = halved ? height / 2 : height;
  const int first = GROUP(1) * TILE, start = GROUP(0) * TILE;
  const int begin = GROUP(2) * piece, end = begin + piece < pixels ? begin + piece : pixels;
  // Of the window, this item always loads the same tap and channel; the pixels go on by DEPTH without a division.
  const int r = first + ITEM(0) % TILE;
  const int c = r % channels, tap_column = r / channels % kernel_width, tap_row = r / channels / kernel_width;
  int item[LOADS], row[LOADS], column[LOADS];
  LOADS_IN_TURN {
    ALONG_SIDE(load, m, d);
    const int pixel = begin + d;
    column[load] = pixel % out_width;
    row[load] = pixel / out_width % out_height;
    item[load] = pixel / (out_width * out_height);
  }
  for (int k = begin; k < end; k += DEPTH) {
    LOADS_IN_TURN {
      ALONG_SIDE(load, m, d);
      const int h = row[load] * stride - top + tap_row, v = column[load] * stride - left_edge + tap_column;
      float value = 0.0f;
      if (r < rows && k + d < end && h >= 0 && h < height && v >= 0 && v < width) {
        value = x[((item[load] * stored_height + (halved ? h / 2 : h)) * stored_width + (halved ? v / 2 : v)) * channels + c];
      }
      left[d * PITCH + m] = value;
      right[d * PITCH + m] = start + m < outputs && k + d < end ? gy[(k + d) * outputs + start + m] : 0.0f;
      column[load] += DEPTH;
      while (column[load] >= out_width) {
        column[load] -= out_width;
        if (++row[load] == out_height) {
          row[load] = 0;
          item[load]++;
        }
      }
    }
    BARRIER();
    multiply_tiles(left, right, &sums);
    BARRIER();
  }
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      if (ROW(i) < rows && COLUMN(j) < outputs) {
        part[(GROUP(2) * rows + ROW(i)) * outputs + COLUMN(j)] = sums.sum[i][j];
      }
    }
  }
}
