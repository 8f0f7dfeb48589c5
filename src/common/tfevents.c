/* tfevents.c - see tfevents.h. */
#include "common/tfevents.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "tfevents.pb-c.h"

struct ps_tfevents {
    FILE *file;
    char *path;
    bool failed;              /* said once */
    Tfevents__Value **value;  /* owned, with their tags: noted and not yet written */
    size_t values, capacity;
};

/* Bit by bit from the polynomial's reflection: a few hundred bytes an epoch need no table. */
uint32_t ps_crc32c(const void *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (const unsigned char *at = data, *end = at + size; at < end; at++) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

uint32_t ps_crc32c_masked(const void *data, size_t size)
{
    uint32_t crc = ps_crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void put_record(struct ps_tfevents *t, const void *data, size_t size)
{
    uint64_t length = htole64(size);
    uint32_t of_length = htole32(ps_crc32c_masked(&length, sizeof length)), of_data = htole32(ps_crc32c_masked(data, size));
    fwrite(&length, sizeof length, 1, t->file);
    fwrite(&of_length, sizeof of_length, 1, t->file);
    fwrite(data, size, 1, t->file);
    fwrite(&of_data, sizeof of_data, 1, t->file);
    if ((fflush(t->file) || ferror(t->file)) && !t->failed) {
        ps_warn("cannot write %s: %s", t->path, strerror(errno));
        t->failed = true;
    }
}

static void put_event(struct ps_tfevents *t, Tfevents__Event *event)
{
    event->wall_time = ps_wall_clock();
    size_t size = protobuf_c_message_get_packed_size(&event->base);
    uint8_t *data = ps_malloc(size);
    protobuf_c_message_pack(&event->base, data);
    put_record(t, data, size);
    free(data);
}

int ps_tfevents_open(struct ps_tfevents **events, const char *folder, struct ps_error *err)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    int status = ps_folder_make(folder, err);
    if (status)
        return status;
    char *path = ps_format("%s/events.out.tfevents.%lld.%s.%d", folder, (long long)time(NULL), host, (int)getpid());
    FILE *file = fopen(path, "abe");
    if (!file) {
        status = ps_fail_errno(err, PS_EXIT_STORAGE, "cannot write %s", path);
        free(path);
        return status;
    }
    struct ps_tfevents *t = *events = ps_calloc(1, sizeof *t);
    t->file = file;
    t->path = path;
    Tfevents__Event version = TFEVENTS__EVENT__INIT;
    version.file_version = (char *)(uintptr_t)"brain.Event:2";
    put_event(t, &version);
    return 0;
}

static void forget(struct ps_tfevents *t)
{
    for (size_t i = 0; i < t->values; i++) {
        free(t->value[i]->tag);
        free(t->value[i]);
    }
    t->values = 0;
}

void ps_tfevents_close(struct ps_tfevents *t)
{
    if (!t)
        return;
    forget(t);
    fclose(t->file);
    free(t->value), free(t->path), free(t);
}

void ps_tfevents_note(struct ps_tfevents *t, double value, const char *format, ...)
{
    char tag[160];
    va_list args;
    if (!t)
        return;
    va_start(args, format);
    vsnprintf(tag, sizeof tag, format, args);
    va_end(args);
    PS_GROW(t->value, t->capacity, t->values + 1);
    Tfevents__Value *v = t->value[t->values++] = ps_malloc(sizeof *v);
    tfevents__value__init(v);
    v->tag = ps_strdup(tag);
    v->value_case = TFEVENTS__VALUE__VALUE_SIMPLE_VALUE;
    v->simple_value = (float)value;
}

void ps_tfevents_write(struct ps_tfevents *t, int64_t step)
{
    if (!t || !t->values)
        return;
    Tfevents__Summary summary = TFEVENTS__SUMMARY__INIT;
    summary.n_value = t->values;
    summary.value = t->value;
    Tfevents__Event event = TFEVENTS__EVENT__INIT;
    event.step = step;
    event.summary = &summary;
    put_event(t, &event);
    forget(t);
}
