/* lines.c - line by line from plain and packed files; see lines.h.
 *
 * A decoder turns packed bytes (raw) into text, as much as there is room for. Every one accepts several members, one
 * behind another, since that is what appending to a log that is packed daily makes.
 */
#include "data/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_BYTES = 128 << 10, TEXT_BYTES = PS_LINE_MAX + (256 << 10), MAGIC_BYTES = 6 };
static const uint64_t xz_memory_limit = UINT64_C(512) << 20; /* xz -9 needs 65 MiB */

struct ps_lines {
    char *path;                        /* owned; as shown in errors */
    int fd;                            /* owned, except for the standard input */
    const volatile sig_atomic_t *stop; /* borrowed, or NULL */
    const struct decoder *decoder;
    union {
        z_stream gzip;
        lzma_stream xz;
        ZSTD_DStream *zstd; /* owned */
    } state;
    bool inside;        /* of a member: an end here is a truncated file */
    unsigned char *raw; /* owned; raw[raw_begin..raw_end) is read and not yet decoded */
    size_t raw_begin, raw_end;
    bool raw_ended;
    char *text; /* owned; text[begin..end) is decoded and not yet returned, up to `scanned` without a line end */
    size_t begin, scanned, end;
    bool text_ended;
    uint64_t number, consumed;
};

/* One way of packing. decode: from raw into `room` bytes at `out`; returns how many came out (0: more raw bytes are
 * needed, or it is the end), or a negative status. */
struct decoder {
    const char *name;
    const char *magic;
    size_t magic_bytes;
    int (*open)(struct ps_lines *lines, struct ps_error *err);
    ssize_t (*decode)(struct ps_lines *lines, char *out, size_t room, struct ps_error *err);
    void (*close)(struct ps_lines *lines);
};

static int damaged(const struct ps_lines *l, const char *what, struct ps_error *err)
{
    return ps_fail(err, PS_EXIT_DATA, "%s: the %s stream is damaged (%s); fetch the file again", l->path,
                   l->decoder->name, what ? what : "no reason given");
}

static ssize_t plain_decode(struct ps_lines *l, char *out, size_t room, struct ps_error *err)
{
    size_t n = PS_MIN(room, l->raw_end - l->raw_begin);
    memcpy(out, l->raw + l->raw_begin, n);
    l->raw_begin += n;
    return (ssize_t)n;
}

static int gzip_open(struct ps_lines *l, struct ps_error *err)
{
    if (inflateInit2(&l->state.gzip, 15 + 16) != Z_OK)
        ps_die(PS_EXIT_FAIL, "out of memory while %s is opened", l->path);
    return 0;
}

static ssize_t gzip_decode(struct ps_lines *l, char *out, size_t room, struct ps_error *err)
{
    z_stream *z = &l->state.gzip;
    z->next_in = l->raw + l->raw_begin;
    z->avail_in = (uInt)(l->raw_end - l->raw_begin);
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    if (z->avail_in)
        l->inside = true;
    int status = inflate(z, Z_NO_FLUSH);
    l->raw_begin = l->raw_end - z->avail_in;
    if (status == Z_STREAM_END) {
        l->inside = false;
        inflateReset(z);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return damaged(l, z->msg, err);
    }
    return (ssize_t)(room - z->avail_out);
}

static void gzip_close(struct ps_lines *l)
{
    inflateEnd(&l->state.gzip);
}

static int xz_open(struct ps_lines *l, struct ps_error *err)
{
    l->state.xz = (lzma_stream)LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&l->state.xz, xz_memory_limit, LZMA_CONCATENATED) != LZMA_OK)
        ps_die(PS_EXIT_FAIL, "out of memory while %s is opened", l->path);
    l->inside = true; /* liblzma itself tells where the last member ends */
    return 0;
}

