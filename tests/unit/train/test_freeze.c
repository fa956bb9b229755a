/* SPDX-License-Identifier: MIT */
/* Frozen parameters of the real models: what is left of the graph, and a graph in two around the
 * frozen part's end, which trains bit for bit as the whole one. */
#include "tiny.h"

TestSuite(freeze, .init = tiny_set_up, .fini = tiny_tear_down);

/* `context`: what the names of frozen parameters begin with. */
static int begins_with(void *context, const char *name) {
    return strncmp(name, context, strlen(context)) == 0;
}

static int all_but(void *context, const char *name) {
    return !begins_with(context, name);
}

/* cross_entropy's gradient, then dW and db of the classifier: nothing below it. */
Test(freeze, a_frozen_backbone_has_no_backward_nodes) {
    static const int32_t expected[] = {ASSAY_OP_CROSS_ENTROPY_GRAD, ASSAY_OP_LINEAR_GRAD_WEIGHT,
                                       ASSAY_OP_LINEAR_GRAD_BIAS};
    assay_graph *graph = tiny_model(
        "distilbert", 2, 0.1,
        &(as_graph_options){.with_gradient = 1, .frozen = all_but, .context = "classifier"});
    const assay_graph_view *view = as_graph_view(graph);
    cr_assert_eq(view->n_nodes - view->n_forward_nodes, 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_expect_eq(view->nodes[view->n_forward_nodes + i].op, expected[i]);
    cr_expect_eq(as_graph_n_trained(view), 8 * TINY_CLASSES + TINY_CLASSES);
    for (uint32_t i = 0; i < view->n_parameters; i++)
        cr_expect_eq(view->parameters[i].gradient == ASSAY_NONE,
                     all_but("classifier", view->parameters[i].name));
    as_graph_free(graph);
}

/* The upper of two layers and the head: nothing of the lower layer's is differentiated. */
Test(freeze, gradients_end_at_the_lowest_trained_layer) {
    assay_graph *graph =
        tiny_model("bert", 2, 0.1,
                   &(as_graph_options){.with_gradient = 1,
                                       .frozen = all_but,
                                       .context = "bert.encoder.layer.1.output.dense.weight"});
    const assay_graph_view *view = as_graph_view(graph);
    uint32_t n_products = 0;
    for (uint32_t n = view->n_forward_nodes; n < view->n_nodes; n++) {
        n_products += view->nodes[n].op == ASSAY_OP_LINEAR_GRAD_WEIGHT;
        cr_expect_neq(view->nodes[n].op, ASSAY_OP_ATTENTION_GRAD);
        cr_expect_neq(view->nodes[n].op, ASSAY_OP_GELU_GRAD);
    }
    cr_expect_eq(n_products, 1);
    as_graph_free(graph);
}

Test(freeze, everything_is_an_error_with_gradient) {
    as_option_value values[TINY_OPTIONS];
    size_t n = tiny_options("lstm", 1, 0.1, values);
    assay_graph *graph = NULL;
    as_graph_options options = {.with_gradient = 1, .frozen = begins_with, .context = ""};
    cr_assert_eq(tiny_build("lstm", values, n, &options, &graph), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "each of the 7 parameters is frozen"), "%s", error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    options.with_gradient = 0;
    OK(tiny_build("lstm", values, n, &options, &graph));
    cr_assert_eq(as_graph_n_trained(as_graph_view(graph)), 0);
    as_graph_free(graph);
}

/* What is trained has the same gradient to the last bit, whatever else is frozen. */
static void expect_same_gradients(const char *model, const char *trained, const char *backend,
                                  int32_t dtype) {
    as_graph_options options = {.with_gradient = 1};
    const assay_step step = {(uint32_t)sizeof step, 1, 7, 1, 0, 0.25, 0};
    as_batches *batches = NULL;
    assay_graph *whole = tiny_model(model, 2, 0.2, &options), *part;
    options.frozen = all_but;
    options.context = (void *)(uintptr_t)trained;
    part = tiny_model(model, 2, 0.2, &options);
    as_engine *a = tiny_engine(whole, backend, dtype), *b = tiny_engine(part, backend, dtype);
    OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], TINY_ROWS, &batches, &error));
    const assay_batch *batch = as_batches_next(batches);
    OK(as_engine_accumulate(a, batch, &step, NULL, NULL, &error));
    OK(as_engine_accumulate(b, batch, &step, NULL, NULL, &error));
    cr_expect_lt(as_graph_n_trained(as_graph_view(part)), as_graph_n_trained(as_graph_view(whole)));
    tiny_expect_equal(a, b, ASSAY_STATE_GRADIENT, model);
    as_engine_free(a);
    as_engine_free(b);
    as_graph_free(whole);
    as_graph_free(part);
}

