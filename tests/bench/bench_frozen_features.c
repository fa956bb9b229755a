/* SPDX-License-Identifier: MIT */
/* bench_frozen_features.c: an epoch of a frozen DistilBERT with and without features computed once.
 *
 *     build/tests/bench/bench_frozen_features [--rows FILE | --tokens N] [--texts N] ...
 *
 * DistilBERT of 768 channels with random weights, the head trained, onednn, batches of 32, no
 * validation. Texts: the first of the train split of FILE (bench_rows.h), else random ids.
 *
 * --texts N    200    --tokens N   128 each    --layers N  6    --threads N  1
 * --epochs N   3      --dtype NAME  f32 or bf16
 *
 * Prints one JSON object: seconds of the second epoch each way, the seconds that computing and
 * reading the features take, and run_s (run_cpu_s of processor time): a whole run of so many
 * epochs, from texts to the last update, features computed in it; run_again_s: found in the cache.
 * peer_frozen.py does the same run in PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench_rows.h"
#include "plugin/plugin.h"
#include "train/engine.h"
#include "train/frozen_features.h"

enum { VOCABULARY = 30522 };

static as_arena *arena;
static assay_error error;

static void require(assay_status status) {
    if (status == ASSAY_OK)
        return;
    fprintf(stderr, "%s: %s\n", error.where, error.text);
    exit(1);
}

typedef struct arguments {
    const char *rows, *dtype;
    int32_t texts, tokens, layers, threads, epochs;
} arguments;

static int parse(int argc, char **argv, arguments *a) {
    *a = (arguments){NULL, "f32", 200, 128, 6, 1, 3};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        int32_t *number = strcmp(name, "--texts") == 0     ? &a->texts
                          : strcmp(name, "--tokens") == 0  ? &a->tokens
                          : strcmp(name, "--layers") == 0  ? &a->layers
                          : strcmp(name, "--threads") == 0 ? &a->threads
                          : strcmp(name, "--epochs") == 0  ? &a->epochs
                                                           : NULL;
        if (number)
            *number = atoi(argv[i + 1]);
        else if (strcmp(name, "--rows") == 0)
            a->rows = argv[i + 1];
        else if (strcmp(name, "--dtype") == 0)
            a->dtype = argv[i + 1];
        else
            return 0;
    }
    return argc % 2 == 1 && a->texts >= 1 && a->tokens >= 1 && a->tokens <= 512 && a->layers >= 1 &&
           a->threads >= 1 && a->epochs >= 2;
}

/* Of the train split. */
static as_prepared take_texts(const arguments *a, bench_rows *rows) {
    as_prepared data;
    rows->arena = arena;
    memset(&data, 0, sizeof data);
    if (!(a->rows ? bench_read_rows(rows, a->rows)
                  : bench_make_rows(rows, (uint32_t)a->texts, a->tokens, VOCABULARY)))
        exit(1);
    data.splits[AS_SPLIT_TRAIN] = bench_split_of(rows, AS_SPLIT_TRAIN, (uint32_t)a->texts);
    data.n_labels = 2;
    data.max_tokens = data.splits[AS_SPLIT_TRAIN].longest;
    if (data.splits[AS_SPLIT_TRAIN].n_rows == 0 || rows->max_id >= VOCABULARY ||
        rows->max_label > 1) {
        fprintf(stderr, "expected train rows of two classes with ids below %d\n", VOCABULARY);
        exit(1);
    }
    return data;
}

typedef struct epoch_times {
    double second, all; /* seconds of the second epoch, and of the whole run */
} epoch_times;

static epoch_times time_epochs(const as_trainee *trainee, const as_prepared *data, int32_t epochs) {
    as_train_config config = {.update = {.struct_size = sizeof(assay_update_config),
                                         .optimizer = ASSAY_OPTIMIZER_ADAM,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .epsilon = 1e-8,
                                         .clip_norm = 1},
                              .learning_rate = 1e-3,
                              .batch = 32,
                              .epochs = epochs};
    as_train_job job = {.trainee = trainee, .data = data, .config = &config, .seed = 1};
    as_train_result result;
    require(as_train_run(arena, &job, &result, &error));
    return (epoch_times){result.epochs[1].seconds, result.seconds};
}

typedef struct whole_model {
    as_plugin backend;
    as_phases *phases;
    as_engine *engine;
    as_trainee *trainee;
} whole_model;

