// Matrix products: C [M, N] = A [M, K]·B [K, N], and convolutions as such products whose A is never stored.
//
// A group of ITEMS items makes TILE × TILE elements of C, each item SIDE × SIDE of them in registers. It walks over K in steps
// of DEPTH, for which the tiles of A and B lie in local memory: 2·TILE·DEPTH loads for TILE²·DEPTH multiplications.
//
// K is cut into pieces of `piece`. The products of a piece are added up from 0, then the pieces in order. Where there is one
// group for a tile, it adds its pieces to C one after the other. Where there are as many as pieces, each leaves its own in a
// part of its own, [pieces, …], and `sum_slices` adds them. Either way the sums are the same, to the last bit.

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
#pragma unroll 4
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

INLINE int least(int a, int b) { return a < b ? a : b; }

/// What a product of so many rows, columns and K begins with: the group's tiles, their first row and column in C, and where
/// in K it begins and ends.
#define BEGIN_PRODUCT(rows, columns, inner)                                     \
  SHARED float left[DEPTH * PITCH], right[DEPTH * PITCH];                       \
  block sums;                                                                   \
  const int across = ((columns) + TILE - 1) / TILE;                             \
  const int first = GROUP(0) / across * TILE, start = GROUP(0) % across * TILE; \
  const int is_spread = GROUPS(1) > 1, origin = GROUP(1) * piece;               \
  const int limit = is_spread ? origin + least(piece, (inner) - origin) : (inner);

/// Each piece that the group adds up, from `begin` to `end`.
#define EACH_PIECE                                                                                     \
  for (int begin = origin, end = origin + least(piece, limit - origin); clear(&sums), begin < limit;   \
       begin = end, end += least(piece, limit - end))

/// What a step along K ends with, once its tiles are loaded.
#define MULTIPLY_TILES()              \
  BARRIER();                          \
  multiply_tiles(left, right, &sums); \
  BARRIER()

/// What a product ends with: `sum` and what is added to the product once, at C's element [row, column]. Rows of one item are
/// `area`.
INLINE float with_biases(float sum, int row, int column, int columns, int area, GLOBAL const float *bias,
                         GLOBAL const float *channel_bias, GLOBAL const float *residual) {
  if (bias) sum += bias[column];
  if (channel_bias) sum += channel_bias[row / area * columns + column];
  if (residual) sum += residual[row * columns + column];
  return sum;
}

/// Brings the sums of a piece to c [rows, columns]: added to those of the pieces before unless it `is_first`, and with what is
/// added once where it `is_last`.
INLINE void store(const block *sums, GLOBAL float *c, int first, int start, int rows, int columns, int is_first, int is_last,
                  int area, GLOBAL const float *bias, GLOBAL const float *channel_bias,
                  GLOBAL const float *residual) {
  int top = first + ITEM(0) / ACROSS, edge = start + ITEM(0) % ACROSS;
  HIDE(top);
  HIDE(edge);
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      const int row = top + i * ACROSS, column = edge + j * ACROSS;
      if (row < rows && column < columns) {
        const int at = row * columns + column;
        float sum = sums->sum[i][j];
        if (!is_first) sum = c[at] + sum;
        c[at] = is_last ? with_biases(sum, row, column, columns, area, bias, channel_bias, residual) : sum;
      }
    }
  }
}

/// Whether a piece is the first that is stored where it is, and whether the product is complete with it.
#define IS_FIRST (is_spread || begin == 0)
#define IS_LAST(inner) (!is_spread && end == (inner))

