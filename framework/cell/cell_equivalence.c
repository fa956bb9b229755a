/* SPDX-License-Identifier: MIT */
/* The equivalence check of a cell's backend against the reference, into its record. It runs once on
 * a machine for each model, precision, build of the backend and libraries (train/
 * equivalence_cache.h); later cells take its outcome and date from the cache. A check that was not
 * passed is made again each time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/paths.h"
#include "cell/cell.h"
#include "data/batches.h"
#include "train/engine.h"
#include "train/equivalence_cache.h"

enum { EQUIVALENCE_ROWS = 8 };

/* A check, or what is kept of one. */
typedef struct checked {
    as_equivalence found;
    as_checked_at when;
    bool cached;
} checked;

static int32_t rows_of(const as_cell *cell) {
    int32_t batch = cell->spec.entry->training.batch;
    return batch < EQUIVALENCE_ROWS ? batch : EQUIVALENCE_ROWS;
}

static assay_status check_now(as_cell *cell, const assay_backend *reference, checked *c,
                              assay_error *error) {
    as_batches *batches;
    assay_status status = as_batches_new(cell->arena, &cell->data->splits[AS_SPLIT_TEST],
                                         rows_of(cell), &batches, error);
    if (status != ASSAY_OK)
        return status;
    as_batches_shuffle(batches, cell->spec.seed, 0);
    c->when = as_checked_now();
    return as_equivalence_check(cell->engine, reference, as_batches_next(batches), &c->found,
                                error);
}

static assay_status key_of(const as_cell *cell, const as_plugin *reference, as_sha256_hex *ret_key,
                           assay_error *error) {
    char *options = json_dumps(cell->options ? cell->options : json_null(),
                               JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *weights = cell->weights ? json_dumps(cell->weights, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    const as_equivalence_parts parts = {.engine = cell->engine,
                                        .device = as_engine_device(cell->engine),
                                        .backend = &cell->backend,
                                        .reference = reference,
                                        .model = &cell->model,
                                        .options = options ? options : "",
                                        .weights = weights,
                                        .n_rows = rows_of(cell)};
    assay_status status =
        options ? as_equivalence_key(&parts, ret_key, error)
                : as_fail(error, ASSAY_OUT_OF_MEMORY, "equivalence", "no memory for its key");
    free(options);
    free(weights);
    return status;
}

/* From the cache, or made and put there. */
static assay_status get(as_cell *cell, const as_plugin *plugin, const assay_backend *reference,
                        checked *c, assay_error *error) {
    const char *folder = NULL;
    char why_not[200] = "";
    as_sha256_hex key;
    if (as_cache_folder(cell->arena, NULL, &folder, NULL) != ASSAY_OK)
        return check_now(cell, reference, c, error); /* there is none */
    assay_status status = key_of(cell, plugin, &key, error);
    if (status != ASSAY_OK)
        return status;
    c->cached = as_equivalence_recall(folder, key.text, &c->found, &c->when);
    if (c->cached)
        return ASSAY_OK;
    status = check_now(cell, reference, c, error);
    if (status == ASSAY_OK)
        as_equivalence_remember(folder, key.text, &c->found, &c->when, why_not);
    if (why_not[0])
        fprintf(cell->log, "the equivalence check could not be kept: %s\n", why_not);
    return status;
}

/* "gradients 1e-07 (bound 0.001)"; of a graph that is never trained there are none. */
static void gradients_text(const as_equivalence *found, char *text, size_t size) {
    if (isnan(found->gradient_error))
        snprintf(text, size, "no gradients");
    else
        snprintf(text, size, "gradients %.3g (bound %.3g)", found->gradient_error,
                 found->gradient_bound);
}

static assay_status record(as_cell *cell, const checked *c, assay_error *error) {
    char gradients[80];
    const as_equivalence *found = &c->found;
    const char *when = as_arena_strdup(cell->arena, c->when.text);
    if (!when)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory");
    cell->record->backend.equivalence.checked = 1;
    cell->record->backend.equivalence.passed = found->passed;
    cell->record->backend.equivalence.logits_error = found->logits_error;
    cell->record->backend.equivalence.logits_bound = found->logits_bound;
    cell->record->backend.equivalence.gradient_error = found->gradient_error;
    cell->record->backend.equivalence.gradient_bound = found->gradient_bound;
    cell->record->backend.equivalence.cached = c->cached;
    cell->record->backend.equivalence.checked_at = when;
    gradients_text(found, gradients, sizeof gradients);
    fprintf(cell->log, "equivalence%s: logits %.3g (bound %.3g), %s, checked %s\n",
            c->cached ? " (known)" : "", found->logits_error, found->logits_bound, gradients, when);
    if (!found->passed)
        as_cell_warn(cell,
                     "the backend differs from the reference by, of their scale: logits %.3g "
                     "(bound %.3g), %s",
                     found->logits_error, found->logits_bound, gradients);
    return ASSAY_OK;
}

assay_status as_cell_record_equivalence(as_cell *cell, assay_error *error) {
    as_plugin plugin;
    const assay_backend *reference;
    assay_error missing = ASSAY_ERROR_INIT;
    checked c = {.cached = false};
    if (cell->record->backend.equivalence.checked)
        return ASSAY_OK; /* of a peer, before training */
    if (!cell->engine || cell->data->splits[AS_SPLIT_TEST].n_rows == 0) {
        cell->record->backend.equivalence.reason =
            cell->engine ? "no test texts" : "the model computes by itself";
        return ASSAY_OK;
    }
    as_cell_stage(cell, "equivalence");
    if (as_plugin_load(cell->arena, ASSAY_PLUGIN_KIND_BACKEND, "reference", &plugin, &missing) !=
            ASSAY_OK ||
        as_plugin_backend(&plugin, &reference, &missing) != ASSAY_OK) {
        cell->record->backend.equivalence.reason = as_arena_strdup(cell->arena, missing.text);
        as_cell_warn(cell, "equivalence not checked: %s: %s", missing.where, missing.text);
        return ASSAY_OK;
    }
    assay_status status = get(cell, &plugin, reference, &c, error);
    return status == ASSAY_OK ? record(cell, &c, error) : status;
}
