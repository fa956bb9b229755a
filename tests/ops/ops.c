/* SPDX-License-Identifier: MIT */
/* ops.c: a backend in f32, bf16, tf32 or fp16 against `reference` in f64, forward and backward, on
 * every case of cases.c; then what a session must keep right: updates, plans larger than the batch,
 * plans of several sizes, accumulation over batches.
 *
 *     ops BACKEND [bf16|tf32|fp16]          results as TAP
 *     ops --stored BACKEND bf16|fp16        the same where values, too, stand in 16 bits
 *     ops --bench BACKEND [bf16|tf32|fp16]  microseconds per forward and accumulate of each
 * operation's case
 *
 * Tolerances in f32: 1e-4 of the output's scale, the scale of a tensor being its largest absolute
 * value (for a gradient at least 1 % of the largest gradient of the graph: some are zero but for
 * rounding).
 *
 * In bf16 each operand of a product is off by up to u = 2^-8 of itself, so a product by 2u of the
 * sum of |a b|, which is at most about twice the output's scale. The longest path of the cases has
 * four products forward, and as many again backward: 16u for logits and loss, 32u for gradients.
 * In tf32 and fp16 u is 2^-11. Where values are also stored in 16 bits between operations
 * (--stored), each is off by up to u of itself once more. A path has at most eight of them forward
 * and eight backward, whose sums are twice their result's scale: 32u more for gradients. One that
 * cancels keeps what its terms were off by, so its scale is at least 10 % of the largest of all.
 *
 * Decisions are another matter. A relu whose input lies within the error of zero, or a maximum
 * whose rival does, moves a gradient of its element's own size, not a small one. An error of d
 * moves a share of about d of the elements, in the Euclidean norm sqrt(d). Products put such an
 * input off by at most 16u: 4 sqrt(u), in that norm, its floor a quarter of that (docs/methodology,
 * "Equivalence"). Storing rounds neighbours together: the largest of T numbers spread evenly over
 * [-1, 1] has its rival within u with a probability of about T u / 2, and a pool that chooses the
 * rival errs in two places: sqrt(2 T u / 2). That bound holds for graphs with a max_pool alone, the
 * one before for those with a relu or max_pool in tf32 or stored values. (Exact checks stand in
 * bf16.c.)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "cases.h"

#define TEN_BIT_ROUNDOFF 0.00048828125 /* of tf32 and fp16: 2^-11 */

static int32_t dtype = ASSAY_DTYPE_F32; /* of the tested backend */
static bool is_stored;                  /* values stand in 16 bits between operations */

static as_arena *plugins;
static const assay_backend *tested, *reference;

/* ---- bounds ---- */

typedef struct bounds {
    double value, gradient; /* of logits and loss; of gradients */
    double floor;           /* of a gradient's scale: share of the largest */
    bool euclidean;         /* norm of gradients' errors; else the maximum's */
} bounds;

static bool has_op(const assay_graph_view *graph, int32_t op) {
    for (uint32_t i = 0; i < graph->n_forward_nodes; i++)
        if (graph->nodes[i].op == op)
            return true;
    return false;
}

/* longest: tokens of the longest row. */
static bounds bounds_of(const assay_graph_view *graph, int32_t longest) {
    if (dtype == ASSAY_DTYPE_F32)
        return (bounds){1e-4, 1e-4, 1e-2, false};
    double u = dtype == ASSAY_DTYPE_BF16 ? BF16_ROUNDOFF : TEN_BIT_ROUNDOFF;
    bool picks = has_op(graph, ASSAY_OP_MAX_POOL), decides = picks || has_op(graph, ASSAY_OP_RELU);
    double decision = 4 * sqrt(u);
    if (!decides || (!is_stored && dtype != ASSAY_DTYPE_TF32))
        return is_stored ? (bounds){16 * u, 64 * u, 0.1, false}
                         : (bounds){16 * u, 32 * u, 1e-2, false};
    if (picks && is_stored)
        decision = fmax(decision, sqrt(longest * u));
    return (bounds){16 * u, decision, sqrt(u), true};
}

static double gradient_error(const assay_graph_view *graph, const bounds *bound, double *const *a,
                             double *const *expected, const char **ret_worst) {
    return bound->euclidean ? gradient_distance(graph, a, expected, bound->floor, NULL, ret_worst)
                            : gradient_difference(graph, a, expected, bound->floor, ret_worst);
}

