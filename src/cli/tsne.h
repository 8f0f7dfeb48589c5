/* tsne.h - vectors on a plane, neighbours near each other: t-SNE (van der Maaten and Hinton, JMLR 2008), exact, of some thousand vectors at most.
 */
#ifndef PS_CLI_TSNE_H
#define PS_CLI_TSNE_H

#include <stdint.h>

/* x: n vectors of `width` floats one after another, n >= 2; y: n places of two numbers, owned by the caller. `perplexity` is about how many neighbours
 * a vector has, at most a third of the others; `iterations` of gradient descent (1,000 in the paper). The same places for the same
 * input and seed on one kind of machine. Time and memory grow with n^2. */
void ps_tsne(const float *x, int n, int width, double perplexity, int iterations, uint64_t seed, double *y);

#endif
