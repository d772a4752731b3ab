// Functions that a program linked on a new system would take from its newest C library, by way of older ones that do the
// same: the program then starts on systems that are older. The linker puts them in the place of their namesakes
// (`--wrap`); Package.swift says when.
#include "CPortable.h"

#include <stdlib.h>
#include <sys/random.h>

// The first version of glibc for the processor.
#if defined(__x86_64__)
#define FIRST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST "GLIBC_2.17"
#else
#error "name the first version of glibc for this processor"
#endif

double first_hypot(double x, double y);
float first_hypotf(float x, float y);

// glibc 2.35 gave these a second version, in which another function tells of overflows; the numbers are the same.
__asm__(".symver first_hypot, hypot@" FIRST);
__asm__(".symver first_hypotf, hypotf@" FIRST);

double __wrap_hypot(double x, double y) { return first_hypot(x, y); }
float __wrap_hypotf(float x, float y) { return first_hypotf(x, y); }

// Of glibc 2.36. The C++ library has it for std::random_device.
unsigned __wrap_arc4random(void) {
  unsigned number;
  if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
  return number;
}
