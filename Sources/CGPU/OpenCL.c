// OpenCL 1.2 by its own library, libOpenCL.so.1, or, where there is none, by NVIDIA's or AMD's, which a loader would open:
// they give a platform, and each object of theirs begins with a table of their functions.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef int32_t cl_int;
typedef uint32_t cl_uint;
typedef uint64_t cl_ulong;
typedef cl_ulong cl_bitfield;
typedef void *cl_object;

enum {
  CL_SUCCESS = 0, CL_OUT_OF_RESOURCES = -5, CL_OUT_OF_HOST_MEMORY = -6, CL_MEM_OBJECT_ALLOCATION_FAILURE = -4,
  CL_INVALID_BUFFER_SIZE = -61, CL_PLATFORM_NOT_FOUND_KHR = -1001,
  CL_PLATFORM_VERSION = 0x0901, CL_PLATFORM_NAME = 0x0902,
  CL_DEVICE_TYPE = 0x1000, CL_DEVICE_MAX_COMPUTE_UNITS = 0x1002, CL_DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
  CL_DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010, CL_DEVICE_GLOBAL_MEM_SIZE = 0x101F, CL_DEVICE_LOCAL_MEM_SIZE = 0x1023,
  CL_DEVICE_AVAILABLE = 0x1027, CL_DEVICE_COMPILER_AVAILABLE = 0x1028, CL_DEVICE_NAME = 0x102B,
  CL_DEVICE_VENDOR = 0x102C, CL_DRIVER_VERSION = 0x102D, CL_DEVICE_VERSION = 0x102F,
  CL_PROGRAM_BINARY_SIZES = 0x1165, CL_PROGRAM_BINARIES = 0x1166, CL_PROGRAM_BUILD_LOG = 0x1183,
  CL_MEM_READ_WRITE = 1, CL_DEVICE_TYPE_CPU = 2
};
static const cl_bitfield CL_DEVICE_TYPE_ALL = 0xFFFFFFFF;

/// The functions that are used, with their places in the table of an object.
#define FUNCTIONS                                                                                              \
  F(0, GetPlatformIDs, cl_int, (cl_uint, cl_object *, cl_uint *))                                              \
  F(1, GetPlatformInfo, cl_int, (cl_object, cl_uint, size_t, void *, size_t *))                                \
  F(2, GetDeviceIDs, cl_int, (cl_object, cl_bitfield, cl_uint, cl_object *, cl_uint *))                        \
  F(3, GetDeviceInfo, cl_int, (cl_object, cl_uint, size_t, void *, size_t *))                                  \
  F(4, CreateContext, cl_object, (const intptr_t *, cl_uint, const cl_object *, void *, void *, cl_int *))     \
  F(7, ReleaseContext, cl_int, (cl_object))                                                                    \
  F(9, CreateCommandQueue, cl_object, (cl_object, cl_object, cl_bitfield, cl_int *))                           \
  F(11, ReleaseCommandQueue, cl_int, (cl_object))                                                              \
  F(14, CreateBuffer, cl_object, (cl_object, cl_bitfield, size_t, void *, cl_int *))                           \
  F(18, ReleaseMemObject, cl_int, (cl_object))                                                                 \
  F(26, CreateProgramWithSource, cl_object, (cl_object, cl_uint, const char **, const size_t *, cl_int *))     \
  F(27, CreateProgramWithBinary, cl_object,                                                                    \
    (cl_object, cl_uint, const cl_object *, const size_t *, const unsigned char **, cl_int *, cl_int *))       \
  F(29, ReleaseProgram, cl_int, (cl_object))                                                                   \
  F(30, BuildProgram, cl_int, (cl_object, cl_uint, const cl_object *, const char *, void *, void *))           \
  F(32, GetProgramInfo, cl_int, (cl_object, cl_uint, size_t, void *, size_t *))                                \
  F(33, GetProgramBuildInfo, cl_int, (cl_object, cl_object, cl_uint, size_t, void *, size_t *))                \
  F(34, CreateKernel, cl_object, (cl_object, const char *, cl_int *))                                          \
  F(37, ReleaseKernel, cl_int, (cl_object))                                                                    \
  F(38, SetKernelArg, cl_int, (cl_object, cl_uint, size_t, const void *))                                      \
  F(46, Flush, cl_int, (cl_object))                                                                            \
  F(47, Finish, cl_int, (cl_object))                                                                           \
  F(48, EnqueueReadBuffer, cl_int,                                                                             \
    (cl_object, cl_object, cl_uint, size_t, size_t, void *, cl_uint, const cl_object *, cl_object *))          \
  F(49, EnqueueWriteBuffer, cl_int,                                                                            \
    (cl_object, cl_object, cl_uint, size_t, size_t, const void *, cl_uint, const cl_object *, cl_object *))    \
  F(50, EnqueueCopyBuffer, cl_int,                                                                             \
    (cl_object, cl_object, cl_object, size_t, size_t, size_t, cl_uint, const cl_object *, cl_object *))        \
  F(59, EnqueueNDRangeKernel, cl_int,                                                                          \
    (cl_object, cl_object, cl_uint, const size_t *, const size_t *, const size_t *, cl_uint,                   \
     const cl_object *, cl_object *))

