/* SPDX-License-Identifier: MIT */
/* A suite's "training" object: fields, their defaults, and which of them go together. */
#include "train/recipe.h"

#include <string.h>

#include "base/error.h"

static double number_or(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* The place of a word in a list; the schema lets no other word through. */
static int32_t word_or(const json_t *object, const char *key, const char *const *words, int32_t n,
                       int32_t otherwise) {
    const char *word = json_string_value(json_object_get(object, key));
    for (int32_t i = 0; word && i < n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return otherwise;
}

static as_metric_kind metric_of(const json_t *object) {
    static const char *const metrics[] = {"validation.loss", "validation.accuracy",
                                          "validation.f1_macro"}; /* by AS_METRIC_* */
    return (as_metric_kind)word_or(object, "metric", metrics, 3, AS_METRIC_VALIDATION_LOSS);
}

/* ---- schedule -------------------------------------------------------------------------------- */

/* The fields of each kind; `kind` itself is everyone's. */
static const char *const schedule_fields[AS_SCHEDULE_COUNT][6] = {
    [AS_SCHEDULE_CONSTANT] = {"warmup_steps", "warmup_share"},
    [AS_SCHEDULE_LINEAR] = {"warmup_steps", "warmup_share", "final"},
    [AS_SCHEDULE_COSINE] = {"warmup_steps", "warmup_share", "final"},
    [AS_SCHEDULE_STEP] = {"every", "gamma"},
    [AS_SCHEDULE_PLATEAU] = {"metric", "factor", "patience", "threshold", "min_lr"},
};

static bool has_field(as_schedule_kind kind, const char *field) {
    const char *const *known = schedule_fields[kind];
    bool found = strcmp(field, "kind") == 0;
    for (size_t i = 0; !found && known[i]; i++)
        found = strcmp(field, known[i]) == 0;
    return found;
}

static assay_status check_fields(const json_t *schedule, as_schedule_kind kind, const char *where,
                                 assay_error *error) {
    const char *const *known = schedule_fields[kind];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schedule, key, value) {
        char list[128] = "";
        if (has_field(kind, key))
            continue;
        for (size_t i = 0; known[i]; i++) {
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", known[i]);
        }
        as_where place = as_where_join(where, "/", key);
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "means nothing for a schedule of kind \"%s\", which has %s",
                       as_schedule_kind_name(kind), list);
    }
    return ASSAY_OK;
}

static assay_status schedule_from_json(const json_t *schedule, const char *where,
                                       as_schedule_config *ret_config, assay_error *error) {
    const char *kinds[AS_SCHEDULE_COUNT];
    for (int i = 0; i < AS_SCHEDULE_COUNT; i++)
        kinds[i] = as_schedule_kind_name((as_schedule_kind)i);
    as_schedule_kind kind =
        (as_schedule_kind)word_or(schedule, "kind", kinds, AS_SCHEDULE_COUNT, AS_SCHEDULE_CONSTANT);
    as_schedule_config config = {
        .kind = kind,
        .warmup_steps = (int64_t)number_or(schedule, "warmup_steps", 0),
        .warmup_share = number_or(schedule, "warmup_share", 0),
        .final = number_or(schedule, "final", 0),
        .every = (int32_t)number_or(schedule, "every", 1),
        .gamma = number_or(schedule, "gamma", 0.1),
        .metric = metric_of(schedule),
        .factor = number_or(schedule, "factor", 0.1),
        .patience = (int32_t)number_or(schedule, "patience", 10),
        .threshold = number_or(schedule, "threshold", 1e-4),
        .min_lr = number_or(schedule, "min_lr", 0),
    };
    assay_status status = check_fields(schedule, kind, where, error);
    if (status != ASSAY_OK)
        return status;
    if (config.warmup_steps > 0 && config.warmup_share > 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "warmup_steps %lld and warmup_share %g are two lengths of one warm-up; set "
                       "one of them to 0",
                       (long long)config.warmup_steps, config.warmup_share);
    *ret_config = config;
    return ASSAY_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static assay_update_config update_from_json(const json_t *training) {
    static const char *const optimizers[ASSAY_OPTIMIZER_COUNT] = {"sgd", "adam", "adamw",
                                                                  "adam_keras", "adam_lazy"};
    int32_t optimizer =
        word_or(training, "optimizer", optimizers, ASSAY_OPTIMIZER_COUNT, ASSAY_OPTIMIZER_ADAM);
    double clip_value = number_or(training, "clip_value", 0);
    bool keras = optimizer == ASSAY_OPTIMIZER_ADAM_KERAS;
    return (assay_update_config){
        .struct_size = sizeof(assay_update_config),
        .optimizer = optimizer,
        .beta1 = number_or(training, "beta1", 0.9),
        .beta2 = number_or(training, "beta2", 0.999),
        .epsilon = number_or(training, "epsilon", keras ? 1e-7 : 1e-8),
        .momentum = number_or(training, "momentum", 0),
        .weight_decay = number_or(training, "weight_decay", 0),
        .clip_norm = number_or(training, "clip_norm", clip_value > 0 ? 0 : 1),
        .clip_value = clip_value,
    };
}

static uint32_t exempt_kinds(const json_t *list) {
    uint32_t kinds = 0;
    const json_t *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        kinds |=
            strcmp(json_string_value(one), "bias") == 0 ? AS_EXEMPT_BIAS : AS_EXEMPT_LAYER_NORM;
    }
    return kinds;
}