/// C = A·B + bias for each of a batch. Elements are found by strides, so that either may be stored as its transpose.
KERNEL void product(GLOBAL const float *a, int a_offset, int a_batch, int a_row, int a_column, GLOBAL const float *b,
                    int b_offset, int b_batch, int b_row, int b_column, GLOBAL const float *bias, GLOBAL float *c, int rows,
                    int columns, int inner, int piece) {
  BEGIN_PRODUCT(rows, columns, inner)
  a += a_offset + GROUP(2) * a_batch;
  b += b_offset + GROUP(2) * b_batch;
  c += (GROUP(1) * GROUPS(2) + GROUP(2)) * rows * columns;
  EACH_PIECE {
    for (int k = begin; k < end; k += DEPTH) {
      LOADS_IN_TURN {
        if (a_column == 1) {
          ALONG_DEPTH(load, m, d);
          left[d * PITCH + m] = first + m < rows && k + d < end ? a[(first + m) * a_row + k + d] : 0.0f;
        } else {
          ALONG_SIDE(load, m, d);
          left[d * PITCH + m] = first + m < rows && k + d < end ? a[(first + m) * a_row + (k + d) * a_column] : 0.0f;
        }
        if (b_row == 1) {
          ALONG_DEPTH(load, n, d);
          right[d * PITCH + n] = start + n < columns && k + d < end ? b[(start + n) * b_column + k + d] : 0.0f;
        } else {
          ALONG_SIDE(load, n, d);
          right[d * PITCH + n] =
              start + n < columns && k + d < end ? b[(start + n) * b_column + (k + d) * b_row] : 0.0f;
        }
      }
      MULTIPLY_TILES();
    }
    store(&sums, c, first, start, rows, columns, IS_FIRST, IS_LAST(inner), 1, bias, 0, 0);
  }
}

/// y[i] = Σ part[p·count + i] over the parts in order, and what a product ends with: y has `columns`.
KERNEL void sum_slices(GLOBAL const float *part, GLOBAL const float *bias, GLOBAL const float *channel_bias,
                       GLOBAL const float *residual, GLOBAL float *y, int parts, int count, int columns, int area) {
  for (int i = FIRST; i < count; i += STEP) {
    float sum = part[i];
    for (int p = 1; p < parts; p++) sum += part[p * count + i];
    y[i] = with_biases(sum, i / columns, i % columns, columns, area, bias, channel_bias, residual);
  }
}

// Convolutions, channels last: x [N, H, W, C], w [h, w, C, O], y [N, H', W', O]. Where `halved` is 1, x is stored at halved the
// size, and each of its pixels stands for 2 × 2.

/// What describes one.
#define GEOMETRY                                                                                                      \
  int items, int height, int width, int channels, int kernel_height, int kernel_width, int out_height, int out_width, \
      int outputs, int stride, int top, int left_edge, int halved, int piece

/// Height and width of x as it is stored.
#define STORED const int stored_height = halved ? height / 2 : height, stored_width = halved ? width / 2 : width;

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

/// Of the pixels whose windows an item loads along the depth: where a window begins, above the picture for those that there
/// are not, and the first row of another picture that belongs to its item.
typedef struct {
  int row[LOADS], column[LOADS], begin[LOADS];
} windows;

/// Pixels from `first` on of a picture, `scale` apart in the other one, `across` and `down` from there; `other_height` is that
/// one's.
INLINE void find_windows(windows *w, int first, int pixels, int height, int width, int scale, int down, int across,
                         int other_height) {
  LOADS_IN_TURN {
    ALONG_DEPTH(load, m, d);
    const int pixel = first + m;
    w->row[load] = pixel < pixels ? pixel / width % height * scale + down : -1000000;
    w->column[load] = pixel % width * scale + across;
    w->begin[load] = pixel / (width * height) * other_height;
  }
}