static int32_t longest_row(const assay_batch *batch) {
    int32_t longest = 1;
    for (int32_t b = 0; b < batch->n_rows; b++)
        if (batch->offsets[b + 1] - batch->offsets[b] > longest)
            longest = batch->offsets[b + 1] - batch->offsets[b];
    return longest;
}

/* ---- every operation on every shape ---- */

static bool supports_all(const runner *r, const char **ret_op) {
    for (uint32_t i = 0; i < r->graph->n_nodes; i++) {
        *ret_op = as_op_name(r->graph->nodes[i].op);
        if (!r->backend->supports(r->device, r->graph, i))
            return false;
    }
    return true;
}

static void compare_results(const char *variant, const char *shape, const assay_graph_view *graph,
                            const assay_batch *batch, const run_result *a,
                            const run_result *expected) {
    const char *worst;
    const bounds bound = bounds_of(graph, longest_row(batch));
    double d_logits = difference(a->logits, expected->logits, expected->n_logits,
                                 max_abs(expected->logits, expected->n_logits));
    double d_loss = difference(&a->loss, &expected->loss, 1, fabs(expected->loss));
    double d_gradient = gradient_error(graph, &bound, a->gradients, expected->gradients, &worst);
    tap_ok(d_logits <= bound.value && d_loss <= bound.value && d_gradient <= bound.gradient,
           "%s on %s: logits %.1e, loss %.1e, gradients %.1e (%s)", variant, shape, d_logits,
           d_loss, d_gradient, worst);
}

static void check_case(const op_variant *variant, const op_shape *shape) {
    as_arena *arena = as_arena_new();
    assay_graph *graph = case_graph(variant, shape);
    assay_batch *batch = case_batch(arena, shape);
    assay_step step = make_step(1, 42, 1.0 / shape->n_rows);
    runner a = runner_open(tested, dtype, as_graph_view(graph));
    runner b = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(graph));
    const char *op;
    if (supports_all(&a, &op)) {
        runner_draw_parameters(&a, 5, shape->levels);
        runner_draw_parameters(&b, 5, shape->levels);
        run_result x = runner_step(&a, arena, batch, &step);
        run_result y = runner_step(&b, arena, batch, &step);
        compare_results(variant->name, shape->name, b.graph, batch, &x, &y);
    } else {
        tap_ok(false, "%s on %s: the backend doesn't support %s", variant->name, shape->name, op);
    }
    runner_close(&a);
    runner_close(&b);
    as_graph_free(graph);
    as_arena_free(arena);
}

static void check_all_cases(void) {
    for (size_t v = 0; v < n_op_variants; v++)
        for (size_t s = 0; s < n_op_shapes; s++)
            check_case(&op_variants[v], &op_shapes[s]);
}

/* ---- sessions: one graph with a bit of everything ---- */

static const op_variant *find_variant(const char *name) {
    for (size_t v = 0; v < n_op_variants; v++)
        if (strcmp(op_variants[v].name, name) == 0)
            return &op_variants[v];
    tap_bail("no variant %s", name);
}

static const op_shape session_shape = {"session", 12, 9, 4, 40, 0, 1, 6, {3, 1, 8, 5, 2, 11}};

typedef struct pair {
    as_arena *arena;
    assay_graph *graph;
    runner a, b; /* tested, reference in f64 */
    assay_batch *batch;
} pair;

static pair pair_open(const char *variant) {
    pair p;
    p.arena = as_arena_new();
    p.graph = case_graph(find_variant(variant), &session_shape);
    p.a = runner_open(tested, dtype, as_graph_view(p.graph));
    p.b = runner_open(reference, ASSAY_DTYPE_F64, as_graph_view(p.graph));
    runner_draw_parameters(&p.a, 3, 0);
    runner_draw_parameters(&p.b, 3, 0);
    p.batch = case_batch(p.arena, &session_shape);
    return p;
}

static void pair_close(pair *p) {
    runner_close(&p->a);
    runner_close(&p->b);
    as_graph_free(p->graph);
    as_arena_free(p->arena);
}

static double **all_states(runner *r, as_arena *arena, int32_t state) {
    double **tensors = require_alloc(arena, r->graph->n_parameters, sizeof *tensors);
    for (uint32_t p = 0; p < r->graph->n_parameters; p++)
        tensors[p] = runner_download(r, arena, state, p);
    return tensors;
}