static ssize_t xz_decode(struct ps_lines *l, char *out, size_t room, struct ps_error *err)
{
    lzma_stream *z = &l->state.xz;
    z->next_in = l->raw + l->raw_begin;
    z->avail_in = l->raw_end - l->raw_begin;
    z->next_out = (uint8_t *)out;
    z->avail_out = room;
    lzma_ret status = lzma_code(z, l->raw_ended ? LZMA_FINISH : LZMA_RUN);
    l->raw_begin = l->raw_end - z->avail_in;
    if (status == LZMA_STREAM_END)
        l->inside = false;
    else if (status == LZMA_MEMLIMIT_ERROR)
        return ps_fail(err, PS_EXIT_DATA, "%s: unpacking needs more than 512 MiB; pack it again with xz -9 or less",
                       l->path);
    else if (status != LZMA_OK && status != LZMA_BUF_ERROR)
        return damaged(l, "wrong data or checksum", err);
    return (ssize_t)(room - z->avail_out);
}

static void xz_close(struct ps_lines *l)
{
    lzma_end(&l->state.xz);
}

static int zstd_open(struct ps_lines *l, struct ps_error *err)
{
    l->state.zstd = ZSTD_createDStream();
    if (!l->state.zstd)
        ps_die(PS_EXIT_FAIL, "out of memory while %s is opened", l->path);
    return 0;
}

static ssize_t zstd_decode(struct ps_lines *l, char *out, size_t room, struct ps_error *err)
{
    ZSTD_inBuffer in = {l->raw, l->raw_end, l->raw_begin};
    ZSTD_outBuffer to = {out, room, 0};
    size_t left = ZSTD_decompressStream(l->state.zstd, &to, &in);
    if (ZSTD_isError(left))
        return damaged(l, ZSTD_getErrorName(left), err);
    if (in.pos > l->raw_begin || to.pos)
        l->inside = left != 0;
    l->raw_begin = in.pos;
    return (ssize_t)to.pos;
}

static void zstd_close(struct ps_lines *l)
{
    ZSTD_freeDStream(l->state.zstd);
}

/* The last one takes every file. */
static const struct decoder decoders[] = {
    {"gzip", "\x1f\x8b", 2, gzip_open, gzip_decode, gzip_close},
    {"xz",
     "\xfd"
     "7zXZ\0",
     6, xz_open, xz_decode, xz_close},
    {"zstd", "\x28\xb5\x2f\xfd", 4, zstd_open, zstd_decode, zstd_close},
    {"plain", "", 0, NULL, plain_decode, NULL},
};

/* What people also have; a sentence is better than a page of bad lines. */
static const struct {
    const char *magic;
    size_t bytes;
    const char *sentence;
} refused[] = {
    {"BZh", 3, "is packed with bzip2; unpack it, or pack it with gzip, xz or zstd"},
    {"PK\x03\x04", 4, "is a zip archive; unpack it first"},
    {"7z\xbc\xaf", 4, "is a 7z archive; unpack it first"},
    {"PAR1", 4, "is a Parquet file; export it as TSV or CSV"},
    {"\xff\xfe", 2, "is UTF-16 text; convert it with: iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff", 2, "is UTF-16 text; convert it with: iconv -f UTF-16 -t UTF-8"},
};

/* Reads until at least `want` raw bytes are there, or the file ends. */
static int raw_fill(struct ps_lines *l, size_t want, struct ps_error *err)
{
    if (l->raw_begin == l->raw_end)
        l->raw_begin = l->raw_end = 0;
    while (!l->raw_ended && l->raw_end - l->raw_begin < want) {
        struct pollfd wait = {.fd = l->fd, .events = POLLIN};
        /* poll comes back at a signal even where read would be restarted: a pipe that is silent can be given up. */
        int ready = poll(&wait, 1, -1);
        if (l->stop && *l->stop)
            return ps_fail(err, PS_EXIT_INTERRUPTED, "interrupted while %s was read", l->path);
        if (ready < 0)
            continue;
        ssize_t n = read(l->fd, l->raw + l->raw_end, RAW_BYTES - l->raw_end);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return ps_fail_errno(err, PS_EXIT_DATA, "cannot read %s", l->path);
        if (n == 0)
            l->raw_ended = true;
        if (n > 0) {
            l->raw_end += (size_t)n;
            l->consumed += (uint64_t)n;
        }
    }
    return 0;
}

