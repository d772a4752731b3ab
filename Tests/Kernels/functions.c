// Functions of one number, their gradients, and what becomes of values that are not numbers.
#include <math.h>

#include "harness.h"

/// The slope of CK_LEAKY_RELU.
static const double slope = 0.2;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double normal(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static double density(double x) { return exp(-0.5 * x * x) / sqrt(2 * M_PI); }

static double square(double x) { return x * x; }
static double relu(double x) { return x < 0 ? 0 : x; }
static double leaky(double x) { return x > 0 ? x : slope * x; }
static double silu(double x) { return x * sigmoid(x); }
static double quick_gelu(double x) { return x * sigmoid(1.702 * x); }
static double gelu(double x) { return x * normal(x); }

static double log_slope(double x) { return 1 / x; }
static double sqrt_slope(double x) { return 0.5 / sqrt(x); }
static double square_slope(double x) { return 2 * x; }
static double abs_slope(double x) { return x < 0 ? -1 : x > 0; }
static double tanh_slope(double x) { return 1 / square(cosh(x)); }
static double sigmoid_slope(double x) { return sigmoid(x) * sigmoid(-x); }
static double relu_slope(double x) { return x > 0; }
static double leaky_slope(double x) { return x > 0 ? 1 : slope; }
static double silu_slope(double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); }
static double quick_gelu_slope(double x) { return sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x)); }
static double gelu_slope(double x) { return normal(x) + x * density(x); }

/// What a result may differ by, in units of roundoff: a |y| + b + c |x| + d |x y|.
typedef struct {
  double a, b, c, d;
} bound;

