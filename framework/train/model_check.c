/* SPDX-License-Identifier: MIT */
/* Checks of a graph model. The rows are drawn: row b has label b mod classes and holds the token
 * 2 + label somewhere, so a model that reads its tokens can learn them.
 *
 *   gradient   (L(p + h) - L(p - h)) / 2h of single elements against what accumulate gives, in f64
 *              with dropout off. At a kink (relu, maximum) one step width can be off, so that two
 *              are tried.
 *   rows       the logits of a row in a batch and alone
 *   learns     the loss after steps of Adam against that before */
#include "train/model_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"
#include "graph/graph.h"
#include "train/engine.h"
#include "train/model_check_internal.h"

#define ROW_TOLERANCE 1e-10
#define GRADIENT_TOLERANCE 1e-5
/* The reference does about 1e9 operations a second; above this a step isn't done in a second. */
#define MOST_STEP_FLOPS 2e9
#define PROBE_FLOPS 2e10

static const double step_widths[] = {1e-5, 1e-6};

void as_check_tell(const as_model_check *check, check_run *run, const char *name,
                   as_check_outcome outcome, const char *format, ...) {
    char text[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->n_failed += outcome == AS_CHECK_FAILED;
    check->told(check->context, name, outcome, text);
}

void as_check_tell_error(const as_model_check *check, check_run *run, const char *name,
                         const assay_error *error) {
    as_check_tell(check, run, name, AS_CHECK_FAILED, "%.150s%s%.500s", error->where,
                  error->where[0] ? ": " : "", error->text);
}

/* The same rows every time, in which a token tells the class. */
static void make_rows(check_rows *rows, int32_t n_classes) {
    as_random random = as_random_init(1, as_hash64("model_check.rows"));
    int32_t n = 0;
    for (int32_t b = 0; b < CHECK_ROWS; b++) {
        int32_t length = 1 + b % CHECK_TOKENS, first = n;
        rows->offsets[b] = n;
        rows->labels[b] = b % n_classes;
        rows->keys[b] = (uint64_t)b;
        for (int32_t t = 0; t < length; t++, n++) {
            rows->ids[n] =
                2 + n_classes +
                (int32_t)as_random_below(&random, CHECK_VOCABULARY - 2 - (uint64_t)n_classes);
            rows->positions[n] = t;
            rows->weights[n] = 1;
        }
        rows->ids[first + (int32_t)as_random_below(&random, (uint64_t)length)] =
            2 + rows->labels[b];
    }
    rows->offsets[CHECK_ROWS] = n;
    rows->batch = (assay_batch){.struct_size = sizeof rows->batch,
                                .n_rows = CHECK_ROWS,
                                .n_tokens = n,
                                .flags = ASSAY_BATCH_LAST,
                                .ids = rows->ids,
                                .positions = rows->positions,
                                .offsets = rows->offsets,
                                .labels = rows->labels,
                                .row_keys = rows->keys,
                                .token_weights = rows->weights};
}

/* Row b alone; valid until the next call. */
static assay_batch row_alone(check_rows *rows, int32_t b) {
    int32_t first = rows->offsets[b], n = rows->offsets[b + 1] - first;
    assay_batch batch = rows->batch;
    rows->alone[0] = 0;
    rows->alone[1] = n;
    batch.n_rows = 1;
    batch.n_tokens = n;
    batch.ids += first;
    batch.positions += first;
    batch.offsets = rows->alone;
    batch.labels += b;
    batch.row_keys += b;
    batch.token_weights += first;
    return batch;
}

/* ---- building -------------------------------------------------------------------------------- */

static assay_model_config configuration(const void *options, int32_t n_classes) {
    return (assay_model_config){.struct_size = sizeof(assay_model_config),
                                .n_classes = n_classes,
                                .vocab_size = CHECK_VOCABULARY,
                                .max_tokens = CHECK_TOKENS,
                                .options = options,
                                .seed = 1,
                                .threads = 1};
}

static assay_status build(const check_run *run, const void *options, int32_t n_classes,
                          assay_graph **ret_graph, assay_error *error) {
    assay_model_config config = configuration(options, n_classes);
    return as_graph_build_model(run->graph_model, &config, &(as_graph_options){.with_gradient = 1},
                                ret_graph, error);
}

static void check_classes(const as_model_check *check, check_run *run) {
    static const int32_t counts[] = {2, 3, 20};
    assay_error error = ASSAY_ERROR_INIT;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assay_graph *graph = NULL;
        if (build(run, run->options, counts[i], &graph, &error) != ASSAY_OK) {
            as_check_tell_error(check, run, "classes", &error);
            return;
        }
        as_graph_free(graph);
    }
    as_check_tell(check, run, "classes", AS_CHECK_PASSED, "builds for 2, 3 and 20");
}

