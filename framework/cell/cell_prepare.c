/* SPDX-License-Identifier: MIT */
/* From a cell's description to something that can be trained: plugins, probe, data, graph, engine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/paths.h"
#include "cell/cell.h"
#include "cell/suite_check.h"
#include "data/embeddings/embeddings.h"

static assay_status load_plugins(as_cell *cell, void **ret_options, assay_error *error) {
    const as_entry *entry = cell->spec.entry;
    char where[sizeof error->where];
    assay_status status =
        as_plugin_load(cell->arena, ASSAY_PLUGIN_KIND_MODEL, entry->model, &cell->model, error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&cell->model, &cell->graph_model, &cell->opaque_model, error);
    snprintf(where, sizeof where, "%s/options", entry->where);
    json_t *options = NULL;
    if (status == ASSAY_OK)
        status = as_entry_options(cell->arena, entry, cell->model.descriptor, cell->data_dir,
                                  &options, error);
    if (status == ASSAY_OK && entry->peer.of)
        status = as_cell_peer_options(cell, options, error);
    if (status == ASSAY_OK)
        status = as_options_from_json(cell->arena, cell->model.descriptor, options, where,
                                      ret_options, error);
    json_decref(options);
    if (status == ASSAY_OK && cell->model.descriptor->probe)
        status = cell->model.descriptor->probe(error);
    if (status != ASSAY_OK || cell->opaque_model)
        return status;
    status = as_plugin_load(cell->arena, ASSAY_PLUGIN_KIND_BACKEND, cell->spec.backend,
                            &cell->backend, error);
    if (status == ASSAY_OK && cell->backend.descriptor->probe)
        status = cell->backend.descriptor->probe(error);
    return status == ASSAY_OK ? as_plugin_backend(&cell->backend, &cell->device, error) : status;
}

int32_t as_cell_max_rows(const as_cell *cell) {
    const as_blocks_config *blocks = &cell->suite->interleave;
    int32_t most = cell->spec.entry->training.batch;
    for (size_t i = 0; cell->mode == AS_CELL_IN_TURN && i < blocks->n_batches; i++)
        most = blocks->batches[i] > most ? blocks->batches[i] : most;
    return most;
}

static int64_t longest_row(const as_prepared *data) {
    int64_t longest = 1;
    for (int split = 0; split < AS_SPLIT_COUNT; split++)
        if (data->splits[split].longest > longest)
            longest = data->splits[split].longest;
    return longest;
}

/* The model's table of word vectors starts from the pretrained ones. */
static assay_status upload_embeddings(as_cell *cell, assay_error *error) {
    static const char name[] = "embedding.weight";
    const as_embedding_table *table = cell->data->embeddings;
    const assay_graph_view *view = as_graph_view(cell->graph);
    const assay_parameter_info *parameter = NULL;
    uint64_t offset = 0, n = as_engine_n_elements(cell->engine);
    if (!table)
        return ASSAY_OK;
    for (uint32_t i = 0; i < view->n_parameters && !parameter; i++) {
        if (strcmp(view->parameters[i].name, name) == 0)
            parameter = &view->parameters[i];
        else
            offset += (uint64_t)view->parameters[i].n_elements;
    }
    as_where place = as_where_join(cell->spec.entry->where, "/", "embeddings");
    if (!parameter)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, place.text,
                       "the model \"%s\" has no parameter %s to start from them",
                       cell->spec.entry->model, name);
    if (parameter->dims[0] != table->vocab_size || parameter->dims[1] != table->dimensions)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, place.text,
                       "the vectors have %d dimensions, the model's %s has %lld; set the entry's "
                       "options.embedding (of a transformer options.hidden) to %d",
                       table->dimensions, name, (long long)parameter->dims[1], table->dimensions);
    double *values = malloc((size_t)n * sizeof *values);
    if (!values)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, place.text, "no memory to set them");
    assay_status status = as_engine_get(cell->engine, ASSAY_STATE_PARAMETER, values, n, error);
    for (int64_t k = 0; status == ASSAY_OK && k < parameter->n_elements; k++)
        values[offset + (uint64_t)k] = (double)table->values[k];
    if (status == ASSAY_OK)
        status = as_engine_set(cell->engine, ASSAY_STATE_PARAMETER, values, n, error);
    free(values);
    fprintf(cell->log, "embeddings: %u words found, %u missing\n", table->n_found,
            table->n_missing);
    return status;
}

/* A frozen part's features, where the strategy has one; without a folder to keep them they are
 * computed each time. */
static assay_status compute_features(as_cell *cell, assay_error *error) {
    const char *folder = NULL;
    if (as_cache_folder(cell->arena, NULL, &folder, NULL) != ASSAY_OK)
        folder = NULL;
    const as_features_config config = {.engine = cell->engine,
                                       .phases = cell->phases,
                                       .data = cell->data,
                                       .backend = &cell->backend,
                                       .batch_rows = cell->spec.entry->training.batch,
                                       .cache_folder = folder,
                                       .progress = as_cell_on_progress,
                                       .context = cell};
    return as_features_open(&config, &cell->features, error);
}

/* Something of this cell runs training steps: epochs, a scenario, a profile. What never trains
 * holds no gradients. */
static bool takes_steps(const as_cell *cell) {
    bool steps = cell->spec.entry->training.epochs > 0 ||
                 json_is_true(json_object_get(cell->run, "profile"));
    for (size_t i = 0; i < cell->suite->n_scenarios; i++)
        steps = steps || cell->suite->scenarios[i]->split == AS_SPLIT_TRAIN;
    return steps;
}