#define F(place, name, result, parameters) result(*name) parameters;
typedef struct {
  FUNCTIONS
} functions;
#undef F

enum { LIMIT = 64 };
typedef struct {
  functions f;
  cl_object platform, device;
} place;

static place places[LIMIT];

typedef struct {
  cgpu_device base;
  const functions *f;
  cl_object device, context, queue;
} device;

typedef struct {
  cgpu_program base;
  cl_object program;
} program;

typedef struct {
  cgpu_kernel base;
  cl_object kernel;
} kernel;

// MARK: Errors

static const char *words(cl_int code) {
  switch (code) {
    case CL_OUT_OF_RESOURCES: return "out of resources";
    case CL_OUT_OF_HOST_MEMORY: return "out of the machine's memory";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE: return "out of memory";
    case CL_INVALID_BUFFER_SIZE: return "larger than the device allows";
    case -11: return "the program cannot be built";
    case -14: return "something queued before failed";
    case -46: return "no such kernel";
    case -52: return "arguments of the kernel";
    case -54: return "size of the groups";
    default: return "see the list of OpenCL's errors";
  }
}

/// 1 where `code` is an error, which is kept.
static int failed(device *d, cl_int code, const char *function) {
  if (code == CL_SUCCESS) return 0;
  snprintf(d->base.problem, sizeof d->base.problem, "OpenCL error %d (%s) in cl%s", code, words(code), function);
  d->base.is_out_of_memory = code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY ||
                             code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_INVALID_BUFFER_SIZE;
  return 1;
}

// MARK: Devices

static void text(const functions *f, cl_object object, cl_uint what, char *to, size_t size) {
  char whole[1024] = "";
  if (f->GetDeviceInfo(object, what, sizeof whole - 1, whole, NULL) != CL_SUCCESS) whole[0] = 0;
  const char *start = whole;
  while (*start == ' ') start++;
  snprintf(to, size, "%.*s", (int)size - 1, start);
}

static cl_ulong number(const functions *f, cl_object object, cl_uint what, size_t size) {
  cl_ulong value = 0;
  return f->GetDeviceInfo(object, what, size, &value, NULL) == CL_SUCCESS ? value : 0;
}

static void describe(const place *p, cgpu_description *d) {
  const functions *f = &p->f;
  memset(d, 0, sizeof *d);
  d->runtime = CGPU_OPENCL;
  d->is_processor = (number(f, p->device, CL_DEVICE_TYPE, 8) & CL_DEVICE_TYPE_CPU) != 0;
  text(f, p->device, CL_DEVICE_NAME, d->name, sizeof d->name);
  text(f, p->device, CL_DEVICE_VENDOR, d->vendor, sizeof d->vendor);
  text(f, p->device, CL_DRIVER_VERSION, d->driver, sizeof d->driver);
  text(f, p->device, CL_DEVICE_VERSION, d->version, sizeof d->version);
  d->memory = number(f, p->device, CL_DEVICE_GLOBAL_MEM_SIZE, 8);
  d->largest_allocation = number(f, p->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, 8);
  d->local_memory = number(f, p->device, CL_DEVICE_LOCAL_MEM_SIZE, 8);
  d->units = (uint32_t)number(f, p->device, CL_DEVICE_MAX_COMPUTE_UNITS, 4);
  d->group = (uint32_t)number(f, p->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
}

/// Adds the usable devices of a platform.
static int add(const functions *f, cl_object platform, int count, int limit, cgpu_description *descriptions) {
  cl_object devices[LIMIT];
  cl_uint found = 0;
  if (f->GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, LIMIT, devices, &found) != CL_SUCCESS) return count;
  for (cl_uint i = 0; i < found && i < LIMIT && count < limit; i++) {
    if (!number(f, devices[i], CL_DEVICE_AVAILABLE, 4) || !number(f, devices[i], CL_DEVICE_COMPILER_AVAILABLE, 4)) continue;
    places[count] = (place){.f = *f, .platform = platform, .device = devices[i]};
    describe(&places[count], &descriptions[count]);
    count++;
  }
  return count;
}