typedef struct option_tally {
    int32_t n_built, n_refused;
    char first[200]; /* the first refusal */
} option_tally;

/* Builds with one more value; what the model refuses by builder->fail is its right. */
static void build_with(const as_model_check *check, check_run *run, as_option_value value,
                       option_tally *tally) {
    assay_error error = ASSAY_ERROR_INIT;
    as_option_value *values = as_arena_alloc_array(run->arena, check->n_values + 1, sizeof *values);
    void *options = NULL;
    assay_graph *graph = NULL;
    if (!values)
        return;
    if (check->n_values)
        memcpy(values, check->values, check->n_values * sizeof *values);
    values[check->n_values] = value;
    assay_status status = as_options_fill(run->arena, check->plugin.descriptor, values,
                                          check->n_values + 1, "options", &options, &error);
    if (status == ASSAY_OK)
        status = build(run, options, 2, &graph, &error);
    as_graph_free(graph);
    tally->n_built += status == ASSAY_OK;
    if (status != ASSAY_OK && tally->n_refused++ == 0)
        snprintf(tally->first, sizeof tally->first, "%.60s: %.130s", value.name, error.text);
}

static void check_options(const as_model_check *check, check_run *run) {
    const assay_plugin *plugin = check->plugin.descriptor;
    option_tally tally = {.n_built = 0};
    for (uint64_t i = 0; i < plugin->n_options; i++) {
        const assay_option *o = &plugin->options[i];
        as_option_value value = {.name = o->name, .kind = AS_OPTION_NUMBER, .number = o->minimum};
        if (o->kind == ASSAY_OPTION_KIND_TEXT)
            continue;
        if (o->kind == ASSAY_OPTION_KIND_INT || o->kind == ASSAY_OPTION_KIND_REAL)
            build_with(check, run, value, &tally);
        value.kind = AS_OPTION_BOOL;
        for (value.number = 0; o->kind == ASSAY_OPTION_KIND_BOOL && value.number < 2;
             value.number++)
            build_with(check, run, value, &tally);
        value.kind = AS_OPTION_TEXT;
        for (size_t c = 0; o->kind == ASSAY_OPTION_KIND_CHOICE && o->choices[c]; c++) {
            value.text = o->choices[c];
            build_with(check, run, value, &tally);
        }
    }
    as_check_tell(check, run, "options", AS_CHECK_PASSED,
                  "%d single changes build, %d refused by the model%s%s", tally.n_built,
                  tally.n_refused, tally.n_refused ? ", as " : "", tally.first);
}

