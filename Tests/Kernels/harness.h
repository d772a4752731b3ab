// What the checks of the C kernels share: numbers, buffers of exactly the size that a kernel may touch, comparisons.
//
// Every kernel is compared with a plain loop in double precision. What a result may differ by follows from how it is
// computed, not from what was measured: an operation rounds by at most the unit roundoff u (2⁻²⁴, 2⁻⁵³) of its result,
// and a sum of n numbers, added up in whatever order, differs from the exact one by at most (n − 1) u Σ|terms| (Higham
// 2002, section 4.2). So bounds hold for every kind of processor, compiler and number of lanes.
#ifndef HARNESS_H
#define HARNESS_H

#include "CKernels.h"

/// A scalar type: its number for the kernels, its bytes and its unit roundoff. References have an error of their own,
/// which counts only for float64, where `unit` is twice as large.
typedef struct {
  int dtype;
  size_t size;
  double unit;
} scalar;
extern const scalar float32, float64;

/// Below this everything is zero in float32: results may be flushed, and e^x is only small there.
#define TINY 0x1p-125

size_t draw(size_t low, size_t high);
double uniform(double low, double high);
/// As many numbers as `step` times something, not fewer than `n`.
size_t up(size_t n, size_t step);

/// Bytes behind which there is memory that ends the program when it is touched.
void *buffer(size_t bytes);
/// `count` numbers of [low, high).
void *numbers(scalar type, size_t count, double low, double high);
/// `count` numbers that no kernel makes, to see what stays untouched.
void *untouched(scalar type, size_t count);
/// Gives back all buffers, and fails where bytes in front of one have changed.
void release(void);

double get(scalar type, const void *p, size_t index);
void put(scalar type, void *p, size_t index, double value);
/// `value` as the type has it.
double rounded(scalar type, double value);

/// The kernel that is checked from now on, for messages and for the table.
void checking(const char *kernel);
/// Fails unless got is expected ± tolerance; where a NaN or an infinity is expected it must be just that.
void expect(double got, double expected, double tolerance);
/// Fails unless the condition holds.
void require(int condition, const char *what);
/// Fails unless the number is what `untouched` has put there.
void expect_untouched(scalar type, const void *p, size_t index);

void check_functions(scalar type);
void check_special_values(scalar type);
void check_arithmetic(scalar type);
void check_rows(scalar type);
void check_channels(scalar type);
void check_strided(scalar type);
void check_windows(scalar type);
void check_products(void);
void check_winograd(void);
void check_halves(void);
void check_threads(void);

#endif