static assay_status make_graph_trainee(as_cell *cell, assay_error *error) {
    const as_train_config *training = &cell->spec.entry->training;
    const char *limit = getenv("ASSAY_CELL_MEMORY_LIMIT");
    as_engine_config config = {.backend = cell->device,
                               .dtype = as_dtype_from_name(cell->spec.dtype),
                               .threads = cell->threads,
                               .max_rows = as_cell_max_rows(cell),
                               .max_tokens = longest_row(cell->data),
                               .device_memory_limit_bytes = limit ? strtoull(limit, NULL, 10) : 0};
    cell->graph_options = (as_graph_options){.label_smoothing = training->label_smoothing,
                                             .class_weights = cell->data->class_weights,
                                             .with_gradient = takes_steps(cell),
                                             .checkpointing = training->checkpointing};
    as_phases_config phases = {cell->graph_model, &cell->config, &cell->graph_options,
                               &cell->spec.entry->strategy, training->epochs};
    assay_status status = as_phases_new(&phases, &cell->phases, error);
    if (status == ASSAY_OK)
        status = as_phases_graph(cell->phases, 1, &cell->graph, error);
    if (status == ASSAY_OK)
        status = as_entry_check_token_weights(cell->spec.entry, as_graph_view(cell->graph), error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, cell->graph, &cell->engine, error);
    if (status == ASSAY_OK)
        status = cell->spec.entry->weights
                     ? as_cell_load_weights(cell, error)
                     : as_engine_init_parameters(cell->engine, cell->spec.seed, error);
    if (status == ASSAY_OK)
        status = upload_embeddings(cell, error);
    if (status == ASSAY_OK)
        status = as_trainee_new_phased(cell->engine, cell->phases, &cell->trainee, error);
    return status == ASSAY_OK && cell->mode != AS_CELL_HAND_OUT ? compute_features(cell, error)
                                                                : status;
}

static bool trains_a_part(const as_strategy *strategy) {
    return strategy->kind != AS_STRATEGY_FULL || strategy->lr_factors || strategy->lr_decay != 1;
}

/* An opaque model takes the batches as they are and keeps its own loss. */
static assay_status check_opaque(const as_cell *cell, assay_error *error) {
    const char *what = cell->data->class_weights                    ? "class weights"
                       : cell->data->embeddings                     ? "pretrained embeddings"
                       : cell->spec.entry->tokenizer.token_weights  ? "token weights"
                       : cell->spec.entry->weights                  ? "weights"
                       : trains_a_part(&cell->spec.entry->strategy) ? "a strategy"
                                                                    : NULL;
    if (!what)
        return ASSAY_OK;
    return as_fail(error, ASSAY_UNSUPPORTED, cell->spec.entry->where,
                   "the model \"%s\" is not a graph model: %s cannot be given to it",
                   cell->spec.entry->model, what);
}

assay_status as_cell_prepare(as_cell *cell, assay_error *error) {
    void *options = NULL;
    assay_status status = load_plugins(cell, &options, error);
    if (status != ASSAY_OK)
        return status;
    cell->options = as_options_to_json(cell->model.descriptor, options);
    if (cell->weights) /* handed out: where they lay is gone after the run */
        json_object_set_new(cell->options, "weights", json_string(""));
    as_cell_stage(cell, "data");
    status = as_prepare(cell->arena, &cell->suite->data, &cell->spec.entry->tokenizer,
                        cell->data_dir, &cell->data, error);
    cell->data_failed = status == ASSAY_BAD_DATA || status == ASSAY_NOT_FOUND ||
                        status == ASSAY_INVALID_ARGUMENT || status == ASSAY_LIMIT;
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < cell->data->n_warnings; i++)
        as_cell_warn(cell, "%s", cell->data->warnings[i]);
    if (cell->data->cache_problem)
        as_cell_warn(cell, "the data could not be cached, and is prepared anew each time: %s",
                     cell->data->cache_problem);
    fprintf(cell->log, "%s: %u train, %u validation, %u test texts, %u classes, %d words\n",
            cell->data->name, cell->data->splits[AS_SPLIT_TRAIN].n_rows,
            cell->data->splits[AS_SPLIT_VALIDATION].n_rows,
            cell->data->splits[AS_SPLIT_TEST].n_rows, cell->data->n_labels, cell->data->vocab_size);
    if (cell->spec.entry->grid && cell->data->splits[AS_SPLIT_VALIDATION].n_rows == 0) {
        as_where place = as_where_join(cell->spec.entry->where, "/", "grid");
        return as_fail(error, ASSAY_INVALID_ARGUMENT, place.text,
                       "there are no validation texts to select a point by; set "
                       "data.validation.share, as 0.1");
    }
    cell->config = (assay_model_config){.struct_size = sizeof(assay_model_config),
                                        .n_classes = (int32_t)cell->data->n_labels,
                                        .vocab_size = cell->data->vocab_size,
                                        .max_tokens = cell->spec.entry->max_tokens,
                                        .options = options,
                                        .seed = cell->spec.seed,
                                        .threads = cell->threads};
    as_cell_stage(cell, "build");
    if (cell->opaque_model) {
        status = check_opaque(cell, error);
        if (status != ASSAY_OK)
            return status;
        return as_trainee_new_opaque(cell->opaque_model, &cell->config, as_cell_max_rows(cell),
                                     &cell->trainee, error);
    }
    return make_graph_trainee(cell, error);
}

void as_cell_free(as_cell *cell) {
    as_peaks_free(cell->peaks);
    as_features_free(cell->features);
    as_trainee_free(cell->trainee);
    as_engine_free(cell->engine);
    as_phases_free(cell->phases);
    as_record_free(cell->record);
    as_prepared_free(cell->data);
    as_suite_free(cell->suite);
    json_decref(cell->options);
    json_decref(cell->weights);
    json_decref(cell->strategy);
    json_decref(cell->run);
    free(cell->state.path);
    as_arena_free(cell->arena);
}
