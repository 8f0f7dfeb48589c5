/* blas.h - matrix products by OpenBLAS, and the trap that OpenBLAS 0.3.21 sets on newer processors. */
#ifndef PS_NN_BLAS_H
#define PS_NN_BLAS_H

#include "worker/nn/nn.h"

/* c = op(a) op(b) + beta c, row-major; op(a): m x k, op(b): k x n, c: m x n; op transposes where asked. Strides in
 * reals. */
void nn_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int stride_a, const real *b,
             int stride_b, real beta, real *c, int stride_c);

/* The first thing in main, before MPI and before any thread: OpenBLAS chooses its kernels once, when it is loaded, and
 * falls back to kernels of 2004 for a processor that is newer than itself. Where that happened, this says so in one
 * line on stderr, sets OPENBLAS_CORETYPE and OPENBLAS_NUM_THREADS=1 and starts the program itself anew with the same
 * arguments. A run that has OPENBLAS_CORETYPE set (by the user, by the coordinator for bitwise equality, or by this) is
 * left alone. Always limits OpenBLAS to one thread: workers are the parallelism. argv: main's, ended by NULL. */
void ps_blas_ensure_kernel(char **argv);

/* The kernels in use, such as "SkylakeX"; part of a run's record. A static string. */
const char *ps_blas_kernel(void);

/* For ps_blas_ensure_kernel and its test. The kernels to ask for in place of `current`, given what the processor can
 * do; NULL where `current` is good enough. */
const char *ps_blas_better_kernel(const char *current, bool avx512, bool avx2_fma);
/* Starts the program anew with the named kernels; returns only where that failed (a warning says so). */
void ps_blas_restart(char **argv, const char *kernel);

#endif
