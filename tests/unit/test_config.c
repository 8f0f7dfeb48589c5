/* test_config.c - the configuration: defaults, files, overrides, every kind of refusal with its sentence, round trips.
 */
#include "common/config.h"
#include "common/schema.h"
#include "common/suggest.h"
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA "data:\n  path: prepared\n"

static struct ps_config config;
static struct ps_error err;

static int load(const char *text)
{
    memset(&config, 0x5a, sizeof config);
    memset(&err, 0, sizeof err);
    return ps_config_load_text(&config, text, "run.yaml", &err);
}

/* The text is refused with exactly this sentence, and nothing has been set. */
static void refused(const char *text, const char *sentence)
{
    struct ps_config before;
    memset(&before, 0x5a, sizeof before);
    assert_int_equal(load(text), -PS_EXIT_USAGE);
    assert_int_equal(err.code, PS_EXIT_USAGE);
    assert_string_equal(err.text, sentence);
    assert_memory_equal(&config, &before, sizeof config);
}

/* A minimal file on disk for the tests that need ps_config_load. The caller unlinks it. */
static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int load_with(const char *const *overrides, int count)
{
    write_file("config-test.yaml", DATA "train: {epochs: 3}\n");
    memset(&err, 0, sizeof err);
    int status = ps_config_load(&config, "config-test.yaml", overrides, count, &err);
    unlink("config-test.yaml");
    return status;
}

static void override_refused(const char *override, const char *sentence)
{
    assert_int_equal(load_with(&override, 1), -PS_EXIT_USAGE);
    assert_string_equal(err.text, sentence);
}

static void test_defaults(void **state)
{
    ps_config_init(&config);
    assert_string_equal(config.data.path, "");
    assert_int_equal(config.data.shuffle_window, 1048576);
    assert_string_equal(config.model.name, "nmtr_neumf");
    assert_int_equal(config.model.embedding, 64);
    assert_int_equal(config.model.cascade, PS_CASCADE_LOGIT_AVG);
    assert_int_equal(config.model.loss_weights_count, 0);
    assert_int_equal(config.train.batch, 4096);
    assert_int_equal(config.train.consistency, PS_ASYNC);
    assert_int_equal(config.train.seed, 2026);
    assert_int_equal(config.optimizer.kind, PS_OPT_ADAGRAD);
    assert_true(config.optimizer.lr == 0.05f);
    assert_true(config.optimizer.initial_accumulator == 1e-8f);
    assert_int_equal(config.early_stop.metric, PS_METRIC_NDCG);
    assert_int_equal(config.early_stop.k, 10);
    assert_int_equal(config.eval.k_count, 6);
    assert_int_equal(config.eval.k[5], 200);
    assert_true(config.eval.floors);
    assert_int_equal(config.eval.user_groups_count, 5);
    assert_int_equal(ps_eval_mask(&config), PS_MASK_TARGET);
    config.eval.candidates = PS_CANDIDATES_SAMPLED;
    assert_int_equal(ps_eval_mask(&config), PS_MASK_ANY);
    config.eval.mask = PS_MASK_NONE;
    assert_int_equal(ps_eval_mask(&config), PS_MASK_NONE);
    assert_int_equal(config.cluster.transport, PS_TRANSPORT_AUTO);
    assert_string_equal(config.cluster.interface, "127.0.0.1");
    assert_int_equal(config.net.values, PS_CODEC_PLAIN);
    assert_int_equal(config.checkpoint.keep, 2);
}

