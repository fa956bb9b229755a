/* SPDX-License-Identifier: MIT */
/* cell/run_folder.h: a run's folder: claimed by one process at a time, its run.json, its checksums.
 */
#ifndef AS_CELL_RUN_FOLDER_H
#define AS_CELL_RUN_FOLDER_H

#include "cell/run.h"

typedef struct as_run_folder {
    const char *path;
    int lock;     /* descriptor of the folder, locked */
    json_t *json; /* run.json */
    bool fresh;   /* made by this process */
} as_run_folder;

/* [main] Makes the folder, or takes up one that holds the same suite where options->resume. Removes
 * what killed cells left. INVALID_ARGUMENT: the folder holds something else. */
ASSAY_MUST_USE assay_status as_run_folder_open(as_arena *arena, const as_suite *suite,
                                               const as_cell_spec *cells, const size_t *groups,
                                               size_t n_cells, const as_run_options *options,
                                               as_run_folder *ret_folder, assay_error *error);
void as_run_folder_close(as_run_folder *folder);

/* [any] RUN/cells/.NAME.state.safetensors, malloc'ed: where a cell saves its training; NULL when
 * out of memory. */
char *as_run_state_path(const char *folder, const char *cell);

/* [any] RUN/cells/.ENTRY__sSEED.tmp-handout, malloc'ed: what an entry hands out to its peers; NULL
 * when out of memory. */
char *as_run_handout_path(const char *folder, const char *entry, uint64_t seed);

/* [main] Notes what all cells of a group need together while they take turns. */
ASSAY_MUST_USE assay_status as_run_folder_note_group(as_run_folder *folder, size_t group,
                                                     uint64_t resident_bytes, assay_error *error);

/* [main] Threads that the run works with, from run.json. */
int32_t as_run_folder_threads(const as_run_folder *folder);

/* [main] Notes how a cell ended (status NULL: "pending") and writes run.json. */
ASSAY_MUST_USE assay_status as_run_folder_note(as_run_folder *folder, size_t cell,
                                               const char *status, const char *reason,
                                               double seconds, assay_error *error);

/* [main] Removes a folder that this process made, as far as it holds nothing but run.json. */
void as_run_folder_withdraw(as_run_folder *folder);

/* [main] Writes SHA256SUMS. */
ASSAY_MUST_USE assay_status as_run_folder_seal(as_run_folder *folder, assay_error *error);

#endif
