/// OpenBLAS, loaded by this shim rather than linked, because the kernels that it uses are fixed by an environment
/// variable at the moment it is loaded, and its own choice is wrong on CPUs that are newer than it.
#ifndef COPENBLAS_H
#define COPENBLAS_H

/// Loads OpenBLAS once; later calls only repeat the answer. Returns NULL when it is ready, else what went wrong.
/// Unless OPENBLAS_CORETYPE is set, the core type is chosen from what the CPU can do. OpenBLAS gets one thread:
/// parallelism is the caller's.
const char *copenblas_load(void);

/// The name of the kernels in use ("SkylakeX"); "" before a successful load.
const char *copenblas_core(void);

/// C = alpha op(A) op(B) + beta C, row-major, op(A) M x K, op(B) K x N. Only after a successful load.
void copenblas_sgemm(int transA, int transB, int M, int N, int K, float alpha, const float *A, int lda,
                     const float *B, int ldb, float beta, float *C, int ldc);
void copenblas_dgemm(int transA, int transB, int M, int N, int K, double alpha, const double *A, int lda,
                     const double *B, int ldb, double beta, double *C, int ldc);

#endif
