/* SPDX-License-Identifier: MIT */
/* Graphs by phase: made when first asked for, one for each lowest depth. */
#include "train/phases.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct as_phases {
    as_arena *arena;
    as_phases_config config;
    as_strategy strategy;
    as_depths depths;
    assay_graph *plain;   /* forward only: owns the depths' names */
    assay_graph **graphs; /* [top + 2] by lowest depth; NULL: not asked for yet */
    as_graph_options options;
    int32_t lowest; /* of options */
};

int32_t as_depth_of_name(const as_depths *depths, const char *name) {
    for (uint32_t i = 0; i < depths->n; i++)
        if (strcmp(depths->names[i], name) == 0)
            return depths->depths[i];
    return depths->top + 1;
}

static int is_frozen(void *context, const char *name) {
    const as_phases *phases = context;
    return as_depth_of_name(&phases->depths, name) < phases->lowest;
}

int32_t as_phases_lowest(const as_phases *phases, int32_t epoch) {
    int32_t lowest = 0;
    /* as_phases_new has tried it: only the strategy and the depths decide whether it fails. */
    (void)!as_strategy_lowest(&phases->strategy, &phases->depths, epoch > 1 ? epoch : 1, &lowest,
                              NULL);
    return lowest;
}

int32_t as_phases_last_lowest(const as_phases *phases) {
    return as_phases_lowest(phases, phases->config.epochs);
}

int32_t as_phases_epochs(const as_phases *phases) {
    return phases->config.epochs;
}

const as_strategy *as_phases_strategy(const as_phases *phases) {
    return &phases->strategy;
}

const as_depths *as_phases_depths(const as_phases *phases) {
    return &phases->depths;
}

const as_graph_options *as_phases_options(as_phases *phases, int32_t epoch) {
    bool full = phases->strategy.kind == AS_STRATEGY_FULL;
    phases->lowest = as_phases_lowest(phases, epoch);
    phases->options = *phases->config.options;
    phases->options.frozen = full ? NULL : is_frozen;
    phases->options.context = full ? NULL : phases;
    phases->options.frozen_without_dropout = !full && !phases->strategy.frozen_dropout;
    return &phases->options;
}

/* The model as it is, for its parameters' names. */
static assay_status look_at_model(as_phases *phases, assay_error *error) {
    static const as_graph_options forward = {.with_gradient = 0};
    int32_t lowest;
    assay_status status = as_graph_build_model(phases->config.model, phases->config.config,
                                               &forward, &phases->plain, error);
    if (status == ASSAY_OK)
        status = as_depths_of(phases->arena, as_graph_view(phases->plain), &phases->depths, error);
    if (status == ASSAY_OK)
        status = as_strategy_lowest(&phases->strategy, &phases->depths, 1, &lowest, error);
    if (status != ASSAY_OK)
        return status;
    phases->graphs =
        as_arena_alloc_array(phases->arena, (size_t)phases->depths.top + 2, sizeof(assay_graph *));
    if (!phases->graphs)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "strategy", "no memory for its graphs");
    return ASSAY_OK;
}

assay_status as_phases_new(const as_phases_config *config, as_phases **ret_phases,
                           assay_error *error) {
    as_arena *arena = as_arena_new();
    as_phases *phases = arena ? as_arena_alloc(arena, sizeof *phases) : NULL;
    if (!phases) {
        as_arena_free(arena);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "strategy", "no memory to begin");
    }
    phases->arena = arena;
    phases->config = *config;
    phases->strategy =
        config->strategy ? *config->strategy : (as_strategy){.every = 1, .lr_decay = 1};
    assay_status status = look_at_model(phases, error);
    if (status != ASSAY_OK) {
        as_phases_free(phases);
        return status;
    }
    *ret_phases = phases;
    return ASSAY_OK;
}

void as_phases_free(as_phases *phases) {
    if (!phases)
        return;
    for (int32_t i = 0; phases->graphs && i < phases->depths.top + 2; i++)
        as_graph_free(phases->graphs[i]);
    as_graph_free(phases->plain);
    as_arena_free(phases->arena); /* the phases themselves live in it */
}

assay_status as_phases_graph(as_phases *phases, int32_t epoch, const assay_graph **ret_graph,
                             assay_error *error) {
    const as_graph_options *options = as_phases_options(phases, epoch);
    assay_graph **graph = &phases->graphs[phases->lowest];
    assay_status status = ASSAY_OK;
    if (!*graph)
        status = as_graph_build_model(phases->config.model, phases->config.config, options, graph,
                                      error);
    if (status == ASSAY_OK)
        *ret_graph = *graph;
    return status;
}
