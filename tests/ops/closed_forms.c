/* SPDX-License-Identifier: MIT */
/* closed_forms.c: the reference backend against closed forms, where PyTorch has no numbers to give:
 *
 *     closed_forms
 *
 * dropout masks by their keys, ties of max_pool, relu at zero; and what a plan allows to read. */
#include <math.h>

#include "assay/blocks.h"
#include "cases.h"

static const double tolerance = 1e-12;

static const assay_backend *reference;

static assay_value body_mean(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, x);
}

static assay_value body_max(const assay_builder *b, assay_value x) {
    return assay_max_pool(b, x);
}

/* The output of the first node with that operation. */
static assay_value output_of(const assay_graph_view *graph, int32_t op) {
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == op)
            return graph->nodes[i].outputs[0];
    tap_bail("no node %s", as_op_name(op));
}

static int32_t stream_of(const assay_graph_view *graph, int32_t op) {
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == op)
            return graph->nodes[i].attrs.stream;
    tap_bail("no node %s", as_op_name(op));
}

static const int32_t closed_lengths[] = {3, 1, 2};
enum { CLOSED_ROWS = 3, CLOSED_TOKENS = 6, CLOSED_CHANNELS = 8 };

/* A graph with its batch, every token with an id of its own. */
typedef struct closed {
    as_arena *arena;
    assay_graph *graph;
    assay_batch *batch;
    runner r;
    assay_plan *plan; /* accumulate */
} closed;

static closed closed_open(graph_body *body) {
    closed c;
    c.arena = as_arena_new();
    c.graph = body_graph(body, CLOSED_TOKENS, CLOSED_CHANNELS, 2, 0, NULL);
    c.batch = make_batch(c.arena, closed_lengths, CLOSED_ROWS, CLOSED_TOKENS, 2);
    c.r = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(c.graph));
    runner_draw_parameters(&c.r, 1, 0);
    c.plan = runner_compile(&c.r, ASSAY_PLAN_ACCUMULATE, CLOSED_ROWS, CLOSED_TOKENS);
    return c;
}

static void closed_close(closed *c) {
    reference->plan_free(c->plan);
    runner_close(&c->r);
    as_graph_free(c->graph);
    as_arena_free(c->arena);
}

static double *closed_read(closed *c, assay_value value, int64_t n) {
    return runner_read(&c->r, c->arena, c->plan, value, n);
}

static assay_value body_dropout(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, assay_dropout(b, x, 0.25));
}

static assay_value body_dropout_rows(const assay_builder *b, assay_value x) {
    return assay_dropout(b, assay_select_token(b, x, ASSAY_TOKEN_FIRST), 0.25);
}

/* Each element of y is 0 or 4/3 x as assay_dropout_keep says for (seed, stream, row key, position,
 * channel); tokens by their position in the row, rows at position 0. */
static void check_dropout(graph_body *body, bool is_rows) {
    closed c = closed_open(body);
    const assay_graph_view *graph = c.r.graph;
    assay_step step = make_step(1, 99, 1);
    int32_t stream = stream_of(graph, ASSAY_OP_DROPOUT);
    int64_t n = is_rows ? CLOSED_ROWS : CLOSED_TOKENS;
    bool ok = true;
    int kept = 0;
    runner_run(&c.r, c.plan, c.batch, &step);
    double *x = runner_download(&c.r, c.arena, ASSAY_STATE_PARAMETER, 0); /* ids are 0, 1, ... */
    double *y = closed_read(&c, output_of(graph, ASSAY_OP_DROPOUT), n * CLOSED_CHANNELS);
    for (int32_t b = 0; b < CLOSED_ROWS; b++) {
        for (int32_t p = 0; p < (is_rows ? 1 : closed_lengths[b]); p++) {
            int32_t t = c.batch->offsets[b] + p, row = is_rows ? b : t;
            uint64_t key = assay_dropout_key(99, stream, c.batch->row_keys[b], p);
            for (int32_t i = 0; i < CLOSED_CHANNELS; i++) {
                bool keep = assay_dropout_keep(key, (uint32_t)i, assay_dropout_threshold(0.25));
                double expected = keep ? x[t * CLOSED_CHANNELS + i] / 0.75 : 0;
                ok = ok && fabs(y[row * CLOSED_CHANNELS + i] - expected) <= 1e-15;
                kept += keep;
            }
        }
    }
    tap_ok(ok && kept > 0 && kept < n * CLOSED_CHANNELS, "dropout of %s drops what its keys say",
           is_rows ? "rows" : "tokens");
    closed_close(&c);
}

