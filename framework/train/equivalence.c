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
 * Gradients are taken for labels that leave them large (labels_for_check): for right ones, softmax
 * - q of a trained model is a difference of nearly equal numbers, and for rows of an untrained
 * model, which all look alike to it, gradients of two labels in equal numbers cancel in the sum.
 * The few digits that are left would look like an error.
 *
 * Bounds. f32 has a unit roundoff of 6e-8. One operation stays within 1e-4 of its output's scale
 * (the bound of the operation tests); logits of a trained network keep that. A gradient goes
 * through every operation twice and through time, where recurrent layers multiply errors: 1e-3. f64
 * is 5e8 times finer; 1e-10 leaves as much room above its roundoff of 1e-16 and still shows any use
 * of f32 in between.
 *
 * bf16 means that matrix products take operands rounded to 8 bits, u = 2^-8, and sum in f32. The
 * error of a rounded operand is 0.42 u of it in the root mean square (uniform within half a unit,
 * significands by Benford's law), so that of a product 0.6 u, whatever its length, and after P
 * products, whose errors are independent, 0.6 u sqrt(P). Logits: 4 u sqrt(P), which leaves a factor
 * of 6 for networks that amplify. Gradients pass through decisions (ReLU, maximum pooling) too. A
 * relative error of d flips a share of about d of them, and each flip is an error of the element's
 * own size: in the Euclidean norm sqrt(d), more than everything smooth. So a gradient's error is
 * taken in that norm, its bound is 4 sqrt(u), and the floor 4 u of the norm of all: what cancels
 * leaves u of its terms, no larger than that in sum. A gradient that is missing, of another sign or
 * another parameter's has an error of 1 or more.
 *
 * tf32 and fp16 keep 11 bits of an operand, u = 2^-11; the bounds are bf16's with that u. Values
 * that a backend stores in 16 bits are rounded once more where they are written: a product's
 * operand was rounded anyway, a sum of P terms on the residual path gets 0.3 u sqrt(P) more, within
 * the factor of 6. In fp16 gradients are computed as training does, with the loss scaled as far as
 * they stay finite. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/engine.h"

#define FLOOR 1e-3
#define BF16_ROUNDOFF 0.00390625       /* 2^-8 */
#define TEN_BIT_ROUNDOFF 0.00048828125 /* of tf32 and fp16: 2^-11 */

typedef struct bounds {
    double logits, gradient, floor;
    bool euclidean; /* norm of gradients; else the maximum's */
} bounds;

/* False for a dtype without bounds. */
static bool bounds_of(int32_t dtype, const assay_graph_view *view, bounds *ret_bounds) {
    const double u = dtype == ASSAY_DTYPE_BF16 ? BF16_ROUNDOFF : TEN_BIT_ROUNDOFF;
    if (dtype == ASSAY_DTYPE_F32)
        *ret_bounds = (bounds){1e-4, 1e-3, FLOOR, false};
    else if (dtype == ASSAY_DTYPE_F64)
        *ret_bounds = (bounds){1e-10, 1e-10, FLOOR, false};
    else if (dtype == ASSAY_DTYPE_BF16 || dtype == ASSAY_DTYPE_TF32 || dtype == ASSAY_DTYPE_FP16)
        *ret_bounds =
            (bounds){4 * u * sqrt((double)as_graph_n_products(view)), 4 * sqrt(u), 4 * u, true};
    else
        return false;
    return true;
}

double as_equivalence_logits_bound(int32_t dtype, const assay_graph_view *view) {
    bounds found;
    return bounds_of(dtype, view, &found) ? found.logits : NAN;
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

/* Euclidean norm of x - y, or of x where y is NULL. */
static double norm(const double *x, const double *y, uint64_t n) {
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        double difference = y ? x[i] - y[i] : x[i];
        sum += difference * difference;
    }
    return sqrt(sum);
}

/* |x - y| / scale in the Euclidean norm; infinite as relative_error is. */
static double relative_norm(const double *x, const double *y, uint64_t n, double scale) {
    double difference = norm(x, y, n);
    if (!isfinite(difference))
        return INFINITY;
    return difference == 0 ? 0 : scale > 0 ? difference / scale : INFINITY;
}

static double gradient_error(const assay_graph_view *view, const bounds *bound, const double *x,
                             const double *y, uint64_t n) {
    double least_scale = bound->floor * (bound->euclidean ? norm(y, NULL, n) : largest(y, n));
    double worst = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        uint64_t size = (uint64_t)view->parameters[i].n_elements;
        double scale = fmax(bound->euclidean ? norm(y, NULL, size) : largest(y, size), least_scale);
        worst = fmax(worst, bound->euclidean ? relative_norm(x, y, size, scale)
                                             : relative_error(x, y, size, scale));
        x += size;
        y += size;
    }
    return worst;
}

