/* SPDX-License-Identifier: MIT */
/* A graph model's tensors of a training state: train/trainee_state.h. Gradients are zero between
 * two optimizer steps and need no place. */
#include "train/trainee_state.h"

#include <stdlib.h>

#include "base/error.h"
#include "train/engine.h"

enum { MAX_NAME = 300, KEPT = -1 };

static const struct {
    int32_t state;
    const char *prefix;
} kinds[] = {{ASSAY_STATE_PARAMETER, "parameter"},
             {ASSAY_STATE_MOMENT1, "moment1"},
             {ASSAY_STATE_MOMENT2, "moment2"}};

/* How many of the kinds the optimizer's next step reads. */
static size_t n_kinds(const assay_update_config *update) {
    if (update->optimizer == ASSAY_OPTIMIZER_SGD)
        return update->momentum > 0 ? 2 : 1;
    return 3;
}

static as_tensor_type type_of(const as_engine *engine) {
    return as_engine_configuration(engine)->dtype == ASSAY_DTYPE_F64 ? AS_TENSOR_F64
                                                                     : AS_TENSOR_F32;
}

/* The tensor of a parameter's state, its name in `name`. */
static as_tensor_out tensor_of(const as_engine *engine, const char *prefix,
                               const assay_parameter_info *parameter, char name[MAX_NAME]) {
    as_tensor_out tensor = {.name = name, .type = type_of(engine), .rank = parameter->rank};
    snprintf(name, MAX_NAME, "%s/%s", prefix, parameter->name);
    for (uint32_t i = 0; i < parameter->rank && i < 2; i++)
        tensor.dims[i] = parameter->dims[i];
    return tensor;
}

static as_tensor_out kept_tensor(const as_engine *engine, uint64_t n) {
    return (as_tensor_out){
        .name = "kept", .type = type_of(engine), .rank = 1, .dims = {(int64_t)n}};
}

static assay_status new_staging(const assay_graph_view *view, double **ret_staging,
                                assay_error *error) {
    int64_t largest = 1;
    for (uint32_t i = 0; i < view->n_parameters; i++)
        if (view->parameters[i].gradient != ASSAY_NONE && view->parameters[i].n_elements > largest)
            largest = view->parameters[i].n_elements;
    if (!(*ret_staging = malloc((size_t)largest * sizeof **ret_staging)))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "training state",
                       "no memory for a parameter of %lld elements", (long long)largest);
    return ASSAY_OK;
}

static assay_status give(void *context, int32_t state, uint32_t parameter, as_state_sink *sink,
                         assay_error *error) {
    const as_trainee_source *source = context;
    const assay_graph_view *view = as_graph_view(as_engine_graph(source->engine));
    if (state == KEPT) {
        as_state_put(sink, source->kept, source->n_kept);
        return ASSAY_OK;
    }
    assay_status status =
        as_engine_get_parameter(source->engine, state, parameter, source->staging, error);
    if (status == ASSAY_OK)
        as_state_put(sink, source->staging, (uint64_t)view->parameters[parameter].n_elements);
    return status;
}

bool as_trainee_can_save(const as_trainee *trainee) {
    return as_trainee_engine(trainee) != NULL;
}

