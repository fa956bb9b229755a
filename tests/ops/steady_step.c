/* SPDX-License-Identifier: MIT */
/* steady_step.c: a steady step (same plans, again) takes no memory: after some warm-up, neither
 * prediction nor accumulation nor update of a built-in model calls malloc or its kin, and the
 * memory in use stays the same to the byte.
 *
 *     steady_step BACKEND [bf16]
 *
 * Libraries behind a backend are held to the second half only: oneDNN makes and frees a small map
 * of its arguments in each call. This program's definitions stand before the C library's for every
 * shared object it loads; they count by caller and pass on to glibc's own names. Not built with
 * sanitizers, which do the same. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "graph/graph.h"
#include "harness.h"

static atomic_long n_own, n_library; /* calls from the plugin or this program; from lib*.so */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(const void *caller) {
    Dl_info info;
    const char *slash = dladdr(caller, &info) ? strrchr(info.dli_fname, '/') : NULL;
    if (slash && strncmp(slash, "/lib", 4) == 0)
        n_library++;
    else
        n_own++;
}

ASSAY_EXPORT void *malloc(size_t size) {
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

ASSAY_EXPORT void *calloc(size_t n, size_t size) {
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

ASSAY_EXPORT void *realloc(void *memory, size_t size) {
    count(__builtin_return_address(0));
    return __libc_realloc(memory, size);
}

ASSAY_EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

ASSAY_EXPORT int posix_memalign(void **ret_memory, size_t alignment, size_t size) {
    void *memory = __libc_memalign(alignment, size);
    count(__builtin_return_address(0));
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

static const int32_t lengths[] = {12, 3, 25, 1, 7, 18};
enum { N_ROWS = sizeof lengths / sizeof *lengths, N_IDS = 60, N_CLASSES = 4 };

typedef struct plans {
    assay_plan *forward, *accumulate, *update;
} plans;

static void train(runner *r, const plans *p, const assay_batch *batch, int64_t number) {
    assay_step step = make_step(1, (uint64_t)number, 1.0 / N_ROWS);
    step.step = number;
    step.learning_rate = 1e-3;
    runner_run(r, p->accumulate, batch, &step);
    runner_run(r, p->update, NULL, &step);
    runner_run(r, p->forward, batch, &step);
}

/* Allocations of three steps on two batches in turn, after three such steps. */
static void check_model(const assay_backend *backend, int32_t dtype, const char *id) {
    static const int32_t some[] = {4, 0, 3};
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = load_model(arena, id, NULL, 0, N_IDS, N_CLASSES);
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_batch *whole = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    assay_batch *part = pick_rows(arena, whole, some, 3);
    assay_update_config config = {.struct_size = (uint32_t)sizeof config,
                                  .optimizer = ASSAY_OPTIMIZER_ADAMW,
                                  .beta1 = 0.9,
                                  .beta2 = 0.999,
                                  .epsilon = 1e-8,
                                  .weight_decay = 0.01,
                                  .clip_norm = 1};
    plans p = {runner_compile(&r, ASSAY_PLAN_FORWARD, N_ROWS, whole->n_tokens),
               runner_compile(&r, ASSAY_PLAN_ACCUMULATE, N_ROWS, whole->n_tokens), NULL};
    require(backend->compile_update(r.session, &config, &p.update, &error), &error);
    runner_draw_parameters(&r, 1, 0);
    runner_zero_gradients(&r);
    long own = 0, library = 0;
    size_t in_use = 0;
    for (int64_t step = 1; step <= 6; step++) {
        if (step == 4) {
            own = n_own;
            library = n_library;
            in_use = mallinfo2().uordblks;
        }
        train(&r, &p, whole, step);
        train(&r, &p, part, step);
    }
    long growth = (long)mallinfo2().uordblks - (long)in_use;
    tap_ok(own > 0 && n_own == own && growth == 0,
           "%s: %ld allocations in steady steps (and %ld of libraries), %ld bytes kept", id,
           n_own - own, n_library - library, growth);
    backend->plan_free(p.forward);
    backend->plan_free(p.accumulate);
    backend->plan_free(p.update);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 2 && argc != 3)
        tap_bail("usage: steady_step BACKEND [bf16]");
    const assay_backend *backend = load_backend(plugins, argv[1]);
    int32_t dtype = dtype_named(argc > 2 ? argv[2] : "f32");
    static const char *const models[] = {"gru", "bilstm_attention", "rnn", "transformer"};
    bool offered = dtype_is_offered(backend, dtype);
    for (size_t i = 0; offered && i < sizeof models / sizeof *models; i++)
        check_model(backend, dtype, models[i]);
    as_arena_free(plugins);
    return tap_done();
}
