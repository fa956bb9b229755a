/* SPDX-License-Identifier: MIT */
/* contract.c: what assay/backend.h promises of every backend beside right numbers:
 *
 *     contract BACKEND f32|f64|bf16
 *
 * refuses what would read out of bounds, with a reason, and works on; gives the same bits again;
 * keeps dropout out of forward plans; needs no labels to predict; leaves a table's rows alone that
 * adam_lazy has not seen looked up. */
#include <math.h>

#include "cases.h"

static const op_shape shape = {"contract", 12, 9, 4, 40, 0, 1, 6, {3, 1, 8, 5, 2, 11}};

static const assay_backend *backend;
static int32_t dtype;

/* One case in a session of its own. */
typedef struct fixture {
    as_arena *arena;
    assay_graph *graph;
    runner r;
    assay_batch *batch;
} fixture;

static fixture fixture_open(const char *variant) {
    fixture f = {as_arena_new(), NULL, {0}, NULL};
    for (size_t v = 0; v < n_op_variants; v++)
        if (strcmp(op_variants[v].name, variant) == 0)
            f.graph = case_graph(&op_variants[v], &shape);
    if (!f.graph)
        tap_bail("no variant %s", variant);
    f.r = runner_open(backend, dtype, as_graph_view(f.graph));
    f.batch = case_batch(f.arena, &shape);
    runner_draw_parameters(&f.r, 4, 0);
    return f;
}

static void fixture_close(fixture *f) {
    runner_close(&f->r);
    as_graph_free(f->graph);
    as_arena_free(f->arena);
}

/* ---- refusals ---- */

static void expect_refused_step(fixture *f, assay_plan *plan, const assay_batch *batch,
                                const assay_step *step, const char *what) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status = f->r.backend->run(plan, batch, step, &error);
    tap_ok(status == ASSAY_INVALID_ARGUMENT && error.status == status && error.text[0],
           "%s is refused: %s: %s", what, error.where, error.text);
}

static void expect_refused(fixture *f, assay_plan *plan, const assay_batch *batch,
                           const char *what) {
    assay_step step = make_step(1, 1, 1);
    expect_refused_step(f, plan, batch, &step, what);
}

static void check_batches(void) {
    static const int32_t rows7[] = {1, 1, 1, 1, 1, 1, 1}, tokens31[] = {31}, empty[] = {2, 0, 1};
    fixture f = fixture_open("dropout");
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    int32_t ids[30] = {0}, labels[6] = {0};
    assay_batch batch;
    expect_refused(&f, plan, make_batch(f.arena, rows7, 7, 5, 4), "a row too many");
    expect_refused(&f, plan, make_batch(f.arena, tokens31, 1, 5, 4), "a token too many");
    expect_refused(&f, plan, make_batch(f.arena, empty, 3, 5, 4), "an empty row");
    batch = *f.batch;
    batch.ids = ids;
    ids[29] = 40;
    expect_refused(&f, plan, &batch, "an id above the table");
    ids[29] = -1;
    expect_refused(&f, plan, &batch, "a negative id");
    batch = *f.batch;
    batch.labels = labels;
    labels[5] = 4;
    expect_refused(&f, plan, &batch, "a label above the classes");
    labels[5] = -1;
    expect_refused(&f, plan, &batch, "a negative label");
    batch = *f.batch;
    batch.labels = NULL;
    expect_refused(&f, plan, &batch, "training without labels");
    expect_refused(&f, plan, NULL, "training without a batch");
    expect_refused_step(&f, plan, f.batch, NULL, "training without a step");
    batch = *f.batch;
    batch.offsets = NULL;
    expect_refused(&f, plan, &batch, "a batch without offsets");
    batch = *f.batch;
    batch.row_keys = NULL;
    expect_refused(&f, plan, &batch, "dropout without keys");
    batch = *f.batch;
    batch.positions = NULL;
    expect_refused(&f, plan, &batch, "dropout without positions");
    assay_step step = make_step(1, 1, 1);
    runner_run(&f.r, plan, f.batch, &step);
    double loss = *runner_read(&f.r, f.arena, plan, f.r.graph->loss, 1);
    tap_ok(isfinite(loss) && loss > 0, "the plan still runs after the refusals");
    backend->plan_free(plan);
    fixture_close(&f);
}