static void check_parameters(const as_model_check *check, check_run *run) {
    const assay_graph_view *view = as_graph_view(run->graph);
    int64_t total = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        total += view->parameters[i].n_elements;
    as_check_tell(check, run, "parameters", AS_CHECK_PASSED,
                  "%" PRId64 " in %u tensors, %" PRId64 " trained (%d words, 2 classes)", total,
                  view->n_parameters, as_graph_n_trained(view), CHECK_VOCABULARY);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static assay_status new_engine(const check_run *run, const as_check_backend *backend,
                               as_engine **ret_engine, assay_error *error) {
    as_engine_config config = {backend->backend, backend->dtype, 1, CHECK_ROWS, CHECK_TOKENS, 0};
    as_engine *engine = NULL;
    assay_status status = as_engine_new(&config, run->graph, &engine, error);
    if (status == ASSAY_OK)
        status = as_engine_init_parameters(engine, 1, error);
    if (status != ASSAY_OK) {
        as_engine_free(engine);
        return status;
    }
    *ret_engine = engine;
    return ASSAY_OK;
}

static assay_status largest_row_error(as_engine *engine, check_rows *rows, double *ret_worst,
                                      assay_error *error) {
    double together[CHECK_ROWS * 2], alone[2], worst = 0, scale = 0;
    assay_status status = as_engine_forward(engine, &rows->batch, together, NULL, error);
    for (int32_t b = 0; status == ASSAY_OK && b < CHECK_ROWS; b++) {
        assay_batch row = row_alone(rows, b);
        status = as_engine_forward(engine, &row, alone, NULL, error);
        for (int32_t k = 0; status == ASSAY_OK && k < 2; k++) {
            double difference = fabs(alone[k] - together[2 * b + k]);
            scale = fmax(scale, fabs(alone[k]));
            worst = isfinite(difference) ? fmax(worst, difference) : INFINITY;
        }
    }
    if (status == ASSAY_OK)
        *ret_worst = worst / fmax(scale, 1e-30);
    return status;
}

static void check_row_independence(const as_model_check *check, check_run *run) {
    assay_error error = ASSAY_ERROR_INIT;
    as_engine *engine = NULL;
    double worst = 0;
    assay_status status = new_engine(run, &check->backends[0], &engine, &error);
    if (status == ASSAY_OK)
        status = largest_row_error(engine, &run->rows, &worst, &error);
    if (status != ASSAY_OK)
        as_check_tell_error(check, run, "rows", &error);
    else
        as_check_tell(check, run, "rows",
                      worst <= ROW_TOLERANCE ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                      "alone and in a batch differ by %.1e (allowed %.0e)", worst, ROW_TOLERANCE);
    as_engine_free(engine);
}

/* The loss with one element moved by `by`. */
static assay_status loss_at(as_engine *engine, const assay_batch *batch, uint32_t parameter,
                            double *values, int64_t element, double by, double *ret_loss,
                            assay_error *error) {
    double logits[CHECK_ROWS * 2], was = values[element];
    values[element] = was + by;
    assay_status status =
        as_engine_set_parameter(engine, ASSAY_STATE_PARAMETER, parameter, values, error);
    if (status == ASSAY_OK)
        status = as_engine_forward(engine, batch, logits, ret_loss, error);
    values[element] = was;
    return status;
}

typedef struct probe {
    double worst;
    char where[96];
    int64_t n;
} probe;

static assay_status probe_element(as_engine *engine, const assay_batch *batch,
                                  const assay_graph_view *view, uint32_t parameter, double *values,
                                  int64_t element, double gradient, double scale, probe *p,
                                  assay_error *error) {
    double best = INFINITY;
    for (size_t w = 0; w < sizeof step_widths / sizeof step_widths[0]; w++) {
        double above, below, h = step_widths[w];
        assay_status status = loss_at(engine, batch, parameter, values, element, h, &above, error);
        if (status == ASSAY_OK)
            status = loss_at(engine, batch, parameter, values, element, -h, &below, error);
        if (status != ASSAY_OK)
            return status;
        double difference = fabs((above - below) / (2 * h) - gradient) / scale;
        best = difference < best ? difference : best; /* false for NaN: it stays infinite */
        if (best <= GRADIENT_TOLERANCE)
            break;
    }
    p->n++;
    if (best > p->worst || p->n == 1) {
        p->worst = best;
        snprintf(p->where, sizeof p->where, "%.70s[%" PRId64 "]", view->parameters[parameter].name,
                 element);
    }
    return as_engine_set_parameter(engine, ASSAY_STATE_PARAMETER, parameter, values, error);
}

/* `most` elements of each trained parameter. */
static assay_status probe_all(as_engine *engine, check_run *run, int64_t most, probe *p,
                              assay_error *error) {
    const assay_graph_view *view = as_graph_view(run->graph);
    const assay_step step = {sizeof step, 0, 1, 1, 0, 1, 0};
    as_random random = as_random_init(1, as_hash64("model_check.probe"));
    double loss, scale = 0;
    uint64_t n = as_engine_n_elements(engine);
    double *gradients = as_arena_alloc_array(run->arena, n, sizeof *gradients);
    double *values = as_arena_alloc_array(run->arena, n, sizeof *values), *g = gradients;
    if (!gradients || !values)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "gradient", "no memory");
    assay_status status = as_engine_accumulate(engine, &run->rows.batch, &step, NULL, &loss, error);
    if (status == ASSAY_OK)
        status = as_engine_get(engine, ASSAY_STATE_GRADIENT, gradients, n, error);
    for (uint64_t i = 0; status == ASSAY_OK && i < n; i++)
        scale = fmax(scale, fabs(gradients[i]));
    if (status == ASSAY_OK && !(scale > 0 && isfinite(scale)))
        return as_fail(error, ASSAY_BAD_DATA, "gradient",
                       "every gradient is zero, or one is no number: nothing can be learned");
    for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
        int64_t size = view->parameters[i].n_elements;
        int64_t wanted = view->parameters[i].gradient == ASSAY_NONE ? 0 : most;
        status = as_engine_get_parameter(engine, ASSAY_STATE_PARAMETER, i, values, error);
        for (int64_t k = 0; status == ASSAY_OK && k < wanted && k < size; k++) {
            int64_t element = (int64_t)as_random_below(&random, (uint64_t)size);
            status = probe_element(engine, &run->rows.batch, view, i, values, element, g[element],
                                   scale, p, error);
        }
        g += size;
    }
    return status;
}