assay_status as_trainee_pack(const as_trainee *trainee, const assay_update_config *update,
                             bool with_kept, as_trainee_source *source, as_state_parts *parts,
                             assay_error *error) {
    *source = (as_trainee_source){.engine = as_trainee_engine(trainee)};
    const assay_graph_view *view = as_graph_view(as_engine_graph(source->engine));
    char name[MAX_NAME];
    assay_status status = new_staging(view, &source->staging, error);
    source->kept = as_trainee_kept(trainee, &source->n_kept);
    for (size_t k = 0; k < n_kinds(update); k++)
        for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
            if (view->parameters[i].gradient == ASSAY_NONE)
                continue;
            as_tensor_out tensor =
                tensor_of(source->engine, kinds[k].prefix, &view->parameters[i], name);
            status = as_state_add_source(parts, &tensor, give, source, kinds[k].state, i, error);
        }
    if (status == ASSAY_OK && with_kept) {
        as_tensor_out tensor = kept_tensor(source->engine, source->n_kept);
        status = as_state_add_source(parts, &tensor, give, source, KEPT, 0, error);
    }
    const as_loss_scale *scale = as_engine_loss_scale(source->engine);
    const int64_t counts[] = {scale->n_taken, scale->n_skipped};
    if (status == ASSAY_OK && scale->scale > 0)
        status = as_state_add_f64(parts, "loss_scale.scale", &scale->scale, 1, error);
    if (status == ASSAY_OK && scale->scale > 0)
        status = as_state_add_i64(parts, "loss_scale.counts", counts, 2, error);
    return status;
}

void as_trainee_source_done(as_trainee_source *source) {
    free(source->staging);
    *source = (as_trainee_source){NULL, NULL, NULL, 0};
}

/* Scale and counts, where the precision has a scale. */
static assay_status unpack_loss_scale(as_loss_scale *scale, as_state *state, assay_error *error) {
    as_loss_scale read = {0, 0, 0};
    int64_t counts[2] = {0, 0};
    if (scale->scale <= 0)
        return ASSAY_OK;
    assay_status status = as_state_read_f64(state, "loss_scale.scale", &read.scale, 1, error);
    if (status == ASSAY_OK)
        status = as_state_read_i64(state, "loss_scale.counts", counts, 2, error);
    if (status != ASSAY_OK)
        return status;
    if (!(read.scale >= AS_LOSS_SCALE_LEAST && read.scale <= AS_LOSS_SCALE_MOST))
        return as_fail(error, ASSAY_BAD_DATA, "loss_scale.scale",
                       "found %g; expected a loss scale of %g to %g", read.scale,
                       AS_LOSS_SCALE_LEAST, AS_LOSS_SCALE_MOST);
    if (counts[0] < 0 || counts[0] >= AS_LOSS_SCALE_STEPS)
        return as_state_fail_value(state, "loss_scale.counts", counts[0], 0,
                                   AS_LOSS_SCALE_STEPS - 1, error);
    if (counts[1] < 0)
        return as_state_fail_value(state, "loss_scale.counts", counts[1], 0, INT64_MAX, error);
    *scale = (as_loss_scale){read.scale, counts[0], counts[1]};
    return ASSAY_OK;
}

assay_status as_trainee_unpack(const as_trainee *trainee, const assay_update_config *update,
                               bool with_kept, as_state *state, assay_error *error) {
    as_engine *engine = as_trainee_engine(trainee);
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    double *staging = NULL;
    char name[MAX_NAME];
    assay_status status = new_staging(view, &staging, error);
    for (size_t k = 0; k < n_kinds(update); k++)
        for (uint32_t i = 0; status == ASSAY_OK && i < view->n_parameters; i++) {
            const assay_parameter_info *parameter = &view->parameters[i];
            if (parameter->gradient == ASSAY_NONE)
                continue;
            as_tensor_out tensor = tensor_of(engine, kinds[k].prefix, parameter, name);
            status = as_state_read_tensor(state, &tensor, staging, (uint64_t)parameter->n_elements,
                                          error);
            if (status == ASSAY_OK)
                status = as_engine_set_parameter(engine, kinds[k].state, i, staging, error);
        }
    if (status == ASSAY_OK && with_kept) {
        uint64_t n = 0;
        double *kept = as_trainee_kept(trainee, &n);
        as_tensor_out tensor = kept_tensor(engine, n);
        status = as_state_read_tensor(state, &tensor, kept, n, error);
    }
    free(staging);
    return status == ASSAY_OK ? unpack_loss_scale(as_engine_loss_scale(engine), state, error)
                              : status;
}
