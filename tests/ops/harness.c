/* SPDX-License-Identifier: MIT */
/* harness.c: see harness.h. */
#include "harness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "train/loss_scale.h"

static int n_results, n_failures;
static bool fail_fast;
static int32_t n_threads = 1;

void tap_init(int *argc, char **argv) {
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--fail-fast") == 0)
            fail_fast = true;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < *argc)
            n_threads = (int32_t)strtol(argv[++i], NULL, 10);
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
}

bool tap_ok(bool ok, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s %d - ", ok ? "ok" : "not ok", ++n_results);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    fflush(stdout);
    n_failures += !ok;
    if (!ok && fail_fast)
        exit(1);
    return ok;
}

void tap_skip(const char *name, const char *reason) {
    printf("ok %d - %s # SKIP %s\n", ++n_results, name, reason);
}

void tap_bail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("Bail out! ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    exit(1);
}

int tap_done(void) {
    printf("1..%d\n", n_results);
    return n_failures ? 1 : 0;
}

void require(assay_status status, const assay_error *error) {
    if (status != ASSAY_OK)
        tap_bail("status %d: %s: %s", (int)status, error->where, error->text);
}

void *require_alloc(as_arena *arena, size_t n, size_t size) {
    void *memory = as_arena_alloc_array(arena, n, size);
    if (!memory)
        tap_bail("out of memory");
    return memory;
}

int32_t dtype_named(const char *name) {
    static const char *const names[ASSAY_DTYPE_COUNT] = {"f32", "f64", "bf16", "tf32", "fp16"};
    for (int32_t i = 0; i < ASSAY_DTYPE_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    tap_bail("no dtype %s", name);
}

bool dtype_is_offered(const assay_backend *backend, int32_t dtype) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_device_config config = {(uint32_t)sizeof config, dtype, n_threads, 0, 0};
    assay_device *device = NULL;
    assay_status status = backend->open(&config, &device, &error);
    if (status == ASSAY_UNSUPPORTED)
        tap_skip("everything", error.text);
    else
        require(status, &error);
    backend->close(device);
    return status == ASSAY_OK;
}

runner runner_open(const assay_backend *backend, int32_t dtype, const assay_graph_view *graph) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_device_config config = {(uint32_t)sizeof config, dtype, n_threads, 0, 0};
    runner r = {backend, graph, NULL, NULL};
    require(backend->open(&config, &r.device, &error), &error);
    require(backend->session_create(r.device, graph, &r.session, &error), &error);
    return r;
}

void runner_close(runner *r) {
    r->backend->session_free(r->session);
    r->backend->close(r->device);
}

static double parameter_range(const assay_parameter_info *info) {
    if (info->init.kind == ASSAY_INIT_NORMAL)
        return 1.5;
    return info->rank == 2 ? 1.7 / sqrt((double)info->dims[1]) : 1.0;
}

void runner_draw_parameters(runner *r, uint64_t seed, int32_t levels) {
    for (uint32_t p = 0; p < r->graph->n_parameters; p++) {
        const assay_parameter_info *info = &r->graph->parameters[p];
        as_arena *arena = as_arena_new();
        double *data = require_alloc(arena, (size_t)info->n_elements, sizeof *data);
        as_random random = as_random_init(seed, as_hash64(info->name));
        for (int64_t i = 0; i < info->n_elements && info->values; i++)
            data[i] = info->values[i];
        for (int64_t i = 0; i < info->n_elements && !info->values; i++) {
            double x = parameter_range(info) * (2 * as_random_uniform(&random) - 1);
            data[i] = levels ? round(x * levels) / levels : (double)(float)x;
        }
        runner_upload(r, ASSAY_STATE_PARAMETER, p, data);
        as_arena_free(arena);
    }
}

void runner_zero_gradients(runner *r) {
    for (uint32_t p = 0; p < r->graph->n_parameters; p++) {
        as_arena *arena = as_arena_new();
        runner_upload(
            r, ASSAY_STATE_GRADIENT, p,
            require_alloc(arena, (size_t)r->graph->parameters[p].n_elements, sizeof(double)));
        as_arena_free(arena);
    }
}

assay_plan *runner_compile(runner *r, int32_t kind, int32_t max_rows, int32_t max_tokens) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_plan *plan = NULL;
    require(r->backend->compile(r->session, kind, max_rows, max_tokens, &plan, &error), &error);
    return plan;
}

