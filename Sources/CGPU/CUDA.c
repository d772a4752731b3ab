// CUDA by its driver alone, libcuda.so.1. It has no compiler for source: programs are part of this one as PTX.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef uint64_t address;

enum {
  CUDA_SUCCESS = 0, CUDA_ERROR_OUT_OF_MEMORY = 2, MAX_THREADS_PER_BLOCK = 1, MAX_SHARED_MEMORY_PER_BLOCK = 8,
  MULTIPROCESSOR_COUNT = 16, CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76, JIT_ERROR_LOG_BUFFER = 5,
  JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6, LOG_SIZE = 1 << 14, MAX_ARGUMENTS = 64
};

#define FUNCTIONS                                                                                                     \
  F(Init, "cuInit", (unsigned))                                                                                       \
  F(DriverGetVersion, "cuDriverGetVersion", (int *))                                                                  \
  F(DeviceGetCount, "cuDeviceGetCount", (int *))                                                                      \
  F(DeviceGet, "cuDeviceGet", (int *, int))                                                                           \
  F(DeviceGetName, "cuDeviceGetName", (char *, int, int))                                                             \
  F(DeviceTotalMem, "cuDeviceTotalMem_v2", (size_t *, int))                                                           \
  F(DeviceGetAttribute, "cuDeviceGetAttribute", (int *, int, int))                                                    \
  F(DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (void **, int))                                               \
  F(DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int))                                                   \
  F(CtxSetCurrent, "cuCtxSetCurrent", (void *))                                                                       \
  F(StreamCreate, "cuStreamCreate", (void **, unsigned))                                                              \
  F(StreamDestroy, "cuStreamDestroy_v2", (void *))                                                                    \
  F(StreamSynchronize, "cuStreamSynchronize", (void *))                                                               \
  F(MemAlloc, "cuMemAlloc_v2", (address *, size_t))                                                                   \
  F(MemFree, "cuMemFree_v2", (address))                                                                               \
  F(MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (address, const void *, size_t, void *))                                 \
  F(MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void *, address, size_t, void *))                                       \
  F(MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", (address, address, size_t, void *))                                      \
  F(ModuleLoadDataEx, "cuModuleLoadDataEx", (void **, const void *, unsigned, int *, void **))                        \
  F(ModuleUnload, "cuModuleUnload", (void *))                                                                         \
  F(ModuleGetFunction, "cuModuleGetFunction", (void **, void *, const char *))                                        \
  F(LaunchKernel, "cuLaunchKernel",                                                                                   \
    (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **))         \
  F(GetErrorName, "cuGetErrorName", (int, const char **))

#define F(name, symbol, parameters) static int(*name) parameters;
FUNCTIONS
#undef F

typedef struct {
  cgpu_device base;
  int number;
  void *context, *stream;
} device;

typedef struct {
  cgpu_program base;
  void *module;
} program;

typedef struct {
  cgpu_kernel base;
  void *function;
} kernel;

static int failed(device *d, int code, const char *function) {
  if (code == CUDA_SUCCESS) return 0;
  const char *name = NULL;
  if (GetErrorName(code, &name) != CUDA_SUCCESS || !name) name = "unknown";
  snprintf(d->base.problem, sizeof d->base.problem, "CUDA error %d (%s) in cu%s", code, name, function);
  d->base.is_out_of_memory = code == CUDA_ERROR_OUT_OF_MEMORY;
  return 1;
}

/// Makes the device that of this thread.
static int enter(device *d) { return failed(d, CtxSetCurrent(d->context), "CtxSetCurrent"); }

// MARK: Devices

int cgpu_cuda_devices(cgpu_description *descriptions, int limit, char *absence, size_t size) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(absence, size, "libcuda.so.1 is not there");
    return 0;
  }
#define F(name, symbol, parameters)                               \
  if (!(name = (int(*) parameters)dlsym(library, symbol))) {      \
    snprintf(absence, size, "libcuda.so.1 has no " symbol);       \
    return 0;                                                     \
  }
  FUNCTIONS
