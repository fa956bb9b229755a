/* SPDX-License-Identifier: MIT */
/* The folder that transformers' AutoModelForSequenceClassification and AutoTokenizer load. The
 * models' parameters have transformers' names already, so the weights go out as they are; what is
 * made here is config.json (DistilBertConfig, BertConfig) and the tokenizer's files. tokenizer.json
 * says all of the tokenizer; its class is PreTrainedTokenizerFast, which takes it as it is, where
 * BertTokenizer would build one of its own from the vocabulary. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizers/wordpiece_model.h"
#include "train/export.h"

/* ---- what can be expressed ------------------------------------------------------------------- */

static const char *text_option(const as_export_source *s, const char *name) {
    const char *text = json_string_value(json_object_get(s->options, name));
    return text ? text : "";
}

static bool is_bert(const as_export_source *s) {
    return strcmp(s->model_id, "bert") == 0;
}

static assay_status refuse(const as_export_source *s, const char *why, assay_error *error) {
    return as_fail(error, ASSAY_UNSUPPORTED, s->name,
                   "%s\ndo     give --format safetensors, which has every model", why);
}

static assay_status check(const as_export_source *s, assay_error *error) {
    const char *head = text_option(s, "head"), *wanted = is_bert(s) ? "pooler" : "cls_relu";
    char why[300];
    if (!is_bert(s) && strcmp(s->model_id, "distilbert") != 0) {
        snprintf(why, sizeof why, "transformers has no class for the model \"%.60s\"", s->model_id);
        return refuse(s, why, error);
    }
    if (strcmp(head, wanted) != 0) {
        snprintf(why, sizeof why,
                 "its head is \"%.40s\"; transformers' %sForSequenceClassification has \"%s\"",
                 head, is_bert(s) ? "Bert" : "DistilBert", wanted);
        return refuse(s, why, error);
    }
    if (!s->tokenizer->wordpiece) {
        snprintf(why, sizeof why, "its tokenizer is \"%.40s\"; transformers' have \"wordpiece\"",
                 s->tokenizer->kind);
        return refuse(s, why, error);
    }
    if (s->tokenizer->padded)
        return refuse(s,
                      "its texts are filled up with padding that the model reads like words; "
                      "transformers masks padding",
                      error);
    return ASSAY_OK;
}

/* ---- config.json ----------------------------------------------------------------------------- */

static json_int_t integer_option(const as_export_source *s, const char *name) {
    return json_integer_value(json_object_get(s->options, name));
}

static double real_option(const as_export_source *s, const char *name) {
    return json_number_value(json_object_get(s->options, name));
}

static json_t *distilbert_config(const as_export_source *s) {
    return json_pack(
        "{s:[s], s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:b}", "architectures",
        "DistilBertForSequenceClassification", "model_type", "distilbert", "activation", "gelu",
        "dim", integer_option(s, "dim"), "hidden_dim", integer_option(s, "hidden_dim"), "n_heads",
        integer_option(s, "heads"), "n_layers", integer_option(s, "layers"),
        "max_position_embeddings", integer_option(s, "positions"), "dropout",
        real_option(s, "dropout"), "attention_dropout", real_option(s, "attention_dropout"),
        "seq_classif_dropout", real_option(s, "classifier_dropout"), "initializer_range", 0.02,
        "sinusoidal_pos_embds", 0);
}

static json_t *bert_config(const as_export_source *s) {
    return json_pack(
        "{s:[s], s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:i, s:s}",
        "architectures", "BertForSequenceClassification", "model_type", "bert", "hidden_act",
        "gelu", "hidden_size", integer_option(s, "dim"), "intermediate_size",
        integer_option(s, "hidden_dim"), "num_attention_heads", integer_option(s, "heads"),
        "num_hidden_layers", integer_option(s, "layers"), "max_position_embeddings",
        integer_option(s, "positions"), "hidden_dropout_prob", real_option(s, "dropout"),
        "attention_probs_dropout_prob", real_option(s, "attention_dropout"), "classifier_dropout",
        real_option(s, "classifier_dropout"), "initializer_range", 0.02, "layer_norm_eps", 1e-12,
        "type_vocab_size", 2, "position_embedding_type", "absolute");
}

static json_t *config_json(const as_export_source *s) {
    json_t *config = is_bert(s) ? bert_config(s) : distilbert_config(s);
    json_t *id2label = json_object(), *label2id = json_object();
    int32_t pad = s->tokenizer ? as_wordpiece_pad_id(s->tokenizer->wordpiece) : 0;
    for (int32_t i = 0; i < s->n_classes; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)i);
        json_object_set_new(id2label, number, json_string(s->labels[i]));
        json_object_set_new(label2id, s->labels[i], json_integer(i));
    }
    json_object_set_new(config, "vocab_size", json_integer((json_int_t)s->vocab_size));
    json_object_set_new(config, "pad_token_id", pad < 0 ? json_null() : json_integer(pad));
    json_object_set_new(config, "id2label", id2label);
    json_object_set_new(config, "label2id", label2id);
    json_object_set_new(config, "problem_type", json_string("single_label_classification"));
    json_object_set_new(config, "torch_dtype", json_string("float32"));
    return config;
}

