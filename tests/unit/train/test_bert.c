/* SPDX-License-Identifier: MIT */
/* distilbert and bert: transformers' logits, loss, attention and every gradient for the tiny models
 * of make_bert_golden.py, loaded by name; the published sizes, and those that a strategy trains.
 * Initial values: test_model_init.c. */
#include "golden.h"
#include "train/attention.h"
#include "train/phases.h"

TestSuite(bert, .init = set_up, .fini = tear_down);

static int64_t count_parameters(void) {
    int64_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += view->parameters[i].n_elements;
    return n;
}

static void load_model(const char *id, const as_option_value *values, size_t n,
                       const assay_model_graph **ret_model, const void **ret_options) {
    as_plugin plugin;
    const assay_model_opaque *opaque = NULL;
    void *options = NULL;
    OK(as_plugin_load(arena, ASSAY_PLUGIN_KIND_MODEL, id, &plugin, &error));
    OK(as_plugin_model(&plugin, ret_model, &opaque, &error));
    OK(as_options_fill(arena, plugin.descriptor, values, n, id, &options, &error));
    *ret_options = options;
}

Test(bert, models_have_the_published_numbers_of_parameters) {
    static const struct {
        const char *id;
        int32_t n_classes;
        int64_t expected;
    } cases[] = {
        {"distilbert", 2, 66955010}, {"distilbert", 20, 66968852}, {"bert", 20, 109497620}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OK(build_model(cases[i].id, NULL, 0, (model_size){cases[i].n_classes, 30522, 512}));
        cr_assert_eq(count_parameters(), cases[i].expected, "%s, %d classes: %lld", cases[i].id,
                     (int)cases[i].n_classes, (long long)count_parameters());
        close_model();
    }
}

/* Study D's head: Linear(768 to 128) and Linear(128 to 2) are 98,690; Study E's: 1,538. */
Test(bert, heads_have_the_parameters_of_the_studies) {
    static const struct {
        const char *id, *head;
        int64_t expected;
    } cases[] = {{"distilbert", "two_linear", 66362880 + 98690},
                 {"distilbert", "mean", 66362880 + 1538},
                 {"bert", "two_linear", 109482240 + 98690},
                 {"bert", "mean", 109482240 - 590592 + 1538}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const as_option_value head = {"head", AS_OPTION_TEXT, 0, cases[i].head};
        OK(build_model(cases[i].id, &head, 1, (model_size){2, 30522, 512}));
        cr_assert_eq(count_parameters(), cases[i].expected, "%s, %s: %lld", cases[i].id,
                     cases[i].head, (long long)count_parameters());
        close_model();
    }
}

/* What each strategy of Studies B and D trains. An encoder layer has 7,087,872 parameters; BERT's
 * pooler (590,592) goes with its top layer, DistilBERT's pre-classifier (as many) is its head. */
Test(bert, strategies_train_the_parameters_of_the_studies) {
    static const int64_t layer = 7087872, square = 590592;
    static const struct {
        const char *id, *head;
        int32_t n_classes;
        as_strategy_kind kind;
        int32_t layers;
        int64_t expected;
    } cases[] = {{"distilbert", "cls_relu", 20, AS_STRATEGY_FULL, 0, 66968852},
                 {"distilbert", "cls_relu", 20, AS_STRATEGY_FREEZE, 0, square + 15380},
                 {"distilbert", "cls_relu", 20, AS_STRATEGY_HYBRID, 2, 2 * layer + square + 15380},
                 {"distilbert", "two_linear", 2, AS_STRATEGY_FREEZE, 0, 98690},
                 {"bert", "pooler", 20, AS_STRATEGY_FULL, 0, 109497620},
                 {"bert", "pooler", 20, AS_STRATEGY_FREEZE, 0, 15380},
                 {"bert", "pooler", 20, AS_STRATEGY_HYBRID, 4, 4 * layer + square + 15380},
                 {"bert", "two_linear", 2, AS_STRATEGY_FREEZE, 0, 98690}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const as_option_value head = {"head", AS_OPTION_TEXT, 0, cases[i].head};
        const as_strategy strategy = {
            .kind = cases[i].kind, .layers = cases[i].layers, .lr_decay = 1};
        const as_graph_options with_gradient = {.with_gradient = 1};
        const assay_graph *trained = NULL;
        as_phases *phases = NULL;
        as_phases_config config = {NULL, NULL, &with_gradient, &strategy, 1};
        assay_model_config sizes = {
            (uint32_t)sizeof sizes, cases[i].n_classes, 30522, 512, NULL, 1, 1, 0};
        load_model(cases[i].id, &head, 1, &config.model, &sizes.options);
        config.config = &sizes;
        OK(as_phases_new(&config, &phases, &error));
        OK(as_phases_graph(phases, 1, &trained, &error));
        int64_t n = as_graph_n_trained(as_graph_view(trained));
        cr_assert_eq(n, cases[i].expected, "case %zu: %lld", i, (long long)n);
        as_phases_free(phases);
    }
}

