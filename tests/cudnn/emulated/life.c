/* SPDX-License-Identifier: MIT */
/* life.c: what becomes of the cudnn backend's device when things go wrong, and what it holds, on
 * the emulated GPU:
 *
 *     life faults     each function of the driver fails once, at its first call, its second, ...:
 *                     the session ends with an error that says so, nothing is left behind, and the
 *                     next one gives the results that it should
 *     life limit      the limit of device memory is held to, and said
 *     life plans      hundreds of shapes, one after the other: what is kept for them is bounded
 *     life launches   how much work a forward pass and a training step of BERT-base's twelve layers
 *                     give to the GPU
 *     life steady     a training step of a shape that ran before takes no memory, makes no graph
 *                     and waits for nothing; reading its loss waits once
 *     life streams    batches one behind the other, none waited for, give the bits that they give
 *                     when each is (ASSAY_EMULATED_STREAMS puts streams off)
 */
#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
#include "ops/harness.h"

enum { N_IDS = 50, N_CLASSES = 3, ROWS = 3 };

static void (*fail_next)(const char *function, long n, int error);
static size_t (*held)(void), (*pinned)(void);
static long (*descriptors)(void), (*products)(void);
static uint64_t (*works)(int kind), (*calls)(const char *function);

static void find(const char *name, void *function) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void *found = library ? dlsym(library, name) : NULL;
    if (!found)
        tap_bail("libcuda.so.1 is not the emulated one: it has no %s", name);
    memcpy(function, &found, sizeof found);
}

/* ---- one session from its begin to its end --------------------------------------------------- */

typedef struct life {
    const assay_backend *backend;
    const assay_graph_view *graph;
    const assay_batch *batch;
    int32_t dtype;
    uint64_t limit;
    assay_device *device;
    assay_session *session;
    assay_plan *forward, *accumulate, *update;
    double logits[ROWS * N_CLASSES];
} life;

static assay_status upload(life *l, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (uint32_t p = 0; p < l->graph->n_parameters && status == ASSAY_OK; p++) {
        uint64_t n = (uint64_t)l->graph->parameters[p].n_elements;
        double *values = calloc(n, sizeof *values);
        for (uint64_t i = 0; values && i < n; i++)
            values[i] = 0.01 * (double)((i * 7 + p) % 41) - 0.2;
        status = values ? l->backend->upload(l->session, ASSAY_STATE_PARAMETER, p, values, n, error)
                        : ASSAY_OUT_OF_MEMORY;
        free(values);
    }
    return status;
}

static assay_status open_life(life *l, assay_error *error) {
    assay_device_config config = {.struct_size = (uint32_t)sizeof config,
                                  .dtype = l->dtype,
                                  .threads = 1,
                                  .memory_limit_bytes = l->limit};
    int32_t tokens = l->batch->n_tokens;
    assay_status status = l->backend->open(&config, &l->device, error);
    if (status == ASSAY_OK)
        status = l->backend->session_create(l->device, l->graph, &l->session, error);
    if (status == ASSAY_OK)
        status = upload(l, error);
    if (status == ASSAY_OK)
        status =
            l->backend->compile(l->session, ASSAY_PLAN_FORWARD, ROWS, tokens, &l->forward, error);
    if (status == ASSAY_OK)
        status = l->backend->compile(l->session, ASSAY_PLAN_ACCUMULATE, ROWS, tokens,
                                     &l->accumulate, error);
    return status == ASSAY_OK
               ? l->backend->compile_update(l->session, &usual_adamw, &l->update, error)
               : status;
}

