/* SPDX-License-Identifier: MIT */
/* directed.c: cases that random tests miss, against `reference` in f64.
 *
 *     directed [--f32-attention] BACKEND [f32|bf16|tf32|fp16]      results as TAP
 *
 * Long rows: attention over rows whose lengths are beside multiples of 64 and 128, and with scores
 * so low that each row's logsumexp is under -88.7, where exp underflows in f32: cuDNN 9.19's
 * backward kernel then gave dq that is no number (github.com/pytorch/pytorch/issues/196678).
 * Lengths: batches of other lengths through one plan, recurrent layers and attention: what depends
 * on lengths must follow them, in a captured run too. GELU: at x = 2 its tanh form is 5e-5 off.
 *
 * --f32-attention: bf16 and fp16 of a backend whose attention keeps in f32 all but what it reads
 * and writes. Keys and values that are nearly alike: the gradients of queries and keys are then
 * small differences, which a delta = dy . y of a y in 16 bits would spoil (models.c). Their bound
 * is what rounding of what stands in memory leaves: y, the pooled row, its gradient, dy, dq (0.42 u
 * each) and the classifier's product (0.6 u) are sqrt(5 0.42^2 + 0.6^2) u = 1.1 u in the root mean
 * square; with a factor of 3.3 4 u of their Euclidean norm. */
#include <math.h>
#include <stdio.h>

#include "assay/blocks.h"
#include "cases.h"

static const assay_backend *tested, *reference;
static int32_t dtype = ASSAY_DTYPE_F32;

static double roundoff(void) {
    return dtype == ASSAY_DTYPE_BF16 ? 0.00390625 : dtype == ASSAY_DTYPE_F32 ? 3e-6 : 0.00048828125;
}

static assay_graph *close_graph(assay_graph *graph, assay_value logits) {
    assay_error error = ASSAY_ERROR_INIT;
    require(as_graph_close(graph, logits, &(as_graph_options){.with_gradient = 1}, &error), &error);
    return graph;
}

static assay_graph *new_graph(const assay_builder **ret_builder) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    *ret_builder = as_graph_builder(graph);
    return graph;
}

/* ---- long rows ------------------------------------------------------------------------------- */

enum { CHANNELS = 128, HEADS = 2, N_IDS = 700 };

static const int32_t long_lengths[] = {192, 64, 1, 191, 130, 65};
enum { N_LONG = sizeof long_lengths / sizeof *long_lengths };

static assay_graph *attention_graph(double dropout) {
    const assay_builder *b;
    assay_graph *graph = new_graph(&b);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "x", ids, N_IDS, CHANNELS);
    x = assay_mean_pool(b, assay_self_attention(b, "attention", x, HEADS, dropout));
    return close_graph(graph, assay_linear(b, "classifier", x, 3));
}

/* q + shift, k - shift: every score is shift^2 sqrt D lower, every softmax the same but for
 * rounding. */
static void shift_scores(runner *r, double shift) {
    for (uint32_t p = 0; p < r->graph->n_parameters; p++) {
        as_arena *arena = as_arena_new();
        if (strcmp(r->graph->parameters[p].name, "attention.in_proj_bias") == 0) {
            double *bias = runner_download(r, arena, ASSAY_STATE_PARAMETER, p);
            for (int i = 0; i < CHANNELS; i++) {
                bias[i] = shift;
                bias[CHANNELS + i] = -shift;
            }
            runner_upload(r, ASSAY_STATE_PARAMETER, p, bias);
        }
        as_arena_free(arena);
    }
}

static void check_long_rows(double shift, double dropout) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = attention_graph(dropout);
    assay_batch *batch = make_batch(arena, long_lengths, N_LONG, N_IDS, 3);
    assay_step step = make_step(1, 7, 1.0 / N_LONG);
    runner a = runner_open(tested, dtype, as_graph_view(graph));
    runner b = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    /* Scores of size shift^2 sqrt D carry that many roundoffs into the exponent. */
    double tolerance = roundoff() * (32 + 2 * shift * shift * sqrt((double)CHANNELS / HEADS));
    const char *worst;
    runner_draw_parameters(&a, 3, 0);
    runner_draw_parameters(&b, 3, 0);
    shift_scores(&a, shift);
    shift_scores(&b, shift);
    run_result x = runner_step(&a, arena, batch, &step);
    run_result y = runner_step(&b, arena, batch, &step);
    double logits = difference(x.logits, y.logits, y.n_logits, max_abs(y.logits, y.n_logits));
    double gradients = gradient_difference(b.graph, x.gradients, y.gradients, 1e-2, &worst);
    tap_ok(logits <= tolerance && gradients <= tolerance,
           "attention over rows of 1 to 192 tokens, scores shifted by %g, dropout %g: logits %.1e, "
           "gradients %.1e (%s)",
           -shift * shift * sqrt((double)CHANNELS / HEADS), dropout, logits, gradients, worst);
    runner_close(&a);
    runner_close(&b);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* ---- tokens that are nearly alike ------------------------------------------------------------ */