/* ---- update plans on gradients given by upload ---- */

typedef struct update_case {
    const char *name;
    assay_update_config config;
    double gradient_range;
} update_case;

#define UPDATE(optimizer, momentum, decay, clip)                                                   \
    {                                                                                              \
        (uint32_t)sizeof(assay_update_config), ASSAY_OPTIMIZER_##optimizer, 0.9, 0.999, 1e-8,      \
            momentum, decay, clip, 0, NULL, NULL, NULL                                             \
    }
#define UPDATE_WITHIN(optimizer, clip, most)                                                       \
    {                                                                                              \
        (uint32_t)sizeof(assay_update_config), ASSAY_OPTIMIZER_##optimizer, 0.9, 0.999, 1e-8, 0.9, \
            0.1, clip, most, NULL, NULL, NULL                                                      \
    }
/* As many as the parameters of the graph that check_update takes. */
static const uint8_t every_other[] = {1, 0, 1, 0, 1, 0, 1, 0};
#define UPDATE_EXEMPT(optimizer)                                                                   \
    {                                                                                              \
        (uint32_t)sizeof(assay_update_config), ASSAY_OPTIMIZER_##optimizer, 0.9, 0.999, 1e-8, 0,   \
            0.3, 0, 0, every_other, NULL, NULL                                                     \
    }
static const double factors[] = {0.1, 1, 2, 0, 0.5, 1, 3, 0.25};
static const int64_t beginnings[] = {0, -3, 0, -1, -2, 0, -7, 0};
#define UPDATE_GROUPS(optimizer, decay)                                                            \
    {                                                                                              \
        (uint32_t)sizeof(assay_update_config), ASSAY_OPTIMIZER_##optimizer, 0.9, 0.999, 1e-8, 0.9, \
            decay, 0.5, 0, NULL, factors, beginnings                                               \
    }

static const update_case update_cases[] = {
    {"sgd", UPDATE(SGD, 0, 0, 0), 1},
    {"sgd, momentum", UPDATE(SGD, 0.9, 0, 0), 1},
    {"sgd, momentum, decay, clipping", UPDATE(SGD, 0.9, 0.1, 0.5), 1},
    {"adam", UPDATE(ADAM, 0, 0, 0), 1},
    {"adam, decay", UPDATE(ADAM, 0, 0.1, 0), 1},
    {"adam, clipping", UPDATE(ADAM, 0, 0, 0.25), 1},
    {"adam, clipping not reached", UPDATE(ADAM, 0, 0, 1e6), 1},
    {"adamw", UPDATE(ADAMW, 0, 0.1, 0), 1},
    {"adamw, clipping", UPDATE(ADAMW, 0, 0.01, 1), 1},
    {"adamw, tiny gradients", UPDATE(ADAMW, 0, 0.01, 0), 1e-7},
    {"adam_keras", UPDATE(ADAM_KERAS, 0, 0, 0), 1},
    {"adam_keras, decay, clipping", UPDATE(ADAM_KERAS, 0, 0.1, 0.25), 1},
    {"adam_keras, tiny gradients", UPDATE(ADAM_KERAS, 0, 0, 0), 1e-7},
    {"sgd, by value", UPDATE_WITHIN(SGD, 0, 0.3), 1},
    {"adam, by value", UPDATE_WITHIN(ADAM, 0, 0.3), 1},
    {"adamw, by norm, then by value", UPDATE_WITHIN(ADAMW, 1, 0.1), 1},
    {"sgd, some without decay", UPDATE_EXEMPT(SGD), 1},
    {"adam, some without decay", UPDATE_EXEMPT(ADAM), 1},
    {"adamw, some without decay", UPDATE_EXEMPT(ADAMW), 1},
    {"adam_keras, some without decay", UPDATE_EXEMPT(ADAM_KERAS), 1},
    {"adam_lazy", UPDATE(ADAM_LAZY, 0, 0, 0), 1},
    {"adam_lazy, clipping", UPDATE(ADAM_LAZY, 0, 0, 0.25), 1},
    {"adam_lazy, tiny gradients", UPDATE(ADAM_LAZY, 0, 0, 0), 1e-7},
    {"sgd, groups", UPDATE_GROUPS(SGD, 0.1), 1},
    {"adam, groups", UPDATE_GROUPS(ADAM, 0.1), 1},
    {"adamw, groups", UPDATE_GROUPS(ADAMW, 0.1), 1},
    {"adam_keras, groups", UPDATE_GROUPS(ADAM_KERAS, 0.1), 1},
    {"adam_lazy, groups", UPDATE_GROUPS(ADAM_LAZY, 0), 1},
};