/// y = x ∗ w + bias + channel_bias[item] + residual
KERNEL void convolution(GLOBAL const float *x, GLOBAL const float *w, GLOBAL const float *bias,
                        GLOBAL const float *channel_bias, GLOBAL const float *residual, GLOBAL float *y, GEOMETRY) {
  const int rows = items * out_height * out_width, inner = kernel_height * kernel_width * channels;
  BEGIN_PRODUCT(rows, outputs, inner)
  STORED
  windows seen;
  find_windows(&seen, first, rows, out_height, out_width, stride, -top, -left_edge, stored_height);
  EACH_PIECE {
    tap t = first_tap(begin + ITEM(0) % DEPTH, kernel_width, channels);
    for (int k = begin; k < end; k += DEPTH) {
      LOADS_IN_TURN {
        ALONG_DEPTH(load, m, d);
        const int h = seen.row[load] + t.row, v = seen.column[load] + t.column;
        float value = 0.0f;
        if (k + d < end && h >= 0 && h < height && v >= 0 && v < width) {
          value = x[((seen.begin[load] + (halved ? h / 2 : h)) * stored_width + (halved ? v / 2 : v)) * channels + t.channel];
        }
        left[d * PITCH + m] = value;
      }
      LOADS_IN_TURN {
        ALONG_SIDE(load, n, d);
        right[d * PITCH + n] = start + n < outputs && k + d < end ? w[(k + d) * outputs + start + n] : 0.0f;
      }
      next_tap(&t, kernel_width, channels);
      MULTIPLY_TILES();
    }
    store(&sums, y + GROUP(1) * rows * outputs, first, start, rows, outputs, IS_FIRST, IS_LAST(inner),
          out_height * out_width, bias, channel_bias, residual);
  }
}

/// gx = the transposed convolution of gy: for each stored pixel the sum over the taps that met it. Where `halved` is 1, over
/// those of its 2 × 2 pixels.
KERNEL void convolution_input_gradient(GLOBAL const float *gy, GLOBAL const float *w, GLOBAL float *gx, GEOMETRY) {
  STORED
  const int rows = items * stored_height * stored_width, copies = halved ? 2 : 1;
  const int inner = kernel_height * kernel_width * outputs;
  BEGIN_PRODUCT(rows, channels, inner)
  windows seen;
  find_windows(&seen, first, rows, stored_height, stored_width, copies, top, left_edge, out_height);
  EACH_PIECE {
    for (int copy = 0; copy < copies * copies; copy++) {
      tap t = first_tap(begin + ITEM(0) % DEPTH, kernel_width, outputs);
      for (int k = begin; k < end; k += DEPTH) {
        LOADS_IN_TURN {
          ALONG_DEPTH(load, m, d);
          const int h = seen.row[load] + copy / 2 - t.row, v = seen.column[load] + copy % 2 - t.column;
          const int row = h / stride, column = v / stride;
          float value = 0.0f;
          if (k + d < end && h >= 0 && v >= 0 && row * stride == h && column * stride == v && row < out_height &&
              column < out_width) {
            value = gy[((seen.begin[load] + row) * out_width + column) * outputs + t.channel];
          }
          left[d * PITCH + m] = value;
          const int place = t.row * kernel_width + t.column;
          right[d * PITCH + m] = start + m < channels && k + d < end
                                     ? w[(place * channels + start + m) * outputs + t.channel]
                                     : 0.0f;
        }
        next_tap(&t, kernel_width, outputs);
        MULTIPLY_TILES();
      }
    }
    store(&sums, gx + GROUP(1) * rows * channels, first, start, rows, channels, IS_FIRST, IS_LAST(inner), 1, 0, 0,
          0);
  }
}

/// The gradient of the weight: gw[tap, c, o] = Σ x·gy over the pixels.
KERNEL void convolution_weight_gradient(GLOBAL const float *gy, GLOBAL const float *x, GLOBAL float *gw, GEOMETRY) {
  const int rows = kernel_height * kernel_width * channels, pixels = items * out_height * out_width;
  BEGIN_PRODUCT(rows, outputs, pixels)
  STORED
  // Of the window, this item always loads the same tap and channel; the pixels go on by DEPTH without a division.
  const int r = first + ITEM(0) % TILE;
  const int c = r % channels, tap_column = r / channels % kernel_width, tap_row = r / channels / kernel_width;
  EACH_PIECE {
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
          const int pixel = (item[load] * stored_height + (halved ? h / 2 : h)) * stored_width + (halved ? v / 2 : v);
          value = x[pixel * channels + c];
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
      MULTIPLY_TILES();
    }
    store(&sums, gw + GROUP(1) * rows * outputs, first, start, rows, outputs, IS_FIRST, IS_LAST(pixels), 1, 0, 0, 0);
  }
}
