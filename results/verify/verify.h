/* SPDX-License-Identifier: MIT */
/* results/verify/verify.h: is a run what its raw files say? Every file is held against SHA256SUMS,
 * and every number of a record that follows from raw rows is derived from them again:
 *
 *     predictions.csv          test, validation (scores, classes, confusion, intervals, loss),
 * counts latency.csv              latency.single_stream, latency.offline steps.jsonl epochs.jsonl
 * (losses, gradient norms, tokens, samples, steps) epochs.jsonl             training.epochs,
 * .best_epoch, .seconds, rates checkpoint.safetensors   model.parameters.total, model.bytes,
 * tensors of graph.json graph.json  model.parameters predictions.csv  attention.json
 *
 * What only the clock, the machine or the data could tell again is counted as taken as recorded;
 * SHA256SUMS covers it. Nothing of the code that made the record is used but the definitions in
 * stats/. */
#ifndef AS_RESULTS_VERIFY_H
#define AS_RESULTS_VERIFY_H

#include <jansson.h>

#include "assay/status.h"
#include "base/arena.h"
#include "results/record/attention.h"
#include "results/record/same.h"
#include "results/record/shape_map.h"

typedef enum as_finding_kind {
    AS_FINDING_OFF,     /* another number than the raw files give, or one that cannot be read */
    AS_FINDING_CHANGED, /* a file whose digest is another than SHA256SUMS says */
    AS_FINDING_MISSING,
    AS_FINDING_EXTRA,
} as_finding_kind;

/* [any] "off", "changed", "missing", "extra". */
const char *as_finding_kind_name(as_finding_kind kind);

typedef struct as_finding {
    as_finding_kind kind;
    const char *file;  /* relative to the run, or a report's path */
    const char *field; /* "test.f1_macro.value", "line 12, column 40"; "": the whole file */
    const char *found, *expected; /* "": nothing to tell */
} as_finding;

/* Numbers of one kind that were taken as recorded: "result.json: training.seconds". */
typedef struct as_recorded {
    const char *what;
    size_t n;
} as_recorded;

typedef struct as_verification {
    as_arena *arena;
    as_finding *findings;
    size_t n_findings, findings_capacity;
    as_recorded *recorded;
    size_t n_recorded_kinds, recorded_capacity;
    size_t n_files;    /* held against SHA256SUMS */
    size_t n_derived;  /* numbers derived again, agreeing or not */
    size_t n_recorded; /* numbers taken as recorded */
} as_verification;

/* [any] An empty one, whose findings will live in the arena. */
as_verification as_verification_begin(as_arena *arena);

/* [any] Adds to the verification; what is wrong is a finding, not an error. Everything lives in
 * its arena. */
ASSAY_MUST_USE assay_status as_verify_run(const char *folder, as_verification *verification,
                                          assay_error *error);

/* ---- for the parts of it, and for reports ---------------------------------------------------- */

/* [any] The texts are copied. */
ASSAY_MUST_USE assay_status as_verification_add(as_verification *v, as_finding_kind kind,
                                                const char *file, const char *field,
                                                const char *found, const char *expected,
                                                assay_error *error);

/* How near a number derived again must be. */
typedef enum as_nearness {
    AS_NEAR_EXACT, /* the same definition on the same rows: IEEE arithmetic alone, the same bits */
    AS_NEAR_FLOAT, /* from probabilities that were written as floats, or from nine digits: 1e-6 */
} as_nearness;

/* [any] Compares every leaf of `expected` with `found`, counting numbers; a difference is a finding
 * at field PATH.KEY. */
ASSAY_MUST_USE assay_status as_verify_tree(as_verification *v, const char *file, const char *path,
                                           const json_t *found, const json_t *expected,
                                           as_nearness nearness, assay_error *error);

/* [any] Counts the numbers of `found` that `derived` (a tree of the same shape; true stands for a
 * whole subtree) does not have as taken as recorded. `kind` is the file's name. */
ASSAY_MUST_USE assay_status as_verify_count_recorded(as_verification *v, const char *kind,
                                                     const json_t *found, const json_t *derived,
                                                     assay_error *error);

/* [any] Re-derives one cell; `inside` is its folder relative to `run_folder`. *ret_answers: what it
 * predicts, where it has a record. */
ASSAY_MUST_USE assay_status as_verify_cell(as_verification *v, const char *run_folder,
                                           const char *inside, as_answers *ret_answers,
                                           assay_error *error);

/* [any] graph.json against its own tensors, the record and, not NULL, the checkpoint's header;
 * `file` is its path relative to the run. */
ASSAY_MUST_USE assay_status as_verify_graph(as_verification *v, const char *file,
                                            const as_shape_map *map, const as_record *record,
                                            const json_t *checkpoint, assay_error *error);

/* [any] attention.json against the record's predictions and the cell's graph.json (NULL: there is
 * none, which is a finding). */
ASSAY_MUST_USE assay_status as_verify_attention(as_verification *v, const char *file,
                                                const as_attended *attended,
                                                const as_record *record, const as_shape_map *map,
                                                assay_error *error);

/* [any] A safetensors file's header, the caller's. */
ASSAY_MUST_USE assay_status as_checkpoint_header(const char *path, json_t **ret_header,
                                                 assay_error *error);

/* [any] Elements of all tensors that a safetensors file's header declares. Format:
 * huggingface.co/docs/safetensors: 8 bytes, the header's length (little endian), then JSON. */
ASSAY_MUST_USE assay_status as_checkpoint_elements(const char *path, int64_t *ret_n,
                                                   assay_error *error);

#endif
