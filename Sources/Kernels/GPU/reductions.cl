// Sums and what is made of them. Each group adds up pieces of fixed size in a fixed order.

/// Two floats that together hold a sum to about twice the digits (Knuth 1969, TAOCP 4.2.2).
INLINE void add_exactly(float *sum, float *rest, float value) {
  const float total = *sum + value;
  const float back = total - *sum;
  *rest += (*sum - (total - back)) + (value - back);
  *sum = total;
}

/// part[group] = Σ x·y over the group's piece of `piece` elements; Σ x where y is NULL.
KERNEL void sum_pieces(GLOBAL const float *x, GLOBAL const float *y, int squares, GLOBAL float *part, int piece,
                       int count) {
  SHARED float room[WIDTH];
  const int begin = GROUP(0) * piece, end = begin + piece < count ? begin + piece : count;
  float sum = 0.0f, rest = 0.0f;
  for (int i = begin + ITEM(0); i < end; i += WIDTH) add_exactly(&sum, &rest, squares ? x[i] * y[i] : x[i]);
  const float total = group_sum(sum, room), low = group_sum(rest, room);
  if (ITEM(0) == 0) {
    part[2 * GROUP(0)] = total;
    part[2 * GROUP(0) + 1] = low;
  }
}

/// The sum of what `sum_pieces` made, of one group: to[at] = Σ part.
KERNEL void sum_parts(GLOBAL const float *part, GLOBAL float *to, int at, int pieces, float scale) {
  SHARED float room[WIDTH];
  float sum = 0.0f, rest = 0.0f;
  for (int i = ITEM(0); i < pieces; i += WIDTH) {
    add_exactly(&sum, &rest, part[2 * i]);
    rest += part[2 * i + 1];
  }
  const float total = group_sum(sum, room), low = group_sum(rest, room);
  if (ITEM(0) == 0) to[at] = (total + low) * scale;
}

/// above[at + group] = 0 where |x| < limit in all of the group's piece, else 1; what is not a number is not below.
KERNEL void all_below(GLOBAL const float *x, float limit, GLOBAL float *above, int at, int piece, int count) {
  SHARED float room[WIDTH];
  const int begin = GROUP(0) * piece, end = begin + piece < count ? begin + piece : count;
  float most = 0.0f;
  for (int i = begin + ITEM(0); i < end; i += WIDTH) if (!(fabs(x[i]) < limit)) most = 1.0f;
  most = group_max(most, room);
  if (ITEM(0) == 0) above[at + GROUP(0)] = most;
}

/// part[piece, n, c] = Σ x[n, r, c] over a piece of rows. A group has 32 columns and WIDTH / 32 rows at a time.
KERNEL void column_sums(GLOBAL const float *x, GLOBAL float *part, int piece, int rows, int columns) {
  SHARED float room[WIDTH];
  const int column = GROUP(0) * 32 + ITEM(0) % 32, lane = ITEM(0) / 32, item = GROUP(2);
  const int begin = GROUP(1) * piece, end = begin + piece < rows ? begin + piece : rows;
  float sum = 0.0f;
  if (column < columns) {
    for (int row = begin + lane; row < end; row += WIDTH / 32) sum += x[(item * rows + row) * columns + column];
  }
  room[ITEM(0)] = sum;
  BARRIER();
  if (lane == 0 && column < columns) {
    for (int i = 1; i < WIDTH / 32; i++) sum += room[i * 32 + ITEM(0)];
    part[(GROUP(1) * GROUPS(2) + item) * columns + column] = sum;
  }
}

/// Softmax of scale·x over each row, a group for each.
KERNEL void softmax(GLOBAL const float *x, float scale, GLOBAL float *y, int columns) {
  SHARED float room[WIDTH];
  const int at = GROUP(0) * columns;
  float most = -INFINITY;
  for (int i = ITEM(0); i < columns; i += WIDTH) {
    const float value = scale * x[at + i];
    if (!(most >= value)) most = value;
  }
  most = group_max(most, room);
  float sum = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) {
    const float value = exp(scale * x[at + i] - most);
    y[at + i] = value;
    sum += value;
  }
  sum = group_sum(sum, room);
  for (int i = ITEM(0); i < columns; i += WIDTH) y[at + i] /= sum;
}

/// gx = scale·y·(gy − Σ y·gy)
KERNEL void softmax_gradient(GLOBAL const float *y, float scale, GLOBAL const float *gy, GLOBAL float *gx, int columns) {
  SHARED float room[WIDTH];
  const int at = GROUP(0) * columns;
  float sum = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) sum += y[at + i] * gy[at + i];
  sum = group_sum(sum, room);
  for (int i = ITEM(0); i < columns; i += WIDTH) gx[at + i] = scale * y[at + i] * (gy[at + i] - sum);
}

/// Of each row with a label of 0 or more −log softmax(x)[label], else 0; a group for each row.
KERNEL void cross_entropy(GLOBAL const float *x, GLOBAL const int *labels, GLOBAL float *losses, int columns) {
  SHARED float room[WIDTH];
  const int at = GROUP(0) * columns, label = labels[GROUP(0)];
  float most = -INFINITY;
  for (int i = ITEM(0); i < columns; i += WIDTH) if (!(most >= x[at + i])) most = x[at + i];
  most = group_max(most, room);
  float sum = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) sum += exp(x[at + i] - most);
  sum = group_sum(sum, room);
  if (ITEM(0) == 0) losses[GROUP(0)] = label < 0 ? 0.0f : most + log(sum) - x[at + label];
}

/// gx = g·scale·(p − [column is the label]) of rows with a label, else 0; p is the softmax, g one number.
KERNEL void cross_entropy_gradient(GLOBAL const float *p, GLOBAL const int *labels, GLOBAL const float *g, float scale,
                                   GLOBAL float *gx, int columns, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const int label = labels[i / columns];
    gx[i] = label < 0 ? 0.0f : g[0] * scale * (p[i] - (i % columns == label ? 1.0f : 0.0f));
  }
}
