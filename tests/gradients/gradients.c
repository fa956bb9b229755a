/* SPDX-License-Identifier: MIT */
/* gradients.c: the gradient table and the backward kernels of `reference` in f64 against central
 * differences of the loss, for every parameter element of every case of tests/ops/cases.c (but the
 * large ones):
 *
 *     |analytic - (L(p + h) - L(p - h)) / 2h| <= 1e-6 scale
 *
 * scale = the tensor's largest |analytic|, at least 1e-3 of the largest of the whole graph (some
 * gradients are zero: there the difference quotient is rounding noise). Dropout is on, its masks
 * held by the seed; the losses come from accumulate plans, as forward plans have no dropout. */
#include <math.h>

#include "ops/cases.h"

static const double tolerance = 1e-6;
static const double gradient_floor = 1e-3;
static const double h = 1e-5; /* truncation ~ h^2 = 1e-10, rounding ~ 1e-16 / h = 1e-11 */

static double loss_at(runner *r, assay_plan *plan, const assay_batch *batch, uint32_t parameter,
                      const double *data) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = make_step(1, 42, 1);
    double loss = NAN;
    runner_upload(r, ASSAY_STATE_PARAMETER, parameter, data);
    runner_run(r, plan, batch, &step);
    require(r->backend->read(plan, r->graph->loss, &loss, 1, &error), &error);
    return loss;
}

/* dL/dp of one parameter, element by element */
static double *numeric_gradient(runner *r, as_arena *arena, assay_plan *plan,
                                const assay_batch *batch, uint32_t parameter) {
    int64_t n = r->graph->parameters[parameter].n_elements;
    double *data = runner_download(r, arena, ASSAY_STATE_PARAMETER, parameter);
    double *gradient = require_alloc(arena, (size_t)n, sizeof *gradient);
    for (int64_t i = 0; i < n; i++) {
        double value = data[i];
        data[i] = value + h;
        double above = loss_at(r, plan, batch, parameter, data);
        data[i] = value - h;
        double below = loss_at(r, plan, batch, parameter, data);
        data[i] = value;
        gradient[i] = (above - below) / (2 * h);
    }
    runner_upload(r, ASSAY_STATE_PARAMETER, parameter, data);
    return gradient;
}

static void check_case(const assay_backend *backend, const op_variant *variant,
                       const op_shape *shape) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = case_graph(variant, shape);
    assay_batch *batch = case_batch(arena, shape);
    runner r = runner_open(backend, ASSAY_DTYPE_F64, as_graph_view(graph));
    assay_step step = make_step(1, 42, 1);
    runner_draw_parameters(&r, 9, 0);
    run_result analytic = runner_step(&r, arena, batch, &step);
    assay_plan *plan = runner_compile(&r, ASSAY_PLAN_ACCUMULATE, batch->n_rows, batch->n_tokens);
    double **numeric = require_alloc(arena, r.graph->n_parameters, sizeof *numeric);
    bool as_asked = true; /* a gradient for all but what is frozen */
    for (uint32_t p = 0; p < r.graph->n_parameters; p++) {
        bool frozen = r.graph->parameters[p].init.frozen;
        numeric[p] = frozen ? NULL : numeric_gradient(&r, arena, plan, batch, p);
        as_asked = as_asked && frozen == !analytic.gradients[p];
    }
    const char *worst = "a parameter with or without gradient that should be the other";
    double d =
        as_asked ? gradient_difference(r.graph, numeric, analytic.gradients, gradient_floor, &worst)
                 : INFINITY;
    tap_ok(d <= tolerance, "%s on %s: %.1e (%s)", variant->name, shape->name, d, worst);
    backend->plan_free(plan);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

/* loss_scale multiplies every gradient and nothing else. */
static void check_loss_scale(const assay_backend *backend) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = case_graph(&op_variants[0], &op_shapes[3]);
    assay_batch *batch = case_batch(arena, &op_shapes[3]);
    runner r = runner_open(backend, ASSAY_DTYPE_F64, as_graph_view(graph));
    assay_step once = make_step(0, 0, 1), eighth = make_step(0, 0, 0.125);
    runner_draw_parameters(&r, 9, 0);
    run_result a = runner_step(&r, arena, batch, &once);
    run_result b = runner_step(&r, arena, batch, &eighth);
    for (uint32_t p = 0; p < r.graph->n_parameters; p++)
        for (int64_t i = 0; i < r.graph->parameters[p].n_elements; i++)
            b.gradients[p][i] *= 8;
    const char *worst;
    double d = gradient_difference(r.graph, b.gradients, a.gradients, gradient_floor, &worst);
    tap_ok(d <= 1e-14 && a.loss == b.loss, "loss_scale scales the gradients: %.1e", d);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    const assay_backend *backend = load_backend(plugins, "reference");
    check_coverage();
    check_loss_scale(backend);
    for (size_t v = 0; v < n_op_variants; v++)
        for (size_t s = 0; s < n_op_shapes; s++)
            if (!op_shapes[s].large)
                check_case(backend, &op_variants[v], &op_shapes[s]);
    as_arena_free(plugins);
    return tap_done();
}
