/* SPDX-License-Identifier: MIT */
/* bench_gpu.c: steps of a model on a backend, timed on request, so that another program's can be
 * timed in turn with them (torch_beside.py):
 *
 *     bench_gpu BACKEND MODEL DTYPE ROWS LENGTH [OPTION=NUMBER...]
 *
 * Reads lines from stdin: "forward N" or "train N". For each it runs N steps on the same batch of
 * ROWS texts of LENGTH tokens, waits once at the end, and prints the seconds that they took. Token
 * ids are t % 30000 over the batch; weights are random. A training step is forward, backward with
 * dropout, and AdamW. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "graph/graph.h"
#include "ops/harness.h"

enum { N_IDS = 30000, N_CLASSES = 2, MOST_OPTIONS = 16 };

typedef struct bench {
    runner r;
    assay_batch *batch;
    assay_plan *forward, *accumulate, *update;
    int64_t n_steps;
} bench;

static double run_steps(bench *b, bool train, long n) {
    assay_error error = ASSAY_ERROR_INIT;
    assay_step step = make_step(1, 1, 1.0 / b->batch->n_rows);
    int64_t start = as_clock_ns();
    step.learning_rate = 1e-6;
    for (long i = 0; i < n; i++) {
        step.step = ++b->n_steps;
        step.seed = (uint64_t)step.step;
        require(b->r.backend->run(train ? b->accumulate : b->forward, b->batch, &step, &error),
                &error);
        if (train)
            require(b->r.backend->run(b->update, NULL, &step, &error), &error);
    }
    require(b->r.backend->sync(b->r.device, &error), &error);
    return (double)(as_clock_ns() - start) * 1e-9;
}

static bench open_bench(as_arena *arena, const assay_backend *backend, const assay_graph *graph,
                        int32_t dtype, int32_t rows, int32_t length) {
    assay_error error = ASSAY_ERROR_INIT;
    int32_t *lengths = require_alloc(arena, (size_t)rows, sizeof *lengths);
    bench b = {.r = runner_open(backend, dtype, as_graph_view(graph))};
    for (int32_t i = 0; i < rows; i++)
        lengths[i] = length;
    b.batch = make_batch(arena, lengths, rows, N_IDS, N_CLASSES);
    runner_draw_parameters(&b.r, 1, 0);
    b.forward = runner_compile(&b.r, ASSAY_PLAN_FORWARD, rows, rows * length);
    b.accumulate = runner_compile(&b.r, ASSAY_PLAN_ACCUMULATE, rows, rows * length);
    require(backend->compile_update(b.r.session, &usual_adamw, &b.update, &error), &error);
    return b;
}

int main(int argc, char **argv) {
    as_option_value options[MOST_OPTIONS];
    size_t n_options = 0;
    char line[64], what[16];
    long n;
    if (argc < 6 || argc > 6 + MOST_OPTIONS) {
        fprintf(stderr, "usage: %s BACKEND MODEL DTYPE ROWS LENGTH [OPTION=NUMBER...]\n", argv[0]);
        return 64;
    }
    for (int i = 6; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            tap_bail("%s is no OPTION=NUMBER", argv[i]);
        *equals = '\0';
        options[n_options++] = (as_option_value){
            .name = argv[i], .kind = AS_OPTION_NUMBER, .number = strtod(equals + 1, NULL)};
    }
    as_arena *arena = as_arena_new();
    const assay_backend *backend = load_backend(arena, argv[1]);
    assay_graph *graph = load_model(arena, argv[2], options, n_options, N_IDS, N_CLASSES);
    bench b = open_bench(arena, backend, graph, dtype_named(argv[3]),
                         (int32_t)strtol(argv[4], NULL, 10), (int32_t)strtol(argv[5], NULL, 10));
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%15s %ld", what, &n) == 2) {
        printf("%.9f\n", run_steps(&b, strcmp(what, "train") == 0, n));
        fflush(stdout);
    }
    backend->plan_free(b.forward);
    backend->plan_free(b.accumulate);
    backend->plan_free(b.update);
    runner_close(&b.r);
    as_graph_free(graph);
    as_arena_free(arena);
    return 0;
}
