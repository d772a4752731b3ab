// Functions of each element, of pairs of elements, and the optimizer's step.

enum {
  EXP, LOG, SQRT, SQUARE, ABS, TANH, SIGMOID, RELU, LEAKY_RELU, SILU, QUICK_GELU, GELU
};

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

/// Φ(x)
INLINE float normal(float x) { return 0.5f * (1.0f + erf(x * 0.70710678f)); }

INLINE float function_of(int function, float parameter, float x) {
  switch (function) {
    case EXP: return exp(x);
    case LOG: return log(x);
    case SQRT: return sqrt(x);
    case SQUARE: return x * x;
    case ABS: return fabs(x);
    case TANH: return tanh(x);
    case SIGMOID: return sigmoid(x);
    case RELU: return x > 0.0f || x != x ? x : 0.0f;
    case LEAKY_RELU: return x > 0.0f ? x : parameter * x;
    case SILU: return x * sigmoid(x);
    case QUICK_GELU: return x * sigmoid(1.702f * x);
    default: return x * normal(x);
  }
}

INLINE float derivative_of(int function, float parameter, float x) {
  float s;
  switch (function) {
    case EXP: return exp(x);
    case LOG: return 1.0f / x;
    case SQRT: return 0.5f / sqrt(x);
    case SQUARE: return 2.0f * x;
    case ABS: return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
    case TANH: s = tanh(x); return 1.0f - s * s;
    case SIGMOID: s = sigmoid(x); return s * (1.0f - s);
    case RELU: return x > 0.0f ? 1.0f : 0.0f;
    case LEAKY_RELU: return x > 0.0f ? 1.0f : parameter;
    case SILU: s = sigmoid(x); return s * (1.0f + x * (1.0f - s));
    case QUICK_GELU: s = sigmoid(1.702f * x); return s * (1.0f + 1.702f * x * (1.0f - s));
    default: return normal(x) + x * 0.39894228f * exp(-0.5f * x * x);
  }
}

/// y = f(x)
KERNEL void unary(int function, float parameter, GLOBAL const float *x, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) y[i] = function_of(function, parameter, x[i]);
}

/// gx = gy·f'(x)
KERNEL void unary_gradient(int function, float parameter, GLOBAL const float *x, GLOBAL const float *gy, GLOBAL float *gx,
                           int count) {
  for (int i = FIRST; i < count; i += STEP) gx[i] = gy[i] * derivative_of(function, parameter, x[i]);
}

enum { ADD, SUBTRACT, MULTIPLY, DIVIDE };

KERNEL void binary(int operation, GLOBAL const float *a, GLOBAL const float *b, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const float left = a[i], right = b[i];
    y[i] = operation == ADD        ? left + right
           : operation == SUBTRACT ? left - right
           : operation == MULTIPLY ? left * right
                                   : left / right;
  }
}

/// y = scale·x + shift
KERNEL void affine(GLOBAL const float *x, float scale, float shift, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) y[i] = mad(scale, x[i], shift);
}

/// y += scale·x
KERNEL void accumulate(GLOBAL const float *x, float scale, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) y[i] = mad(scale, x[i], y[i]);
}

KERNEL void fill(float value, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) y[i] = value;
}

/// y = min(max(x, low), high); what is not a number stays so.
KERNEL void clamp_to(GLOBAL const float *x, float low, float high, GLOBAL float *y, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const float value = x[i];
    y[i] = value < low ? low : value > high ? high : value;
  }
}

KERNEL void clamp_gradient(GLOBAL const float *x, float low, float high, GLOBAL const float *gy, GLOBAL float *gx,
                           int count) {
  for (int i = FIRST; i < count; i += STEP) gx[i] = x[i] >= low && x[i] <= high ? gy[i] : 0.0f;
}

/// y[r, c] = x[r, c] + b[c]
KERNEL void add_row(GLOBAL const float *x, GLOBAL const float *b, GLOBAL float *y, int rows, int columns) {
  const int count = rows * columns;
  for (int i = FIRST; i < count; i += STEP) y[i] = x[i] + b[i % columns];
}

/// Adam's step, as ck_adam has it.
KERNEL void adam(GLOBAL float *p, GLOBAL const float *g, GLOBAL float *m, GLOBAL float *v, float beta1, float beta2,
                 float rest1, float rest2, float step, float eps, int count) {
  for (int i = FIRST; i < count; i += STEP) {
    const float gradient = g[i];
    const float first = beta1 * m[i] + rest1 * gradient;
    const float second = beta2 * v[i] + rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] -= step * first / (sqrt(second) + eps);
  }
}
