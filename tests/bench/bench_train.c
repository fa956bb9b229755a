/* SPDX-License-Identifier: MIT */
/* bench_train.c: training speed of a model on a backend over given rows, in real tokens a second,
 * for comparison with peer_torch.py on the same rows (train_vs_torch.sh alternates the two).
 *
 *     assay data rows SUITE > rows.jsonl
 *     build/tests/bench/bench_train --rows rows.jsonl --model gru --steps 125 --threads 2
 *
 * --rows FILE     JSON Lines with "split", "label" and "ids"; rows of the split "train" are used
 * --model NAME    gru, bilstm_attention, transformer, ...   --set NAME=NUMBER  one of its options
 * --backend NAME  onednn    --batch N  32    --threads N  2    --steps N  timed steps; 0: one epoch
 * --dtype NAME    f32 or bf16    --mode NAME  train, or predict: forward alone, dropout off
 *
 * A step is: batch packed, forward, loss, backward, clipping to norm 1, Adam, loss and logits read
 * back; cpu_seconds, of all threads, compares on a busy machine with --threads 1. Without --rows:
 * 4,000 rows of 60 to 256 tokens, or of exactly --tokens N each; peak_rss_bytes is VmHWM at the
 * end. First, every batch of the timed part runs once (as training too): its speed, with plans
 * compiled on the way, is reported beside. Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench_rows.h"
#include "data/batches.h"
#include "plugin/plugin.h"
#include "train/trainer.h"

typedef struct arguments {
    const char *rows, *model, *backend, *dtype;
    int32_t steps, threads, batch, predict, tokens;
    as_option_value options[16];
    size_t n_options;
} arguments;

static int parse(int argc, char **argv, arguments *a) {
    *a =
        (arguments){.model = "gru", .backend = "onednn", .dtype = "f32", .threads = 2, .batch = 32};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        char *value = argv[i + 1], *equals = strchr(value, '=');
        if (strcmp(name, "--rows") == 0)
            a->rows = value;
        else if (strcmp(name, "--model") == 0)
            a->model = value;
        else if (strcmp(name, "--backend") == 0)
            a->backend = value;
        else if (strcmp(name, "--dtype") == 0)
            a->dtype = value;
        else if (strcmp(name, "--mode") == 0)
            a->predict = strcmp(value, "predict") == 0;
        else if (strcmp(name, "--steps") == 0)
            a->steps = atoi(value);
        else if (strcmp(name, "--threads") == 0)
            a->threads = atoi(value);
        else if (strcmp(name, "--tokens") == 0)
            a->tokens = atoi(value);
        else if (strcmp(name, "--batch") == 0)
            a->batch = atoi(value);
        else if (strcmp(name, "--set") == 0 && equals && a->n_options < 16) {
            *equals = '\0';
            a->options[a->n_options++] =
                (as_option_value){value, AS_OPTION_NUMBER, atof(equals + 1), NULL};
        } else
            return 0;
    }
    return argc % 2 == 1 && a->steps >= 0 && a->tokens >= 0 && a->threads >= 1 && a->batch >= 1;
}

/* Model and backend by name, closed graph, engine with initial weights, trainee. */
static assay_status open_trainee(as_arena *arena, const arguments *a, const bench_rows *list,
                                 assay_graph **ret_graph, as_engine **ret_engine,
                                 as_trainee **ret_trainee, assay_error *error) {
    as_plugin model, backend;
    const assay_model_graph *graph_model = NULL;
    const assay_model_opaque *opaque_model = NULL;
    int32_t longest = list->splits[AS_SPLIT_TRAIN].longest;
    int32_t dtype = strcmp(a->dtype, "bf16") == 0 ? ASSAY_DTYPE_BF16 : ASSAY_DTYPE_F32;
    as_engine_config config = {
        .dtype = dtype, .threads = a->threads, .max_rows = a->batch, .max_tokens = longest};
    assay_model_config model_config = {(uint32_t)sizeof model_config,
                                       list->max_label + 1,
                                       list->max_id + 1,
                                       longest,
                                       NULL,
                                       1,
                                       a->threads,
                                       0};
    void *options = NULL;
    assay_status status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, a->model, &model, error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&model, &graph_model, &opaque_model, error);
    if (status == ASSAY_OK && !graph_model)
        status = assay_fail(error, ASSAY_UNSUPPORTED, a->model, "not a graph model");
    if (status == ASSAY_OK)
        status = as_options_fill(arena, model.descriptor, a->options, a->n_options, "--set",
                                 &options, error);
    model_config.options = options;
    if (status == ASSAY_OK)
        status = as_graph_build_model(graph_model, &model_config,
                                      &(as_graph_options){.with_gradient = 1}, ret_graph, error);
    if (status == ASSAY_OK)
        status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND, a->backend, &backend, error);
    if (status == ASSAY_OK)
        status = as_plugin_backend(&backend, &config.backend, error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, *ret_graph, ret_engine, error);
    if (status == ASSAY_OK)
        status = as_engine_init_parameters(*ret_engine, 1, error);
    if (status == ASSAY_OK)
        status = as_trainee_new_graph(*ret_engine, ret_trainee, error);
    return status;
}

typedef struct pass {
    uint64_t n_tokens;
    double seconds, cpu_seconds, loss;
} pass;