assay_status as_train_config_from_json(const json_t *training, const char *where,
                                       as_train_config *ret_config, assay_error *error) {
    const json_t *stopping = json_object_get(training, "early_stopping");
    const char *keep = json_string_value(json_object_get(training, "keep"));
    as_train_config config = {
        .update = update_from_json(training),
        .learning_rate = number_or(training, "lr", 1e-3),
        .decay_exempt = exempt_kinds(json_object_get(training, "decay_exempt")),
        .batch = (int32_t)number_or(training, "batch", 32),
        .batch_tokens = (int32_t)number_or(training, "batch_tokens", 0),
        .accumulate = (int32_t)number_or(training, "accumulate", 1),
        .checkpointing = json_is_true(json_object_get(training, "gradient_checkpointing")),
        .epochs = (int32_t)number_or(training, "epochs", 8),
        .label_smoothing = number_or(training, "label_smoothing", 0),
        .metric = metric_of(stopping),
        .patience = (int32_t)number_or(stopping, "patience", 3),
        .min_delta = number_or(stopping, "min_delta", 0),
        .keep_best = !keep || strcmp(keep, "best") == 0,
    };
    as_where place = as_where_join(where, "/", "training/clip_value");
    if (config.update.clip_norm > 0 && config.update.clip_value > 0)
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "clip_value %g and clip_norm %g are both given; set one of them to 0",
                       config.update.clip_value, config.update.clip_norm);
    place = as_where_join(where, "/", "training/weight_decay");
    if (config.update.optimizer == ASSAY_OPTIMIZER_ADAM_LAZY && config.update.weight_decay > 0)
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "found %g; adam_lazy has no weight decay: set it to 0 or choose adam",
                       config.update.weight_decay);
    place = as_where_join(where, "/", "training/momentum");
    if (config.update.optimizer != ASSAY_OPTIMIZER_SGD && config.update.momentum > 0)
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "found %g; only sgd has momentum, the adams have beta1: remove it or choose "
                       "sgd",
                       config.update.momentum);
    place = as_where_join(where, "/", "training/schedule");
    assay_status status = schedule_from_json(json_object_get(training, "schedule"), place.text,
                                             &config.schedule, error);
    if (status == ASSAY_OK)
        *ret_config = config;
    return status;
}

/* ---- parameters without weight decay --------------------------------------------------------- */

static bool is_bias(const assay_parameter_info *parameter) {
    const char *last = strrchr(parameter->name, '.');
    return parameter->rank == 1 && strstr(last ? last : parameter->name, "bias");
}

void as_decay_exempt(const assay_graph_view *view, uint32_t kinds, uint8_t *exempt) {
    for (uint32_t p = 0; p < view->n_parameters; p++)
        exempt[p] = (kinds & AS_EXEMPT_BIAS) && is_bias(&view->parameters[p]);
    for (uint32_t i = 0; (kinds & AS_EXEMPT_LAYER_NORM) && i < view->n_forward_nodes; i++) {
        const assay_node *node = &view->nodes[i];
        for (uint32_t k = 0; node->op == ASSAY_OP_LAYER_NORM && k < node->n_inputs; k++) {
            int32_t p =
                node->inputs[k] == ASSAY_NONE ? -1 : view->values[node->inputs[k]].parameter;
            if (p >= 0)
                exempt[p] = 1;
        }
    }
}