static void check_gradient(const as_model_check *check, check_run *run) {
    const assay_graph_view *view = as_graph_view(run->graph);
    assay_error error = ASSAY_ERROR_INIT;
    as_engine *engine = NULL;
    probe p = {.worst = 0};
    int64_t most = (int64_t)(PROBE_FLOPS / (2 * run->step_flops * (double)view->n_parameters));
    assay_status status = new_engine(run, &check->backends[0], &engine, &error);
    if (status == ASSAY_OK)
        status = probe_all(engine, run, most < 1 ? 1 : most > 8 ? 8 : most, &p, &error);
    if (status != ASSAY_OK)
        as_check_tell_error(check, run, "gradient", &error);
    else
        as_check_tell(check, run, "gradient",
                      p.worst <= GRADIENT_TOLERANCE ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                      "%" PRId64 " elements against differences of the loss: worst %.1e, %s "
                      "(allowed %.0e)",
                      p.n, p.worst, p.where, GRADIENT_TOLERANCE);
    as_engine_free(engine);
}

static void check_backend(const as_model_check *check, check_run *run,
                          const as_check_backend *backend) {
    assay_error error = ASSAY_ERROR_INIT;
    as_engine *engine = NULL;
    as_equivalence result;
    char name[80];
    snprintf(name, sizeof name, "%.64s", backend->id);
    assay_status status = new_engine(run, backend, &engine, &error);
    if (status == ASSAY_OK)
        status = as_equivalence_check(engine, check->backends[0].backend, &run->rows.batch, &result,
                                      &error);
    if (status == ASSAY_UNSUPPORTED)
        as_check_tell(check, run, name, AS_CHECK_SKIPPED, "%.300s", error.text);
    else if (status != ASSAY_OK)
        as_check_tell_error(check, run, name, &error);
    else
        as_check_tell(check, run, name, result.passed ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                      "from the reference: logits %.1e (allowed %.0e), gradients %.1e (%.0e)",
                      result.logits_error, result.logits_bound, result.gradient_error,
                      result.gradient_bound);
    as_engine_free(engine);
}

/* Steps of Adam, dropout on; the losses before and after with dropout off, and a mark of the
 * parameters' bits. */