static void upload_gradients(runner *r, uint64_t seed, double range) {
    for (uint32_t p = 0; p < r->graph->n_parameters; p++) {
        as_arena *arena = as_arena_new();
        int64_t n = r->graph->parameters[p].n_elements;
        double *data = require_alloc(arena, (size_t)n, sizeof *data);
        as_random random = as_random_init(seed, p);
        for (int64_t i = 0; i < n; i++)
            data[i] = (double)(float)(range * (2 * as_random_uniform(&random) - 1));
        runner_upload(r, ASSAY_STATE_GRADIENT, p, data);
        as_arena_free(arena);
    }
}

static assay_plan *update_plan(runner *r, const assay_update_config *config) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_plan *plan = NULL;
    require(r->backend->compile_update(r->session, config, &plan, &error), &error);
    return plan;
}

static double run_update(runner *r, assay_plan *plan, int64_t step_number, double learning_rate) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = make_step(0, 0, 1);
    double norm = -1;
    step.step = step_number;
    step.learning_rate = learning_rate;
    runner_run(r, plan, NULL, &step);
    require(r->backend->read_grad_norm(plan, &norm, &error), &error);
    return norm;
}

static bool gradients_are_zero(runner *r, as_arena *arena) {
    double **gradients = all_states(r, arena, ASSAY_STATE_GRADIENT);
    for (uint32_t p = 0; p < r->graph->n_parameters; p++)
        if (max_abs(gradients[p], r->graph->parameters[p].n_elements) != 0)
            return false;
    return true;
}

static double state_difference(pair *p, int32_t state, const char **ret_worst) {
    return gradient_difference(p->b.graph, all_states(&p->a, p->arena, state),
                               all_states(&p->b, p->arena, state), 1e-12, ret_worst);
}

/* Five steps; parameters and both moments are compared, the learning rate changes on the way. */
static void check_update(const update_case *c) {
    pair p = pair_open("gru");
    if (p.a.graph->n_parameters != sizeof every_other)
        tap_bail("every_other: the graph has %u parameters", (unsigned)p.a.graph->n_parameters);
    assay_plan *a = update_plan(&p.a, &c->config), *b = update_plan(&p.b, &c->config);
    double d_norm = 0;
    for (int64_t step = 1; step <= 5; step++) {
        upload_gradients(&p.a, (uint64_t)step, c->gradient_range);
        upload_gradients(&p.b, (uint64_t)step, c->gradient_range);
        double norm_a = run_update(&p.a, a, step, 0.1 / (double)step);
        double norm_b = run_update(&p.b, b, step, 0.1 / (double)step);
        d_norm = fmax(d_norm, fabs(norm_a - norm_b) / norm_b);
    }
    const char *worst;
    double d = state_difference(&p, ASSAY_STATE_PARAMETER, &worst);
    double d_moment1 = state_difference(&p, ASSAY_STATE_MOMENT1, &worst);
    double d_moment2 = c->config.optimizer == ASSAY_OPTIMIZER_SGD
                           ? 0
                           : state_difference(&p, ASSAY_STATE_MOMENT2, &worst);
    tap_ok(d <= 1e-5 && d_norm <= 1e-5 && d_moment1 <= 1e-5 && d_moment2 <= 1e-5,
           "update %s: parameters %.1e, norm %.1e, moments %.1e %.1e", c->name, d, d_norm,
           d_moment1, d_moment2);
    tap_ok(gradients_are_zero(&p.a, p.arena), "update %s leaves gradients zero", c->name);
    p.a.backend->plan_free(a);
    p.b.backend->plan_free(b);
    pair_close(&p);
}

/* ---- plans and sessions ---- */

/* Loss and logits of plan and its gradients, on top of what the session holds. */
static run_result run_accumulate(runner *r, as_arena *arena, assay_plan *plan,
                                 const assay_batch *batch, const assay_step *step) {
    run_result result = {0};
    runner_run(r, plan, batch, step);
    result.n_logits = batch->n_rows * r->graph->values[r->graph->logits].dims[0];
    result.logits = runner_read(r, arena, plan, r->graph->logits, result.n_logits);
    result.loss = *runner_read(r, arena, plan, r->graph->loss, 1);
    result.gradients = all_states(r, arena, ASSAY_STATE_GRADIENT);
    return result;
}

