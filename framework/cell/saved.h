/* SPDX-License-Identifier: MIT */
/* cell/saved.h: a cell's trained model as it lies in the run's folder, and its use.
 *
 *     RUN/cells/NAME/checkpoint.safetensors   the tested weights by parameter name
 *     RUN/cells/NAME/tokenizer.json           a text's way to ids: data/tokenizers/saved.h
 *
 * They are there where the suite says {"checkpoint": {"keep": true}}. The metadata of the
 * checkpoint, all of it text:
 *
 *     format          "assay-checkpoint"
 *     version         "1"
 *     model, model_version   the plugin's id and version
 *     options         every option of the model, JSON
 *     n_classes, vocab_size, max_tokens   what the graph was built for
 *     labels          JSON list
 *     entry, backend, dtype, seed      the cell; the backend by its plugin's id
 *     dataset, dataset_sha256, rows_sha256   what it was trained and tested on
 *     tokenizer_sha256                 of tokenizer.json
 *     training        JSON: epochs, best_epoch, stopped, initial_loss, and the figures of the epoch
 *                     whose weights these are
 *
 * Constants of the loss and what a strategy makes for itself are no part of the model and not
 * saved. Weights of f64 cells are F64, all others F32 (of bf16 cells the master weights).
 *
 *     status = as_saved_cell_open(arena, "runs/imdb-1/gru", &cell, error);
 *     status = as_saved_cell_start(arena, cell, NULL, 2, 32, error);
 *     status = as_saved_cell_predict(cell, texts, n_texts, predictions, error);
 *     as_saved_cell_free(cell);
 */
#ifndef AS_CELL_SAVED_H
#define AS_CELL_SAVED_H

#include "data/tokenizers/saved.h"
#include "plugin/plugin.h"
#include "train/safetensors.h"
#include "train/train.h"

#define AS_CHECKPOINT_FILE "checkpoint.safetensors"
enum { AS_CHECKPOINT_VERSION = 1 };

/* What was saved, checked; all of it lives in the arena or the cell. */
typedef struct as_saved_cell {
    const char *run, *name, *folder; /* RUN, NAME, RUN/cells/NAME */
    const char *backend, *dtype;     /* of the cell */
    const char *model, *model_version;
    const char *const *labels; /* [n_classes] */
    int32_t n_classes;
    int64_t vocab_size, max_tokens;
    int64_t diverged_after; /* epoch of the weights, where training diverged later; 0: it did not */
    json_t *options;        /* owned */
    as_saved_tokenizer *tokenizer;
    as_safetensors *weights;        /* a map of the file */
    assay_graph *graph;             /* forward alone */
    struct as_saved_engine *engine; /* from as_saved_cell_start on */
} as_saved_cell;

/* Plugins are found by their ids (plugin/plugin.h): a path in the files would let them run
 * anything.
 *
 * [main] Opens a cell by RUN/cells/NAME, RUN/NAME, RUN/ENTRY where the entry has one cell, or RUN
 * where the run has one, and checks everything but the values of the weights: nothing of the model
 * is run but its build. NOT_FOUND: no such run, cell or plugin, or no checkpoint in it (the text
 * says how to get one); UNSUPPORTED: an opaque model; BAD_DATA at FILE/field: another format or
 * version, a tokenizer that does not belong to the weights, a parameter that is missing, left over,
 * or of another shape. */
ASSAY_MUST_USE assay_status as_saved_cell_open(as_arena *arena, const char *path,
                                               as_saved_cell **ret_cell, assay_error *error);
void as_saved_cell_free(as_saved_cell *cell); /* NULL allowed */

/* [main] Loads the weights into an engine on the cell's backend, or on `backend` where that is not
 * NULL, for as many texts at once as max_rows. BAD_DATA: a weight that is not finite. */
ASSAY_MUST_USE assay_status as_saved_cell_start(as_arena *arena, as_saved_cell *cell,
                                                const char *backend, int32_t threads,
                                                int32_t max_rows, assay_error *error);

typedef struct as_text {
    const char *bytes; /* UTF-8 */
    size_t n_bytes;
} as_text;

typedef struct as_text_prediction {
    int32_t label;         /* -1: no token is left of the text, so nothing is predicted */
    int32_t n_tokens;      /* the text has, special ones not counted */
    int32_t n_unknown;     /* of those the model saw */
    bool truncated;        /* the model saw the first max_tokens alone */
    double *probabilities; /* [n_classes], the caller's; not written where label is -1 */
    double *logits;        /* the same; NULL: not wanted */
} as_text_prediction;

/* [main] Predicts n_texts <= max_rows texts, exactly as the cell's test texts were: cleaning,
 * tokens, cut, weights. What comes out for a text does not depend on the others. Allocates nothing
 * once the shapes have been seen. */
ASSAY_MUST_USE assay_status as_saved_cell_predict(as_saved_cell *cell, const as_text *texts,
                                                  size_t n_texts, as_text_prediction *predictions,
                                                  assay_error *error);

#endif
