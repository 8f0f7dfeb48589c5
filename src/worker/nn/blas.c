/* blas.c - the only file that knows OpenBLAS; see blas.h. */
#include "worker/nn/blas.h"

#include <cblas.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void nn_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, const real *a, int stride_a, const real *b,
             int stride_b, real beta, real *c, int stride_c)
{
    if (m == 0 || n == 0)
        return;
    enum CBLAS_TRANSPOSE op_a = transpose_a ? CblasTrans : CblasNoTrans, op_b = transpose_b ? CblasTrans : CblasNoTrans;
#ifdef NN_DOUBLE
    cblas_dgemm(CblasRowMajor, op_a, op_b, m, n, k, 1, a, stride_a, b, stride_b, beta, c, stride_c);
#else
    cblas_sgemm(CblasRowMajor, op_a, op_b, m, n, k, 1, a, stride_a, b, stride_b, beta, c, stride_c);
#endif
}

const char *ps_blas_kernel(void)
{
    return openblas_get_corename();
}

const char *ps_blas_better_kernel(const char *current, bool avx512, bool avx2_fma)
{
    static const char *const modern[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < PS_COUNT(modern); i++)
        if (strcasecmp(current, modern[i]) == 0)
            return NULL;
    return avx512 ? "SkylakeX" : avx2_fma ? "Haswell" : NULL;
}

void ps_blas_restart(char **argv, const char *kernel)
{
    fprintf(stderr, "penstock: OpenBLAS took its %s kernels for this processor; starting again with %s\n",
            ps_blas_kernel(), kernel);
    fflush(NULL);
    setenv("OPENBLAS_CORETYPE", kernel, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
    ps_warn(
        "cannot start again with better OpenBLAS kernels (%s); set OPENBLAS_CORETYPE=%s yourself, or training is slow",
        strerror(errno), kernel);
}

void ps_blas_ensure_kernel(char **argv)
{
    openblas_set_num_threads(1);
#if defined(__x86_64__)
    if (getenv("OPENBLAS_CORETYPE"))
        return; /* also what ends the loop after a restart */
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    bool avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const char *better = ps_blas_better_kernel(ps_blas_kernel(), avx512, avx2_fma);
    if (better)
        ps_blas_restart(argv, better);
#endif
}
