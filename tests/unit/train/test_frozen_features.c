/* SPDX-License-Identifier: MIT */
/* The head trained on features that were computed once: as good as without, kept on disk, and never
 * taken from there in doubt. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../scratch_folder.h"
#include "plugin/plugin.h"
#include "toy.h"
#include "train/engine.h"
#include "train/frozen_features.h"

static as_arena *arena;
static scratch_path folder;
static as_prepared data;
static assay_error error;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static void set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    data = toy_prepared(arena, 90, 30);
    folder = scratch_folder();
}

static void tear_down(void) {
    as_arena_free(arena);
    scratch_remove(&folder);
}

TestSuite(frozen_features, .init = set_up, .fini = tear_down);

/* A model by its strategy, and what its training left behind. */
typedef struct run {
    as_strategy strategy;
    const char *model, *backend;
    int32_t dtype;
    uint64_t seed;            /* of the initial weights */
    const char *cache_folder; /* NULL: none */
    as_features_told told;
    bool used;
    double *parameters;
    uint64_t n;
    as_train_result result;
    int32_t n_told;
} run;

static void on_progress(void *context, const as_train_progress *progress) {
    run *r = context;
    cr_assert_str_eq(progress->stage, "features");
    cr_assert(progress->share > 0 && progress->share <= 1);
    r->n_told++;
}

static const assay_model_config *configure(const run *r, const assay_model_graph **ret_model) {
    static const as_option_value bert[] = {{"layers", AS_OPTION_NUMBER, 2, NULL},
                                           {"heads", AS_OPTION_NUMBER, 2, NULL},
                                           {"dim", AS_OPTION_NUMBER, 8, NULL},
                                           {"hidden_dim", AS_OPTION_NUMBER, 12, NULL},
                                           {"positions", AS_OPTION_NUMBER, 16, NULL}},
                                 gru[] = {{"dropout", AS_OPTION_NUMBER, 0.3, NULL},
                                          {"hidden", AS_OPTION_NUMBER, 6, NULL}};
    bool is_gru = strcmp(r->model, "gru") == 0;
    as_plugin plugin;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    assay_model_config *config = as_arena_alloc(arena, sizeof *config);
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, r->model, &plugin, &error));
    OK(as_plugin_model(&plugin, ret_model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, is_gru ? gru : bert, is_gru ? 2 : 5, r->model,
                       &options, &error));
    *config = (assay_model_config){
        (uint32_t)sizeof *config, 2, TOY_VOCABULARY, TOY_LONGEST, options, 1, 1, 0};
    return config;
}

static void train(run *r) {
    static const as_graph_options options = {.with_gradient = 1};
    const assay_model_graph *model = NULL;
    const assay_model_config *config = configure(r, &model);
    as_train_config training = toy_config(3, 0);
    const as_phases_config phases_config = {model, config, &options, &r->strategy, 3};
    as_plugin plugin;
    as_phases *phases = NULL;
    as_engine *engine = NULL;
    as_trainee *trainee = NULL;
    as_features *features = NULL;
    const assay_graph *graph = NULL;
    as_engine_config engine_config = {NULL, r->dtype, 1, 8, TOY_LONGEST, 0};
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, r->backend, &plugin, &error));
    OK(as_plugin_backend(&plugin, &engine_config.backend, &error));
    OK(as_phases_new(&phases_config, &phases, &error));
    OK(as_phases_graph(phases, 1, &graph, &error));
    OK(as_engine_new(&engine_config, graph, &engine, &error));
    OK(as_engine_init_parameters(engine, r->seed ? r->seed : 5, &error));
    OK(as_trainee_new_phased(engine, phases, &trainee, &error));
    const as_features_config features_config = {engine, phases,          &data,       &plugin,
                                                8,      r->cache_folder, on_progress, r};
    OK(as_features_open(&features_config, &features, &error));
    r->used = features != NULL;
    as_train_job job = {.trainee = trainee, .data = &data, .config = &training, .seed = 3};
    if (features) {
        r->told = as_features_tell(features);
        job.trainee = as_features_trainee(features);
        job.data = as_features_prepared(features);
    }
    OK(as_train_run(arena, &job, &r->result, &error));
    if (features)
        OK(as_features_finish(features, &error));
    as_features_free(features);
    r->n = as_engine_n_elements(engine);
    r->parameters = as_arena_alloc_array(arena, r->n, sizeof *r->parameters);
    OK(as_engine_get(engine, ASSAY_STATE_PARAMETER, r->parameters, r->n, &error));
    as_trainee_free(trainee);
    as_engine_free(engine);
    as_phases_free(phases);
}

