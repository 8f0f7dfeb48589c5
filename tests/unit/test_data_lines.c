/* test_data_lines.c - lines of plain and packed files; damage and truncation are errors. */
#include "data/lines.h"
#include "prepare_fixture.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

static struct ps_lines *lines;
static const char *text;
static size_t length;

static void open_file(const char *path)
{
    if (ps_lines_open(&lines, path, NULL, &err))
        fail_msg("%s", err.text);
}

static void next_is(const char *wanted)
{
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_TEXT);
    assert_int_equal(length, strlen(wanted));
    assert_memory_equal(text, wanted, length);
}

static void end_is_next(void)
{
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_END);
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_END);
    ps_lines_close(lines);
}

static void test_line_ends(void **state)
{
    open_file(write_text("a", "\xef\xbb\xbfone\r\n\ntwo\n\xef\xbb\xbfthree\r"));
    next_is("one");
    next_is("");
    next_is("two");
    assert_int_equal(ps_lines_number(lines), 3);
    next_is("\xef\xbb\xbfthree");
    assert_int_equal(ps_lines_number(lines), 4);
    end_is_next();
}

static void test_empty_file(void **state)
{
    open_file(write_text("a", ""));
    end_is_next();
}

/* Many lines, so that buffers are filled more than once: line n is n as text, n % 100 times. */
static char *many_lines(size_t *size)
{
    size_t capacity = 8 << 20, used = 0;
    char *all = ps_malloc(capacity);
    for (int n = 0; used < capacity - 2000; n++) {
        for (int i = 0; i < n % 100; i++)
            used += (size_t)sprintf(all + used, "%d,", n);
        all[used++] = '\n';
    }
    *size = used;
    return all;
}

static void reads_many(const char *path, int copies)
{
    size_t size, at = 0;
    char *all = many_lines(&size);
    open_file(path);
    while (ps_lines_next(lines, &text, &length, &err) == PS_LINE_TEXT) {
        assert_true(at + length < size);
        assert_memory_equal(all + at, text, length);
        at += length;
        assert_int_equal(all[at++], '\n');
        if (at == size && --copies)
            at = 0;
    }
    assert_int_equal(at, size);
    assert_int_equal(copies, 0);
    ps_lines_close(lines);
    free(all);
}

static size_t pack_gzip(void *to, size_t room, const void *from, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)size, .next_out = to, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t pack_xz(void *to, size_t room, const void *from, size_t size)
{
    size_t used = 0;
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, from, size, to, &used, room), LZMA_OK);
    return used;
}

static size_t pack_zstd(void *to, size_t room, const void *from, size_t size)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1); /* as the program zstd does */
    size_t used = ZSTD_compress2(context, to, room, from, size);
    assert_false(ZSTD_isError(used));
    ZSTD_freeCCtx(context);
    return used;
}

typedef size_t packer(void *to, size_t room, const void *from, size_t size);

/* Packed twice, one behind the other (as when a log is appended to), under a name that tells nothing; then cut and
 * damaged. */
static void packs(packer *pack)
{
    size_t size, room = 16 << 20;
    char *all = many_lines(&size), *packed = ps_malloc(2 * room);
    size_t one = pack(packed, room, all, size);
    reads_many(write_bytes("packed.txt", packed, one), 1);
    size_t two = one + pack(packed + one, room, all, size);
    reads_many(write_bytes("packed.txt", packed, two), 2);

    for (size_t cut = one / 3; cut < one; cut += one / 3) {
        int status;
        open_file(write_bytes("packed.txt", packed, cut));
        while ((status = ps_lines_next(lines, &text, &length, &err)) > 0)
            ;
        ps_lines_close(lines);
        assert_int_equal(status, -PS_EXIT_DATA);
        assert_non_null(strstr(err.text, "packed.txt"));
        assert_non_null(strstr(err.text, "truncated"));
    }
    packed[one / 2] ^= 0x10;
    int status;
    open_file(write_bytes("packed.txt", packed, one));
    while ((status = ps_lines_next(lines, &text, &length, &err)) > 0)
        ;
    ps_lines_close(lines);
    assert_int_equal(status, -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "packed.txt"));
    free(all);
    free(packed);
}

static void test_gzip(void **state)
{
    packs(pack_gzip);
}
static void test_xz(void **state)
{
    packs(pack_xz);
}
static void test_zstd(void **state)
{
    packs(pack_zstd);
}

static void test_plain(void **state)
{
    size_t size;
    char *all = many_lines(&size);
    reads_many(write_bytes("plain", all, size), 1);
    free(all);
}

static void test_long_line(void **state)
{
    size_t size = (3 << 20) + 5;
    char *all = ps_malloc(size);
    memset(all, 'x', size);
    memcpy(all, "a\n", 2);
    memcpy(all + size - 3, "\nb\n", 3);
    open_file(write_bytes("long", all, size));
    next_is("a");
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_TOO_LONG);
    assert_int_equal(ps_lines_number(lines), 2);
    next_is("b");
    assert_int_equal(ps_lines_number(lines), 3);
    end_is_next();

    all[size - 3] = 'x'; /* and where it is the last one, without an end */
    open_file(write_bytes("long", all, size - 1));
    next_is("a");
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_TOO_LONG);
    end_is_next();

    memset(all, 'y', PS_LINE_MAX + 1); /* just short enough, and one more */
    all[PS_LINE_MAX] = '\n';
    open_file(write_bytes("long", all, PS_LINE_MAX + 1));
    assert_int_equal(ps_lines_next(lines, &text, &length, &err), PS_LINE_TEXT);
    assert_int_equal(length, PS_LINE_MAX);
    end_is_next();
    free(all);
}

static void test_refused(void **state)
{
    assert_int_equal(ps_lines_open(&lines, in_folder("none"), NULL, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "none: No such file"));
    assert_int_equal(ps_lines_open(&lines, folder, NULL, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "is a folder"));
    assert_int_equal(ps_lines_open(&lines, write_text("z", "PK\x03\x04zip"), NULL, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "zip archive"));
    assert_int_equal(ps_lines_open(&lines, write_text("z", "\xff\xfeu"), NULL, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "UTF-16"));
}

static void test_stop(void **state)
{
    volatile sig_atomic_t stop = 1;
    assert_int_equal(ps_lines_open(&lines, write_text("a", "x\n"), &stop, &err), -PS_EXIT_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_line_ends), FOLDER_TEST(test_empty_file), FOLDER_TEST(test_plain),
        FOLDER_TEST(test_gzip),      FOLDER_TEST(test_xz),         FOLDER_TEST(test_zstd),
        FOLDER_TEST(test_long_line), FOLDER_TEST(test_refused),    FOLDER_TEST(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
