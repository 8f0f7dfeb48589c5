/* make_corpus.c - writes the seeds of the fuzz targets into FOLDER/TARGET: real messages as the program packs them, and real files as it
 * writes them, but for their checksums (fuzz.h). Run by `make fuzz-corpus` when a format has changed.
 */
#include "fuzz.h"

#include "../unit/shard_fixture.h"

#include "cli/meeting.h"
#include "cli/result.h"
#include "common/config.h"
#define ps_lane_state ps_lane_state_of_coordinator
#include "coordinator/internal.h"
#undef ps_lane_state
#include "dataset_files.h"
#include "server/checkpoint_format.h"

static const char *root;

/* A seed being put together. */
struct seed {
    char *bytes;
    size_t size;
    FILE *out;
};

static void begin(struct seed *s)
{
    s->out = open_memstream(&s->bytes, &s->size);
}

static void put_part(struct seed *s, const void *data, size_t size)
{
    fputc((int)(size & 255), s->out);
    fputc((int)(size >> 8), s->out);
    fwrite(data, 1, size, s->out);
}

static void put_message(struct seed *s, struct ps_message *message)
{
    fputc(message->count, s->out);
    for (int i = 0; i < message->count; i++)
        put_part(s, ps_frame_data(&message->frame[i]), ps_frame_size(&message->frame[i]));
    ps_message_fini(message);
}

static void finish(struct seed *s, const char *target, const char *name)
{
    struct ps_error err;
    fclose(s->out);
    char *folder = ps_format("%s/%s", root, target), *path = ps_format("%s/%s", folder, name);
    if (ps_folder_make(folder, &err) || ps_file_write(path, s->bytes, s->size, &err))
        ps_die(err.code, "%s", err.text);
    free(folder), free(path), free(s->bytes);
}

static void write_seed(const char *target, const char *name, const void *data, size_t size)
{
    struct seed s;
    begin(&s);
    fwrite(data, 1, size, s.out);
    finish(&s, target, name);
}

static void put_file(struct seed *s, const char *folder, const char *name)
{
    char *path = ps_format("%s/%s", folder, name), *text;
    size_t size;
    struct ps_error err;
    if (ps_file_read(path, FUZZ_FILE_BYTES, &text, &size, &err))
        ps_die(err.code, "%s", err.text);
    put_part(s, text, size);
    free(path), free(text);
}

/* ---- messages ---- */

static void drop(void *ctx, uint64_t to, struct ps_data *data, struct ps_message *message)
{
    ps_message_fini(message);
}

static void put_request(struct seed *s, enum ps_message_kind kind, uint32_t lane, uint64_t position, uint32_t flags, uint32_t codec)
{
    static const uint32_t width[FIXTURE_TABLES] = {5, 4, 4};
    struct ps_slot_map map;
    ps_slot_map_init(&map, 2);
    struct ps_data data = {.kind = kind, .run = FIXTURE_RUN, .from = 77, .to = 5, .era = 1, .map = 1, .epoch = 1, .lane = lane,
                           .lease = 1, .position = position, .request = 1 + position, .flags = flags};
    struct ps_message message;
    ps_message_init(&message);
    ps_message_add(&message);
    for (uint32_t t = 0; t < FIXTURE_TABLES && !(flags & (PS_FLAG_END | PS_FLAG_EMPTY)); t++) {
        uint64_t key[40];
        uint32_t n = 0;
        for (uint64_t id = 0; id < fixture_table[t].rows; id++)
            if (map.shard_of[ps_slot_of(&fixture_table[t], t, id)] == 0)
                key[n++] = id;
        float value[200];
        for (uint32_t i = 0; i < n * width[t]; i++)
            value[i] = 0.25f * (float)(i % 7);
        struct ps_section *section = &data.section[data.sections++];
        *section = (struct ps_section){.table = t, .rows = n};
        struct ps_frame *frame = ps_message_add(&message);
        ps_frame_fini(frame);
        section->key_codec = codec ? PS_CODEC_GAPS : PS_CODEC_PLAIN;
        ps_keys_encode(key, n, section->key_codec, frame);
        frame = ps_message_add(&message);
        section->value_codec = codec;
        if (kind == PS_PUSH) {
            ps_frame_fini(frame);
            section->value_codec = ps_values_encode(value, n * width[t], codec, frame);
        }
    }
    ps_frame_fini(&message.frame[0]);
    ps_data_pack(&data, &message.frame[0]);
    put_message(s, &message);
}