/* `steps` steps over the batches of epoch 1, again from the first when there are fewer. */
static assay_status run_pass(const as_trainee *trainee, as_engine *predictor, as_batches *batches,
                             double *logits, int32_t steps, int64_t *step, pass *ret_pass,
                             assay_error *error) {
    static const assay_update_config update = {.struct_size = (uint32_t)sizeof update,
                                               .optimizer = ASSAY_OPTIMIZER_ADAM,
                                               .beta1 = 0.9,
                                               .beta2 = 0.999,
                                               .epsilon = 1e-8,
                                               .clip_norm = 1};
    pass done = {0, 0, 0, 0};
    clock_t start_cpu = clock();
    int64_t start_ns = as_clock_ns();
    as_batches_shuffle(batches, 1, 1);
    for (int32_t i = 0; i < steps; i++) {
        const assay_batch *batch = as_batches_next(batches);
        as_batch_result result;
        if (!batch) {
            as_batches_shuffle(batches, 1, 1);
            batch = as_batches_next(batches);
        }
        ++*step;
        as_batch_step how = {.epoch = 1,
                             .step = *step,
                             .seed = assay_mix64((uint64_t)*step),
                             .learning_rate = 1e-3,
                             .update = &update};
        assay_status status =
            predictor ? as_engine_forward(predictor, batch, logits, &result.loss, error)
                      : trainee->train_batch(trainee->self, batch, &how, logits, &result, error);
        if (status != ASSAY_OK)
            return status;
        done.n_tokens += (uint64_t)batch->n_tokens;
        done.loss = result.loss;
    }
    done.seconds = (double)(as_clock_ns() - start_ns) * 1e-9;
    done.cpu_seconds = (double)(clock() - start_cpu) / CLOCKS_PER_SEC;
    *ret_pass = done;
    return ASSAY_OK;
}

static uint64_t peak_rss_bytes(void) {
    unsigned long long kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (file)
        (void)fclose(file);
    return kib * 1024;
}

static assay_status bench(as_arena *arena, const arguments *a, const bench_rows *list,
                          const as_trainee *trainee, as_engine *engine, assay_error *error) {
    as_split_rows split = bench_split_of(list, AS_SPLIT_TRAIN, 0);
    as_batches *batches = NULL;
    pass first, timed;
    int64_t step = 0;
    assay_status status = as_batches_new(arena, &split, a->batch, &batches, error);
    if (status != ASSAY_OK)
        return status;
    int32_t n_batches = (int32_t)as_batches_count(batches), steps = a->steps ? a->steps : n_batches;
    double *logits =
        as_arena_alloc_array(arena, (size_t)a->batch, (size_t)trainee->n_classes * sizeof *logits);
    if (!logits)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "logits", "out of memory");
    as_engine *predictor = a->predict ? engine : NULL;
    status = run_pass(trainee, predictor, batches, logits, steps < n_batches ? steps : n_batches,
                      &step, &first, error);
    if (status == ASSAY_OK)
        status = run_pass(trainee, predictor, batches, logits, steps, &step, &timed, error);
    if (status != ASSAY_OK)
        return status;
    printf(
        "{\"bench\": \"%s\", \"backend\": \"%s\", \"dtype\": \"%s\", \"model\": \"%s\", "
        "\"threads\": %d, "
        "\"batch\": %d, \"steps\": %d, \"tokens\": %llu, \"seconds\": %.4f, \"cpu_seconds\": %.4f, "
        "\"tokens_per_second\": %.1f, \"first_pass_tokens_per_second\": %.1f, \"peak_rss_bytes\": "
        "%llu, "
        "\"loss\": %.6f}\n",
        a->predict ? "predict" : "train", a->backend, a->dtype, a->model, (int)a->threads,
        (int)a->batch, (int)steps, (unsigned long long)timed.n_tokens, timed.seconds,
        timed.cpu_seconds, (double)timed.n_tokens / timed.seconds,
        (double)first.n_tokens / first.seconds, (unsigned long long)peak_rss_bytes(), timed.loss);
    return ASSAY_OK;
}

int main(int argc, char **argv) {
    arguments a;
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    as_engine *engine = NULL;
    as_trainee *trainee = NULL;
    bench_rows list = {.arena = as_arena_new(), .max_label = 1};
    assay_status status = ASSAY_BAD_DATA;
    if (!parse(argc, argv, &a)) {
        fprintf(
            stderr,
            "usage: bench_train [--rows FILE | --tokens N] [--model NAME] [--set NAME=NUMBER]... "
            "[--backend NAME] [--batch N] [--threads N] [--steps N] [--dtype NAME] "
            "[--mode NAME]\n");
        as_arena_free(list.arena);
        return 64;
    }
    setenv("ASSAY_PLUGIN_PATH", BENCH_PLUGIN_PATH, 0);
    if (!list.arena ||
        !(a.rows ? bench_read_rows(&list, a.rows)
                 : bench_make_rows(&list, 4000, a.tokens, 20000)) ||
        list.splits[AS_SPLIT_TRAIN].n == 0)
        goto done;
    status = open_trainee(list.arena, &a, &list, &graph, &engine, &trainee, &error);
    if (status == ASSAY_OK)
        status = bench(list.arena, &a, &list, trainee, engine, &error);

done:
    if (status != ASSAY_OK)
        fprintf(stderr, "bench_train: %s: %s\n", error.where[0] ? error.where : "rows",
                error.text[0] ? error.text : "no train rows could be read");
    as_trainee_free(trainee);
    as_engine_free(engine);
    as_graph_free(graph);
    bench_rows_free(&list);
    as_arena_free(list.arena);
    return status == ASSAY_OK ? 0 : 3;
}
