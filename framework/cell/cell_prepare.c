/* SPDX-License-Identifier: MIT */
/* From a cell's description to something that can be trained: plugins, probe, data, graph, engine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "data/tokenizers/vocabulary.h"

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

static assay_status make_graph_trainee(as_cell *cell, assay_error *error) {
    const as_train_config *training = &cell->spec.entry->training;
    as_engine_config config = {.backend = cell->device,
                               .dtype = as_dtype_from_name(cell->spec.dtype),
                               .threads = cell->threads,
                               .max_rows = training->batch,
                               .max_tokens = longest_row(cell->data)};
    assay_status status = as_graph_build_model(cell->graph_model, &cell->config,
                                               training->label_smoothing, 1, &cell->graph, error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, cell->graph, &cell->engine, error);
    if (status == ASSAY_OK)
        status = as_engine_init_parameters(cell->engine, cell->spec.seed, error);
    return status == ASSAY_OK ? as_trainee_new_graph(cell->engine, &cell->trainee, error) : status;
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
    fprintf(cell->log, "%s: %u train, %u validation, %u test texts, %u classes, %d words\n",
            cell->data->name, cell->data->splits[AS_SPLIT_TRAIN].n_rows,
            cell->data->splits[AS_SPLIT_VALIDATION].n_rows,
            cell->data->splits[AS_SPLIT_TEST].n_rows, cell->data->n_labels,
            as_vocabulary_size(cell->data->vocabulary));
    cell->config = (assay_model_config){.struct_size = sizeof(assay_model_config),
                                        .n_classes = (int32_t)cell->data->n_labels,
                                        .vocab_size = as_vocabulary_size(cell->data->vocabulary),
                                        .max_tokens = cell->spec.entry->max_tokens,
                                        .options = options,
                                        .seed = cell->spec.seed,
                                        .threads = cell->threads};
    as_cell_stage(cell, "build");
    if (cell->opaque_model)
        return as_trainee_new_opaque(cell->opaque_model, &cell->config,
                                     cell->spec.entry->training.batch, &cell->trainee, error);
    return make_graph_trainee(cell, error);
}

void as_cell_free(as_cell *cell) {
    as_trainee_free(cell->trainee);
    as_engine_free(cell->engine);
    as_graph_free(cell->graph);
    as_record_free(cell->record);
    as_suite_free(cell->suite);
    json_decref(cell->options);
    json_decref(cell->run);
    as_arena_free(cell->arena);
}