static void check_positions(void) {
    fixture f = fixture_open("embedding_positions");
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    int32_t positions[30] = {0};
    assay_batch batch = *f.batch;
    batch.positions = positions;
    positions[3] = 160;
    expect_refused(&f, plan, &batch, "a position above the table");
    positions[3] = -1;
    expect_refused(&f, plan, &batch, "a negative position");
    backend->plan_free(plan);
    fixture_close(&f);
    f = fixture_open("sinusoid");
    plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    batch = *f.batch;
    batch.positions = positions;
    positions[3] = 30;
    expect_refused(&f, plan, &batch, "a position above the plan's tokens");
    batch.positions = NULL;
    expect_refused(&f, plan, &batch, "a sinusoid without positions");
    backend->plan_free(plan);
    fixture_close(&f);
}

/* A batch without token weights, or of a host that doesn't know them. */
static void check_token_weights(void) {
    fixture f = fixture_open("token_weights");
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    assay_batch batch = *f.batch;
    batch.token_weights = NULL;
    expect_refused(&f, plan, &batch, "a batch without the token weights that the graph reads");
    batch = *f.batch;
    batch.struct_size = (uint32_t)offsetof(assay_batch, token_weights);
    expect_refused(&f, plan, &batch, "a batch too short to have token weights");
    backend->plan_free(plan);
    fixture_close(&f);
}

static void expect_status(assay_status status, assay_status expected, const assay_error *error,
                          const char *what) {
    tap_ok(status == expected && error->status == expected && error->text[0], "%s: %s: %s", what,
           error->where, error->text);
}

static void check_sizes(void) {
    fixture f = fixture_open("linear");
    double data[1] = {0};
    assay_plan *plan = NULL;
    assay_error e1 = ASSAY_ERROR_INIT, e2 = ASSAY_ERROR_INIT, e3 = ASSAY_ERROR_INIT;
    expect_status(backend->upload(f.r.session, ASSAY_STATE_PARAMETER, 0, data, 1, &e1),
                  ASSAY_INVALID_ARGUMENT, &e1, "an upload of a wrong size is refused");
    expect_status(backend->download(f.r.session, ASSAY_STATE_GRADIENT, 0, data, 1, &e2),
                  ASSAY_INVALID_ARGUMENT, &e2, "a download of a wrong size is refused");
    expect_status(backend->compile(f.r.session, ASSAY_PLAN_FORWARD, 0, 5, &plan, &e3),
                  ASSAY_INVALID_ARGUMENT, &e3, "a plan without rows is refused");
    tap_ok(plan == NULL, "a refused compile leaves ret_plan alone");
    fixture_close(&f);
}

static uint32_t find_parameter(const assay_graph_view *graph, const char *name) {
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (strcmp(graph->parameters[p].name, name) == 0)
            return p;
    tap_bail("no parameter %s", name);
}

/* What isn't trained: no gradient in the graph, its states read as zeros and take nothing else, and
 * an update leaves it alone. */
static void check_frozen(void) {
    fixture f = fixture_open("frozen_embedding");
    assay_error error = ASSAY_ERROR_INIT, refused = ASSAY_ERROR_INIT;
    assay_update_config config = usual_adamw;
    assay_step step = make_step(1, 1, 1);
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30), *update = NULL;
    uint32_t p = find_parameter(f.r.graph, "frozen.weight");
    int64_t n = f.r.graph->parameters[p].n_elements;
    double *before = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    config.weight_decay = 0.1;
    require(backend->compile_update(f.r.session, &config, &update, &error), &error);
    step.learning_rate = 0.1;
    runner_run(&f.r, plan, f.batch, &step);
    runner_run(&f.r, update, NULL, &step);
    double *after = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    tap_ok(f.r.graph->parameters[p].gradient == ASSAY_NONE &&
               memcmp(before, after, (size_t)n * sizeof *before) == 0,
           "training leaves a frozen parameter alone");
    for (int32_t state = ASSAY_STATE_GRADIENT; state <= ASSAY_STATE_MOMENT2; state++)
        tap_ok(max_abs(runner_download(&f.r, f.arena, state, p), n) == 0,
               "state %d of a frozen parameter is zero", (int)state);
    expect_status(
        backend->upload(f.r.session, ASSAY_STATE_MOMENT1, p, before, (uint64_t)n, &refused),
        ASSAY_INVALID_ARGUMENT, &refused, "a moment of a frozen parameter is refused");
    runner_zero_gradients(&f.r);
    backend->plan_free(plan);
    backend->plan_free(update);
    fixture_close(&f);
}