/* Off in accumulate plans that say so, and in forward plans whatever the step says. */
static void check_dropout_off(void) {
    closed c = closed_open(body_dropout);
    enum { N = CLOSED_TOKENS * CLOSED_CHANNELS };
    assay_value y = output_of(c.r.graph, ASSAY_OP_DROPOUT);
    assay_step off = make_step(0, 99, 1), on = make_step(1, 99, 1);
    assay_plan *forward = runner_compile(&c.r, ASSAY_PLAN_FORWARD, CLOSED_ROWS, CLOSED_TOKENS);
    double *x = runner_download(&c.r, c.arena, ASSAY_STATE_PARAMETER, 0);
    runner_run(&c.r, c.plan, c.batch, &off);
    tap_ok(memcmp(closed_read(&c, y, N), x, N * sizeof *x) == 0, "dropout off is the identity");
    runner_run(&c.r, forward, c.batch, &on);
    tap_ok(memcmp(runner_read(&c.r, c.arena, forward, y, N), x, N * sizeof *x) == 0,
           "forward plans never drop");
    reference->plan_free(forward);
    closed_close(&c);
}

static assay_value body_attention_dropout(const assay_builder *b, assay_value x) {
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.heads = 2;
    attrs.probability = 0.5;
    x = assay_linear(b, "qkv", x, 3 * CLOSED_CHANNELS);
    return assay_mean_pool(b, assay_apply1(b, ASSAY_OP_ATTENTION, x, &attrs));
}

/* y_t of one head, written out from ops.def: mask and all */
static void attention_row(const closed *c, const double *qkv, int32_t b, int32_t p, int32_t h,
                          int32_t stream, double *y) {
    enum { D = CLOSED_CHANNELS / 2, STRIDE = 3 * CLOSED_CHANNELS };
    const double *row = &qkv[c->batch->offsets[b] * STRIDE];
    uint64_t key = assay_dropout_key(99, stream, c->batch->row_keys[b], p);
    double sum = 0;
    for (int32_t d = 0; d < D; d++)
        y[d] = 0;
    for (int32_t u = 0; u < closed_lengths[b]; u++) {
        double score = 0;
        for (int32_t d = 0; d < D; d++)
            score += row[p * STRIDE + h * D + d] * row[u * STRIDE + CLOSED_CHANNELS + h * D + d];
        double weight = exp(score / sqrt((double)D));
        bool keep =
            assay_dropout_keep(key, (uint32_t)(h * 65536 + u), assay_dropout_threshold(0.5));
        sum += weight;
        for (int32_t d = 0; d < D && keep; d++)
            y[d] += 2 * weight * row[u * STRIDE + 2 * CLOSED_CHANNELS + h * D + d];
    }
    for (int32_t d = 0; d < D; d++)
        y[d] /= sum;
}

static void check_attention_dropout(void) {
    closed c = closed_open(body_attention_dropout);
    const assay_graph_view *graph = c.r.graph;
    assay_step step = make_step(1, 99, 1);
    int32_t stream = stream_of(graph, ASSAY_OP_ATTENTION);
    double expected[CLOSED_TOKENS * CLOSED_CHANNELS];
    runner_run(&c.r, c.plan, c.batch, &step);
    double *qkv =
        closed_read(&c, output_of(graph, ASSAY_OP_LINEAR), CLOSED_TOKENS * 3 * CLOSED_CHANNELS);
    double *y =
        closed_read(&c, output_of(graph, ASSAY_OP_ATTENTION), CLOSED_TOKENS * CLOSED_CHANNELS);
    for (int32_t b = 0; b < CLOSED_ROWS; b++)
        for (int32_t p = 0; p < closed_lengths[b]; p++)
            for (int32_t h = 0; h < 2; h++)
                attention_row(&c, qkv, b, p, h, stream,
                              &expected[(c.batch->offsets[b] + p) * CLOSED_CHANNELS +
                                        h * CLOSED_CHANNELS / 2]);
    double d = difference(y, expected, CLOSED_TOKENS * CLOSED_CHANNELS,
                          max_abs(expected, CLOSED_TOKENS * CLOSED_CHANNELS));
    tap_ok(d <= tolerance, "attention drops the scores that its keys say: %.1e", d);
    closed_close(&c);
}