/// e^x is promised within 2 ulp, 4 u. σ = 1 / (1 + e^−x) has that, a sum and a quotient: 6 u σ. 2 σ − 1 loses what is
/// relative about it. Where a function takes a multiple of x, d (or b, where the function's derivative is bounded) is
/// for the rounding of that. C's own erf and log are within 1 ulp, 2 u.
static const struct {
  int function;
  double (*value)(double), (*slope)(double);
  double low, high;
  bound of_value, of_slope;
} functions[] = {
    {CK_EXP, exp, exp, -100, 87, {4, 0, 0, 0}, {5, 0, 0, 0}},
    {CK_LOG, log, log_slope, 1e-3, 1e3, {2, 0, 0, 0}, {2, 0, 0, 0}},
    {CK_SQRT, sqrt, sqrt_slope, 1e-3, 1e3, {1, 0, 0, 0}, {4, 0, 0, 0}},
    {CK_SQUARE, square, square_slope, -9, 9, {1, 0, 0, 0}, {1, 0, 0, 0}},
    {CK_ABS, fabs, abs_slope, -9, 9, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {CK_TANH, tanh, tanh_slope, -20, 20, {0, 13, 0, 0}, {10, 28, 0, 0}},
    {CK_SIGMOID, sigmoid, sigmoid_slope, -100, 100, {6, 0, 0, 0}, {10, 7, 0, 0}},
    {CK_RELU, relu, relu_slope, -9, 9, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {CK_LEAKY_RELU, leaky, leaky_slope, -9, 9, {2, 0, 0, 0}, {2, 0, 0, 0}},
    {CK_SILU, silu, silu_slope, -100, 100, {7, 0, 0, 0}, {8, 2, 9, 0}},
    {CK_QUICK_GELU, quick_gelu, quick_gelu_slope, -60, 60, {8, 0, 0, 3.5}, {8, 17, 28, 0}},
    {CK_GELU, gelu, gelu_slope, -9, 9, {2, 0, 2.5, 0}, {2, 8, 1, 0}},
};

static double allowed(scalar type, bound bound, double x, double y) {
  return type.unit * (bound.a * fabs(y) + bound.b + bound.c * fabs(x) + bound.d * fabs(x * y)) +
         (type.dtype == CK_FLOAT32 && y != 0 ? TINY * (1 + fabs(x)) : 0);
}

void check_functions(scalar type) {
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    const size_t n = draw(1, 90);
    const double wide = draw(0, 1) ? 1 : 0.05;
    void *x = numbers(type, n, functions[f].low * wide, functions[f].high * wide);
    if (functions[f].function == CK_LOG || functions[f].function == CK_SQRT)
      x = numbers(type, n, functions[f].low, functions[f].high);
    void *gy = numbers(type, n, -2, 2), *y = buffer(n * type.size), *gx = buffer(n * type.size);
    checking("ck_unary");
    ck_unary(type.dtype, functions[f].function, slope, x, y, n);
    checking("ck_unary_gradient");
    ck_unary_gradient(type.dtype, functions[f].function, slope, x, gy, gx, n);
    for (size_t i = 0; i < n; i++) {
      const double at = get(type, x, i), g = get(type, gy, i);
      const double value = functions[f].value(at), derivative = functions[f].slope(at);
      checking("ck_unary");
      expect(get(type, y, i), value, allowed(type, functions[f].of_value, at, value));
      checking("ck_unary_gradient");
      expect(get(type, gx, i), g * derivative,
             fabs(g) * allowed(type, functions[f].of_slope, at, derivative) + type.unit * fabs(g * derivative));
    }
    release();
  }
}

/// The result of `function` at `x` in every lane of a vector, and behind the last whole one.
static void expect_everywhere(scalar type, int function, double x, double expected, double tolerance) {
  enum { LENGTH = 37 };
  void *from = buffer(LENGTH * type.size), *to = buffer(LENGTH * type.size);
  for (size_t i = 0; i < LENGTH; i++) put(type, from, i, x);
  checking("ck_unary");
  ck_unary(type.dtype, function, slope, from, to, LENGTH);
  for (size_t i = 0; i < LENGTH; i++) expect(get(type, to, i), expected, tolerance);
  release();
}

void check_special_values(scalar type) {
  const int spread[] = {CK_EXP,     CK_LOG,  CK_SQRT,       CK_SQUARE, CK_ABS,       CK_TANH,
                        CK_SIGMOID, CK_SILU, CK_QUICK_GELU, CK_GELU,   CK_LEAKY_RELU, CK_RELU};
  for (size_t f = 0; f < sizeof spread / sizeof *spread; f++) expect_everywhere(type, spread[f], NAN, NAN, 0);
  // In float32, e^x ends at about the smallest and largest number there is, as CKernels.c says.
  const int ends = type.dtype == CK_FLOAT32;
  const double small = ends ? TINY : 0, large = ends ? exp(88.72283f) : INFINITY;
  const double large_off = ends ? 0x1p-22 * large : 0;
  expect_everywhere(type, CK_EXP, INFINITY, large, large_off);
  expect_everywhere(type, CK_EXP, -INFINITY, 0, small);
  expect_everywhere(type, CK_EXP, ends ? 89 : 710, large, large_off);
  expect_everywhere(type, CK_EXP, ends ? -104 : -746, 0, small);
  expect_everywhere(type, CK_EXP, 0, 1, 0);
  expect_everywhere(type, CK_LOG, 0, -INFINITY, 0);
  expect_everywhere(type, CK_LOG, -1, NAN, 0);
  expect_everywhere(type, CK_LOG, INFINITY, INFINITY, 0);
  expect_everywhere(type, CK_SQRT, -1, NAN, 0);
  expect_everywhere(type, CK_SQRT, INFINITY, INFINITY, 0);
  expect_everywhere(type, CK_TANH, INFINITY, 1, 0);
  expect_everywhere(type, CK_TANH, -INFINITY, -1, 0);
  expect_everywhere(type, CK_SIGMOID, INFINITY, 1, small);
  expect_everywhere(type, CK_SIGMOID, -INFINITY, 0, small);
  expect_everywhere(type, CK_RELU, INFINITY, INFINITY, 0);
  expect_everywhere(type, CK_SILU, INFINITY, INFINITY, 0);
  expect_everywhere(type, CK_ABS, -INFINITY, INFINITY, 0);

  const size_t n = draw(1, 90), at = draw(0, n - 1);
  void *x = numbers(type, n, -1, 1), *gy = numbers(type, n, -1, 1), *y = buffer(n * type.size);
  checking("ck_all_below");
  require(ck_all_below(type.dtype, x, 1.5, n) == 1, "all are below");
  require(ck_all_below(type.dtype, x, fabs(get(type, x, at)), n) == 0, "one is not below its own absolute value");
  for (int value = 0; value < 3; value++) {
    put(type, x, at, value == 0 ? NAN : value == 1 ? INFINITY : -INFINITY);
    require(ck_all_below(type.dtype, x, 1e30, n) == 0, "a value that is not finite is not below");
  }
  put(type, x, at, NAN);
  checking("ck_clamp");
  ck_clamp(type.dtype, x, -0.5, 0.5, y, n);
  expect(get(type, y, at), NAN, 0);
  checking("ck_clamp_gradient");
  ck_clamp_gradient(type.dtype, x, -0.5, 0.5, gy, y, n);
  expect(get(type, y, at), 0, 0);
  checking("ck_sum");
  expect(ck_sum(type.dtype, x, n), NAN, 0);
  checking("ck_dot");
  expect(ck_dot(type.dtype, x, gy, n), NAN, 0);
  checking("ck_softmax");
  ck_softmax(type.dtype, x, 1, y, 1, n);
  for (size_t i = 0; i < n; i++) expect(get(type, y, i), NAN, 0);
  release();
}
