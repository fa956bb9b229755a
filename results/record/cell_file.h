/* SPDX-License-Identifier: MIT */
/* results/record/cell_file.h: reading one of the JSON files that may lie beside a cell's record
 * (profile.json, graph.json, attention.json). */
#ifndef AS_RESULTS_CELL_FILE_H
#define AS_RESULTS_CELL_FILE_H

#include "results/record/json_reader.h"
#include "results/record/record.h"

typedef struct as_cell_file {
    const char *name; /* in the cell's folder */
    int newest;       /* schema_version that is read, from 1 */
    /* Fills `into`, whose memory is the reader's arena and the JSON itself. */
    void (*read)(as_json_reader *r, const json_t *root, void *into);
} as_cell_file;

/* [any] Reads the file of a cell's folder into `into`. What that then points to lies in *ret_arena
 * and *ret_json, the caller's to free after it; after a failure `into` points to nothing of use.
 * NOT_FOUND: there is no such file; else the errors of as_field_load and of `read`. */
ASSAY_MUST_USE assay_status as_cell_file_read(const as_cell_file *file, const char *folder,
                                              void *into, as_arena **ret_arena, json_t **ret_json,
                                              assay_error *error);

/* [any] The folder of a run's cell, to read file `name` there; the caller frees it. NOT_FOUND: the
 * cell did not run. */
ASSAY_MUST_USE assay_status as_cell_file_folder(const as_run *run, const as_record *cell,
                                                const char *name, char **ret_folder,
                                                assay_error *error);

#endif