/* All tokens equal: the whole gradient goes to each row's first token. */
static void check_max_pool_ties(void) {
    closed c = closed_open(body_max);
    assay_step step = make_step(0, 0, 1);
    double *x = require_alloc(c.arena, CLOSED_TOKENS * CLOSED_CHANNELS, sizeof *x);
    runner_upload(&c.r, ASSAY_STATE_PARAMETER, 0, x);
    runner_run(&c.r, c.plan, c.batch, &step);
    double *gradient = runner_download(&c.r, c.arena, ASSAY_STATE_GRADIENT, 0);
    bool ok = true;
    for (int32_t b = 0; b < CLOSED_ROWS; b++)
        for (int32_t t = c.batch->offsets[b]; t < c.batch->offsets[b + 1]; t++)
            for (int32_t i = 0; i < CLOSED_CHANNELS; i++)
                ok = ok && (gradient[t * CLOSED_CHANNELS + i] != 0) == (t == c.batch->offsets[b]);
    tap_ok(ok, "max_pool gives the gradient to the first of equals");
    closed_close(&c);
}

static assay_value body_relu(const assay_builder *b, assay_value x) {
    return assay_mean_pool(b, assay_relu(b, x));
}

/* relu's gradient at 0 is 0 (PyTorch's choice too). */
static void check_relu_at_zero(void) {
    closed c = closed_open(body_relu);
    assay_step step = make_step(0, 0, 1);
    double *x = require_alloc(c.arena, CLOSED_TOKENS * CLOSED_CHANNELS, sizeof *x);
    runner_upload(&c.r, ASSAY_STATE_PARAMETER, 0, x);
    runner_run(&c.r, c.plan, c.batch, &step);
    double *gradient = runner_download(&c.r, c.arena, ASSAY_STATE_GRADIENT, 0);
    tap_ok(max_abs(gradient, CLOSED_TOKENS * CLOSED_CHANNELS) == 0, "relu's gradient at 0 is 0");
    closed_close(&c);
}

/* ---- what a plan allows to read ---- */

static void expect_unreadable(closed *c, assay_plan *plan, assay_value value, uint64_t n,
                              const char *what) {
    assay_error error = ASSAY_ERROR_INIT;
    double data[CLOSED_TOKENS * CLOSED_CHANNELS];
    assay_status status = c->r.backend->read(plan, value, data, n, &error);
    tap_ok(status == ASSAY_INVALID_ARGUMENT && error.text[0], "%s can't be read: %s", what,
           error.text);
}

static void check_reading(void) {
    closed c = closed_open(body_mean);
    const assay_graph_view *graph = c.r.graph;
    assay_batch unlabelled = *c.batch;
    assay_plan *plan = runner_compile(&c.r, ASSAY_PLAN_FORWARD, CLOSED_ROWS, CLOSED_TOKENS);
    unlabelled.labels = NULL;
    expect_unreadable(&c, plan, graph->logits, 2 * CLOSED_ROWS, "a plan that hasn't run");
    runner_run(&c.r, plan, &unlabelled, NULL);
    expect_unreadable(&c, plan, graph->loss, 1, "the loss of a batch without labels");
    expect_unreadable(&c, plan, graph->logits, 2 * CLOSED_ROWS + 1, "a wrong number of elements");
    expect_unreadable(&c, plan, graph->parameters[0].gradient, CLOSED_TOKENS * CLOSED_CHANNELS,
                      "a gradient after a forward plan");
    expect_unreadable(&c, plan, (assay_value)graph->n_values, 1, "a value out of range");
    expect_unreadable(&c, plan, ASSAY_NONE, 1, "no value");
    runner_run(&c.r, plan, c.batch, NULL);
    tap_ok(isfinite(*runner_read(&c.r, c.arena, plan, graph->loss, 1)),
           "the loss of a batch with labels can be read");
    reference->plan_free(plan);
    closed_close(&c);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 1)
        tap_bail("usage: closed_forms [--fail-fast]");
    reference = load_backend(plugins, "reference");
    check_dropout(body_dropout, false);
    check_dropout(body_dropout_rows, true);
    check_dropout_off();
    check_attention_dropout();
    check_max_pool_ties();
    check_relu_at_zero();
    check_reading();
    as_arena_free(plugins);
    return tap_done();
}