/* One plan, batches of falling and rising size within it; a plan of exactly the size in between. */
static void check_plan_reuse(const char *variant) {
    pair p = pair_open(variant);
    static const int32_t subsets[][6] = {
        {0, 1, 2, 3, 4, 5}, {1}, {5, 0}, {2, 3, 4}, {5, 4, 3, 2, 1, 0}};
    static const int32_t sizes[] = {6, 1, 2, 3, 6};
    assay_plan *a = runner_compile(&p.a, ASSAY_PLAN_ACCUMULATE, 9, 64);
    for (size_t i = 0; i < 5; i++) {
        char name[64];
        assay_batch *batch = pick_rows(p.arena, p.batch, subsets[i], sizes[i]);
        assay_step step = make_step(1, 7 + i, 0.5);
        assay_plan *exact =
            runner_compile(&p.a, ASSAY_PLAN_ACCUMULATE, batch->n_rows, batch->n_tokens);
        assay_plan *b = runner_compile(&p.b, ASSAY_PLAN_ACCUMULATE, batch->n_rows, batch->n_tokens);
        runner_zero_gradients(&p.b);
        run_result y = run_accumulate(&p.b, p.arena, b, batch, &step);
        for (int which = 0; which < 2; which++) {
            runner_zero_gradients(&p.a);
            run_result x = run_accumulate(&p.a, p.arena, which ? exact : a, batch, &step);
            snprintf(name, sizeof name, "batch %zu in %s plan", i, which ? "an exact" : "a large");
            compare_results(variant, name, p.b.graph, batch, &x, &y);
        }
        p.a.backend->plan_free(exact);
        p.b.backend->plan_free(b);
    }
    p.a.backend->plan_free(a);
    pair_close(&p);
}

/* Gradients of two accumulate runs add up: once by both, once by each. */
static void check_accumulation(const char *variant) {
    pair p = pair_open(variant);
    static const int32_t rows[2][3] = {{0, 1, 2}, {3, 4, 5}};
    assay_step step = make_step(1, 11, 0.25);
    run_result y = runner_step(&p.b, p.arena, p.batch, &step), x = {0};
    assay_plan *plan = runner_compile(&p.a, ASSAY_PLAN_ACCUMULATE, 6, 64);
    const char *worst;
    runner_zero_gradients(&p.a);
    for (int i = 0; i < 2; i++)
        x = run_accumulate(&p.a, p.arena, plan, pick_rows(p.arena, p.batch, rows[i], 3), &step);
    const bounds bound = bounds_of(p.b.graph, longest_row(p.batch));
    double d = gradient_error(p.b.graph, &bound, x.gradients, y.gradients, &worst);
    tap_ok(d <= bound.gradient, "%s: gradients of two half batches add up: %.1e (%s)", variant, d,
           worst);
    p.a.backend->plan_free(plan);
    pair_close(&p);
}

/* Ten steps of training with dropout and clipping, plans of two sizes in turn: losses stay
 * together, and fall. */
static void check_training(const char *variant) {
    pair p = pair_open(variant);
    static const int32_t rows[2][4] = {{0, 1, 2, 3}, {4, 5, 1, 0}};
    assay_update_config config = UPDATE(SGD, 0.5, 0, 1.0);
    assay_plan *update_a = update_plan(&p.a, &config), *update_b = update_plan(&p.b, &config);
    assay_plan *large_a = runner_compile(&p.a, ASSAY_PLAN_ACCUMULATE, 6, 64);
    assay_plan *small_a = runner_compile(&p.a, ASSAY_PLAN_ACCUMULATE, 4, 22);
    assay_plan *plan_b = runner_compile(&p.b, ASSAY_PLAN_ACCUMULATE, 6, 64);
    double worst = 0;
    runner_zero_gradients(&p.a);
    runner_zero_gradients(&p.b);
    for (int64_t step = 1; step <= 10; step++) {
        assay_batch *batch = pick_rows(p.arena, p.batch, rows[step % 2], 4);
        assay_step at = make_step(1, (uint64_t)step, 0.25);
        run_result x = run_accumulate(&p.a, p.arena, step % 3 ? small_a : large_a, batch, &at);
        run_result y = run_accumulate(&p.b, p.arena, plan_b, batch, &at);
        worst = fmax(worst, difference(&x.loss, &y.loss, 1, fabs(y.loss)));
        run_update(&p.a, update_a, step, 0.1);
        run_update(&p.b, update_b, step, 0.1);
    }
    tap_ok(worst <= bounds_of(p.b.graph, longest_row(p.batch)).value,
           "%s: losses of ten training steps: %.1e", variant, worst);
    p.a.backend->plan_free(update_a);
    p.a.backend->plan_free(large_a);
    p.a.backend->plan_free(small_a);
    p.b.backend->plan_free(update_b);
    p.b.backend->plan_free(plan_b);
    pair_close(&p);
}

