/* SPDX-License-Identifier: MIT */
/* closing.c: ways of closing a graph that must not change a figure, to the last bit.
 *
 *     closing BACKEND f32|f64
 *
 *     checkpointing   logits, loss and gradients as without, dropout on, less alive at once
 *     freezing        what is still trained has the gradient that it has with everything trained
 *     features        rows of the frozen part, computed once, then read from a table: logits, loss
 *                     and gradients of the whole graph
 *
 * Each on stacks of layers of every kind. */
#include "assay/blocks.h"
#include "graph/graph.h"
#include "ops/harness.h"

enum { N_ROWS = 3, N_IDS = 7, N_CLASSES = 3, CHANNELS = 6, LAYERS = 6, N_TABLE = 5 };

static const int32_t lengths[N_ROWS] = {4, 1, 3};
static const assay_backend *backend;
static int32_t dtype;

/* ---- stacks; names of the lower half begin with "low" ------------------------------------------
 */

typedef struct stack {
    const char *name;
    assay_value (*layer)(const assay_builder *b, const char *name, assay_value x, int i);
    /* Floats a token alive at once with checkpointing, everything trained and half of it. They
     * stand for the cuts that checkpointing.c chooses: better ones may lower them. */
    int64_t most_alive[2];
    uint32_t n_drawing; /* nodes that draw when the lower half is frozen and has no dropout */
} stack;

static assay_value encoder_layer(const assay_builder *b, const char *name, assay_value x, int i) {
    return assay_encoder_layer(b, name, i, x, 2, 2 * CHANNELS, 0.2);
}

static assay_value recurrent_layer(const assay_builder *b, const char *name, assay_value x, int i) {
    static const int32_t ops[] = {ASSAY_OP_RNN, ASSAY_OP_GRU, ASSAY_OP_LSTM};
    return assay_dropout(b, assay_recurrent(b, ops[i % 3], name, i, x, CHANNELS / 2, 1), 0.2);
}

static assay_value dense_layer(const assay_builder *b, const char *name, assay_value x, int i) {
    char full[64];
    snprintf(full, sizeof full, "%s.l%d", name, i);
    assay_value y = assay_linear(b, full, x, CHANNELS);
    y = i % 3 == 0 ? assay_relu(b, y) : i % 3 == 1 ? assay_gelu(b, y) : assay_tanh(b, y);
    return assay_dropout(b, assay_scale(b, y, 1.5), 0.2);
}

/* Residual: the sum has two readers. */
static assay_value residual_layer(const assay_builder *b, const char *name, assay_value x, int i) {
    char full[64];
    snprintf(full, sizeof full, "%s.n%d", name, i);
    return assay_layer_norm(b, full, assay_add(b, x, dense_layer(b, name, x, i)), 1e-5);
}

static const stack stacks[] = {{"encoder", encoder_layer, {96, 84}, 12},
                               {"recurrent", recurrent_layer, {42, 36}, 4},
                               {"dense", dense_layer, {36, 36}, 4},
                               {"residual", residual_layer, {54, 48}, 3}};
enum { N_STACKS = sizeof stacks / sizeof *stacks };

/* Where tokens become rows: in front of the classifier, between the halves (from where rows go on
 * through dense layers), or at once. */
typedef enum pooling { POOL_LAST, POOL_MIDDLE, POOL_FIRST } pooling;

/* words -> LAYERS layers, the lower half called low -> classifier */
static assay_value build(const assay_builder *b, const stack *s, pooling where) {
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "low.words", ids, N_IDS, CHANNELS);
    x = where == POOL_FIRST ? assay_mean_pool(b, x) : assay_dropout(b, x, 0.2);
    for (int i = 0; i < LAYERS / 2; i++)
        x = where == POOL_FIRST ? dense_layer(b, "low", x, i) : s->layer(b, "low", x, i);
    if (where == POOL_MIDDLE)
        x = assay_dropout(b, assay_tanh(b, assay_linear(b, "low.pool", assay_mean_pool(b, x), 4)),
                          0.2);
    for (int i = LAYERS / 2; i < LAYERS; i++)
        x = where == POOL_LAST ? s->layer(b, "high", x, i) : dense_layer(b, "high", x, i);
    return assay_linear(b, "classifier", where == POOL_LAST ? assay_max_pool(b, x) : x, N_CLASSES);
}

