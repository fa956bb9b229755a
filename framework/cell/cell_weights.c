/* SPDX-License-Identifier: MIT */
/* Pretrained weights of an entry: found by name or path, loaded by the parameters' names. What the
 * file lacked or had too much is a warning of the record. */
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "cell/suite_check.h"
#include "train/weights.h"

/* Warns of a list; the names that fit are named. */
static void warn_of(as_cell *cell, const as_name_list *list, const char *path, const char *what) {
    char names[320] = "";
    size_t used = 0, i = 0;
    for (; i < list->n && used + strlen(list->names[i]) + 8 < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 list->names[i]);
    if (list->n)
        as_cell_warn(cell, "weights %.100s: %zu %s: %s%s", path, list->n, what, names,
                     i < list->n ? ", ..." : "");
}

static json_t *names_json(const as_name_list *list) {
    json_t *names = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(names, json_string(list->names[i]));
    return names;
}

/* Which files, and what became of their tensors. */
static assay_status describe(as_cell *cell, const as_weights *weights,
                             const as_weights_result *result, assay_error *error) {
    json_t *files = json_array();
    const char *path;
    for (size_t i = 0; (path = as_weights_file(weights, i)); i++) {
        as_sha256_hex hex;
        assay_status status = as_sha256_file(path, &hex, error);
        if (status != ASSAY_OK) {
            json_decref(files);
            return status;
        }
        json_array_append_new(files, json_pack("{s:s, s:s}", "path", path, "sha256", hex.text));
    }
    cell->weights = json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "name", cell->spec.entry->weights,
                              "files", files, "loaded", (json_int_t)result->loaded.n, "drawn",
                              names_json(&result->drawn), "unused", names_json(&result->unused),
                              "ignored", names_json(&result->ignored));
    if (!cell->weights)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory for the weights' names");
    return ASSAY_OK;
}

assay_status as_cell_load_weights(as_cell *cell, assay_error *error) {
    const char *path = NULL;
    as_weights *weights = NULL;
    as_weights_result result;
    assay_status status =
        as_entry_weights_path(cell->arena, cell->spec.entry, cell->data_dir, &path, error);
    if (status == ASSAY_OK)
        status = as_weights_open(cell->arena, path, &weights, error);
    if (status == ASSAY_OK)
        status = as_weights_load(cell->arena, weights, cell->engine, cell->model.descriptor->id,
                                 cell->spec.seed, &result, error);
    if (status == ASSAY_OK)
        status = describe(cell, weights, &result, error);
    as_weights_close(weights);
    if (status != ASSAY_OK)
        return status;
    warn_of(cell, &result.drawn, path, "parameters are not in it and start anew");
    warn_of(cell, &result.unused, path, "of its tensors have no place in the model");
    fprintf(cell->log, "weights: %zu tensors of %s loaded, %zu drawn, %zu unused, %zu ignored\n",
            result.loaded.n, path, result.drawn.n, result.unused.n, result.ignored.n);
    return ASSAY_OK;
}
