/* SPDX-License-Identifier: MIT */
/* models.c: whole models on a backend against `reference` in f64: logits, loss and the gradients of
 * all parameters, with dropout (masks are the same everywhere) and without. Operations alone don't
 * show what a backend makes of them together: linear layers side by side as one product, sums,
 * dropout and bias gradients done on the way of a norm, values kept in bf16 only. Sizes are such
 * that they all happen: whole vectors, more rows than threads.
 *
 *     models [--threads N] BACKEND f32|f64|bf16|tf32|fp16
 *
 * Bounds. f32 and f64: 2e-5 of the largest absolute value; of a gradient's tensor, or 1 % of that
 * of all. bf16, tf32, fp16 from the same figures as docs/methodology, "Equivalence": rounded
 * operands put a product off by 0.6 u in the root mean square (u = 2^-8 or 2^-11), P products one
 * after the other put it off by 0.6 u sqrt(P). A gradient has passed them all, as many backward and
 * one of its own: 0.6 u sqrt(2P + 1) in the Euclidean norm of its tensor, or 4 u of that of all.
 * Parameters are drawn, so nothing is amplified, and a factor of 3.3 is left: 2 u sqrt(P) for
 * logits and loss, 2 u sqrt(2P + 1) for gradients.
 *
 * A relu (DistilBERT's head) decides. Of its n inputs, normal as far as that goes, an error of
 * d = 0.6 u sqrt(P) moves m = 0.32 d n to the other side of zero, each an error of its own size,
 * sqrt(1 / n) of the norm. There are whole ones: bf16 and n = 192 have m = 0.6, so none or one or
 * two. Added to the bound: sqrt((m + 4 sqrt(m) + 1) / n).
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

typedef struct bounds {
    double logits, gradient;
    double floor; /* of a gradient's scale: share of all */
    bool euclidean;
} bounds;

/* Elements that relus of the forward part have as inputs. */
static double n_decided(const assay_graph_view *view) {
    double n = 0;
    for (uint32_t i = 0; i < view->n_forward_nodes; i++)
        if (view->nodes[i].op == ASSAY_OP_RELU)
            n += (double)view->values[view->nodes[i].outputs[0]].dims[0] * N_ROWS;
    return n;
}

static bounds bounds_of(int32_t dtype, const assay_graph_view *view) {
    if (dtype == ASSAY_DTYPE_F32 || dtype == ASSAY_DTYPE_F64)
        return (bounds){2e-5, 2e-5, 1e-2, false};
    double u = ldexp(1, dtype == ASSAY_DTYPE_BF16 ? -8 : -11), p = as_graph_n_products(view);
    double n = n_decided(view), m = 0.32 * 0.6 * u * sqrt(p) * n;
    double decisions = n > 0 ? sqrt((m + 4 * sqrt(m) + 1) / n) : 0;
    return (bounds){2 * u * sqrt(p), 2 * u * sqrt(2 * p + 1) + decisions, 4 * u, true};
}

static double gradient_error(const assay_graph_view *view, const bounds *bound,
                             const run_result *found, const run_result *expected,
                             const char **ret_worst) {
    return bound->euclidean ? gradient_distance(view, found->gradients, expected->gradients,
                                                bound->floor, ret_worst)
                            : gradient_difference(view, found->gradients, expected->gradients,
                                                  bound->floor, ret_worst);
}

static void check(const assay_backend *const backends[2], int32_t dtype, const model_case *c) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = load(arena, c);
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    const bounds bound = bounds_of(dtype, as_graph_view(graph));
    for (int32_t dropout = 0; dropout < 2; dropout++) {
        run_result expected = run_on(backends[0], ASSAY_DTYPE_F64, graph, arena, batch, dropout);
        run_result found = run_on(backends[1], dtype, graph, arena, batch, dropout);
        const char *worst = "", *state = dropout ? "on" : "off";
        double d = difference(found.logits, expected.logits, expected.n_logits,
                              max_abs(expected.logits, expected.n_logits));
        tap_ok(d <= bound.logits, "%s: logits: %.1e (bound %.1e)", c->name, d, bound.logits);
        d = difference(&found.loss, &expected.loss, 1, fabs(expected.loss));
        tap_ok(d <= bound.logits, "%s: loss, dropout %s: %.1e", c->name, state, d);
        d = gradient_error(as_graph_view(graph), &bound, &found, &expected, &worst);
        tap_ok(d <= bound.gradient, "%s: gradients, dropout %s: %.1e (%s; bound %.1e)", c->name,
               state, d, worst, bound.gradient);
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
