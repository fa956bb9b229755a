/* SPDX-License-Identifier: MIT */
/* The built-in graph models against PyTorch: logits, loss and every gradient of the tiny models of
 * make_models_golden.py (which test_bert.c completes with transformers' own heads). In f32 within
 * 1e-5 of each tensor's scale, in f64 within 1e-10. */
#include "golden.h"

TestSuite(golden_models, .init = set_up, .fini = tear_down);

enum { LEAST_CASES = 20 };

static void open_case(const json_t *golden_file, const json_t *one) {
    as_option_value values[MOST_OPTIONS];
    double class_weights[CLASSES];
    const json_t *weights_of_classes = json_object_get(one, "class_weights");
    size_t n = options_of(json_object_get(one, "options"), values);
    as_graph_options loss = {.with_gradient = 1};
    loss.label_smoothing = json_number_value(json_object_get(one, "label_smoothing"));
    cr_assert_leq(json_array_size(weights_of_classes), CLASSES);
    for (size_t k = 0; k < json_array_size(weights_of_classes); k++) {
        class_weights[k] = json_number_value(json_array_get(weights_of_classes, k));
        loss.class_weights = class_weights;
    }
    model_size size = {(int32_t)json_integer_value(json_object_get(one, "classes")),
                       json_integer_value(json_object_get(golden_file, "vocab_size")),
                       json_integer_value(json_object_get(golden_file, "max_tokens"))};
    OK(build_model_with(json_string_value(json_object_get(one, "model")), values, n, size, &loss));
}

/* Every parameter comes from the case's file; class weights are the loss's. */
static void load_case(const char *model, const char *name) {
    char file[80];
    size_t n = view->n_parameters;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n -= view->parameters[i].values != NULL;
    snprintf(file, sizeof file, "models/%s.safetensors", name);
    OK(as_weights_open(arena, golden(file).text, &weights, &error));
    OK(as_weights_load(arena, weights, engine, model, 1, &result, &error));
    cr_assert_eq(result.loaded.n, n, "%s", name);
    cr_assert_eq(result.unused.n + result.ignored.n, 0, "%s", name);
}

static void check_case(const json_t *golden_file, const json_t *one, const char *backend,
                       int32_t dtype, double bound) {
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *batches = json_object_get(one, "batches");
    char what[96];
    snprintf(what, sizeof what, "%s on %s, dtype %d", name, backend, (int)dtype);
    open_case(golden_file, one);
    open_engine(backend, dtype);
    load_case(json_string_value(json_object_get(one, "model")), name);
    cr_assert_geq(json_array_size(batches), 2);
    for (size_t i = 0; i < json_array_size(batches); i++) {
        rows r;
        read_rows(json_array_get(batches, i), &r);
        check_batch(&r.batch, json_array_get(batches, i), bound, what);
    }
    check_gradients(json_object_get(one, "gradients"), bound, what);
    close_model();
}

static void check_all(const char *backend, int32_t dtype, double bound) {
    json_t *json = NULL;
    OK(as_json_load(golden("models.json").text, &json, &error));
    const json_t *cases = json_object_get(json, "cases");
    cr_assert_geq(json_array_size(cases), LEAST_CASES);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(json, json_array_get(cases, i), backend, dtype, bound);
    json_decref(json);
}

Test(golden_models, pytorch_in_double_precision) {
    check_all("reference", ASSAY_DTYPE_F64, 1e-10);
}

Test(golden_models, pytorch_in_single_precision) {
    check_all("reference", ASSAY_DTYPE_F32, 1e-5);
}

#ifdef HAVE_ONEDNN
Test(golden_models, pytorch_on_onednn) {
    check_all("onednn", ASSAY_DTYPE_F32, 1e-5);
}
#endif
