/* SPDX-License-Identifier: MIT */
/* Peers: programs that do what another entry of the suite does. They start from the very weights
 * that the entry's cells start from, and before anything is timed their logits are held against its
 * own: another computation would be compared as if it were the same.
 *
 * Hand-out, a process of its own before the first peer (run_peers.c):
 *
 *     RUN/cells/.ENTRY__sSEED.tmp-handout/
 *         model.safetensors   the entry's parameters, loaded or drawn from the seed
 *         config.json         transformers', or assay's own for models that transformers has not
 *         logits.json         of a few test texts in f32, and how far a precision may be off:
 *                             as_equivalence_logits_bound */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cell/cell.h"
#include "cell/run_folder.h"
#include "train/engine.h"
#include "train/export.h"

enum { CHECKED_ROWS = 8 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "peer", "no memory");
}

/* ---- the texts that are compared ------------------------------------------------------------- */

/* Spread over the test split; returns how many. */
static uint32_t checked_rows(const as_split_rows *test, as_row *rows) {
    uint32_t n = test->n_rows < CHECKED_ROWS ? test->n_rows : CHECKED_ROWS;
    for (uint32_t i = 0; i < n; i++)
        rows[i] = test->rows[(uint64_t)i * test->n_rows / n];
    return n;
}

/* Their logits [n_rows, n_classes], in one batch or in as many as the model needs. */
static assay_status predict(as_cell *cell, const as_row *rows, uint32_t n_rows, double *logits,
                            assay_error *error) {
    as_split_rows part = cell->data->splits[AS_SPLIT_TEST];
    int32_t most = as_cell_max_rows(cell);
    part.rows = rows;
    part.n_rows = n_rows;
    return as_evaluate(cell->trainee, &part, most < CHECKED_ROWS ? most : CHECKED_ROWS, logits,
                       NULL, error);
}

/* ---- handing out ----------------------------------------------------------------------------- */

static json_t *own_config(const as_cell *cell) {
    return json_pack("{s:s, s:i, s:s, s:s, s:O, s:i, s:I, s:I}", "format", "assay-model", "version",
                     1, "model", cell->model.descriptor->id, "model_version",
                     cell->model.descriptor->version, "options", cell->options, "n_classes",
                     (int)cell->config.n_classes, "vocab_size", (json_int_t)cell->config.vocab_size,
                     "max_tokens", (json_int_t)cell->config.max_tokens);
}

static assay_status write_config(const as_cell *cell, assay_error *error) {
    const as_export_source source = {.name = cell->spec.name,
                                     .model_id = cell->model.descriptor->id,
                                     .model_version = cell->model.descriptor->version,
                                     .dtype = cell->spec.dtype,
                                     .options = cell->options,
                                     .labels = cell->data->labels,
                                     .n_classes = cell->config.n_classes,
                                     .vocab_size = cell->config.vocab_size,
                                     .max_tokens = cell->config.max_tokens};
    json_t *config = as_export_transformers_config(&source);
    return as_export_json(cell->work, "config.json", config ? config : own_config(cell), error);
}

/* Parameters that are the model's own. */
static uint32_t count_tensors(const assay_graph_view *view) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        n += !view->parameters[i].values;
    return n;
}

static assay_status write_logits(as_cell *cell, assay_error *error) {
    as_row rows[CHECKED_ROWS];
    uint32_t n = checked_rows(&cell->data->splits[AS_SPLIT_TEST], rows);
    size_t n_classes = (size_t)cell->config.n_classes;
    const assay_graph_view *view = as_graph_view(cell->graph);
    double *logits = calloc(CHECKED_ROWS * n_classes, sizeof *logits);
    json_t *list = json_array();
    assay_status status = logits && list ? predict(cell, rows, n, logits, error) : no_memory(error);
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++) {
        json_t *values = json_array();
        for (size_t k = 0; k < n_classes; k++)
            json_array_append_new(values, json_real(logits[i * n_classes + k]));
        json_array_append_new(
            list, json_pack("{s:I, s:o}", "row", (json_int_t)rows[i].index, "logits", values));
    }
    if (status == ASSAY_OK)
        status =
            as_export_json(cell->work, "logits.json",
                           json_pack("{s:O, s:I, s:{s:f, s:f}}", "rows", list, "tensors",
                                     (json_int_t)count_tensors(view), "bounds", "f32",
                                     as_equivalence_logits_bound(ASSAY_DTYPE_F32, view), "bf16",
                                     as_equivalence_logits_bound(ASSAY_DTYPE_BF16, view)),
                           error);
    json_decref(list);
    free(logits);
    return status;
}

