/* SPDX-License-Identifier: MIT */
/* tokenizer.json, as far as a WordPiece tokenizer goes. */
#include "data/tokenizers/tokenizer_json.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the tokenizer");
}

static as_where place_of(const char *name, const char *pointer) {
    return as_where_join(name, "#", pointer);
}

/* "found 7 (integer); expected ..." */
static assay_status wrong_value(const json_t *found, as_where where, const char *expected,
                                assay_error *error) {
    char text[80];
    as_json_describe(found, text, sizeof text);
    return as_fail(error, ASSAY_BAD_DATA, where.text, "found %s; expected %s", text, expected);
}

/* The object's "type", or NULL. */
static const char *type_of(const json_t *object) {
    return json_string_value(json_object_get(object, "type"));
}

static assay_status wrong_type(const json_t *object, as_where where, const char *known,
                               assay_error *error) {
    const char *type = type_of(object);
    if (!type)
        return wrong_value(object, where, known, error);
    return as_fail(error, ASSAY_BAD_DATA, where.text, "type \"%.80s\" is not read here, only %s",
                   type, known);
}

/* ---- model ------------------------------------------------------------------------------------*/

/* Files of older versions do not name the type: it shows in the fields, as in the original. */
static const char *model_type(const json_t *model) {
    const char *type = type_of(model);
    if (type)
        return type;
    if (json_object_get(model, "merges"))
        return "BPE";
    if (json_is_array(json_object_get(model, "vocab")))
        return "Unigram";
    return json_object_get(model, "max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

/* A vocabulary's token at its id. */
static assay_status take_token(as_arena *arena, const char *text, size_t n_bytes, const json_t *id,
                               as_where where, as_wordpiece_source *s, assay_error *error) {
    json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || (size_t)value >= s->n_tokens)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "token \"%.80s\" has no id between 0 and %zu: ids of %zu tokens run from 0 "
                       "without a hole",
                       text, s->n_tokens - 1, s->n_tokens);
    as_wordpiece_piece *token = &s->tokens[value];
    if (token->text)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "tokens \"%.80s\" and \"%.80s\" both have the id %d", token->text, text,
                       (int)value);
    if (n_bytes > AS_WORDPIECE_MAX_TOKEN_BYTES)
        return as_fail(error, ASSAY_LIMIT, where.text, "token %d has %zu bytes; at most %d",
                       (int)value, n_bytes, AS_WORDPIECE_MAX_TOKEN_BYTES);
    *token = (as_wordpiece_piece){as_arena_strndup(arena, text, n_bytes), (uint32_t)n_bytes};
    return token->text ? ASSAY_OK : no_memory(where.text, error);
}

static assay_status read_vocabulary(as_arena *arena, const json_t *model, const char *name,
                                    size_t n_added, as_wordpiece_source *s, assay_error *error) {
    const json_t *vocabulary = json_object_get(model, "vocab");
    as_where where = place_of(name, "/model/vocab");
    assay_status status = ASSAY_OK;
    if (!json_is_object(vocabulary))
        return wrong_value(vocabulary, where, "an object of tokens and their ids", error);
    s->n_tokens = json_object_size(vocabulary);
    if (!s->n_tokens)
        return as_fail(error, ASSAY_BAD_DATA, where.text, "the vocabulary is empty");
    if (s->n_tokens > AS_WORDPIECE_MAX_TOKENS)
        return as_fail(error, ASSAY_LIMIT, where.text, "has %zu tokens; at most %d", s->n_tokens,
                       AS_WORDPIECE_MAX_TOKENS);
    s->tokens = as_arena_alloc_array(arena, s->n_tokens + n_added, sizeof *s->tokens);
    if (!s->tokens)
        return no_memory(where.text, error);
    void *at = json_object_iter((json_t *)(uintptr_t)vocabulary);
    for (; at && status == ASSAY_OK;
         at = json_object_iter_next((json_t *)(uintptr_t)vocabulary, at)) {
        const char *text = json_object_iter_key(at);
        status = take_token(arena, text, strlen(text), json_object_iter_value(at), where, s, error);
    }
    return status;
}

static assay_status copy_string(as_arena *arena, const json_t *object, const char *key,
                                const char *where, const char **value, assay_error *error) {
    assay_status status = as_json_get_string(object, key, where, value, error);
    if (status == ASSAY_OK && !(*value = as_arena_strdup(arena, *value)))
        status = no_memory(where, error);
    return status;
}