/* Three steps, so that graphs are captured and replayed, then logits. */
static assay_status train(life *l, assay_error *error) {
    assay_status status = ASSAY_OK;
    double norm;
    for (int64_t i = 1; i <= 3 && status == ASSAY_OK; i++) {
        assay_step step = make_step(1, (uint64_t)i, 1.0 / ROWS);
        step.step = i;
        step.learning_rate = 1e-3;
        status = l->backend->run(l->accumulate, l->batch, &step, error);
        if (status == ASSAY_OK)
            status = l->backend->run(l->update, NULL, &step, error);
        if (status == ASSAY_OK)
            status = l->backend->run(l->forward, l->batch, NULL, error);
    }
    if (status == ASSAY_OK)
        status = l->backend->read_grad_norm(l->update, &norm, error);
    if (status == ASSAY_OK)
        status = l->backend->sync(l->device, error);
    return status == ASSAY_OK
               ? l->backend->read(l->forward, l->graph->logits, l->logits, ROWS * N_CLASSES, error)
               : status;
}

static void close_life(life *l) {
    l->backend->plan_free(l->forward);
    l->backend->plan_free(l->accumulate);
    l->backend->plan_free(l->update);
    l->backend->session_free(l->session);
    l->backend->close(l->device);
    l->forward = l->accumulate = l->update = NULL;
    l->session = NULL;
    l->device = NULL;
}

static assay_status live(life *l, assay_error *error) {
    assay_status status = open_life(l, error);
    if (status == ASSAY_OK)
        status = train(l, error);
    close_life(l);
    return status;
}