static assay_graph *make(const stack *s, pooling where, const as_graph_options *options) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    assay_value logits = build(as_graph_builder(graph), s, where);
    require(as_graph_close(graph, logits, options, &error), &error);
    return graph;
}

static int is_low(void *context, const char *name) {
    (void)context;
    return strncmp(name, "low", 3) == 0;
}

/* ---- comparison --------------------------------------------------------------------------------
 */

static run_result run(const assay_graph *graph, as_arena *arena, const assay_batch *batch,
                      const double *features) {
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_step step = make_step(1, 42, 0.25);
    runner_draw_parameters(&r, 9, 0);
    for (uint32_t p = 0; features && p < r.graph->n_parameters; p++)
        if (strcmp(r.graph->parameters[p].name, "features") == 0)
            runner_upload(&r, ASSAY_STATE_PARAMETER, p, features);
    run_result result = runner_step(&r, arena, batch, &step);
    runner_close(&r);
    return result;
}

static int64_t find_parameter(const assay_graph_view *view, const char *name) {
    for (uint32_t p = 0; p < view->n_parameters; p++)
        if (strcmp(view->parameters[p].name, name) == 0)
            return p;
    return -1;
}

/* Loss and every gradient of `b` are those of `a`; the first that isn't, or NULL. */
static const char *find_difference_in_training(const assay_graph_view *view_a, const run_result *a,
                                               const assay_graph_view *view_b,
                                               const run_result *b) {
    uint32_t n = 0;
    if (a->loss != b->loss || !(a->loss > 0))
        return "loss";
    for (uint32_t p = 0; p < view_b->n_parameters; p++) {
        const assay_parameter_info *info = &view_b->parameters[p];
        if (!b->gradients[p])
            continue;
        int64_t q = find_parameter(view_a, info->name);
        if (q < 0 || !a->gradients[q] ||
            memcmp(a->gradients[q], b->gradients[p],
                   (size_t)info->n_elements * sizeof **b->gradients) != 0)
            return info->name;
        n++;
    }
    return n ? NULL : "no gradient at all";
}

/* Logits too. */
static const char *find_difference(const assay_graph_view *view_a, const run_result *a,
                                   const assay_graph_view *view_b, const run_result *b) {
    return memcmp(a->logits, b->logits, (size_t)a->n_logits * sizeof *a->logits) != 0
               ? "logits"
               : find_difference_in_training(view_a, a, view_b, b);
}

/* The largest difference of two runs' logits over the largest logit. */
static double logits_apart(const run_result *a, const run_result *b) {
    double apart = 0, largest = 0;
    for (int64_t i = 0; i < a->n_logits; i++) {
        apart = fmax(apart, fabs(a->logits[i] - b->logits[i]));
        largest = fmax(largest, fabs(a->logits[i]));
    }
    return apart / largest;
}

/* Floats a token that are alive at once, at most. */
static int64_t peak(const assay_graph_view *view) {
    int64_t most = 0;
    for (uint32_t n = 0; n < view->n_nodes; n++) {
        int64_t sum = 0;
        for (uint32_t v = 0; v < view->n_values; v++)
            if (view->values[v].domain == ASSAY_DOMAIN_TOKENS && view->values[v].node >= 0 &&
                view->values[v].node <= (int32_t)n && view->last_use[v] >= (int32_t)n)
                sum += view->values[v].dims[0];
        most = sum > most ? sum : most;
    }
    return most;
}

/* Backward nodes and copies that read a parameter of the lower half. */
static uint32_t count_low_readers(const assay_graph_view *view) {
    uint32_t count = 0;
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++)
        for (uint32_t i = 0; i < view->nodes[n].n_inputs; i++) {
            assay_value value = view->nodes[n].inputs[i];
            int32_t parameter = value == ASSAY_NONE ? -1 : view->values[value].parameter;
            count += parameter >= 0 && is_low(NULL, view->parameters[parameter].name);
        }
    return count;
}

static uint32_t count_recomputed(const assay_graph_view *view) {
    uint32_t count = 0;
    for (uint32_t n = 0; n < view->n_nodes; n++)
        count += as_node_is_recomputed(view, n);
    return count;
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static void check_checkpointing(const stack *s, int frozen) {
    as_arena *arena = as_arena_new();
    as_graph_options options = {.with_gradient = 1, .frozen = frozen ? is_low : NULL};
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    assay_graph *plain = make(s, POOL_LAST, &options);
    options.checkpointing = 1;
    assay_graph *again = make(s, POOL_LAST, &options);
    const assay_graph_view *a = as_graph_view(plain), *b = as_graph_view(again);
    run_result before = run(plain, arena, batch, NULL), after = run(again, arena, batch, NULL);
    const char *what = find_difference(a, &before, b, &after);
    tap_ok(!what, "%s%s: checkpointing changes nothing (%s)", s->name,
           frozen ? ", half frozen" : "", what ? what : "nothing");
    uint32_t n = count_recomputed(b);
    tap_ok(count_recomputed(a) == 0 && n > 0 && n < b->n_forward_nodes,
           "%s: %u of %u nodes are computed again", s->name, n, b->n_forward_nodes);
    tap_ok(peak(b) < peak(a) && peak(b) <= s->most_alive[frozen],
           "%s: at most %lld instead of %lld floats a token are alive", s->name, (long long)peak(b),
           (long long)peak(a));
    tap_ok(!frozen || count_low_readers(b) == 0, "%s: nothing frozen is computed again", s->name);
    as_graph_free(plain);
    as_graph_free(again);
    as_arena_free(arena);
}

static void check_freezing(const stack *s) {
    as_arena *arena = as_arena_new();
    as_graph_options options = {.with_gradient = 1};
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    assay_graph *whole = make(s, POOL_LAST, &options);
    options.frozen = is_low;
    assay_graph *half = make(s, POOL_LAST, &options);
    const assay_graph_view *a = as_graph_view(whole), *b = as_graph_view(half);
    run_result before = run(whole, arena, batch, NULL), after = run(half, arena, batch, NULL);
    const char *what = find_difference(a, &before, b, &after);
    tap_ok(!what, "%s: freezing changes no other gradient (%s)", s->name, what ? what : "nothing");
    bool as_asked = true;
    for (uint32_t p = 0; p < b->n_parameters; p++)
        as_asked = as_asked && is_low(NULL, b->parameters[p].name) == !after.gradients[p];
    tap_ok(as_asked, "%s: what is frozen has no gradient, the rest has", s->name);
    tap_ok(as_graph_n_trained(b) > 0 && as_graph_n_trained(b) < as_graph_n_trained(a),
           "%s: %lld of %lld parameters are trained", s->name, (long long)as_graph_n_trained(b),
           (long long)as_graph_n_trained(a));
    as_graph_free(whole);
    as_graph_free(half);
    as_arena_free(arena);
}

/* Drawing nodes of the forward part. */
static uint32_t count_drawing(const assay_graph_view *view) {
    uint32_t count = 0;
    for (uint32_t n = 0; n < view->n_forward_nodes; n++)
        count +=
            (view->nodes[n].op == ASSAY_OP_DROPOUT || view->nodes[n].op == ASSAY_OP_ATTENTION) &&
            view->nodes[n].attrs.probability > 0;
    return count;
}

static double *compute_features(const assay_graph *before, as_arena *arena,
                                const assay_batch *batch) {
    runner r = runner_open(backend, dtype, as_graph_view(before));
    assay_step step = make_step(0, 0, 1);
    int64_t n_channels = r.graph->values[r.graph->logits].dims[0];
    runner_draw_parameters(&r, 9, 0);
    assay_plan *plan = runner_compile(&r, ASSAY_PLAN_FORWARD, batch->n_rows, batch->n_tokens);
    runner_run(&r, plan, batch, &step);
    const double *rows = runner_read(&r, arena, plan, r.graph->logits, N_ROWS * n_channels);
    double *table = require_alloc(arena, (size_t)(N_TABLE * n_channels), sizeof *table);
    for (int32_t b = 0; b < N_ROWS; b++) /* not in order, and not all rows of the table */
        memcpy(table + (N_TABLE - 1 - b) * n_channels, rows + b * n_channels,
               (size_t)n_channels * sizeof *table);
    backend->plan_free(plan);
    runner_close(&r);
    return table;
}

static assay_batch *feature_batch(as_arena *arena, const assay_batch *batch) {
    static const int32_t one[N_ROWS] = {1, 1, 1};
    static int32_t ids[N_ROWS];
    assay_batch *rows = make_batch(arena, one, N_ROWS, N_TABLE, N_CLASSES);
    for (int32_t b = 0; b < N_ROWS; b++)
        ids[b] = N_TABLE - 1 - b;
    rows->ids = ids;
    rows->row_keys = batch->row_keys;
    rows->labels = batch->labels;
    return rows;
}

/* The whole graph against the features of its frozen part with what follows. */
static void check_features(const stack *s, pooling where, int without_dropout) {
    static const double weights[N_CLASSES] = {1, 2, 0.5};
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    as_graph_options options = {.with_gradient = 1,
                                .label_smoothing = 0.1,
                                .class_weights = weights,
                                .frozen = is_low,
                                .frozen_without_dropout = without_dropout};
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    assay_graph *whole = make(s, where, &options), *before = NULL, *after = NULL;
    const assay_graph_view *view = as_graph_view(whole);
    assay_value value = as_graph_frozen_rows(view);
    if (!tap_ok(value != ASSAY_NONE, "%s: the frozen part ends in rows", s->name))
        goto done;
    require(as_graph_before(view, value, &before, &error), &error);
    require(as_graph_after(view, value, N_TABLE, &options, &after, &error), &error);
    run_result a = run(whole, arena, batch, NULL);
    run_result b =
        run(after, arena, feature_batch(arena, batch), compute_features(before, arena, batch));
    const char *what = find_difference_in_training(view, &a, as_graph_view(after), &b);
    tap_ok(!what, "%s: features train as the whole graph (%s)", s->name, what ? what : "nothing");
    /* Prediction of the whole graph may join what training keeps apart: the bounds of f32 and f64.
     */
    double apart = logits_apart(&a, &b), bound = dtype == ASSAY_DTYPE_F64 ? 1e-12 : 1e-5;
    tap_ok(apart <= bound, "%s: features predict as the whole graph: %.1e", s->name, apart);
    tap_ok(as_graph_n_trained(as_graph_view(after)) == as_graph_n_trained(view) &&
               as_graph_n_trained(as_graph_view(before)) == 0,
           "%s: the same is trained", s->name);
done:
    as_graph_free(whole);
    as_graph_free(before);
    as_graph_free(after);
    as_arena_free(arena);
}

/* Dropout of the frozen half, and what it hides. */
static void check_dropout(const stack *s) {
    as_graph_options options = {.with_gradient = 1, .frozen = is_low};
    assay_graph *with = make(s, POOL_MIDDLE, &options);
    tap_ok(as_graph_frozen_rows(as_graph_view(with)) == ASSAY_NONE,
           "%s: with dropout there the frozen part ends nowhere", s->name);
    as_graph_free(with);
    options.frozen_without_dropout = 1;
    assay_graph *without = make(s, POOL_LAST, &options);
    uint32_t n = count_drawing(as_graph_view(without));
    tap_ok(n == s->n_drawing, "%s: %u of %u nodes still draw", s->name, n, s->n_drawing);
    tap_ok(as_graph_frozen_rows(as_graph_view(without)) == ASSAY_NONE, "%s: tokens are no rows",
           s->name);
    as_graph_free(without);
}

/* Two values, or the batch's ids, pass from the frozen part to the rest. */
static void check_crossings(int own_table) {
    const as_graph_options options = {.with_gradient = 1, .frozen = is_low};
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    assay_value ids = b->input(graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_embedding(b, "low.words", ids, N_IDS, CHANNELS);
    assay_value y =
        own_table ? assay_embedding(b, "words", ids, N_IDS, N_CLASSES) : assay_max_pool(b, x);
    y = own_table ? assay_mean_pool(b, y) : assay_linear(b, "second", y, N_CLASSES);
    y = assay_add(b, assay_linear(b, "first", assay_mean_pool(b, x), N_CLASSES), y);
    require(as_graph_close(graph, y, &options, &error), &error);
    tap_ok(as_graph_frozen_rows(as_graph_view(graph)) == ASSAY_NONE, "%s cross",
           own_table ? "a value and ids" : "two values");
    as_graph_free(graph);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 3)
        tap_bail("usage: closing BACKEND f32|f64");
    backend = load_backend(plugins, argv[1]);
    dtype = strcmp(argv[2], "f64") == 0 ? ASSAY_DTYPE_F64 : ASSAY_DTYPE_F32;
    for (int s = 0; s < N_STACKS; s++) {
        check_checkpointing(&stacks[s], 0);
        check_checkpointing(&stacks[s], 1);
        check_freezing(&stacks[s]);
        check_features(&stacks[s], POOL_MIDDLE, 1);
        check_dropout(&stacks[s]);
    }
    check_features(&stacks[0], POOL_FIRST, 0);
    check_crossings(0);
    check_crossings(1);
    as_arena_free(plugins);
    return tap_done();
}