static void test_values(void **state)
{
    assert_int_equal(load("data:\n  path: '/a folder/with \"quotes\" and # signs'\n"
                          "model:\n  cascade: prob\n  loss_weights: [0.5, 1e-3, 2]\n  l2: 1e-6\n"
                          "train:\n  consistency: sync\n  seed: 9007199254740992\n"
                          "optimizer: {name: adam_dense, lr: .001}\n"
                          "early_stop: {metric: hr@100}\n"
                          "eval:\n  k:\n  - 1\n  - 7\n  floors: false\n"
                          "net: {values: bf16}\n"),
                     0);
    assert_string_equal(config.data.path, "/a folder/with \"quotes\" and # signs");
    assert_int_equal(config.model.cascade, PS_CASCADE_PROB);
    assert_int_equal(config.model.loss_weights_count, 3);
    assert_true(config.model.loss_weights[1] == 1e-3);
    assert_true(config.model.l2 == 1e-6);
    assert_int_equal(config.train.consistency, PS_SYNC);
    assert_true(config.train.seed == UINT64_C(9007199254740992));
    assert_int_equal(config.optimizer.kind, PS_OPT_ADAM_DENSE);
    assert_true(config.optimizer.lr == .001f);
    assert_int_equal(config.early_stop.metric, PS_METRIC_HR);
    assert_int_equal(config.early_stop.k, 100);
    assert_int_equal(config.eval.k_count, 2);
    assert_int_equal(config.eval.k[1], 7);
    assert_false(config.eval.floors);
    assert_int_equal(config.net.values, PS_CODEC_BF16);
    assert_int_equal(config.train.epochs, 20);
}

static void test_unknown_names(void **state)
{
    refused(DATA "model:\n  embeding: 32\n", "run.yaml:4: model.embeding is not a key; did you mean model.embedding?");
    refused(DATA "train:\n  lr: 0.1\n", "run.yaml:4: train.lr is not a key; did you mean optimizer.lr?");
    refused(DATA "trian:\n  epochs: 2\n", "run.yaml:3: trian is not a group of keys; did you mean train?");
    refused(DATA "epochs: 2\n", "run.yaml:3: epochs is not a key; did you mean train.epochs?");
    refused(DATA "model:\n  quux_of_the_day: 2\n",
            "run.yaml:4: model.quux_of_the_day is not a key; 'penstock config' lists all keys");
    refused(DATA "something_else:\n  a: 2\n",
            "run.yaml:3: something_else is not a group of keys; 'penstock config' lists all keys");
}

static void test_wrong_types(void **state)
{
    refused(DATA "train:\n  epochs: many\n",
            "run.yaml:4: train.epochs is 'many', but must be a whole number from 1 to 1000000");
    refused(DATA "train:\n  epochs: 2.5\n",
            "run.yaml:4: train.epochs is '2.5', but must be a whole number from 1 to 1000000");
    refused(DATA "train:\n  epochs:\n", "run.yaml:4: train.epochs is '', but must be a whole number from 1 to 1000000");
    refused(DATA "train:\n  epochs: [1, 2]\n",
            "run.yaml:4: train.epochs is a list, but must be a whole number from 1 to 1000000");
    refused(DATA "train:\n  epochs:\n    first: 1\n",
            "run.yaml:4: train.epochs is a group of keys, but must be a whole number from 1 to 1000000");
    refused(DATA "train: 7\n", "run.yaml:3: train is a group of keys, and needs them indented below it");
    refused(DATA "optimizer:\n  lr: fast\n", "run.yaml:4: optimizer.lr is 'fast', but must be a number above 0");
    refused(DATA "optimizer:\n  lr: 0.1x\n", "run.yaml:4: optimizer.lr is '0.1x', but must be a number above 0");
    refused(DATA "eval:\n  floors: maybe\n", "run.yaml:4: eval.floors is 'maybe', but must be true or false");
    refused(DATA "eval:\n  k: [10, [20]]\n",
            "run.yaml:4: eval.k is a list of lists or groups, but must be an ascending list of 1 to 16 whole numbers "
            "from 1 to 1000000");
    refused("- a\n- b\n", "run.yaml:1: a configuration is groups of keys, as in 'penstock config'");
}

