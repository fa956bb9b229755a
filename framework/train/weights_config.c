/* SPDX-License-Identifier: MIT */
/* config.json of a Hugging Face encoder (transformers' DistilBertConfig and BertConfig): the fields
 * that decide what the tensors mean, and dropout. DistilBERT's layer norms have epsilon 1e-12 in
 * code, BERT's in layer_norm_eps. */
#include <math.h>

#include "base/error.h"
#include "base/json.h"
#include "train/weights.h"

static const struct {
    const char *names[2]; /* of distilbert, of bert */
    size_t offset;
    int64_t high;
    const char *option; /* NULL: the vocabulary decides */
} fields[] = {
    {{"vocab_size", "vocab_size"}, offsetof(as_weights_config, vocab_size), INT32_MAX, NULL},
    {{"max_position_embeddings", "max_position_embeddings"},
     offsetof(as_weights_config, positions),
     1 << 20,
     "positions"},
    {{"dim", "hidden_size"}, offsetof(as_weights_config, channels), 1 << 20, "dim"},
    {{"n_layers", "num_hidden_layers"}, offsetof(as_weights_config, layers), 1024, "layers"},
    {{"n_heads", "num_attention_heads"}, offsetof(as_weights_config, heads), 1024, "heads"},
    {{"hidden_dim", "intermediate_size"},
     offsetof(as_weights_config, feed_forward),
     1 << 22,
     "hidden_dim"},
};

static const struct {
    const char *names[2]; /* of distilbert, of bert */
    size_t offset;
    const char *option;
} dropouts[] = {
    {{"dropout", "hidden_dropout_prob"}, offsetof(as_weights_config, dropout), "dropout"},
    {{"attention_dropout", "attention_probs_dropout_prob"},
     offsetof(as_weights_config, attention_dropout),
     "attention_dropout"},
    {{"seq_classif_dropout", "classifier_dropout"},
     offsetof(as_weights_config, classifier_dropout),
     "classifier_dropout"},
};

static assay_status fail_missing(const char *path, const char *name, assay_error *error) {
    as_where where = as_where_join(path, "/", name);
    return as_fail(error, ASSAY_BAD_DATA, where.text,
                   "is missing; the model cannot be built as it "
                   "was trained without it");
}

static assay_status read_text(const json_t *json, const char *path, const char *name,
                              const char **ret_text, assay_error *error) {
    const char *text = NULL;
    assay_status status = as_json_get_string(json, name, path, &text, error);
    if (status == ASSAY_OK && !text)
        status = fail_missing(path, name, error);
    if (status == ASSAY_OK)
        *ret_text = text;
    return status;
}

static assay_status read_sizes(const json_t *json, const char *path, int bert,
                               as_weights_config *config, assay_error *error) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *name = fields[i].names[bert];
        int64_t value = 0;
        assay_status status =
            as_json_get_integer(json, name, path, 1, fields[i].high, &value, error);
        if (status == ASSAY_OK && value == 0)
            status = fail_missing(path, name, error);
        if (status != ASSAY_OK)
            return status;
        memcpy((char *)config + fields[i].offset, &value, sizeof value);
    }
    if (config->channels % config->heads != 0) {
        as_where where = as_where_join(path, "/", fields[4].names[bert]);
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found %lld heads; they must divide the %lld channels of %s",
                       (long long)config->heads, (long long)config->channels,
                       fields[2].names[bert]);
    }
    return ASSAY_OK;
}

static assay_status read_dropouts(const json_t *json, const char *path, int bert,
                                  as_weights_config *config, assay_error *error) {
    for (size_t i = 0; i < sizeof dropouts / sizeof *dropouts; i++) {
        double value = NAN;
        assay_status status =
            as_json_get_number(json, dropouts[i].names[bert], path, 0, 1, &value, error);
        if (status != ASSAY_OK)
            return status;
        memcpy((char *)config + dropouts[i].offset, &value, sizeof value);
    }
    if (bert && isnan(config->classifier_dropout))
        config->classifier_dropout = config->dropout; /* BertForSequenceClassification's */
    return ASSAY_OK;
}

json_t *as_weights_config_options(const as_weights_config *config) {
    json_t *options = json_object();
    bool complete = options != NULL;
    for (size_t i = 0; complete && i < sizeof fields / sizeof *fields; i++) {
        int64_t value;
        memcpy(&value, (const char *)config + fields[i].offset, sizeof value);
        if (fields[i].option)
            complete = json_object_set_new(options, fields[i].option, json_integer(value)) == 0;
    }
    for (size_t i = 0; complete && i < sizeof dropouts / sizeof *dropouts; i++) {
        double value;
        memcpy(&value, (const char *)config + dropouts[i].offset, sizeof value);
        if (!isnan(value))
            complete = json_object_set_new(options, dropouts[i].option, json_real(value)) == 0;
    }
    if (complete)
        return options;
    json_decref(options);
    return NULL;
}