#undef F
  int count = 0, version = 0;
  const int code = Init(0);
  if (code != CUDA_SUCCESS || DeviceGetCount(&count) != CUDA_SUCCESS || count == 0) {
    const char *name = NULL;
    if (code != CUDA_SUCCESS) GetErrorName(code, &name);
    snprintf(absence, size, "libcuda.so.1 has no device (%s)", name ? name : "none is visible");
    return 0;
  }
  DriverGetVersion(&version);
  if (count > limit) count = limit;
  for (int i = 0; i < count; i++) {
    cgpu_description *d = &descriptions[i];
    memset(d, 0, sizeof *d);
    int number = 0, major = 0, minor = 0, units = 0, group = 0, local = 0;
    size_t memory = 0;
    DeviceGet(&number, i);
    DeviceGetName(d->name, sizeof d->name, number);
    DeviceTotalMem(&memory, number);
    DeviceGetAttribute(&major, CAPABILITY_MAJOR, number);
    DeviceGetAttribute(&minor, CAPABILITY_MINOR, number);
    DeviceGetAttribute(&units, MULTIPROCESSOR_COUNT, number);
    DeviceGetAttribute(&group, MAX_THREADS_PER_BLOCK, number);
    DeviceGetAttribute(&local, MAX_SHARED_MEMORY_PER_BLOCK, number);
    d->runtime = CGPU_CUDA;
    d->memory = d->largest_allocation = memory;
    d->local_memory = (uint64_t)local;
    d->units = (uint32_t)units;
    d->group = (uint32_t)group;
    d->capability = (uint32_t)(10 * major + minor);
    snprintf(d->vendor, sizeof d->vendor, "NVIDIA");
    snprintf(d->driver, sizeof d->driver, "CUDA %d.%d", version / 1000, version % 1000 / 10);
    snprintf(d->version, sizeof d->version, "compute capability %d.%d", major, minor);
  }
  return count;
}

// MARK: One device

static void close_device(cgpu_device *base) {
  device *d = (device *)base;
  if (!enter(d)) StreamDestroy(d->stream);
  DevicePrimaryCtxRelease(d->number);
  free(d);
}

static void *allocate(cgpu_device *base, size_t bytes) {
  device *d = (device *)base;
  address buffer = 0;
  return enter(d) || failed(d, MemAlloc(&buffer, bytes), "MemAlloc") ? NULL : (void *)buffer;
}

static void release(cgpu_device *base, void *buffer) {
  if (!enter((device *)base)) MemFree((address)buffer);
}

static int finish(cgpu_device *base) {
  device *d = (device *)base;
  return enter(d) || failed(d, StreamSynchronize(d->stream), "StreamSynchronize");
}

static int write_buffer(cgpu_device *base, void *buffer, size_t offset, const void *from, size_t bytes) {
  device *d = (device *)base;
  return enter(d) || failed(d, MemcpyHtoDAsync((address)buffer + offset, from, bytes, d->stream), "MemcpyHtoDAsync") ||
         finish(base);
}

static int read_buffer(cgpu_device *base, void *buffer, size_t offset, void *to, size_t bytes) {
  device *d = (device *)base;
  return enter(d) || failed(d, MemcpyDtoHAsync(to, (address)buffer + offset, bytes, d->stream), "MemcpyDtoHAsync") ||
         finish(base);
}

static int copy_buffer(cgpu_device *base, void *from, size_t from_offset, void *to, size_t to_offset, size_t bytes) {
  device *d = (device *)base;
  return enter(d) ||
         failed(d, MemcpyDtoDAsync((address)to + to_offset, (address)from + from_offset, bytes, d->stream),
                "MemcpyDtoDAsync");
}

// MARK: Programs

