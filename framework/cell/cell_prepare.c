/* SPDX-License-Identifier: MIT */
/* From a cell's description to something that can be trained: plugins, probe, data, graph, engine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "data/embeddings/embeddings.h"

static assay_status load_plugins(as_cell *cell, void **ret_options, assay_error *error) {
    const as_entry *entry = cell->spec.entry;
    char where[sizeof error->where];
    assay_status status =
        as_plugin_load(cell->arena, ASSAY_PLUGIN_KIND_MODEL, entry->model, &cell->model, error);
    if (status == ASSAY_OK)
        status = as_plugin_model(&cell->model, &cell->graph_model, &cell->opaque_model, error);
    snprintf(where, sizeof where, "%s/options", entry->where);
    if (status == ASSAY_OK)
        status = as_options_from_json(cell->arena, cell->model.descriptor, entry->options, where,
                                      ret_options, error);
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
                       "options.embedding to %d",
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

/* Weights that the suite gives and the model doesn't read would be a setting without effect, and
 * the other way round there is nothing to read. */
static assay_status check_token_weights(const as_cell *cell, assay_error *error) {
    const assay_graph_view *view = as_graph_view(cell->graph);
    bool reads = false, has = cell->spec.entry->tokenizer.token_weights != NULL;
    for (uint32_t i = 0; i < view->n_values; i++)
        reads = reads || view->values[i].input == ASSAY_INPUT_TOKEN_WEIGHTS;
    if (reads == has)
        return ASSAY_OK;
    as_where place = as_where_join(cell->spec.entry->where, "/", "token_weights");
    return as_fail(
        error, ASSAY_INVALID_ARGUMENT, place.text,
        has ? "the model \"%s\" does not read them; set options.token_weights to true "
              "if it has that option"
            : "the model \"%s\" reads them, and the entry has none; add \"token_weights\"",
        cell->spec.entry->model);
}

static assay_status make_graph_trainee(as_cell *cell, assay_error *error) {
    const as_train_config *training = &cell->spec.entry->training;
    as_engine_config config = {.backend = cell->device,
                               .dtype = as_dtype_from_name(cell->spec.dtype),
                               .threads = cell->threads,
                               .max_rows = training->batch,
                               .max_tokens = longest_row(cell->data)};
    assay_status status =
        as_graph_build_model(cell->graph_model, &cell->config, training->label_smoothing,
                             cell->data->class_weights, 1, &cell->graph, error);
    if (status == ASSAY_OK)
        status = check_token_weights(cell, error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, cell->graph, &cell->engine, error);
    if (status == ASSAY_OK)
        status = cell->spec.entry->weights
                     ? as_cell_load_weights(cell, error)
                     : as_engine_init_parameters(cell->engine, cell->spec.seed, error);
    if (status == ASSAY_OK)
        status = upload_embeddings(cell, error);
    return status == ASSAY_OK ? as_trainee_new_graph(cell->engine, &cell->trainee, error) : status;
}

/* An opaque model takes the batches as they are and keeps its own loss. */
static assay_status check_opaque(const as_cell *cell, assay_error *error) {
    const char *what = cell->data->class_weights                   ? "class weights"
                       : cell->data->embeddings                    ? "pretrained embeddings"
                       : cell->spec.entry->tokenizer.token_weights ? "token weights"
                       : cell->spec.entry->weights                 ? "weights"
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
        return as_trainee_new_opaque(cell->opaque_model, &cell->config,
                                     cell->spec.entry->training.batch, &cell->trainee, error);
    }
    return make_graph_trainee(cell, error);
}

void as_cell_free(as_cell *cell) {
    as_trainee_free(cell->trainee);
    as_engine_free(cell->engine);
    as_graph_free(cell->graph);
    as_record_free(cell->record);
    as_prepared_free(cell->data);
    as_suite_free(cell->suite);
    json_decref(cell->options);
    json_decref(cell->weights);
    json_decref(cell->run);
    as_arena_free(cell->arena);
}
