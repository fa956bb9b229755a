/* SPDX-License-Identifier: MIT */
/* cell/run_work.h: a run at work: what run.c, run_group.c and run_peers.c share. */
#ifndef AS_CELL_RUN_WORK_H
#define AS_CELL_RUN_WORK_H

#include "cell/process.h"
#include "cell/run.h"
#include "cell/run_folder.h"
#include "results/record/same.h"

typedef struct as_run_work {
    as_arena *arena;
    const as_suite *suite;
    const as_run_options *options;
    const as_run_listener *listener;
    const as_cell_spec *cells;
    size_t n_cells;
    const size_t *groups; /* [n_cells] first cell of each one's group; NULL: none takes turns */
    as_answers *answers;  /* [n_cells] of those that are done */
    as_run_folder folder;
    as_run_event event; /* of the cell at work */
    as_run_summary summary;
} as_run_work;

typedef struct as_cell_paths {
    char *final, *work, *log;
} as_cell_paths;

/* Tells the listener, if there is one, of r->event. */
void as_run_tell(as_run_work *r, as_run_event_kind kind);
/* A cell begins; it has ended, which is counted. */
void as_run_begin_cell(as_run_work *r, size_t i);
void as_run_end_cell(as_run_work *r, size_t i, const as_cell_outcome *outcome);

/* Also makes the folder that the cell works in. `paths` is to be freed in any case. */
ASSAY_MUST_USE assay_status as_cell_paths_make(const as_run_work *r, const char *name,
                                               as_cell_paths *paths, assay_error *error);
void as_cell_paths_free(as_cell_paths *paths);

/* How a cell's process is started; everything is the arena's or the paths'. */
ASSAY_MUST_USE assay_status as_run_process_config(const as_run_work *r, const as_cell_spec *spec,
                                                  const as_cell_paths *paths, as_cell_mode mode,
                                                  as_process_config *ret_config,
                                                  assay_error *error);
/* How a process ended, with the log line that tells why. */
void as_run_failure_reason(const as_process_config *config, const as_process_result *result,
                           char *reason, size_t size);
/* A record for a cell that could not write its own. */
ASSAY_MUST_USE assay_status as_run_write_failed(const as_run_work *r, const as_cell_spec *spec,
                                                const char *folder, as_cell_status outcome,
                                                const char *reason, assay_error *error);
/* Takes over what a cell's process left when it ended: the outcome, the folder in its place, the
 * note in run.json. Stopped by a signal: summary.stop_signal, and nothing stays. */
ASSAY_MUST_USE assay_status as_run_conclude(as_run_work *r, size_t i, const as_cell_paths *paths,
                                            const as_process_config *config,
                                            const as_process_result *result,
                                            as_cell_outcome *outcome, assay_error *error);
ASSAY_MUST_USE assay_status as_run_put_in_place(as_run_work *r, size_t i,
                                                const as_cell_paths *paths,
                                                as_cell_outcome *outcome, assay_error *error);

/* ---- run_same.c ------------------------------------------------------------------------------ */

/* Reads what the cells predict that an earlier run has done. */
ASSAY_MUST_USE assay_status as_run_same_begin(as_run_work *r, const bool *keep, assay_error *error);
/* A cell that has ended beside those before it: outcome->same_as, and the list in run.json, which
 * the next note writes. */
ASSAY_MUST_USE assay_status as_run_same_note(as_run_work *r, size_t i, const as_cell_paths *paths,
                                             as_cell_outcome *outcome, assay_error *error);

/* ---- run_group.c ----------------------------------------------------------------------------- */

/* r->groups, where the run is to be interleaved. LIMIT: a group is too large. */
ASSAY_MUST_USE assay_status as_run_find_groups(as_run_work *r, assay_error *error);
/* Runs all cells of a group, from the first to the last, in turns. */
ASSAY_MUST_USE assay_status as_run_group(as_run_work *r, size_t group, assay_error *error);

/* ---- run_peers.c ----------------------------------------------------------------------------- */

/* Sees to it that a peer finds the weights that it starts from. *ret_ready false: it cannot, and
 * its record and outcome say so. */
ASSAY_MUST_USE assay_status as_run_hand_out(as_run_work *r, size_t i, const as_cell_paths *paths,
                                            bool *ret_ready, as_cell_outcome *outcome,
                                            assay_error *error);
/* At the end of the run. */
void as_run_remove_handouts(const as_run_work *r);

#endif
