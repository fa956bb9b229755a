/* SPDX-License-Identifier: MIT */
/* bf16.c: what mixed precision promises, to the bit where the arithmetic allows it. Operands of
 * matrix products are rounded to bf16 (8 significant bits, to nearest even), sums are f32, and
 * parameters, gradients and optimizer states stay f32.
 *
 *     bf16 [--without-models] BACKEND
 *     bf16 --refused BACKEND    bf16 must be refused, with a reason
 *
 * Integers of nine bits make it exact: rounded they have eight bits, half of them are ties,
 * products have 16 bits, and 128 of these are summed in 23. So every result is compared with ==. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "assay/blocks.h"
#include "base/random.h"
#include "cases.h"

static const assay_backend *backend;

static double nine_bits(as_random *random) {
    double x = 256 + (double)as_random_below(random, 256);
    return as_random_below(random, 2) ? -x : x;
}

/* ---- one linear layer: logits [M, N] = x [M, K] weight [N, K]^T + bias ---- */

typedef struct layer {
    as_arena *arena;
    assay_graph *graph;
    runner r;
    int32_t m, n, k;
    double *x, *weight, *bias;
    assay_batch *batch;
} layer;

enum { X, WEIGHT, BIAS };

static layer layer_open(int32_t m, int32_t n, int32_t k, bool frozen) {
    layer l = {as_arena_new(), NULL, {0}, m, n, k, NULL, NULL, NULL, NULL};
    assay_error error = ASSAY_ERROR_INIT;
    int32_t *ones = require_alloc(l.arena, (size_t)m, sizeof *ones);
    require(as_graph_new(&l.graph, &error), &error);
    const assay_builder *b = as_graph_builder(l.graph);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x =
        frozen ? assay_frozen_embedding(b, "x", ids, m, k) : assay_embedding(b, "x", ids, m, k);
    x = assay_select_token(b, x, ASSAY_TOKEN_FIRST);
    require(as_graph_close(l.graph, assay_linear(b, "linear", x, n),
                           &(as_graph_options){.with_gradient = 1}, &error),
            &error);
    for (int32_t i = 0; i < m; i++)
        ones[i] = 1;
    l.batch = make_batch(l.arena, ones, m, m, n);
    l.r = runner_open(backend, ASSAY_DTYPE_BF16, as_graph_view(l.graph));
    l.x = require_alloc(l.arena, (size_t)m * (size_t)k, sizeof *l.x);
    l.weight = require_alloc(l.arena, (size_t)n * (size_t)k, sizeof *l.weight);
    l.bias = require_alloc(l.arena, (size_t)n, sizeof *l.bias);
    return l;
}

static void layer_upload(layer *l) {
    runner_upload(&l->r, ASSAY_STATE_PARAMETER, X, l->x);
    runner_upload(&l->r, ASSAY_STATE_PARAMETER, WEIGHT, l->weight);
    runner_upload(&l->r, ASSAY_STATE_PARAMETER, BIAS, l->bias);
}

static void layer_close(layer *l) {
    runner_close(&l->r);
    as_graph_free(l->graph);
    as_arena_free(l->arena);
}

static double *layer_run(layer *l, assay_plan *plan, const assay_batch *batch) {
    assay_step step = make_step(0, 1, 1);
    runner_run(&l->r, plan, batch, &step);
    return runner_read(&l->r, l->arena, plan, l->r.graph->logits, (int64_t)batch->n_rows * l->n);
}

static bool logits_are_right(const layer *l, const double *logits) {
    for (int32_t i = 0; i < l->m; i++) {
        for (int32_t j = 0; j < l->n; j++) {
            double sum = l->bias[j];
            for (int32_t h = 0; h < l->k; h++)
                sum += bf16_rounded(l->x[i * l->k + h]) * bf16_rounded(l->weight[j * l->k + h]);
            if (logits[i * l->n + j] != sum)
                return false;
        }
    }
    return true;
}

/* With M = 1: the bias's gradient is dy in f32, so both others follow from it. That of frozen x is
 * zero. */