static void part_by_part(const char *backend, int32_t dtype) {
    static const char *const cases[][2] = {
        {"rnn", "embedding"},
        {"rnn", "rnn.weight_hh_l0"},
        {"lstm", "embedding"},
        {"lstm", "lstm.bias_hh_l0"},
        {"gru", "embedding"},
        {"gru", "gru.weight_ih_l1"},
        {"bilstm", "lstm.weight_ih_l0_reverse"},
        {"bilstm_attention", "attention.score"},
        {"transformer", "encoder.layers.0.norm1.bias"},
        {"transformer", "embedding"},
        {"distilbert", "distilbert.embeddings.position_embeddings"},
        {"distilbert", "distilbert.transformer.layer.1.ffn"},
        {"bert", "bert.embeddings.token_type_embeddings"},
        {"bert", "bert.encoder.layer.0.attention.self.key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_same_gradients(cases[i][0], cases[i][1], backend, dtype);
}

Test(freeze, changes_no_gradient_of_the_rest_on_reference_f64) {
    part_by_part("reference", ASSAY_DTYPE_F64);
}

/* ---- the frozen part's rows --------------------------------------------------------------------
 */

/* Rows of the split -> what the frozen part makes of them, [n_rows, n_channels]. */
static double *compute_features(as_engine *before, int64_t n_channels) {
    const as_split_rows *split = &data.splits[AS_SPLIT_TRAIN];
    double *features = calloc((size_t)(split->n_rows * n_channels), sizeof *features);
    double *logits = calloc((size_t)(TINY_ROWS * n_channels), sizeof *logits);
    as_batches *batches = NULL;
    cr_assert(features && logits);
    OK(as_batches_new(arena, split, TINY_ROWS, &batches, &error));
    as_batches_by_length(batches);
    for (const assay_batch *batch; (batch = as_batches_next(batches));) {
        OK(as_engine_forward(before, batch, logits, NULL, &error));
        for (int32_t b = 0; b < batch->n_rows; b++)
            memcpy(features + (size_t)as_batches_rows(batches)[b] * (size_t)n_channels,
                   logits + b * n_channels, (size_t)n_channels * sizeof *features);
    }
    free(logits);
    return features;
}

/* The batch that the part behind the features takes: a token for each row, its number. */
static assay_batch feature_batch(const assay_batch *batch, const uint32_t *rows, int32_t *ids,
                                 int32_t *positions, int32_t *offsets) {
    assay_batch made = *batch;
    for (int32_t b = 0; b < batch->n_rows; b++) {
        ids[b] = (int32_t)rows[b];
        positions[b] = 0;
        offsets[b] = b;
    }
    offsets[batch->n_rows] = batch->n_rows;
    made.n_tokens = batch->n_rows;
    made.ids = ids;
    made.positions = positions;
    made.offsets = offsets;
    made.token_weights = NULL;
    return made;
}

static void expect_same_steps(as_engine *whole, as_engine *after, const char *what) {
    const as_train_config config = toy_config(1, 1);
    int32_t ids[TINY_ROWS], positions[TINY_ROWS], offsets[TINY_ROWS + 1];
    as_batches *batches = NULL;
    OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], TINY_ROWS, &batches, &error));
    as_batches_shuffle(batches, 3, 1);
    for (int i = 1; i <= 3; i++) {
        assay_step step = {(uint32_t)sizeof step, 1, 40 + (uint64_t)i, i, 0.05, 0.125, 0};
        double logits[2][TINY_ROWS * TINY_CLASSES] = {{0}}, losses[2];
        const assay_batch *batch = as_batches_next(batches);
        assay_batch rows = feature_batch(batch, as_batches_rows(batches), ids, positions, offsets);
        OK(as_engine_accumulate(whole, batch, &step, logits[0], &losses[0], &error));
        OK(as_engine_accumulate(after, &rows, &step, logits[1], &losses[1], &error));
        cr_expect_eq(memcmp(logits[0], logits[1], sizeof logits[0]), 0, "%s: logits", what);
        cr_expect_eq(losses[0], losses[1], "%s: loss", what);
        tiny_expect_equal(whole, after, ASSAY_STATE_GRADIENT, what);
        OK(as_engine_update(whole, &config.update, &step, NULL, &error));
        OK(as_engine_update(after, &config.update, &step, NULL, &error));
    }
    tiny_expect_equal(whole, after, ASSAY_STATE_PARAMETER, what);
}

/* The model with a head of that kind, all that begins with `frozen` frozen, dropout on in the head;
 * whole, and as features with the part behind them. */
