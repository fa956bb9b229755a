/* SPDX-License-Identifier: MIT */
/* models.c: whole models on a backend against `reference` in f64: logits, loss and the gradients of
 * all parameters, with dropout (masks are the same everywhere) and without. Operations alone don't
 * show what a backend makes of them together: linear layers side by side as one product, sums,
 * dropout and bias gradients done on the way of a norm, values kept in bf16 only. Sizes are such
 * that they all happen: whole vectors, more rows than threads.
 *
 *     models [--threads N] [--fused] BACKEND f32|f64|bf16|tf32|fp16
 *
 * Bounds. f32 and f64: 2e-5 of the largest absolute value; of a gradient's tensor, or 1 % of that
 * of all. bf16, tf32, fp16 from the same figures as docs/methodology, "Equivalence": rounded
 * operands put a product off by 0.6 u in the root mean square (u = 2^-8 or 2^-11), P products one
 * after the other put it off by 0.6 u sqrt(P). A gradient has passed them all, as many backward and
 * one of its own: 0.6 u sqrt(2P + 1) in the Euclidean norm of its tensor, or 4 u of that of all.
 * Parameters are drawn, so that little is amplified but where softmax's gradient cancels (below),
 * and a factor of 3.3 is left: 2 u sqrt(P) for logits and loss, 2 u sqrt(2P + 1) for gradients.
 *
 * A relu (DistilBERT's head) decides. Of its n inputs, normal as far as that goes, an error of
 * d = 0.6 u sqrt(P) moves m = 0.32 d n to the other side of zero, each an error of its own size,
 * sqrt(1 / n) of the norm. There are whole ones: bf16 and n = 192 have m = 0.6, so none or one or
 * two. Added to the bound: sqrt((m + 4 sqrt(m) + 1) / n).
 *
 * --fused: attention's gradient takes delta = dy . y from a y that was rounded to 16 bits, as fused
 * kernels do. Each element of y is off by 0.42 u of itself, so delta by e = 0.42 u rms(y) |dy| of a
 * head's D channels, and the gradients of queries and keys by e / sqrt D times the mean key |k| or
 * query: 0.42 u rms(y) rms(k) |dy|. In exact arithmetic a mean key adds nothing (the gradients of a
 * row's scores sum to 0), so these gradients may be small to any extent beside that; but those of
 * the values are sums of dy with the same weights over the same tokens. With rms(y) and rms(k) at
 * most 1, as parameters are drawn, and the factor of 3.3: 1.4 u of the gradient of value's weight
 * or bias may be added to those of query and key.
 *
 * fp16: the loss is scaled as in training. Without, gradients under 6e-5 keep fewer bits.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "harness.h"

enum { N_IDS = 50, N_CLASSES = 3 };

static const int32_t lengths[] = {5, 1, 37, 9, 40, 2, 17, 33};
enum { N_ROWS = sizeof lengths / sizeof *lengths };

typedef struct model_case {
    const char *name, *model;
    double dim;
} model_case;

static bool is_fused; /* --fused */

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
    const double scale = loss_scale_of(dtype);
    assay_step step = make_step(dropout, 77, scale / N_ROWS);
    runner_draw_parameters(&r, 2, 0);
    run_result result = runner_step(&r, arena, batch, &step);
    for (uint32_t p = 0; p < r.graph->n_parameters; p++)
        for (int64_t i = 0; result.gradients[p] && i < r.graph->parameters[p].n_elements; i++)
            result.gradients[p][i] /= scale;
    runner_close(&r);
    return result;
}

typedef struct bounds {
    double logits, gradient;
    double floor;        /* of a gradient's scale: share of all */
    double values_share; /* of query's and key's scale: at least that share of value's; 0: none */
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
        return (bounds){2e-5, 2e-5, 1e-2, 0, false};
    double u = ldexp(1, dtype == ASSAY_DTYPE_BF16 ? -8 : -11), p = as_graph_n_products(view);
    double n = n_decided(view), m = 0.32 * 0.6 * u * sqrt(p) * n;
    double decisions = n > 0 ? sqrt((m + 4 * sqrt(m) + 1) / n) : 0;
    bounds found = {2 * u * sqrt(p), 2 * u * sqrt(2 * p + 1) + decisions, 4 * u, 0, true};
    if (is_fused && dtype != ASSAY_DTYPE_TF32)
        found.values_share = 1.4 * u / found.gradient;
    return found;
}

/* The linear layer whose output is part i of an attention's queries, keys and values. */
static const assay_node *projection(const assay_graph_view *view, const assay_node *attention,
                                    uint32_t i) {
    const assay_node *concat = &view->nodes[view->values[attention->inputs[0]].node];
    if (concat->op != ASSAY_OP_CONCAT || concat->n_inputs != 3)
        tap_bail("an attention whose queries, keys and values don't come from three layers");
    return &view->nodes[view->values[concat->inputs[i]].node];
}

/* least [n_parameters]: `share` of the gradients of each attention's values for those of its
 * queries and keys, weights and biases; 0 for all others. */
static double *least_scales(as_arena *arena, const assay_graph_view *view, double *const *gradients,
                            double share) {
    double *least = require_alloc(arena, view->n_parameters, sizeof *least);
    for (uint32_t n = 0; n < view->n_forward_nodes; n++) {
        const assay_node *node = &view->nodes[n];
        if (node->op != ASSAY_OP_ATTENTION)
            continue;
        const assay_node *values = projection(view, node, 2);
        for (uint32_t k = 1; k < 3; k++) { /* weight, bias */
            int32_t from = view->values[values->inputs[k]].parameter;
            double norm = euclidean(NULL, gradients[from], view->parameters[from].n_elements);
            for (uint32_t i = 0; i < 2; i++)
                least[view->values[projection(view, node, i)->inputs[k]].parameter] = share * norm;
        }
    }
    return least;
}

static double gradient_error(as_arena *arena, const assay_graph_view *view, const bounds *bound,
                             const run_result *found, const run_result *expected,
                             const char **ret_worst) {
    if (!bound->euclidean)
        return gradient_difference(view, found->gradients, expected->gradients, bound->floor,
                                   ret_worst);
    double *least = least_scales(arena, view, expected->gradients, bound->values_share);
    return gradient_distance(view, found->gradients, expected->gradients, bound->floor, least,
                             ret_worst);
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
        d = gradient_error(arena, as_graph_view(graph), &bound, &found, &expected, &worst);
        tap_ok(d <= bound.gradient, "%s: gradients, dropout %s: %.1e (%s; bound %.1e)", c->name,
               state, d, worst, bound.gradient);
    }
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc > 1 && strcmp(argv[1], "--fused") == 0) {
        is_fused = true;
        argv++;
        argc--;
    }
    if (argc != 3)
        tap_bail(
            "usage: models [--fail-fast] [--threads N] [--fused] BACKEND f32|f64|bf16|tf32|fp16");
    const assay_backend *backends[2] = {load_backend(plugins, "reference"),
                                        load_backend(plugins, argv[1])};
    int32_t dtype = dtype_named(argv[2]);
    bool offered = dtype_is_offered(backends[1], dtype);
    for (size_t i = 0; offered && i < sizeof model_cases / sizeof *model_cases; i++)
        check(backends, dtype, &model_cases[i]);
    as_arena_free(plugins);
    return tap_done();
}
