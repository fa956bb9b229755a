/* SPDX-License-Identifier: MIT */
/* cudnn/graph_engine.c: an engine for a graph, its execution plan, and running it.
 *
 * The heuristics order the engines that claim a graph; some of them fail only when their kernel is
 * compiled, so the list is walked until a plan is made: mode A (the good ones, best first), then
 * mode FALLBACK (slow ones that take nearly everything). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "graph_parts.h"

enum { MOST_CONFIGURATIONS = 24, MOST_NOTES = 32 };

struct gpu_graph {
    gpu_builder *builder; /* keeps the descriptors */
    cudnnBackendDescriptor_t plan;
    uint64_t workspace;
};

/* The configurations of one mode, best first. */
typedef struct configurations {
    const cudnn_dnn_api *api;
    cudnnBackendDescriptor_t list[MOST_CONFIGURATIONS];
    int64_t n;
} configurations;

static void configurations_done(configurations *c) {
    for (int i = 0; i < MOST_CONFIGURATIONS; i++)
        if (c->list[i])
            c->api->BackendDestroyDescriptor(c->list[i]);
    memset(c->list, 0, sizeof c->list);
}

static cudnnBackendDescriptor_t make_operation_graph(gpu_builder *builder) {
    cudnnBackendDescriptor_t graph =
        gpu_part(builder, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "graph");
    gpu_part_set(builder, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                 builder->n_operations, builder->operations, "operations of a graph");
    gpu_part_finish(builder, graph, "graph");
    return graph;
}

/* Makes `c` the configurations that a mode offers; none where the heuristics refuse the graph. */
static void ask_heuristics(gpu_builder *builder, const gpu_target *target,
                           cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode,
                           configurations *c) {
    const cudnn_dnn_api *api = builder->api;
    cudnnBackendDescriptor_t heuristics =
        gpu_part(builder, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics");
    gpu_part_set(builder, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph, "graph of the heuristics");
    gpu_part_set(builder, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode,
                 "mode of the heuristics");
    if (target->properties)
        gpu_part_set(builder, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &target->properties,
                     "device of the heuristics");
    c->api = api;
    c->n = 0;
    if (builder->error.status != ASSAY_OK ||
        api->BackendFinalize(heuristics) != CUDNN_STATUS_SUCCESS)
        return;
    for (int i = 0; i < MOST_CONFIGURATIONS; i++)
        if (api->BackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &c->list[i]) !=
            CUDNN_STATUS_SUCCESS)
            return;
    if (api->BackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_CONFIGURATIONS, &c->n,
                                 c->list) != CUDNN_STATUS_SUCCESS)
        c->n = 0;
    if (c->n > MOST_CONFIGURATIONS)
        c->n = MOST_CONFIGURATIONS;
}

/* ---- engines ------------------------------------------------------------------------------- */

/* Global index of a configuration's engine, and whether it says that it is not deterministic. */
static void look_at_engine(const cudnn_dnn_api *api, cudnnBackendDescriptor_t configuration,
                           int64_t *ret_index, int *ret_deterministic) {
    cudnnBackendNumericalNote_t notes[MOST_NOTES];
    cudnnBackendDescriptor_t engine = NULL;
    int64_t n = 0;
    *ret_index = -1;
    *ret_deterministic = 0;
    if (api->BackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) !=
        CUDNN_STATUS_SUCCESS)
        return;
    if (api->BackendGetAttribute(configuration, CUDNN_ATTR_ENGINECFG_ENGINE,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n,
                                 &engine) == CUDNN_STATUS_SUCCESS &&
        api->BackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &n,
                                 ret_index) == CUDNN_STATUS_SUCCESS &&
        api->BackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                 CUDNN_TYPE_NUMERICAL_NOTE, MOST_NOTES, &n,
                                 notes) == CUDNN_STATUS_SUCCESS) {
        *ret_deterministic = 1;
        for (int64_t i = 0; i < n && i < MOST_NOTES; i++)
            if (notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
                *ret_deterministic = 0;
    }
    api->BackendDestroyDescriptor(engine);
}

/* Makes a configuration's plan; NULL, with the reason in *ret_status, where it can't be. */
static cudnnBackendDescriptor_t try_plan(const cudnn_dnn_api *api, const gpu_target *target,
                                         cudnnBackendDescriptor_t configuration,
                                         cudnnStatus_t *ret_status) {
    cudnnBackendDescriptor_t plan = NULL;
    cudnnStatus_t status =
        api->BackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan);
    if (status == CUDNN_STATUS_SUCCESS && target->handle)
        status = api->BackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE,
                                          1, &target->handle);
    if (status == CUDNN_STATUS_SUCCESS && target->properties)
        status = api->BackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &target->properties);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &configuration);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendFinalize(plan);
    if (status == CUDNN_STATUS_SUCCESS)
        return plan;
    *ret_status = status;
    if (plan)
        api->BackendDestroyDescriptor(plan);
    return NULL;
}