static void expect_same_with_features(const char *model, const char *head, const char *frozen,
                                      const char *backend, int32_t dtype) {
    static const double weights[TINY_CLASSES] = {1, 2};
    const as_graph_options options = {.label_smoothing = 0.1,
                                      .class_weights = weights,
                                      .with_gradient = 1,
                                      .frozen = begins_with,
                                      .context = (void *)(uintptr_t)frozen,
                                      .frozen_without_dropout = 1};
    as_option_value values[TINY_OPTIONS + 1];
    size_t n = tiny_options(model, 2, 0.2, values);
    uint32_t n_rows = data.splits[AS_SPLIT_TRAIN].n_rows;
    assay_graph *whole = NULL, *before = NULL, *after = NULL;
    values[n] = (as_option_value){"head", AS_OPTION_TEXT, 0, head};
    OK(tiny_build(model, values, n + 1, &options, &whole));
    const assay_graph_view *view = as_graph_view(whole);
    assay_value value = as_graph_frozen_rows(view);
    cr_assert_neq(value, ASSAY_NONE, "%s, %s", model, head);
    OK(as_graph_before(view, value, &before, &error));
    OK(as_graph_after(view, value, n_rows, &options, &after, &error));
    cr_expect_eq(as_graph_n_trained(as_graph_view(after)), as_graph_n_trained(view));
    as_engine *engines[3] = {tiny_engine(whole, backend, dtype),
                             tiny_engine(before, backend, dtype),
                             tiny_engine(after, backend, dtype)};
    double *features = compute_features(engines[1], view->values[value].dims[0]);
    int64_t table = tiny_parameter(as_graph_view(after), "features");
    cr_assert(table >= 0);
    OK(as_engine_set_parameter(engines[2], ASSAY_STATE_PARAMETER, (uint32_t)table, features,
                               &error));
    expect_same_steps(engines[0], engines[2], head);
    free(features);
    for (int i = 0; i < 3; i++)
        as_engine_free(engines[i]);
    as_graph_free(whole);
    as_graph_free(before);
    as_graph_free(after);
}

static void all_heads(const char *backend, int32_t dtype) {
    static const char *const cases[][3] = {
        {"distilbert", "cls_relu", "distilbert."},
        {"distilbert", "mean", "distilbert."},
        {"distilbert", "two_linear", "distilbert."},
        {"bert", "pooler", "bert."},
        {"bert", "mean", "bert."},
        {"bert", "two_linear", "bert."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_same_with_features(cases[i][0], cases[i][1], cases[i][2], backend, dtype);
}

Test(freeze, features_train_as_the_whole_graph_on_reference_f64) {
    all_heads("reference", ASSAY_DTYPE_F64);
}

#ifdef HAVE_ONEDNN
Test(freeze, changes_no_gradient_of_the_rest_on_onednn) {
    part_by_part("onednn", ASSAY_DTYPE_F32);
}

Test(freeze, features_train_as_the_whole_graph_on_onednn) {
    all_heads("onednn", ASSAY_DTYPE_F32);
}
#endif

/* The frozen part's end of a model with `dropout` everywhere. */
static assay_value frozen_rows(const char *model, double dropout, const char *frozen,
                               int without_dropout) {
    assay_graph *graph = tiny_model(model, 2, dropout,
                                    &(as_graph_options){.with_gradient = 1,
                                                        .frozen = begins_with,
                                                        .context = (void *)(uintptr_t)frozen,
                                                        .frozen_without_dropout = without_dropout});
    assay_value value = as_graph_frozen_rows(as_graph_view(graph));
    as_graph_free(graph);
    return value;
}

Test(freeze, some_graphs_have_no_frozen_rows) {
    cr_expect_neq(frozen_rows("distilbert", 0.1, "distilbert.", 1), ASSAY_NONE);
    cr_expect_neq(frozen_rows("distilbert", 0, "distilbert.", 0), ASSAY_NONE);
    cr_expect_eq(frozen_rows("distilbert", 0.1, "distilbert.", 0), ASSAY_NONE, "dropout inside");
    cr_expect_eq(frozen_rows("distilbert", 0, "nothing", 1), ASSAY_NONE, "nothing frozen");
    cr_expect_eq(frozen_rows("distilbert", 0, "distilbert.transformer", 1), ASSAY_NONE,
                 "the embeddings are trained");
    cr_expect_eq(frozen_rows("distilbert", 0, "distilbert.embeddings", 1), ASSAY_NONE,
                 "tokens cross");
    cr_expect_eq(frozen_rows("lstm", 0, "embedding", 1), ASSAY_NONE, "tokens cross");
    cr_expect_eq(frozen_rows("transformer", 0, "embedding", 1), ASSAY_NONE, "tokens cross");
}