/* ---- updates ---- */

enum { N_TABLE_ROWS = 40 };

/* A step over these rows of the batch; the table's rows that changed in it. */
static void lazy_step(fixture *f, assay_plan *plan, assay_plan *update, const int32_t *rows,
                      int64_t number, bool *changed) {
    uint32_t p = find_parameter(f->r.graph, "x.weight");
    int64_t width = f->r.graph->parameters[p].dims[1];
    assay_step step = make_step(0, 1, 1);
    double *before = runner_download(&f->r, f->arena, ASSAY_STATE_PARAMETER, p), *after;
    step.step = number;
    step.learning_rate = 0.1;
    for (int i = 0; i < 2; i++)
        runner_run(&f->r, plan, pick_rows(f->arena, f->batch, &rows[i], 1), &step);
    runner_run(&f->r, update, NULL, &step);
    after = runner_download(&f->r, f->arena, ASSAY_STATE_PARAMETER, p);
    for (int64_t row = 0; row < N_TABLE_ROWS; row++)
        changed[row] =
            memcmp(before + row * width, after + row * width, (size_t)width * sizeof *before) != 0;
}

static bool looked_up(const assay_batch *batch, const int32_t *rows, int32_t id) {
    for (int i = 0; i < 2; i++)
        for (int32_t t = batch->offsets[rows[i]]; t < batch->offsets[rows[i] + 1]; t++)
            if (batch->ids[t] == id)
                return true;
    return false;
}

/* Rows looked up by one of two accumulated batches change, no others, though these have moments. A
 * gradient that was set to zero is forgotten. */
static void check_lazy(void) {
    static const int32_t rows[3][2] = {{2, 5}, {0, 1}, {3, 0}};
    fixture f = fixture_open("embedding");
    assay_error error = ASSAY_ERROR_INIT;
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_ADAM_LAZY,
                                  .beta1 = 0.9,
                                  .beta2 = 0.999,
                                  .epsilon = 1e-8};
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30), *update = NULL;
    assay_step step = make_step(0, 1, 1);
    require(backend->compile_update(f.r.session, &config, &update, &error), &error);
    for (int64_t s = 0; s < 3; s++) {
        bool changed[N_TABLE_ROWS], right = true;
        if (s == 1) {
            runner_run(&f.r, plan, f.batch, &step);
            runner_zero_gradients(&f.r);
        }
        lazy_step(&f, plan, update, rows[s], s + 1, changed);
        for (int32_t id = 0; id < N_TABLE_ROWS; id++)
            right = right && changed[id] == looked_up(f.batch, rows[s], id);
        tap_ok(right, "adam_lazy, step %d: the rows that were looked up change", (int)s + 1);
    }
    backend->plan_free(plan);
    backend->plan_free(update);
    fixture_close(&f);
}

/* Factors and beginnings are read at every run. */
static void check_groups(void) {
    fixture f = fixture_open("linear");
    assay_error error = ASSAY_ERROR_INIT, refused = ASSAY_ERROR_INIT, decays = ASSAY_ERROR_INIT;
    uint32_t p = find_parameter(f.r.graph, "classifier.bias");
    int64_t n = f.r.graph->parameters[p].n_elements, *since;
    double *rate_scale = require_alloc(f.arena, f.r.graph->n_parameters, sizeof *rate_scale);
    since = require_alloc(f.arena, f.r.graph->n_parameters, sizeof *since);
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_SGD,
                                  .rate_scale = rate_scale,
                                  .since = since};
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30), *update = NULL;
    assay_step step = make_step(0, 1, 1);
    step.step = 3;
    step.learning_rate = 0.1;
    require(backend->compile_update(f.r.session, &config, &update, &error), &error);
    double *before = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p), *after[2];
    for (int i = 0; i < 2; i++) {
        rate_scale[p] = i;
        runner_run(&f.r, plan, f.batch, &step);
        runner_run(&f.r, update, NULL, &step);
        after[i] = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    }
    tap_ok(memcmp(before, after[0], (size_t)n * sizeof *before) == 0 &&
               memcmp(before, after[1], (size_t)n * sizeof *before) != 0,
           "a factor of 0 stops a parameter, another number in the same place moves it");
    since[p] = 3;
    expect_status(backend->run(update, NULL, &step, &refused), ASSAY_INVALID_ARGUMENT, &refused,
                  "a parameter's step 0 is refused");
    double *kept = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    tap_ok(memcmp(after[1], kept, (size_t)n * sizeof *kept) == 0, "and nothing is changed by it");
    config.optimizer = ASSAY_OPTIMIZER_ADAM_LAZY;
    config.weight_decay = 0.1;
    backend->plan_free(update);
    update = NULL;
    expect_status(backend->compile_update(f.r.session, &config, &update, &decays),
                  ASSAY_INVALID_ARGUMENT, &decays, "adam_lazy with weight decay is refused");
    backend->plan_free(plan);
    fixture_close(&f);
}

