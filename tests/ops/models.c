/* SPDX-License-Identifier: MIT */
/* models.c: whole models on a backend against `reference` in f64: logits, loss and the gradients of
 * all parameters, with dropout (masks are the same everywhere) and without. Operations alone don't
 * show what a backend makes of them together: linear layers side by side as one product, sums,
 * dropout and bias gradients done on the way of a norm, values kept in bf16 only. Sizes are such
 * that they all happen: whole vectors, more rows than threads.
 *
 *     models [--threads N] BACKEND f32|f64|bf16|tf32|fp16
 *
 * Bounds, of the output's scale: f32 and f64 2e-5 (floor of a gradient's scale 1e-2). bf16:
 * docs/methodology, "Equivalence": a gradient 4 sqrt(u) = 0.25, since relu's kink can fall on the
 * other side; logits and loss 8 u = 0.03. A gradient that is missing or has the wrong sign is off
 * by 1 or more.
 */
#include <math.h>
#include <stdio.h>

#include "graph/graph.h"
#include "harness.h"

enum { N_IDS = 50, N_CLASSES = 3 };

static const int32_t lengths[] = {5, 1, 37, 9, 40, 2, 17, 33};
enum { N_ROWS = sizeof lengths / sizeof *lengths };

typedef struct model_case {
    const char *name, *model;
    double dim;
} model_case;

static const model_case model_cases[] = {
    {"distilbert, query, key and value side by side", "distilbert", 48},
    {"distilbert, parts of vectors", "distilbert", 24},
    {"bert", "bert", 32},
};

static assay_graph *load(as_arena *arena, const model_case *c) {
    const as_option_value options[] = {{"layers", AS_OPTION_NUMBER, 2, NULL},
                                       {"heads", AS_OPTION_NUMBER, c->dim / 8, NULL},
                                       {"dim", AS_OPTION_NUMBER, c->dim, NULL},
                                       {"hidden_dim", AS_OPTION_NUMBER, 80, NULL},
                                       {"positions", AS_OPTION_NUMBER, 512, NULL}};
    return load_model(arena, c->model, options, sizeof options / sizeof *options, N_IDS, N_CLASSES);
}

static run_result run_on(const assay_backend *backend, int32_t dtype, const assay_graph *graph,
                         as_arena *arena, const assay_batch *batch, int32_t dropout) {
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_step step = make_step(dropout, 77, 1.0 / N_ROWS);
    runner_draw_parameters(&r, 2, 0);
    run_result result = runner_step(&r, arena, batch, &step);
    runner_close(&r);
    return result;
}

static void check(const assay_backend *const backends[2], int32_t dtype, const model_case *c) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = load(arena, c);
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    bool exact = dtype == ASSAY_DTYPE_F32 || dtype == ASSAY_DTYPE_F64;
    double logits_bound = exact ? 2e-5 : 0.03;
    double gradients_bound = exact ? 2e-5 : 0.25;
    for (int32_t dropout = 0; dropout < 2; dropout++) {
        run_result expected = run_on(backends[0], ASSAY_DTYPE_F64, graph, arena, batch, dropout);
        run_result found = run_on(backends[1], dtype, graph, arena, batch, dropout);
        const char *worst = "", *state = dropout ? "on" : "off";
        double d = difference(found.logits, expected.logits, expected.n_logits,
                              max_abs(expected.logits, expected.n_logits));
        tap_ok(d <= logits_bound, "%s: logits: %.1e", c->name, d);
        d = difference(&found.loss, &expected.loss, 1, fabs(expected.loss));
        tap_ok(d <= logits_bound, "%s: loss, dropout %s: %.1e", c->name, state, d);
        d = gradient_difference(as_graph_view(graph), found.gradients, expected.gradients, 1e-2,
                                &worst);
        tap_ok(d <= gradients_bound, "%s: gradients, dropout %s: %.1e (%s)", c->name, state, d,
               worst);
    }
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 3)
        tap_bail("usage: models [--fail-fast] [--threads N] BACKEND f32|f64|bf16|tf32|fp16");
    const assay_backend *backends[2] = {load_backend(plugins, "reference"),
                                        load_backend(plugins, argv[1])};
    int32_t dtype = dtype_named(argv[2]);
    bool offered = dtype_is_offered(backends[1], dtype);
    for (size_t i = 0; offered && i < sizeof model_cases / sizeof *model_cases; i++)
        check(backends, dtype, &model_cases[i]);
    as_arena_free(plugins);
    return tap_done();
}
