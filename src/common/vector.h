/* vector.h - one function, compiled once for every width of vector registers, chosen when the program is loaded.
 *
 * PS_VECTOR marks a hot loop. The result never depends on which clone runs: elementwise arithmetic is the same at any
 * width because -ffp-contract=off keeps multiplications and additions apart, and reductions must name their partial
 * sums (nn/kernels.h: 16 of them) so that the compiler has nothing to choose.
 */
#ifndef PS_COMMON_VECTOR_H
#define PS_COMMON_VECTOR_H

/* Sanitizers run before the loader's resolvers may, and clang's list of targets differs: one plain version for them. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) &&                           \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(PS_NO_CLONES)
#define PS_VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PS_VECTOR
#endif

/* What a hot loop calls must become part of it: a function by itself is compiled once, for the oldest processor. */
#define PS_INLINE static inline __attribute__((always_inline))

#endif