static bool gradients_are_right(layer *l, bool frozen) {
    double *dx = runner_download(&l->r, l->arena, ASSAY_STATE_GRADIENT, X);
    double *dw = runner_download(&l->r, l->arena, ASSAY_STATE_GRADIENT, WEIGHT);
    double *dy = runner_download(&l->r, l->arena, ASSAY_STATE_GRADIENT, BIAS);
    bool right = max_abs(dy, l->n) > 0;
    for (int32_t j = 0; j < l->n; j++)
        for (int32_t h = 0; h < l->k; h++)
            right = right && dw[j * l->k + h] ==
                                 (dy[j] == 0 ? 0 : bf16_rounded(dy[j])) * bf16_rounded(l->x[h]);
    for (int32_t h = 0; h < l->k; h++) {
        double sum = 0, size = 0;
        for (int32_t j = 0; j < l->n; j++) {
            double product =
                (dy[j] == 0 ? 0 : bf16_rounded(dy[j])) * bf16_rounded(l->weight[j * l->k + h]);
            sum += product;
            size += fabs(product);
        }
        right = right && fabs(dx[h] - (frozen ? 0 : sum)) <= 1e-6 * size;
    }
    return right;
}

static void check_products(void) {
    static const int32_t shapes[][3] = {{1, 2, 1},   {3, 2, 2},    {1, 5, 3},    {7, 3, 17},
                                        {33, 2, 64}, {16, 10, 31}, {40, 33, 128}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        layer l = layer_open(shapes[s][0], shapes[s][1], shapes[s][2], false);
        as_random random = as_random_init(11, s);
        for (int32_t i = 0; i < l.m * l.k; i++)
            l.x[i] = nine_bits(&random);
        for (int32_t i = 0; i < l.n * l.k; i++)
            l.weight[i] = nine_bits(&random);
        for (int32_t i = 0; i < l.n; i++)
            l.bias[i] = nine_bits(&random);
        layer_upload(&l);
        for (int32_t room = 0; room < 70; room += 69) {
            assay_plan *plan = runner_compile(&l.r, ASSAY_PLAN_FORWARD, l.m + room, l.m + room);
            tap_ok(logits_are_right(&l, layer_run(&l, plan, l.batch)),
                   "product of %d x %d x %d in a plan of %d rows is exact", (int)l.m, (int)l.n,
                   (int)l.k, (int)(l.m + room));
            backend->plan_free(plan);
        }
        layer_close(&l);
    }
}

/* Small x and weights, so that no class has all the probability. A plan for more rows has had a
 * larger batch before: what that left behind must not be summed. */
static void check_gradients(void) {
    static const int32_t shapes[][2] = {{2, 1}, {3, 5}, {7, 7}, {10, 33}, {2, 128}, {203, 259}};
    enum { N_SHAPES = sizeof shapes / sizeof *shapes };
    for (size_t s = 0; s < (size_t)2 * N_SHAPES; s++) {
        bool frozen = s >= N_SHAPES;
        layer l = layer_open(5, shapes[s % N_SHAPES][0], shapes[s % N_SHAPES][1], frozen);
        as_random random = as_random_init(12, s);
        static const int32_t row = 0;
        for (int32_t i = 0; i < l.m * l.k; i++)
            l.x[i] = nine_bits(&random) / 512;
        for (int32_t i = 0; i < l.n * l.k; i++)
            l.weight[i] = nine_bits(&random) / 8192;
        layer_upload(&l);
        assay_plan *plan = runner_compile(&l.r, ASSAY_PLAN_ACCUMULATE, 9, 9);
        layer_run(&l, plan, l.batch);
        runner_zero_gradients(&l.r);
        layer_run(&l, plan, pick_rows(l.arena, l.batch, &row, 1));
        tap_ok(gradients_are_right(&l, frozen),
               "gradients of %d x %d%s are those of rounded operands", (int)l.n, (int)l.k,
               frozen ? " over frozen x" : "");
        backend->plan_free(plan);
        layer_close(&l);
    }
}

/* The gradient by a weight so large that backends sum it in blocks: over a batch of several blocks,
 * the last one odd, it is the sum of its rows' own, whose columns check_gradients compares. The
 * rows' dy may round otherwise in a batch, by 2^-8 of a few elements. */