void runner_run(runner *r, assay_plan *plan, const assay_batch *batch, const assay_step *step) {
    assay_error error = ASSAY_ERROR_INIT;
    require(r->backend->run(plan, batch, step, &error), &error);
    require(r->backend->sync(r->device, &error), &error);
}

double *runner_read(runner *r, as_arena *arena, assay_plan *plan, assay_value value, int64_t n) {
    assay_error error = ASSAY_ERROR_INIT;
    double *data = require_alloc(arena, (size_t)n, sizeof *data);
    require(r->backend->read(plan, value, data, (uint64_t)n, &error), &error);
    return data;
}

double *runner_download(runner *r, as_arena *arena, int32_t state, uint32_t parameter) {
    assay_error error = ASSAY_ERROR_INIT;
    int64_t n = r->graph->parameters[parameter].n_elements;
    double *data = require_alloc(arena, (size_t)n, sizeof *data);
    require(r->backend->download(r->session, state, parameter, data, (uint64_t)n, &error), &error);
    return data;
}

void runner_upload(runner *r, int32_t state, uint32_t parameter, const double *data) {
    assay_error error = ASSAY_ERROR_INIT;
    int64_t n = r->graph->parameters[parameter].n_elements;
    require(r->backend->upload(r->session, state, parameter, data, (uint64_t)n, &error), &error);
}

run_result runner_step(runner *r, as_arena *arena, const assay_batch *batch,
                       const assay_step *step) {
    const assay_graph_view *graph = r->graph;
    run_result result = {0};
    assay_plan *forward = runner_compile(r, ASSAY_PLAN_FORWARD, batch->n_rows, batch->n_tokens);
    assay_plan *accumulate =
        runner_compile(r, ASSAY_PLAN_ACCUMULATE, batch->n_rows, batch->n_tokens);
    result.n_logits = batch->n_rows * graph->values[graph->logits].dims[0];
    runner_run(r, forward, batch, step);
    result.logits = runner_read(r, arena, forward, graph->logits, result.n_logits);
    runner_zero_gradients(r);
    runner_run(r, accumulate, batch, step);
    result.loss = *runner_read(r, arena, accumulate, graph->loss, 1);
    result.gradients = require_alloc(arena, graph->n_parameters, sizeof *result.gradients);
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (graph->parameters[p].gradient != ASSAY_NONE)
            result.gradients[p] = runner_download(r, arena, ASSAY_STATE_GRADIENT, p);
    r->backend->plan_free(forward);
    r->backend->plan_free(accumulate);
    return result;
}

const assay_update_config usual_adamw = {.struct_size = (uint32_t)sizeof usual_adamw,
                                         .optimizer = ASSAY_OPTIMIZER_ADAMW,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .epsilon = 1e-8,
                                         .weight_decay = 0.01};

assay_step make_step(int32_t dropout, uint64_t seed, double loss_scale) {
    assay_step step = {(uint32_t)sizeof step, dropout, seed, 1, 0, loss_scale, 0};
    return step;
}

double loss_scale_of(int32_t dtype) {
    return dtype == ASSAY_DTYPE_FP16 ? AS_LOSS_SCALE_FIRST : 1;
}

assay_batch *make_batch(as_arena *arena, const int32_t *lengths, int32_t n_rows, int32_t n_ids,
                        int32_t n_classes) {
    assay_batch *batch = require_alloc(arena, 1, sizeof *batch);
    int32_t *offsets = require_alloc(arena, (size_t)n_rows + 1, sizeof *offsets);
    int32_t *labels = require_alloc(arena, (size_t)n_rows, sizeof *labels);
    uint64_t *row_keys = require_alloc(arena, (size_t)n_rows, sizeof *row_keys);
    for (int32_t b = 0; b < n_rows; b++) {
        offsets[b + 1] = offsets[b] + lengths[b];
        labels[b] = (b * 7 + 1) % n_classes;
        row_keys[b] = 1000 + (uint64_t)b;
    }
    int32_t n_tokens = offsets[n_rows];
    int32_t *ids = require_alloc(arena, (size_t)n_tokens, sizeof *ids);
    int32_t *positions = require_alloc(arena, (size_t)n_tokens, sizeof *positions);
    float *weights = require_alloc(arena, (size_t)n_tokens, sizeof *weights);
    for (int32_t b = 0; b < n_rows; b++) {
        for (int32_t t = offsets[b]; t < offsets[b + 1]; t++) {
            ids[t] = t % n_ids;
            positions[t] = t - offsets[b];
            weights[t] = 0.25f * (float)(1 + (t * 5 + b) % 7);
        }
    }
    *batch = (assay_batch){(uint32_t)sizeof *batch,
                           n_rows,
                           n_tokens,
                           0,
                           ids,
                           positions,
                           offsets,
                           labels,
                           row_keys,
                           weights};
    return batch;
}