assay_status as_cell_hand_out(as_cell *cell, assay_error *error) {
    char *path = as_path_join(cell->work, "model.safetensors");
    json_t *metadata = json_pack("{s:s}", "format", "pt");
    as_cell_stage(cell, "hand out");
    assay_status status =
        !path || !metadata ? no_memory(error)
        : cell->engine
            ? as_cell_save_weights(cell, path, metadata, error)
            : as_fail(error, ASSAY_UNSUPPORTED, cell->spec.entry->where,
                      "the model \"%s\" is not a graph model: it has no weights to hand out",
                      cell->spec.entry->model);
    if (status == ASSAY_OK)
        status = write_config(cell, error);
    if (status == ASSAY_OK)
        status = write_logits(cell, error);
    json_decref(metadata);
    free(path);
    return status;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static char *handed_out(const as_cell *cell, const char *name) {
    char *folder =
        as_run_handout_path(cell->run_folder, cell->spec.entry->peer.of, cell->spec.seed);
    char *path = folder ? as_path_join(folder, name) : NULL;
    free(folder);
    return path;
}

static bool has_option(const assay_plugin *descriptor, const char *name) {
    for (uint64_t i = 0; i < descriptor->n_options; i++)
        if (strcmp(descriptor->options[i].name, name) == 0)
            return true;
    return false;
}

/* What the record says of the weights, in place of a path that is gone after the run. */
static assay_status describe(as_cell *cell, assay_error *error) {
    as_sha256_hex hex;
    json_t *file = NULL;
    char *weights = handed_out(cell, "model.safetensors"),
         *logits = handed_out(cell, "logits.json");
    assay_status status =
        weights && logits ? as_sha256_file(weights, &hex, error) : no_memory(error);
    if (status == ASSAY_OK)
        status = as_json_load(logits, &file, error);
    if (status == ASSAY_OK)
        cell->weights =
            json_pack("{s:s+, s:[{s:s, s:s}], s:I, s:[], s:[], s:[]}", "name", "entry ",
                      cell->spec.entry->peer.of, "files", "path", "model.safetensors", "sha256",
                      hex.text, "loaded", json_integer_value(json_object_get(file, "tensors")),
                      "drawn", "unused", "ignored");
    if (status == ASSAY_OK && !cell->weights)
        status = no_memory(error);
    json_decref(file);
    free(weights);
    free(logits);
    return status;
}

assay_status as_cell_peer_options(as_cell *cell, json_t *options, assay_error *error) {
    const char *given = json_string_value(json_object_get(options, "weights"));
    if (!has_option(cell->model.descriptor, "weights") || (given && *given))
        return ASSAY_OK;
    char *folder =
        as_run_handout_path(cell->run_folder, cell->spec.entry->peer.of, cell->spec.seed);
    assay_status status =
        folder && json_object_set_new(options, "weights", json_string(folder)) == 0
            ? describe(cell, error)
            : no_memory(error);
    free(folder);
    return status;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* The logits of the same rows in the same order, else BAD_DATA. */
static assay_status read_logits(const as_cell *cell, json_t *file, const as_row *rows, uint32_t n,
                                double *logits, assay_error *error) {
    json_t *list = json_object_get(file, "rows");
    size_t n_classes = (size_t)cell->config.n_classes;
    bool good = json_array_size(list) == n;
    for (uint32_t i = 0; good && i < n; i++) {
        const json_t *one = json_array_get(list, i), *values = json_object_get(one, "logits");
        good = json_integer_value(json_object_get(one, "row")) == (json_int_t)rows[i].index &&
               json_array_size(values) == n_classes;
        for (size_t k = 0; good && k < n_classes; k++)
            logits[i * n_classes + k] = json_number_value(json_array_get(values, k));
    }
    if (good)
        return ASSAY_OK;
    return as_fail(error, ASSAY_BAD_DATA, cell->spec.entry->where,
                   "its texts or classes are not those of the entry \"%s\"; give both the same "
                   "tokenizer and max_tokens",
                   cell->spec.entry->peer.of);
}

/* max |x - y| / max |y|; infinite where that isn't a number. */
static double logits_error(const double *x, const double *y, size_t n) {
    double most = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i] - y[i]))
            return INFINITY;
        most = fmax(most, fabs(x[i] - y[i]));
        scale = fmax(scale, fabs(y[i]));
    }
    return most == 0 ? 0 : scale > 0 ? most / scale : INFINITY;
}

static assay_status judge(as_cell *cell, uint32_t n_rows, double found, double bound,
                          assay_error *error) {
    const as_peer *peer = &cell->spec.entry->peer;
    char text[200];
    snprintf(text, sizeof text, "logits of %u test texts against %.60s in f32, before training",
             (unsigned)n_rows, peer->of);
    as_record *record = cell->record;
    record->backend.equivalence.checked = 1;
    record->backend.equivalence.passed = found <= bound;
    record->backend.equivalence.logits_error = found;
    record->backend.equivalence.logits_bound = bound;
    record->backend.equivalence.reason = as_arena_strdup(cell->arena, text);
    fprintf(cell->log, "%s: %.3g (bound %.3g)\n", text, found, bound);
    if (found <= bound)
        return ASSAY_OK;
    return as_fail(error, ASSAY_BAD_DATA, cell->spec.entry->name,
                   "its logits differ from those of \"%s\" by %.3g of their scale (bound of %s: "
                   "%.3g): another computation, so it is not measured",
                   peer->of, found, peer->dtype, bound);
}

assay_status as_cell_check_peer(as_cell *cell, assay_error *error) {
    as_row rows[CHECKED_ROWS];
    uint32_t n = checked_rows(&cell->data->splits[AS_SPLIT_TEST], rows);
    size_t n_logits = (size_t)n * (size_t)cell->config.n_classes;
    double *x = calloc(2 * n_logits + 1, sizeof *x), *y = x ? x + n_logits : NULL;
    char *path = handed_out(cell, "logits.json");
    json_t *file = NULL;
    assay_status status = x && path ? as_json_load(path, &file, error) : no_memory(error);
    as_cell_stage(cell, "compare");
    if (status == ASSAY_OK)
        status = read_logits(cell, file, rows, n, y, error);
    if (status == ASSAY_OK)
        status = predict(cell, rows, n, x, error);
    if (status == ASSAY_OK)
        status = judge(cell, n, logits_error(x, y, n_logits),
                       json_number_value(json_object_get(json_object_get(file, "bounds"),
                                                         cell->spec.entry->peer.dtype)),
                       error);
    json_decref(file);
    free(path);
    free(x);
    return status;
}