static void check_blocks(void) {
    enum { ROWS = 523, CLASSES = 203, WIDTH = 259 };
    layer l = layer_open(ROWS, CLASSES, WIDTH, false);
    as_random random = as_random_init(13, 0);
    for (int32_t i = 0; i < l.m * l.k; i++)
        l.x[i] = nine_bits(&random) / 512;
    for (int32_t i = 0; i < l.n * l.k; i++)
        l.weight[i] = nine_bits(&random) / 8192;
    layer_upload(&l);
    assay_plan *one = runner_compile(&l.r, ASSAY_PLAN_ACCUMULATE, 1, 1);
    for (int32_t row = 0; row < ROWS; row++)
        layer_run(&l, one, pick_rows(l.arena, l.batch, &row, 1));
    const double *sum = runner_download(&l.r, l.arena, ASSAY_STATE_GRADIENT, WEIGHT);
    runner_zero_gradients(&l.r);
    assay_plan *all = runner_compile(&l.r, ASSAY_PLAN_ACCUMULATE, ROWS + 9, ROWS + 9);
    layer_run(&l, all, l.batch);
    const double *whole = runner_download(&l.r, l.arena, ASSAY_STATE_GRADIENT, WEIGHT);
    double off = 0, size = 0;
    for (int32_t i = 0; i < CLASSES * WIDTH; i++) {
        off += (whole[i] - sum[i]) * (whole[i] - sum[i]);
        size += sum[i] * sum[i];
    }
    tap_ok(size > 0 && off <= 1e-6 * size,
           "a large weight's gradient over %d rows is the sum over its rows: off by %.2g", ROWS,
           sqrt(off / size));
    backend->plan_free(one);
    backend->plan_free(all);
    layer_close(&l);
}

/* ---- conversions ---- */

/* What the logit of x * weight is when one of them is `from` and the other 1. */
typedef struct conversion {
    const char *name;
    double from, to;
} conversion;

static const conversion conversions[] = {
    {"one", 1, 1},
    {"tie to the even below", 1 + 0x1p-8, 1},
    {"tie to the even above", 1 + 3 * 0x1p-8, 1 + 0x1p-6},
    {"just above a tie", 1 + 0x1p-8 + 0x1p-23, 1 + 0x1p-7},
    {"just below a tie", 1 + 3 * 0x1p-8 - 0x1p-23, 1 + 0x1p-7},
    {"negative tie", -1 - 0x1p-8, -1},
    {"into the next power of two", 2 - 0x1p-9, 2},
    {"negative zero", -0.0, 0},
    {"smallest normal", 0x1p-126, 0x1p-126},
    {"largest", 0x1.fep127, 0x1.fep127},
    {"above the largest", (double)FLT_MAX, (double)INFINITY},
    {"infinity", (double)INFINITY, (double)INFINITY},
    {"minus infinity", -(double)INFINITY, -(double)INFINITY},
};

static double convert(double x, double weight) {
    layer l = layer_open(1, 2, 1, false);
    assay_plan *plan = runner_compile(&l.r, ASSAY_PLAN_FORWARD, 1, 1);
    l.x[0] = x;
    l.weight[0] = weight;
    layer_upload(&l);
    double logit = layer_run(&l, plan, l.batch)[0];
    backend->plan_free(plan);
    layer_close(&l);
    return logit;
}

static void check_conversions(void) {
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        const conversion *c = &conversions[i];
        double by_x = convert(c->from, 1), by_weight = convert(1, c->from);
        tap_ok(by_x == c->to && by_weight == c->to, "%s: %a, as value %a, as weight %a", c->name,
               c->from, by_x, by_weight);
    }
    tap_ok(isnan(convert((double)NAN, 1)) && isnan(convert(1, (double)NAN)), "NaN stays NaN");
    tap_ok(fabs(convert(1e-40, 1)) <= 1e-39 && fabs(convert(1, 1e-40)) <= 1e-39,
           "denormals are themselves or zero");
}

/* A NaN reaches its own row and every gradient it has a part in, not the logits of others. */
static void check_nan(void) {
    layer l = layer_open(4, 3, 40, false);
    as_random random = as_random_init(13, 0);
    for (int32_t i = 0; i < l.m * l.k; i++)
        l.x[i] = nine_bits(&random) / 512;
    for (int32_t i = 0; i < l.n * l.k; i++)
        l.weight[i] = nine_bits(&random) / 512;
    l.x[2 * l.k + 7] = (double)NAN;
    layer_upload(&l);
    runner_zero_gradients(&l.r);
    assay_plan *plan = runner_compile(&l.r, ASSAY_PLAN_ACCUMULATE, 6, 6);
    double *logits = layer_run(&l, plan, l.batch);
    bool right = true;
    for (int32_t i = 0; i < l.m * l.n; i++)
        right = right && !isfinite(logits[i]) == (i / l.n == 2);
    tap_ok(right, "a NaN spoils the logits of its row and no others");
    double *dw = runner_download(&l.r, l.arena, ASSAY_STATE_GRADIENT, WEIGHT);
    tap_ok(isnan(dw[7]), "and the gradients of the weights");
    backend->plan_free(plan);
    layer_close(&l);
}

