/* SPDX-License-Identifier: MIT */
/* results/record/record.h: the record of one cell, in memory: what result.json, predictions.csv,
 * epochs.jsonl and latency.csv hold. Written by the cell's process, read by report and compare.
 *
 * Numbers that don't exist are NaN here and null in JSON (counts: -1). All memory is the record's
 * arena's. Units stand in the names; shares are fractions of 1. */
#ifndef AS_RESULTS_RECORD_H
#define AS_RESULTS_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "assay/status.h"
#include "base/arena.h"
#include "base/file.h"
#include "stats/metrics.h"

/* Of result.json and run.json. Newer files are refused. */
enum { AS_RECORD_SCHEMA_VERSION = 1, AS_RUN_SCHEMA_VERSION = 1 };

typedef enum as_cell_status {
    AS_CELL_OK,
    AS_CELL_FAILED,
    AS_CELL_SKIPPED,
    AS_CELL_DIVERGED,
} as_cell_status;

/* [any] "ok", "failed", "skipped", "diverged", as they stand in the files. */
const char *as_cell_status_name(as_cell_status status);
bool as_cell_status_parse(const char *name, as_cell_status *ret_status);

typedef struct as_prediction {
    const char *split; /* "test", "validation" */
    int64_t index;     /* of the row in the whole data set's canonical order (data/data.h) */
    int32_t label, predicted;
    const float *probabilities; /* [n_classes]; NULL: `share` is all that was kept of them */
    float share; /* of the predicted class, where probabilities is NULL; NaN: empty */
} as_prediction;

/* [any] Probability of the predicted class; NaN where the file has none. */
double as_prediction_share(const as_prediction *prediction);

typedef struct as_epoch {
    int32_t epoch; /* from 1 */
    double train_loss, train_accuracy, validation_loss, validation_accuracy, validation_f1_macro;
    double learning_rate, grad_norm; /* mean over steps, before clipping */
    double seconds;                  /* of training, without evaluation */
    int64_t tokens, samples, steps;
} as_epoch;

typedef struct as_query {
    const char *scenario; /* "single_stream", "offline", ... */
    int32_t batch, tokens;
    int64_t nanoseconds;
    int32_t round; /* of the blocks that were measured in turn with other cells'; 0: of none */
} as_query;

/* One block of a cell that was measured in turn with others: the same work in each round and cell.
 */
typedef struct as_timed_block {
    const char *scenario;
    int32_t round;                 /* from 1 */
    int32_t batch;                 /* rows of a query at most */
    int64_t queries, rows, tokens; /* real tokens */
    double seconds;
    double median_ms; /* of its queries */
    double flops;     /* of the real tokens, from the graph; NaN without one */
    /* of the machine right before and behind it, operations/s; NaN: not measured */
    double peak_gemm, peak_compute;
} as_timed_block;

typedef struct as_latency_summary {
    int64_t count; /* 0: not measured */
    double mean_ms;
    as_figure p50_ms, p90_ms, p95_ms, p99_ms; /* order-statistic intervals */
} as_latency_summary;

/* Operations of a scenario's timed part, from the graph, and their share of the matrix peak that
 * was measured in alternation with it. */
typedef struct as_scenario_rate {
    const char *scenario;
    double flops_per_second, share_of_peak_gemm;
} as_scenario_rate;

typedef struct as_text_pair {
    const char *key, *value;
} as_text_pair;

typedef struct as_tensor_count {
    const char *name;
    int64_t n;
} as_tensor_count;