/* Scaled gradients give the same update, up to rounding that a power of two has none of; a norm
 * that is no number changes nothing but the gradients. */
static void check_gradient_scale(void) {
    fixture f = fixture_open("linear");
    assay_error error = ASSAY_ERROR_INIT;
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_SGD,
                                  .clip_norm = 0.01};
    uint32_t p = find_parameter(f.r.graph, "classifier.bias");
    int64_t n = f.r.graph->parameters[p].n_elements;
    double *gradient = require_alloc(f.arena, (size_t)n, sizeof *gradient), *after[2], norms[2];
    double *before = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p), norm = 0;
    assay_plan *update = NULL;
    assay_step step = make_step(0, 1, 1);
    step.learning_rate = 0.5;
    require(backend->compile_update(f.r.session, &config, &update, &error), &error);
    for (int i = 0; i < 2; i++) {
        step.gradient_scale = i ? 1024 : 0;
        for (int64_t k = 0; k < n; k++)
            gradient[k] = (i ? 1024 : 1) * 0.25 * (double)(k + 1);
        runner_upload(&f.r, ASSAY_STATE_PARAMETER, p, before);
        runner_upload(&f.r, ASSAY_STATE_GRADIENT, p, gradient);
        runner_run(&f.r, update, NULL, &step);
        require(backend->read_grad_norm(update, &norms[i], &error), &error);
        after[i] = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    }
    tap_ok(norms[0] == norms[1] && difference(after[1], after[0], n, 1) <= 1e-7 &&
               difference(after[0], before, n, 1) > 1e-3,
           "gradients scaled by 1024 give the update of the unscaled ones");
    gradient[0] = INFINITY;
    runner_upload(&f.r, ASSAY_STATE_GRADIENT, p, gradient);
    runner_run(&f.r, update, NULL, &step);
    require(backend->read_grad_norm(update, &norm, &error), &error);
    double *kept = runner_download(&f.r, f.arena, ASSAY_STATE_PARAMETER, p);
    double *dropped = runner_download(&f.r, f.arena, ASSAY_STATE_GRADIENT, p);
    tap_ok(!isfinite(norm) && memcmp(kept, after[1], (size_t)n * sizeof *kept) == 0 &&
               max_abs(dropped, n) == 0,
           "an infinite scaled gradient is dropped and changes nothing");
    backend->plan_free(update);
    fixture_close(&f);
}

static void check_dtypes(void) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_device *device = NULL;
    assay_device_config config = {(uint32_t)sizeof config, ASSAY_DTYPE_COUNT, 1, 0, 0};
    expect_status(backend->open(&config, &device, &error), ASSAY_UNSUPPORTED, &error,
                  "an unknown dtype is unsupported");
    tap_ok(device == NULL, "a refused open leaves ret_device alone");
}

/* ---- promises ---- */

/* Two sessions, same everything: same bits. */
static void check_repeatable(const char *variant) {
    fixture a = fixture_open(variant), b = fixture_open(variant);
    assay_step step = make_step(1, 9, 0.125);
    run_result x = runner_step(&a.r, a.arena, a.batch, &step);
    run_result y = runner_step(&b.r, b.arena, b.batch, &step);
    bool same =
        x.loss == y.loss && memcmp(x.logits, y.logits, (size_t)x.n_logits * sizeof *x.logits) == 0;
    for (uint32_t p = 0; p < a.r.graph->n_parameters; p++)
        same = same && !x.gradients[p] == !y.gradients[p] &&
               (!x.gradients[p] ||
                memcmp(x.gradients[p], y.gradients[p],
                       (size_t)a.r.graph->parameters[p].n_elements * sizeof(double)) == 0);
    tap_ok(same, "%s gives the same bits again", variant);
    fixture_close(&a);
    fixture_close(&b);
}

/* One plan twice on the same batch, another batch in between: nothing of a run stays for the next.
 */