/* ---- masters ---- */

/* Updates below a bf16's resolution add up in the f32 master; products see each rounding of it. */
static void check_masters(void) {
    layer l = layer_open(1, 2, 1, false);
    assay_error error = ASSAY_ERROR_INIT;
    assay_plan *forward = runner_compile(&l.r, ASSAY_PLAN_FORWARD, 1, 1), *update = NULL;
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_SGD};
    assay_step step = make_step(0, 1, 1);
    double gradient[2] = {-0x1p-10, 0};
    bool exact = true, seen = true;
    require(backend->compile_update(l.r.session, &config, &update, &error), &error);
    l.x[0] = l.weight[0] = 1;
    layer_upload(&l);
    step.learning_rate = 1;
    for (int n = 1; n <= 24; n++) {
        runner_upload(&l.r, ASSAY_STATE_GRADIENT, WEIGHT, gradient);
        step.step = n;
        runner_run(&l.r, update, NULL, &step);
        double master = *runner_download(&l.r, l.arena, ASSAY_STATE_PARAMETER, WEIGHT);
        exact = exact && master == 1 + n * 0x1p-10;
        for (int again = 0; again < 2; again++)
            seen = seen && layer_run(&l, forward, l.batch)[0] == bf16_rounded(master);
    }
    tap_ok(exact, "updates below bf16's resolution add up in the parameter");
    tap_ok(seen, "each product reads the parameter of the last update");
    l.weight[0] = 3;
    layer_upload(&l);
    tap_ok(layer_run(&l, forward, l.batch)[0] == 3, "and one that was set");
    backend->plan_free(update);
    backend->plan_free(forward);
    layer_close(&l);
}

/* Gradients of several batches add up in f32: 2^-12 is not lost beside 1. */
static void check_accumulation(void) {
    layer l = layer_open(1, 2, 1, false);
    assay_plan *plan = runner_compile(&l.r, ASSAY_PLAN_ACCUMULATE, 1, 1);
    double before[2] = {1, 1};
    l.x[0] = 0x1p-12;
    layer_upload(&l);
    runner_zero_gradients(&l.r);
    runner_upload(&l.r, ASSAY_STATE_GRADIENT, WEIGHT, before);
    layer_run(&l, plan, l.batch);
    double *dw = runner_download(&l.r, l.arena, ASSAY_STATE_GRADIENT, WEIGHT);
    tap_ok(fabs(dw[0] - 1) == 0x1p-13 && fabs(dw[1] - 1) == 0x1p-13,
           "gradients add up in f32: 1 and %a", dw[0] - 1);
    backend->plan_free(plan);
    layer_close(&l);
}

