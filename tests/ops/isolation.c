/* SPDX-License-Identifier: MIT */
/* isolation.c: what runs side by side in one process, and what a call leaves behind.
 *
 *     isolation BACKEND [bf16]
 *
 *     - Two devices (1 and 2 threads) with a session each, and two plans of different shape in each
 *       session, run in turn: every logit, loss and parameter has the bits that it has alone.
 *     - The same with each device in a thread of its own, at the same time.
 *     - The number of threads that OpenMP gives the caller, and whether its processor counts
 *       denormals as zero, are after every call what they were, whichever they were. */
#include <pthread.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "graph/graph.h"
#include "harness.h"

enum { N_IDS = 60, N_CLASSES = 3, N_STEPS = 4, N_BATCHES = 2 };

static const int32_t long_rows[] = {60, 11, 35, 90}, short_rows[] = {5, 1, 7, 3, 2, 4, 6, 8};

/* ---- what must not change ---- */

typedef struct surroundings {
    int threads;
    unsigned int mode;
} surroundings;

static surroundings look_around(void) {
    surroundings s = {1, 0};
#ifdef _OPENMP
    s.threads = omp_get_max_threads();
#endif
#if defined(__x86_64__)
    s.mode = _mm_getcsr() & 0xffc0u; /* without the flags of what has happened */
#endif
    return s;
}

static void change_surroundings(int n_threads, int flush) {
#ifdef _OPENMP
    omp_set_num_threads(n_threads);
#else
    (void)n_threads;
#endif
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~0x8040u) | (flush ? 0x8040u : 0));
#else
    (void)flush;
#endif
}

/* ---- one device with a model ---- */

typedef struct trainee {
    as_arena *arena;
    assay_graph *graph;
    runner r;
    const assay_batch *batches[N_BATCHES];
    assay_plan *plans[N_BATCHES], *update;
    assay_update_config config;
    double results[N_STEPS][N_BATCHES];
    double *parameter; /* the first one, after the last step */
    int64_t n_elements;
} trainee;

static void trainee_open(trainee *t, const assay_backend *backend, int32_t dtype, int n_threads,
                         const char *model) {
    assay_error error = ASSAY_ERROR_INIT;
    *t = (trainee){.arena = as_arena_new()};
    t->config = (assay_update_config){.struct_size = (uint32_t)sizeof t->config,
                                      .optimizer = ASSAY_OPTIMIZER_ADAM,
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .epsilon = 1e-8,
                                      .clip_norm = 1};
    t->graph = load_model(t->arena, model, NULL, 0, N_IDS, N_CLASSES);
    const assay_graph_view *view = as_graph_view(t->graph);
    assay_device_config device = {
        .struct_size = (uint32_t)sizeof device, .dtype = dtype, .threads = n_threads};
    t->r = (runner){backend, view, NULL, NULL};
    require(backend->open(&device, &t->r.device, &error), &error);
    require(backend->session_create(t->r.device, view, &t->r.session, &error), &error);
    runner_draw_parameters(&t->r, 7, 0);
    runner_zero_gradients(&t->r);
    t->batches[0] =
        make_batch(t->arena, long_rows, sizeof long_rows / sizeof *long_rows, N_IDS, N_CLASSES);
    t->batches[1] =
        make_batch(t->arena, short_rows, sizeof short_rows / sizeof *short_rows, N_IDS, N_CLASSES);
    for (int b = 0; b < N_BATCHES; b++)
        t->plans[b] = runner_compile(&t->r, ASSAY_PLAN_ACCUMULATE, t->batches[b]->n_rows,
                                     t->batches[b]->n_tokens);
    require(backend->compile_update(t->r.session, &t->config, &t->update, &error), &error);
    t->n_elements = view->parameters[0].n_elements;
}