typedef struct as_record {
    as_arena *arena;
    json_t *json; /* owned: result.json of a record that was read (options, weights, settings point
                     into it); NULL in a record being made */
    as_cell_status status;
    const char *reason; /* NULL when ok */
    bool pending;       /* of a run that is going on or was stopped: its turn has not come */
    const char *suite, *cell;
    const char *folder; /* its name in the run's cells/; NULL: `cell` */
    const char *entry, *dtype;
    uint64_t seed;
    json_t *grid; /* {"entry", "select", "values"}: the entry is one point of that entry's grid;
                     NULL: it is none; borrowed */
    struct {
        const char *id, *version, *sha256, *path;
        json_t *options; /* object or NULL; borrowed */
        json_t *weights; /* object: what it starts from; NULL: drawn from the seed; borrowed */
        int64_t parameters_total, parameters_trainable, bytes;
    } model;
    struct {
        const char *id, *version, *libraries;
        int32_t threads;
        struct {
            int32_t checked; /* 0: not run (reason says why) */
            int32_t passed;
            double logits_error, logits_bound, gradient_error, gradient_bound; /* of the scale */
            const char *reason;
            int32_t cached;         /* taken from an earlier check of the same on this machine */
            const char *checked_at; /* "2026-11-22T09:00:00Z"; NULL: not checked */
        } equivalence;
        struct {                       /* with a memory of its own; at the cell's end */
            const char *name, *driver; /* NULL: there is none */
            int64_t memory_bytes, clock_mhz, clock_max_mhz; /* -1: unknown */
            double energy_joules; /* of the whole device since the cell opened it; NaN: unknown */
            int32_t throttled;    /* slowed by heat or power at some time of the cell */
        } device;
    } backend;
    struct {
        const char *name, *sha256, *rows_sha256;
        int64_t train, validation, test;
        const char *const *labels;
        int32_t n_labels;
        int64_t duplicates_within_train, duplicates_validation_in_train, duplicates_test_in_train;
        int64_t empty;                    /* texts without a token */
        double truncated_share, coverage; /* of test */
        int64_t vocab_size;
        double mean_tokens;
        bool validation_is_test; /* every choice was made on the test set */
        json_t *preparation;     /* object or NULL; borrowed: cleaning, overlaps, leaks, baseline */
        const char *removals_csv; /* removed.csv; NULL or "": nothing was removed */
    } dataset;
    struct {
        json_t *settings; /* as run; object or NULL; borrowed */
        json_t *strategy; /* as run, with what it came to; object or NULL (all is trained);
                             borrowed */
        int32_t n_epochs, best_epoch;
        double seconds, samples_per_second, tokens_per_second;
        const char *stopped; /* "early", "epochs", "none", "diverged" */
        double initial_loss;
        double
            padding_share; /* of the tokens that batches padded to their longest row would have */
        int64_t n_resumed, resumed_step; /* times that it went on from a saved state, the latest
                                            after this step; 0: done in one go */
        double loss_scale;               /* at the end; NaN: the precision needs none */
        int64_t n_skipped; /* steps that changed nothing, as the scale was too large */
    } training;
    as_scores test, validation;
    as_latency_summary single_stream;
    struct {
        double samples_per_second, tokens_per_second;
        int64_t samples; /* 0: not measured */
        double seconds;
    } offline;
    int64_t peak_rss_bytes, peak_device_bytes; /* VmHWM; -1 where unknown or without a device */
    /* of the model at the end of training, on the device; -1 where unknown */
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes;
    double flops_forward_per_sample, flops_training, achieved_flops_per_second;
    double training_share_of_peak_gemm;
    as_scenario_rate *scenario_rates; /* [n_scenario_rates] */
    size_t n_scenario_rates;
    struct {
        as_figure compute_flops_per_second, gemm_flops_per_second, memory_bytes_per_second;
        int64_t samples; /* -1: not measured */
        double seconds;  /* that they took */
    } peaks;             /* of the machine, while the cell worked: docs/methodology.md */
    struct {
        const char *of;      /* entry that this one does the same as; NULL: nobody's peer */
        const char *program; /* "PyTorch" */
        bool same_logits;    /* they had to agree with that entry's */
    } peer;
    struct {
        int32_t rounds;           /* 0: the cell was measured by itself */
        const char *const *cells; /* [n_cells] of the group, in the order of their turns */
        size_t n_cells;
        as_timed_block *blocks; /* [n_blocks] */
        size_t n_blocks;
    } interleaved;
    double energy_joules;
    double host_seconds_per_batch; /* the host's own cost: batch making and bookkeeping around a
                                      step */
    as_text_pair *environment;
    size_t n_environment;
    const char **warnings;
    size_t n_warnings;
    /* raw data */
    as_epoch *epochs;
    size_t n_epochs;
    as_prediction *predictions;
    size_t n_predictions;
    as_query *queries;
    size_t n_queries;
} as_record;