Test(bert, sizes_that_do_not_go_together_are_refused) {
    const as_option_value heads = {"heads", AS_OPTION_NUMBER, 7, NULL};
    cr_assert_eq(build_model("bert", &heads, 1, (model_size){2, 100, 512}), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "options/heads");
    cr_assert(strstr(error.text, "found 7 heads"), "%s", error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(build_model("distilbert", NULL, 0, (model_size){2, 100, 513}),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "options/positions");
    cr_assert(strstr(error.text, "max_tokens is 513; the model has 512"), "%s", error.text);
}

/* "d.11 a.12 ": probabilities of the dropout and attention nodes in order. */
static const char *dropouts_of(const char *id, const char *head) {
    static char text[256];
    const as_option_value values[] = {tiny[0],
                                      tiny[1],
                                      tiny[2],
                                      tiny[3],
                                      tiny[4],
                                      {"head", AS_OPTION_TEXT, 0, head},
                                      {"dropout", AS_OPTION_NUMBER, 0.11, NULL},
                                      {"attention_dropout", AS_OPTION_NUMBER, 0.12, NULL},
                                      {"classifier_dropout", AS_OPTION_NUMBER, 0.13, NULL}};
    OK(build_model(id, values, 9, tiny_size));
    text[0] = '\0';
    for (uint32_t i = 0; i < view->n_forward_nodes; i++) {
        const assay_node *node = &view->nodes[i];
        size_t used = strlen(text);
        if (node->op == ASSAY_OP_DROPOUT || node->op == ASSAY_OP_ATTENTION)
            snprintf(text + used, sizeof text - used, "%c%.0f ",
                     node->op == ASSAY_OP_DROPOUT ? 'd' : 'a', 100 * node->attrs.probability);
    }
    close_model();
    return text;
}

/* After the embeddings, in every layer, in the head: transformers' modeling_distilbert.py (which
 * has none after the attention's output projection) and modeling_bert.py. */
Test(bert, dropout_stands_where_transformers_has_it) {
    cr_assert_str_eq(dropouts_of("distilbert", "cls_relu"), "d11 a12 d11 a12 d11 d13 ");
    cr_assert_str_eq(dropouts_of("distilbert", "mean"), "d11 a12 d11 a12 d11 d13 ");
    cr_assert_str_eq(dropouts_of("distilbert", "two_linear"), "d11 a12 d11 a12 d11 d13 d13 ");
    cr_assert_str_eq(dropouts_of("bert", "pooler"), "d11 a12 d11 d11 a12 d11 d11 d13 ");
    cr_assert_str_eq(dropouts_of("bert", "mean"), "d11 a12 d11 d11 a12 d11 d11 d13 ");
    cr_assert_str_eq(dropouts_of("bert", "two_linear"), "d11 a12 d11 d11 a12 d11 d11 d13 d13 ");
}

/* ---- transformers' figures ------------------------------------------------------------------- */

/* Last layer, mean over heads, from the first token. */
static void check_attention(const json_t *expected, const rows *r, double bound, const char *what) {
    as_attention_reader *reader = NULL;
    OK(as_attention_open(arena, engine, &reader, &error));
    cr_assert_eq(as_attention_of(reader)->query, AS_ATTENTION_FIRST);
    for (int32_t b = 0; b < r->batch.n_rows; b++) {
        const as_row row = {.ids = r->ids + r->offsets[b],
                            .n_ids = r->offsets[b + 1] - r->offsets[b]};
        const as_row *const one[1] = {&row};
        double got[MAX_TOKENS], *const weights_of[1] = {got};
        const json_t *golden_row = json_array_get(expected, (size_t)b);
        OK(as_attention_read(reader, one, 1, weights_of, &error));
        cr_assert_eq(json_array_size(golden_row), (size_t)row.n_ids);
        for (int32_t t = 0; t < row.n_ids; t++)
            cr_assert_float_eq(got[t], json_number_value(json_array_get(golden_row, (size_t)t)),
                               bound, "%s: attention of row %d, token %d: %.9g", what, b, t,
                               got[t]);
    }
    as_attention_close(reader);
}

static void check_golden(const json_t *json, const char *id, const char *backend, int32_t dtype,
                         double bound) {
    const json_t *expected = json_object_get(json_object_get(json, "models"), id);
    char folder[64], what[64];
    rows r;
    snprintf(folder, sizeof folder, "bert/%s", id);
    snprintf(what, sizeof what, "%s on %s, dtype %d", id, backend, (int)dtype);
    read_rows(json, &r);
    build_tiny(id, NULL);
    open_engine(backend, dtype);
    OK(as_weights_open(arena, golden(folder).text, &weights, &error));
    OK(as_weights_load(arena, weights, engine, id, 1, &result, &error));
    cr_assert_eq(result.loaded.n, view->n_parameters);
    cr_assert_eq(result.drawn.n + result.unused.n + result.ignored.n, 0);
    check_batch(&r.batch, expected, bound, what);
    check_gradients(json_object_get(expected, "gradients"), bound, what);
    check_attention(json_object_get(expected, "attention"), &r, bound, what);
    close_model();
}

static void check_both(const char *backend, int32_t dtype, double bound) {
    json_t *json = NULL;
    OK(as_json_load(golden("bert.json").text, &json, &error));
    check_golden(json, "distilbert", backend, dtype, bound);
    check_golden(json, "bert", backend, dtype, bound);
    json_decref(json);
}

Test(bert, transformers_figures_in_double_precision) {
    check_both("reference", ASSAY_DTYPE_F64, 1e-10);
}

Test(bert, transformers_figures_in_single_precision) {
    check_both("reference", ASSAY_DTYPE_F32, 1e-5);
}

#ifdef HAVE_ONEDNN
Test(bert, transformers_figures_on_onednn) {
    check_both("onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif
