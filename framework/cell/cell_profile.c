/* SPDX-License-Identifier: MIT */
/* A cell's profile (assay run --profile): a few training steps and batches of inference, line by
 * line, into profile.json and trace.json of its folder. The last thing that a cell does with its
 * model: training steps leave gradients and moments behind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "measure/profile.h"
#include "results/record/profile.h"
#include "train/engine.h"

#define MAX_SECONDS 10.0

enum { PROFILED_STEPS = 8 };

/* ---- from steps to lines --------------------------------------------------------------------- */

/* The first parameter that a node reads, or gives the gradient of. */
static const char *parameter_of(const assay_graph_view *view, int32_t node) {
    if (node < 0 || (uint32_t)node >= view->n_nodes)
        return NULL;
    const assay_node *n = &view->nodes[node];
    for (uint32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != ASSAY_NONE && view->values[n->inputs[i]].parameter >= 0)
            return view->parameters[view->values[n->inputs[i]].parameter].name;
    for (uint32_t i = 0; i < n->n_outputs; i++)
        for (uint32_t p = 0; n->outputs[i] != ASSAY_NONE && p < view->n_parameters; p++)
            if (view->parameters[p].gradient == n->outputs[i])
                return view->parameters[p].name;
    return NULL;
}

typedef struct line_key {
    const char *name;
    int32_t plan, node;
} line_key;

/* The line of that key, or a new one at the end; the part has room for it. */
static as_profile_line *line_for(as_profile_part *part, line_key *keys,
                                 const assay_graph_view *view, const as_profiled_line *from) {
    for (size_t i = 0; i < part->n_lines; i++)
        if (keys[i].plan == from->plan && keys[i].node == from->node &&
            strcmp(keys[i].name, from->name) == 0)
            return &part->lines[i];
    as_profile_line *line = &part->lines[part->n_lines];
    keys[part->n_lines++] = (line_key){from->name, from->plan, from->node};
    *line = (as_profile_line){
        .operation = from->name, .parameter = parameter_of(view, from->node), .node = from->node};
    return line;
}

static as_profile_event *add_event(as_profile_part *part, const as_profile_line *line, double start,
                                   double seconds) {
    as_profile_event *event = &part->events[part->n_events++];
    *event = (as_profile_event){line, start, seconds, 0, 0};
    return event;
}

/* One step's lines, one after the other, and what is left of its time. */
static void add_step(as_profile_part *part, line_key *keys, const assay_graph_view *view,
                     const as_profiled_step *step, double *ret_between) {
    double start = (double)step->start_ns * 1e-9, seconds = (double)step->ns * 1e-9, at = start;
    (void)add_event(part, NULL, start, seconds);
    for (size_t i = 0; i < step->n_lines; i++) {
        const as_profiled_line *from = &step->lines[i];
        as_profile_line *line = line_for(part, keys, view, from);
        double took = (double)from->nanoseconds * 1e-9;
        line->calls += (int64_t)from->calls;
        line->seconds += took;
        line->flops += (double)from->flops;
        line->bytes += (double)from->bytes;
        as_profile_event *event = add_event(part, line, at, took);
        event->flops = (double)from->flops;
        event->bytes = (double)from->bytes;
        at += took;
    }
    part->steps++;
    part->rows += step->n_rows;
    part->tokens += step->n_tokens;
    part->seconds += seconds;
    *ret_between += seconds - (at - start);
}

static assay_status make_part(as_cell *cell, const as_profiled *profiled, const char *name,
                              const assay_graph_view *view, as_profile_part *ret_part,
                              assay_error *error) {
    as_profile_part part = {.name = name};
    double between = 0;
    size_t n = 1;
    for (size_t i = 0; i < profiled->n_steps; i++)
        n += profiled->steps[i].n_lines + 1;
    part.lines = as_arena_alloc_array(cell->arena, n, sizeof *part.lines);
    part.events = as_arena_alloc_array(cell->arena, n, sizeof *part.events);
    line_key *keys = as_arena_alloc_array(cell->arena, n, sizeof *keys);
    if (!part.lines || !part.events || !keys)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "profile", "no memory for %zu lines", n);
    for (size_t i = 0; i < profiled->n_steps; i++)
        add_step(&part, keys, view, &profiled->steps[i], &between);
    part.lines[part.n_lines++] = (as_profile_line){.operation = AS_PROFILE_BETWEEN,
                                                   .node = -1,
                                                   .calls = part.steps,
                                                   .seconds = between > 0 ? between : 0};
    *ret_part = part;
    return ASSAY_OK;
}