/* [any] Empty record (all numbers NaN or -1, all lists empty) in a new arena. */
ASSAY_MUST_USE assay_status as_record_new(as_record **ret_record, assay_error *error);
void as_record_free(as_record *record); /* NULL allowed; frees the arena and the record */

/* [any] Writes result.json, predictions.csv, epochs.jsonl, latency.csv, removed.csv (those that
 * have rows) into `folder`, each atomically, result.json last. */
ASSAY_MUST_USE assay_status as_record_write(const as_record *record, const char *folder,
                                            assay_error *error);

/* What is read of the raw rows. ANSWERS checks as much as ALL and keeps of a prediction's
 * probabilities the predicted class's alone: a fifth of the memory in 20 classes. */
enum { AS_RAW_NONE = 0, AS_RAW_ALL = 1, AS_RAW_ANSWERS = 2 };

/* Done to the texts of a run's JSON files before anything is made of them. */
typedef struct as_run_filter {
    void *context;
    /* The text itself, or what stands in its place and lives as long as the context. NULL: no
     * memory. */
    const char *(*replace)(void *context, const char *text);
} as_run_filter;

/* [any] Replaces the values that are texts; not keys, digests, times, and the words that the files'
 * schemas fix ("status", "dtype", a plugin's "id"). */
ASSAY_MUST_USE assay_status as_filter_texts(const as_run_filter *filter, json_t *root,
                                            const char *file, assay_error *error);

/* [any] Reads a cell's folder; result.json is checked against results/schema/result.schema.json's
 * types; the error names file and field. with_raw: also predictions and epochs (queries where there
 * are), AS_RAW_. */
ASSAY_MUST_USE assay_status as_record_read(const char *folder, int with_raw, as_record **ret_record,
                                           assay_error *error);
ASSAY_MUST_USE assay_status as_record_read_as(const char *folder, int with_raw,
                                              const as_run_filter *filter, as_record **ret_record,
                                              assay_error *error);

/* A finished or partial run: run.json and its cells' records in the suite's order; cells without
 * record are there with status FAILED and reason "not run". */
typedef struct as_run {
    as_arena *arena;
    const char *folder;
    const char *name; /* as it is shown; NULL: the folder's last part */
    json_t *json;     /* run.json */
    json_t *suite;    /* borrowed from json: the suite as run */
    as_record **cells;
    size_t n_cells;
} as_run;

/* [any] Reads a run's folder and its cells' records (with_raw as for as_record_read); _as: texts go
 * through the filter first. The caller frees the run. NOT_FOUND: no run.json there; BAD_DATA with
 * file and field; UNSUPPORTED: of a newer assay. */
ASSAY_MUST_USE assay_status as_run_read(const char *folder, int with_raw, as_run **ret_run,
                                        assay_error *error);
ASSAY_MUST_USE assay_status as_run_read_as(const char *folder, int with_raw,
                                           const as_run_filter *filter, as_run **ret_run,
                                           assay_error *error);
void as_run_free(as_run *run); /* NULL allowed */

/* [any] The last part of the run's folder. */
const char *as_run_name(const as_run *run);

/* [any] The folder of a run's cell, to be freed; NULL: no memory, or a cell that did not run. */
char *as_run_cell_folder(const as_run *run, const as_record *cell);

#endif
