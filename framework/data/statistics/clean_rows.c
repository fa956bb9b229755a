/* SPDX-License-Identifier: MIT */
/* A cleaner and an arena a worker; the counts are added up. */
#include "data/statistics/clean_rows.h"

#include <string.h>

#include "base/error.h"

typedef struct cleaning_job {
    const as_dataset_row *rows;
    uint32_t n_rows;
    const json_t *steps;
    const char *where;
    size_t n_workers;
    as_cleaner *cleaners[AS_MAX_WORKERS];
    as_cleaned_rows *out;
} cleaning_job;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "cleaning", "no memory for the texts");
}

/* The text a failed step was at, in front of what it says. */
static assay_status fail_at(const as_dataset_row *row, const assay_error *why, assay_error *error) {
    return as_fail(error, why->status, why->where, "text %.80s: %s", row->name, why->text);
}

static assay_status clean_share(void *context, size_t index, assay_error *error) {
    cleaning_job *job = context;
    as_arena *arena = job->out->arenas[index] = as_arena_new();
    uint32_t last = (uint32_t)as_worker_first(index + 1, job->n_workers, job->n_rows);
    if (!arena)
        return no_memory(error);
    for (uint32_t i = (uint32_t)as_worker_first(index, job->n_workers, job->n_rows); i < last;
         i++) {
        assay_error why = ASSAY_ERROR_INIT;
        const char *text;
        size_t n_bytes;
        assay_status status = as_clean(job->cleaners[index], job->rows[i].text,
                                       job->rows[i].n_bytes, &text, &n_bytes, &why);
        if (status != ASSAY_OK)
            return fail_at(&job->rows[i], &why, error);
        as_dataset_row row = job->rows[i];
        row.text = as_arena_strndup(arena, text, n_bytes);
        row.n_bytes = n_bytes;
        if (!row.text)
            return no_memory(error);
        job->out->rows[i] = row;
    }
    return ASSAY_OK;
}

static void add_counts(cleaning_job *job) {
    as_cleaned_rows *out = job->out;
    memcpy(out->counts, as_cleaner_counts(job->cleaners[0]), out->n_steps * sizeof *out->counts);
    for (size_t w = 1; w < job->n_workers; w++) {
        const as_cleaning_counts *more = as_cleaner_counts(job->cleaners[w]);
        for (size_t i = 0; i < out->n_steps; i++) {
            out->counts[i].texts += more[i].texts;
            out->counts[i].changed += more[i].changed;
            out->counts[i].emptied += more[i].emptied;
            out->counts[i].characters_removed += more[i].characters_removed;
        }
    }
}

static assay_status make_cleaners(cleaning_job *job, as_arena *arena, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t w = 0; status == ASSAY_OK && w < job->n_workers; w++)
        status = as_cleaner_new(job->steps, job->where, &job->cleaners[w], error);
    if (status != ASSAY_OK)
        return status;
    job->out->n_steps = as_cleaner_n_steps(job->cleaners[0]);
    job->out->rows = as_arena_alloc_array(arena, job->n_rows, sizeof *job->out->rows);
    job->out->counts = as_arena_alloc_array(arena, job->out->n_steps, sizeof *job->out->counts);
    return job->out->rows && job->out->counts ? ASSAY_OK : no_memory(error);
}

assay_status as_clean_rows(const as_dataset_row *rows, uint32_t n_rows, const json_t *steps,
                           const char *where, int threads, as_cleaned_rows *ret_rows,
                           assay_error *error) {
    as_cleaned_rows out = {0};
    cleaning_job job = {.rows = rows,
                        .n_rows = n_rows,
                        .steps = steps,
                        .where = where,
                        .n_workers = as_worker_count(threads, n_rows),
                        .out = &out};
    as_arena *arena = as_arena_new();
    assay_status status = arena ? make_cleaners(&job, arena, error) : no_memory(error);
    if (status == ASSAY_OK)
        status = as_workers_run(job.n_workers, clean_share, &job, error);
    if (status == ASSAY_OK && out.n_steps > 0)
        add_counts(&job);
    out.names = job.cleaners[0];
    for (size_t w = 1; w < job.n_workers; w++)
        as_cleaner_free(job.cleaners[w]);
    out.own = arena;
    if (status == ASSAY_OK)
        *ret_rows = out;
    else
        as_cleaned_rows_done(&out);
    return status;
}

void as_cleaned_rows_done(as_cleaned_rows *rows) {
    for (size_t w = 0; w < AS_MAX_WORKERS; w++)
        as_arena_free(rows->arenas[w]);
    as_arena_free(rows->own);
    as_cleaner_free(rows->names);
    *rows = (as_cleaned_rows){0};
}