enum { ALIKE = 32, ALIKE_IDS = 64 };

/* Multiples of 1/64 that are exact in bf16: queries in [-1, 1), keys and values in [1, 1.5). */
static void draw_alike(runner *r) {
    double table[ALIKE_IDS * 3 * ALIKE];
    for (int i = 0; i < ALIKE_IDS * 3 * ALIKE; i++) {
        int channel = i % (3 * ALIKE), bits = (int)(assay_mix64((uint64_t)i) >> 59);
        table[i] = channel < ALIKE ? bits / 16.0 - 1 : 1 + bits / 64.0;
    }
    runner_draw_parameters(r, 5, 0);
    runner_upload(r, ASSAY_STATE_PARAMETER, 0, table);
}

/* |a - b| / |b| over the channels of queries and keys. */
static double scores_distance(const double *a, const double *b) {
    double of = 0, difference_of = 0;
    for (int i = 0; i < ALIKE_IDS; i++) {
        of = hypot(of, euclidean(NULL, &b[i * 3 * ALIKE], 2 * ALIKE));
        difference_of =
            hypot(difference_of, euclidean(&a[i * 3 * ALIKE], &b[i * 3 * ALIKE], 2 * ALIKE));
    }
    return difference_of / of;
}

static void check_alike_tokens(double dropout) {
    static const int32_t lengths[] = {33, 2, 64, 17};
    as_arena *arena = as_arena_new();
    const assay_builder *b;
    assay_graph *graph = new_graph(&b);
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.heads = 4;
    attrs.probability = dropout;
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = assay_embedding(b, "qkv", ids, ALIKE_IDS, 3 * ALIKE);
    y = assay_apply1(b, ASSAY_OP_ATTENTION, y, &attrs);
    close_graph(graph, assay_linear(b, "classifier", assay_mean_pool(b, y), 3));
    assay_batch *batch = make_batch(arena, lengths, 4, ALIKE_IDS, 3);
    assay_step step = make_step(1, 7, loss_scale_of(dtype) / 4);
    runner x = runner_open(tested, dtype, as_graph_view(graph));
    runner z = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    draw_alike(&x);
    draw_alike(&z);
    run_result found = runner_step(&x, arena, batch, &step);
    run_result expected = runner_step(&z, arena, batch, &step);
    double d = scores_distance(found.gradients[0], expected.gradients[0]), bound = 4 * roundoff();
    tap_ok(d <= bound,
           "tokens nearly alike, dropout %g: gradients of queries and keys: %.1e (bound %.1e)",
           dropout, d, bound);
    runner_close(&x);
    runner_close(&z);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* ---- lengths that change within one plan ----------------------------------------------------- */

static assay_graph *sequence_graph(int32_t op, int bidirectional) {
    const assay_builder *b;
    assay_graph *graph = new_graph(&b);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "x", ids, N_IDS, 40);
    x = op == ASSAY_OP_ATTENTION ? assay_self_attention(b, "layer", x, 5, 0)
                                 : assay_recurrent(b, op, "layer", 0, x, 24, bidirectional);
    return close_graph(graph, assay_linear(b, "classifier", assay_mean_pool(b, x), 3));
}

