/* SPDX-License-Identifier: MIT */
/* bench_frozen_features.c: an epoch of a frozen DistilBERT with and without features computed once.
 *
 *     build/tests/bench/bench_frozen_features [TEXTS [TOKENS [LAYERS [THREADS]]]]
 *
 * DistilBERT of 768 channels with random weights, 200 texts of 128 tokens, the head trained,
 * onednn, two threads, batches of 32; no validation. Prints one JSON object: seconds of the second
 * of two epochs each way, the seconds that computing and reading the features take, the sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "plugin/plugin.h"
#include "train/engine.h"
#include "train/frozen_features.h"

static as_arena *arena;
static assay_error error;

static void require(assay_status status) {
    if (status == ASSAY_OK)
        return;
    fprintf(stderr, "%s: %s\n", error.where, error.text);
    exit(1);
}

static as_prepared make_texts(uint32_t n, int32_t length) {
    as_prepared data;
    as_random random = as_random_init(1, as_hash64("bench_frozen_features"));
    as_row *rows = as_arena_alloc_array(arena, n, sizeof *rows);
    memset(&data, 0, sizeof data);
    for (uint32_t i = 0; i < n; i++) {
        int32_t *ids = as_arena_alloc_array(arena, (size_t)length, sizeof *ids);
        for (int32_t t = 0; t < length; t++)
            ids[t] = (int32_t)as_random_below(&random, 30522);
        rows[i] = (as_row){.text = "",
                           .name = "",
                           .ids = ids,
                           .n_ids = length,
                           .label = (int32_t)(i % 2),
                           .index = i};
    }
    data.splits[AS_SPLIT_TRAIN] = (as_split_rows){.split = AS_SPLIT_TRAIN,
                                                  .n_rows = n,
                                                  .rows = rows,
                                                  .n_tokens = (uint64_t)n * (uint64_t)length,
                                                  .longest = length};
    data.n_labels = 2;
    data.max_tokens = length;
    return data;
}

/* Seconds of the second epoch. */
static double time_epoch(const as_trainee *trainee, const as_prepared *data) {
    as_train_config config = {.update = {.struct_size = sizeof(assay_update_config),
                                         .optimizer = ASSAY_OPTIMIZER_ADAM,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .epsilon = 1e-8,
                                         .clip_norm = 1},
                              .learning_rate = 1e-3,
                              .batch = 32,
                              .epochs = 2};
    as_train_job job = {.trainee = trainee, .data = data, .config = &config, .seed = 1};
    as_train_result result;
    require(as_train_run(arena, &job, &result, &error));
    return result.epochs[1].seconds;
}

typedef struct whole_model {
    as_plugin backend;
    as_phases *phases;
    as_engine *engine;
    as_trainee *trainee;
} whole_model;

static whole_model open_model(int32_t length, int32_t n_layers, int32_t n_threads) {
    static const as_strategy freeze = {
        .kind = AS_STRATEGY_FREEZE, .every = 1, .lr_decay = 1, .cache_features = true};
    static const as_graph_options options = {.with_gradient = 1};
    static assay_model_config config;
    const as_option_value layers = {"layers", AS_OPTION_NUMBER, n_layers, NULL};
    as_engine_config engine = {NULL, ASSAY_DTYPE_F32, n_threads, 32, length, 0};
    as_plugin plugin;
    whole_model m;
    const assay_model_graph *model = NULL;
    const assay_model_opaque *opaque = NULL;
    const assay_graph *graph = NULL;
    void *filled = NULL;
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, "distilbert", &plugin, &error));
    require(as_plugin_model(&plugin, &model, &opaque, &error));
    require(as_options_fill(arena, plugin.descriptor, &layers, 1, "bench", &filled, &error));
    config =
        (assay_model_config){(uint32_t)sizeof config, 2, 30522, length, filled, 1, n_threads, 0};
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
    uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 200;
    int32_t length = argc > 2 ? atoi(argv[2]) : 128, n_layers = argc > 3 ? atoi(argv[3]) : 6;
    int32_t n_threads = argc > 4 ? atoi(argv[4]) : 1;
    if (n < 1 || length < 1 || length > 512 || n_layers < 1 || n_threads < 1 || !mkdtemp(folder))
        return 1;
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    setenv("ASSAY_PLUGIN_PATH", BENCH_PLUGIN_PATH, 0);
    as_prepared data = make_texts(n, length);
    whole_model m = open_model(length, n_layers, n_threads);
    as_features_told told[2];
    double whole = time_epoch(m.trainee, &data), cached = 0;
    const as_features_config config = {.engine = m.engine,
                                       .phases = m.phases,
                                       .data = &data,
                                       .backend = &m.backend,
                                       .batch_rows = 32,
                                       .cache_folder = folder};
    for (int again = 0; again < 2; again++) {
        as_features *features = NULL;
        require(as_features_open(&config, &features, &error));
        told[again] = as_features_tell(features);
        cached = time_epoch(as_features_trainee(features), as_features_prepared(features));
        as_features_free(features);
    }
    printf(
        "{\"texts\": %u, \"tokens\": %d, \"layers\": %d, \"threads\": %d, \"epoch_whole_s\": %.4f, "
        "\"epoch_cached_s\": %.6f, \"ratio\": %.1f, \"compute_s\": %.3f, \"read_s\": %.3f, "
        "\"feature_bytes\": %llu}\n",
        n, length, n_layers, n_threads, whole, cached, whole / cached, told[0].seconds,
        told[1].seconds, (unsigned long long)told[0].bytes);
    as_trainee_free(m.trainee);
    as_engine_free(m.engine);
    as_phases_free(m.phases);
    as_arena_free(arena);
    return as_remove_folder(folder, NULL) != ASSAY_OK;
}
