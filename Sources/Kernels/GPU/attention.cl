// Attention in heads without a matrix of scores (Dao et al. 2022): blocks of queries meet blocks of keys one after the other,
// and the sum of weights is kept in step with the largest score seen so far. HEAD, a multiple of BLOCK, is the widest head that
// there is room for in registers; `width` is how wide a head is.
//
// Queries, keys, values and results of a head are rows of `width` numbers in a tensor [N, T, …]: `stride` from one token to the
// next, `first` to the first head, `step` from one head to the next.

#define BLOCK 32
/// Items of a group, of which LANES share a row.
#define LANES 8
#define CHUNKS (HEAD / BLOCK)
/// Columns of a chunk that an item adds up.
#define OWN (BLOCK / LANES)
#define LINE (BLOCK + 1)
#define ATTENTION_ITEMS (BLOCK * LANES)

#define ROW_OF(item) ((item) / LANES)
#define LANE_OF(item) ((item) % LANES)

/// to[row, column] = from[(first_row + row), chunk of columns], zeros beyond the last row and column.
INLINE void load_tile(LOCAL float *to, GLOBAL const float *from, int stride, int first_row, int rows, int chunk, int width) {
  for (int i = ITEM(0); i < BLOCK * BLOCK; i += ATTENTION_ITEMS) {
    const int row = first_row + i / BLOCK, column = chunk * BLOCK + i % BLOCK;
    to[i / BLOCK * LINE + i % BLOCK] = row < rows && column < width ? from[row * stride + column] : 0.0f;
  }
}

/// own[j] = Σ a[row]·b[column j] over the width of a head, for an item's row of a and its columns among rows of b.
INLINE void dot_rows(GLOBAL const float *a, int a_stride, int a_first, int a_rows, GLOBAL const float *b, int b_stride,
                     int b_first, int b_rows, int width, LOCAL float *left, LOCAL float *right, float *own) {
  const int row = ROW_OF(ITEM(0)), lane = LANE_OF(ITEM(0));
  for (int j = 0; j < OWN; j++) own[j] = 0.0f;
  for (int chunk = 0; chunk * BLOCK < width; chunk++) {
    BARRIER();
    load_tile(left, a, a_stride, a_first, a_rows, chunk, width);
    load_tile(right, b, b_stride, b_first, b_rows, chunk, width);
    BARRIER();
#pragma unroll 4
    for (int k = 0; k < BLOCK; k++) {
      const float value = left[row * LINE + k];
      for (int j = 0; j < OWN; j++) own[j] = mad(value, right[(lane + j * LANES) * LINE + k], own[j]);
    }
  }
}

INLINE void clear(float sums[CHUNKS][OWN]) {
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; chunk++)
#pragma unroll
    for (int j = 0; j < OWN; j++) sums[chunk][j] = 0.0f;
}

/// sums[chunk, j] += Σ weights[row, k]·b[k, column j] over a block of rows of b.
INLINE void add_rows(LOCAL const float *weights, GLOBAL const float *b, int b_stride, int b_first, int b_rows, int width,
                     LOCAL float *room, float sums[CHUNKS][OWN]) {
  const int row = ROW_OF(ITEM(0)), lane = LANE_OF(ITEM(0));
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
    BARRIER();
    load_tile(room, b, b_stride, b_first, b_rows, chunk, width);
    BARRIER();
#pragma unroll 4
    for (int k = 0; k < BLOCK; k++) {
      const float weight = weights[row * LINE + k];
#pragma unroll
      for (int j = 0; j < OWN; j++) sums[chunk][j] = mad(weight, room[k * LINE + lane + j * LANES], sums[chunk][j]);
    }
  }
}

INLINE void store_rows(GLOBAL float *to, int stride, int first, int rows, int width, float sums[CHUNKS][OWN], float scale) {
  const int row = first + ROW_OF(ITEM(0)), lane = LANE_OF(ITEM(0));
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
#pragma unroll
    for (int j = 0; j < OWN; j++) {
      const int column = chunk * BLOCK + lane + j * LANES;
      if (row < rows && column < width) to[row * stride + column] = sums[chunk][j] * scale;
    }
  }
}