static void test_impossible_values(void **state)
{
    refused(DATA "train:\n  lanes: 0\n", "run.yaml:4: train.lanes is '0', but must be a whole number from 1 to 1024");
    refused(DATA "train:\n  lanes: 1025\n",
            "run.yaml:4: train.lanes is '1025', but must be a whole number from 1 to 1024");
    refused(DATA "train:\n  lanes: -1\n", "run.yaml:4: train.lanes is '-1', but must be a whole number from 1 to 1024");
    refused(
        DATA "train:\n  seed: 99999999999999999999999\n",
        "run.yaml:4: train.seed is '99999999999999999999999', but must be a whole number from 0 to 9007199254740992");
    refused(DATA "optimizer:\n  lr: 0\n", "run.yaml:4: optimizer.lr is '0', but must be a number above 0");
    refused(DATA "optimizer:\n  lr: 1e-60\n", "run.yaml:4: optimizer.lr is '1e-60', but must be a number above 0");
    refused(DATA "optimizer:\n  lr: 1e60\n", "run.yaml:4: optimizer.lr is '1e60', but must be a number above 0");
    refused(DATA "optimizer:\n  lr: nan\n", "run.yaml:4: optimizer.lr is 'nan', but must be a number above 0");
    refused(DATA "optimizer:\n  beta1: 1\n",
            "run.yaml:4: optimizer.beta1 is '1', but must be a number, at least 0 and below 1");
    refused(DATA "model:\n  l2: -0.1\n", "run.yaml:4: model.l2 is '-0.1', but must be a number, at least 0");
    refused(DATA "model:\n  cascade: logits\n",
            "run.yaml:4: model.cascade is 'logits', but must be one of prob, logit_avg, logit_sum, none");
    refused(
        DATA "early_stop:\n  metric: auc\n",
        "run.yaml:4: early_stop.metric is 'auc', but must be hr@K, ndcg@K or mrr@K with a whole number K from 1 to 1000000");
    refused(
        DATA "early_stop:\n  metric: hr@0\n",
        "run.yaml:4: early_stop.metric is 'hr@0', but must be hr@K, ndcg@K or mrr@K with a whole number K from 1 to 1000000");
    refused(DATA "eval:\n  k: [20, 10]\n",
            "run.yaml:4: eval.k is [20, 10], but must be an ascending list of 1 to 16 whole numbers from 1 to 1000000");
    refused(DATA "eval:\n  k: []\n",
            "run.yaml:4: eval.k is [], but must be an ascending list of 1 to 16 whole numbers from 1 to 1000000");
    refused(DATA "eval:\n  user_groups: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n",
            "run.yaml:4: eval.user_groups is [1, 2, 3, 4, 5, 6, 7, 8, 9], but must be an ascending list of 0 to 8 whole numbers "
            "from 1 to 1000000");
    refused(DATA "eval:\n  lists: true\n  k: [10, 1001]\n", "run.yaml: eval.lists needs eval.k up to 1000; it has 1001");
    refused(DATA "model:\n  loss_weights: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n",
            "run.yaml:4: model.loss_weights is [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], but must be a list of up to 9 numbers, at "
            "least 0");
    refused("data:\n  path: \"a\\nb\"\n",
            "run.yaml:2: data.path is 'a\nb', but must be a text of less than 4096 bytes");
    refused(DATA "train:\n  consistency: eventually\n",
            "run.yaml:4: train.consistency is 'eventually', but must be async, sync or bounded:S with a whole number S "
            "from 1 to 1000000");
}

static void test_values_against_each_other(void **state)
{
    refused("train:\n  epochs: 1\n", "run.yaml: data.path is missing; name the folder that 'penstock prepare' made");
    refused(DATA "train: {batch: 4, negatives: 4}\n",
            "run.yaml: train.batch is 4, but must be at least 5: one positive and its train.negatives (4)");
    assert_int_equal(load(DATA "train: {batch: 5, negatives: 4}\n"), 0);
    assert_int_equal(load(DATA "train: {consistency: 'bounded:2'}\n"), 0);
    assert_int_equal(config.train.consistency, PS_BOUNDED + 2);
    refused(DATA "train: {consistency: 'bounded:0'}\n",
            "run.yaml:3: train.consistency is 'bounded:0', but must be async, sync or bounded:S with a whole number S "
            "from 1 to 1000000");
    refused(DATA "model: {loss_weights: [0, 0]}\n",
            "run.yaml: model.loss_weights are all 0, so nothing would be learned");
}

static void test_duplicates(void **state)
{
    refused(DATA "train:\n  epochs: 1\n  batch: 100\n  epochs: 2\n",
            "run.yaml:6: epochs is set twice; it is in line 4 already");
    refused(DATA "train:\n  epochs: 1\ntrain:\n  epochs: 2\n",
            "run.yaml:5: train is set twice; it is in line 3 already");
}

