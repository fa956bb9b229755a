/* SPDX-License-Identifier: MIT */
/* cell/cell.h: inside one cell's process: what it has made so far, from run.json to the record.
 * Private to cell*.c. */
#ifndef AS_CELL_CELL_H
#define AS_CELL_CELL_H

#include "cell/run.h"
#include "measure/environment.h"
#include "measure/roofline.h"
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
    const char *run_folder;
    const char *work; /* folder of the record */
    as_cell_mode mode;
    int progress; /* descriptor, -1: nobody listens */
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
    as_peaks *peaks;           /* NULL: not measured */
    size_t training_from;      /* its first sample of the peaks */
    double training_peak_gemm; /* median of those between its steps */
    double joules;             /* of training; NaN: the machine doesn't tell */
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

/* [cell] The weights as they are now, as safetensors. */
ASSAY_MUST_USE assay_status as_cell_save_weights(as_cell *cell, const char *path,
                                                 const json_t *metadata, assay_error *error);
/* [cell] Rows that a batch has at most. */
int32_t as_cell_max_rows(const as_cell *cell);

/* ---- cell_peer.c ----------------------------------------------------------------------------- */

/* [cell] Leaves the initial weights in the work folder, as config.json and model.safetensors, and
 * the logits of a few test texts in f32. */
ASSAY_MUST_USE assay_status as_cell_hand_out(as_cell *cell, assay_error *error);
/* [cell] A peer's options: where the weights lie that it starts from. */
ASSAY_MUST_USE assay_status as_cell_peer_options(as_cell *cell, json_t *options,
                                                 assay_error *error);
/* [cell] Are the peer's logits those that were handed out? BAD_DATA where they are not. */
ASSAY_MUST_USE assay_status as_cell_check_peer(as_cell *cell, assay_error *error);

/* ---- cell_turns.c ---------------------------------------------------------------------------- */

/* [any] A scenario that some models or texts have not: no reason to lose the cell. */
bool as_cell_may_lack(const as_scenario *scenario);
/* [cell] Waits for turns and measures blocks until the parent ends it. */
ASSAY_MUST_USE assay_status as_cell_take_turns(as_cell *cell, assay_error *error);

/* ---- cell_efficiency.c ----------------------------------------------------------------------- */

/* [cell] Where the suite asks for the machine's limits; the others do nothing without. */
ASSAY_MUST_USE assay_status as_cell_peaks_open(as_cell *cell, assay_error *error);
/* [cell] Before a piece of work: its first sample; inside it, when one is due; and at its end. */
size_t as_cell_peaks_begin(as_cell *cell);
void as_cell_peaks_pause(void *cell);
void as_cell_peaks_sample(as_cell *cell);
/* [cell] The same for training, whose energy is counted apart. */
void as_cell_training_pause(void *cell);
void as_cell_training_end(as_cell *cell);
/* [cell] Into the record: training's share; a scenario's rate (none where flops is NaN) and share
 * of the matrix peak since sample `from`; the limits over all samples. */
void as_cell_record_training_share(as_cell *cell);
ASSAY_MUST_USE assay_status as_cell_record_rate(as_cell *cell, const char *scenario, double flops,
                                                double seconds, size_t from, assay_error *error);
void as_cell_record_peaks(as_cell *cell);
/* What a device with a memory of its own tells of itself at the end. */
void as_cell_record_device(as_cell *cell);

/* [cell] cell_graph.c: graph.json, the shape map; nothing of an opaque model. */
ASSAY_MUST_USE assay_status as_cell_write_graph(as_cell *cell, assay_error *error);

/* [cell] cell_attention.c: attention.json, where the suite asks for it and the model has attention.
 */
ASSAY_MUST_USE assay_status as_cell_attention(as_cell *cell, assay_error *error);

/* [cell] cell_profile.c: profile.json and trace.json, where the run asks for them; the model is of
 * no more use afterwards. */
ASSAY_MUST_USE assay_status as_cell_profile(as_cell *cell, assay_error *error);

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
/* [cell] One timed scenario's settings. */
as_scenario_config as_cell_scenario_config(as_cell *cell);
/* [cell] Adds timed queries to the record; `round` 0: of none. */
ASSAY_MUST_USE assay_status as_cell_add_queries(as_cell *cell, const char *scenario, int32_t round,
                                                const as_timed_query *from, size_t n_from,
                                                assay_error *error);
/* [cell] The latency's summary from all queries of single_stream in the record. */
ASSAY_MUST_USE assay_status as_cell_record_latency(as_cell *cell, assay_error *error);
/* [cell] Counts operations, runs the suite's scenarios or takes turns in them. */
ASSAY_MUST_USE assay_status as_cell_record_speed(as_cell *cell, assay_error *error);
/* [cell] The backend against the reference. */
ASSAY_MUST_USE assay_status as_cell_record_equivalence(as_cell *cell, assay_error *error);
/* [cell] Adds a warning (kept where memory lasts). */
void as_cell_warn(as_cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