static void data_seeds(void)
{
    static const struct {
        const char *name;
        uint32_t codec;
    } of[] = {{"plain", PS_CODEC_PLAIN}, {"lz4", PS_CODEC_LZ4}, {"fp16", PS_CODEC_FP16}, {"bf16", PS_CODEC_BF16 | PS_CODEC_LZ4},
              {"shared", PS_CODEC_SHARED}};
    for (size_t i = 0; i < PS_COUNT(of); i++)
        for (int mode = 0; mode < 3; mode++) {
            struct seed s;
            char name[64];
            begin(&s);
            fputc(mode, s.out);
            put_request(&s, PS_PULL, 0, 0, 0, of[i].codec);
            if (of[i].codec != PS_CODEC_SHARED)
                put_request(&s, PS_PUSH, 0, 0, 0, of[i].codec);
            put_request(&s, PS_PUSH, 1, 0, PS_FLAG_EMPTY, 0);
            put_request(&s, PS_PULL, 0, 1, 0, of[i].codec);
            put_request(&s, PS_PUSH, 0, 1, PS_FLAG_END, 0);
            put_request(&s, PS_PULL, 0, 0, PS_FLAG_READ, of[i].codec);
            snprintf(name, sizeof name, "%s-%d", of[i].name, mode);
            finish(&s, "data", name);
        }
}

static void control_seed(const char *name, const struct ps_control *control)
{
    struct ps_frame frame;
    ps_control_pack(control, &frame);
    write_seed("control", name, ps_frame_data(&frame), ps_frame_size(&frame));
    ps_frame_fini(&frame);
}

static void control_seeds(void)
{
    struct ps_lane_entry lane[2] = {{0, 1, 2}, {1, UINT64_C(3) << 32, 4}};
    struct ps_file_entry file = {"shard-000.rows", 1000, 12345};
    struct ps_slot_map map;
    struct ps_control welcome;
    struct ps_config config;
    fixture_welcome(&welcome, &map, 2, 0, PS_SYNC, 2, &fixture_adagrad);
    ps_config_init(&config);
    welcome.text = ps_config_write(&config);
    welcome.kernel = (char *)"Haswell";
    control_seed("welcome", &welcome);
    free(welcome.text);
    control_seed("hello", &(struct ps_control){.kind = PS_HELLO, .from = 9, .role = PS_ROLE_SERVER, .host = (char *)"node1",
                                               .endpoint = (char *)"tcp://10.0.0.1:5555", .pid = 77});
    control_seed("beat", &(struct ps_control){.kind = PS_BEAT, .run = 1, .from = 2, .to = 3,
                                              .progress = {.samples = 10, .loss = 0.5, .entries = 2, .entry = lane}});
    control_seed("grant", &(struct ps_control){.kind = PS_GRANT, .run = 1, .epoch = 1, .lane = lane, .lane_count = 2});
    control_seed("cut", &(struct ps_control){.kind = PS_CUT_DONE, .first = 7, .file = &file, .file_count = 1});
    control_seed("stop", &(struct ps_control){.kind = PS_STOP, .code = 3, .text = (char *)"the dataset is damaged"});
    control_seed("eval", &(struct ps_control){.kind = PS_EVAL, .first = 1, .count = 2, .split = 1, .code = 1, .text = (char *)"m"});
}

static void codec_seeds(void)
{
    static const uint32_t codec[] = {PS_CODEC_PLAIN, PS_CODEC_FP16, PS_CODEC_BF16, PS_CODEC_LZ4, PS_CODEC_LZ4 | PS_CODEC_FP16, PS_CODEC_GAPS};
    uint64_t key[64];
    float value[64];
    for (int i = 0; i < 64; i++)
        key[i] = (uint64_t)i * i, value[i] = (float)(i % 5) - 1.5f;
    for (size_t c = 0; c < PS_COUNT(codec); c++)
        for (int values = 0; values < 2; values++) {
            if (values ? codec[c] == PS_CODEC_GAPS : codec[c] != PS_CODEC_PLAIN && codec[c] != PS_CODEC_GAPS)
                continue;
            struct ps_frame frame;
            struct seed s;
            char name[64];
            uint32_t used = codec[c];
            if (values)
                used = ps_values_encode(value, 64, used, &frame);
            else
                ps_keys_encode(key, 64, used, &frame);
            begin(&s);
            fputc((int)used | (values ? 128 : 0), s.out);
            fputc(64, s.out);
            fputc(0, s.out);
            fwrite(ps_frame_data(&frame), 1, ps_frame_size(&frame), s.out);
            ps_frame_fini(&frame);
            snprintf(name, sizeof name, "%s-%u", values ? "values" : "keys", codec[c]);
            finish(&s, "codec", name);
        }
}

/* ---- files ---- */

