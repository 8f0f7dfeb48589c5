/* config.h - a run's configuration: every key of conf/default.yaml as a typed field.
 *
 * The schema in config.c is the only source of truth: a key's type, its default, what is allowed and its one line of
 * documentation stand there once, and loading, writing, the reference and the suggestions for a typing mistake all come
 * from it. struct ps_config holds no pointers: it is a plain value that may be copied and needs no freeing.
 */
#ifndef PS_COMMON_CONFIG_H
#define PS_COMMON_CONFIG_H

#include "common/base.h"
#include "common/table.h"

enum { PS_MAX_LOSS_WEIGHTS = 9, PS_MAX_K = 16, PS_MAX_BOUNDS = 8, PS_TOP_MAX = 1000, PS_CONFIG_PATH = 4096, PS_CONFIG_NAMES = 1024 };

enum ps_cascade { PS_CASCADE_PROB, PS_CASCADE_LOGIT_AVG, PS_CASCADE_LOGIT_SUM, PS_CASCADE_NONE };
enum ps_unit { PS_UNIT_DEFAULT, PS_UNIT_PAPER, PS_UNIT_CODE };
enum ps_sampling { PS_SAMPLING_PER_BEHAVIOUR, PS_SAMPLING_UNION };
enum ps_negatives {
    PS_NEGATIVES_DEFAULT,
    PS_NEGATIVES_UNIFORM,
    PS_NEGATIVES_POPULARITY,
    PS_NEGATIVES_LEVEL,
    PS_NEGATIVES_SUPPORTIVE
};
enum ps_task_weighting { PS_TASKS_GIVEN, PS_TASKS_UNCERTAINTY };
enum ps_train_candidates { PS_TRAIN_ALL, PS_TRAIN_SAMPLED };
enum ps_objective {
    PS_LOSS_DEFAULT,
    PS_LOSS_BCE,
    PS_LOSS_BPR,
    PS_LOSS_SQUARED,
    PS_LOSS_WHOLE,
    PS_LOSS_SOFTMAX, /* from here on of sessions, which BPR may be of, too */
    PS_LOSS_BOTH_TERMS,
    PS_LOSS_BPR_MAX,
    PS_LOSS_TOP1,
    PS_LOSS_TOP1_MAX
};
enum ps_score { PS_SCORE_DOT, PS_SCORE_MLP };
enum ps_knowledge { PS_KNOWLEDGE_NONE, PS_KNOWLEDGE_ALTERNATING, PS_KNOWLEDGE_JOINT, PS_KNOWLEDGE_PRETRAIN };
enum ps_pooling { PS_POOLING_SUM, PS_POOLING_MEAN };
enum ps_branch_updates { PS_BRANCHES_OWN, PS_BRANCHES_ALL };
enum ps_indicator { PS_INDICATOR_TOUCHED, PS_INDICATOR_POPULARITY, PS_INDICATOR_RECENCY, PS_INDICATOR_TERMS };
enum ps_mask { PS_MASK_NONE, PS_MASK_TARGET, PS_MASK_ANY, PS_MASK_AUTO };
enum ps_candidates { PS_CANDIDATES_ALL, PS_CANDIDATES_SAMPLED };
enum ps_mean { PS_MEAN_TARGETS, PS_MEAN_USERS };
enum ps_ties { PS_TIES_STANDARD, PS_TIES_EXPECTED, PS_TIES_CONSERVATIVE };
enum ps_transport { PS_TRANSPORT_AUTO, PS_TRANSPORT_INPROC, PS_TRANSPORT_IPC, PS_TRANSPORT_TCP };
enum ps_security { PS_SECURITY_NONE, PS_SECURITY_CURVE };
enum ps_compression { PS_COMPRESSION_AUTO, PS_COMPRESSION_LZ4, PS_COMPRESSION_NONE };
enum ps_metric { PS_METRIC_HR, PS_METRIC_NDCG, PS_METRIC_MRR }; /* as the first of enum ps_measure */
enum ps_warm_state { PS_WARM_RESET, PS_WARM_KEEP };

/* train.consistency as one number: bounded staleness s is PS_BOUNDED + s. */
enum ps_consistency { PS_ASYNC = 0, PS_SYNC = 1, PS_BOUNDED = 2 };

struct ps_config {
    struct {
        char path[PS_CONFIG_PATH]; /* folder of the prepared dataset; relative to the working folder */
        uint64_t shuffle_window;   /* interactions shuffled together; 0 = the whole dataset */
    } data;
    struct {
        char name[PS_NAME_SIZE]; /* a name of the models' registry; not checked here */
        int embedding;
        enum ps_cascade cascade;
        enum ps_unit unit;
        int layers;                               /* hidden layers of a tower; 0 = the model's own default */
        double loss_weights[PS_MAX_LOSS_WEIGHTS]; /* weakest behaviour first */
        int loss_weights_count; /* 0 = equal weights; checked against the dataset's behaviours there */
        enum ps_objective loss;
        enum ps_branch_updates branch_updates;
        enum ps_score score;
        enum ps_knowledge knowledge; /* when models that take knowledge learn the items' triples, */
        double knowledge_weight, knowledge_margin;
        int knowledge_epochs; /* and of pretrain, for how long */
        int skip_gram_epochs, skip_gram_window;
        int history;       /* items of a user's history under each behaviour, at most */
        char pretrained_gmf[PS_CONFIG_PATH], pretrained_mlp[PS_CONFIG_PATH]; /* folders of runs; relative to the working folder */
        double pretrained_share;
        struct {
            double weight[PS_MAX_LOSS_WEIGHTS - 1]; /* of each weaker behaviour */
            int count;
        } indicators[PS_INDICATOR_TERMS];
        double indicators_least; /* users that an item counts as having, at least */
        double confidence; /* WMF's alpha */
        int cg_steps;      /* conjugate gradient steps for a row */
        double unobserved_weight; /* of the whole-data loss */
        double dropout, dropout_hidden;
        int hidden; /* columns of a recurrent state; 0 = the model's own default */
        double elu, bpreg; /* of BPR-max */
        int experts, expert_width, levels; /* of models with several tasks */
        enum ps_task_weighting task_weighting;
        double gate_dropout;
        char features[PS_CONFIG_NAMES];    /* names with commas between them; checked against the dataset's features there */
        enum ps_pooling feature_pooling;
        double l2;
        double init_scale;
    } model;
    struct {
        int epochs;
        int batch;     /* samples of a micro-batch, negatives included */
        int negatives; /* per positive sample */
        enum ps_sampling sampling;
        enum ps_negatives negatives_from;
        double popularity_exponent, unobserved_share;
        enum ps_train_candidates candidates;
        int samples; /* drawn for a micro-batch of sessions */
        int lanes;
        int consistency; /* PS_ASYNC, PS_SYNC or PS_BOUNDED + s */
        uint64_t seed;
        int tile; /* samples that go through forward and backward together */
        double clip; /* largest norm of a table's gradient in a micro-batch; 0 = any */
        char warm_start[PS_CONFIG_PATH]; /* folder of a run; relative to the working folder */
        enum ps_warm_state warm_state;
        bool tensorboard;
    } train;
    struct ps_optimizer_spec optimizer; /* as the servers take it; optimizer.name is its kind */
    struct {
        enum ps_metric metric;
        int k;
        int patience; /* validations without progress; 0 = off */
        int every;    /* epochs between validations */
    } early_stop;
    struct {
        int k[PS_MAX_K]; /* strictly ascending */
        int k_count;
        enum ps_mask mask; /* as it was written: ps_eval_mask says what it comes to */
        enum ps_candidates candidates;
        int sampled; /* candidates drawn for a user */
        enum ps_ties ties;
        enum ps_mean mean;
        uint64_t users; /* 0 = all; else a fixed seeded sample of this size */
        uint64_t seed;
        bool floors;
        bool lists;                    /* coverage and novelty: k[] is at most PS_TOP_MAX then */
        int user_groups[PS_MAX_BOUNDS]; /* strictly ascending */
        int user_groups_count;
        int bootstrap; /* resamples; 0 = no intervals */
        uint64_t known_users, known_items; /* ids below these were known to the model; 0 = all are */
    } eval;
    struct {
        int servers; /* 0 = a sensible share of the ranks */
        enum ps_transport transport;
        char interface[256];        /* address that servers and the coordinator bind to */
        int port;                   /* 0 = any free one */
        enum ps_security security;
        double start_timeout;       /* seconds */
        double worker_timeout;      /* seconds without any worker */
        double member_timeout;      /* seconds without a beat */
        double progress_timeout;    /* seconds of standing still */
        double coordinator_timeout; /* seconds */
    } cluster;
    struct {
        char metrics[256]; /* HOST:PORT; "": nowhere */
    } coordinator;
    struct {
        int replicas; /* of each shard, beside its primary */
        int admit_after, evict_after; /* micro-batches of an epoch; epochs. 0: at once, never */
        uint64_t memory; /* MiB of rows of ids on a server, at most; 0: any */
        double wait;  /* seconds */
    } servers;
    struct {
        double deadline; /* seconds */
        enum ps_compression compression;
        int values; /* enum ps_codec: PS_CODEC_PLAIN, PS_CODEC_FP16 or PS_CODEC_BF16 */
        bool shared_memory;
        int io_threads;
    } net;
    struct {
        int every;      /* epochs */
        uint64_t steps; /* 0 = none within an epoch for this reason */
        double minutes; /* likewise */
        int base;       /* every how many a full one */
        int keep;       /* beside the best one */
        int memory;     /* MiB of rows kept by a server */
    } checkpoint;
};

/* All defaults. data.path is empty, which only ps_config_load and ps_config_load_text refuse. */
void ps_config_init(struct ps_config *config);

/* Defaults, then the file, then `count` overrides "key=value" (the last of several for one key wins), then the checks
 * that need more than one key. *config is set on success only. Errors have PS_EXIT_USAGE and name file and line (or the
 * override), the key and what is allowed; a file that cannot be read has PS_EXIT_DATA. */
int ps_config_load(struct ps_config *config, const char *path, const char *const *overrides, int count,
                   struct ps_error *err);
/* The same from memory, for a configuration that came over the wire; `name` stands for the file in errors. */
int ps_config_load_text(struct ps_config *config, const char *text, const char *name, struct ps_error *err);

/* Sets the key `path` from a value of a tree that is no configuration itself; the error says "NAME:LINE: ". On failure nothing is set. */
struct ps_yaml;
int ps_config_put(struct ps_config *config, const char *name, const char *path, const struct ps_yaml *value, struct ps_error *err);
/* Sets one key by "group.key=value"; on failure nothing is set. */
int ps_config_set(struct ps_config *config, const char *override, struct ps_error *err);

/* Whether ids come and go: they are admitted, evicted, or limited in memory. */
bool ps_config_lives(const struct ps_config *config);

/* The mask in force, which is never PS_MASK_AUTO: its default depends on eval.candidates. */
enum ps_mask ps_eval_mask(const struct ps_config *config);

/* The effective configuration, every key of it, as YAML; reading it back gives the same struct bit for bit. The caller
 * frees the text. */
char *ps_config_write(const struct ps_config *config);

/* Two descriptions of all keys: conf/default.yaml itself, and the table in docs/configuration.md. The caller frees. */
char *ps_config_reference_yaml(void);
char *ps_config_reference_table(void);

#endif
