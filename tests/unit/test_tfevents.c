/* test_tfevents.c - event files are what TensorFlow writes: checksums and frames by known vectors. */
#include <endian.h>
#include <glob.h>

#include "common/file.h"
#include "common/tfevents.h"
#include "shard_fixture.h"

/* The vectors of RFC 3720, B.4, and of every catalogue of checksums; and how TensorFlow masks them: the head of each of its event files is that of a
 * record of 24 bytes. */
static void checksums_are_those_of_the_standard(void **state)
{
    unsigned char block[32] = {0};
    assert_int_equal(ps_crc32c("", 0), 0);
    assert_int_equal(ps_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(ps_crc32c(block, sizeof block), 0x8a9136aa);
    memset(block, 0xff, sizeof block);
    assert_int_equal(ps_crc32c(block, sizeof block), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        block[i] = (unsigned char)i;
    assert_int_equal(ps_crc32c(block, sizeof block), 0x46dd794e);
    uint64_t length = htole64(24);
    assert_int_equal(ps_crc32c_masked(&length, sizeof length), 0x224b7fa3);
}

/* The record at *at: its data; *at moves behind it. */
static const unsigned char *record(const unsigned char **at, const unsigned char *end, uint64_t *size)
{
    uint32_t sum;
    assert_true(end - *at >= 12);
    memcpy(size, *at, 8);
    *size = le64toh(*size);
    memcpy(&sum, *at + 8, 4);
    assert_int_equal(le32toh(sum), ps_crc32c_masked(*at, 8));
    const unsigned char *data = *at + 12;
    assert_true((uint64_t)(end - data) >= *size + 4);
    memcpy(&sum, data + *size, 4);
    assert_int_equal(le32toh(sum), ps_crc32c_masked(data, *size));
    *at = data + *size + 4;
    return data;
}

static void events_are_frames_of_records(void **state)
{
    char *folder = fixture_folder(), *inner = ps_format("%s/tensorboard", folder), *pattern = ps_format("%s/events.out.tfevents.*", inner), *text;
    struct ps_tfevents *events;
    struct ps_error err;
    glob_t found;
    size_t size;
    uint64_t length;
    ps_tfevents_note(NULL, 1, "nothing");
    ps_tfevents_write(NULL, 1);
    assert_int_equal(ps_tfevents_open(&events, inner, &err), 0);
    ps_tfevents_note(events, 0.5, "loss/%s", "a");
    ps_tfevents_note(events, 0, "b"); /* is no missing value */
    ps_tfevents_write(events, 7);
    ps_tfevents_write(events, 8); /* nothing was noted */
    /* What is written is on the disk while the file is still open. */
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    assert_int_equal(ps_file_read(found.gl_pathv[0], 1 << 16, &text, &size, &err), 0);
    const unsigned char *at = (const unsigned char *)text, *end = at + size, *data = record(&at, end, &length);
    static const unsigned char version[] = "\x1a\x0d" "brain.Event:2";
    assert_int_equal(length, 24);
    assert_int_equal(data[0], 0x09); /* field 1, a double: the time */
    assert_memory_equal(data + 9, version, sizeof version - 1);
    /* Field 2, the step; field 5, the summary, of two values (field 1): tag (1) and simple_value (2). */
    static const unsigned char scalars[] = {0x10, 7, 0x2a, 25, 0x0a, 13, 0x0a, 6, 'l', 'o', 's', 's', '/', 'a', 0x15, 0, 0, 0, 0x3f,
                                            0x0a, 8,  0x0a, 1,  'b',  0x15, 0, 0, 0, 0};
    data = record(&at, end, &length);
    assert_int_equal(data[0], 0x09);
    assert_int_equal(length, 9 + sizeof scalars);
    assert_memory_equal(data + 9, scalars, sizeof scalars);
    assert_ptr_equal(at, end);
    ps_tfevents_close(events);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    globfree(&found);
    free(text), free(pattern), free(inner), free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checksums_are_those_of_the_standard), cmocka_unit_test(events_are_frames_of_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