static void test_broken_yaml(void **state)
{
    assert_true(load("data:\n  path: \"open\n") < 0);
    assert_non_null(strstr(err.text, "run.yaml:"));
    assert_true(load("data: [1\n") < 0);
    assert_true(load("\xff\xfe\xfd") < 0);
    assert_true(load("") < 0);
    assert_true(load("data: &a\n  path: *a\n") < 0);
}

static void test_overrides(void **state)
{
    const char *good[] = {"train.epochs=7", "eval.k=5,10", "model.loss_weights=[0.25, 0.75]", "train.epochs=9",
                          "data.path=a=b"};
    assert_int_equal(load_with(good, 5), 0);
    assert_int_equal(config.train.epochs, 9);
    assert_int_equal(config.eval.k_count, 2);
    assert_int_equal(config.eval.k[0], 5);
    assert_int_equal(config.model.loss_weights_count, 2);
    assert_true(config.model.loss_weights[1] == 0.75);
    assert_string_equal(config.data.path, "a=b");
    assert_int_equal(load_with(NULL, 0), 0);
    assert_int_equal(config.train.epochs, 3);

    override_refused("train.epochs", "--set train.epochs: write --set group.key=value");
    override_refused("=3", "--set =3: write --set group.key=value");
    override_refused("train.epoch=3", "--set train.epoch=3: train.epoch is not a key; did you mean train.epochs?");
    override_refused("train.epochs=x",
                     "--set train.epochs=x: train.epochs is 'x', but must be a whole number from 1 to 1000000");
    override_refused("eval.k=10 20", "--set eval.k=10 20: eval.k is '10 20', but must be an ascending list of 1 to 16 "
                                     "whole numbers from 1 to 1000000");
    override_refused("eval.k=1,,2", "--set eval.k=1,,2: eval.k is '1,,2', but must be an ascending list of 1 to 16 "
                                    "whole numbers from 1 to 1000000");
}

static void test_missing_file(void **state)
{
    assert_int_equal(ps_config_load(&config, "no/such/file.yaml", NULL, 0, &err), -PS_EXIT_DATA);
    assert_non_null(strstr(err.text, "no/such/file.yaml"));
}

/* Every key set to something else than its default survives writing and reading, bit for bit. */
static void test_round_trip(void **state)
{
    assert_int_equal(
        load("data: {path: 'a \"b\" \\ \xc3\xa9: #', shuffle_window: 0}\n"
             "model: {name: pop, embedding: 7, cascade: none, unit: code, layers: 3, "
             "loss_weights: [0.1, 0.2, 0.30000000000000004], loss: bpr, indicators: [-1, 2.5], indicators_popularity: [0.5], indicators_recency: [-0.5], "
             "indicators_least: 5, pretrained_gmf: a, "
             "pretrained_mlp: b, pretrained_share: 0, unobserved_weight: 0.25, dropout: 0.5, dropout_hidden: 0.25, hidden: 12, elu: 0.5, bpreg: 2, experts: 3, expert_width: 9, levels: 2, task_weighting: uncertainty, gate_dropout: 0.2, "
             "confidence: 1, cg_steps: 5, history: 9, features: [brand, film.genre], feature_pooling: mean, branch_updates: all, score: mlp, knowledge: joint, "
             "knowledge_weight: 2, knowledge_margin: 0.5, knowledge_epochs: 3, skip_gram_epochs: 4, skip_gram_window: 6, l2: 1.0e-7, init_scale: 0.1}\n"
             "train: {epochs: 1, batch: 99, negatives: 0, sampling: union, lanes: 1024, consistency: sync, "
              "negatives_from: level, popularity_exponent: 1, unobserved_share: 0.8, candidates: sampled, samples: 9, seed: 1, tile: 17, clip: 150, warm_start: r, warm_state: keep, tensorboard: false}\n"
             "optimizer: {name: sgd, lr: 0.1, momentum: 0.3, initial_accumulator: 0.1, beta1: 0, "
             "beta2: 0.98, epsilon: 3.3e-7, weight_decay: 16777217, decay: 0.3, decay_every: 2}\n"
             "early_stop: {metric: hr@7, patience: 0, every: 3}\n"
             "eval: {k: [3], mean: users, candidates: sampled, sampled: 9, mask: any, ties: conservative, users: 12, seed: 4, floors: false, "
             "lists: true, user_groups: [2, 6], bootstrap: 0, known_users: 8, known_items: 6}\n"
             "cluster: {servers: 3, transport: tcp, interface: '::1', port: 65535, security: curve, start_timeout: 0.1, "
             "worker_timeout: 5, member_timeout: 2, progress_timeout: 7, "
             "coordinator_timeout: 3600}\n"
             "coordinator: {metrics: '127.0.0.1:9464'}\n"
             "servers: {replicas: 1, admit_after: 3, evict_after: 4, memory: 5, wait: 7}\n"
             "net: {deadline: 1e-3, compression: none, values: fp16, shared_memory: false, io_threads: 2}\n"
             "checkpoint: {every: 9, steps: 7, minutes: 0.25, base: 3, keep: 1, memory: 5}\n"),
        0);
    struct ps_config defaults, again;
    char *text = ps_config_write(&config), *unset;
    assert_int_equal(ps_config_load_text(&again, text, "written", &err), 0);
    assert_memory_equal(&again, &config, sizeof config);

    /* Nothing was left at its default, so no key can have been forgotten above. */
    ps_config_init(&defaults);
    unset = ps_config_write(&defaults);
    char *line, *rest = text, *line_default, *rest_default = unset;
    while ((line = strsep(&rest, "\n")) && (line_default = strsep(&rest_default, "\n")))
        if (line[0] == ' ')
            assert_string_not_equal(line, line_default);
    free(text);
    free(unset);
}