static void config_seeds(void)
{
    struct ps_config config;
    ps_config_init(&config);
    snprintf(config.data.path, sizeof config.data.path, "prepared");
    config.model.loss_weights[0] = 0.5;
    config.model.loss_weights_count = 1;
    char *text = ps_config_write(&config);
    write_seed("config", "complete", text, strlen(text));
    free(text);
    text = ps_config_reference_yaml();
    write_seed("config", "reference", text, strlen(text));
    free(text);
    static const char small[] = "data: {path: d}\neval: {k: [1, 5]}\ntrain:\n  consistency: bounded:3\n";
    write_seed("config", "small", small, strlen(small));
    struct ps_meeting meeting = {.endpoint = "ipc:///tmp/penstock-abcdef/coordinator", .interface = "127.0.0.1", .host = "node1",
                                 .keys = "/runs/a \"b\"/keys/curve", .start_timeout = 60, .coordinator_timeout = 60, .io_threads = 1,
                                 .servers = 2, .pid = 99};
    text = ps_meeting_write(&meeting);
    write_seed("config", "meeting", text, strlen(text));
    free(text);
    static const char keys[] = "server_public: \"0000000000000000000000000000000000000000\"\n"
                               "server_secret: \"1111111111111111111111111111111111111111\"\n"
                               "member_public: \"2222222222222222222222222222222222222222\"\n"
                               "member_secret: \"3333333333333333333333333333333333333333\"\n";
    write_seed("config", "keys", keys, strlen(keys));
}

/* Found by fuzzing: a mark that no training could have made; a shard that loaded it counted for ever. */
static void far_mark(const char *folder)
{
    struct ps_error err;
    struct seed s;
    char *path = ps_format("%s/shard-000.rows", folder), *bytes;
    size_t size;
    if (ps_file_read(path, FUZZ_FILE_BYTES, &bytes, &size, &err))
        ps_die(err.code, "%s", err.text);
    struct ps_lane_mark mark = {.lease = 1, .hwm = UINT64_MAX};
    memcpy(bytes + sizeof(struct ps_file_header), &mark, sizeof mark);
    begin(&s);
    put_file(&s, folder, PS_MANIFEST_NAME);
    put_part(&s, bytes, size);
    finish(&s, "checkpoint", "mark-beyond-all-batches");
    free(bytes), free(path);
}

static void checkpoint_seeds(void)
{
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct ps_shard shard[2];
        struct ps_error err;
        char *folder = ps_format("%s/checkpoint-%u", fuzz_folder(), shards), name[32];
        for (uint32_t i = 0; i < shards; i++) {
            struct ps_slot_map map;
            struct ps_control welcome;
            struct ps_lane_entry lane[2] = {{0, 1, 0}, {1, 1, 0}};
            fixture_welcome(&welcome, &map, shards, i, PS_ASYNC, 2, &fixture_adagrad);
            if (ps_shard_init(&shard[i], &welcome, 5, drop, NULL, &err) || ps_shard_load(&shard[i], 1, 1, "", lane, 2, &err))
                ps_die(err.code, "%s", err.text);
            struct seed requests; /* rows are made by pushes */
            begin(&requests);
            put_request(&requests, PS_PUSH, 0, 0, i ? PS_FLAG_EMPTY : 0, 0); /* the keys are those of the first of two */
            fclose(requests.out);
            struct fuzz_input in = {(uint8_t *)requests.bytes, requests.size};
            struct ps_message message;
            struct ps_data data;
            fuzz_message(&in, &message);
            if (ps_data_unpack(&message, &data, &err))
                ps_die(err.code, "%s", err.text);
            ps_shard_take(&shard[i], &data, &message);
            ps_message_fini(&message);
            free(requests.bytes);
        }
        if (ps_folder_make(folder, &err))
            ps_die(err.code, "%s", err.text);
        fixture_checkpoint(shard, shards, 1, folder);
        struct seed s;
        begin(&s);
        put_file(&s, folder, PS_MANIFEST_NAME);
        for (uint32_t i = 0; i < shards; i++) {
            snprintf(name, sizeof name, "shard-%03u.rows", i);
            put_file(&s, folder, name);
            ps_shard_fini(&shard[i]);
        }
        snprintf(name, sizeof name, "shards-%u", shards);
        finish(&s, "checkpoint", name);
        if (shards == 1)
            far_mark(folder);
        free(folder);
    }
}

