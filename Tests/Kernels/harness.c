// Compares every kernel of Sources/CKernels with plain loops. Tests/Kernels/run.sh builds and runs it for every kind of
// processor, with sanitizers, and for aarch64.
//
//   kernels KIND [--table]   fails unless the kernels in use are of that kind: v4, v3, any, neon
#include "harness.h"

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const scalar float32 = {CK_FLOAT32, 4, 0x1p-24}, float64 = {CK_FLOAT64, 8, 0x1p-52};

static uint64_t state = 1;
static uint64_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 11;
}
size_t draw(size_t low, size_t high) { return low + next() % (high - low + 1); }
double uniform(double low, double high) { return low + (high - low) * ((double)next() * 0x1p-53); }
size_t up(size_t n, size_t step) { return (n + step - 1) / step * step; }

double get(scalar type, const void *p, size_t index) {
  return type.dtype == CK_FLOAT32 ? (double)((const float *)p)[index] : ((const double *)p)[index];
}
void put(scalar type, void *p, size_t index, double value) {
  if (type.dtype == CK_FLOAT32) ((float *)p)[index] = (float)value;
  else ((double *)p)[index] = value;
}
double rounded(scalar type, double value) { return type.dtype == CK_FLOAT32 ? (double)(float)value : value; }

// Buffers

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED
#endif
#endif

/// Bytes in front of a buffer that must not change.
#define FRONT 64
static struct {
  char *pages;
  size_t length, used;
} buffers[64];
static int count;

void *buffer(size_t bytes) {
  if (count == (int)(sizeof buffers / sizeof *buffers)) abort();
#if defined(WATCHED)
  buffers[count].pages = malloc(bytes);
  return buffers[count++].pages;
#else
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), length = up(bytes + FRONT, page) + page;
  char *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + length - page, page, PROT_NONE) != 0) abort();
  buffers[count].pages = pages;
  buffers[count].length = length;
  buffers[count++].used = bytes;
  char *start = pages + length - page - bytes;
  memset(start - FRONT, 0x5A, FRONT);
  return start;
#endif
}

void *numbers(scalar type, size_t n, double low, double high) {
  void *p = buffer(n * type.size);
  for (size_t i = 0; i < n; i++) put(type, p, i, uniform(low, high));
  return p;
}

static const double unused = -12345678;
void *untouched(scalar type, size_t n) {
  void *p = buffer(n * type.size);
  for (size_t i = 0; i < n; i++) put(type, p, i, unused);
  return p;
}

void release(void) {
  while (count > 0) {
    char *pages = buffers[--count].pages;
#if defined(WATCHED)
    free(pages);
#else
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), length = buffers[count].length;
    const char *start = pages + length - page - buffers[count].used;
    int same = 1;
    for (int i = 1; i <= FRONT; i++) same &= start[-i] == 0x5A;
    require(same, "bytes in front of a buffer have changed");
    munmap(pages, length);
#endif
  }
}

// Comparisons

static struct {
  const char *name;
  unsigned long checks, failures;
  double worst;
} kernels[64];
static int known, current;

void checking(const char *kernel) {
  for (current = 0; current < known; current++)
    if (strcmp(kernels[current].name, kernel) == 0) return;
  kernels[known++].name = kernel;
}

static void fail(const char *format, double got, double expected, double tolerance) {
  if (kernels[current].failures++ >= 3) return;
  printf("%s: ", kernels[current].name);
  printf(format, got, expected, tolerance);
  puts("");
}

void expect(double got, double expected, double tolerance) {
  kernels[current].checks++;
  if (isnan(expected) || isinf(expected)) {
    if (isnan(expected) ? !isnan(got) : got != expected) fail("%.9g, expected %.9g", got, expected, 0);
    return;
  }
  const double error = fabs(got - expected);
  if (!(error <= tolerance)) fail("%.9g, expected %.9g ± %.3g", got, expected, tolerance);
  else if (error > 0 && error / tolerance > kernels[current].worst) kernels[current].worst = error / tolerance;
}

void require(int condition, const char *what) {
  kernels[current].checks++;
  if (condition || kernels[current].failures++ >= 3) return;
  printf("%s: %s\n", kernels[current].name, what);
}

void expect_untouched(scalar type, const void *p, size_t index) {
  require(get(type, p, index) == unused, "a number that is not a result's has changed");
}

#if !defined(WATCHED)
/// Says which kernel has touched what is not its own. Sanitizers say more.
static void fault(int number) {
  (void)number;
  const char *name = kernels[current].name, text[] = " touches memory behind a buffer\n";
  if (write(1, name, strlen(name)) < 0 || write(1, text, sizeof text - 1) < 0) _exit(2);
  _exit(1);
}
#endif

static const char *kind(void) {
  static const char *const names[] = {"any", "v3", "v4", "neon"};
  return names[ck_kernels()];
}

int main(int arguments, char **argument) {
  if (arguments < 2 || (strcmp(argument[1], kind()) != 0)) {
    printf("NOT CHECKED: kernels of kind %s: this processor has %s\n", arguments < 2 ? "?" : argument[1], kind());
    return 77;
  }
#if !defined(WATCHED)
  signal(SIGSEGV, fault);
#endif
  // Each of these draws sizes anew.
  for (int round = 0; round < 60; round++) {
    const scalar types[] = {float32, float64};
    for (int t = 0; t < 2; t++) {
      check_functions(types[t]);
      check_special_values(types[t]);
      check_arithmetic(types[t]);
      check_rows(types[t]);
      check_channels(types[t]);
      check_strided(types[t]);
      check_windows(types[t]);
    }
    check_products();
    check_winograd();
  }
  check_halves();
  check_threads();

  unsigned long checks = 0, failures = 0;
  for (int i = 0; i < known; i++) {
    checks += kernels[i].checks;
    failures += kernels[i].failures;
    if (arguments > 2)
      printf("%-32s %8lu checks, largest error %.2f of what it may be\n", kernels[i].name, kernels[i].checks,
             kernels[i].worst);
  }
  printf("%s: %d kernels, %lu checks, %lu failures\n", kind(), known, checks, failures);
  return failures > 0;
}