static assay_status learn(as_engine *engine, check_run *run, double *ret_before, double *ret_after,
                          uint64_t *ret_mark, assay_error *error) {
    const assay_update_config update = {.struct_size = sizeof update,
                                        .optimizer = ASSAY_OPTIMIZER_ADAM,
                                        .beta1 = 0.9,
                                        .beta2 = 0.999,
                                        .epsilon = 1e-8,
                                        .clip_norm = 1};
    double logits[CHECK_ROWS * 2], norm, loss;
    uint64_t n = as_engine_n_elements(engine);
    double *values = as_arena_alloc_array(run->arena, n, sizeof *values);
    if (!values)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "learns", "no memory");
    assay_status status = as_engine_forward(engine, &run->rows.batch, logits, ret_before, error);
    for (int64_t s = 1; status == ASSAY_OK && s <= CHECK_STEPS; s++) {
        const assay_step step = {sizeof step, 1, (uint64_t)s, s, 3e-3, 1.0 / CHECK_ROWS, 0};
        status = as_engine_accumulate(engine, &run->rows.batch, &step, NULL, &loss, error);
        if (status == ASSAY_OK)
            status = as_engine_update(engine, &update, &step, &norm, error);
    }
    if (status == ASSAY_OK)
        status = as_engine_forward(engine, &run->rows.batch, logits, ret_after, error);
    if (status == ASSAY_OK)
        status = as_engine_get(engine, ASSAY_STATE_PARAMETER, values, n, error);
    if (status == ASSAY_OK)
        *ret_mark = as_hash64_bytes(values, n * sizeof *values);
    return status;
}

static void check_learning(const as_model_check *check, check_run *run) {
    assay_error error = ASSAY_ERROR_INIT;
    double before = NAN, after = NAN;
    uint64_t marks[2] = {0, 1};
    assay_status status = ASSAY_OK;
    for (int i = 0; status == ASSAY_OK && i < 2; i++) {
        as_engine *engine = NULL;
        status = new_engine(run, &check->backends[0], &engine, &error);
        if (status == ASSAY_OK)
            status = learn(engine, run, &before, &after, &marks[i], &error);
        as_engine_free(engine);
    }
    if (status != ASSAY_OK) {
        as_check_tell_error(check, run, "learns", &error);
        return;
    }
    as_check_tell(check, run, "learns", after < before ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                  "loss of %d rows %.3f, after %d steps %.3f", CHECK_ROWS, before / CHECK_ROWS,
                  CHECK_STEPS, after / CHECK_ROWS);
    as_check_tell(check, run, "repeats", marks[0] == marks[1] ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                  "trained twice with one seed: %s bits",
                  marks[0] == marks[1] ? "the same" : "other");
}

static void check_graph_model(const as_model_check *check, check_run *run) {
    assay_error error = ASSAY_ERROR_INIT;
    if (build(run, run->options, 2, &run->graph, &error) != ASSAY_OK) {
        as_check_tell_error(check, run, "builds", &error);
        return;
    }
    const assay_graph_view *view = as_graph_view(run->graph);
    int32_t lengths[CHECK_ROWS];
    for (int32_t b = 0; b < CHECK_ROWS; b++)
        lengths[b] = run->rows.offsets[b + 1] - run->rows.offsets[b];
    run->step_flops = as_graph_flops(view, 1, CHECK_ROWS, lengths);
    as_check_tell(check, run, "builds", AS_CHECK_PASSED, "%u operations", view->n_forward_nodes);
    check_classes(check, run);
    check_options(check, run);
    check_parameters(check, run);
    if (run->step_flops > MOST_STEP_FLOPS) {
        as_check_tell(check, run, "numbers", AS_CHECK_SKIPPED,
                      "%.0f GFLOP a step are too many for the reference: check a smaller "
                      "configuration with --set",
                      run->step_flops * 1e-9);
        return;
    }
    check_row_independence(check, run);
    check_gradient(check, run);
    check_learning(check, run);
    for (size_t i = 1; i < check->n_backends; i++)
        check_backend(check, run, &check->backends[i]);
}

assay_status as_model_check_run(const as_model_check *check, int32_t *ret_failed,
                                assay_error *error) {
    check_run run = {.arena = as_arena_new()};
    const assay_model_opaque *opaque = NULL;
    assay_status status;
    if (!run.arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "check", "no memory");
    status = as_plugin_model(&check->plugin, &run.graph_model, &opaque, error);
    if (status == ASSAY_OK)
        status = as_options_fill(run.arena, check->plugin.descriptor, check->values,
                                 check->n_values, "--set", &run.options, error);
    if (status == ASSAY_OK) {
        make_rows(&run.rows, 2);
        run.config = configuration(run.options, 2);
        if (opaque)
            as_check_opaque_model(check, &run, opaque);
        else
            check_graph_model(check, &run);
        *ret_failed = run.n_failed;
    }
    as_graph_free(run.graph);
    as_arena_free(run.arena);
    return status;
}
