/* SPDX-License-Identifier: MIT */
/* cell/suite.h: a suite file, checked against suites/schema/suite.schema.json, with defaults merged
 * into every entry and `--set path=value` applied, and the cells it expands to. */
#ifndef AS_CELL_SUITE_H
#define AS_CELL_SUITE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/file.h"
#include "data/data.h"
#include "measure/blocks.h"
#include "plugin/plugin.h"
#include "train/strategy.h"
#include "train/train.h"

/* An entry that does what another one does, in a program of its own. */
typedef struct as_peer {
    const char *of; /* that entry; NULL: it is nobody's peer */
    const char *dtype, *program;
    bool same_logits; /* they must agree */
} as_peer;

typedef struct as_entry {
    const char *name, *model;
    const char *where;   /* for errors: "quick.json#/entries/1" */
    const char *weights; /* name of a resource or path; NULL: all parameters are drawn */
    json_t *options;     /* object */
    as_tokenizer_config tokenizer;
    int64_t max_tokens;
    as_train_config training;
    json_t *training_json; /* as merged, for the record */
    as_strategy strategy;
    json_t *strategy_json; /* as merged, for the record; NULL: full */
    as_peer peer;
    json_t *grid; /* {"entry", "select", "values"} of one point of a grid; NULL */
} as_entry;

typedef struct as_cell_spec {
    const as_entry *entry;
    const char *backend, *dtype; /* "own" for opaque models */
    uint64_t seed;
    const char *name; /* ENTRY__BACKEND__DTYPE__sSEED */
} as_cell_spec;

enum { AS_SUITE_SCENARIOS = 8 };

typedef struct as_suite {
    json_t *json; /* the suite as run: defaults kept, --set applied */
    const char *name, *title;
    as_data_config data;
    as_entry *entries;
    size_t n_entries;
    const char **backends, **dtypes;
    size_t n_backends, n_dtypes;
    uint64_t *seeds;
    size_t n_seeds;
    const as_scenario *scenarios[AS_SUITE_SCENARIOS]; /* [n_scenarios] */
    size_t n_scenarios;
    double measure_seconds;   /* per scenario */
    bool measure_peaks;       /* the machine's limits, between the cell's work */
    bool measure_scores;      /* validation and test texts are predicted */
    size_t measure_attention; /* test texts whose attention weights are kept */
    as_blocks_config interleave;
    bool checkpoint_keep;    /* weights and tokenizer stay in the cell's folder: cell/saved.h */
    double checkpoint_every; /* seconds of training between two saved states; 0: none */
    json_t *owned;           /* values made while merging */
    double margin_accuracy, margin_latency, margin_training, margin_memory; /* compare */
} as_suite;

/* Overrides of the command line; lists are NULL when not given. */
typedef struct as_suite_overrides {
    const char *const *sets; /* "path=value", value JSON or else text */
    size_t n_sets;
    const char *const *entries, *const *backends, *const *dtypes, *const *seeds;
    size_t n_entries, n_backends, n_dtypes, n_seeds;
} as_suite_overrides;

/* [main] Finds (path or name under suites/), reads, checks, merges. Errors carry the JSON pointer.
 */
ASSAY_MUST_USE assay_status as_suite_load(as_arena *arena, const char *path_or_name,
                                          const as_suite_overrides *overrides, as_suite **ret_suite,
                                          assay_error *error);
/* [cell] The same from a suite as run (run.json's "suite"). */
ASSAY_MUST_USE assay_status as_suite_from_json(as_arena *arena, json_t *suite, const char *where,
                                               as_suite **ret_suite, assay_error *error);
/* [main] entry x backend x dtype x seed; opaque models have one cell per seed with backend "own".
 */
ASSAY_MUST_USE assay_status as_suite_cells(as_arena *arena, const as_suite *suite,
                                           as_cell_spec **ret_cells, size_t *ret_n,
                                           assay_error *error);

/* [any] Drops the JSON values; the rest is the arena's. NULL allowed. */
void as_suite_free(as_suite *suite);

/* [any] SHA-256 of the suite as run: compact JSON, keys sorted. */
ASSAY_MUST_USE assay_status as_suite_digest(const as_suite *suite, as_sha256_hex *ret_hex,
                                            assay_error *error);

/* [any] Fills the plugin's option struct from a JSON object (NULL: defaults). */
ASSAY_MUST_USE assay_status as_options_from_json(as_arena *arena, const assay_plugin *descriptor,
                                                 json_t *options, const char *where,
                                                 void **ret_options, assay_error *error);

/* [any] Every option with its value in a filled struct, defaults too; a new object. */
json_t *as_options_to_json(const assay_plugin *descriptor, const void *options);

/* [any] Applies one "path=value" to a suite document, which is checked against `schema` again. */
ASSAY_MUST_USE assay_status as_suite_set(json_t *suite, const json_t *schema,
                                         const char *assignment, assay_error *error);

/* [any] "f32", "f64", "bf16", "tf32", "fp16" -> ASSAY_DTYPE_*; -1 for anything else. */
int32_t as_dtype_from_name(const char *name);

#endif