static void trainee_step(trainee *t, int number) {
    assay_step step = make_step(1, (uint64_t)number + 1, 0.25);
    step.step = number + 1;
    step.learning_rate = 1e-2;
    for (int b = 0; b < N_BATCHES; b++)
        runner_run(&t->r, t->plans[b], t->batches[b], &step);
    runner_run(&t->r, t->update, NULL, &step);
    for (int b = 0; b < N_BATCHES; b++)
        t->results[number][b] = runner_read(&t->r, t->arena, t->plans[b], t->r.graph->loss, 1)[0];
}

static void trainee_end(trainee *t) {
    t->parameter = runner_download(&t->r, t->arena, ASSAY_STATE_PARAMETER, 0);
}

static void trainee_close(trainee *t) {
    for (int b = 0; b < N_BATCHES; b++)
        t->r.backend->plan_free(t->plans[b]);
    t->r.backend->plan_free(t->update);
    runner_close(&t->r);
    as_graph_free(t->graph);
    as_arena_free(t->arena);
}

static bool same(const trainee *a, const trainee *b) {
    return memcmp(a->results, b->results, sizeof a->results) == 0 &&
           memcmp(a->parameter, b->parameter, (size_t)a->n_elements * sizeof *a->parameter) == 0;
}

static void *run_all(void *context) {
    trainee *t = context;
    for (int step = 0; step < N_STEPS; step++)
        trainee_step(t, step);
    trainee_end(t);
    return NULL;
}

/* ---- checks ---- */

static void check_model(const assay_backend *backend, int32_t dtype, const char *model) {
    static const int n_threads[] = {1, 2};
    trainee alone[2], in_turn[2], at_once[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        trainee_open(&alone[i], backend, dtype, n_threads[i], model);
        (void)run_all(&alone[i]);
    }
    for (int i = 0; i < 2; i++)
        trainee_open(&in_turn[i], backend, dtype, n_threads[i], model);
    for (int step = 0; step < N_STEPS; step++)
        for (int i = 0; i < 2; i++)
            trainee_step(&in_turn[i], step);
    for (int i = 0; i < 2; i++) {
        trainee_end(&in_turn[i]);
        trainee_open(&at_once[i], backend, dtype, n_threads[i], model);
    }
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, run_all, &at_once[i]))
            tap_bail("a thread cannot be started");
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        tap_ok(same(&alone[i], &in_turn[i]), "%s, %d threads: the bits of a run alone, in turn",
               model, n_threads[i]);
        tap_ok(same(&alone[i], &at_once[i]), "%s, %d threads: the bits of a run alone, at once",
               model, n_threads[i]);
        trainee_close(&alone[i]);
        trainee_close(&in_turn[i]);
        trainee_close(&at_once[i]);
    }
}

static void check_surroundings(const assay_backend *backend, int32_t dtype) {
    surroundings start = look_around();
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        for (int flush = 0; flush <= 1; flush++) {
            trainee t;
            change_surroundings(n_threads, flush);
            surroundings before = look_around();
            trainee_open(&t, backend, dtype, 2, "gru");
            surroundings opened = look_around();
            (void)run_all(&t);
            surroundings after = look_around();
            trainee_close(&t);
            surroundings closed = look_around();
            tap_ok(opened.threads == before.threads && after.threads == before.threads &&
                       closed.threads == before.threads,
                   "%d threads of the caller's: then %d, %d, %d", before.threads, opened.threads,
                   after.threads, closed.threads);
            tap_ok(opened.mode == before.mode && after.mode == before.mode &&
                       closed.mode == before.mode,
                   "floating-point mode %x of the caller's: then %x, %x, %x", before.mode,
                   opened.mode, after.mode, closed.mode);
        }
    }
    change_surroundings(start.threads, (start.mode & 0x8040u) != 0);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 2 && argc != 3)
        tap_bail("usage: isolation BACKEND [bf16]");
    const assay_backend *backend = load_backend(plugins, argv[1]);
    int32_t dtype = dtype_named(argc > 2 ? argv[2] : "f32");
    if (dtype_is_offered(backend, dtype)) {
        check_surroundings(backend, dtype);
        check_model(backend, dtype, "gru");
        check_model(backend, dtype, "transformer");
    }
    as_arena_free(plugins);
    return tap_done();
}
