// Half precision, bit by bit; and that threads are told where they run.
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
static float of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

/// The bits in float32 of a half, by its definition; a NaN keeps its bits, also what tells a quiet one.
static uint32_t widened(uint16_t half) {
  const uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return sign | 0x7F800000u | fraction << 13;
  const double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, (int)exponent - 25);
  return sign | bits_of((float)value);
}

/// The half that is nearest to a float32, of two the even one; 0x7E00 and the sign for a NaN.
static uint16_t narrowed(uint32_t bits) {
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const double value = fabs((double)of_bits(bits));
  if (isnan(value)) return sign | 0x7E00;
  if (value >= 65520) return sign | 0x7C00;
  // Halves from here on are multiples of `step`; `rint` takes the even one of two.
  int exponent;
  frexp(value, &exponent);
  const double step = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
  const uint16_t multiple = (uint16_t)rint(value / step);
  return sign | (uint16_t)(exponent < -13 || value == 0 ? multiple : ((exponent + 14) << 10) + (multiple - 1024));
}

static void check_narrowing(const uint32_t *bits, size_t n) {
  float *x = buffer(n * sizeof(float));
  uint16_t *half = buffer(n * sizeof(uint16_t));
  memcpy(x, bits, n * sizeof(float));
  ck_float_to_half(x, half, n);
  for (size_t i = 0; i < n; i++) expect(half[i], narrowed(bits[i]), 0);
  release();
}

void check_halves(void) {
  checking("ck_half_to_float");
  uint16_t *half = buffer(65536 * sizeof(uint16_t));
  float *x = buffer(65536 * sizeof(float));
  for (size_t i = 0; i < 65536; i++) half[i] = (uint16_t)i;
  ck_half_to_float(half, x, 65536);
  for (size_t i = 0; i < 65536; i++) expect(bits_of(x[i]), widened((uint16_t)i), 0);
  release();
  for (size_t n = 1; n < 40; n++) {
    half = buffer(n * sizeof(uint16_t)), x = untouched(float32, n);
    for (size_t i = 0; i < n; i++) half[i] = (uint16_t)draw(0, 65535);
    ck_half_to_float(half, x, n);
    for (size_t i = 0; i < n; i++) expect(bits_of(x[i]), widened(half[i]), 0);
    release();
  }

  checking("ck_float_to_half");
  static uint32_t bits[1 << 16];
  size_t n = 0;
  // Every half, what lies halfway to the next one, and their neighbors, with both signs.
  for (uint32_t i = 0; i < 0x7C00; i++) {
    const uint32_t low = widened((uint16_t)i), high = i == 0x7BFF ? bits_of(65536) : widened((uint16_t)(i + 1));
    const uint32_t middle = bits_of((of_bits(low) + of_bits(high)) / 2);
    const uint32_t around[] = {low, low + 1, middle - 1, middle, middle + 1, high - 1};
    for (size_t j = 0; j < 6; j++) bits[n++] = around[j] | (j % 2 ? 0x80000000u : 0);
    if (n + 6 > sizeof bits / sizeof *bits) check_narrowing(bits, n), n = 0;
  }
  check_narrowing(bits, n);
  const uint32_t special[] = {0x80000000, 0x00000001, 0x007FFFFF, 0x7F7FFFFF, 0x7F800000, 0xFF800000,
                              0x7F800001, 0x7FC00000, 0xFFC00001, 0xFFFFFFFF, 0x33000000, 0x33000001,
                              0x32FFFFFF, 0x477FEFFF, 0x477FF000, 0x477FF001, 0x387FFFFF, 0x38800000};
  check_narrowing(special, sizeof special / sizeof *special);
  for (n = 0; n < 1 << 16; n++) bits[n] = (uint32_t)draw(0, UINT32_MAX);
  check_narrowing(bits, n);
  for (n = 1; n < 40; n++) check_narrowing(bits, n);
}

void check_threads(void) {
  checking("ck_processor");
  const int here = ck_processor();
  require(here >= 0, "a thread runs on some processor");
  cpu_set_t before, after;
  const int known = sched_getaffinity(0, sizeof before, &before) == 0;
  require(known && CPU_ISSET(here, &before), "a thread runs on a processor that it may run on");
  checking("ck_leave_processor");
  ck_leave_processor(-1);
  ck_leave_processor(here);
  require(sched_getaffinity(0, sizeof after, &after) == 0 && CPU_EQUAL(&before, &after),
          "a thread may run where it might before");
  checking("ck_pause");
  for (int i = 0; i < 1000; i++) ck_pause();
  require(1, "a thread that waits goes on");
  checking("ck_kernels");
  require(ck_kernels() >= 0 && ck_kernels() < 4, "the kind is one of those");
}