static assay_status read_model(as_arena *arena, const json_t *json, const char *name,
                               size_t n_added, as_wordpiece_source *s, assay_error *error) {
    const json_t *model = json_object_get(json, "model");
    as_where where = place_of(name, "/model");
    int64_t max_characters = 100;
    if (!json_is_object(model))
        return wrong_value(model, where, "a model of type WordPiece", error);
    if (strcmp(model_type(model), "WordPiece") != 0)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "model type \"%.40s\" is not read here; give the tokenizer.json of a "
                       "WordPiece model (BERT, DistilBERT)",
                       model_type(model));
    s->unknown = "[UNK]";
    s->prefix = "##";
    assay_status status = copy_string(arena, model, "unk_token", where.text, &s->unknown, error);
    if (status == ASSAY_OK)
        status =
            copy_string(arena, model, "continuing_subword_prefix", where.text, &s->prefix, error);
    if (status == ASSAY_OK)
        status = as_json_get_integer(model, "max_input_chars_per_word", where.text, 1,
                                     AS_WORDPIECE_MAX_CHARACTERS, &max_characters, error);
    s->max_characters = (uint32_t)max_characters;
    return status == ASSAY_OK ? read_vocabulary(arena, model, name, n_added, s, error) : status;
}

/* ---- normalizer, pre-tokenizer ----------------------------------------------------------------*/

static assay_status read_normalizer(const json_t *json, const char *name, as_wordpiece_source *s,
                                    assay_error *error) {
    const json_t *normalizer = json_object_get(json, "normalizer"), *strip;
    as_where where = place_of(name, "/normalizer");
    const char *type = type_of(normalizer);
    as_bert_rules rules = {true, true, false, true};
    if (!normalizer || json_is_null(normalizer)) {
        s->rules = (as_bert_rules){false, false, false, false};
        return ASSAY_OK;
    }
    if (!type || strcmp(type, "BertNormalizer") != 0)
        return wrong_type(normalizer, where, "BertNormalizer", error);
    assay_status status =
        as_json_get_bool(normalizer, "clean_text", where.text, &rules.clean, error);
    if (status == ASSAY_OK)
        status =
            as_json_get_bool(normalizer, "handle_chinese_chars", where.text, &rules.chinese, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(normalizer, "lowercase", where.text, &rules.lower, error);
    strip = json_object_get(normalizer, "strip_accents");
    rules.strip = rules.lower; /* null: as lowercase */
    if (status == ASSAY_OK && strip)
        status = as_json_get_bool(normalizer, "strip_accents", where.text, &rules.strip, error);
    s->rules = rules;
    return status;
}

static assay_status check_pre_tokenizer(const json_t *json, const char *name, assay_error *error) {
    const json_t *found = json_object_get(json, "pre_tokenizer");
    const char *type = type_of(found);
    if (type && strcmp(type, "BertPreTokenizer") == 0)
        return ASSAY_OK;
    return wrong_type(found, place_of(name, "/pre_tokenizer"), "BertPreTokenizer", error);
}

/* ---- added tokens -----------------------------------------------------------------------------*/

assay_status as_added_token_read(as_arena *arena, const json_t *json, const char *where,
                                 as_added_token *ret_token, assay_error *error) {
    as_added_token token = {0};
    int64_t id = token.id;
    struct {
        const char *name;
        bool *value;
    } flags[] = {{"special", &token.special},
                 {"single_word", &token.single_word},
                 {"lstrip", &token.lstrip},
                 {"rstrip", &token.rstrip},
                 {"normalized", &token.normalized}};
    const json_t *content = json_object_get(json, "content");
    token.n_bytes = json_string_length(content);
    if (!token.n_bytes || token.n_bytes > AS_WORDPIECE_MAX_TOKEN_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "an added token wants a \"content\" of 1 to %d bytes",
                       AS_WORDPIECE_MAX_TOKEN_BYTES);
    token.content = as_arena_strdup(arena, json_string_value(content));
    if (!token.content)
        return no_memory(where, error);
    assay_status status = as_json_get_integer(json, "id", where, 0, INT32_MAX, &id, error);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && status == ASSAY_OK; i++) {
        if (strcmp(flags[i].name, "normalized") == 0)
            token.normalized = !token.special;
        status = as_json_get_bool(json, flags[i].name, where, flags[i].value, error);
    }
    token.id = (int32_t)id;
    if (status == ASSAY_OK)
        *ret_token = token;
    return status;
}

static assay_status read_added(as_arena *arena, const json_t *json, const char *name,
                               as_wordpiece_source *s, assay_error *error) {
    const json_t *list = json_object_get(json, "added_tokens");
    as_where where = place_of(name, "/added_tokens");
    assay_status status = ASSAY_OK;
    if (!list || json_is_null(list))
        return ASSAY_OK;
    if (!json_is_array(list))
        return wrong_value(list, where, "an array", error);
    s->n_added = json_array_size(list);
    if (s->n_added > AS_WORDPIECE_MAX_ADDED)
        return as_fail(error, ASSAY_LIMIT, where.text, "has %zu tokens; at most %d", s->n_added,
                       AS_WORDPIECE_MAX_ADDED);
    as_added_token *added = as_arena_alloc_array(arena, s->n_added, sizeof *added);
    if (!added)
        return no_memory(where.text, error);
    for (size_t i = 0; i < s->n_added && status == ASSAY_OK; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        status = as_added_token_read(arena, json_array_get(list, i),
                                     as_where_join(where.text, "/", number).text, &added[i], error);
    }
    s->added = added;
    return status;
}

