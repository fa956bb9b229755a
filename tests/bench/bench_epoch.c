/* SPDX-License-Identifier: MIT */
/* bench_epoch.c: one epoch of training over given rows from weights that another program can read,
 * then the loss on the validation rows: does training arrive where PyTorch's does?
 * epoch_vs_torch.py asks.
 *
 *     bench_epoch --rows FILE --weights FILE [--model NAME] [--set NAME=NUMBER]... [--dtype NAME]
 *
 * --rows FILE     bench_rows.h; batches of 32 train rows in the order of the file
 * --weights FILE  written: the initial weights, f32 in the machine's byte order, one parameter
 * after the other
 *
 * Adam 1e-3, clipping at norm 1, onednn, one thread. Dropout is as the model's options say: set it
 * to 0 to compare. Prints one JSON object: the mean training loss of the epoch, the mean validation
 * loss before and after, and the parameters' names and sizes in the order of the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_rows.h"
#include "data/batches.h"
#include "plugin/plugin.h"
#include "train/trainer.h"

enum { BATCH = 32, OPTIONS = 16 };

typedef struct arguments {
    const char *rows, *weights, *model, *dtype;
    as_option_value options[OPTIONS];
    size_t n_options;
} arguments;

static as_arena *arena;
static assay_error error;

static void require(assay_status status) {
    if (status == ASSAY_OK)
        return;
    fprintf(stderr, "%s: %s\n", error.where, error.text);
    exit(3);
}

static int parse(int argc, char **argv, arguments *a) {
    *a = (arguments){.model = "gru", .dtype = "f32"};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        char *value = argv[i + 1], *equals = strchr(value, '=');
        if (strcmp(name, "--rows") == 0)
            a->rows = value;
        else if (strcmp(name, "--weights") == 0)
            a->weights = value;
        else if (strcmp(name, "--model") == 0)
            a->model = value;
        else if (strcmp(name, "--dtype") == 0)
            a->dtype = value;
        else if (strcmp(name, "--set") == 0 && equals && a->n_options < OPTIONS) {
            *equals = '\0';
            a->options[a->n_options++] =
                (as_option_value){value, AS_OPTION_NUMBER, atof(equals + 1), NULL};
        } else
            return 0;
    }
    return argc % 2 == 1 && a->rows && a->weights;
}

static as_engine *open_engine(const arguments *a, const bench_rows *rows, assay_graph **ret_graph) {
    static void *options = NULL;
    as_plugin model, backend;
    const assay_model_graph *graph_model = NULL;
    const assay_model_opaque *opaque_model = NULL;
    int32_t longest = rows->splits[AS_SPLIT_TRAIN].longest;
    if (rows->splits[AS_SPLIT_VALIDATION].longest > longest)
        longest = rows->splits[AS_SPLIT_VALIDATION].longest;
    as_engine_config config = {NULL, ASSAY_DTYPE_F32, 1, BATCH, longest, 0};
    as_engine *engine = NULL;
    config.dtype = strcmp(a->dtype, "bf16") == 0 ? ASSAY_DTYPE_BF16 : ASSAY_DTYPE_F32;
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, a->model, &model, &error));
    require(as_plugin_model(&model, &graph_model, &opaque_model, &error));
    require(as_options_fill(arena, model.descriptor, a->options, a->n_options, "--set", &options,
                            &error));
    const assay_model_config model_config = {(uint32_t)sizeof model_config,
                                             rows->max_label + 1,
                                             rows->max_id + 1,
                                             longest,
                                             options,
                                             1,
                                             1,
                                             0};
    require(as_graph_build_model(graph_model, &model_config,
                                 &(as_graph_options){.with_gradient = 1}, ret_graph, &error));
    require(as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, "onednn", &backend, &error));
    require(as_plugin_backend(&backend, &config.backend, &error));
    require(as_engine_new(&config, *ret_graph, &engine, &error));
    require(as_engine_init_parameters(engine, 1, &error));
    return engine;
}

static void write_weights(as_engine *engine, const char *path) {
    uint64_t n = as_engine_n_elements(engine);
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    FILE *file = fopen(path, "wbe");
    if (!values || !file) {
        perror(path);
        exit(3);
    }
    require(as_engine_get(engine, ASSAY_STATE_PARAMETER, values, n, &error));
    for (uint64_t i = 0; i < n; i++) {
        float value = (float)values[i];
        (void)fwrite(&value, sizeof value, 1, file);
    }
    if (fclose(file) != 0) {
        perror(path);
        exit(3);
    }
}

static as_batches *open_batches(const bench_rows *rows, as_split split, as_split_rows *ret_rows) {
    as_batches *batches = NULL;
    *ret_rows = bench_split_of(rows, split, 0);
    if (ret_rows->n_rows == 0) {
        fprintf(stderr, "there are no rows of the split %s\n", as_split_name(split));
        exit(3);
    }
    require(as_batches_new(arena, ret_rows, BATCH, &batches, &error));
    as_batches_in_order(batches);
    return batches;
}

static double train_epoch(const as_trainee *trainee, const bench_rows *rows, double *logits) {
    static const assay_update_config update = {.struct_size = (uint32_t)sizeof update,
                                               .optimizer = ASSAY_OPTIMIZER_ADAM,
                                               .beta1 = 0.9,
                                               .beta2 = 0.999,
                                               .epsilon = 1e-8,
                                               .clip_norm = 1};
    as_split_rows split;
    as_batches *batches = open_batches(rows, AS_SPLIT_TRAIN, &split);
    const assay_batch *batch;
    double sum = 0;
    for (int64_t step = 1; (batch = as_batches_next(batches)) != NULL; step++) {
        const as_batch_step how = {.epoch = 1,
                                   .step = step,
                                   .seed = assay_mix64((uint64_t)step),
                                   .learning_rate = 1e-3,
                                   .update = &update};
        as_batch_result result;
        require(trainee->train_batch(trainee->self, batch, &how, logits, &result, &error));
        sum += result.loss * batch->n_rows; /* a mean */
    }
    return sum / split.n_rows;
}