static run new_run(const char *model, const char *backend, int32_t dtype, bool cached) {
    return (run){.strategy = {.kind = AS_STRATEGY_FREEZE,
                              .every = 1,
                              .lr_decay = 1,
                              .cache_features = cached},
                 .model = model,
                 .backend = backend,
                 .dtype = dtype};
}

/* Largest difference of the weights in units of the largest, or of the epochs' losses. */
static double difference(const run *a, const run *b) {
    double worst = 0, scale = 0;
    cr_assert_eq(a->n, b->n);
    for (uint64_t i = 0; i < a->n; i++) {
        scale = fmax(scale, fabs(a->parameters[i]));
        worst = fmax(worst, fabs(a->parameters[i] - b->parameters[i]));
    }
    worst /= scale;
    cr_assert_eq(a->result.n_epochs, 3);
    cr_assert_eq(a->result.n_tokens, b->result.n_tokens);
    for (int e = 0; e < 3; e++) {
        const as_epoch_figures *x = &a->result.epochs[e], *y = &b->result.epochs[e];
        worst = fmax(worst, fabs(x->train_loss - y->train_loss));
        worst = fmax(worst, fabs(x->validation_loss - y->validation_loss));
        worst = fmax(worst, fabs(x->grad_norm - y->grad_norm));
    }
    return worst;
}

static void check_equal(const char *backend, int32_t dtype, double bound) {
    static const char *const models[] = {"distilbert", "bert", "gru"};
    for (size_t i = 0; i < 3; i++) {
        run whole = new_run(models[i], backend, dtype, false),
            cached = new_run(models[i], backend, dtype, true);
        train(&whole);
        train(&cached);
        cr_assert(!whole.used && cached.used);
        cr_assert(!cached.told.from_cache);
        cr_assert_eq(cached.told.n_rows, 120);
        double found = difference(&whole, &cached);
        cr_expect(found <= bound, "%s on %s: %g", models[i], backend, found);
    }
}

Test(frozen_features, train_the_head_as_the_whole_model_would) {
    check_equal("reference", ASSAY_DTYPE_F64, 1e-12);
    check_equal("reference", ASSAY_DTYPE_F32, 1e-5);
#ifdef HAVE_ONEDNN
    check_equal("onednn", ASSAY_DTYPE_F32, 1e-5);
#endif
}

/* ---- on disk --------------------------------------------------------------------------------- */

/* The one file of the cache. */
static scratch_path cache_file(void) {
    scratch_path below = scratch_join(folder.text, "prepared"), path = {""};
    int n = 0;
    DIR *listing = opendir(below.text);
    cr_assert_not_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));)
        if (entry->d_name[0] != '.') {
            path = scratch_join(below.text, entry->d_name);
            n++;
        }
    closedir(listing);
    cr_assert_eq(n, 1);
    return path;
}

static run cached_run(void) {
    run r = new_run("distilbert", "reference", ASSAY_DTYPE_F32, true);
    r.cache_folder = folder.text;
    train(&r);
    return r;
}

Test(frozen_features, are_taken_from_the_cache_the_second_time) {
    run first = cached_run(), second = cached_run();
    cr_assert(!first.told.from_cache && second.told.from_cache);
    cr_assert(first.n_told > 0 && second.n_told == 0);
    cr_assert_null(first.told.cache_problem);
    cr_assert_arr_eq(first.parameters, second.parameters, first.n * sizeof(double));
    cr_assert_eq(second.told.bytes, 120 * 8 * sizeof(float));
}