json_t *as_export_transformers_config(const as_export_source *s) {
    const char *wanted = is_bert(s) ? "pooler" : "cls_relu";
    if ((!is_bert(s) && strcmp(s->model_id, "distilbert") != 0) ||
        strcmp(text_option(s, "head"), wanted) != 0)
        return NULL;
    return config_json(s);
}

/* ---- tokenizer ------------------------------------------------------------------------------- */

/* The tokens' roles, by the names that transformers has for them; those the tokenizer has. */
static json_t *special_tokens(const as_export_source *s) {
    const as_wordpiece *w = s->tokenizer->wordpiece;
    json_t *map = json_object();
    int32_t pad = as_wordpiece_pad_id(w);
    json_object_set_new(map, "unk_token",
                        json_string(as_wordpiece_token(w, as_wordpiece_unknown_id(w))));
    if (pad >= 0)
        json_object_set_new(map, "pad_token", json_string(as_wordpiece_token(w, pad)));
    if (w->n_before)
        json_object_set_new(map, "cls_token", json_string(as_wordpiece_token(w, w->before[0])));
    if (w->n_behind)
        json_object_set_new(map, "sep_token", json_string(as_wordpiece_token(w, w->behind[0])));
    if (as_wordpiece_id(w, "[MASK]", 6) >= 0)
        json_object_set_new(map, "mask_token", json_string("[MASK]"));
    return map;
}

static json_t *tokenizer_config(const as_export_source *s) {
    json_t *config = special_tokens(s);
    json_object_set_new(config, "tokenizer_class", json_string("PreTrainedTokenizerFast"));
    json_object_set_new(config, "model_max_length", json_integer((json_int_t)s->max_tokens));
    json_object_set_new(config, "padding_side", json_string("right"));
    json_object_set_new(config, "truncation_side", json_string("right"));
    json_object_set_new(config, "clean_up_tokenization_spaces", json_false());
    json_object_set_new(
        config, "model_input_names",
        is_bert(s) ? json_pack("[s, s, s]", "input_ids", "token_type_ids", "attention_mask")
                   : json_pack("[s, s]", "input_ids", "attention_mask"));
    return config;
}

/* ---- README.md ------------------------------------------------------------------------------- */

static assay_status write_readme(const as_export_source *s, const char *folder,
                                 assay_error *error) {
    bool cleaned = json_array_size(s->tokenizer->cleaning) > 0;
    char *steps = cleaned ? json_dumps(s->tokenizer->cleaning, 0) : NULL, *text = NULL;
    int n = asprintf(
        &text,
        "# %s\n\n"
        "A %s classifier trained and exported by assay; texts are cut at %lld tokens.\n\n"
        "```python\n"
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer\n\n"
        "tokenizer = AutoTokenizer.from_pretrained(\"FOLDER\")\n"
        "model = AutoModelForSequenceClassification.from_pretrained(\"FOLDER\").eval()\n"
        "logits = model(**tokenizer([\"a text\"], truncation=True, padding=True, "
        "return_tensors=\"pt\")).logits\n"
        "```\n%s%s%s",
        s->name, s->model_id, (long long)s->max_tokens,
        cleaned ? "\n## Cleaning\n\nThe model saw texts after these steps (assay-suite(5)). The "
                  "tokenizer here doesn't know\nthem: texts must be cleaned in the same way "
                  "before they are given to it.\n\n```json\n"
                : "",
        cleaned && steps ? steps : "", cleaned ? "\n```\n" : "");
    assay_status status = n >= 0 && (steps || !cleaned)
                              ? as_export_text(folder, "README.md", text, (size_t)n, error)
                              : as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory");
    if (n >= 0)
        free(text);
    free(steps);
    return status;
}

static assay_status write(const as_export_source *s, const char *folder, assay_error *error) {
    assay_status status = as_export_json(folder, "config.json", config_json(s), error);
    if (status == ASSAY_OK)
        status = as_export_weights(s, folder, json_pack("{s:s}", "format", "pt"), error);
    if (status == ASSAY_OK)
        status = as_export_json(
            folder, "tokenizer.json",
            as_wordpiece_to_json(s->tokenizer->wordpiece, s->tokenizer->special), error);
    if (status == ASSAY_OK)
        status = as_export_json(folder, "tokenizer_config.json", tokenizer_config(s), error);
    if (status == ASSAY_OK)
        status = as_export_json(folder, "special_tokens_map.json", special_tokens(s), error);
    if (status == ASSAY_OK)
        status = as_export_vocabulary(s, folder, error);
    return status == ASSAY_OK ? write_readme(s, folder, error) : status;
}

const as_export_format as_export_huggingface = {"huggingface", check, write};
