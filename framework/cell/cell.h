/* SPDX-License-Identifier: MIT */
/* cell/cell.h: inside one cell's process: what it has made so far, from run.json to the record.
 * Private to cell*.c. */
#ifndef AS_CELL_CELL_H
#define AS_CELL_CELL_H

#include "cell/run.h"
#include "measure/environment.h"
#include "measure/scenarios.h"
#include "train/frozen_features.h"

/* The saved training state, and what was before this process went on from one. */
typedef struct as_cell_state {
    char *path;
    as_state_fact facts[AS_STATE_MAX_FACTS];
    size_t n_facts;
    as_train_saver saver;
    as_energy energy;       /* of training in this process */
    double joules;          /* of training before */
    int64_t peak_rss_bytes; /* before */
} as_cell_state;

typedef struct as_cell {
    as_arena *arena;
    FILE *log;
    const char *work; /* folder of the record */
    int progress;     /* descriptor, -1: nobody listens */
    /* from run.json */
    json_t *run;
    as_suite *suite;
    as_cell_spec spec;
    const char *data_dir;
    int32_t threads;
    /* plugins */
    as_plugin model, backend; /* backend.descriptor NULL: the model's own */
    const assay_model_graph *graph_model;
    const assay_model_opaque *opaque_model;
    const assay_backend *device;
    assay_model_config config;
    json_t *options;  /* of the model, all of them */
    json_t *weights;  /* for the record; NULL: drawn */
    json_t *strategy; /* for the record; NULL: all is trained at one rate */
    as_graph_options graph_options;
    /* work */
    bool data_failed; /* the data cannot be had, whatever the model */
    as_prepared *data;
    as_phases *phases;        /* a graph model's graphs; NULL: an opaque model */
    const assay_graph *graph; /* of epoch 1, the phases' */
    as_engine *engine;
    as_trainee *trainee;
    as_features *features; /* of a frozen part, on which the head is trained; NULL */
    as_train_result trained;
    double joules; /* of training; NaN: the machine doesn't tell */
    as_file_writer steps;
    as_cell_state state;
    as_record *record;
} as_cell;

/* [cell] Plugins, data, graph, engine: everything before the first step. */
ASSAY_MUST_USE assay_status as_cell_prepare(as_cell *cell, assay_error *error);
void as_cell_free(as_cell *cell);
/* [cell] Every parameter from the entry's weights, or drawn where they may lack it. */
ASSAY_MUST_USE assay_status as_cell_load_weights(as_cell *cell, assay_error *error);

/* [cell] cell_save.c: the weights as they are now and the tokenizer, where the suite keeps them. */
ASSAY_MUST_USE assay_status as_cell_save(as_cell *cell, assay_error *error);

/* ---- cell_state.c ---------------------------------------------------------------------------- */

/* [cell] Saves and resumes the training; *ret_saver is left alone where that is not wanted or the
 * model can't. */
ASSAY_MUST_USE assay_status as_cell_saver(as_cell *cell, const as_train_saver **ret_saver,
                                          assay_error *error);
/* [cell] Of training, and of the process, what was before it went on included. */
double as_cell_joules(as_cell *cell);
int64_t as_cell_peak_rss_bytes(const as_cell *cell);

/* [cell] Tells the parent which stage begins. */
void as_cell_stage(const as_cell *cell, const char *stage);
/* [cell] Progress of the trainer and of scenarios, to the parent. */
void as_cell_on_progress(void *cell, const as_train_progress *progress);

/* ---- cell_record.c: into the record ---------------------------------------------------------- */

/* [cell] What is known before training: plugins, data, settings, machine. */
ASSAY_MUST_USE assay_status as_cell_record_setup(as_cell *cell, assay_error *error);
ASSAY_MUST_USE assay_status as_cell_record_training(as_cell *cell, assay_error *error);
/* [cell] Predicts validation and test texts and scores them. */
ASSAY_MUST_USE assay_status as_cell_record_scores(as_cell *cell, assay_error *error);
/* [cell] Runs the suite's scenarios, counts operations. */
ASSAY_MUST_USE assay_status as_cell_record_speed(as_cell *cell, assay_error *error);
/* [cell] The backend against the reference. */
ASSAY_MUST_USE assay_status as_cell_record_equivalence(as_cell *cell, assay_error *error);
/* [cell] Adds a warning (kept where memory lasts). */
void as_cell_warn(as_cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