/// Heads as arguments, and that of the group.
#define HEADS(x) GLOBAL const float *x, int x##_stride, int x##_first, int x##_step
#define INTO_HEADS(x) GLOBAL float *x, int x##_stride, int x##_first, int x##_step
#define OWN_HEAD(x, tokens, x_stride, x_first, x_step) \
  (x + GROUP(2) * (tokens) * (x_stride) + (x_first) + GROUP(1) * (x_step))
/// Where the group's head begins in [N, heads, T].
#define OWN_ROWS(tokens) ((GROUP(2) * GROUPS(1) + GROUP(1)) * (tokens))

/// What attention and its gradients begin with: an item's row and lane in the group's block, and its heads.
#define BEGIN_ATTENTION                                                               \
  SHARED float left[BLOCK * LINE], right[BLOCK * LINE], weights[BLOCK * LINE];        \
  const int row = ROW_OF(ITEM(0)), lane = LANE_OF(ITEM(0)), first = GROUP(0) * BLOCK; \
  GLOBAL const float *own_q = OWN_HEAD(q, queries, q_stride, q_first, q_step);        \
  GLOBAL const float *own_k = OWN_HEAD(k, keys, k_stride, k_first, k_step);           \
  GLOBAL const float *own_v = OWN_HEAD(v, keys, v_stride, v_first, v_step);

/// y = softmax(q·kᵀ·scale)·v, and the logarithm of each row's sum of weights, [N, heads, T].
KERNEL void attention(HEADS(q), HEADS(k), HEADS(v), GLOBAL float *y, int y_stride, int y_step, GLOBAL float *logarithms,
                      int queries, int keys, int width, float scale, int causal) {
  SHARED float most[BLOCK * LANES], total[BLOCK * LANES];
  BEGIN_ATTENTION
  float sums[CHUNKS][OWN];
  clear(sums);
  float highest = -INFINITY, sum = 0.0f;
  for (int block = 0; block < keys; block += BLOCK) {
    float score[OWN];
    dot_rows(own_q, q_stride, first, queries, own_k, k_stride, block, keys, width, left, right, score);
    float own_most = -INFINITY;
    for (int j = 0; j < OWN; j++) {
      const int key = block + lane + j * LANES;
      score[j] = key < keys && !(causal && key > first + row) ? score[j] * scale : -INFINITY;
      own_most = fmax(own_most, score[j]);
    }
    most[row * LANES + lane] = own_most;
    BARRIER();
    float new_highest = highest;
    for (int i = 0; i < LANES; i++) new_highest = fmax(new_highest, most[row * LANES + i]);
    float own_total = 0.0f;
    for (int j = 0; j < OWN; j++) {
      const float weight = new_highest == -INFINITY ? 0.0f : exp(score[j] - new_highest);
      weights[row * LINE + lane + j * LANES] = weight;
      own_total += weight;
    }
    total[row * LANES + lane] = own_total;
    BARRIER();
    const float correction = highest == -INFINITY ? 0.0f : exp(highest - new_highest);
    float added = 0.0f;
    for (int i = 0; i < LANES; i++) added += total[row * LANES + i];
    sum = sum * correction + added;
    highest = new_highest;
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
#pragma unroll
      for (int j = 0; j < OWN; j++) sums[c][j] *= correction;
    add_rows(weights, own_v, v_stride, block, keys, width, right, sums);
  }
  store_rows(OWN_HEAD(y, queries, y_stride, 0, y_step), y_stride, first, queries, width, sums, 1.0f / sum);
  if (lane == 0 && first + row < queries) logarithms[OWN_ROWS(queries) + first + row] = highest + log(sum);
}

/// products[N, heads, T] = Σ g·y of each row of a head: one group for BLOCK rows.
KERNEL void attention_products(GLOBAL const float *g, GLOBAL const float *y, int stride, int step, GLOBAL float *products,
                               int queries, int width) {
  SHARED float room[ATTENTION_ITEMS];
  const int row = GROUP(0) * BLOCK + ROW_OF(ITEM(0)), lane = LANE_OF(ITEM(0));
  float sum = 0.0f;
  if (row < queries) {
    const int at = (GROUP(2) * queries + row) * stride + GROUP(1) * step;
    for (int i = lane; i < width; i += LANES) sum = mad(g[at + i], y[at + i], sum);
  }
  room[ITEM(0)] = sum;
  BARRIER();
  if (lane == 0 && row < queries) {
    for (int i = 1; i < LANES; i++) sum += room[ITEM(0) + i];
    products[OWN_ROWS(queries) + row] = sum;
  }
}

