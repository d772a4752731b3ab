/// Graphics cards by OpenCL 1.2 and by CUDA's driver, behind one set of functions. Their libraries are opened when devices are
/// first asked for; nothing is linked. Every function may be called by one thread at a time for one device.
#ifndef CGPU_H
#define CGPU_H

#include <stddef.h>
#include <stdint.h>

enum { CGPU_OPENCL = 0, CGPU_CUDA = 1 };

/// What a runtime says of a device.
typedef struct {
  int32_t runtime;
  /// Whether it is a processor that plays a graphics card, as PoCL's.
  int32_t is_processor;
  char name[128], vendor[128], driver[128], version[128];
  uint64_t memory, largest_allocation, local_memory;
  /// Compute units, and how many work items a group may have.
  uint32_t units, group;
  /// Of CUDA's: compute capability, 80 for 8.0.
  uint32_t capability;
} cgpu_description;

/// What an argument of a kernel is.
enum { CGPU_BUFFER = 0, CGPU_INT = 1, CGPU_FLOAT = 2 };
typedef struct {
  int32_t kind;
  union {
    /// NULL is a kernel's NULL.
    void *buffer;
    int32_t number;
    float real;
  };
} cgpu_argument;

typedef struct cgpu_device cgpu_device;
typedef struct cgpu_program cgpu_program;
typedef struct cgpu_kernel cgpu_kernel;

/// How many devices there are; those of CUDA first.
int cgpu_count(void);
/// What is known of device `index`.
void cgpu_describe(int index, cgpu_description *description);
/// Why there are none of a runtime: its library is not there, or says so. "" where there are some.
const char *cgpu_absence(int runtime);

/// Opens device `index`; NULL, with what went wrong in `problem`, where it refuses.
cgpu_device *cgpu_open(int index, char *problem, size_t size);
void cgpu_close(cgpu_device *device);
/// What went wrong in the last call that failed, in words: "OpenCL error -4 (out of memory) in clCreateBuffer".
const char *cgpu_problem(const cgpu_device *device);
/// Whether that was for want of memory.
int cgpu_is_out_of_memory(const cgpu_device *device);

/// Memory of the device; NULL where there is not so much.
void *cgpu_allocate(cgpu_device *device, size_t bytes);
void cgpu_release(cgpu_device *device, void *buffer);

// The rest return 0, or 1 where it went wrong. What is queued is done in order.

/// Waits until `from` is read.
int cgpu_write(cgpu_device *device, void *buffer, size_t offset, const void *from, size_t bytes);
/// Waits until all that was queued is done and `to` is written.
int cgpu_read(cgpu_device *device, void *buffer, size_t offset, void *to, size_t bytes);
int cgpu_copy(cgpu_device *device, void *from, size_t from_offset, void *to, size_t to_offset, size_t bytes);
int cgpu_finish(cgpu_device *device);

/// The program of a family with these definitions: of OpenCL built from `source`, of CUDA from the PTX that is part of this
/// program. NULL where it cannot be built; the compiler's words are then in `log`, which the caller frees.
cgpu_program *cgpu_build(cgpu_device *device, const char *family, const char *source, const char *definitions, char **log);
/// The same from what `cgpu_binary` gave; NULL where the driver refuses that.
cgpu_program *cgpu_load(cgpu_device *device, const void *binary, size_t size, const char *definitions);
/// The program for this device and driver, which the caller frees; NULL where there is none, as with CUDA, whose driver keeps
/// its own.
void *cgpu_binary(cgpu_program *program, size_t *size);
void cgpu_forget(cgpu_program *program);
/// NULL where the program has none called so. Not to be used after its program is forgotten.
cgpu_kernel *cgpu_kernel_named(cgpu_program *program, const char *name);
void cgpu_forget_kernel(cgpu_kernel *kernel);
/// Queues a kernel: `groups` groups of `items` items in each direction.
int cgpu_launch(cgpu_kernel *kernel, const uint32_t groups[3], const uint32_t items[3], const cgpu_argument *arguments,
                int count);

/// A program for CUDA that is part of this one.
typedef struct {
  const char *family, *definitions;
  /// SHA-256 of the source that it was made from, in hexadecimal.
  const char *source_digest;
  /// Bytes of its PTX, and these, packed.
  size_t size;
  const char *packed;
} cgpu_embedded;

/// They are counted from 0; NULL after the last.
const cgpu_embedded *cgpu_embedded_at(int index);
/// Its PTX, which the caller frees; NULL where what is packed is not that, or there is no memory.
char *cgpu_embedded_text(const cgpu_embedded *program);

#endif