/* Two layers of the same shape: 2 x, then 3 times that. */
static void check_two_layers(void) {
    enum { N = 5 };
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value x = assay_select_token(b, assay_embedding(b, "x", ids, 1, N), ASSAY_TOKEN_FIRST);
    x = assay_linear(b, "a", x, N);
    require(as_graph_close(graph, assay_linear(b, "b", x, N),
                           &(as_graph_options){.with_gradient = 1}, &error),
            &error);
    runner r = runner_open(backend, ASSAY_DTYPE_BF16, as_graph_view(graph));
    static const int32_t one = 1;
    double values[N], weight[2][N * N] = {{0}};
    for (int i = 0; i < N; i++) {
        values[i] = i + 1;
        weight[0][i * N + i] = 2;
        weight[1][i * N + i] = 3;
    }
    runner_upload(&r, ASSAY_STATE_PARAMETER, 0, values);
    runner_upload(&r, ASSAY_STATE_PARAMETER, 1, weight[0]);
    runner_upload(&r, ASSAY_STATE_PARAMETER, 3, weight[1]);
    assay_plan *plan = runner_compile(&r, ASSAY_PLAN_FORWARD, 1, 1);
    runner_run(&r, plan, make_batch(arena, &one, 1, 1, N), NULL);
    double *logits = runner_read(&r, arena, plan, r.graph->logits, N);
    bool right = true;
    for (int i = 0; i < N; i++)
        right = right && logits[i] == 6 * values[i];
    tap_ok(right, "two layers of the same shape keep their weights apart");
    backend->plan_free(plan);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* ---- attention ---- */

/* With q = 0 every token has the weight 1 / L, exact for a power of two, so that y is the mean of
 * the rounded v, and dv_u = bf16_rounded(dy) / L for the one token t whose y is read. */
static void check_attention(int32_t heads, int32_t size, int32_t length, int32_t token) {
    int32_t channels = heads * size, width = 3 * channels;
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = NULL;
    assay_attrs attrs = ASSAY_ATTRS_INIT;
    attrs.heads = heads;
    require(as_graph_new(&graph, &error), &error);
    const assay_builder *b = as_graph_builder(graph);
    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);
    assay_value qkv = assay_embedding(b, "qkv", ids, length, width);
    assay_value y = b->apply(b->graph, ASSAY_OP_ATTENTION, &qkv, 1, &attrs);
    y = assay_select_token(b, y, token);
    assay_value table =
        assay_block_parameter(b, "bias", "weight", 1, channels, ASSAY_INIT_UNIFORM, 1.0);
    require(as_graph_close(graph, assay_add_row(b, y, table, 0),
                           &(as_graph_options){.with_gradient = 1}, &error),
            &error);
    runner r = runner_open(backend, ASSAY_DTYPE_BF16, as_graph_view(graph));
    assay_batch *batch = make_batch(arena, &length, 1, length, channels);
    double *x = require_alloc(arena, (size_t)length * (size_t)width, sizeof *x);
    as_random random = as_random_init(14, (uint64_t)length);
    for (int32_t t = 0; t < length; t++)
        for (int32_t c = channels; c < width; c++)
            x[t * width + c] = nine_bits(&random) / 512;
    runner_upload(&r, ASSAY_STATE_PARAMETER, 0, x);
    assay_step step = make_step(0, 1, 1);
    run_result result = runner_step(&r, arena, batch, &step);
    bool right = true, right_gradient = true;
    for (int32_t c = 0; c < channels; c++) {
        double sum = 0, dy = result.gradients[1][c];
        for (int32_t t = 0; t < length; t++)
            sum += bf16_rounded(x[t * width + 2 * channels + c]);
        right = right && result.logits[c] == sum / length;
        for (int32_t t = 0; t < length; t++)
            right_gradient = right_gradient && dy != 0 &&
                             fabs(result.gradients[0][t * width + 2 * channels + c] -
                                  bf16_rounded(dy) / length) <= 1e-6 * fabs(dy) / length;
    }
    tap_ok(right, "attention with %d heads of %d over %d tokens, %s one: the mean of rounded v",
           (int)heads, (int)size, (int)length, token == ASSAY_TOKEN_FIRST ? "first" : "last");
    tap_ok(right_gradient, "and so is the gradient by v");
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* ---- models: five steps of training near f32's ---- */

typedef struct model_case {
    const char *name;
    as_option_value options[5];
    size_t n_options;
} model_case;

#define BERT_OPTIONS                                                                               \
    OPTION("layers", 2), OPTION("heads", 4), OPTION("dim", 32), OPTION("hidden_dim", 64),          \
        OPTION("positions", 512)

static const model_case models[] = {
    {"rnn", {OPTION("layers", 1)}, 0},
    {"lstm", {OPTION("layers", 1)}, 0},
    {"gru", {OPTION("layers", 1)}, 0},
    {"bilstm", {OPTION("layers", 1)}, 0},
    {"bilstm_attention", {OPTION("layers", 1)}, 0},
    {"transformer", {OPTION("layers", 1)}, 0},
    {"distilbert", {BERT_OPTIONS}, 5},
    {"bert", {BERT_OPTIONS}, 5},
};

enum { N_ROWS = 6, N_IDS = 60, N_CLASSES = 4, N_STEPS = 5 };

/* Losses per row, and the largest logit. */
static void train(const assay_graph *graph, int32_t dtype, double *losses, double *ret_largest) {
    static const int32_t lengths[N_ROWS] = {12, 3, 25, 1, 7, 18};
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_batch *batch = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_SGD};
    assay_plan *plan = runner_compile(&r, ASSAY_PLAN_ACCUMULATE, N_ROWS, batch->n_tokens), *update;
    require(backend->compile_update(r.session, &config, &update, &error), &error);
    runner_draw_parameters(&r, 21, 0);
    runner_zero_gradients(&r);
    *ret_largest = 0;
    for (int64_t s = 0; s < N_STEPS; s++) {
        assay_step step = make_step(0, 1, 1.0 / N_ROWS);
        step.step = s + 1;
        step.learning_rate = 0.01;
        runner_run(&r, plan, batch, &step);
        losses[s] = *runner_read(&r, arena, plan, r.graph->loss, 1) / N_ROWS;
        double *logits = runner_read(&r, arena, plan, r.graph->logits, N_ROWS * N_CLASSES);
        *ret_largest = fmax(*ret_largest, max_abs(logits, N_ROWS * N_CLASSES));
        runner_run(&r, update, NULL, &step);
    }
    backend->plan_free(plan);
    backend->plan_free(update);
    runner_close(&r);
    as_arena_free(arena);
}