static void check_rerun(const char *variant) {
    static const int32_t others[] = {5, 2};
    fixture f = fixture_open(variant);
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    assay_step step = make_step(1, 9, 0.125);
    double **first = require_alloc(f.arena, f.r.graph->n_parameters, sizeof *first);
    bool same = true;
    for (int time = 0; time < 3; time++) {
        runner_zero_gradients(&f.r);
        runner_run(&f.r, plan, time == 1 ? pick_rows(f.arena, f.batch, others, 2) : f.batch, &step);
        for (uint32_t p = 0; p < f.r.graph->n_parameters; p++) {
            double *gradient = runner_download(&f.r, f.arena, ASSAY_STATE_GRADIENT, p);
            if (time == 0)
                first[p] = gradient;
            size_t size = (size_t)f.r.graph->parameters[p].n_elements * sizeof *gradient;
            same = same && (time == 1 || memcmp(gradient, first[p], size) == 0);
        }
    }
    tap_ok(same, "%s gives the same bits after another batch", variant);
    backend->plan_free(plan);
    fixture_close(&f);
}

/* Forward plans: no dropout whatever the step says, no labels needed, no step needed. */
static void check_prediction(void) {
    fixture f = fixture_open("dropout_twice");
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_FORWARD, 6, 30);
    assay_step step = make_step(1, 9, 1);
    assay_batch unlabelled = *f.batch;
    size_t n = (size_t)(shape.n_rows * shape.n_classes);
    unlabelled.labels = NULL;
    unlabelled.row_keys = NULL;
    runner_run(&f.r, plan, &unlabelled, NULL);
    double *x = runner_read(&f.r, f.arena, plan, f.r.graph->logits, (int64_t)n);
    runner_run(&f.r, plan, f.batch, &step);
    double *y = runner_read(&f.r, f.arena, plan, f.r.graph->logits, (int64_t)n);
    tap_ok(memcmp(x, y, n * sizeof *x) == 0,
           "a forward plan needs neither labels nor step and never drops");
    backend->plan_free(plan);
    fixture_close(&f);
}

/* A plan's logits and loss are its last batch's, though another plan has run since. */
static void check_results_are_kept(void) {
    static const int32_t rows2[] = {3, 1};
    fixture f = fixture_open("gru_stacked");
    assay_step step = make_step(1, 1, 1);
    assay_plan *plan = runner_compile(&f.r, ASSAY_PLAN_ACCUMULATE, 6, 30);
    size_t n = (size_t)(shape.n_rows * shape.n_classes);
    runner_run(&f.r, plan, f.batch, &step);
    double *x = runner_read(&f.r, f.arena, plan, f.r.graph->logits, (int64_t)n);
    double *x_loss = runner_read(&f.r, f.arena, plan, f.r.graph->loss, 1);
    assay_plan *other = runner_compile(&f.r, ASSAY_PLAN_FORWARD, 60, 300);
    runner_run(&f.r, other, make_batch(f.arena, rows2, 2, 5, 4), NULL);
    double *y = runner_read(&f.r, f.arena, plan, f.r.graph->logits, (int64_t)n);
    double *y_loss = runner_read(&f.r, f.arena, plan, f.r.graph->loss, 1);
    tap_ok(memcmp(x, y, n * sizeof *x) == 0 && *x_loss == *y_loss,
           "logits and loss outlast the runs of other plans");
    backend->plan_free(other);
    backend->plan_free(plan);
    fixture_close(&f);
}

int main(int argc, char **argv) {
    static const char *const variants[] = {"linear",        "attention_dropout", "gru_stacked",
                                           "lstm_stacked",  "rnn_stacked",       "add_row_rows",
                                           "token_weights", "class_weights",     "fan_out"};
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 3)
        tap_bail("usage: contract [--fail-fast] BACKEND f32|f64|bf16");
    backend = load_backend(plugins, argv[1]);
    dtype = dtype_named(argv[2]);
    if (!dtype_is_offered(backend, dtype))
        return tap_done();
    check_batches();
    check_positions();
    check_token_weights();
    check_sizes();
    check_frozen();
    check_lazy();
    check_groups();
    check_dtypes();
    check_gradient_scale();
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        check_repeatable(variants[i]);
        check_rerun(variants[i]);
    }
    check_prediction();
    check_results_are_kept();
    as_arena_free(plugins);
    return tap_done();
}