static void record_seeds(void)
{
    struct ps_error err;
    struct ps_coordinator *c = ps_calloc(1, sizeof *c);
    char *folder = ps_format("%s/state", fuzz_folder()), *path = ps_format("%s/00000001", folder), *text;
    size_t size;
    c->options.state = folder;
    c->options.servers = 2;
    c->options.workers = 3;
    c->run = 99;
    c->term = c->era = 1;
    c->stage = PS_STAGE_TRAINING;
    c->base = (char *)"/runs/r/checkpoints/epoch-0001";
    ps_slot_map_init(&c->map, 2);
    if (ps_folder_make(folder, &err) || ps_state_write(c, &err) || ps_file_read(path, FUZZ_FILE_BYTES, &text, &size, &err))
        ps_die(err.code, "%s", err.text);
    write_seed("record", "training", text, size);
    free(text), free(path), free(folder), free(c);
}

static void ranks_seeds(void)
{
    static const struct ps_dataset dataset = {.items = 20, .behaviours = 3, .behaviour = {"view", "cart", "buy"}, .test_count = 6,
                                              .fingerprint = 1};
    struct ps_error err;
    struct ps_config config;
    char *path = ps_format("%s/test.ranks", fuzz_folder()), *bytes;
    size_t size;
    ps_config_init(&config);
    snprintf(config.data.path, sizeof config.data.path, "data");
    for (int lists = 0; lists < 2; lists++) {
        struct ps_result result;
        config.eval.mean = lists ? PS_MEAN_USERS : PS_MEAN_TARGETS;
        ps_result_init(&result, &config, &dataset, PS_SPLIT_TEST);
        for (int m = 0; m < 2; m++) {
            struct ps_ranks *ranks = &result.ranks[result.models];
            snprintf(result.model[result.models++], PS_NAME_SIZE, m ? "popularity" : "nmtr_gmf");
            ps_ranks_init(ranks, 6, lists ? config.eval.k_count : 0, dataset.items);
            for (uint32_t i = 0; i < 6; i++)
                ranks->rank[i] = (struct ps_rank){.greater = i * 3 % 5, .equal = i % 2, .candidates = 15, .seen = i, .user = i / 2, .history = 4};
        }
        if (ps_result_write(&result, path, &err) || ps_file_read(path, FUZZ_FILE_BYTES, &bytes, &size, &err))
            ps_die(err.code, "%s", err.text);
        write_seed("ranks", lists ? "lists" : "targets", bytes, size);
        ps_result_fini(&result);
        free(bytes);
    }
    free(path);
}

/* A file as it is; or with its first or last number as high as can be, which no reader may believe. */
enum high { HIGH_NONE, HIGH_FIRST, HIGH_LAST };
static void put_dataset_file(const char *target, enum fuzz_dataset_kind kind, int file, enum high high)
{
    static const char *const names[] = {"", "-first-high", "-last-high"};
    struct seed s;
    size_t size = fuzz_dataset_content[kind][file].size, number = PS_MIN(size, sizeof(uint32_t));
    char *bytes = ps_malloc(size), *name = ps_format("%s%s", fuzz_dataset_file[kind][file], names[high]);
    memcpy(bytes, fuzz_dataset_content[kind][file].data, size);
    if (high)
        memset(high == HIGH_FIRST ? bytes : bytes + size - number, 0xff, number);
    begin(&s);
    fputc(file, s.out);
    put_part(&s, bytes, size);
    finish(&s, target, name);
    free(bytes), free(name);
}

static void dataset_seeds(const char *target, enum fuzz_dataset_kind kind)
{
    char *folder = ps_format("%s/seed-%s", fuzz_folder(), target);
    struct seed all;
    begin(&all);
    fuzz_dataset_write(folder, kind);
    for (int f = 0; f < fuzz_dataset_files(kind); f++) {
        fputc(f, all.out);
        put_file(&all, folder, fuzz_dataset_file[kind][f]);
        put_dataset_file(target, kind, f, HIGH_NONE);
        if (kind == FUZZ_SESSIONS && !strstr(fuzz_dataset_file[kind][f], ".names") && f > 0) {
            put_dataset_file(target, kind, f, HIGH_FIRST);
            put_dataset_file(target, kind, f, HIGH_LAST);
        }
    }
    finish(&all, target, "all");
    free(folder);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        ps_die(PS_EXIT_USAGE, "usage: make_corpus FOLDER");
    root = argv[1];
    data_seeds();
    control_seeds();
    codec_seeds();
    config_seeds();
    checkpoint_seeds();
    record_seeds();
    ranks_seeds();
    dataset_seeds("dataset", FUZZ_INTERACTIONS);
    dataset_seeds("sessions", FUZZ_SESSIONS);
    /* Seeds of `prepare` are tables, which are kept as they are. */
    return 0;
}