static const cgpu_embedded *embedded(const char *family, const char *definitions) {
  const cgpu_embedded *e;
  for (int i = 0; (e = cgpu_embedded_at(i)); i++) {
    if (!strcmp(e->family, family) && !strcmp(e->definitions, definitions)) break;
  }
  return e;
}

static cgpu_program *build(cgpu_device *base, const char *family, const char *source, const char *definitions, char **log) {
  (void)source;
  device *d = (device *)base;
  const cgpu_embedded *found = embedded(family, definitions);
  char *ptx = found ? cgpu_embedded_text(found) : NULL;
  program *p = ptx ? calloc(1, sizeof *p) : NULL;
  char *words = p ? calloc(1, LOG_SIZE) : NULL;
  int ok = 0;
  if (words) {
    int options[] = {JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {words, (void *)(uintptr_t)(LOG_SIZE - 1)};
    p->base.device = base;
    ok = !enter(d) && !failed(d, ModuleLoadDataEx(&p->module, ptx, 2, options, values), "ModuleLoadDataEx");
  } else {
    snprintf(base->problem, sizeof base->problem, found ? "no memory for a program" : "no program for CUDA is called %s %s",
             family, definitions);
  }
  if (!ok && words && words[0] && log) {
    *log = words;
    words = NULL;
  }
  free(words);
  free(ptx);
  if (ok) return &p->base;
  free(p);
  return NULL;
}

static cgpu_program *load(cgpu_device *base, const void *binary, size_t size, const char *definitions) {
  (void)binary, (void)size, (void)definitions;
  snprintf(base->problem, sizeof base->problem, "CUDA's driver keeps its programs itself");
  return NULL;
}

static void *binary(cgpu_program *base, size_t *size) {
  (void)base;
  *size = 0;
  return NULL;
}

static void forget(cgpu_program *base) {
  if (!enter((device *)base->device)) ModuleUnload(((program *)base)->module);
  free(base);
}

static cgpu_kernel *kernel_named(cgpu_program *base, const char *name) {
  device *d = (device *)base->device;
  void *function = NULL;
  if (enter(d) || failed(d, ModuleGetFunction(&function, ((program *)base)->module, name), "ModuleGetFunction")) return NULL;
  kernel *k = calloc(1, sizeof *k);
  if (!k) return NULL;
  k->base.device = &d->base;
  k->function = function;
  return &k->base;
}

static void forget_kernel(cgpu_kernel *base) { free(base); }

static int launch(cgpu_kernel *base, const uint32_t groups[3], const uint32_t items[3], const cgpu_argument *arguments,
                  int count) {
  device *d = (device *)base->device;
  void *pointers[MAX_ARGUMENTS];
  if (count > MAX_ARGUMENTS) return failed(d, 1, "LaunchKernel");
  for (int i = 0; i < count; i++) pointers[i] = (void *)&arguments[i].buffer;
  return enter(d) || failed(d, LaunchKernel(((kernel *)base)->function, groups[0], groups[1], groups[2], items[0], items[1],
                                            items[2], 0, d->stream, pointers, NULL),
                            "LaunchKernel");
}

static const cgpu_runtime cuda = {
    .close = close_device, .allocate = allocate, .release = release, .write = write_buffer, .read = read_buffer,
    .copy = copy_buffer, .finish = finish, .build = build, .load = load, .binary = binary, .forget = forget,
    .kernel = kernel_named, .forget_kernel = forget_kernel, .launch = launch,
};

cgpu_device *cgpu_cuda_open(int index, char *problem, size_t size) {
  device *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->base.runtime = &cuda;
  DeviceGet(&d->number, index);
  if (!failed(d, DevicePrimaryCtxRetain(&d->context, d->number), "DevicePrimaryCtxRetain")) {
    if (!enter(d) && !failed(d, StreamCreate(&d->stream, 1), "StreamCreate")) return &d->base;
    DevicePrimaryCtxRelease(d->number);
  }
  snprintf(problem, size, "%s", d->base.problem);
  free(d);
  return NULL;
}