assay_batch *pick_rows(as_arena *arena, const assay_batch *from, const int32_t *rows, int32_t n) {
    int32_t *lengths = require_alloc(arena, (size_t)n, sizeof *lengths);
    for (int32_t i = 0; i < n; i++)
        lengths[i] = from->offsets[rows[i] + 1] - from->offsets[rows[i]];
    assay_batch *batch = make_batch(arena, lengths, n, 1, 1);
    int32_t *ids = require_alloc(arena, (size_t)batch->n_tokens, sizeof *ids);
    int32_t *labels = require_alloc(arena, (size_t)n, sizeof *labels);
    uint64_t *row_keys = require_alloc(arena, (size_t)n, sizeof *row_keys);
    float *weights = require_alloc(arena, (size_t)batch->n_tokens, sizeof *weights);
    for (int32_t i = 0; i < n; i++) {
        memcpy(&ids[batch->offsets[i]], &from->ids[from->offsets[rows[i]]],
               (size_t)lengths[i] * sizeof *ids);
        memcpy(&weights[batch->offsets[i]], &from->token_weights[from->offsets[rows[i]]],
               (size_t)lengths[i] * sizeof *weights);
        labels[i] = from->labels[rows[i]];
        row_keys[i] = from->row_keys[rows[i]];
    }
    batch->ids = ids;
    batch->labels = labels;
    batch->row_keys = row_keys;
    batch->token_weights = weights;
    return batch;
}

double max_abs(const double *x, int64_t n) {
    double max = 0;
    for (int64_t i = 0; i < n; i++)
        max = isfinite(x[i]) ? fmax(max, fabs(x[i])) : INFINITY;
    return max;
}

double bf16_rounded(double x) {
    int exponent;
    double mantissa = frexp(x, &exponent);
    return ldexp(rint(ldexp(mantissa, 8)), exponent - 8);
}

double difference(const double *a, const double *b, int64_t n, double scale) {
    double max = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(a[i]) || !isfinite(b[i]))
            return INFINITY;
        max = fmax(max, fabs(a[i] - b[i]));
    }
    return max == 0 ? 0 : max / scale;
}

double gradient_difference(const assay_graph_view *graph, double *const *a,
                           double *const *reference, double floor, const char **ret_worst) {
    double largest = 0, worst = 0;
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (reference[p])
            largest = fmax(largest, max_abs(reference[p], graph->parameters[p].n_elements));
    *ret_worst = "none";
    for (uint32_t p = 0; p < graph->n_parameters; p++) {
        int64_t n = graph->parameters[p].n_elements;
        if (!reference[p])
            continue;
        double scale = fmax(max_abs(reference[p], n), floor * largest);
        double d = difference(a[p], reference[p], n, scale);
        if (!(d <= worst)) {
            worst = d;
            *ret_worst = graph->parameters[p].name;
        }
    }
    return worst;
}

double euclidean(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = a ? a[i] - b[i] : b[i];
        if (!isfinite(d))
            return INFINITY;
        sum += d * d;
    }
    return sqrt(sum);
}

double gradient_distance(const assay_graph_view *graph, double *const *a, double *const *reference,
                         double floor, const double *least, const char **ret_worst) {
    double all = 0, worst = 0;
    for (uint32_t p = 0; p < graph->n_parameters; p++)
        if (reference[p])
            all = hypot(all, euclidean(NULL, reference[p], graph->parameters[p].n_elements));
    *ret_worst = "none";
    for (uint32_t p = 0; p < graph->n_parameters; p++) {
        int64_t n = graph->parameters[p].n_elements;
        if (!reference[p])
            continue;
        double scale = fmax(euclidean(NULL, reference[p], n), floor * all);
        scale = least ? fmax(scale, least[p]) : scale;
        double d = euclidean(a[p], reference[p], n);
        d = d == 0 ? 0 : d / scale;
        if (!(d <= worst)) {
            worst = d;
            *ret_worst = graph->parameters[p].name;
        }
    }
    return worst;
}
