// Normalization over groups of channels and over rows. Sums are of deviations from the mean, so that nothing cancels.

/// Mean and Σ (x − mean)² of a piece of the pixels of one group of channels: part[(item, group, piece)].
KERNEL void group_moments(GLOBAL const float *x, GLOBAL float *part, int pixels, int channels, int groups, int piece) {
  SHARED float room[WIDTH];
  const int width = channels / groups, group = GROUP(1), item = GROUP(2);
  const int begin = GROUP(0) * piece, end = begin + piece < pixels ? begin + piece : pixels;
  const int count = (end - begin) * width;
  GLOBAL const float *from = x + (item * pixels + begin) * channels + group * width;
  float sum = 0.0f;
  for (int i = ITEM(0); i < count; i += WIDTH) sum += from[i / width * channels + i % width];
  const float mean = group_sum(sum, room) / count;
  float squares = 0.0f;
  for (int i = ITEM(0); i < count; i += WIDTH) {
    const float deviation = from[i / width * channels + i % width] - mean;
    squares = mad(deviation, deviation, squares);
  }
  squares = group_sum(squares, room);
  if (ITEM(0) == 0) {
    GLOBAL float *to = part + 2 * ((item * groups + group) * GROUPS(0) + GROUP(0));
    to[0] = mean;
    to[1] = squares;
  }
}

/// What all pieces give (Chan, Golub & LeVeque 1983): mean and 1/σ of a group, [N, groups, 2], and the scale and shift of each
/// of its channels, [N, C].
KERNEL void group_statistics(GLOBAL const float *part, GLOBAL const float *weight, GLOBAL const float *bias, float eps,
                             GLOBAL float *statistics, GLOBAL float *scale, GLOBAL float *shift, int pixels, int channels,
                             int groups, int piece, int pieces) {
  const int width = channels / groups, group = GROUP(0), item = GROUP(1);
  GLOBAL const float *from = part + 2 * (item * groups + group) * pieces;
  float mean = from[0], squares = from[1], count = (float)((piece < pixels ? piece : pixels) * width);
  for (int p = 1; p < pieces; p++) {
    const int left = pixels - p * piece;
    const float more = (float)((left < piece ? left : piece) * width);
    const float difference = from[2 * p] - mean;
    mean += difference * more / (count + more);
    squares += from[2 * p + 1] + difference * difference * count * more / (count + more);
    count += more;
  }
  const float inverse = 1.0f / sqrt(squares / count + eps);
  if (ITEM(0) == 0) {
    statistics[2 * (item * groups + group)] = mean;
    statistics[2 * (item * groups + group) + 1] = inverse;
  }
  for (int c = group * width + ITEM(0); c < (group + 1) * width; c += WIDTH) {
    scale[item * channels + c] = weight[c] * inverse;
    shift[item * channels + c] = bias[c] - mean * weight[c] * inverse;
  }
}

/// y = f(x·scale + shift), f = SiLU where `silu`.
KERNEL void channel_affine(GLOBAL const float *x, GLOBAL const float *scale, GLOBAL const float *shift, int silu,
                           GLOBAL float *y, int pixels, int channels, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const int at = i / (pixels * channels) * channels + i % channels;
    const float z = mad(x[i], scale[at], shift[at]);
    y[i] = silu ? z / (1.0f + exp(-z)) : z;
  }
}

/// With z = x·scale + shift and x̂ = (x − mean)/σ: d = gy·f'(z), and over a piece of pixels Σ d and Σ d·x̂ of each channel:
/// part[piece, (item, 2, channel)]. A group has 32 channels and WIDTH / 32 pixels at a time.
KERNEL void group_gradient_sums(GLOBAL const float *x, GLOBAL const float *scale, GLOBAL const float *shift,
                                GLOBAL const float *statistics, int silu, GLOBAL const float *gy, GLOBAL float *d,
                                GLOBAL float *part, int pixels, int channels, int groups, int piece) {
  SHARED float room[2 * WIDTH];
  const int channel = GROUP(0) * 32 + ITEM(0) % 32, lane = ITEM(0) / 32, item = GROUP(2);
  const int begin = GROUP(1) * piece, end = begin + piece < pixels ? begin + piece : pixels;
  float sum = 0.0f, projected = 0.0f;
  if (channel < channels) {
    const float a = scale[item * channels + channel], b = shift[item * channels + channel];
    GLOBAL const float *own = statistics + 2 * (item * groups + channel / (channels / groups));
    for (int p = begin + lane; p < end; p += WIDTH / 32) {
      const int i = (item * pixels + p) * channels + channel;
      float g = gy[i];
      if (silu) {
        const float z = mad(x[i], a, b), s = 1.0f / (1.0f + exp(-z));
        g *= s * (1.0f + z * (1.0f - s));
      }
      d[i] = g;
      sum += g;
      projected = mad(g, (x[i] - own[0]) * own[1], projected);
    }
  }
  room[ITEM(0)] = sum;
  room[WIDTH + ITEM(0)] = projected;
  BARRIER();
  if (lane == 0 && channel < channels) {
    for (int i = 1; i < WIDTH / 32; i++) {
      sum += room[i * 32 + ITEM(0)];
      projected += room[WIDTH + i * 32 + ITEM(0)];
    }
    GLOBAL float *to = part + (GROUP(1) * GROUPS(2) + item) * 2 * channels;
    to[channel] = sum;
    to[channels + channel] = projected;
  }
}

