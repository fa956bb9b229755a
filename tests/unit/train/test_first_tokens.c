/* SPDX-License-Identifier: MIT */
/* Computing the last layer for first tokens alone changes no result: beside the same model whose
 * last layer is read whole, by something that adds nothing, logits and loss are the same bits and
 * gradients the same numbers, with dropout on. */
#include <math.h>

#include "assay/blocks.h"
#include "tiny.h"

enum { DIM = 8, LAYERS = 2 };

TestSuite(first_tokens, .init = tiny_set_up, .fini = tiny_tear_down);

static assay_graph *encoder(bool whole) {
    static const as_graph_options options = {.with_gradient = 1};
    assay_graph *graph = NULL;
    OK(as_graph_new(&graph, &error));
    const assay_builder *b = as_graph_builder(graph);
    assay_value x =
        assay_embedding(b, "words", b->input(graph, ASSAY_INPUT_TOKEN_IDS), TOY_VOCABULARY, DIM);
    for (int i = 0; i < LAYERS; i++)
        x = assay_encoder_layer(b, "encoder", i, x, 2, 2 * DIM, 0.3);
    assay_value logits =
        assay_linear(b, "classifier", assay_select_token(b, x, ASSAY_TOKEN_FIRST), TINY_CLASSES);
    if (whole) {
        assay_value nothing = assay_scale(b, assay_mean_pool(b, x), 0);
        logits = assay_add(b, logits, assay_slice(b, nothing, 0, TINY_CLASSES));
    }
    OK(as_graph_close(graph, logits, &options, &error));
    return graph;
}

/* Sum of squares of each parameter's gradient, and of the difference between two engines'. */
static void expect_near_gradients(as_engine *a, as_engine *b, double bound) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(a));
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        uint64_t n = (uint64_t)view->parameters[p].n_elements;
        double *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y), norm = 0, difference = 0;
        cr_assert(x && y);
        OK(as_engine_get_parameter(a, ASSAY_STATE_GRADIENT, p, x, &error));
        OK(as_engine_get_parameter(b, ASSAY_STATE_GRADIENT, p, y, &error));
        for (uint64_t i = 0; i < n; i++) {
            norm += y[i] * y[i];
            difference += (x[i] - y[i]) * (x[i] - y[i]);
        }
        cr_expect_gt(norm, 0, "%s", view->parameters[p].name);
        cr_expect_leq(sqrt(difference), bound * sqrt(norm), "%s: %g of %g",
                      view->parameters[p].name, sqrt(difference), sqrt(norm));
        free(x);
        free(y);
    }
}

static void on_backend(const char *backend, int32_t dtype, double bound) {
    assay_graph *graphs[2] = {encoder(false), encoder(true)};
    const assay_graph_view *views[2] = {as_graph_view(graphs[0]), as_graph_view(graphs[1])};
    const int32_t lengths[] = {5, 3};
    as_engine *engines[2];
    double logits[2][TINY_CLASSES * TINY_ROWS] = {{0}}, losses[2];
    const assay_step step = {(uint32_t)sizeof step, 1, 99, 1, 0.05, 0.25, 0};
    cr_assert_eq(views[0]->n_parameters, views[1]->n_parameters);
    cr_expect_lt(as_graph_flops(views[0], 1, 2, lengths), as_graph_flops(views[1], 1, 2, lengths));
    for (int e = 0; e < 2; e++) {
        as_batches *batches = NULL;
        engines[e] = tiny_engine(graphs[e], backend, dtype);
        OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], TINY_ROWS, &batches, &error));
        OK(as_engine_accumulate(engines[e], as_batches_next(batches), &step, logits[e], &losses[e],
                                &error));
    }
    cr_expect_eq(memcmp(logits[0], logits[1], sizeof logits[0]), 0);
    cr_expect_eq(losses[0], losses[1]);
    expect_near_gradients(engines[0], engines[1], bound);
    for (int e = 0; e < 2; e++) {
        as_engine_free(engines[e]);
        as_graph_free(graphs[e]);
    }
}

/* Sums over rows leave the zeros of other tokens out, so they may round otherwise. */
Test(first_tokens, same_results_on_reference_f64) {
    on_backend("reference", ASSAY_DTYPE_F64, 1e-14);
}