/* ---- benchmark ---- */

static double microseconds(runner *r, assay_plan *plan, const assay_batch *batch) {
    assay_step step = make_step(1, 1, 1);
    double best = INFINITY;
    runner_run(r, plan, batch, &step);
    int64_t end = as_clock_ns() + 50000000;
    do {
        int64_t start = as_clock_ns();
        runner_run(r, plan, batch, &step);
        best = fmin(best, (double)(as_clock_ns() - start) * 1e-3);
    } while (as_clock_ns() < end);
    return best;
}

/* Best of 50 ms of runs on the shape `wide`, one thread. */
static void bench(void) {
    const op_shape *shape = op_shapes;
    while (strcmp(shape->name, "wide") != 0)
        shape++;
    printf("%-22s %12s %12s   microseconds, %d rows\n", "case", "forward", "accumulate",
           (int)shape->n_rows);
    for (size_t v = 0; v < n_op_variants; v++) {
        as_arena *arena = as_arena_new();
        assay_graph *graph = case_graph(&op_variants[v], shape);
        assay_batch *batch = case_batch(arena, shape);
        runner r = runner_open(tested, dtype, as_graph_view(graph));
        runner_draw_parameters(&r, 1, 0);
        assay_plan *forward =
            runner_compile(&r, ASSAY_PLAN_FORWARD, batch->n_rows, batch->n_tokens);
        assay_plan *accumulate =
            runner_compile(&r, ASSAY_PLAN_ACCUMULATE, batch->n_rows, batch->n_tokens);
        printf("%-22s %12.1f %12.1f\n", op_variants[v].name, microseconds(&r, forward, batch),
               microseconds(&r, accumulate, batch));
        tested->plan_free(forward);
        tested->plan_free(accumulate);
        runner_close(&r);
        as_graph_free(graph);
        as_arena_free(arena);
    }
}

int main(int argc, char **argv) {
    static const char *const session_variants[] = {
        "gru_stacked",  "lstm_stacked",           "rnn_stacked",   "attention_dropout",
        "fan_out",      "attention_pool",         "token_weights", "frozen_embedding",
        "add_row_rows", "class_weights_smoothing"};
    tap_init(&argc, argv);
    bool is_bench = argc > 2 && strcmp(argv[1], "--bench") == 0;
    is_stored = argc > 3 && strcmp(argv[1], "--stored") == 0;
    bool has_option = is_bench || is_stored, has_dtype = argc > 2 + has_option;
    if (argc != 2 + has_option + has_dtype) {
        fprintf(stderr, "usage: %s [--fail-fast] [--bench|--stored] BACKEND [bf16|tf32|fp16]\n",
                argv[0]);
        return 64;
    }
    plugins = as_arena_new();
    tested = load_backend(plugins, argv[1 + has_option]);
    if (has_dtype) {
        dtype = dtype_named(argv[argc - 1]);
        if (!dtype_is_offered(tested, dtype))
            return tap_done();
    }
    if (is_bench) {
        bench();
        as_arena_free(plugins);
        return 0;
    }
    reference = load_backend(plugins, "reference");
    check_coverage();
    check_all_cases();
    for (size_t i = 0; i < sizeof update_cases / sizeof *update_cases; i++)
        check_update(&update_cases[i]);
    for (size_t i = 0; i < sizeof session_variants / sizeof *session_variants; i++) {
        check_plan_reuse(session_variants[i]);
        check_accumulation(session_variants[i]);
        check_training(session_variants[i]);
    }
    as_arena_free(plugins);
    return tap_done();
}