static bool nothing_is_left(void) {
    return held() == 0 && pinned() == 0 && descriptors() == 0 && products() == 0;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Fewer of the later calls are tried, the more there are. */
static void fail_each(life *l, const char *function, int code, const char *expected) {
    enum { ALL_OF_THE_FIRST = 4 };
    double good[ROWS * N_CLASSES];
    long n = 1, n_failed = 0, n_bad = 0;
    assay_error error = ASSAY_ERROR_INIT;
    require(live(l, &error), &error);
    memcpy(good, l->logits, sizeof good);
    for (;; n += n / ALL_OF_THE_FIRST + 1) {
        assay_error found = ASSAY_ERROR_INIT;
        fail_next(function, n, code);
        assay_status status = live(l, &found);
        fail_next(NULL, 0, 0);
        if (status == ASSAY_OK)
            break;
        n_failed++;
        if (!strstr(found.text, expected) || !nothing_is_left()) {
            n_bad++;
            printf("# call %ld of %s: \"%s\"; held %zu bytes, %zu blocks, %ld descriptors, %ld "
                   "products\n",
                   n, function, found.text, held(), pinned(), descriptors(), products());
        }
    }
    require(live(l, &error), &error);
    n_bad += memcmp(good, l->logits, sizeof good) != 0;
    tap_ok(n_failed > 0 && n_bad == 0, "%s fails with %d at %ld of %ld calls", function, code,
           n_failed, n - 1);
}

static void test_faults(life *l) {
    fail_each(l, "cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY, "device memory");
    fail_each(l, "cuMemAllocHost", CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR");
    fail_each(l, "cuLaunchKernel", CUDA_ERROR_ILLEGAL_ADDRESS, "context is lost");
    fail_each(l, "cuStreamSynchronize", CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS");
    fail_each(l, "cuStreamSynchronize", CUDA_ERROR_DEVICE_UNAVAILABLE,
              "CUDA_ERROR_DEVICE_UNAVAILABLE");
    fail_each(l, "cuMemcpyHtoDAsync", CUDA_ERROR_ECC_UNCORRECTABLE, "CUDA_ERROR_ECC_UNCORRECTABLE");
    fail_each(l, "cuMemcpyDtoHAsync", CUDA_ERROR_DEVICE_UNAVAILABLE, "context is lost");
    fail_each(l, "cuEventRecord", CUDA_ERROR_LAUNCH_FAILED, "context is lost");
    if (!getenv("ASSAY_CUDNN_WITHOUT")) {
        fail_each(l, "cuGraphLaunch", CUDA_ERROR_ILLEGAL_ADDRESS, "context is lost");
        fail_each(l, "cuGraphInstantiateWithFlags", CUDA_ERROR_OUT_OF_MEMORY, "cuGraphInstantiate");
        fail_each(l, "cuStreamBeginCapture", CUDA_ERROR_LAUNCH_FAILED, "context is lost");
        fail_each(l, "cuStreamEndCapture", CUDA_ERROR_LAUNCH_FAILED, "context is lost");
    }
    fail_each(l, "cuModuleLoadData", CUDA_ERROR_OUT_OF_MEMORY, "loading the kernels");
    fail_each(l, "cuDevicePrimaryCtxRetain", CUDA_ERROR_OUT_OF_MEMORY, "context");
    fail_each(l, "cuStreamCreate", CUDA_ERROR_OUT_OF_MEMORY, "a stream");
    fail_each(l, "cuEventCreate", CUDA_ERROR_OUT_OF_MEMORY, "an event");
}

/* ---- the limit ------------------------------------------------------------------------------- */

static void test_limit(life *l) {
    assay_error error = ASSAY_ERROR_INIT, refused = ASSAY_ERROR_INIT;
    assay_device_info info;
    require(open_life(l, &error), &error);
    require(train(l, &error), &error);
    l->backend->device_info(l->device, &info);
    uint64_t needed = info.peak_bytes;
    close_life(l);
    l->limit = needed;
    tap_ok(live(l, &error) == ASSAY_OK, "a limit of just what is needed, %llu KiB, is enough",
           (unsigned long long)(needed >> 10));
    l->limit = needed - 1;
    assay_status status = live(l, &refused);
    tap_ok(status == ASSAY_OUT_OF_MEMORY && strstr(refused.text, "--memory-limit") &&
               nothing_is_left(),
           "one byte less is not: %s", refused.text);
    l->limit = 0;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void test_plans(life *l) {
    enum { SHAPES = 700, WARM = 350 };
    long n_descriptors = 0, n_products = 0;
    size_t n_held = 0;
    assay_error error = ASSAY_ERROR_INIT;
    require(open_life(l, &error), &error);
    for (int32_t i = 0; i < SHAPES; i++) {
        assay_plan *plan = NULL;
        int32_t rows = 1 + i;
        require(l->backend->compile(l->session, ASSAY_PLAN_ACCUMULATE, rows,
                                    rows + (i * 37) % SHAPES, &plan, &error),
                &error);
        l->backend->plan_free(plan);
        if (i == WARM) {
            n_descriptors = descriptors();
            n_products = products();
            n_held = held();
        }
    }
    tap_ok(descriptors() <= n_descriptors + n_descriptors / 8 && products() <= n_products,
           "descriptors of %d shapes: %ld of cuDNN's graphs, %ld products; of %d: %ld, %ld", SHAPES,
           descriptors(), products(), WARM, n_descriptors, n_products);
    tap_ok(held() <= 2 * n_held, "device memory: %zu KiB, %zu KiB halfway", held() >> 10,
           n_held >> 10);
    close_life(l);
    tap_ok(nothing_is_left(), "nothing is left at the end");
}

/* ---- launches -------------------------------------------------------------------------------- */

static uint64_t before[4];

static void count_from_here(void) {
    for (int kind = 0; kind < 4; kind++)
        before[kind] = works(kind);
}

/* most: kernels, products, calls of cuDNN, copies */
static void count(const char *what, const uint64_t most[4]) {
    uint64_t n[4], all = 0;
    bool fits = true;
    for (int kind = 0; kind < 4; kind++) {
        n[kind] = works(kind) - before[kind];
        all += n[kind];
        fits = fits && n[kind] <= most[kind];
    }
    tap_ok(
        fits,
        "%s: %llu kernels, %llu products, %llu calls of cuDNN, %llu copies: %llu in all; at most "
        "%llu, %llu, %llu, %llu",
        what, (unsigned long long)n[0], (unsigned long long)n[1], (unsigned long long)n[2],
        (unsigned long long)n[3], (unsigned long long)all, (unsigned long long)most[0],
        (unsigned long long)most[1], (unsigned long long)most[2], (unsigned long long)most[3]);
}

static void test_launches(life *l) {
    static const uint64_t forward[4] = {32, 38, 24, 4}, training[4] = {182, 150, 24, 4},
                          update[4] = {3, 0, 0, 4};
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = make_step(1, 1, 1.0 / ROWS);
    step.step = 1;
    step.learning_rate = 1e-3;
    require(open_life(l, &error), &error);
    count_from_here();
    require(l->backend->run(l->forward, l->batch, NULL, &error), &error);
    count("a forward pass", forward);
    count_from_here();
    require(l->backend->run(l->accumulate, l->batch, &step, &error), &error);
    count("forward and backward", training);
    count_from_here();
    require(l->backend->run(l->update, NULL, &step, &error), &error);
    count("an update", update);
    close_life(l);
}

/* ---- steady steps ---------------------------------------------------------------------------- */

enum { STEADY = 4 };

typedef struct call_limit {
    const char *function;
    uint64_t most; /* of a step */
} call_limit;

static assay_status step_once(life *l, int64_t number, assay_error *error) {
    assay_step step = make_step(1, (uint64_t)number, 1.0 / ROWS);
    step.step = number;
    step.learning_rate = 1e-3;
    assay_status status = l->backend->run(l->accumulate, l->batch, &step, error);
    return status == ASSAY_OK ? l->backend->run(l->update, NULL, &step, error) : status;
}

/* A step is two graphs, each with a block that is copied to it; the wait is for the copy of the
 * block two before, whose memory is taken again. */
static void test_steady(life *l) {
    static const call_limit limits[] = {
        {"cuMemAlloc", 0},           {"cuMemAllocHost", 0},      {"cuEventCreate", 0},
        {"cuStreamBeginCapture", 0}, {"cuGraphInstantiate", 0},  {"cuLaunchKernel", 0},
        {"cuMemcpyDtoHAsync", 0},    {"cuStreamSynchronize", 0}, {"cuGraphLaunch", 2},
        {"cuMemcpyHtoDAsync", 2},    {"cuEventSynchronize", 2}};
    enum { N_LIMITS = sizeof limits / sizeof *limits };
    assay_error error = ASSAY_ERROR_INIT;
    uint64_t from[N_LIMITS];
    double loss;
    require(open_life(l, &error), &error);
    require(train(l, &error), &error);
    for (int i = 0; i < N_LIMITS; i++)
        from[i] = calls(limits[i].function);
    for (int64_t i = 0; i < STEADY; i++)
        require(step_once(l, 4 + i, &error), &error);
    for (int i = 0; i < N_LIMITS; i++) {
        uint64_t n = calls(limits[i].function) - from[i], most = STEADY * limits[i].most;
        tap_ok(n <= most, "%s: %llu calls in %d steps; at most %llu", limits[i].function,
               (unsigned long long)n, STEADY, (unsigned long long)most);
    }
    uint64_t waits = calls("cuStreamSynchronize");
    require(l->backend->sync(l->device, &error), &error);
    require(l->backend->read(l->accumulate, l->graph->loss, &loss, 1, &error), &error);
    waits = calls("cuStreamSynchronize") - waits;
    tap_ok(waits == 1, "reading a loss waits %llu times", (unsigned long long)waits);
    close_life(l);
}

/* ---- streams --------------------------------------------------------------------------------- */

enum { BATCHES = 7 };

/* Gradients of all batches; between them the session waits, or goes on. */
static double *sum_gradients(life *l, as_arena *arena, bool waits) {
    static const int32_t lengths[BATCHES][ROWS] = {{5, 2, 4}, {1, 8, 2}, {3, 3, 3}, {9, 1, 1},
                                                   {2, 2, 2}, {6, 4, 1}, {1, 1, 9}};
    assay_error error = ASSAY_ERROR_INIT;
    runner r = {
        .backend = l->backend, .graph = l->graph, .device = l->device, .session = l->session};
    uint64_t n = 0;
    for (uint32_t p = 0; p < l->graph->n_parameters; p++)
        n += (uint64_t)l->graph->parameters[p].n_elements;
    double *all = require_alloc(arena, n, sizeof *all), *next = all;
    runner_zero_gradients(&r);
    for (int i = 0; i < BATCHES; i++) {
        assay_step step = make_step(1, (uint64_t)i, 1.0 / ROWS);
        assay_batch *batch = make_batch(arena, lengths[i], ROWS, N_IDS, N_CLASSES);
        require(l->backend->run(l->accumulate, batch, &step, &error), &error);
        if (waits)
            require(l->backend->sync(l->device, &error), &error);
    }
    for (uint32_t p = 0; p < l->graph->n_parameters; p++) {
        double *gradient = runner_download(&r, arena, ASSAY_STATE_GRADIENT, p);
        memcpy(next, gradient, (size_t)l->graph->parameters[p].n_elements * sizeof *next);
        next += l->graph->parameters[p].n_elements;
    }
    return all;
}

static void test_streams(life *l) {
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    uint64_t n = 0;
    for (uint32_t p = 0; p < l->graph->n_parameters; p++)
        n += (uint64_t)l->graph->parameters[p].n_elements;
    require(open_life(l, &error), &error);
    double *apart = sum_gradients(l, arena, true), *together = sum_gradients(l, arena, false);
    tap_ok(max_abs(apart, (int64_t)n) > 0 && memcmp(apart, together, n * sizeof *apart) == 0,
           "gradients of %d batches, none waited for: the same bits", BATCHES);
    close_life(l);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    static const as_option_value small[] = {
        {.name = "layers", .kind = AS_OPTION_NUMBER, .number = 12},
        {.name = "dim", .kind = AS_OPTION_NUMBER, .number = 32},
        {.name = "hidden_dim", .kind = AS_OPTION_NUMBER, .number = 64},
        {.name = "heads", .kind = AS_OPTION_NUMBER, .number = 2},
        {.name = "positions", .kind = AS_OPTION_NUMBER, .number = 512}};
    static const int32_t lengths[ROWS] = {5, 2, 4};
    as_option_value options[5];
    tap_init(&argc, argv);
    if (argc != 4)
        tap_bail("usage: life faults|limit|plans|launches|steady|streams MODEL DTYPE");
    find("emulated_fail", &fail_next);
    find("emulated_held", &held);
    find("emulated_pinned", &pinned);
    find("emulated_descriptors", &descriptors);
    find("emulated_products", &products);
    find("emulated_works", &works);
    find("emulated_calls", &calls);
    bool counts = strcmp(argv[1], "launches") == 0, is_bert = strcmp(argv[2], "bert") == 0;
    memcpy(options, small, sizeof small);
    options[0].number = counts ? 12 : 1;
    as_arena *arena = as_arena_new();
    life l = {.backend = load_backend(arena, "cudnn"), .dtype = dtype_named(argv[3])};
    assay_graph *graph = load_model(arena, argv[2], options, is_bert ? 5 : 0, N_IDS, N_CLASSES);
    l.graph = as_graph_view(graph);
    l.batch = make_batch(arena, lengths, ROWS, N_IDS, N_CLASSES);
    if (counts)
        test_launches(&l);
    else if (strcmp(argv[1], "steady") == 0)
        test_steady(&l);
    else if (strcmp(argv[1], "streams") == 0)
        test_streams(&l);
    else if (strcmp(argv[1], "faults") == 0)
        test_faults(&l);
    else if (strcmp(argv[1], "limit") == 0)
        test_limit(&l);
    else
        test_plans(&l);
    as_graph_free(graph);
    as_arena_free(arena);
    return tap_done();
}