/* The first row has a wrong label, the next class, and all others the first row's: nothing cancels,
 * yet a label taken of another row shows. */
static void labels_for_check(const assay_batch *batch, int32_t n_classes, int32_t *ret_labels) {
    for (int32_t b = 0; batch->labels && b < batch->n_rows; b++)
        ret_labels[b] = b == 0 ? (batch->labels[0] + 1) % n_classes : batch->labels[0];
}

/* Logits and, where the graph has a backward part, gradients of one batch. Leaves the engine's
 * gradients zero, as they were. */
static assay_status run_once(as_engine *engine, const assay_batch *batch, bool with_gradient,
                             double *logits, double *gradients, assay_error *error) {
    assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 1.0 / batch->n_rows, 0};
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

/* The same with the loss scaled down until the gradients are finite, where it is scaled. */
static assay_status run_scaled(as_engine *engine, const assay_batch *batch, bool with_gradient,
                               double *logits, double *gradients, assay_error *error) {
    as_loss_scale *scale = as_engine_loss_scale(engine), before = *scale;
    size_t n = as_engine_n_elements(engine);
    assay_status status = run_once(engine, batch, with_gradient, logits, gradients, error);
    while (status == ASSAY_OK && with_gradient && scale->scale > 0 &&
           !isfinite(norm(gradients, NULL, n)) && !as_loss_scale_is_spent(scale)) {
        scale->scale /= 2;
        status = run_once(engine, batch, with_gradient, logits, gradients, error);
    }
    *scale = before;
    return status;
}

assay_status as_equivalence_check(as_engine *engine, const assay_backend *reference,
                                  const assay_batch *batch, as_equivalence *ret_result,
                                  assay_error *error) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    bounds bound;
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
    if (!bounds_of(config.dtype, view, &bound))
        return as_fail(error, ASSAY_UNSUPPORTED, "equivalence", "no bounds are fixed for dtype %d",
                       (int)config.dtype);
    memory = calloc(2 * n + 2 * n_logits, sizeof *memory);
    labels = calloc((size_t)batch->n_rows, sizeof *labels);
    if (!memory || !labels) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "equivalence",
                         "no memory for two copies of %zu parameters", n);
        goto done;
    }
    labels_for_check(batch, n_classes, labels);
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
        status = run_scaled(engine, &wrong, with_gradient, x_logits, x, error);
    if (status == ASSAY_OK)
        status = run_once(oracle, &wrong, with_gradient, y_logits, y, error);
    if (status == ASSAY_OK) {
        result.logits_bound = bound.logits;
        result.gradient_bound = bound.gradient;
        result.logits_error =
            relative_error(x_logits, y_logits, n_logits, largest(y_logits, n_logits));
        result.gradient_error = with_gradient ? gradient_error(view, &bound, x, y, n) : NAN;
        result.passed = result.logits_error <= bound.logits &&
                        (!with_gradient || result.gradient_error <= bound.gradient);
        *ret_result = result;
    }

done:
    as_engine_free(oracle);
    free(labels);
    free(memory);
    return status;
}