/* Largest difference of logits and gradients over three rounds of three batches. */
static double run_rounds(runner *a, runner *b, as_arena *arena, double *ret_gradients) {
    static const int32_t lengths[3][4] = {{33, 1, 70, 2}, {2, 70, 70, 1}, {5, 4, 3, 2}};
    assay_plan *forward = runner_compile(a, ASSAY_PLAN_FORWARD, 6, 200);
    assay_plan *accumulate = runner_compile(a, ASSAY_PLAN_ACCUMULATE, 6, 200);
    assay_step step = make_step(0, 1, 0.25);
    double largest = 0;
    *ret_gradients = 0;
    for (int i = 0; i < 9; i++) {
        assay_batch *batch = make_batch(arena, lengths[i % 3], 4, N_IDS, 3);
        run_result y = runner_step(b, arena, batch, &step), x = {0};
        const char *worst;
        runner_run(a, forward, batch, &step);
        x.logits = runner_read(a, arena, forward, a->graph->logits, y.n_logits);
        runner_zero_gradients(a);
        runner_run(a, accumulate, batch, &step);
        x.gradients = require_alloc(arena, a->graph->n_parameters, sizeof *x.gradients);
        for (uint32_t p = 0; p < a->graph->n_parameters; p++)
            x.gradients[p] = runner_download(a, arena, ASSAY_STATE_GRADIENT, p);
        largest = fmax(largest,
                       difference(x.logits, y.logits, y.n_logits, max_abs(y.logits, y.n_logits)));
        *ret_gradients = fmax(
            *ret_gradients, gradient_difference(b->graph, x.gradients, y.gradients, 1e-2, &worst));
    }
    a->backend->plan_free(forward);
    a->backend->plan_free(accumulate);
    return largest;
}

static void check_lengths(int32_t op, int bidirectional) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = sequence_graph(op, bidirectional);
    runner a = runner_open(tested, dtype, as_graph_view(graph));
    runner b = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    double logits, gradients;
    runner_draw_parameters(&a, 9, 0);
    runner_draw_parameters(&b, 9, 0);
    logits = run_rounds(&a, &b, arena, &gradients);
    tap_ok(logits <= 32 * roundoff() && gradients <= 64 * roundoff(),
           "%s%s follows the lengths of each batch: logits %.1e, gradients %.1e", as_op_name(op),
           bidirectional ? ", both directions," : "", logits, gradients);
    runner_close(&a);
    runner_close(&b);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* ---- GELU ------------------------------------------------------------------------------------ */

static void check_gelu(void) {
    static const double values[] = {2, -2, 1, -1, 3, -3, 0.5, -0.5};
    enum { N = sizeof values / sizeof *values };
    static const double ones[2] = {1, 1}, zeros[2] = {0, 0};
    static const int32_t lengths[N] = {1, 1, 1, 1, 1, 1, 1, 1};
    as_arena *arena = as_arena_new();
    const assay_builder *b;
    assay_graph *graph = new_graph(&b);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value y = assay_gelu(b, assay_embedding(b, "x", ids, N, 1));
    y = assay_linear(b, "classifier", assay_select_token(b, y, ASSAY_TOKEN_FIRST), 2);
    close_graph(graph, y);
    runner r = runner_open(tested, dtype, as_graph_view(graph));
    assay_batch *batch = make_batch(arena, lengths, N, N, 2);
    assay_step step = make_step(0, 1, 1);
    runner_upload(&r, ASSAY_STATE_PARAMETER, 0, values);
    runner_upload(&r, ASSAY_STATE_PARAMETER, 1, ones);
    runner_upload(&r, ASSAY_STATE_PARAMETER, 2, zeros);
    run_result x = runner_step(&r, arena, batch, &step);
    double largest = 0;
    for (int i = 0; i < N; i++)
        largest = fmax(largest,
                       fabs(x.logits[2 * i] - 0.5 * values[i] * (1 + erf(values[i] / sqrt(2.0)))));
    tap_ok(largest <= 2e-6, "GELU is the form with erf: off by %.1e", largest);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    static const int32_t recurrent[] = {ASSAY_OP_RNN, ASSAY_OP_GRU, ASSAY_OP_LSTM};
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    bool in_f32 = argc > 1 && strcmp(argv[1], "--f32-attention") == 0;
    argv += in_f32;
    argc -= in_f32;
    if (argc < 2)
        tap_bail("usage: directed [--f32-attention] BACKEND [f32|bf16|tf32|fp16]");
    dtype = argc > 2 ? dtype_named(argv[2]) : ASSAY_DTYPE_F32;
    tested = load_backend(plugins, argv[1]);
    reference = load_backend(plugins, "reference");
    if (dtype_is_offered(tested, dtype)) {
        for (int i = 0; i < 4; i++)
            check_long_rows(i / 2 ? 4.0 : 0.5, i % 2 ? 0.1 : 0);
        for (int i = 0; i < 6; i++)
            check_lengths(recurrent[i / 2], i % 2);
        check_lengths(ASSAY_OP_ATTENTION, 0);
        for (int i = 0; i < 2 && in_f32 && roundoff() > 1e-4; i++)
            check_alike_tokens(i ? 0.1 : 0);
        if (dtype == ASSAY_DTYPE_F32)
            check_gelu();
    }
    as_arena_free(plugins);
    return tap_done();
}
