/* schema.c - the table of all configuration keys; see schema.h. */
#include "common/schema.h"

#include "common/wire.h"

#include <math.h>

#define CHOICES(...)                                                                                                   \
    (const struct ps_choice[])                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            NULL, 0                                                                                                    \
        }                                                                                                              \
    }
#define AT(field) .offset = offsetof(struct ps_config, field)
#define TEXT(field) .type = PS_KEY_TEXT, AT(field), .size = sizeof((struct ps_config *)0)->field
#define NAMES(field) .type = PS_KEY_NAMES, AT(field), .size = sizeof((struct ps_config *)0)->field
#define INT(field, from, to) .type = PS_KEY_INT, AT(field), .low = from, .high = to
#define COUNT(field) .type = PS_KEY_COUNT, AT(field), .low = 0, .high = 0x1p53
#define REAL(field) .type = PS_KEY_REAL, AT(field)
#define FLOAT(field) .type = PS_KEY_FLOAT, AT(field)
#define BOOL(field) .type = PS_KEY_BOOL, AT(field)
#define CHOICE(field, ...) .type = PS_KEY_CHOICE, AT(field), .choices = CHOICES(__VA_ARGS__)
#define LIST(kind, field, many, limit)                                                                                 \
    .type = kind, AT(field), .second = offsetof(struct ps_config, many), .size = limit
#define INDICATORS(term)                                                                                               \
    LIST(PS_KEY_REALS, model.indicators[term].weight, model.indicators[term].count, PS_MAX_LOSS_WEIGHTS - 1),          \
        .low = -1000, .high = 1000, .initial = "[]"
#define AT_LEAST_0 .low = 0, .high = INFINITY
#define ABOVE_0 .low = 0, .low_open = true, .high = INFINITY
#define FRACTION .low = 0, .high = 1, .high_open = true

