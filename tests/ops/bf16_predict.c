/* SPDX-License-Identifier: MIT */
/* bf16_predict.c: what predictions in mixed precision keep in bf16: GELU of a product, and the
 * terms of a norm.
 *
 *     bf16_predict BACKEND
 *
 * Identities as weights hand values that are bf16 on exactly. */
#include <math.h>

#include "assay/blocks.h"
#include "base/random.h"
#include "cases.h"

static const assay_backend *backend;

/* A network of rows x [ROWS, CHANNELS] and a linear layer that hands its input on as logits. */
enum { NET_ROWS = 167, NET_CHANNELS = 37, NET_SIZE = NET_ROWS * NET_CHANNELS };

typedef assay_value (*net_builder)(const assay_builder *b, assay_value x);

/* Logits where the weights among parameters are the identity, the gammas ones: a bit for each. */
static double *net_logits(as_arena *arena, net_builder build, const double *x, uint32_t weights,
                          uint32_t gammas) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    double identity[NET_CHANNELS * NET_CHANNELS] = {0}, gamma[NET_CHANNELS];
    int32_t *ones = require_alloc(arena, NET_ROWS, sizeof *ones);
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = assay_select_token(b, assay_embedding(b, "x", ids, NET_ROWS, NET_CHANNELS),
                                       ASSAY_TOKEN_FIRST);
    y = assay_linear(b, "logits", build(b, y), NET_CHANNELS);
    require(as_graph_close(graph, y, &(as_graph_options){.with_gradient = 1}, &error), &error);
    for (int i = 0; i < NET_ROWS; i++)
        ones[i] = 1;
    for (int i = 0; i < NET_CHANNELS; i++)
        identity[i * NET_CHANNELS + i] = gamma[i] = 1;
    runner r = runner_open(backend, ASSAY_DTYPE_BF16, as_graph_view(graph));
    runner_upload(&r, ASSAY_STATE_PARAMETER, 0, x);
    for (uint32_t p = 1; p < 32; p++)
        if ((weights | gammas) >> p & 1u)
            runner_upload(&r, ASSAY_STATE_PARAMETER, p, weights >> p & 1u ? identity : gamma);
    assay_plan *plan = runner_compile(&r, ASSAY_PLAN_FORWARD, NET_ROWS + 5, NET_ROWS + 5);
    assay_batch *batch = make_batch(arena, ones, NET_ROWS, NET_ROWS, NET_CHANNELS);
    runner_run(&r, plan, batch, NULL);
    double *logits = runner_read(&r, arena, plan, r.graph->logits, NET_SIZE);
    backend->plan_free(plan);
    runner_close(&r);
    as_graph_free(graph);
    return logits;
}

static assay_value build_linear_gelu(const assay_builder *b, assay_value x) {
    return assay_gelu(b, assay_linear(b, "linear", x, NET_CHANNELS));
}

/* Every bf16 of 2^-20 <= |x| < 16: the rounded GELU, or what rounds from 2e-4 of it beside that. */
static void check_gelu(void) {
    as_arena *arena = as_arena_new();
    double *x = require_alloc(arena, NET_SIZE, sizeof *x);
    int wrong = 0;
    for (int i = 0; i < NET_SIZE; i++)
        x[i] = (i % 2 ? -1 : 1) * ldexp(128 + i / 2 % 128, i / 256 - 27);
    double *y = net_logits(arena, build_linear_gelu, x, 1u << 1 | 1u << 3, 0);
    for (int i = 0; i < NET_SIZE; i++) {
        double right = x[i] * erfc(-x[i] * sqrt(0.5)) / 2, off = 2e-4 * fabs(right) + 2e-7;
        wrong += !(y[i] >= bf16_rounded(right - off) && y[i] <= bf16_rounded(right + off));
    }
    tap_ok(wrong == 0, "GELU of %d values behind a product is that of erf, rounded: %d are not",
           NET_SIZE, wrong);
    as_arena_free(arena);
}

static assay_value build_norms(const assay_builder *b, assay_value x) {
    x = assay_layer_norm(b, "first", x, 1e-5);
    return assay_layer_norm(b, "second",
                            assay_add(b, x, assay_linear(b, "linear", x, NET_CHANNELS)), 1e-5);
}

/* The norm of a norm and its copy is that norm. */
static void check_norms(void) {
    as_arena *arena = as_arena_new();
    double *x = require_alloc(arena, NET_SIZE, sizeof *x), worst = 0;
    as_random random = as_random_init(15, 0);
    for (int i = 0; i < NET_SIZE; i++)
        x[i] = ((double)as_random_below(&random, 1024) - 512) / 256;
    double *y = net_logits(arena, build_norms, x, 1u << 3 | 1u << 7, 1u << 1 | 1u << 5);
    for (int r = 0; r < NET_ROWS; r++) {
        const double *row = x + (ptrdiff_t)r * NET_CHANNELS;
        double mean = 0, variance = 0;
        for (int c = 0; c < NET_CHANNELS; c++)
            mean += row[c] / NET_CHANNELS;
        for (int c = 0; c < NET_CHANNELS; c++)
            variance += (row[c] - mean) * (row[c] - mean) / NET_CHANNELS;
        for (int c = 0; c < NET_CHANNELS; c++)
            worst = fmax(worst, fabs(y[r * NET_CHANNELS + c] - (row[c] - mean) / sqrt(variance)));
    }
    tap_ok(worst <= 4 * BF16_ROUNDOFF, "norms of terms in bf16: off by %.2g at most", worst);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 2)
        tap_bail("usage: bf16_predict [--fail-fast] BACKEND");
    backend = load_backend(plugins, argv[1]);
    if (dtype_is_offered(backend, ASSAY_DTYPE_BF16)) {
        check_gelu();
        check_norms();
    }
    as_arena_free(plugins);
    return tap_done();
}