/* Every name of every choice is accepted, means something of its own, and is written again as it was read. */
static void test_choices(void **state)
{
    int choices = 0;
    for (int i = 0; i < ps_config_schema.count; i++) {
        const struct ps_key *key = &ps_config_schema.key[i];
        for (const struct ps_choice *c = key->choices; key->type == PS_KEY_CHOICE && c->name; c++, choices++) {
            ps_config_init(&config);
            assert_int_equal(ps_key_parse(key, &c->name, 1, false, "test", &config, &err), 0);
            char *text = ps_key_print(key, &config);
            assert_string_equal(text, c->name);
            free(text);
            for (const struct ps_choice *other = key->choices; other < c; other++)
                assert_int_not_equal(other->value, c->value);
        }
    }
    assert_true(choices > 20);
}

static char *read_all(const char *path)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* conf/default.yaml and the table of the documentation are what the schema says, and the former sets what init sets. */
static void test_files_agree_with_schema(void **state)
{
    const char *root = getenv("PENSTOCK_ROOT");
    char path[4096];
    struct ps_config defaults;
    const char *data_path = "data.path=x";

    snprintf(path, sizeof path, "%s/conf/default.yaml", root ? root : ".");
    char *have = read_all(path), *want = ps_config_reference_yaml();
    assert_non_null(have);
    assert_string_equal(have, want);
    free(want);

    assert_int_equal(ps_config_load(&config, path, &data_path, 1, &err), 0);
    ps_config_init(&defaults);
    strcpy(defaults.data.path, "x");
    assert_memory_equal(&config, &defaults, sizeof config);

    snprintf(path, sizeof path, "%s/docs/configuration.md", root ? root : ".");
    have = read_all(path);
    want = ps_config_reference_table();
    assert_non_null(have);
    assert_non_null(strstr(have, want));
    free(want);
}

static void test_suggest(void **state)
{
    const char *words[] = {"train", "evaluate", "export", NULL};
    assert_int_equal(ps_suggest_distance("", "abc"), 3);
    assert_int_equal(ps_suggest_distance("train", "trian"), 1);
    assert_int_equal(ps_suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(ps_suggest_distance("same", "same"), 0);
    assert_string_equal(ps_suggest("tain", words), "train");
    assert_string_equal(ps_suggest("evalute", words), "evaluate");
    assert_null(ps_suggest("recommend", words));
    char long_word[300];
    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    assert_null(ps_suggest(long_word, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_impossible_values),
        cmocka_unit_test(test_values_against_each_other),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_broken_yaml),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_files_agree_with_schema),
        cmocka_unit_test(test_suggest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