static whole_model open_model(const arguments *a, int32_t length) {
    static const as_strategy freeze = {
        .kind = AS_STRATEGY_FREEZE, .every = 1, .lr_decay = 1, .cache_features = true};
    static const as_graph_options options = {.with_gradient = 1};
    static assay_model_config config;
    const as_option_value layers = {"layers", AS_OPTION_NUMBER, a->layers, NULL};
    int32_t dtype = strcmp(a->dtype, "bf16") == 0 ? ASSAY_DTYPE_BF16 : ASSAY_DTYPE_F32;
    as_engine_config engine = {NULL, dtype, a->threads, 32, length, 0};
    as_plugin plugin;
    whole_model m;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    const assay_graph *graph = NULL;
    void *filled = NULL;
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "distilbert", &plugin, &error));
    require(as_plugin_model(&plugin, &model, &opaque, &error));
    require(as_options_fill(arena, plugin.descriptor, &layers, 1, "bench", &filled, &error));
    config = (assay_model_config){
        (uint32_t)sizeof config, 2, VOCABULARY, length, filled, 1, a->threads, 0};
    const as_phases_config phases = {model, &config, &options, &freeze, 2};
    require(as_phases_new(&phases, &m.phases, &error));
    require(as_phases_graph(m.phases, 1, &graph, &error));
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "onednn", &m.backend, &error));
    require(as_plugin_backend(&m.backend, &engine.backend, &error));
    require(as_engine_new(&engine, graph, &m.engine, &error));
    require(as_engine_init_parameters(m.engine, 1, &error));
    require(as_trainee_new_phased(m.engine, m.phases, &m.trainee, &error));
    return m;
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/assay-bench-XXXXXX";
    arguments a;
    bench_rows rows = {0};
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "usage: bench_frozen_features [--rows FILE | --tokens N] [--texts N] "
                        "[--layers N] [--threads N] [--epochs N] [--dtype NAME]\n");
        return 64;
    }
    if (!mkdtemp(folder))
        return 1;
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    setenv("ASSAY_PLUGIN_PATH", BENCH_PLUGIN_PATH, 0);
    as_prepared data = take_texts(&a, &rows);
    whole_model m = open_model(&a, data.max_tokens);
    as_features_told told[2];
    double run[2];
    clock_t cpu = 0;
    epoch_times whole = time_epochs(m.trainee, &data, 2), cached = {0, 0};
    const as_features_config config = {.engine = m.engine,
                                       .phases = m.phases,
                                       .data = &data,
                                       .backend = &m.backend,
                                       .batch_rows = 32,
                                       .cache_folder = folder};
    for (int again = 0; again < 2; again++) { /* the second time the features are found there */
        as_features *features = NULL;
        int64_t start_ns = as_clock_ns();
        clock_t start = clock();
        require(as_features_open(&config, &features, &error));
        told[again] = as_features_tell(features);
        cached =
            time_epochs(as_features_trainee(features), as_features_prepared(features), a.epochs);
        as_features_free(features);
        run[again] = (double)(as_clock_ns() - start_ns) * 1e-9;
        cpu = again ? cpu : clock() - start;
    }
    const as_split_rows *train = &data.splits[AS_SPLIT_TRAIN];
    printf("{\"texts\": %u, \"tokens\": %llu, \"layers\": %d, \"threads\": %d, \"dtype\": \"%s\", "
           "\"epochs\": %d, \"epoch_whole_s\": %.4f, \"epoch_cached_s\": %.6f, \"ratio\": %.1f, "
           "\"compute_s\": %.3f, \"read_s\": %.3f, \"run_s\": %.3f, \"run_cpu_s\": %.3f, "
           "\"run_again_s\": %.4f, \"feature_bytes\": %llu}\n",
           train->n_rows, (unsigned long long)train->n_tokens, a.layers, a.threads, a.dtype,
           a.epochs, whole.second, cached.second, whole.second / cached.second, told[0].seconds,
           told[1].seconds, run[0], (double)cpu / CLOCKS_PER_SEC, run[1],
           (unsigned long long)told[0].bytes);
    as_trainee_free(m.trainee);
    as_engine_free(m.engine);
    as_phases_free(m.phases);
    bench_rows_free(&rows);
    as_arena_free(arena);
    return as_remove_folder(folder, NULL) != ASSAY_OK;
}