/* Byte `at` of the cached file, counted from the end where negative, is changed. */
static void damage(long at) {
    scratch_path path = cache_file();
    FILE *stream = fopen(path.text, "r+b");
    cr_assert_not_null(stream);
    fseek(stream, at, at < 0 ? SEEK_END : SEEK_SET);
    int c = fgetc(stream);
    fseek(stream, at, at < 0 ? SEEK_END : SEEK_SET);
    fputc(c ^ 1, stream);
    fclose(stream);
}

Test(frozen_features, a_damaged_file_is_computed_again) {
    static const long places[] = {-1, 0, 16, 30, 90, 130, 144, 1000};
    run first = cached_run();
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        damage(places[i]);
        run again = cached_run();
        cr_expect(!again.told.from_cache, "byte %ld", places[i]);
        cr_expect_arr_eq(first.parameters, again.parameters, first.n * sizeof(double));
        cr_expect(cached_run().told.from_cache);
    }
}

Test(frozen_features, a_short_or_long_file_is_computed_again) {
    struct stat info;
    run first = cached_run();
    for (int longer = 0; longer < 2; longer++) {
        scratch_path path = cache_file();
        cr_assert_eq(stat(path.text, &info), 0);
        cr_assert_eq(truncate(path.text, info.st_size + (longer ? 1 : -1)), 0);
        run again = cached_run();
        cr_expect(!again.told.from_cache);
        cr_expect_arr_eq(first.parameters, again.parameters, first.n * sizeof(double));
    }
}

Test(frozen_features, other_rows_weights_or_precision_are_other_features) {
    (void)cached_run();
    run other = new_run("distilbert", "reference", ASSAY_DTYPE_F32, true);
    other.cache_folder = folder.text;
    other.seed = 6;
    train(&other);
    cr_expect(!other.told.from_cache, "weights");
    other.seed = 5;
    other.dtype = ASSAY_DTYPE_F64;
    train(&other);
    cr_expect(!other.told.from_cache, "precision");
    data.splits[AS_SPLIT_VALIDATION].n_rows--;
    cr_expect(!cached_run().told.from_cache, "rows");
    data.splits[AS_SPLIT_VALIDATION].n_rows++;
    int32_t *id = (int32_t *)(uintptr_t)data.splits[AS_SPLIT_VALIDATION].rows[7].ids;
    *id ^= 1;
    cr_expect(!cached_run().told.from_cache, "one id");
    *id ^= 1;
    cr_expect(cached_run().told.from_cache);
    static const float ones[TOY_LONGEST] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int s = 0; s < 2; s++)
        for (uint32_t i = 0; i < data.splits[s].n_rows; i++)
            ((as_row *)(uintptr_t)data.splits[s].rows)[i].weights = ones;
    cr_expect(!cached_run().told.from_cache, "token weights");
}

Test(frozen_features, a_folder_that_cannot_be_written_costs_the_cache_only) {
    scratch_path path = scratch_write(folder.text, "file", "x", 1);
    run r = new_run("distilbert", "reference", ASSAY_DTYPE_F32, true);
    r.cache_folder = path.text;
    train(&r);
    cr_assert(r.used && !r.told.from_cache);
    cr_assert_not_null(r.told.cache_problem);
}

/* ---- where there are none -------------------------------------------------------------------- */

Test(frozen_features, are_not_used_where_something_random_lies_in_them) {
    run r = new_run("distilbert", "reference", ASSAY_DTYPE_F32, true);
    r.strategy.frozen_dropout = true;
    train(&r);
    cr_assert(!r.used);
}

Test(frozen_features, are_not_used_where_layers_are_trained) {
    run r = new_run("distilbert", "reference", ASSAY_DTYPE_F32, false);
    r.strategy.kind = AS_STRATEGY_HYBRID;
    r.strategy.layers = 1;
    train(&r);
    cr_assert(!r.used);
}
