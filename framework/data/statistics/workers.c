/* SPDX-License-Identifier: MIT */
/* POSIX threads; a thread that cannot be made is run here instead. */
#include "data/statistics/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

typedef struct worker {
    pthread_t thread;
    bool started;
    size_t index;
    assay_status (*work)(void *context, size_t i, assay_error *error);
    void *context;
    assay_status status;
    assay_error error;
} worker;

size_t as_worker_count(int asked, size_t n_items) {
    cpu_set_t set;
    size_t n = asked > 0 ? (size_t)asked : 1;
    if (asked <= 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        n = (size_t)CPU_COUNT(&set);
    n = n < n_items ? n : n_items;
    return n < 1 ? 1 : n > AS_MAX_WORKERS ? AS_MAX_WORKERS : n;
}

size_t as_worker_first(size_t i, size_t n_workers, size_t n_items) {
    return n_items / n_workers * i + (i < n_items % n_workers ? i : n_items % n_workers);
}

static void *run_one(void *argument) {
    worker *w = argument;
    w->status = w->work(w->context, w->index, &w->error);
    return NULL;
}

assay_status as_workers_run(size_t n_workers,
                            assay_status (*work)(void *context, size_t i, assay_error *error),
                            void *context, assay_error *error) {
    worker *workers = calloc(n_workers, sizeof *workers);
    assay_status status = ASSAY_OK;
    if (!workers)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "threads", "no memory for them");
    for (size_t i = 0; i < n_workers; i++) {
        worker *w = &workers[i];
        *w = (worker){.index = i, .work = work, .context = context, .error = ASSAY_ERROR_INIT};
        w->started = i > 0 && pthread_create(&w->thread, NULL, run_one, w) == 0;
    }
    for (size_t i = 0; i < n_workers; i++)
        if (!workers[i].started)
            run_one(&workers[i]);
    for (size_t i = 0; i < n_workers; i++) {
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
        if (status == ASSAY_OK && workers[i].status != ASSAY_OK)
            status = as_fail(error, workers[i].status, workers[i].error.where, "%s",
                             workers[i].error.text);
    }
    free(workers);
    return status;
}
