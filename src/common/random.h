/* random.h - randomness as a pure function: every random choice in Penstock comes from a stream that is named by
 * (seed, what for, epoch, lane, position), so a repeated micro-batch draws the same numbers on any worker.
 */
#ifndef PS_COMMON_RANDOM_H
#define PS_COMMON_RANDOM_H

#include <math.h>
#include <stdint.h>

/* What a stream is for: two uses never share one. */
enum ps_purpose {
    PS_RANDOM_INIT = 1,  /* initial rows */
    PS_RANDOM_SAMPLE,    /* sampled negatives */
    PS_RANDOM_ORDER,     /* order of training data */
    PS_RANDOM_SPLIT,     /* held-out items */
    PS_RANDOM_IDS,       /* shuffled dense ids */
    PS_RANDOM_SYNTH,     /* made data */
    PS_RANDOM_DROPOUT,
    PS_RANDOM_TEST,
    PS_RANDOM_CANDIDATES, /* items that a target is ranked among */
    PS_RANDOM_BOOTSTRAP,  /* users of a resample */
    PS_RANDOM_SIGNS,      /* of differences, in a randomisation test */
    PS_RANDOM_SEARCH,     /* settings of a trial */
    PS_RANDOM_MAP         /* first places on a map */
};

/* A bijective mix of 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood 2014). */
static inline uint64_t ps_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A stream: SplitMix64 from a mixed start. */
struct ps_random {
    uint64_t state;
};

static inline struct ps_random ps_random_stream(uint64_t seed, enum ps_purpose purpose, uint64_t a, uint64_t b,
                                                uint64_t c)
{
    uint64_t s = ps_mix64(seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)purpose);
    s = ps_mix64(s ^ (a + UINT64_C(0x632be59bd9b4e019)));
    s = ps_mix64(s ^ (b + UINT64_C(0xd1342543de82ef95)));
    s = ps_mix64(s ^ (c + UINT64_C(0xaf251af3b0f025b5)));
    return (struct ps_random){s};
}

static inline uint64_t ps_random_next(struct ps_random *r)
{
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    return ps_mix64(r->state);
}

/* Uniform in [0, n), n > 0, without modulo bias beyond 2^-32 for n < 2^32 (multiply-shift). */
static inline uint64_t ps_random_below(struct ps_random *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)ps_random_next(r) * n) >> 64);
}

/* Uniform in [0, 1), 53 bits. */
static inline double ps_random_unit(struct ps_random *r)
{
    return (double)(ps_random_next(r) >> 11) * 0x1p-53;
}

/* Standard normal by Box and Muller (one of the pair; the libm in use is part of a run's recorded build). */
static inline double ps_random_normal(struct ps_random *r)
{
    double u = 1.0 - ps_random_unit(r);
    double v = ps_random_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* Element i of a seeded permutation of [0, n): a four-round Feistel network over the next power of four, walked until
 * the value is below n (at most four steps on average). A sample without replacement that needs no memory. */
static inline uint64_t ps_random_permute(uint64_t seed, uint64_t n, uint64_t i)
{
    int half = 1;
    while (half < 32 && (UINT64_C(1) << (2 * half)) < n)
        half++;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t swap = left ^ (ps_mix64(seed + round * UINT64_C(0x9e3779b97f4a7c15) + right) & mask);
            left = right;
            right = swap;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

#endif
