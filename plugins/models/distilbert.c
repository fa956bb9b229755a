/* SPDX-License-Identifier: MIT */
/* distilbert: DistilBERT (Sanh et al. 2019) with a classifier: embeddings, post-norm encoder
 * layers, a head on [CLS] or on the mean over the row's tokens. Parameters are called as in
 * transformers' DistilBertForSequenceClassification; the defaults are distilbert-base's. */
#include "assay/blocks_bert.h"

enum { HEAD_CLS_RELU, HEAD_MEAN, HEAD_TWO_LINEAR };
static const char *const head_names[] = {"cls_relu", "mean", "two_linear", NULL};

static const assay_option options[] = {ASSAY_BERT_OPTIONS(6, head_names, 0.2)};

static assay_value layer(const assay_builder *b, const assay_bert_options *o, int i,
                         assay_value x) {
    static const char *const qkv[] = {"attention.q_lin", "attention.k_lin", "attention.v_lin"};
    char name[64];
    snprintf(name, sizeof name, "distilbert.transformer.layer.%d", i);
    assay_value y = assay_bert_attention(b, name, qkv, x, o->heads, o->attention_dropout);
    y = assay_bert_linear(b, name, "attention.out_lin", y, o->dim);
    x = assay_bert_add_norm(b, name, "sa_layer_norm", x, y);
    y = assay_gelu(b, assay_bert_linear(b, name, "ffn.lin1", x, o->hidden_dim));
    y = assay_dropout(b, assay_bert_linear(b, name, "ffn.lin2", y, o->dim), o->dropout);
    return assay_bert_add_norm(b, name, "output_layer_norm", x, y);
}

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const assay_bert_options *o = (const assay_bert_options *)config->options;
    const char *name = "distilbert.embeddings";
    assay_bert_check(b, config);
    assay_value x = assay_bert_embedding(b, name, "word_embeddings", ASSAY_INPUT_TOKEN_IDS,
                                         config->vocab_size, o->dim);
    assay_value y = assay_bert_embedding(b, name, "position_embeddings", ASSAY_INPUT_POSITIONS,
                                         o->positions, o->dim);
    x = assay_dropout(b, assay_bert_add_norm(b, name, "LayerNorm", x, y), o->dropout);
    for (int i = 0; i < o->layers; i++)
        x = layer(b, o, i, x);
    if (o->head == HEAD_MEAN) {
        x = assay_dropout(b, assay_mean_pool(b, x), o->classifier_dropout);
        return assay_linear(b, "classifier", x, config->n_classes);
    }
    x = assay_select_token(b, x, ASSAY_TOKEN_FIRST);
    if (o->head == HEAD_TWO_LINEAR)
        return assay_bert_two_linear(b, x, o->classifier_dropout, config->n_classes);
    x = assay_relu(b, assay_bert_linear(b, "", "pre_classifier", x, o->dim));
    x = assay_dropout(b, x, o->classifier_dropout);
    return assay_bert_linear(b, "", "classifier", x, config->n_classes);
}

ASSAY_GRAPH_MODEL("distilbert", "1.0", "MIT", "DistilBERT encoder, classifier", assay_bert_options,
                  options, build)