static int choose_decoder(struct ps_lines *l, struct ps_error *err)
{
    int status = raw_fill(l, MAGIC_BYTES, err);
    if (status)
        return status;
    for (size_t i = 0; i < PS_COUNT(refused); i++)
        if (l->raw_end >= refused[i].bytes && !memcmp(l->raw, refused[i].magic, refused[i].bytes))
            return ps_fail(err, PS_EXIT_DATA, "%s %s", l->path, refused[i].sentence);
    const struct decoder *d = decoders;
    while (l->raw_end < d->magic_bytes || memcmp(l->raw, d->magic, d->magic_bytes))
        d++;
    l->decoder = d;
    return d->open ? d->open(l, err) : 0;
}

int ps_lines_open(struct ps_lines **lines, const char *path, const volatile sig_atomic_t *stop, struct ps_error *err)
{
    bool standard = !strcmp(path, "-");
    struct stat info;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ps_fail_errno(err, PS_EXIT_DATA, "cannot open %s", path);
    struct ps_lines *l = ps_calloc(1, sizeof *l);
    l->path = ps_strdup(standard ? "standard input" : path);
    l->fd = fd;
    l->stop = stop;
    l->raw = ps_malloc(RAW_BYTES);
    l->text = ps_malloc(TEXT_BYTES);
    int status = 0;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        status = ps_fail(err, PS_EXIT_DATA, "%s is a folder; name the files in it", l->path);
    if (!status)
        status = choose_decoder(l, err);
    if (status) {
        ps_lines_close(l);
        return status;
    }
    *lines = l;
    return 0;
}

void ps_lines_close(struct ps_lines *l)
{
    if (!l)
        return;
    if (l->decoder && l->decoder->close)
        l->decoder->close(l);
    if (l->fd != STDIN_FILENO)
        close(l->fd);
    free(l->path);
    free(l->raw);
    free(l->text);
    free(l);
}

/* Decodes more text behind text[end), or finds that there is none. */
static int text_fill(struct ps_lines *l, struct ps_error *err)
{
    memmove(l->text, l->text + l->begin, l->end - l->begin);
    l->scanned -= l->begin;
    l->end -= l->begin;
    l->begin = 0;
    for (;;) {
        ssize_t n = l->decoder->decode(l, l->text + l->end, TEXT_BYTES - l->end, err);
        if (n < 0)
            return (int)n;
        if (n > 0) {
            l->end += (size_t)n;
            return 0;
        }
        if (l->raw_begin < l->raw_end)
            continue; /* a member has ended, and another one follows */
        if (l->raw_ended) {
            if (l->inside)
                return ps_fail(err, PS_EXIT_DATA, "%s is truncated: its %s stream has no end; fetch the file again",
                               l->path, l->decoder->name);
            l->text_ended = true;
            return 0;
        }
        int status = raw_fill(l, 1, err);
        if (status)
            return status;
    }
}

int ps_lines_next(struct ps_lines *l, const char **text, size_t *length, struct ps_error *err)
{
    bool too_long = false;
    for (;;) {
        char *newline = memchr(l->text + l->scanned, '\n', l->end - l->scanned);
        size_t stop = newline ? (size_t)(newline - l->text) : l->end;
        if (newline || (l->text_ended && (l->begin < l->end || too_long))) {
            const char *line = l->text + l->begin;
            size_t size = stop - l->begin;
            l->begin = l->scanned = newline ? stop + 1 : stop;
            if (l->number++ == 0 && size >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) {
                line += 3;
                size -= 3;
            }
            if (size && line[size - 1] == '\r')
                size--;
            if (too_long || size > PS_LINE_MAX)
                return PS_LINE_TOO_LONG;
            *text = line;
            *length = size;
            return PS_LINE_TEXT;
        }
        if (l->text_ended)
            return PS_LINE_END;
        l->scanned = l->end;
        if (l->end - l->begin > PS_LINE_MAX) {
            too_long = true;
            l->begin = l->end;
        }
        int status = text_fill(l, err);
        if (status)
            return status;
    }
}

uint64_t ps_lines_number(const struct ps_lines *l)
{
    return l->number;
}

uint64_t ps_lines_consumed(const struct ps_lines *l)
{
    return l->consumed;
}