/* What an engine search leaves behind. */
typedef struct attempt {
    cudnnBackendDescriptor_t plan;
    uint64_t workspace;
    cudnnStatus_t status; /* of the last one that failed */
    char reason[700];     /* and cuDNN's text for it */
    gpu_search search;
} attempt;

/* Tries one configuration; 1: taken. */
static int try_configuration(gpu_builder *builder, const gpu_target *target,
                             cudnnBackendDescriptor_t configuration, attempt *a) {
    const cudnn_dnn_api *api = builder->api;
    int64_t engine, workspace = 0, n = 0;
    int deterministic;
    look_at_engine(api, configuration, &engine, &deterministic);
    if (target->deterministic && !deterministic) {
        strcpy(a->reason, "an engine is not deterministic");
        return 0;
    }
    a->plan = try_plan(api, target, configuration, &a->status);
    if (!a->plan) {
        api->GetLastErrorString(a->reason, sizeof a->reason);
        return 0;
    }
    a->status = api->BackendGetAttribute(a->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                         CUDNN_TYPE_INT64, 1, &n, &workspace);
    if (a->status == CUDNN_STATUS_SUCCESS && workspace >= 0 &&
        (uint64_t)workspace <= target->workspace_limit) {
        a->workspace = (uint64_t)workspace;
        a->search.engine = engine;
        return 1;
    }
    strcpy(a->reason, "an engine wants more workspace than is allowed");
    api->BackendDestroyDescriptor(a->plan);
    a->plan = NULL;
    return 0;
}

/* Goes through both modes; only counts where no plans are wanted. */
static void search_engines(gpu_builder *builder, const gpu_target *target,
                           cudnnBackendDescriptor_t graph, int plans, attempt *a) {
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    for (int m = 0; m < 2 && !a->plan; m++) {
        configurations c = {0};
        ask_heuristics(builder, target, graph, modes[m], &c);
        a->search.n_configurations += (int)c.n;
        for (int64_t i = 0; i < c.n && plans && !a->plan; i++) {
            if (!try_configuration(builder, target, c.list[i], a)) {
                a->search.n_refused++;
                continue;
            }
            a->search.from_fallback = m;
            builder->kept[builder->n_kept++] = c.list[i]; /* lives as long as its plan */
            c.list[i] = NULL;
        }
        configurations_done(&c);
    }
}

static assay_status no_engine(const attempt *a, assay_error *error) {
    const char *none = "cuDNN has no engine for a graph of this shape and precision",
               *failed = "none of cuDNN's engines for a graph makes a plan";
    char text[1024];
    snprintf(text, sizeof text, "%s%s%s", a->search.n_configurations ? failed : none,
             *a->reason ? "; the last: " : "", a->reason);
    return assay_fail(error, ASSAY_UNSUPPORTED, "cudnn", text);
}

assay_status gpu_graph_offer(gpu_builder *builder, const gpu_target *target, gpu_search *ret_search,
                             assay_error *error) {
    attempt a = {.search = {.engine = -1}};
    assay_status status;
    search_engines(builder, target, make_operation_graph(builder), 0, &a);
    status = builder->error.status;
    *ret_search = a.search;
    if (status != ASSAY_OK)
        assay_fail(error, status, builder->error.where, builder->error.text);
    gpu_builder_free(builder);
    return status;
}

assay_status gpu_graph_finish(gpu_builder *builder, const gpu_target *target, gpu_graph **ret_graph,
                              gpu_search *ret_search, assay_error *error) {
    attempt a = {.search = {.engine = -1}};
    gpu_graph *graph = NULL;
    assay_status status;
    search_engines(builder, target, make_operation_graph(builder), 1, &a);
    status = builder->error.status;
    if (ret_search)
        *ret_search = a.search;
    if (status != ASSAY_OK)
        assay_fail(error, status, builder->error.where, builder->error.text);
    else if (!a.plan)
        status = no_engine(&a, error);
    else if (!(graph = calloc(1, sizeof *graph)))
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a graph");
    if (status != ASSAY_OK)
        goto fail;
    graph->builder = builder;
    graph->plan = a.plan;
    graph->workspace = a.workspace;
    *ret_graph = graph;
    return ASSAY_OK;
fail:
    if (a.plan)
        builder->api->BackendDestroyDescriptor(a.plan);
    gpu_builder_free(builder);
    return status;
}