#ifdef HAVE_ONEDNN
Test(first_tokens, same_results_on_onednn) {
    on_backend("onednn", ASSAY_DTYPE_F32, 1e-6);
}

/* Attention read by select_token alone, or by something that adds nothing, too. Nothing here rounds
 * otherwise for that in bf16. */
static assay_graph *attention(bool whole) {
    static const as_graph_options options = {.with_gradient = 1};
    assay_graph *graph = NULL;
    OK(as_graph_new(&graph, &error));
    const assay_builder *b = as_graph_builder(graph);
    assay_value x =
        assay_embedding(b, "words", b->input(graph, ASSAY_INPUT_TOKEN_IDS), TOY_VOCABULARY, DIM);
    assay_value y = assay_self_attention(b, "attention", x, 2, 0.3);
    assay_value logits =
        assay_linear(b, "classifier", assay_select_token(b, y, ASSAY_TOKEN_FIRST), TINY_CLASSES);
    if (whole) {
        assay_value nothing = assay_scale(b, assay_mean_pool(b, y), 0);
        logits = assay_add(b, logits, assay_slice(b, nothing, 0, TINY_CLASSES));
    }
    OK(as_graph_close(graph, logits, &options, &error));
    return graph;
}

/* The line of the forward plan's attention; selects: lines that select tokens. */
static assay_profile_entry line_of_attention(as_engine *engine, int *ret_selects) {
    static assay_profile_entry lines[256];
    assay_profile_entry found = {0};
    uint64_t nanoseconds;
    uint32_t n = as_engine_read_profile(engine, ASSAY_PLAN_FORWARD, lines, 256, &nanoseconds);
    *ret_selects = 0;
    cr_assert(n > 0 && n <= 256);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(lines[i].name, "attention") == 0)
            found = lines[i];
        *ret_selects += strcmp(lines[i].name, "select_token") == 0;
    }
    return found;
}

/* In a forward plan such attention works for first tokens alone, too: as if it hadn't. */
static void predict(int32_t dtype) {
    assay_graph *graphs[2] = {attention(false), attention(true)};
    as_engine *engines[2];
    assay_profile_entry lines[2];
    double logits[2][TINY_CLASSES * TINY_ROWS] = {{0}};
    double operand = dtype == ASSAY_DTYPE_BF16 ? 2 : 4, rows = 0, tokens = 0, squares = 0;
    int selects[2];
    for (int e = 0; e < 2; e++) {
        as_batches *batches = NULL;
        engines[e] = tiny_engine(graphs[e], "onednn", dtype);
        OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], TINY_ROWS, &batches, &error));
        const assay_batch *batch = as_batches_next(batches);
        cr_assert(as_engine_profile(engines[e], true));
        OK(as_engine_forward(engines[e], batch, logits[e], NULL, &error));
        lines[e] = line_of_attention(engines[e], &selects[e]);
        rows = batch->n_rows;
        for (int32_t r = 0; r < batch->n_rows && e == 0; r++) {
            double n = batch->offsets[r + 1] - batch->offsets[r];
            tokens += n;
            squares += n * n;
        }
    }
    cr_assert_gt(squares, tokens);
    cr_expect_eq(selects[0], 0);
    cr_expect_eq(selects[1], 1);
    cr_expect_eq((double)lines[0].flops, 4 * tokens * DIM);
    cr_expect_eq((double)lines[1].flops, 4 * squares * DIM);
    /* query, key and value, and the operand of the product behind */
    cr_expect_eq((double)lines[0].bytes, (3 * tokens + rows) * operand * DIM);
    cr_expect_eq((double)lines[1].bytes, (3 * tokens + tokens) * operand * DIM);
    cr_expect_eq(memcmp(logits[0], logits[1], sizeof logits[0]), 0);
    for (int e = 0; e < 2; e++) {
        as_engine_free(engines[e]);
        as_graph_free(graphs[e]);
    }
}

Test(first_tokens, one_query_a_row_in_f32) {
    predict(ASSAY_DTYPE_F32);
}

Test(first_tokens, one_query_a_row_in_bf16) {
    predict(ASSAY_DTYPE_BF16);
}
#endif