/// The functions that the library exports by their names.
static int take_names(void *library, functions *f) {
#define F(place, name, result, parameters) \
  if (!(f->name = (result(*) parameters)dlsym(library, "cl" #name))) return 0;
  FUNCTIONS
#undef F
  return 1;
}

/// The functions in the table that an object of a vendor's begins with.
static void take_table(cl_object object, functions *f) {
  void **table = *(void ***)object;
#define F(place, name, result, parameters) f->name = (result(*) parameters)table[place];
  FUNCTIONS
#undef F
}

int cgpu_opencl_devices(cgpu_description *descriptions, int limit, char *absence, size_t size) {
  if (limit > LIMIT) limit = LIMIT;
  int count = 0;
  cl_object platforms[16];
  cl_uint found = 0;
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library) {
    functions f;
    if (!take_names(library, &f)) {
      snprintf(absence, size, "libOpenCL.so.1 has not all functions of OpenCL 1.2");
      return 0;
    }
    if (f.GetPlatformIDs(16, platforms, &found) != CL_SUCCESS) found = 0;
    for (cl_uint i = 0; i < found && i < 16; i++) count = add(&f, platforms[i], count, limit, descriptions);
    if (count == 0) {
      snprintf(absence, size, found ? "no platform of libOpenCL.so.1 has a device that can be used"
                                    : "libOpenCL.so.1 knows no driver: none is named in /etc/OpenCL/vendors");
    }
    return count;
  }
  static const char *vendors[] = {"libnvidia-opencl.so.1", "libamdocl64.so"};
  for (int i = 0; i < 2; i++) {
    if (!(library = dlopen(vendors[i], RTLD_NOW | RTLD_LOCAL))) continue;
    void *(*address)(const char *) = (void *(*)(const char *))dlsym(library, "clGetExtensionFunctionAddress");
    cl_int (*platform_ids)(cl_uint, cl_object *, cl_uint *) =
        address ? (cl_int(*)(cl_uint, cl_object *, cl_uint *))address("clIcdGetPlatformIDsKHR") : NULL;
    if (!platform_ids || platform_ids(16, platforms, &found) != CL_SUCCESS) continue;
    for (cl_uint j = 0; j < found && j < 16; j++) {
      functions f;
      take_table(platforms[j], &f);
      count = add(&f, platforms[j], count, limit, descriptions);
    }
  }
  if (count == 0) snprintf(absence, size, "libOpenCL.so.1 is not there, nor a driver's own library");
  return count;
}

// MARK: One device

static void close_device(cgpu_device *base) {
  device *d = (device *)base;
  d->f->ReleaseCommandQueue(d->queue);
  d->f->ReleaseContext(d->context);
  free(d);
}

static void *allocate(cgpu_device *base, size_t bytes) {
  device *d = (device *)base;
  cl_int code = CL_SUCCESS;
  cl_object buffer = d->f->CreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  return failed(d, code, "CreateBuffer") ? NULL : buffer;
}

static void release(cgpu_device *base, void *buffer) { ((device *)base)->f->ReleaseMemObject(buffer); }

static int write_buffer(cgpu_device *base, void *buffer, size_t offset, const void *from, size_t bytes) {
  device *d = (device *)base;
  return failed(d, d->f->EnqueueWriteBuffer(d->queue, buffer, 1, offset, bytes, from, 0, NULL, NULL), "EnqueueWriteBuffer");
}

static int read_buffer(cgpu_device *base, void *buffer, size_t offset, void *to, size_t bytes) {
  device *d = (device *)base;
  return failed(d, d->f->EnqueueReadBuffer(d->queue, buffer, 1, offset, bytes, to, 0, NULL, NULL), "EnqueueReadBuffer");
}

static int copy_buffer(cgpu_device *base, void *from, size_t from_offset, void *to, size_t to_offset, size_t bytes) {
  device *d = (device *)base;
  return failed(d, d->f->EnqueueCopyBuffer(d->queue, from, to, from_offset, to_offset, bytes, 0, NULL, NULL),
                "EnqueueCopyBuffer");
}

static int finish(cgpu_device *base) {
  device *d = (device *)base;
  return failed(d, d->f->Finish(d->queue), "Finish");
}

// MARK: Programs

static cgpu_program *built(device *d, cl_object made, const char *options, char **log) {
  const cl_int code = d->f->BuildProgram(made, 1, &d->device, options, NULL, NULL);
  if (code != CL_SUCCESS && log) {
    size_t size = 0;
    d->f->GetProgramBuildInfo(made, d->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    if (size > 0 && (*log = calloc(1, size + 1))) {
      d->f->GetProgramBuildInfo(made, d->device, CL_PROGRAM_BUILD_LOG, size, *log, NULL);
    }
  }
  program *p = failed(d, code, "BuildProgram") ? NULL : calloc(1, sizeof *p);
  if (!p) {
    d->f->ReleaseProgram(made);
    return NULL;
  }
  p->base.device = &d->base;
  p->program = made;
  return &p->base;
}

static cgpu_program *build(cgpu_device *base, const char *family, const char *source, const char *options, char **log) {
  (void)family;
  device *d = (device *)base;
  cl_int code = CL_SUCCESS;
  cl_object made = d->f->CreateProgramWithSource(d->context, 1, &source, NULL, &code);
  return failed(d, code, "CreateProgramWithSource") ? NULL : built(d, made, options, log);
}

static cgpu_program *load(cgpu_device *base, const void *binary, size_t size, const char *options) {
  device *d = (device *)base;
  cl_int code = CL_SUCCESS, status = CL_SUCCESS;
  const unsigned char *bytes = binary;
  cl_object made = d->f->CreateProgramWithBinary(d->context, 1, &d->device, &size, &bytes, &status, &code);
  if (failed(d, code, "CreateProgramWithBinary")) return NULL;
  if (failed(d, status, "CreateProgramWithBinary")) {
    d->f->ReleaseProgram(made);
    return NULL;
  }
  return built(d, made, options, NULL);
}

static void *binary(cgpu_program *base, size_t *size) {
  device *d = (device *)base->device;
  cl_object made = ((program *)base)->program;
  *size = 0;
  if (d->f->GetProgramInfo(made, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL) != CL_SUCCESS || *size == 0) return NULL;
  unsigned char *bytes = malloc(*size);
  if (bytes && d->f->GetProgramInfo(made, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL) != CL_SUCCESS) {
    free(bytes);
    return NULL;
  }
  return bytes;
}

static void forget(cgpu_program *base) {
  ((device *)base->device)->f->ReleaseProgram(((program *)base)->program);
  free(base);
}

static cgpu_kernel *kernel_named(cgpu_program *base, const char *name) {
  device *d = (device *)base->device;
  cl_int code = CL_SUCCESS;
  cl_object made = d->f->CreateKernel(((program *)base)->program, name, &code);
  kernel *k = failed(d, code, "CreateKernel") ? NULL : calloc(1, sizeof *k);
  if (!k) return NULL;
  k->base.device = &d->base;
  k->kernel = made;
  return &k->base;
}

static void forget_kernel(cgpu_kernel *base) {
  ((device *)base->device)->f->ReleaseKernel(((kernel *)base)->kernel);
  free(base);
}

static int launch(cgpu_kernel *base, const uint32_t groups[3], const uint32_t items[3], const cgpu_argument *arguments,
                  int count) {
  device *d = (device *)base->device;
  cl_object made = ((kernel *)base)->kernel;
  for (int i = 0; i < count; i++) {
    const cgpu_argument *a = &arguments[i];
    cl_int code = CL_SUCCESS;
    switch (a->kind) {
      case CGPU_BUFFER: code = d->f->SetKernelArg(made, (cl_uint)i, sizeof a->buffer, a->buffer ? &a->buffer : NULL); break;
      case CGPU_INT: code = d->f->SetKernelArg(made, (cl_uint)i, 4, &a->number); break;
      default: code = d->f->SetKernelArg(made, (cl_uint)i, 4, &a->real);
    }
    if (failed(d, code, "SetKernelArg")) return 1;
  }
  size_t global[3], local[3];
  for (int i = 0; i < 3; i++) {
    local[i] = items[i];
    global[i] = (size_t)groups[i] * items[i];
  }
  return failed(d, d->f->EnqueueNDRangeKernel(d->queue, made, 3, NULL, global, local, 0, NULL, NULL),
                "EnqueueNDRangeKernel");
}

static const cgpu_runtime opencl = {
    .close = close_device, .allocate = allocate, .release = release, .write = write_buffer, .read = read_buffer,
    .copy = copy_buffer, .finish = finish, .build = build, .load = load, .binary = binary, .forget = forget,
    .kernel = kernel_named, .forget_kernel = forget_kernel, .launch = launch,
};

cgpu_device *cgpu_opencl_open(int index, char *problem, size_t size) {
  device *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->base.runtime = &opencl;
  d->f = &places[index].f;
  d->device = places[index].device;
  cl_int code = CL_SUCCESS;
  d->context = d->f->CreateContext(NULL, 1, &d->device, NULL, NULL, &code);
  if (!failed(d, code, "CreateContext")) {
    d->queue = d->f->CreateCommandQueue(d->context, d->device, 0, &code);
    if (!failed(d, code, "CreateCommandQueue")) return &d->base;
    d->f->ReleaseContext(d->context);
  }
  snprintf(problem, size, "%s", d->base.problem);
  free(d);
  return NULL;
}
