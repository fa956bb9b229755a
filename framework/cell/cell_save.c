/* SPDX-License-Identifier: MIT */
/* Leaves the trained model in the cell's folder: cell/saved.h has the files. The tokenizer is
 * written first, so that the weights can name its digest. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "cell/saved.h"
#include "train/engine.h"

/* ---- metadata -------------------------------------------------------------------------------- */

static void set_number(json_t *metadata, const char *key, int64_t value) {
    json_object_set_new(metadata, key, json_sprintf("%" PRId64, value));
}

/* A value as the text of its JSON; takes it over. */
static void set_json(json_t *metadata, const char *key, json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_object_set_new(metadata, key, text ? json_string(text) : NULL);
    free(text);
    json_decref(value);
}

static json_t *number_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* Figures of the epoch whose weights the model has now. */
static json_t *training_json(const as_cell *cell) {
    const as_train_result *t = &cell->trained;
    int32_t kept = cell->spec.entry->training.keep_best ? t->best_epoch : t->n_epochs;
    json_t *json =
        json_pack("{s:i, s:i, s:i, s:s, s:o}", "epochs", (int)t->n_epochs, "best_epoch",
                  (int)t->best_epoch, "epoch", (int)kept, "stopped", as_stopped_name(t->stopped),
                  "initial_loss", number_json(t->initial_loss));
    if (kept < 1 || kept > t->n_epochs)
        return json;
    const as_epoch_figures *e = &t->epochs[kept - 1];
    json_object_set_new(json, "train_loss", number_json(e->train_loss));
    json_object_set_new(json, "train_accuracy", number_json(e->train_accuracy));
    json_object_set_new(json, "validation_loss", number_json(e->validation_loss));
    json_object_set_new(json, "validation_accuracy", number_json(e->validation_accuracy));
    json_object_set_new(json, "validation_f1_macro", number_json(e->validation_f1_macro));
    return json;
}

static json_t *labels_json(const as_prepared *data) {
    json_t *labels = json_array();
    for (uint32_t i = 0; i < data->n_labels; i++)
        json_array_append_new(labels, json_string(data->labels[i]));
    return labels;
}

static json_t *metadata_json(const as_cell *cell, const char *tokenizer_sha256) {
    const assay_plugin *model = cell->model.descriptor;
    json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "format",
                          "assay-checkpoint", "model", model->id, "model_version", model->version,
                          "entry", cell->spec.entry->name, "backend", cell->backend.descriptor->id,
                          "dtype", cell->spec.dtype, "dataset", cell->data->name, "dataset_sha256",
                          cell->data->sha256.text, "rows_sha256", cell->data->rows_sha256.text,
                          "tokenizer_sha256", tokenizer_sha256);
    set_number(m, "version", AS_CHECKPOINT_VERSION);
    set_number(m, "n_classes", cell->config.n_classes);
    set_number(m, "vocab_size", cell->config.vocab_size);
    set_number(m, "max_tokens", cell->config.max_tokens);
    json_object_set_new(m, "seed", json_sprintf("%" PRIu64, cell->spec.seed));
    set_json(m, "options", json_incref(cell->options));
    set_json(m, "labels", labels_json(cell->data));
    set_json(m, "training", training_json(cell));
    return m;
}

/* ---- weights --------------------------------------------------------------------------------- */

typedef struct saving {
    as_engine *engine;
    const uint32_t *parameters; /* [n] of the view, by tensor */
} saving;

static assay_status take_values(void *context, size_t index, double *values, uint64_t n,
                                assay_error *error) {
    const saving *s = context;
    (void)n;
    return as_engine_get_parameter(s->engine, ASSAY_STATE_PARAMETER, s->parameters[index], values,
                                   error);
}

static size_t list_tensors(const assay_graph_view *view, as_tensor_type type,
                           as_tensor_out *tensors, uint32_t *parameters) {
    size_t n = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *p = &view->parameters[i];
        if (p->values)
            continue; /* the host's own constant, no part of the model */
        tensors[n] = (as_tensor_out){.name = p->name, .type = type, .rank = p->rank};
        memcpy(tensors[n].dims, p->dims, p->rank * sizeof *p->dims);
        parameters[n++] = i;
    }
    return n;
}

assay_status as_cell_save_weights(as_cell *cell, const char *path, const json_t *metadata,
                                  assay_error *error) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(cell->engine));
    as_tensor_type type =
        as_dtype_from_name(cell->spec.dtype) == ASSAY_DTYPE_F64 ? AS_TENSOR_F64 : AS_TENSOR_F32;
    as_tensor_out *tensors = as_arena_alloc_array(cell->arena, view->n_parameters, sizeof *tensors);
    uint32_t *parameters =
        as_arena_alloc_array(cell->arena, view->n_parameters, sizeof *parameters);
    if (!tensors || !parameters)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for the tensors' names");
    saving s = {cell->engine, parameters};
    size_t n = list_tensors(view, type, tensors, parameters);
    return as_safetensors_write(path, tensors, n, metadata, take_values, &s, error);
}

assay_status as_cell_save(as_cell *cell, assay_error *error) {
    char *tokenizer = NULL, *weights = NULL;
    json_t *metadata = NULL;
    as_sha256_hex hex;
    assay_status status = ASSAY_OK;
    if (!cell->suite->checkpoint_keep)
        return ASSAY_OK;
    if (!cell->engine) {
        as_cell_warn(cell, "checkpoint.keep: the model computes by itself, so its weights are not "
                           "the host's to keep");
        return ASSAY_OK;
    }
    const as_tokenizer_config *config = &cell->spec.entry->tokenizer;
    const as_tokenizer_to_save source = {
        config, config->cleaning ? config->cleaning : cell->suite->data.cleaning,
        cell->data->encoder, cell->data->token_weights};
    as_cell_stage(cell, "save");
    if (!(tokenizer = as_path_join(cell->work, AS_SAVED_TOKENIZER_FILE)) ||
        !(weights = as_path_join(cell->work, AS_CHECKPOINT_FILE)))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, AS_CHECKPOINT_FILE, "no memory for its path");
    if (status == ASSAY_OK)
        status = as_saved_tokenizer_write(tokenizer, &source, error);
    if (status == ASSAY_OK)
        status = as_sha256_file(tokenizer, &hex, error);
    if (status == ASSAY_OK && !(metadata = metadata_json(cell, hex.text)))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, weights, "no memory for its header");
    if (status == ASSAY_OK)
        status = as_cell_save_weights(cell, weights, metadata, error);
    json_decref(metadata);
    free(tokenizer);
    free(weights);
    return status;
}
