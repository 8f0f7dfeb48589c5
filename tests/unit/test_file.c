/* test_file.c - files that are whole or absent, checksums, folders, and what the system refuses. */
#include "common/file.h"
#include "shard_fixture.h"

static char *in(const char *folder, const char *name)
{
    return ps_format("%s/%s", folder, name);
}

static void a_file_comes_back(void **state)
{
    char *folder = fixture_folder(), *path = in(folder, "a"), *temporary = in(folder, "a.tmp"), *text;
    struct ps_error err;
    struct ps_writer w;
    struct ps_mapping map;
    size_t size, total = 0;
    unsigned char *all = ps_malloc(5 << 20);
    assert_int_equal(ps_writer_open(&w, path, &err), 0);
    for (size_t piece = 1; total + piece <= 5 << 20; piece = piece * 3 + 1) { /* below and above the buffer */
        memset(all + total, (int)piece, piece);
        assert_int_equal(ps_writer_put(&w, all + total, piece, &err), 0);
        total += piece;
    }
    assert_int_equal(access(path, F_OK), -1); /* no half of it is ever seen under its name */
    assert_int_equal(w.bytes, total);
    assert_int_equal(ps_writer_sum(&w), ps_hash64(all, total, 0));
    assert_int_equal(ps_writer_commit(&w, &err), 0);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(ps_file_read(path, 8 << 20, &text, &size, &err), 0);
    assert_int_equal(size, total);
    assert_memory_equal(text, all, total);
    assert_int_equal(text[size], 0);
    assert_int_equal(ps_mapping_open(&map, path, &err), 0);
    assert_int_equal(map.size, total);
    assert_memory_equal(map.data, all, total);
    ps_mapping_close(&map);
    free(text);
    assert_int_equal(ps_file_read(path, total - 1, &text, &size, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    free(all), free(folder), free(path), free(temporary);
}

static void the_old_file_stays_until_the_new_one_is_whole(void **state)
{
    char *folder = fixture_folder(), *path = in(folder, "a"), *temporary = in(folder, "a.tmp"), *text;
    struct ps_error err;
    struct ps_writer w;
    size_t size;
    assert_int_equal(ps_file_write(path, "old", 3, &err), 0);
    assert_int_equal(ps_writer_open(&w, path, &err), 0);
    assert_int_equal(ps_writer_put(&w, "new", 3, &err), 0);
    ps_writer_abandon(&w);
    ps_writer_abandon(&w);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(ps_file_read(path, 100, &text, &size, &err), 0);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    free(folder), free(path), free(temporary);
}

static void a_full_disk_is_named(void **state)
{
    struct ps_error err;
    if (access("/dev/full", W_OK)) {
        print_message("skipped: there is no /dev/full here\n");
        skip();
    }
    char *folder = fixture_folder(), *path = in(folder, "a"), *temporary = in(folder, "a.tmp");
    assert_int_equal(symlink("/dev/full", temporary), 0); /* what is written to it meets ENOSPC */
    assert_int_equal(ps_file_write(path, "x", 1, &err), -PS_EXIT_STORAGE);
    assert_non_null(strstr(err.text, "No space left"));
    assert_non_null(strstr(err.text, path));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    free(folder), free(path), free(temporary);
}

static void what_cannot_be_opened_is_named(void **state)
{
    struct ps_error err;
    struct ps_mapping map;
    char *text, *folder = fixture_folder(), *path = in(folder, "none/a");
    size_t size;
    assert_int_equal(ps_file_read(path, 1, &text, &size, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ps_mapping_open(&map, path, &err), -PS_EXIT_DATA);
    assert_int_equal(ps_file_write(path, "", 0, &err), -PS_EXIT_STORAGE);
    assert_int_equal(ps_file_read(folder, 1, &text, &size, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    free(folder), free(path);
}

static void folders_are_made_and_removed(void **state)
{
    struct ps_error err;
    char *folder = fixture_folder(), *deep = in(folder, "a/b//c/"), *file = in(folder, "a/b/c/f"),
         *outside = fixture_folder(), *kept = in(outside, "kept"), *link = in(folder, "a/link"), *below = in(file, "d");
    assert_int_equal(ps_folder_make(deep, &err), 0);
    assert_int_equal(ps_folder_make(deep, &err), 0);
    assert_int_equal(ps_file_write(file, "x", 1, &err), 0);
    assert_int_equal(ps_folder_make(file, &err), -PS_EXIT_STORAGE);
    assert_int_equal(ps_folder_make(below, &err), -PS_EXIT_STORAGE);
    assert_int_equal(ps_file_write(kept, "x", 1, &err), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    assert_int_equal(access(folder, F_OK), -1);
    assert_int_equal(access(kept, F_OK), 0); /* links are removed, not followed */
    assert_int_equal(ps_folder_remove(folder, &err), 0);
    assert_int_equal(ps_folder_remove(outside, &err), 0);
    free(folder), free(deep), free(file), free(outside), free(kept), free(link), free(below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_comes_back),
        cmocka_unit_test(the_old_file_stays_until_the_new_one_is_whole),
        cmocka_unit_test(a_full_disk_is_named),
        cmocka_unit_test(what_cannot_be_opened_is_named),
        cmocka_unit_test(folders_are_made_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