/// The means over a group that its gradient needs, [N, groups, 2]: Σ d·w/m and Σ d·w·x̂/m.
KERNEL void group_gradient_means(GLOBAL const float *sums, GLOBAL const float *weight, GLOBAL float *means, int pixels,
                                 int channels, int groups) {
  SHARED float room[WIDTH];
  const int width = channels / groups, group = GROUP(0), item = GROUP(1);
  float total = 0.0f, projected = 0.0f;
  for (int c = group * width + ITEM(0); c < (group + 1) * width; c += WIDTH) {
    total = mad(sums[item * 2 * channels + c], weight[c], total);
    projected = mad(sums[(item * 2 + 1) * channels + c], weight[c], projected);
  }
  total = group_sum(total, room);
  projected = group_sum(projected, room);
  if (ITEM(0) == 0) {
    const float share = (float)width * pixels;
    means[2 * (item * groups + group)] = total / share;
    means[2 * (item * groups + group) + 1] = projected / share;
  }
}

/// gx = (d·w − mean − x̂·projected mean)/σ; gx may be d.
KERNEL void group_gradient(GLOBAL const float *x, GLOBAL const float *d, GLOBAL const float *weight,
                           GLOBAL const float *statistics, GLOBAL const float *means, GLOBAL float *gx, int pixels,
                           int channels, int groups, int count) {
  const int width = channels / groups;
  for (int i = FIRST; i < count; i += STEP) {
    const int c = i % channels, at = 2 * (i / (pixels * channels) * groups + c / width);
    const float inverse = statistics[at + 1], normal = (x[i] - statistics[at]) * inverse;
    gx[i] = inverse * (d[i] * weight[c] - means[at] - normal * means[at + 1]);
  }
}

/// Layer normalization of rows, a group for each; keeps mean and 1/σ, [rows, 2].
KERNEL void layer_norm(GLOBAL const float *x, GLOBAL const float *weight, GLOBAL const float *bias, float eps,
                       GLOBAL float *y, GLOBAL float *statistics, int columns) {
  SHARED float room[WIDTH];
  const int row = GROUP(0), at = row * columns;
  float sum = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) sum += x[at + i];
  const float mean = group_sum(sum, room) / columns;
  float squares = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) {
    const float deviation = x[at + i] - mean;
    squares = mad(deviation, deviation, squares);
  }
  const float inverse = 1.0f / sqrt(group_sum(squares, room) / columns + eps);
  for (int i = ITEM(0); i < columns; i += WIDTH) y[at + i] = mad((x[at + i] - mean) * inverse, weight[i], bias[i]);
  if (ITEM(0) == 0) {
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = inverse;
  }
}

/// gx of rows, a group for each.
KERNEL void layer_norm_gradient(GLOBAL const float *x, GLOBAL const float *weight, GLOBAL const float *statistics,
                                GLOBAL const float *gy, GLOBAL float *gx, int columns) {
  SHARED float room[WIDTH];
  const int row = GROUP(0), at = row * columns;
  const float mean = statistics[2 * row], inverse = statistics[2 * row + 1];
  float total = 0.0f, projected = 0.0f;
  for (int i = ITEM(0); i < columns; i += WIDTH) {
    const float g = gy[at + i] * weight[i];
    total += g;
    projected = mad(g, (x[at + i] - mean) * inverse, projected);
  }
  total = group_sum(total, room) / columns;
  projected = group_sum(projected, room) / columns;
  for (int i = ITEM(0); i < columns; i += WIDTH) {
    const float normal = (x[at + i] - mean) * inverse;
    gx[at + i] = inverse * (gy[at + i] * weight[i] - total - normal * projected);
  }
}

/// part[piece, 0, c] = Σ gy·x̂ and part[piece, 1, c] = Σ gy over a piece of rows.
KERNEL void layer_norm_weight_sums(GLOBAL const float *x, GLOBAL const float *statistics, GLOBAL const float *gy,
                                   GLOBAL float *part, int piece, int rows, int columns) {
  SHARED float room[2 * WIDTH];
  const int column = GROUP(0) * 32 + ITEM(0) % 32, lane = ITEM(0) / 32;
  const int begin = GROUP(1) * piece, end = begin + piece < rows ? begin + piece : rows;
  float projected = 0.0f, sum = 0.0f;
  if (column < columns) {
    for (int row = begin + lane; row < end; row += WIDTH / 32) {
      const float g = gy[row * columns + column];
      sum += g;
      projected = mad(g, (x[row * columns + column] - statistics[2 * row]) * statistics[2 * row + 1], projected);
    }
  }
  room[ITEM(0)] = projected;
  room[WIDTH + ITEM(0)] = sum;
  BARRIER();
  if (lane == 0 && column < columns) {
    for (int i = 1; i < WIDTH / 32; i++) {
      projected += room[i * 32 + ITEM(0)];
      sum += room[WIDTH + i * 32 + ITEM(0)];
    }
    part[GROUP(1) * 2 * columns + column] = projected;
    part[(GROUP(1) * 2 + 1) * columns + column] = sum;
  }
}