static double validation_loss(as_engine *engine, const bench_rows *rows, double *logits) {
    as_split_rows split;
    as_batches *batches = open_batches(rows, AS_SPLIT_VALIDATION, &split);
    const assay_batch *batch;
    double sum = 0, loss;
    while ((batch = as_batches_next(batches)) != NULL) {
        require(as_engine_forward(engine, batch, logits, &loss, &error));
        sum += loss;
    }
    return sum / split.n_rows;
}

int main(int argc, char **argv) {
    arguments a;
    assay_graph *graph = NULL;
    as_trainee *trainee = NULL;
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "usage: bench_epoch --rows FILE --weights FILE [--model NAME] "
                        "[--set NAME=NUMBER]... [--dtype NAME]\n");
        return 64;
    }
    error = (assay_error)ASSAY_ERROR_INIT;
    arena = as_arena_new();
    setenv("ASSAY_PLUGIN_PATH", BENCH_PLUGIN_PATH, 0);
    bench_rows rows = {.arena = arena, .max_label = 1};
    if (!arena || !bench_read_rows(&rows, a.rows))
        return 3;
    as_engine *engine = open_engine(&a, &rows, &graph);
    write_weights(engine, a.weights);
    require(as_trainee_new_graph(engine, &trainee, &error));
    double *logits =
        as_arena_alloc_array(arena, BATCH, (size_t)trainee->n_classes * sizeof *logits);
    double before = validation_loss(engine, &rows, logits);
    double trained = train_epoch(trainee, &rows, logits);
    double after = validation_loss(engine, &rows, logits);
    printf(
        "{\"model\": \"%s\", \"dtype\": \"%s\", \"train_loss\": %.9g, \"validation_before\": %.9g, "
        "\"validation_loss\": %.9g, \"parameters\": [",
        a.model, a.dtype, trained, before, after);
    const assay_graph_view *view = as_graph_view(graph);
    for (uint32_t p = 0; p < view->n_parameters; p++)
        printf("%s[\"%s\", %lld]", p ? ", " : "", view->parameters[p].name,
               (long long)view->parameters[p].n_elements);
    printf("]}\n");
    as_trainee_free(trainee);
    as_engine_free(engine);
    as_graph_free(graph);
    bench_rows_free(&rows);
    as_arena_free(arena);
    return 0;
}