/// What its gradients begin with, too: g is the result's gradient.
#define GRADIENT_INPUTS                                                          \
  HEADS(q), HEADS(k), HEADS(v), GLOBAL const float *g, int g_stride, int g_step, \
      GLOBAL const float *logarithms, GLOBAL const float *products
#define BEGIN_GRADIENT \
  BEGIN_ATTENTION      \
  GLOBAL const float *own_g = OWN_HEAD(g, queries, g_stride, 0, g_step);

/// gq: for a block of queries Σ over keys of P∘(gP − product)·scale·k, with P and gP = g·vᵀ computed again.
KERNEL void attention_query_gradient(GRADIENT_INPUTS, INTO_HEADS(gq), int queries, int keys, int width, float scale,
                                     int causal) {
  BEGIN_GRADIENT
  const int query = first + row, at = OWN_ROWS(queries) + query;
  const float logarithm = query < queries ? logarithms[at] : 0.0f, product = query < queries ? products[at] : 0.0f;
  float sums[CHUNKS][OWN];
  clear(sums);
  for (int block = 0; block < keys; block += BLOCK) {
    float score[OWN], gradient[OWN];
    dot_rows(own_q, q_stride, first, queries, own_k, k_stride, block, keys, width, left, right, score);
    dot_rows(own_g, g_stride, first, queries, own_v, v_stride, block, keys, width, left, right, gradient);
    for (int j = 0; j < OWN; j++) {
      const int key = block + lane + j * LANES;
      const int seen = query < queries && key < keys && !(causal && key > query);
      weights[row * LINE + lane + j * LANES] =
          seen ? exp(score[j] * scale - logarithm) * (gradient[j] - product) * scale : 0.0f;
    }
    add_rows(weights, own_k, k_stride, block, keys, width, right, sums);
  }
  store_rows(OWN_HEAD(gq, queries, gq_stride, gq_first, gq_step), gq_stride, first, queries, width, sums, 1.0f);
}

/// gk and gv: for a block of keys Σ over queries of P∘(gP − product)·scale·q and of P·g.
KERNEL void attention_key_gradient(GRADIENT_INPUTS, INTO_HEADS(gk), INTO_HEADS(gv), int queries, int keys, int width,
                                   float scale, int causal) {
  BEGIN_GRADIENT
  const int key = first + row, heads = OWN_ROWS(queries);
  float key_sums[CHUNKS][OWN], value_sums[CHUNKS][OWN];
  clear(key_sums);
  clear(value_sums);
  for (int block = 0; block < queries; block += BLOCK) {
    float score[OWN], gradient[OWN];
    dot_rows(own_k, k_stride, first, keys, own_q, q_stride, block, queries, width, left, right, score);
    dot_rows(own_v, v_stride, first, keys, own_g, g_stride, block, queries, width, left, right, gradient);
    for (int j = 0; j < OWN; j++) {
      const int query = block + lane + j * LANES;
      const int seen = query < queries && key < keys && !(causal && key > query);
      const float weight = seen ? exp(score[j] * scale - logarithms[heads + query]) : 0.0f;
      weights[row * LINE + lane + j * LANES] = weight;
      gradient[j] = seen ? weight * (gradient[j] - products[heads + query]) * scale : 0.0f;
    }
    add_rows(weights, own_g, g_stride, block, queries, width, right, value_sums);
    BARRIER();
    for (int j = 0; j < OWN; j++) weights[row * LINE + lane + j * LANES] = gradient[j];
    add_rows(weights, own_q, q_stride, block, queries, width, right, key_sums);
  }
  store_rows(OWN_HEAD(gk, keys, gk_stride, gk_first, gk_step), gk_stride, first, keys, width, key_sums, 1.0f);
  store_rows(OWN_HEAD(gv, keys, gv_stride, gv_first, gv_step), gv_stride, first, keys, width, value_sums, 1.0f);
}