void gpu_graph_free(gpu_graph *graph) {
    if (!graph)
        return;
    graph->builder->api->BackendDestroyDescriptor(graph->plan);
    gpu_builder_free(graph->builder);
    free(graph);
}

uint64_t gpu_graph_workspace(const gpu_graph *graph) {
    return graph->workspace;
}

/* ---- running ------------------------------------------------------------------------------- */

void gpu_places_done(const cudnn_dnn_api *api, gpu_places *places) {
    if (places->pack)
        api->BackendDestroyDescriptor(places->pack);
    memset(places, 0, sizeof *places);
}

/* Ids and addresses of what isn't virtual; constants stand in the graph itself. */
static int64_t list_places(const gpu_builder *builder, void *const *pointers, int64_t *ids,
                           void **addresses) {
    int64_t n = 0;
    for (int i = 0; i < builder->n_tensors; i++) {
        const gpu_tensor *tensor = &builder->tensors[i];
        if (tensor->kind == GPU_VIRTUAL || !builder->used[i])
            continue;
        ids[n] = i + 1;
        addresses[n++] =
            tensor->kind == GPU_CONSTANT ? (void *)(uintptr_t)&tensor->constant : pointers[i];
    }
    return n;
}

static cudnnStatus_t make_pack(const gpu_builder *builder, void *const *pointers, void *workspace,
                               cudnnBackendDescriptor_t *ret_pack) {
    const cudnn_dnn_api *api = builder->api;
    int64_t ids[GPU_MOST_TENSORS], n;
    void *addresses[GPU_MOST_TENSORS];
    cudnnStatus_t status =
        api->BackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, ret_pack);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    n = list_places(builder, pointers, ids, addresses);
    status = api->BackendSetAttribute(*ret_pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                      CUDNN_TYPE_INT64, n, ids);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendSetAttribute(*ret_pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                          CUDNN_TYPE_VOID_PTR, n, addresses);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendSetAttribute(*ret_pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                          CUDNN_TYPE_VOID_PTR, 1, &workspace);
    return status == CUDNN_STATUS_SUCCESS ? api->BackendFinalize(*ret_pack) : status;
}

/* 1 when the pack of an earlier run serves. */
static int same_places(const gpu_graph *graph, const gpu_places *places, void *const *pointers,
                       const void *workspace) {
    if (!places->pack || places->graph != graph || places->workspace != workspace)
        return 0;
    for (int i = 0; i < graph->builder->n_tensors; i++)
        if (graph->builder->tensors[i].kind == GPU_IN_MEMORY && places->pointers[i] != pointers[i])
            return 0;
    return 1;
}

assay_status gpu_graph_run(const gpu_graph *graph, cudnnHandle_t handle, gpu_places *places,
                           void *const *pointers, void *workspace, assay_error *error) {
    const gpu_builder *builder = graph->builder;
    cudnnStatus_t status;
    if (!same_places(graph, places, pointers, workspace)) {
        gpu_places_done(builder->api, places);
        status = make_pack(builder, pointers, workspace, &places->pack);
        if (status != CUDNN_STATUS_SUCCESS) {
            gpu_places_done(builder->api, places);
            return gpu_graph_fail(builder->api, status, "places of a graph's tensors", error);
        }
        places->graph = graph;
        places->workspace = workspace;
        for (int i = 0; i < builder->n_tensors; i++)
            places->pointers[i] = builder->tensors[i].kind == GPU_IN_MEMORY ? pointers[i] : NULL;
    }
    status = builder->api->BackendExecute(handle, graph->plan, places->pack);
    return status == CUDNN_STATUS_SUCCESS
               ? ASSAY_OK
               : gpu_graph_fail(builder->api, status, "running a graph", error);
}

/* ---- devices that are only described -------------------------------------------------------- */

assay_status gpu_properties_parse(const cudnn_dnn_api *api, const char *json,
                                  cudnnBackendDescriptor_t *ret_properties, assay_error *error) {
    cudnnBackendDescriptor_t properties = NULL;
    cudnnStatus_t status =
        api->BackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &properties);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendSetAttribute(properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                          CUDNN_TYPE_CHAR, (int64_t)strlen(json), json);
    if (status == CUDNN_STATUS_SUCCESS)
        status = api->BackendFinalize(properties);
    if (status == CUDNN_STATUS_SUCCESS) {
        *ret_properties = properties;
        return ASSAY_OK;
    }
    if (properties)
        api->BackendDestroyDescriptor(properties);
    return gpu_graph_fail(api, status, "description of a device", error);
}

void gpu_properties_free(const cudnn_dnn_api *api, cudnnBackendDescriptor_t properties) {
    if (properties)
        api->BackendDestroyDescriptor(properties);
}
