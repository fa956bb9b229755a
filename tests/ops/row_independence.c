/* SPDX-License-Identifier: MIT */
/* row_independence.c: rows of different length never see each other. For every built-in graph
 * model, forward and backward:
 *
 *     logits      of a row alone = in a batch with shorter and longer rows = in that batch reversed
 *     gradients   of a batch = sum of the gradients of its rows alone, dropout on (masks are keyed
 * by row) and off
 *
 *     row_independence [--stored] BACKEND f32|f64|bf16|fp16
 *
 * 1e-12 (f64) or 1e-5 (f32, bf16) of the output's scale; for gradients the scale of harness.h with
 * a floor of 1e-2. bf16 has f32's bound, because a row's operands are rounded alike in any company.
 * --stored: a library may hand over gradients of weights in 16 bits, rounded by half of u = 2^-8 or
 * 2^-11 of themselves: those of n rows and the batch's are (n + 1) u / 2 apart at most.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "harness.h"

enum { N_IDS = 50, N_CLASSES = 5 };

static const int32_t lengths[] = {5, 1, 23, 9, 1, 40, 2, 17};
enum { N_ROWS = sizeof lengths / sizeof *lengths };

typedef struct model_case {
    const char *name, *model;
    as_option_value options[6];
    size_t n_options;
} model_case;

#define SWITCH(name, value)                                                                        \
    { name, AS_OPTION_BOOL, value, NULL }

#define BERT_OPTIONS                                                                               \
    OPTION("layers", 2), OPTION("heads", 3), OPTION("dim", 24), OPTION("hidden_dim", 40),          \
        OPTION("positions", 512)

static const model_case model_cases[] = {
    {"gru", "gru", {OPTION("layers", 2)}, 1},
    {"gru, one direction", "gru", {SWITCH("bidirectional", 0)}, 1},
    {"gru, mean", "gru", {{"pooling", AS_OPTION_TEXT, 0, "mean"}}, 1},
    {"gru, max", "gru", {{"pooling", AS_OPTION_TEXT, 0, "max"}}, 1},
    {"gru, attention", "gru", {{"pooling", AS_OPTION_TEXT, 0, "attention"}}, 1},
    {"gru, weighted and frozen",
     "gru",
     {SWITCH("token_weights", 1), SWITCH("train_embedding", 0)},
     2},
    {"rnn", "rnn", {OPTION("layers", 2)}, 1},
    {"rnn, both directions", "rnn", {SWITCH("bidirectional", 1)}, 1},
    {"lstm", "lstm", {OPTION("layers", 2)}, 1},
    {"bilstm", "bilstm", {OPTION("hidden", 24)}, 1},
    {"bilstm_attention", "bilstm_attention", {OPTION("layers", 2)}, 1},
    {"bilstm_attention, no W", "bilstm_attention", {OPTION("attention", 0)}, 1},
    {"transformer", "transformer", {OPTION("dropout", 0.2)}, 1},
    {"transformer, one head", "transformer", {OPTION("heads", 1), OPTION("hidden", 33)}, 2},
    {"distilbert", "distilbert", {BERT_OPTIONS}, 5},
    {"distilbert, mean", "distilbert", {BERT_OPTIONS, {"head", AS_OPTION_TEXT, 0, "mean"}}, 6},
    {"bert", "bert", {BERT_OPTIONS}, 5},
};

static assay_batch *row_alone(as_arena *arena, const assay_batch *batch, int32_t row) {
    return pick_rows(arena, batch, &row, 1);
}

/* Logits of every row of `batch`, which has the rows of the whole batch in the given order, against
 * those of the row alone. One plan for all sizes. */
