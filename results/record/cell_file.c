/* SPDX-License-Identifier: MIT */
/* Reads a JSON file of a cell's folder. */
#include "results/record/cell_file.h"

#include <stdlib.h>

#include "base/error.h"

assay_status as_cell_file_read(const as_cell_file *file, const char *folder, void *into,
                               as_arena **ret_arena, json_t **ret_json, assay_error *error) {
    char *path = as_path_join(folder, file->name);
    as_arena *arena = as_arena_new();
    json_t *json = NULL;
    assay_status status;
    if (!path || !arena) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for its %s", file->name);
        goto done;
    }
    if (!as_path_exists(path)) {
        status = as_fail(error, ASSAY_NOT_FOUND, path, "there is none");
        goto done;
    }
    status = as_field_load(path, file->newest, &json, error);
    if (status != ASSAY_OK)
        goto done;
    as_json_reader reader = {.file = path, .arena = arena, .error = error};
    file->read(&reader, json, into);
    status = reader.status;
    if (status != ASSAY_OK)
        goto done;
    *ret_arena = arena;
    *ret_json = json;
    arena = NULL;
    json = NULL;
done:
    json_decref(json);
    as_arena_free(arena);
    free(path);
    return status;
}

assay_status as_cell_file_folder(const as_run *run, const as_record *cell, const char *name,
                                 char **ret_folder, assay_error *error) {
    if (!cell->folder && !cell->cell)
        return as_fail(error, ASSAY_NOT_FOUND, name, "of a cell that did not run");
    char *folder = as_run_cell_folder(run, cell);
    if (!folder)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for its path");
    *ret_folder = folder;
    return ASSAY_OK;
}
