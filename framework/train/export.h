/* SPDX-License-Identifier: MIT */
/* train/export.h: a trained model in files that other programs read.
 *
 *     safetensors   any graph model: model.safetensors (the parameters' names, which are
 * PyTorch's), config.json (model, options, labels, sizes), tokenizer.json (assay's own:
 *                   data/tokenizers/saved.h) and vocab.txt (a token a line, its id the line's
 * number from 0; left out where a token holds a line break) huggingface   distilbert and bert with
 * the head of their ...ForSequenceClassification: config.json, model.safetensors, tokenizer.json,
 * tokenizer_config.json, special_tokens_map.json, vocab.txt and README.md, from which transformers'
 *                   AutoModelForSequenceClassification and AutoTokenizer give the same logits
 *
 * A folder appears whole or not at all. */
#ifndef AS_TRAIN_EXPORT_H
#define AS_TRAIN_EXPORT_H

#include "data/tokenizers/saved.h"
#include "train/safetensors.h"

/* A saved model; nothing is owned. */
typedef struct as_export_source {
    const char *name; /* of the cell, for README.md */
    const char *model_id, *model_version, *dtype;
    const json_t *options;     /* every option of the model */
    const char *const *labels; /* [n_classes] */
    int32_t n_classes;
    int64_t vocab_size, max_tokens;
    const as_safetensors *weights; /* by parameter name */
    const as_saved_tokenizer *tokenizer;
    const char *tokenizer_path; /* of its file */
} as_export_source;

/* [main] "safetensors", "huggingface". INVALID_ARGUMENT: another format, or a folder that holds
 * something; UNSUPPORTED: what transformers' classes cannot express (model, head, tokenizer,
 * padding), with the reason. */
ASSAY_MUST_USE assay_status as_export(const as_export_source *source, const char *format,
                                      const char *folder, assay_error *error);

/* [any] config.json of transformers' class for a distilbert or bert with the head of their
 * ...ForSequenceClassification, a new object; NULL for other models. source->tokenizer NULL: token
 * 0 is padding. */
json_t *as_export_transformers_config(const as_export_source *source);

/* ---- for export*.c --------------------------------------------------------------------------- */

/* Writes FOLDER/NAME: JSON (taken over, NULL: out of memory), text, or the weights with
 * `metadata` (taken over). */
ASSAY_MUST_USE assay_status as_export_json(const char *folder, const char *name, json_t *json,
                                           assay_error *error);
ASSAY_MUST_USE assay_status as_export_text(const char *folder, const char *name, const char *text,
                                           size_t n_bytes, assay_error *error);
ASSAY_MUST_USE assay_status as_export_weights(const as_export_source *source, const char *folder,
                                              json_t *metadata, assay_error *error);
/* vocab.txt, where every token fits on a line. */
ASSAY_MUST_USE assay_status as_export_vocabulary(const as_export_source *source, const char *folder,
                                                 assay_error *error);

/* The files of one format into an empty folder; `check` first, before anything is written. */
typedef struct as_export_format {
    const char *name;
    assay_status (*check)(const as_export_source *source, assay_error *error);
    assay_status (*write)(const as_export_source *source, const char *folder, assay_error *error);
} as_export_format;
extern const as_export_format as_export_huggingface;

#endif
