/* ceilings.c - what this machine can do at most, measured in the same run as what Penstock does.
 *
 *   ceilings gather ROWS WIDTH SECONDS       random rows copied out of a table, M rows/s
 *   ceilings update ROWS WIDTH SECONDS       random rows (value and accumulator) updated by Adagrad in place, M rows/s
 *   ceilings stream tcp|ipc BYTES SECONDS    ZeroMQ messages of this size one way between two processes, MB/s
 *   ceilings gemm M N K SECONDS              sgemm on one core, GFLOP/s
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net.h"
#include "common/process.h"
#include "common/random.h"
#include "server/optimizer.h"
#include "worker/nn/blas.h"

enum { BATCH = 8192 };

static void rows(bool update, uint64_t count, uint32_t width, double seconds)
{
    uint32_t stride = update ? 2 * width : width;
    float *table = ps_malloc_aligned(count * stride * sizeof *table), *out = ps_malloc_aligned(BATCH * width * sizeof *out);
    for (uint64_t i = 0; i < count * stride; i++)
        table[i] = 1e-3f * (float)(i % 1000);
    for (size_t i = 0; i < (size_t)BATCH * width; i++)
        out[i] = 1e-3f;
    struct ps_random random = ps_random_stream(1, PS_RANDOM_TEST, 0, 0, 0);
    struct ps_optimizer_spec adagrad = {.kind = PS_OPT_ADAGRAD, .lr = 0.01f, .initial_accumulator = 1e-8f};
    static uint64_t row[BATCH];
    static float *at[BATCH];
    uint64_t done = 0;
    double begin = ps_now(), now;
    do {
        for (int i = 0; i < BATCH; i++)
            row[i] = ps_random_below(&random, count);
        for (int i = 0; i < BATCH && !update; i++) {
            __builtin_prefetch(table + row[PS_MIN(i + 8, BATCH - 1)] * stride);
            memcpy(out + (size_t)i * width, table + row[i] * stride, width * sizeof *out);
        }
        for (int i = 0; i < BATCH && update; i++)
            at[i] = table + row[i] * stride;
        if (update)
            ps_optimizer_apply(&adagrad, 1, width, at, out, BATCH);
        done += BATCH;
        now = ps_now();
    } while (now - begin < seconds);
    printf("%.3f\n", (double)done / (now - begin) * 1e-6);
    free(table);
    free(out);
}

static void stream(const char *transport, size_t bytes, double seconds)
{
    char folder[] = "/tmp/penstock-XXXXXX", bind[128], bound[256];
    if (!mkdtemp(folder))
        ps_die(PS_EXIT_STORAGE, "cannot make a folder for sockets");
    snprintf(bind, sizeof bind, strcmp(transport, "tcp") ? "ipc://%s/s" : "tcp://127.0.0.1:*", folder);
    int pipes[2];
    if (pipe(pipes))
        ps_die(PS_EXIT_FAIL, "no pipe");
    struct ps_error err;
    struct ps_socket *socket;
    struct ps_message message;
    pid_t child = fork();
    struct ps_net *net = ps_net_new(1);
    if (child == 0) { /* sends until it is killed */
        if (read(pipes[0], bound, sizeof bound) <= 0 || ps_net_connect(net, bound, ps_net_incarnation(), &socket, &err))
            _exit(1);
        for (;;) {
            ps_message_init(&message);
            struct ps_frame *frame = ps_message_add(&message);
            ps_frame_alloc(frame, bytes);
            memset(ps_frame_data(frame), 1, 64);
            bool ready;
            while (ps_socket_send(socket, 0, &message))
                ps_net_wait(&socket, 1, 0.001, &ready);
        }
    }
    if (ps_net_bind(net, bind, ps_net_incarnation(), bound, &socket, &err))
        ps_die(err.code, "%s", err.text);
    if (write(pipes[1], bound, sizeof bound) < 0)
        ps_die(PS_EXIT_FAIL, "no pipe");
    uint64_t done = 0, from;
    double begin = 0, now = ps_now(), give_up = now + seconds + 10;
    while (now < give_up && (!begin || now - begin < seconds)) {
        bool ready;
        ps_net_wait(&socket, 1, 0.1, &ready);
        while (ps_socket_receive(socket, &from, &message)) {
            if (begin)
                done += bytes;
            else
                begin = ps_now();
            ps_message_fini(&message);
        }
        now = ps_now();
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ps_socket_close(socket);
    ps_net_free(net);
    char path[64];
    snprintf(path, sizeof path, "%s/s", folder), unlink(path);
    rmdir(folder);
    printf("%.0f\n", (double)done / (now - begin) * 1e-6);
}

static void gemm(int m, int n, int k, double seconds)
{
    real *a = ps_malloc_aligned((size_t)m * (size_t)k * sizeof *a), *b = ps_malloc_aligned((size_t)k * (size_t)n * sizeof *b);
    real *c = ps_malloc_aligned((size_t)m * (size_t)n * sizeof *c);
    for (int i = 0; i < m * k; i++)
        a[i] = (real)(i % 7) * (real)0.1;
    for (int i = 0; i < k * n; i++)
        b[i] = (real)(i % 5) * (real)0.1;
    double begin = ps_now(), now, done = 0;
    do {
        for (int i = 0; i < 16; i++)
            nn_gemm(false, false, m, n, k, a, k, b, n, 0, c, n);
        done += 16;
        now = ps_now();
    } while (now - begin < seconds);
    printf("%.1f\n", done * 2.0 * m * n * k / (now - begin) * 1e-9);
    free(a), free(b), free(c);
}

int main(int argc, char **argv)
{
    ps_process_prepare();
    ps_process_huge_pages(argv);
    ps_blas_ensure_kernel(argv);
    if (argc == 5 && (!strcmp(argv[1], "gather") || !strcmp(argv[1], "update")))
        rows(!strcmp(argv[1], "update"), strtoull(argv[2], NULL, 10), (uint32_t)atoi(argv[3]), atof(argv[4]));
    else if (argc == 5 && !strcmp(argv[1], "stream"))
        stream(argv[2], strtoull(argv[3], NULL, 10), atof(argv[4]));
    else if (argc == 6 && !strcmp(argv[1], "gemm"))
        gemm(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
    else
        ps_die(PS_EXIT_USAGE, "usage: see the head of bench/ceilings.c");
    return 0;
}
