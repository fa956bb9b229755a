/* SPDX-License-Identifier: MIT */
/* Watches for cells whose models predict the same class for every test text, as each one ends
 * (results/record/same.h). */
#include <stdlib.h>

#include "base/error.h"
#include "cell/run_work.h"

/* What the cell in `folder` predicts; none where it isn't ok, or has rows that cannot be read,
 * which is assay verify's to tell. */
static assay_status read_answers(as_run_work *r, size_t i, const char *folder, assay_error *error) {
    as_record *record = NULL;
    assay_error unreadable = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_OK;
    if (as_record_read(folder, AS_RAW_ANSWERS, &record, &unreadable) == ASSAY_OK &&
        record->status == AS_CELL_OK)
        status = as_answers_of(r->arena, record, &r->answers[i], error);
    as_record_free(record);
    return status;
}

static assay_status set_pairs(as_run_work *r, assay_error *error) {
    json_t *pairs = as_answers_pairs(r->answers, r->n_cells);
    return pairs && json_object_set_new(r->folder.json, "same_predictions", pairs) == 0
               ? ASSAY_OK
               : as_fail(error, ASSAY_OUT_OF_MEMORY, "run.json", "no memory for its pairs");
}

assay_status as_run_same_begin(as_run_work *r, const bool *keep, assay_error *error) {
    r->answers = as_arena_alloc_array(r->arena, r->n_cells, sizeof *r->answers);
    assay_status status =
        r->answers ? ASSAY_OK : as_fail(error, ASSAY_OUT_OF_MEMORY, "run", "no memory");
    for (size_t i = 0; i < r->n_cells && status == ASSAY_OK; i++) {
        char *path = NULL;
        if (!keep[i])
            continue;
        if (asprintf(&path, "%s/cells/%s", r->folder.path, r->cells[i].name) < 0)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, "run", "no memory for a path");
        status = read_answers(r, i, path, error);
        free(path);
    }
    return status == ASSAY_OK ? set_pairs(r, error) : status;
}

assay_status as_run_same_note(as_run_work *r, size_t i, const as_cell_paths *paths,
                              as_cell_outcome *outcome, assay_error *error) {
    r->answers[i] = (as_answers){0};
    assay_status status = outcome->status == AS_CELL_OK && r->suite->measure_scores
                              ? read_answers(r, i, paths->work, error)
                              : ASSAY_OK;
    for (size_t k = 0; status == ASSAY_OK && r->answers[i].cell && k < r->n_cells; k++)
        if (k != i && r->answers[k].cell && as_answers_same(&r->answers[i], &r->answers[k]))
            outcome->same_as = r->answers[k].entry;
    return status == ASSAY_OK ? set_pairs(r, error) : status;
}