static double logits_difference(runner *r, as_arena *arena, const assay_batch *whole,
                                const int32_t *order) {
    assay_plan *plan = runner_compile(r, ASSAY_PLAN_FORWARD, whole->n_rows, whole->n_tokens);
    assay_value logits = r->graph->logits;
    double worst = 0;
    runner_run(r, plan, pick_rows(arena, whole, order, N_ROWS), NULL);
    double *together = runner_read(r, arena, plan, logits, (int64_t)N_ROWS * N_CLASSES);
    double scale = max_abs(together, (int64_t)N_ROWS * N_CLASSES);
    for (int32_t i = 0; i < N_ROWS; i++) {
        runner_run(r, plan, row_alone(arena, whole, order[i]), NULL);
        double *alone = runner_read(r, arena, plan, logits, N_CLASSES);
        worst = fmax(worst, difference(alone, &together[i * N_CLASSES], N_CLASSES, scale));
    }
    r->backend->plan_free(plan);
    return worst;
}

static double **download_gradients(runner *r, as_arena *arena) {
    double **gradients = require_alloc(arena, r->graph->n_parameters, sizeof *gradients);
    for (uint32_t p = 0; p < r->graph->n_parameters; p++)
        gradients[p] = runner_download(r, arena, ASSAY_STATE_GRADIENT, p);
    return gradients;
}

static double batch_gradient_difference(runner *r, as_arena *arena, const assay_batch *whole,
                                        const assay_step *step, const char **ret_worst) {
    assay_plan *plan = runner_compile(r, ASSAY_PLAN_ACCUMULATE, whole->n_rows, whole->n_tokens);
    runner_zero_gradients(r);
    runner_run(r, plan, whole, step);
    double **together = download_gradients(r, arena);
    runner_zero_gradients(r);
    for (int32_t b = 0; b < N_ROWS; b++)
        runner_run(r, plan, row_alone(arena, whole, b), step);
    double **summed = download_gradients(r, arena);
    r->backend->plan_free(plan);
    return gradient_difference(r->graph, summed, together, 1e-2, ret_worst);
}

static bool is_stored; /* --stored */

static double gradient_tolerance(int32_t dtype) {
    return is_stored ? (N_ROWS + 1) * ldexp(1, dtype == ASSAY_DTYPE_BF16 ? -9 : -12)
           : dtype == ASSAY_DTYPE_F64 ? 1e-12
                                      : 1e-5;
}

static void check_model(const assay_backend *backend, int32_t dtype, const model_case *c) {
    static const int32_t forward[N_ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const int32_t reverse[N_ROWS] = {7, 6, 5, 4, 3, 2, 1, 0};
    as_arena *arena = as_arena_new();
    assay_graph *graph = load_model(arena, c->model, c->options, c->n_options, N_IDS, N_CLASSES);
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    double tolerance = dtype == ASSAY_DTYPE_F64 ? 1e-12 : 1e-5;
    const char *worst;
    runner_draw_parameters(&r, 2, 0);
    double d = logits_difference(&r, arena, batch, forward);
    tap_ok(d <= tolerance, "%s: logits alone and together: %.1e", c->name, d);
    d = logits_difference(&r, arena, batch, reverse);
    tap_ok(d <= tolerance, "%s: logits alone and together in reverse order: %.1e", c->name, d);
    for (int32_t dropout = 0; dropout < 2; dropout++) {
        assay_step step = make_step(dropout, 77, loss_scale_of(dtype) / N_ROWS);
        d = batch_gradient_difference(&r, arena, batch, &step, &worst);
        tap_ok(d <= gradient_tolerance(dtype), "%s: gradients add up, dropout %s: %.1e (%s)",
               c->name, dropout ? "on" : "off", d, worst);
    }
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc > 1 && strcmp(argv[1], "--stored") == 0) {
        is_stored = true;
        argv++;
        argc--;
    }
    if (argc != 3)
        tap_bail("usage: row_independence [--fail-fast] [--stored] BACKEND f32|f64|bf16|fp16");
    const assay_backend *backend = load_backend(plugins, argv[1]);
    int32_t dtype = dtype_named(argv[2]);
    bool offered = dtype_is_offered(backend, dtype);
    for (size_t i = 0; offered && i < sizeof model_cases / sizeof *model_cases; i++)
        check_model(backend, dtype, &model_cases[i]);
    as_arena_free(plugins);
    return tap_done();
}
