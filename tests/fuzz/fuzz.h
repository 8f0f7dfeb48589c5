/* fuzz.h - what the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput, which libFuzzer calls with made inputs, and
 * tests/unit/test_fuzz_corpus.c with the inputs that are kept in tests/fuzz/corpus.
 *
 * Checksums would keep every made input from getting anywhere, so here every block of bytes has the same one (hash.c): the
 * parsers see what somebody could send or write who computes the right sums.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/net.h"

enum { FUZZ_FILE_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

/* A part: two bytes of length, little-endian, then as many bytes, or what is there. */
static inline struct fuzz_input fuzz_part(struct fuzz_input *in)
{
    size_t length = fuzz_byte(in);
    length |= (size_t)fuzz_byte(in) << 8;
    struct fuzz_input part = {in->data, PS_MIN(length, in->size)};
    in->data += part.size;
    in->size -= part.size;
    return part;
}

/* A message: how many frames, then a part each. */
static inline void fuzz_message(struct fuzz_input *in, struct ps_message *message)
{
    int frames = fuzz_byte(in) % 8;
    ps_message_init(message);
    for (int i = 0; i < frames; i++) {
        struct fuzz_input part = fuzz_part(in);
        struct ps_frame *frame = ps_message_add(message);
        ps_frame_fini(frame);
        ps_frame_alloc(frame, part.size);
        if (part.size)
            memcpy(ps_frame_data(frame), part.data, part.size);
    }
}

static char fuzz_path[256];

static inline void fuzz_folder_remove(void)
{
    struct ps_error ignored;
    ps_folder_remove(fuzz_path, &ignored);
}

/* This process's folder for files: made at the first call, removed at the end. */
static inline const char *fuzz_folder(void)
{
    const char *base = getenv("TMPDIR");
    if (*fuzz_path)
        return fuzz_path;
    snprintf(fuzz_path, sizeof fuzz_path, "%s/penstock-fuzz-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(fuzz_path))
        abort();
    atexit(fuzz_folder_remove);
    return fuzz_path;
}

/* FOLDER/NAME with these bytes, without the care of ps_file_write, and in `bytes` bytes: cut off, or filled up with zeros. */
static inline void fuzz_file(const char *folder, const char *name, struct fuzz_input content, uint64_t bytes)
{
    char *path = ps_format("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    free(path);
    if (fd < 0)
        return;
    bytes = PS_MIN(bytes, FUZZ_FILE_BYTES);
    if (write(fd, content.data, PS_MIN(content.size, bytes)) < 0 || ftruncate(fd, (off_t)bytes))
        abort();
    close(fd);
}

/* The input as a text; the caller frees it. */
static inline char *fuzz_text(struct fuzz_input in)
{
    char *text = ps_malloc(in.size + 1);
    if (in.size)
        memcpy(text, in.data, in.size);
    text[in.size] = 0;
    return text;
}

#endif
