#include "CGPU.h"

#include <pthread.h>
#include <string.h>

#include "runtime.h"

enum { LIMIT = 64 };

static cgpu_description found[2 * LIMIT];
static int cuda, all;
static char absence[2][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look(void) {
  cuda = cgpu_cuda_devices(found, LIMIT, absence[CGPU_CUDA], sizeof absence[0]);
  all = cuda + cgpu_opencl_devices(found + cuda, LIMIT, absence[CGPU_OPENCL], sizeof absence[0]);
}

int cgpu_count(void) {
  pthread_once(&once, look);
  return all;
}

void cgpu_describe(int index, cgpu_description *description) {
  if (index >= 0 && index < cgpu_count()) *description = found[index];
}

const char *cgpu_absence(int runtime) {
  pthread_once(&once, look);
  return absence[runtime == CGPU_CUDA ? CGPU_CUDA : CGPU_OPENCL];
}

cgpu_device *cgpu_open(int index, char *problem, size_t size) {
  if (index < 0 || index >= cgpu_count()) return NULL;
  return index < cuda ? cgpu_cuda_open(index, problem, size) : cgpu_opencl_open(index - cuda, problem, size);
}

void cgpu_close(cgpu_device *device) { device->runtime->close(device); }
const char *cgpu_problem(const cgpu_device *device) { return device->problem; }
int cgpu_is_out_of_memory(const cgpu_device *device) { return device->is_out_of_memory; }
void *cgpu_allocate(cgpu_device *device, size_t bytes) { return device->runtime->allocate(device, bytes); }
void cgpu_release(cgpu_device *device, void *buffer) { device->runtime->release(device, buffer); }

int cgpu_write(cgpu_device *device, void *buffer, size_t offset, const void *from, size_t bytes) {
  return device->runtime->write(device, buffer, offset, from, bytes);
}

int cgpu_read(cgpu_device *device, void *buffer, size_t offset, void *to, size_t bytes) {
  return device->runtime->read(device, buffer, offset, to, bytes);
}

int cgpu_copy(cgpu_device *device, void *from, size_t from_offset, void *to, size_t to_offset, size_t bytes) {
  return device->runtime->copy(device, from, from_offset, to, to_offset, bytes);
}

int cgpu_finish(cgpu_device *device) { return device->runtime->finish(device); }

cgpu_program *cgpu_build(cgpu_device *device, const char *family, const char *source, const char *definitions, char **log) {
  return device->runtime->build(device, family, source, definitions, log);
}

cgpu_program *cgpu_load(cgpu_device *device, const void *binary, size_t size, const char *definitions) {
  return device->runtime->load(device, binary, size, definitions);
}

void *cgpu_binary(cgpu_program *program, size_t *size) { return program->device->runtime->binary(program, size); }
void cgpu_forget(cgpu_program *program) { program->device->runtime->forget(program); }

cgpu_kernel *cgpu_kernel_named(cgpu_program *program, const char *name) {
  return program->device->runtime->kernel(program, name);
}

void cgpu_forget_kernel(cgpu_kernel *kernel) { kernel->device->runtime->forget_kernel(kernel); }

int cgpu_launch(cgpu_kernel *kernel, const uint32_t groups[3], const uint32_t items[3], const cgpu_argument *arguments,
                int count) {
  return kernel->device->runtime->launch(kernel, groups, items, arguments, count);
}