static assay_status check_activation(const json_t *json, const char *path, int bert,
                                     assay_error *error) {
    const char *name = bert ? "hidden_act" : "activation", *found = NULL;
    assay_status status = read_text(json, path, name, &found, error);
    if (status == ASSAY_OK && strcmp(found, "gelu") != 0) {
        as_where where = as_where_join(path, "/", name);
        status = as_fail(error, ASSAY_BAD_DATA, where.text,
                         "found \"%.60s\"; expected \"gelu\" (its erf form): the model has no "
                         "other activation",
                         found);
    }
    return status;
}

/* BERT's own: epsilon, and the variants of the architecture that the model is not. */
static assay_status read_bert(const json_t *json, const char *path, as_weights_config *config,
                              assay_error *error) {
    const char *positions = "absolute";
    bool decoder = false;
    double epsilon = 0;
    assay_status status =
        as_json_get_number(json, "layer_norm_eps", path, 1e-30, 1, &epsilon, error);
    if (status == ASSAY_OK && epsilon == 0)
        status = fail_missing(path, "layer_norm_eps", error);
    if (status == ASSAY_OK)
        status = as_json_get_string(json, "position_embedding_type", path, &positions, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(json, "is_decoder", path, &decoder, error);
    if (status != ASSAY_OK)
        return status;
    if (strcmp(positions, "absolute") != 0 || decoder) {
        as_where where =
            as_where_join(path, "/", decoder ? "is_decoder" : "position_embedding_type");
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found %s%.60s; the model is an encoder with absolute positions",
                       decoder ? "true" : "", decoder ? "" : positions);
    }
    config->layer_norm_epsilon = epsilon;
    return ASSAY_OK;
}

static assay_status read_config(const json_t *json, const char *path, as_weights_config *ret_config,
                                assay_error *error) {
    as_weights_config config = {.layer_norm_epsilon = 1e-12};
    const char *type = NULL;
    if (!json_is_object(json))
        return as_fail(error, ASSAY_BAD_DATA, path, "found %s; expected an object",
                       as_json_type_name(json));
    assay_status status = read_text(json, path, "model_type", &type, error);
    if (status != ASSAY_OK)
        return status;
    int bert = strcmp(type, "bert") == 0;
    if (!bert && strcmp(type, "distilbert") != 0) {
        as_where where = as_where_join(path, "/", "model_type");
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found \"%.60s\"; expected \"distilbert\" or \"bert\"", type);
    }
    snprintf(config.model_type, sizeof config.model_type, "%s", type);
    status = read_sizes(json, path, bert, &config, error);
    if (status == ASSAY_OK)
        status = read_dropouts(json, path, bert, &config, error);
    if (status == ASSAY_OK)
        status = check_activation(json, path, bert, error);
    if (status == ASSAY_OK && bert)
        status = read_bert(json, path, &config, error);
    if (status == ASSAY_OK)
        *ret_config = config;
    return status;
}

assay_status as_weights_config_load(const char *path, as_weights_config *ret_config,
                                    assay_error *error) {
    json_t *json = NULL;
    assay_status status = as_json_load(path, &json, error);
    if (status == ASSAY_OK)
        status = read_config(json, path, ret_config, error);
    json_decref(json);
    return status;
}

assay_status as_weights_config_check(const as_weights_config *config,
                                     const as_weights_config *model, const char *path,
                                     assay_error *error) {
    int bert = strcmp(config->model_type, "bert") == 0;
    if (strcmp(config->model_type, model->model_type) != 0) {
        as_where where = as_where_join(path, "/", "model_type");
        return as_fail(error, ASSAY_BAD_DATA, where.text, "found \"%s\"; the model is \"%s\"",
                       config->model_type, model->model_type);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        as_where where = as_where_join(path, "/", fields[i].names[bert]);
        int64_t found, expected;
        memcpy(&found, (const char *)config + fields[i].offset, sizeof found);
        memcpy(&expected, (const char *)model + fields[i].offset, sizeof expected);
        if (found != expected)
            return as_fail(error, ASSAY_BAD_DATA, where.text, "found %lld; the model has %lld: %s",
                           (long long)found, (long long)expected,
                           i == 0 ? "use the vocabulary that belongs to the weights"
                                  : "set the model's options to the weights'");
    }
    if (config->layer_norm_epsilon != model->layer_norm_epsilon) {
        as_where where = as_where_join(path, "/", "layer_norm_eps");
        return as_fail(error, ASSAY_BAD_DATA, where.text, "found %g; the model has %g",
                       config->layer_norm_epsilon, model->layer_norm_epsilon);
    }
    return ASSAY_OK;
}
