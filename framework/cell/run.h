/* SPDX-License-Identifier: MIT */
/* cell/run.h: runs a suite's cells one after the other, each in a process of its own, into a run
 * folder, and takes up a folder that was left unfinished.
 *
 *     RUN/run.json      suite as run and its SHA-256, cells with their status, how it was started
 *     RUN/SHA256SUMS    of run.json and every file of a cell; only while the run is complete
 *     RUN/cells/NAME/   a finished cell; it appears whole, by one rename
 *     RUN/cells/.NAME.tmp-PID/   a cell at work, removed by the next run when it was killed
 *     RUN/cells/.NAME.state.safetensors   its training as last saved, from which --resume goes on;
 *                     removed when the cell is done, kept while it is failed (timed out, killed)
 *
 * The library prints nothing: who shows progress gets events. */
#ifndef AS_CELL_RUN_H
#define AS_CELL_RUN_H

#include "cell/progress.h"
#include "cell/suite.h"
#include "results/record/record.h"

/* Exit status of a cell's process whose data cannot be had: no other cell could do better. */
enum { AS_CELL_EXIT_BAD_DATA = 65 };

typedef struct as_run_options {
    const char *program;         /* path of this program; run again as `PROGRAM cell RUN NAME` */
    const char *folder;          /* NULL: runs/SUITE-N, the first free (resume: last taken) N */
    const char *data_dir;        /* NULL: the usual place */
    bool resume;                 /* go on where the folder was left */
    int32_t threads;             /* 0: all processors of this process */
    uint64_t memory_limit_bytes; /* 0: none */
    double timeout_seconds;      /* per cell; 0: none */
    bool profile;                /* each cell leaves a profile of its model */
    bool interleave;             /* cells that are compared are measured in blocks in turn */
    const char *const *command;  /* command line for run.json, [n_command] */
    size_t n_command;
} as_run_options;

/* One finished cell, as a line of progress shows it. */
typedef struct as_cell_outcome {
    as_cell_status status;
    const char *reason;  /* NULL when ok */
    double accuracy;     /* test, of a grid's point validation; NaN: none */
    double p50_ms;       /* NaN: not measured */
    double seconds;      /* of the whole process */
    const char *same_as; /* an entry that predicts the same class for every test text; NULL */
} as_cell_outcome;

typedef enum as_run_event_kind {
    AS_RUN_BEGIN,    /* folder known */
    AS_RUN_CELL,     /* a cell starts */
    AS_RUN_PROGRESS, /* it says where it stands */
    AS_RUN_TICK,     /* nothing new for a while */
    AS_RUN_FINISHED, /* a cell has ended */
} as_run_event_kind;

typedef struct as_run_event {
    as_run_event_kind kind;
    const char *folder;
    size_t cell, n_cells, n_done; /* cells finished before, those of earlier runs included */
    size_t n_to_run;              /* cells that this run set out to run */
    size_t n_repeated;            /* of them done before: others of their group were not */
    const as_cell_spec *spec;     /* of the cell, = &cells[cell] */
    const as_cell_spec *cells;    /* [n_cells] */
    const bool *kept;             /* [n_cells] finished by an earlier run */
    const as_cell_progress *progress;
    const as_cell_outcome *outcome;
} as_run_event;

typedef struct as_run_listener {
    void *context;
    void (*on_event)(void *context, const as_run_event *event);
} as_run_listener;

typedef struct as_run_summary {
    const char *folder; /* in the arena; NULL when the folder could not be had */
    size_t n_cells, n_ok, n_failed, n_skipped, n_diverged, n_not_run;
    size_t n_repeated; /* done before, but measured again with others of their group */
    int stop_signal;   /* not 0: stopped by it before the end */
} as_run_summary;

/* [main] Runs what is missing. A status other than ASSAY_OK: nothing ran, or the folder can no
 * longer be written; failed cells are no error here but counted. */
ASSAY_MUST_USE assay_status as_run_suite(as_arena *arena, const as_suite *suite,
                                         const as_run_options *options,
                                         const as_run_listener *listener,
                                         as_run_summary *ret_summary, assay_error *error);

/* [any] What is known of a cell's record before it begins. */
void as_cell_identify(as_record *record, const as_suite *suite, const as_cell_spec *spec,
                      int32_t threads);

/* What a cell's process is started for. */
typedef enum as_cell_mode {
    AS_CELL_WHOLE,    /* everything, by itself */
    AS_CELL_IN_TURN,  /* the timed part in blocks, when the parent says so (cell/progress.h) */
    AS_CELL_HAND_OUT, /* the initial weights and some logits, for its peers */
} as_cell_mode;

/* [cell] The process of one cell: works in the folder `work`, where result.json appears last. The
 * record's status says how it went; a status other than ASSAY_OK means that no record could be
 * written. `log` gets a few lines for people. */
ASSAY_MUST_USE assay_status as_cell_main(const char *run_folder, const char *cell_name,
                                         const char *work, as_cell_mode mode, FILE *log,
                                         assay_error *error);

#endif
