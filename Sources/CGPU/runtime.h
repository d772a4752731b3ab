/// What both runtimes give: their functions for one device, and what they say of their devices.
#ifndef CGPU_RUNTIME_H
#define CGPU_RUNTIME_H

#include "CGPU.h"

typedef struct {
  void (*close)(cgpu_device *);
  void *(*allocate)(cgpu_device *, size_t);
  void (*release)(cgpu_device *, void *);
  int (*write)(cgpu_device *, void *, size_t, const void *, size_t);
  int (*read)(cgpu_device *, void *, size_t, void *, size_t);
  int (*copy)(cgpu_device *, void *, size_t, void *, size_t, size_t);
  int (*finish)(cgpu_device *);
  cgpu_program *(*build)(cgpu_device *, const char *, const char *, const char *, char **);
  cgpu_program *(*load)(cgpu_device *, const void *, size_t, const char *);
  void *(*binary)(cgpu_program *, size_t *);
  void (*forget)(cgpu_program *);
  cgpu_kernel *(*kernel)(cgpu_program *, const char *);
  void (*forget_kernel)(cgpu_kernel *);
  int (*launch)(cgpu_kernel *, const uint32_t[3], const uint32_t[3], const cgpu_argument *, int);
} cgpu_runtime;

/// What every device begins with.
struct cgpu_device {
  const cgpu_runtime *runtime;
  char problem[256];
  int is_out_of_memory;
};
struct cgpu_program {
  cgpu_device *device;
};
struct cgpu_kernel {
  cgpu_device *device;
};

/// The devices of a runtime, the first `limit`; `absence` says why there are none.
int cgpu_opencl_devices(cgpu_description *descriptions, int limit, char *absence, size_t size);
int cgpu_cuda_devices(cgpu_description *descriptions, int limit, char *absence, size_t size);
cgpu_device *cgpu_opencl_open(int index, char *problem, size_t size);
cgpu_device *cgpu_cuda_open(int index, char *problem, size_t size);

/// In PTX.c.
extern const cgpu_embedded cgpu_embedded_programs[];
extern const int cgpu_embedded_count;

#endif
