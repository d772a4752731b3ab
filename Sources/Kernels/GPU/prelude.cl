// One source for OpenCL C 1.2 and CUDA C: what the two call differently, and what all kernels use. LOCAL is of a pointer to the
// memory of a group, SHARED of an array in it.
//
// Letters as in CKernels.h. Tensors are float32 and contiguous; sums are added up in an order that depends on the shapes
// alone, and nothing is added atomically, so that the same work gives the same bytes.
#ifdef __OPENCL_VERSION__
#define KERNEL __kernel
#define GLOBAL __global
#define LOCAL __local
#define SHARED __local
#define INLINE inline
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define GROUP(axis) ((int)get_group_id(axis))
#define GROUPS(axis) ((int)get_num_groups(axis))
#define ITEM(axis) ((int)get_local_id(axis))
#ifdef FP_FAST_FMAF
// Where `mad` rounds is left to the compiler.
#define mad(a, b, c) fma(a, b, c)
#endif
#define HIDE(x)
#else
#define KERNEL extern "C" __global__
#define GLOBAL
#define LOCAL
#define SHARED __shared__
#define INLINE __device__ __forceinline__
#define BARRIER() __syncthreads()
#define GROUP(axis) ((int)(axis == 0 ? blockIdx.x : axis == 1 ? blockIdx.y : blockIdx.z))
#define GROUPS(axis) ((int)(axis == 0 ? gridDim.x : axis == 1 ? gridDim.y : gridDim.z))
#define ITEM(axis) ((int)(axis == 0 ? threadIdx.x : axis == 1 ? threadIdx.y : threadIdx.z))
#define mad(a, b, c) fmaf(a, b, c)
/// Keeps what follows from a number from being computed before a loop, where it would take registers all the time.
#define HIDE(x) asm volatile("" : "+r"(x))
#define INFINITY __int_as_float(0x7F800000)
#endif

/// Items of a group in kernels that take elements one by one.
#define WIDTH 256
/// The element that an item begins with, and how far it is to its next one.
#define FIRST (GROUP(0) * WIDTH + ITEM(0))
#define STEP (GROUPS(0) * WIDTH)

/// Σ over the group of each item's `value`, told to all; `room` has WIDTH numbers.
INLINE float group_sum(float value, LOCAL float *room) {
  const int item = ITEM(0);
  room[item] = value;
  BARRIER();
  for (int width = WIDTH / 2; width > 0; width /= 2) {
    if (item < width) room[item] += room[item + width];
    BARRIER();
  }
  value = room[0];
  BARRIER();
  return value;
}

/// The largest of each item's `value`, told to all; one that is not a number wins.
INLINE float group_max(float value, LOCAL float *room) {
  const int item = ITEM(0);
  room[item] = value;
  BARRIER();
  for (int width = WIDTH / 2; width > 0; width /= 2) {
    if (item < width) {
      const float other = room[item + width];
      if (!(room[item] >= other)) room[item] = other;
    }
    BARRIER();
  }
  value = room[0];
  BARRIER();
  return value;
}