/* ---- post-processor ---------------------------------------------------------------------------*/

static assay_status take_special(const json_t *id, as_where where, bool behind,
                                 as_wordpiece_source *s, assay_error *error) {
    json_int_t value = json_integer_value(id);
    size_t *n = behind ? &s->n_behind : &s->n_before;
    if (!json_is_integer(id) || value < 0 || value > INT32_MAX)
        return wrong_value(id, where, "the id of a special token", error);
    if (*n == AS_WORDPIECE_MAX_TEMPLATE)
        return as_fail(error, ASSAY_LIMIT, where.text,
                       "has over %d special tokens on one side of the text",
                       AS_WORDPIECE_MAX_TEMPLATE);
    (behind ? s->behind : s->before)[(*n)++] = (int32_t)value;
    return ASSAY_OK;
}

/* {"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]} */
static assay_status read_bert_processing(const json_t *post, as_where where, as_wordpiece_source *s,
                                         assay_error *error) {
    assay_status status =
        take_special(json_array_get(json_object_get(post, "cls"), 1), where, false, s, error);
    if (status == ASSAY_OK)
        status =
            take_special(json_array_get(json_object_get(post, "sep"), 1), where, true, s, error);
    return status;
}

/* {"SpecialToken": {"id": "[CLS]"}} stands for the ids of special_tokens["[CLS]"]. */
static assay_status take_template_token(const json_t *post, const json_t *token, as_where where,
                                        bool behind, as_wordpiece_source *s, assay_error *error) {
    const char *id = json_string_value(json_object_get(token, "id"));
    const json_t *ids = NULL, *one;
    size_t i;
    assay_status status = ASSAY_OK;
    if (id)
        ids = json_object_get(json_object_get(json_object_get(post, "special_tokens"), id), "ids");
    if (!json_is_array(ids))
        return wrong_value(token, where, "a token of \"special_tokens\", which has \"ids\"", error);
    json_array_foreach(ids, i, one) {
        if (status == ASSAY_OK)
            status = take_special(one, where, behind, s, error);
    }
    return status;
}

static assay_status read_template(const json_t *post, as_where where, as_wordpiece_source *s,
                                  assay_error *error) {
    const json_t *single = json_object_get(post, "single"), *item;
    bool behind = false;
    size_t i;
    if (!json_is_array(single))
        return wrong_value(single, where, "a list \"single\" of pieces", error);
    json_array_foreach(single, i, item) {
        const json_t *token = json_object_get(item, "SpecialToken");
        const json_t *sequence = json_object_get(item, "Sequence");
        assay_status status = ASSAY_OK;
        if (token)
            status = take_template_token(post, token, where, behind, s, error);
        else if (!sequence || behind)
            status = wrong_value(item, where, "special tokens around one sequence", error);
        behind = behind || sequence;
        if (status != ASSAY_OK)
            return status;
    }
    return behind ? ASSAY_OK : wrong_value(single, where, "a sequence among the pieces", error);
}

static assay_status read_post_processor(const json_t *json, const char *name,
                                        as_wordpiece_source *s, assay_error *error) {
    const json_t *post = json_object_get(json, "post_processor");
    as_where where = place_of(name, "/post_processor");
    const char *type = type_of(post);
    if (!post || json_is_null(post))
        return ASSAY_OK;
    if (type && strcmp(type, "BertProcessing") == 0)
        return read_bert_processing(post, where, s, error);
    if (type && strcmp(type, "TemplateProcessing") == 0)
        return read_template(post, where, s, error);
    return wrong_type(post, where, "BertProcessing or TemplateProcessing", error);
}

assay_status as_tokenizer_json_read(as_arena *arena, const json_t *json, const char *name,
                                    as_wordpiece_source *ret_source, assay_error *error) {
    as_wordpiece_source source = {.name = name};
    if (!json_is_object(json))
        return wrong_value(json, place_of(name, "/"), "an object with a \"model\"", error);
    assay_status status = read_added(arena, json, name, &source, error);
    if (status == ASSAY_OK)
        status = read_model(arena, json, name, source.n_added, &source, error);
    if (status == ASSAY_OK)
        status = read_normalizer(json, name, &source, error);
    if (status == ASSAY_OK)
        status = check_pre_tokenizer(json, name, error);
    if (status == ASSAY_OK)
        status = read_post_processor(json, name, &source, error);
    if (status == ASSAY_OK)
        *ret_source = source;
    return status;
}