/* ---- the cell's two parts -------------------------------------------------------------------- */

static assay_status profile_part(as_cell *cell, as_profile_config *config, const char *name,
                                 as_profile *profile, assay_error *error) {
    as_profiled profiled;
    config->batch_rows = cell->spec.entry->training.batch;
    config->seed = cell->spec.seed;
    config->n_steps = PROFILED_STEPS;
    config->max_seconds = MAX_SECONDS;
    config->pause = as_cell_peaks_pause;
    config->context = cell;
    config->steps_before = cell->trained.n_steps;
    assay_status status = as_profile_run(cell->arena, config, &profiled, error);
    if (status == ASSAY_OK)
        status = make_part(cell, &profiled, name, as_graph_view(as_engine_graph(config->engine)),
                           &profile->parts[profile->n_parts], error);
    if (status == ASSAY_OK)
        profile->n_parts++;
    return status;
}

static assay_status profile_training(as_cell *cell, as_profile *profile, assay_error *error) {
    const as_features *features = cell->features;
    const as_prepared *data = features ? as_features_prepared(features) : cell->data;
    as_profile_config config = {.trainee = features ? as_features_trainee(features) : cell->trainee,
                                .engine = features ? as_features_engine(features) : cell->engine,
                                .split = &data->splits[AS_SPLIT_TRAIN],
                                .training = &cell->spec.entry->training};
    if (cell->trained.n_epochs < 1)
        return ASSAY_OK; /* the entry doesn't train */
    return profile_part(cell, &config, "training", profile, error);
}

static assay_status profile_inference(as_cell *cell, as_profile *profile, assay_error *error) {
    as_profile_config config = {.trainee = cell->trainee,
                                .engine = cell->engine,
                                .split = &cell->data->splits[AS_SPLIT_TEST]};
    if (config.split->n_rows == 0)
        return ASSAY_OK;
    return profile_part(cell, &config, "inference", profile, error);
}

assay_status as_cell_profile(as_cell *cell, assay_error *error) {
    const as_record *record = cell->record;
    as_profile profile = {.cell = cell->spec.name,
                          .entry = cell->spec.entry->name,
                          .backend = cell->spec.backend,
                          .libraries = record->backend.libraries,
                          .dtype = cell->spec.dtype,
                          .threads = cell->threads};
    if (!json_is_true(json_object_get(cell->run, "profile")))
        return ASSAY_OK;
    if (!cell->engine || !cell->device->profile || !cell->device->read_profile) {
        as_cell_warn(cell, "no profile: %s",
                     cell->engine ? "the backend keeps no times" : "the model computes by itself");
        return ASSAY_OK;
    }
    as_cell_stage(cell, "profile");
    size_t from = as_cell_peaks_begin(cell);
    assay_status status = profile_training(cell, &profile, error);
    if (status == ASSAY_OK)
        status = profile_inference(cell, &profile, error);
    if (status != ASSAY_OK)
        return status;
    as_cell_peaks_sample(cell);
    profile.peak_compute = profile.peak_gemm = profile.peak_memory = as_figure_point(NAN);
    if (cell->peaks) {
        profile.peak_compute = as_peaks_figure(cell->peaks, ASSAY_PEAK_COMPUTE, from);
        profile.peak_gemm = as_peaks_figure(cell->peaks, ASSAY_PEAK_GEMM, from);
        profile.peak_memory = as_peaks_figure(cell->peaks, ASSAY_PEAK_MEMORY, from);
    }
    return as_profile_write(&profile, cell->work, error);
}
