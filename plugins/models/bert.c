/* SPDX-License-Identifier: MIT */
/* bert: BERT (Devlin et al. 2018) with a classifier: embeddings, post-norm encoder layers, a head
 * on the pooled [CLS] or on the mean over the row's tokens. Rows are one segment (token type 0).
 * Parameters are called as in transformers' BertForSequenceClassification; the defaults are
 * bert-base's. */
#include "assay/blocks_bert.h"

enum { HEAD_POOLER, HEAD_MEAN, HEAD_TWO_LINEAR };
static const char *const head_names[] = {"pooler", "mean", "two_linear", NULL};

static const assay_option options[] = {ASSAY_BERT_OPTIONS(12, head_names, 0.1)};

static assay_value embed(const assay_builder *b, const assay_bert_options *o, int64_t vocab_size) {
    const char *name = "bert.embeddings";
    assay_value x =
        assay_bert_embedding(b, name, "word_embeddings", ASSAY_INPUT_TOKEN_IDS, vocab_size, o->dim);
    assay_value positions = assay_bert_embedding(b, name, "position_embeddings",
                                                 ASSAY_INPUT_POSITIONS, o->positions, o->dim);
    assay_value types = assay_bert_parameter(b, name, "token_type_embeddings", "weight", 2, o->dim,
                                             ASSAY_INIT_TRUNCATED_NORMAL, 0.02);
    x = assay_bert_add_norm(b, name, "LayerNorm", assay_add_row(b, x, types, 0), positions);
    return assay_dropout(b, x, o->dropout);
}

static assay_value layer(const assay_builder *b, const assay_bert_options *o, int i,
                         assay_value x) {
    static const char *const qkv[] = {"attention.self.query", "attention.self.key",
                                      "attention.self.value"};
    char name[64];
    snprintf(name, sizeof name, "bert.encoder.layer.%d", i);
    assay_value y = assay_bert_attention(b, name, qkv, x, o->heads, o->attention_dropout);
    y = assay_bert_linear(b, name, "attention.output.dense", y, o->dim);
    x = assay_bert_add_norm(b, name, "attention.output.LayerNorm", x,
                            assay_dropout(b, y, o->dropout));
    y = assay_gelu(b, assay_bert_linear(b, name, "intermediate.dense", x, o->hidden_dim));
    y = assay_dropout(b, assay_bert_linear(b, name, "output.dense", y, o->dim), o->dropout);
    return assay_bert_add_norm(b, name, "output.LayerNorm", x, y);
}

static assay_value build(const assay_builder *b, const assay_model_config *config) {
    const assay_bert_options *o = (const assay_bert_options *)config->options;
    assay_bert_check(b, config);
    assay_value x = embed(b, o, config->vocab_size);
    for (int i = 0; i < o->layers; i++)
        x = layer(b, o, i, x);
    if (o->head == HEAD_MEAN) {
        x = assay_dropout(b, assay_mean_pool(b, x), o->classifier_dropout);
        return assay_linear(b, "classifier", x, config->n_classes);
    }
    x = assay_select_token(b, x, ASSAY_TOKEN_FIRST);
    x = assay_tanh(b, assay_bert_linear(b, "bert.pooler", "dense", x, o->dim));
    if (o->head == HEAD_TWO_LINEAR)
        return assay_bert_two_linear(b, x, o->classifier_dropout, config->n_classes);
    x = assay_dropout(b, x, o->classifier_dropout);
    return assay_bert_linear(b, "", "classifier", x, config->n_classes);
}

ASSAY_GRAPH_MODEL("bert", "1.0", "MIT", "BERT encoder, classifier", assay_bert_options, options,
                  build)
