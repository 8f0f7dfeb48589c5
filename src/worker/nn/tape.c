/* tape.c - the arena and the list of nodes; see nn.h and tape.h.
 *
 * The arena is a list of blocks. When a tile did not fit into one block, the reset replaces the blocks by a single one
 * of their total size, so that after the first tiles there is one block and no allocation.
 */
#include "worker/nn/tape.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, FIRST_BLOCK = 1 << 20 };

struct block {
    struct block *next; /* owned */
    size_t size, used;  /* bytes behind the header */
};

struct nn_tape {
    struct block *blocks; /* owned; the newest first */
    struct nn_node *last; /* in the arena */
    void (*listener)(void *ctx, const struct nn_event *event); /* NULL: nobody listens */
    void *listener_ctx;   /* borrowed */
};

/* Blocks begin at a multiple of ALIGN, and so do their contents. */
static char *block_data(struct block *block)
{
    return (char *)block + ALIGN;
}

static struct block *block_new(size_t size)
{
    struct block *block = ps_malloc_aligned(size + ALIGN);
    *block = (struct block){.size = size};
    return block;
}

static void blocks_free(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

struct nn_tape *nn_tape_new(void)
{
    struct nn_tape *tape = ps_calloc(1, sizeof *tape);
    tape->blocks = block_new(FIRST_BLOCK);
    return tape;
}

void nn_tape_free(struct nn_tape *tape)
{
    if (!tape)
        return;
    blocks_free(tape->blocks);
    free(tape);
}

void nn_tape_reset(struct nn_tape *tape)
{
    struct block *newest = tape->blocks;
    if (newest->next) {
        size_t total = 0;
        for (struct block *block = newest; block; block = block->next)
            total += block->size;
        blocks_free(newest);
        tape->blocks = newest = block_new(total);
    }
    newest->used = 0;
    tape->last = NULL;
}

void *nn_tape_alloc(struct nn_tape *tape, size_t bytes)
{
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (tape->blocks->size - tape->blocks->used < bytes) {
        struct block *block = block_new(PS_MAX(bytes, tape->blocks->size));
        block->next = tape->blocks;
        tape->blocks = block;
    }
    char *memory = block_data(tape->blocks) + tape->blocks->used;
    tape->blocks->used += bytes;
    return memory;
}

struct nn_tensor *nn_leaf(struct nn_tape *tape, int rows, int cols, const real *value, real *grad)
{
    struct nn_tensor *leaf = nn_tape_alloc(tape, sizeof *leaf);
    *leaf = (struct nn_tensor){rows, cols, value, grad};
    return leaf;
}

struct nn_tensor *nn_head(struct nn_tape *tape, const struct nn_tensor *x, int rows)
{
    PS_ASSERT(rows <= x->rows);
    struct nn_tensor *y = nn_leaf(tape, rows, x->cols, x->value, x->grad);
    nn_tell(tape, &(struct nn_event){.op = rows == x->rows ? NN_OP_SAME : NN_OP_OTHER, .out = y, .in = {x}});
    return y;
}

struct nn_tensor *nn_reshape(struct nn_tape *tape, const struct nn_tensor *x, int cols)
{
    PS_ASSERT(nn_size(x) % (size_t)cols == 0);
    struct nn_tensor *y = nn_leaf(tape, (int)(nn_size(x) / (size_t)cols), cols, x->value, x->grad);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_RESHAPE, .out = y, .in = {x}, .n = {cols}});
    return y;
}

void nn_listen(struct nn_tape *tape, void (*listener)(void *ctx, const struct nn_event *event), void *ctx)
{
    tape->listener = listener;
    tape->listener_ctx = ctx;
}

void nn_tell(struct nn_tape *tape, const struct nn_event *event)
{
    if (tape->listener)
        tape->listener(tape->listener_ctx, event);
}

struct nn_tensor *nn_output(struct nn_tape *tape, int rows, int cols, bool differentiable)
{
    size_t bytes = (size_t)rows * (size_t)cols * sizeof(real);
    real *value = nn_tape_alloc(tape, bytes);
    real *grad = differentiable ? nn_tape_alloc(tape, bytes) : NULL;
    if (grad)
        memset(grad, 0, bytes);
    struct nn_tensor *y = nn_leaf(tape, rows, cols, value, grad);
    nn_tell(tape, &(struct nn_event){.op = NN_OP_OTHER, .out = y}); /* until its operation says what it is */
    return y;
}

void nn_record(struct nn_tape *tape, struct nn_node *node, void (*backward)(struct nn_tape *, struct nn_node *))
{
    *node = (struct nn_node){backward, tape->last};
    tape->last = node;
}

void nn_backward(struct nn_tape *tape, const struct nn_tensor *loss)
{
    PS_ASSERT(loss->rows == 1 && loss->cols == 1);
    if (!loss->grad)
        return;
    loss->grad[0] = 1;
    for (struct nn_node *node = tape->last; node; node = node->previous)
        node->backward(tape, node);
}
