/* SPDX-License-Identifier: MIT */
/* distilbert and bert: transformers' logits, loss and every gradient for the tiny models of
 * make_bert_golden.py, loaded by name; the published sizes; the initial values' moments. */
#include <math.h>

#include "base/json.h"
#include "pretrained.h"

enum { MAX_TOKENS = 64 };

TestSuite(bert, .init = set_up, .fini = tear_down);

static int64_t count_parameters(void) {
    int64_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += view->parameters[i].n_elements;
    return n;
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

/* Mean and deviation of every kind of parameter, as transformers draws them; a head of plain
 * PyTorch layers as PyTorch does. */
static void check_moments(const char *name, const double *values, int64_t n, const char *head) {
    double sum = 0, squares = 0, expected = 0.02, error_of_mean;
    bool is_norm = strstr(name, "LayerNorm") || strstr(name, "layer_norm");
    bool is_plain = strncmp(name, "classifier", 10) == 0 && strcmp(head, "mean") == 0;
    for (int64_t i = 0; i < n; i++)
        sum += values[i];
    for (int64_t i = 0; i < n; i++)
        squares += (values[i] - sum / (double)n) * (values[i] - sum / (double)n);
    if (is_plain) /* U(-1/sqrt 96, 1/sqrt 96) */
        expected = 1 / sqrt(96) / sqrt(3);
    else if (is_norm || strstr(name, ".bias"))
        expected = 0;
    error_of_mean = expected / sqrt((double)n);
    cr_assert_leq(fabs(sum / (double)n - (is_norm && strstr(name, ".weight") ? 1 : 0)),
                  5 * error_of_mean, "%s", name);
    cr_assert_leq(fabs(sqrt(squares / (double)n) - expected), 5 * error_of_mean, "%s", name);
}

Test(bert, initial_values_have_the_moments_of_transformers) {
    static const char *const cases[][2] = {
        {"distilbert", "cls_relu"}, {"distilbert", "mean"}, {"bert", "pooler"}};
    for (size_t i = 0; i < 3; i++) {
        const as_option_value values[] = {{"layers", AS_OPTION_NUMBER, 1, NULL},
                                          {"dim", AS_OPTION_NUMBER, 96, NULL},
                                          {"hidden_dim", AS_OPTION_NUMBER, 64, NULL},
                                          {"head", AS_OPTION_TEXT, 0, cases[i][1]}};
        OK(build_model(cases[i][0], values, 4, (model_size){40, 500, 12}));
        open_engine("reference", ASSAY_DTYPE_F32);
        OK(as_engine_init_parameters(engine, 3, &error));
        uint64_t n = as_engine_n_elements(engine);
        double *all = as_arena_alloc_array(arena, n, sizeof *all);
        OK(as_engine_get(engine, ASSAY_STATE_PARAMETER, all, n, &error));
        for (uint32_t k = 0; k < view->n_parameters; k++) {
            check_moments(view->parameters[k].name, all, view->parameters[k].n_elements,
                          cases[i][1]);
            all += view->parameters[k].n_elements;
        }
        close_model();
    }
}

/* ---- transformers' figures ------------------------------------------------------------------- */

typedef struct rows {
    assay_batch batch;
    int32_t ids[MAX_TOKENS], positions[MAX_TOKENS], offsets[MAX_ROWS + 1], labels[MAX_ROWS];
    uint64_t keys[MAX_ROWS];
} rows;

static void read_rows(const json_t *json, rows *r) {
    const json_t *ids = json_object_get(json, "ids"), *labels = json_object_get(json, "labels");
    int32_t n = 0, n_rows = (int32_t)json_array_size(ids);
    for (int32_t b = 0; b < n_rows; b++) {
        const json_t *row = json_array_get(ids, (size_t)b);
        for (size_t t = 0; t < json_array_size(row); t++) {
            r->ids[n] = (int32_t)json_integer_value(json_array_get(row, t));
            r->positions[n++] = (int32_t)t;
        }
        r->offsets[b + 1] = n;
        r->labels[b] = (int32_t)json_integer_value(json_array_get(labels, (size_t)b));
        r->keys[b] = (uint64_t)b;
    }
    r->batch = (assay_batch){.struct_size = sizeof(assay_batch),
                             .n_rows = n_rows,
                             .n_tokens = n,
                             .ids = r->ids,
                             .positions = r->positions,
                             .offsets = r->offsets,
                             .labels = r->labels,
                             .row_keys = r->keys};
}

static double largest(const json_t *list) {
    double most = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        most = fmax(most, fabs(json_number_value(json_array_get(list, i))));
    return most;
}

/* The true gradient of a key's bias is zero: it moves all scores of a row alike. What rounding
 * leaves of it is held against the query's. */
static double scale_of(const json_t *gradients, const char *name) {
    static const char *const keys[][2] = {{"k_lin.bias", "q_lin.bias"}, {"key.bias", "query.bias"}};
    char other[128];
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(name), m = strlen(keys[i][0]);
        if (n < m || strcmp(name + n - m, keys[i][0]) != 0)
            continue;
        snprintf(other, sizeof other, "%.*s%s", (int)(n - m), name, keys[i][1]);
        name = other;
        break;
    }
    return largest(json_object_get(gradients, name));
}