static int count_products(const assay_graph_view *view) {
    int n = 0;
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        int32_t op = view->nodes[i].op;
        n += op == ASSAY_OP_LINEAR ? 1
             : op == ASSAY_OP_ATTENTION || op == ASSAY_OP_RNN || op == ASSAY_OP_LSTM ||
                     op == ASSAY_OP_GRU
                 ? 2
                 : 0;
    }
    return n;
}

/* Cross entropy moves by at most twice what its logits move; for these 4 u sqrt(P) is the bound of
 * docs/methodology.md. bf16's must not be f32's either. */
static void check_model(const model_case *c) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = load_model(arena, c->name, c->options, c->n_options, N_IDS, N_CLASSES);
    double f32[N_STEPS], bf16[N_STEPS], largest, worst = 0;
    train(graph, ASSAY_DTYPE_F32, f32, &largest);
    train(graph, ASSAY_DTYPE_BF16, bf16, &largest);
    double bound =
        2 * 4 * BF16_ROUNDOFF * sqrt((double)count_products(as_graph_view(graph))) * largest;
    for (int s = 0; s < N_STEPS; s++)
        worst = fmax(worst, isfinite(bf16[s]) ? fabs(f32[s] - bf16[s]) : (double)INFINITY);
    tap_ok(worst > 0 && worst <= bound && f32[N_STEPS - 1] < f32[0] && bf16[N_STEPS - 1] < bf16[0],
           "%s: losses of five steps fall and differ from f32's by %.1e of %.1e", c->name, worst,
           bound);
    as_graph_free(graph);
    as_arena_free(arena);
}

static void check_refused(void) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_device_config config = {(uint32_t)sizeof config, ASSAY_DTYPE_BF16, 1, 0, 0};
    assay_device *device = NULL;
    assay_status status = backend->open(&config, &device, &error);
    tap_ok(status == ASSAY_UNSUPPORTED && !device && strstr(error.text, "bf16 needs"),
           "bf16 is refused: %s: %s", error.where, error.text);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    bool refused = argc == 3 && strcmp(argv[1], "--refused") == 0;
    bool without_models = argc == 3 && strcmp(argv[1], "--without-models") == 0;
    if (argc != 2 + refused + without_models)
        tap_bail("usage: bf16 [--fail-fast] [--refused | --without-models] BACKEND");
    backend = load_backend(plugins, argv[argc - 1]);
    if (refused) {
        check_refused();
    } else if (dtype_is_offered(backend, ASSAY_DTYPE_BF16)) {
        check_products();
        check_gradients();
        check_blocks();
        check_conversions();
        check_nan();
        check_masters();
        check_accumulation();
        check_two_layers();
        check_attention(1, 3, 1, ASSAY_TOKEN_LAST);
        check_attention(2, 5, 2, ASSAY_TOKEN_LAST);
        check_attention(3, 16, 32, ASSAY_TOKEN_FIRST);
        check_attention(2, 33, 64, ASSAY_TOKEN_LAST);
        for (size_t i = 0; !without_models && i < sizeof models / sizeof *models; i++)
            check_model(&models[i]);
    }
    as_arena_free(plugins);
    return tap_done();
}
