/* SPDX-License-Identifier: MIT */
/* Reads a run's folder: run.json names the cells in the suite's order, each cell's folder holds its
 * record. The parent process wrote run.json and may know of a failure that the cell could not
 * record (a crash, a time-out), so run.json's status stands above the record's. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/json_reader.h"
#include "results/record/record.h"

enum { MAX_CELLS = 100000 };

/* A cell's name is its folder's: no separators, no dots in front. */
static bool safe_name(const char *name) {
    return name && *name && *name != '.' && strlen(name) < 256 && !strpbrk(name, "/\\");
}

/* How a run's cells are read. */
typedef struct cell_reading {
    const char *run; /* its folder */
    int with_raw;
    const as_run_filter *filter;
    const char **folders; /* [n_cells] their names before the filter; NULL where there is none */
} cell_reading;

static assay_status read_cell(as_json_reader *r, const json_t *cell, const cell_reading *how,
                              const char *name, as_record **ret_record) {
    const char *shown = as_field_text(r, cell, "name"),
               *status_name = as_field_text(r, cell, "status");
    const char *entry = as_field_text(r, cell, "entry"), *reason = as_field_text(r, cell, "reason");
    const char *backend = as_field_text(r, cell, "backend"),
               *dtype = as_field_text(r, cell, "dtype");
    int64_t seed = as_field_count(r, cell, "seed");
    if (!safe_name(name))
        as_field_fail(r, ASSAY_BAD_DATA, "name", "must be the name of a folder in cells/");
    if (!entry || !backend || !dtype || seed < 0)
        as_field_fail(r, ASSAY_BAD_DATA, "entry", "entry, backend, dtype and seed must be there");
    as_cell_status status = AS_CELL_OK;
    bool pending = !status_name || strcmp(status_name, "pending") == 0;
    if (!pending && !as_cell_status_parse(status_name, &status))
        as_field_fail(r, ASSAY_BAD_DATA, "status",
                      "is \"%s\"; must be ok, failed, skipped, diverged or pending", status_name);
    if (r->status != ASSAY_OK)
        return r->status;
    char *cell_folder = NULL, *result = NULL;
    as_record *record = NULL;
    if (asprintf(&cell_folder, "%s/cells/%s", how->run, name) < 0 ||
        asprintf(&result, "%s/result.json", cell_folder) < 0) {
        as_field_fail(r, ASSAY_OUT_OF_MEMORY, "name", "no memory for a path");
        goto done;
    }
    bool exists = as_path_exists(result);
    r->status = exists
                    ? as_record_read_as(cell_folder, how->with_raw, how->filter, &record, r->error)
                    : as_record_new(&record, r->error);
    if (r->status != ASSAY_OK)
        goto done;
    if (exists && (strcmp(record->entry, entry) != 0 || record->seed != (uint64_t)seed)) {
        as_field_fail(r, ASSAY_BAD_DATA, "name", "%s holds the record of another cell", result);
        goto done;
    }
    if (!exists && (pending || status == AS_CELL_OK)) {
        reason = status == AS_CELL_OK && !pending ? "its result.json is missing" : "not run";
        status = AS_CELL_FAILED;
        record->pending = pending;
    } else if (pending) {
        status = record->status;
    }
    record->entry = entry;
    record->dtype = dtype;
    record->cell = shown;
    record->folder = name;
    record->seed = (uint64_t)seed;
    if (!record->backend.id)
        record->backend.id = backend;
    if (status != record->status || !record->reason)
        record->reason = reason;
    record->status = status;
    *ret_record = record;
    record = NULL;
done:
    as_record_free(record);
    free(cell_folder);
    free(result);
    return r->status;
}

/* The cells' names as they stand in run.json. */
static void keep_folders(as_json_reader *r, const json_t *cells, size_t n, cell_reading *how) {
    how->folders = as_field_alloc(r, n, sizeof *how->folders, "cells");
    if (!how->folders)
        return;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(cells, i), "name"));
        how->folders[i] = name ? as_arena_strdup(r->arena, name) : NULL;
    }
}

static assay_status read_cells(as_json_reader *r, as_run *run, cell_reading *how) {
    size_t n = 0;
    const json_t *cells = as_field_array(r, run->json, "cells", MAX_CELLS, &n);
    if (n == 0)
        as_field_fail(r, ASSAY_BAD_DATA, "cells", "must have at least one cell");
    run->cells = r->status == ASSAY_OK ? as_field_alloc(r, n, sizeof *run->cells, "cells") : NULL;
    if (r->status == ASSAY_OK)
        keep_folders(r, cells, n, how);
    if (r->status == ASSAY_OK && how->filter)
        r->status = as_filter_texts(how->filter, run->json, r->file, r->error);
    for (size_t i = 0; i < n && r->status == ASSAY_OK; i++) {
        const json_t *cell = as_field_enter_item(r, cells, "cells", i);
        if (cell && read_cell(r, cell, how, how->folders[i], &run->cells[i]) == ASSAY_OK)
            run->n_cells = i + 1;
        as_field_leave(r);
    }
    return r->status;
}

/* Without slashes at the end, but "/" itself. */
static size_t folder_length(const char *folder) {
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return n;
}

assay_status as_run_read(const char *folder, int with_raw, as_run **ret_run, assay_error *error) {
    return as_run_read_as(folder, with_raw, NULL, ret_run, error);
}

assay_status as_run_read_as(const char *folder, int with_raw, const as_run_filter *filter,
                            as_run **ret_run, assay_error *error) {
    char *path = as_path_join(folder, "run.json");
    as_run *run = calloc(1, sizeof *run);
    assay_status status = ASSAY_OK;
    if (!path || !run || !(run->arena = as_arena_new()) ||
        !(run->folder = as_arena_strndup(run->arena, folder, folder_length(folder)))) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a run");
        goto fail;
    }
    if (!as_path_exists(path)) {
        status = as_fail(error, ASSAY_NOT_FOUND, folder,
                         "holds no run.json; give the folder that assay run printed");
        goto fail;
    }
    status = as_field_load(path, AS_RUN_SCHEMA_VERSION, &run->json, error);
    if (status != ASSAY_OK)
        goto fail;
    as_json_reader reader = {.file = path, .arena = run->arena, .error = error};
    run->suite = as_field_object(&reader, run->json, "suite");
    if (!run->suite)
        as_field_fail(&reader, ASSAY_BAD_DATA, "suite", "must be the suite as run, an object");
    cell_reading how = {.run = run->folder, .with_raw = with_raw, .filter = filter};
    status = read_cells(&reader, run, &how);
    if (status == ASSAY_OK && filter &&
        !(run->name = filter->replace(filter->context, as_run_name(run))))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for its name");
    if (status != ASSAY_OK)
        goto fail;
    free(path);
    *ret_run = run;
    return ASSAY_OK;
fail:
    free(path);
    as_run_free(run);
    return status;
}

const char *as_run_name(const as_run *run) {
    const char *slash = strrchr(run->folder, '/');
    return run->name ? run->name : slash ? slash + 1 : run->folder;
}

char *as_run_cell_folder(const as_run *run, const as_record *cell) {
    const char *name = cell->folder ? cell->folder : cell->cell;
    char *path = NULL;
    if (!name || asprintf(&path, "%s/cells/%s", run->folder, name) < 0)
        return NULL;
    return path;
}

void as_run_free(as_run *run) {
    if (!run)
        return;
    for (size_t i = 0; i < run->n_cells; i++)
        as_record_free(run->cells[i]);
    json_decref(run->json);
    as_arena_free(run->arena);
    free(run);
}