static void check_gradients(const json_t *gradients, double bound) {
    uint64_t n = as_engine_n_elements(engine);
    double *found = as_arena_alloc_array(arena, n, sizeof *found);
    OK(as_engine_get(engine, ASSAY_STATE_GRADIENT, found, n, &error));
    cr_assert_eq(json_object_size(gradients), view->n_parameters);
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const char *name = view->parameters[i].name;
        const json_t *expected = json_object_get(gradients, name);
        size_t size = (size_t)view->parameters[i].n_elements;
        double scale = scale_of(gradients, name), worst = 0;
        cr_assert_eq(json_array_size(expected), size, "%s", name);
        for (size_t k = 0; k < size; k++)
            worst = fmax(worst,
                         fabs(found[k] - json_number_value(json_array_get(expected, k))) / scale);
        cr_assert_leq(worst, bound, "%s: %g of the gradient's scale", name, worst);
        found += size;
    }
}

static void check_golden(const json_t *json, const char *id, const char *backend, int32_t dtype,
                         double bound) {
    const json_t *expected = json_object_get(json_object_get(json, "models"), id);
    const assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 1};
    double logits[MAX_ROWS * CLASSES], loss = 0, scale = 0;
    char folder[64];
    rows r = {.offsets = {0}};
    snprintf(folder, sizeof folder, "bert/%s", id);
    read_rows(json, &r);
    build_tiny(id, NULL);
    open_engine(backend, dtype);
    OK(as_weights_open(arena, golden(folder).text, &weights, &error));
    OK(as_weights_load(arena, weights, engine, id, 1, &result, &error));
    cr_assert_eq(result.loaded.n, view->n_parameters);
    cr_assert_eq(result.drawn.n + result.unused.n + result.ignored.n, 0);
    OK(as_engine_accumulate(engine, &r.batch, &step, logits, &loss, &error));
    for (size_t b = 0; b < 4; b++)
        scale = fmax(scale, largest(json_array_get(json_object_get(expected, "logits"), b)));
    for (size_t b = 0; b < 4; b++) {
        const json_t *row = json_array_get(json_object_get(expected, "logits"), b);
        for (size_t k = 0; k < CLASSES; k++)
            cr_assert_leq(fabs(logits[b * CLASSES + k] - json_number_value(json_array_get(row, k))),
                          bound * scale, "%s on %s: row %zu", id, backend, b);
    }
    double expected_loss = json_number_value(json_object_get(expected, "loss"));
    cr_assert_leq(fabs(loss - expected_loss), bound * expected_loss, "%s on %s", id, backend);
    check_gradients(json_object_get(expected, "gradients"), bound);
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