static const struct ps_key keys[] = {
    {"data.path", TEXT(data.path), .initial = "\"\"",
     .doc = "Folder of the prepared dataset (`penstock prepare` makes it), relative to the working folder."},
    {"data.shuffle_window", COUNT(data.shuffle_window), .initial = "1048576",
     .doc = "Interactions that are shuffled together; 0 shuffles the whole dataset."},

    {"model.name", TEXT(model.name), .initial = "nmtr_neumf", .doc = "The recommender; `penstock models` lists them."},
    {"model.embedding", INT(model.embedding, 1, 4096), .initial = "64",
     .doc = "Floats of a user's or item's embedding."},
    {"model.cascade",
     CHOICE(model.cascade, {"prob", PS_CASCADE_PROB}, {"logit_avg", PS_CASCADE_LOGIT_AVG},
            {"logit_sum", PS_CASCADE_LOGIT_SUM}, {"none", PS_CASCADE_NONE}),
     .initial = "logit_avg", .doc = "What a behaviour's score takes over from the weaker behaviour before it."},
    {"model.unit", CHOICE(model.unit, {"default", PS_UNIT_DEFAULT}, {"paper", PS_UNIT_PAPER}, {"code", PS_UNIT_CODE}),
     .initial = "default",
     .doc = "Form of a behaviour's unit: the paper's, the authors' code's, or the model's default."},
    {"model.layers", INT(model.layers, 0, 8), .initial = "0",
     .doc = "Hidden layers of a behaviour's tower, or recurrent layers over a session; 0 is the model's own default."},
    {"model.loss_weights", LIST(PS_KEY_REALS, model.loss_weights, model.loss_weights_count, PS_MAX_LOSS_WEIGHTS),
     AT_LEAST_0, .initial = "[]",
     .doc = "Weight of each behaviour's loss, weakest behaviour first; of sessions, of the next item and then of each feedback. Empty gives all the same."},
    {"model.loss",
     CHOICE(model.loss, {"default", PS_LOSS_DEFAULT}, {"bce", PS_LOSS_BCE}, {"bpr", PS_LOSS_BPR},
            {"squared", PS_LOSS_SQUARED}, {"whole", PS_LOSS_WHOLE}, {"softmax", PS_LOSS_SOFTMAX}, {"both_terms", PS_LOSS_BOTH_TERMS},
            {"bpr_max", PS_LOSS_BPR_MAX}, {"top1", PS_LOSS_TOP1}, {"top1_max", PS_LOSS_TOP1_MAX}),
     .initial = "default",
     .doc = "Loss of a sample (bce: cross-entropy, squared), of a positive beside a negative (bpr), or of all pairs without sampling "
            "(whole, docs/models.md); of sessions, of a next item among train.candidates by softmax (softmax; both_terms: with the other "
            "items' terms beside its own) or by its rank (bpr, bpr_max, top1, top1_max). default is the model's own."},
    {"model.elu", REAL(model.elu), AT_LEAST_0, .initial = "1",
     .doc = "bpr_max: scores below 0 become this times (e^score - 1)."},
    {"model.bpreg", REAL(model.bpreg), AT_LEAST_0, .initial = "1",
     .doc = "bpr_max: weight of the squares of the other candidates' scores."},
    {"model.unobserved_weight", REAL(model.unobserved_weight), FRACTION, .initial = "0.05",
     .doc = "whole: weight of a pair without an interaction, where one with an interaction has 1."},
    {"model.dropout", REAL(model.dropout), FRACTION, .initial = "0",
     .doc = "Share of an embedding that is dropped in training (models of sessions); of a user's embedding under the whole loss, in "
            "expectation and without random numbers."},
    {"model.dropout_hidden", REAL(model.dropout_hidden), FRACTION, .initial = "0",
     .doc = "Share of what a session comes to (narm), or of every layer's states (recurrent models), that is dropped in training."},
    {"model.hidden", INT(model.hidden, 0, 4096), .initial = "0",
     .doc = "Columns of a recurrent state (narm, rib); 0 is the model's own default."},
    {"model.experts", INT(model.experts, 1, 64), .initial = "4",
     .doc = "gru_mmoe: experts that the tasks share; gru_ple: as many of each task's own and as many shared ones."},
    {"model.expert_width", INT(model.expert_width, 1, 4096), .initial = "128", .doc = "Several tasks: columns of an expert and of a tower's hidden layer."},
    {"model.levels", INT(model.levels, 1, 4), .initial = "1", .doc = "gru_ple: levels of experts, one over the other."},
    {"model.task_weighting", CHOICE(model.task_weighting, {"given", PS_TASKS_GIVEN}, {"uncertainty", PS_TASKS_UNCERTAINTY}), .initial = "given",
     .doc = "Several tasks: losses are weighted by model.loss_weights, or by their learned uncertainty (Kendall et al., CVPR 2018)."},
    {"model.gate_dropout", REAL(model.gate_dropout), FRACTION, .initial = "0.1",
     .doc = "gru_mmoe, gru_ple: how likely an expert is passed over by a gate in training."},
    {"model.confidence", REAL(model.confidence), AT_LEAST_0, .initial = "40",
     .doc = "wmf, wmf_als: an interaction weighs 1 + this, a pair without one 1."},
    {"model.cg_steps", INT(model.cg_steps, 1, 1000), .initial = "3",
     .doc = "wmf_als: steps of the conjugate gradient method for a row in a sweep."},
    {"model.history", INT(model.history, 1, 100000), .initial = "100",
     .doc = "Items of a user's history that are looked up under each behaviour, at most (mfpr)."},
    {"model.pretrained_gmf", TEXT(model.pretrained_gmf), .initial = "\"\"",
     .doc = "Folder of a trained gmf run that neumf begins with, beside:"},
    {"model.pretrained_mlp", TEXT(model.pretrained_mlp), .initial = "\"\"", .doc = "Folder of a trained mlp run."},
    {"model.pretrained_share", REAL(model.pretrained_share), .low = 0, .high = 1, .initial = "0.5",
     .doc = "Share of gmf in the last layer of a neumf that begins so."},
    {"model.indicators", INDICATORS(PS_INDICATOR_TOUCHED),
     .doc = "Added to the score of an item that the user has under a weaker behaviour, one number each, weakest first; `penstock "
            "indicators` learns them. Empty: nothing."},
    {"model.indicators_popularity", INDICATORS(PS_INDICATOR_POPULARITY),
     .doc = "Likewise, times the logarithm of how many users have the item under that behaviour."},
    {"model.indicators_recency", INDICATORS(PS_INDICATOR_RECENCY),
     .doc = "Likewise, times log(1 + hours) from then to the user's latest event."},
    {"model.indicators_least", REAL(model.indicators_least), .low = 1, .high = INFINITY, .initial = "20",
     .doc = "indicators_popularity: fewer users than these count as these, since small counts may leak what was held out."},
    {"model.features", NAMES(model.features), .initial = "[]",
     .doc = "Side features of the dataset whose embeddings are added to those of users and items (docs/models.md), or all."},
    {"model.feature_pooling", CHOICE(model.feature_pooling, {"sum", PS_POOLING_SUM}, {"mean", PS_POOLING_MEAN}), .initial = "sum",
     .doc = "What the values of a feature that a user or item has several of are added up to."},
    {"model.branch_updates",
     CHOICE(model.branch_updates, {"own", PS_BRANCHES_OWN}, {"all", PS_BRANCHES_ALL}), .initial = "own",
     .doc = "Samples that a weaker behaviour's branch learns from: pairs that have that behaviour, or all."},
    {"model.score", CHOICE(model.score, {"dot", PS_SCORE_DOT}, {"mlp", PS_SCORE_MLP}), .initial = "dot",
     .doc = "mkmsr and its ablations: an item's score is an inner product with the session, or a hidden layer over both."},
    {"model.knowledge",
     CHOICE(model.knowledge, {"none", PS_KNOWLEDGE_NONE}, {"alternating", PS_KNOWLEDGE_ALTERNATING}, {"joint", PS_KNOWLEDGE_JOINT},
            {"pretrain", PS_KNOWLEDGE_PRETRAIN}),
     .initial = "alternating",
     .doc = "mkmsr, km_sr: when the items' features are learned as triples: before the sessions of every epoch, with the sessions, in the "
            "first epochs alone, or never."},
    {"model.knowledge_weight", REAL(model.knowledge_weight), ABOVE_0, .initial = "0.001",
     .doc = "Weight of the mean over a micro-batch's triples, beside that over its next items."},
    {"model.knowledge_margin", REAL(model.knowledge_margin), AT_LEAST_0, .initial = "0",
     .doc = "By how much a triple is to be nearer than a corrupted one; 0: there are no corrupted ones."},
    {"model.knowledge_epochs", INT(model.knowledge_epochs, 1, 1000000), .initial = "10",
     .doc = "pretrain: epochs of triples alone, counted in train.epochs."},
    {"model.l2", REAL(model.l2), AT_LEAST_0, .initial = "0",
     .doc = "L2 penalty on the embeddings of a batch's users and items."},
    {"model.init_scale", REAL(model.init_scale), ABOVE_0, .initial = "0.01",
     .doc = "Standard deviation of the embeddings' initial values."},

    {"train.epochs", INT(train.epochs, 1, 1000000), .initial = "20", .doc = "Passes over the training data, at most."},
    {"train.batch", INT(train.batch, 1, 1 << 20), .initial = "4096",
     .doc = "Samples of a micro-batch, sampled negatives included."},
    {"train.negatives", INT(train.negatives, 0, 1000), .initial = "4", .doc = "Sampled negatives for each positive."},
    {"train.sampling",
     CHOICE(train.sampling, {"per_behaviour", PS_SAMPLING_PER_BEHAVIOUR}, {"union", PS_SAMPLING_UNION}),
     .initial = "per_behaviour",
     .doc = "Samples drawn for each behaviour by itself, or for all behaviours together as the authors' code does."},
    {"train.negatives_from",
     CHOICE(train.negatives_from, {"default", PS_NEGATIVES_DEFAULT}, {"uniform", PS_NEGATIVES_UNIFORM},
            {"popularity", PS_NEGATIVES_POPULARITY}, {"level", PS_NEGATIVES_LEVEL}, {"supportive", PS_NEGATIVES_SUPPORTIVE}),
     .initial = "default",
     .doc = "Items that negatives are drawn from (docs/models.md): untouched ones (uniform, popularity), or also those touched under weaker "
            "behaviours (level, supportive); default is the model's own."},
    {"train.popularity_exponent", REAL(train.popularity_exponent), AT_LEAST_0, .initial = "0.75",
     .doc = "popularity: items are drawn in proportion to this power of their counts."},
    {"train.unobserved_share", REAL(train.unobserved_share), .low = 0, .high = 1, .initial = "0.2",
     .doc = "level: share of the negatives that the user has not touched at all."},
    {"train.candidates", CHOICE(train.candidates, {"all", PS_TRAIN_ALL}, {"sampled", PS_TRAIN_SAMPLED}), .initial = "all",
     .doc = "Sessions: what a next item competes with: all items, or the micro-batch's next items and train.samples drawn ones."},
    {"train.samples", INT(train.samples, 1, 1048576), .initial = "2048",
     .doc = "Sessions, sampled candidates: items drawn for a micro-batch, in proportion to a power of their counts "
            "(train.popularity_exponent)."},
    {"train.lanes", INT(train.lanes, 1, PS_MAX_LANES), .initial = "64",
     .doc = "Streams that an epoch is cut into; bounds the number of workers. `sync` wants few (8 to 16)."},
    {"train.consistency", .type = PS_KEY_CONSISTENCY, AT(train.consistency), .initial = "async",
     .doc = "async: a push is applied when it arrives. bounded:S: that, and no rows miss a push of more than S steps ago. sync: all lanes "
            "step together, reproducible bit for bit."},
    {"train.seed", COUNT(train.seed), .initial = "2026", .doc = "Names every random choice of the run."},
    {"train.tile", INT(train.tile, 1, 1 << 20), .initial = "1024",
     .doc = "Samples that go through forward and backward together; sized to stay in the cache."},
    {"train.warm_start", TEXT(train.warm_start), .initial = "\"\"",
     .doc = "Folder of a run of the same model on earlier data with the same ids (`prepare --dictionary`): training begins with its best checkpoint, "
            "new users and items with initial values."},
    {"train.warm_state", CHOICE(train.warm_state, {"reset", PS_WARM_RESET}, {"keep", PS_WARM_KEEP}), .initial = "reset",
     .doc = "What a warm start makes of the optimiser's state: it begins anew, or is taken over with the rows (not with adam_dense)."},

    {"optimizer.name",
     CHOICE(optimizer.kind, {"sgd", PS_OPT_SGD}, {"momentum", PS_OPT_MOMENTUM}, {"adagrad", PS_OPT_ADAGRAD},
            {"adagrad_row", PS_OPT_ADAGRAD_ROW}, {"adagrad_momentum", PS_OPT_ADAGRAD_MOMENTUM},
            {"adam", PS_OPT_ADAM}, {"adam_dense", PS_OPT_ADAM_DENSE}),
     .initial = "adagrad", .doc = "Optimiser of all rows; it lives on the servers."},
    {"optimizer.lr", FLOAT(optimizer.lr), ABOVE_0, .initial = "0.05", .doc = "Learning rate."},
    {"optimizer.momentum", FLOAT(optimizer.momentum), FRACTION, .initial = "0.9",
     .doc = "Decay of momentum's average."},
    {"optimizer.initial_accumulator", FLOAT(optimizer.initial_accumulator), ABOVE_0, .initial = "1e-8",
     .doc = "What Adagrad's sums of squares start at."},
    {"optimizer.beta1", FLOAT(optimizer.beta1), FRACTION, .initial = "0.9", .doc = "Adam's decay of the mean."},
    {"optimizer.beta2", FLOAT(optimizer.beta2), FRACTION, .initial = "0.999",
     .doc = "Adam's decay of the mean square."},
    {"optimizer.epsilon", FLOAT(optimizer.epsilon), ABOVE_0, .initial = "1e-8",
     .doc = "Adam's guard against division by 0; adagrad_momentum adds it to the sums of squares (GRU4Rec: 1e-6)."},
    {"optimizer.weight_decay", FLOAT(optimizer.weight_decay), AT_LEAST_0, .initial = "0",
     .doc = "Added to a row's gradient, times the row, whenever the row is updated."},
    {"optimizer.decay", FLOAT(optimizer.decay), .low = 0, .low_open = true, .high = 1, .initial = "1",
     .doc = "The learning rate is multiplied by this whenever so many epochs are over:"},
    {"optimizer.decay_every", INT(optimizer.decay_every, 1, 1000000), .initial = "1",
     .doc = "Epochs from one decay of the learning rate to the next."},

    {"early_stop.metric", .type = PS_KEY_METRIC, AT(early_stop.metric),
     .second = offsetof(struct ps_config, early_stop.k), .initial = "ndcg@10",
     .doc = "Validation metric that chooses the best epoch."},
    {"early_stop.patience", INT(early_stop.patience, 0, 1000000), .initial = "5",
     .doc = "Validations without progress after which training ends; 0 never ends early."},
    {"early_stop.every", INT(early_stop.every, 1, 1000000), .initial = "1", .doc = "Epochs between validations."},

    {"eval.k", LIST(PS_KEY_INTS, eval.k, eval.k_count, PS_MAX_K), .least = 1, .low = 1, .high = 1000000,
     .initial = "[10, 20, 50, 80, 100, 200]", .doc = "Lengths of the lists that HR@K, NDCG@K and the others look at, ascending."},
    {"eval.mean", CHOICE(eval.mean, {"targets", PS_MEAN_TARGETS}, {"users", PS_MEAN_USERS}), .initial = "targets",
     .doc = "What metrics are means over: held-out targets, each ranked by itself, or users, all targets of one ranked together."},
    {"eval.candidates", CHOICE(eval.candidates, {"all", PS_CANDIDATES_ALL}, {"sampled", PS_CANDIDATES_SAMPLED}),
     .initial = "all", .doc = "What a target is ranked among: all items, or a few that are drawn for its user."},
    {"eval.sampled", INT(eval.sampled, 1, 100000), .initial = "99",
     .doc = "Items that are drawn for a user where eval.candidates is sampled; the targets are candidates beside them."},
    {"eval.mask",
     CHOICE(eval.mask, {"auto", PS_MASK_AUTO}, {"none", PS_MASK_NONE}, {"target", PS_MASK_TARGET}, {"any", PS_MASK_ANY}),
     .initial = "auto",
     .doc = "Items that are no candidates: those the user has under the target behaviour, under any, or none. auto: target among "
            "all items, any among sampled ones."},
    {"eval.ties",
     CHOICE(eval.ties, {"standard", PS_TIES_STANDARD}, {"expected", PS_TIES_EXPECTED},
            {"conservative", PS_TIES_CONSERVATIVE}),
     .initial = "expected",
     .doc = "Equal scores rank behind the target, half before and half behind it, or before it."},
    {"eval.users", COUNT(eval.users), .initial = "0",
     .doc = "Ranks a fixed sample of this many targets, or users where eval.mean is users; 0 ranks all."},
    {"eval.seed", COUNT(eval.seed), .initial = "2026",
     .doc = "Names the draws of eval.users, eval.sampled and eval.bootstrap; leave it alone in runs that are to be compared."},
    {"eval.floors", BOOL(eval.floors), .initial = "true",
     .doc = "Rank the rules (popularity, carted first) too, and print them beside the model."},
    {"eval.lists", BOOL(eval.lists), .initial = "false",
     .doc = "Look at every user's best items too, for coverage@K and novelty@K."},
    {"eval.user_groups", LIST(PS_KEY_INTS, eval.user_groups, eval.user_groups_count, PS_MAX_BOUNDS), .low = 1, .high = 1000000,
     .initial = "[5, 9, 13, 17, 20]",
     .doc = "Users are grouped by how many items they have in training under the target behaviour; a group begins at each of these."},
    {"eval.bootstrap", INT(eval.bootstrap, 0, 1000000), .initial = "1000",
     .doc = "Resamples of users behind the 95 % intervals of a report; 0 gives none."},
    {"eval.known_users", COUNT(eval.known_users), .initial = "0",
     .doc = "Users from this id on are new to the model, and have the popular items; 0: none is. Commands that read a checkpoint set it."},
    {"eval.known_items", COUNT(eval.known_items), .initial = "0",
     .doc = "Items from this id on are new to the model: they rank behind all others, and are in no list; 0: none is. Set like the one before."},

    {"cluster.servers", INT(cluster.servers, 0, PS_MAX_SHARDS), .initial = "0",
     .doc = "Servers among the ranks; 0 is a sensible share of them."},
    {"cluster.transport",
     CHOICE(cluster.transport, {"auto", PS_TRANSPORT_AUTO}, {"inproc", PS_TRANSPORT_INPROC}, {"ipc", PS_TRANSPORT_IPC},
            {"tcp", PS_TRANSPORT_TCP}),
     .initial = "auto", .doc = "auto: inproc in one process, ipc on one host, tcp between hosts."},
    {"cluster.interface", TEXT(cluster.interface), .initial = "127.0.0.1",
     .doc = "Address, or name of the network interface, that servers and the coordinator bind to; the loopback unless told."},
    {"cluster.port", INT(cluster.port, 0, 65535), .initial = "0", .doc = "The coordinator's port; 0 is any free one."},
    {"cluster.security", CHOICE(cluster.security, {"none", PS_SECURITY_NONE}, {"curve", PS_SECURITY_CURVE}), .initial = "none",
     .doc = "curve: sockets encrypt, and let in only who has the keys of the run; at about a tenth of the bandwidth."},
    {"cluster.start_timeout", REAL(cluster.start_timeout), ABOVE_0, .initial = "60",
     .doc = "Seconds that the coordinator waits for all members at the start."},
    {"cluster.worker_timeout", REAL(cluster.worker_timeout), ABOVE_0, .initial = "60",
     .doc = "Seconds that a run without any worker, the last one having left or died, waits for another."},
    {"cluster.member_timeout", REAL(cluster.member_timeout), .low = 0.5, .high = INFINITY, .initial = "5",
     .doc = "Seconds without a beat, over a connection that lives, after which a member is taken for dead; more where its beats come late."},
    {"cluster.progress_timeout", REAL(cluster.progress_timeout), ABOVE_0, .initial = "60",
     .doc = "Seconds for which a member with work may send beats and stand still; then it is taken for stuck."},
    {"cluster.coordinator_timeout", REAL(cluster.coordinator_timeout), ABOVE_0, .initial = "60",
     .doc = "Seconds without the coordinator after which a member ends."},

    {"servers.replicas", INT(servers.replicas, 0, 1), .initial = "0",
     .doc = "Copies of a server's rows on another one, which goes on at once when it dies; 0: the run goes back to the last checkpoint."},
    {"servers.wait", REAL(servers.wait), AT_LEAST_0, .initial = "5",
     .doc = "Seconds that the run waits for another server when one is lost, before the others take over its slots."},

    {"net.deadline", REAL(net.deadline), ABOVE_0, .initial = "30",
     .doc = "Seconds after which an unanswered request is reported."},
    {"net.compression",
     CHOICE(net.compression, {"auto", PS_COMPRESSION_AUTO}, {"lz4", PS_COMPRESSION_LZ4}, {"none", PS_COMPRESSION_NONE}),
     .initial = "auto", .doc = "LZ4 around values. auto: none, since embeddings do not shrink by it; keys are packed anyway."},
    {"net.values", CHOICE(net.values, {"fp32", PS_CODEC_PLAIN}, {"fp16", PS_CODEC_FP16}, {"bf16", PS_CODEC_BF16}),
     .initial = "fp32", .doc = "Form of rows and gradients on the wire; a setting of the run, never of a link."},
    {"net.shared_memory", BOOL(net.shared_memory), .initial = "true",
     .doc = "Over ipc, rows and gradients pass through memory that worker and server share; results are the same."},
    {"net.io_threads", INT(net.io_threads, 1, 64), .initial = "1", .doc = "ZeroMQ's I/O threads of a process."},

    {"checkpoint.every", INT(checkpoint.every, 1, 1000000), .initial = "1", .doc = "Epochs between checkpoints."},
    {"checkpoint.steps", COUNT(checkpoint.steps), .initial = "0",
     .doc = "Optimiser steps between checkpoints within an epoch (`async`: micro-batches); 0 makes none for this reason."},
    {"checkpoint.minutes", REAL(checkpoint.minutes), AT_LEAST_0, .initial = "10",
     .doc = "Minutes between checkpoints within an epoch; 0 makes none for this reason."},
    {"checkpoint.base", INT(checkpoint.base, 1, 100), .initial = "1",
     .doc = "Every how many checkpoints one holds all rows; those between hold the rows that have changed."},
    {"checkpoint.keep", INT(checkpoint.keep, 1, 1000), .initial = "2",
     .doc = "Latest checkpoints that are kept, beside the best one."},
    {"checkpoint.memory", INT(checkpoint.memory, 1, 1 << 20), .initial = "64",
     .doc = "MiB that a server may use to keep rows that change before they are written; then changes wait for the writer."},
};
const struct ps_schema ps_config_schema = {keys, PS_COUNT(keys), "penstock config"};
_Static_assert(PS_COUNT(keys) < PS_KEY_LIMIT, "PS_KEY_LIMIT is too small");
