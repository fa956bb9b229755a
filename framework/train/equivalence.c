/* SPDX-License-Identifier: MIT */
/* Is a backend right on this model? Same weights, same batch, dropout off, against the reference
 * backend in f64.
 *
 *     error of a tensor = max |x - reference| / scale
 *     scale of the logits = max |reference|
 *     scale of a gradient = max |reference| of that parameter, at least FLOOR times that of all
 *
 * The floor is for gradients that are zero in exact arithmetic, as that of a bias before a softmax
 * over tokens: in f32 they are sums of terms of the size of other gradients that cancel up to
 * rounding, so only rounding would be compared with rounding.
 *
 * Gradients are taken for wrong labels (the next class instead of the row's): for right ones,
 * softmax - q of a trained model is a difference of nearly equal numbers, and its few digits in f32
 * would look like an error.
 *
 * Bounds. f32 has a unit roundoff of 6e-8. One operation stays within 1e-4 of its output's scale
 * (the bound of the operation tests); logits of a trained network keep that. A gradient goes
 * through every operation twice and through time, where recurrent layers multiply errors: 1e-3. f64
 * is 5e8 times finer; 1e-10 leaves as much room above its roundoff of 1e-16 and still shows any use
 * of f32 in between. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/engine.h"

#define FLOOR 1e-3

typedef struct bounds {
    double logits, gradient;
} bounds;

static const bounds *bounds_of(int32_t dtype) {
    static const bounds f32 = {1e-4, 1e-3}, f64 = {1e-10, 1e-10};
    return dtype == ASSAY_DTYPE_F32 ? &f32 : dtype == ASSAY_DTYPE_F64 ? &f64 : NULL;
}

static double largest(const double *x, uint64_t n) {
    double most = 0;
    for (uint64_t i = 0; i < n; i++)
        most = fabs(x[i]) > most ? fabs(x[i]) : most;
    return most;
}

/* max |x - y| / scale; infinite where x is not finite, or where they differ and the scale is 0. */
static double relative_error(const double *x, const double *y, uint64_t n, double scale) {
    double most = 0;
    for (uint64_t i = 0; i < n; i++) {
        double difference = fabs(x[i] - y[i]);
        if (!isfinite(difference))
            return INFINITY;
        most = difference > most ? difference : most;
    }
    return most == 0 ? 0 : scale > 0 ? most / scale : INFINITY;
}

static double gradient_error(const assay_graph_view *view, const double *x, const double *y,
                             uint64_t n) {
    double least_scale = FLOOR * largest(y, n), worst = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        uint64_t size = (uint64_t)view->parameters[i].n_elements;
        double scale = fmax(largest(y, size), least_scale);
        worst = fmax(worst, relative_error(x, y, size, scale));
        x += size;
        y += size;
    }
    return worst;
}

/* Logits and, where the graph has a backward part, gradients of one batch. Leaves the engine's
 * gradients zero, as they were. */
static assay_status run_once(as_engine *engine, const assay_batch *batch, bool with_gradient,
                             double *logits, double *gradients, assay_error *error) {
    assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 1.0 / batch->n_rows};
    assay_status status;
    if (!with_gradient)
        return as_engine_forward(engine, batch, logits, NULL, error);
    status = as_engine_zero(engine, ASSAY_STATE_GRADIENT, error);
    if (status == ASSAY_OK)
        status = as_engine_accumulate(engine, batch, &step, logits, NULL, error);
    if (status == ASSAY_OK)
        status = as_engine_get(engine, ASSAY_STATE_GRADIENT, gradients,
                               as_engine_n_elements(engine), error);
    if (status == ASSAY_OK)
        status = as_engine_zero(engine, ASSAY_STATE_GRADIENT, error);
    return status;
}

assay_status as_equivalence_check(as_engine *engine, const assay_backend *reference,
                                  const assay_batch *batch, as_equivalence *ret_result,
                                  assay_error *error) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    const bounds *bound = bounds_of(as_engine_configuration(engine)->dtype);
    bool with_gradient = view->n_nodes > view->n_forward_nodes;
    size_t n = as_engine_n_elements(engine);
    int32_t n_classes = as_engine_n_classes(engine), *labels;
    size_t n_logits = (size_t)batch->n_rows * (size_t)n_classes;
    as_engine_config config = *as_engine_configuration(engine);
    as_engine *oracle = NULL;
    assay_batch wrong = *batch;
    as_equivalence result;
    double *memory, *x, *y, *x_logits, *y_logits;
    assay_status status;
    if (!bound)
        return as_fail(error, ASSAY_UNSUPPORTED, "equivalence", "no bounds are fixed for dtype %d",
                       (int)config.dtype);
    memory = calloc(2 * n + 2 * n_logits, sizeof *memory);
    labels = calloc((size_t)batch->n_rows, sizeof *labels);
    if (!memory || !labels) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "equivalence",
                         "no memory for two copies of %zu parameters", n);
        goto done;
    }
    for (int32_t b = 0; batch->labels && b < batch->n_rows; b++)
        labels[b] = (batch->labels[b] + 1) % n_classes;
    wrong.labels = labels;
    x = memory;
    y = x + n;
    x_logits = y + n;
    y_logits = x_logits + n_logits;
    config.backend = reference;
    config.dtype = ASSAY_DTYPE_F64;
    status = as_engine_new(&config, as_engine_graph(engine), &oracle, error);
    if (status == ASSAY_OK)
        status = as_engine_get(engine, ASSAY_STATE_PARAMETER, x, n, error);
    if (status == ASSAY_OK)
        status = as_engine_set(oracle, ASSAY_STATE_PARAMETER, x, n, error);
    if (status == ASSAY_OK)
        status = run_once(engine, &wrong, with_gradient, x_logits, x, error);
    if (status == ASSAY_OK)
        status = run_once(oracle, &wrong, with_gradient, y_logits, y, error);
    if (status == ASSAY_OK) {
        result.logits_bound = bound->logits;
        result.gradient_bound = bound->gradient;
        result.logits_error =
            relative_error(x_logits, y_logits, n_logits, largest(y_logits, n_logits));
        result.gradient_error = with_gradient ? gradient_error(view, x, y, n) : NAN;
        result.passed = result.logits_error <= bound->logits &&
                        (!with_gradient || result.gradient_error <= bound->gradient);
        *ret_result = result;
    }

done:
    as_engine_free(oracle);
    free(labels);
    free(memory);
    return status;
}
