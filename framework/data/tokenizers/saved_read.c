/* SPDX-License-Identifier: MIT */
/* Reads a cell's tokenizer.json (saved.h has the format) and makes the text's way to ids of it.
 * Nothing of the file is believed: it may come from anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/tokenizers/saved.h"
#include "data/tokenizers/tokenizer_json.h"

struct as_saved_tokenizer_owned {
    json_t *json;
    as_cleaner *cleaner;
    as_splitter *splitter;
    as_wordpiece_scratch *scratch;
};

typedef struct reading {
    as_arena *arena;
    const char *name;
    const json_t *json;
    const char *pattern; /* NULL: none */
    as_saved_tokenizer *out;
    struct as_saved_tokenizer_owned *owned;
    assay_error *error;
} reading;

static assay_status no_memory(const char *name, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for the tokenizer");
}

static as_where place_of(const reading *r, const char *key) {
    as_where pointer = as_where_join("#", "/", key);
    return as_where_join(r->name, "", pointer.text);
}

static assay_status wrong(const reading *r, const char *key, const char *expected) {
    const json_t *found = json_object_get(r->json, key);
    char text[80];
    as_json_describe(found, text, sizeof text);
    return as_fail(r->error, ASSAY_BAD_DATA, place_of(r, key).text, "found %s; expected %s", text,
                   expected);
}

/* A field's value; NULL where it is null. */
static const json_t *value_of(const reading *r, const char *key) {
    const json_t *value = json_object_get(r->json, key);
    return json_is_null(value) ? NULL : value;
}

/* ---- fields -----------------------------------------------------------------------------------*/

static assay_status check_document(const reading *r) {
    static const char *const fields[] = {
        "format",         "version",  "kind",          "pattern",    "max_tokens", "padding",
        "special_tokens", "cleaning", "token_weights", "vocabulary", "wordpiece"};
    enum { N_FIELDS = sizeof fields / sizeof fields[0] };
    const char *format = json_string_value(json_object_get(r->json, "format"));
    const json_t *version = json_object_get(r->json, "version");
    if (!json_is_object(r->json) || !format || strcmp(format, "assay-tokenizer") != 0)
        return wrong(r, "format",
                     "\"assay-tokenizer\": the tokenizer.json that assay run writes beside a "
                     "checkpoint");
    if (!json_is_integer(version) || json_integer_value(version) != AS_SAVED_TOKENIZER_VERSION)
        return wrong(r, "version", "1; use the assay that wrote it, or run the cell again");
    assay_status status = as_json_check_fields(r->json, r->name, fields, N_FIELDS, r->error);
    for (int i = 0; i < N_FIELDS && status == ASSAY_OK; i++)
        if (!json_object_get(r->json, fields[i]))
            status = wrong(r, fields[i], "the field to be there, null where it holds nothing");
    return status;
}

/* A text without NUL, or NULL where the field is null. */
static assay_status read_text(const reading *r, const char *key, const char **ret_text) {
    const json_t *value = value_of(r, key);
    const char *text = json_string_value(value);
    if (value && (!text || strlen(text) != json_string_length(value)))
        return wrong(r, key, "a text");
    *ret_text = text;
    return ASSAY_OK;
}

static assay_status read_settings(reading *r) {
    const json_t *max_tokens = value_of(r, "max_tokens"), *special = value_of(r, "special_tokens");
    const json_t *cleaning = value_of(r, "cleaning");
    const char *padding = NULL;
    assay_status status = read_text(r, "kind", &r->out->kind);
    if (status == ASSAY_OK)
        status = read_text(r, "pattern", &r->pattern);
    if (status == ASSAY_OK)
        status = read_text(r, "padding", &padding);
    if (status != ASSAY_OK)
        return status;
    if (!r->out->kind)
        return wrong(r, "kind", "the name of a tokenizer");
    if (!json_is_integer(max_tokens) || json_integer_value(max_tokens) < 1 ||
        json_integer_value(max_tokens) > AS_SAVED_TOKENIZER_MAX_TOKENS)
        return wrong(r, "max_tokens", "a number from 1 to 1000000");
    r->out->padded = padding && strcmp(padding, "max_tokens") == 0;
    if (!r->out->padded && (!padding || strcmp(padding, "none") != 0))
        return wrong(r, "padding", "\"none\" or \"max_tokens\"");
    if (!json_is_boolean(special))
        return wrong(r, "special_tokens", "true or false");
    if (cleaning && !json_is_array(cleaning))
        return wrong(r, "cleaning", "a list of steps");
    r->out->max_tokens = (int32_t)json_integer_value(max_tokens);
    r->out->special = json_is_true(special);
    r->out->cleaning = cleaning;
    return ASSAY_OK;
}

/* ---- vocabulary -------------------------------------------------------------------------------*/

static assay_status check_word(const reading *r, const json_t *word, size_t i) {
    char key[48];
    if (json_string_length(word) && json_string_length(word) <= UINT32_MAX)
        return ASSAY_OK;
    snprintf(key, sizeof key, "vocabulary/%zu", i);
    return as_fail(r->error, ASSAY_BAD_DATA, place_of(r, key).text, "expected a word");
}

static assay_status read_words(reading *r) {
    const json_t *list = value_of(r, "vocabulary"), *word;
    size_t i, n = json_array_size(list);
    as_vocabulary *vocabulary = NULL;
    if (!json_is_array(list))
        return wrong(r, "vocabulary", "a list of words");
    if (n > AS_SAVED_TOKENIZER_MAX_IDS - AS_TOKEN_FIRST_WORD)
        return as_fail(r->error, ASSAY_LIMIT, place_of(r, "vocabulary").text,
                       "has %zu words; at most %d", n,
                       AS_SAVED_TOKENIZER_MAX_IDS - AS_TOKEN_FIRST_WORD);
    const char **words = as_arena_alloc_array(r->arena, n, sizeof *words);
    uint32_t *n_bytes = as_arena_alloc_array(r->arena, n, sizeof *n_bytes);
    if (!words || !n_bytes)
        return no_memory(r->name, r->error);
    json_array_foreach(list, i, word) {
        assay_status status = check_word(r, word, i);
        if (status != ASSAY_OK)
            return status;
        words[i] = json_string_value(word);
        n_bytes[i] = (uint32_t)json_string_length(word);
    }
    assay_error found = ASSAY_ERROR_INIT;
    assay_status status =
        as_vocabulary_from_words(r->arena, words, n_bytes, n, &vocabulary, &found);
    if (status != ASSAY_OK)
        return as_fail(r->error, status, place_of(r, "vocabulary").text, "%s", found.text);
    r->out->vocabulary = vocabulary;
    r->out->vocab_size = as_vocabulary_size(vocabulary);
    as_where place = place_of(r, "kind");
    status = as_splitter_new(r->arena, r->out->kind, r->pattern, place.text, &r->owned->splitter,
                             r->error);
    return status;
}

static assay_status read_wordpiece(reading *r) {
    const json_t *document = value_of(r, "wordpiece");
    as_wordpiece_source source;
    as_wordpiece *wordpiece = NULL;
    as_where place = place_of(r, "wordpiece");
    const char *name = as_arena_strdup(r->arena, place.text);
    if (!name)
        return no_memory(r->name, r->error);
    if (!json_is_object(document))
        return wrong(r, "wordpiece", "a WordPiece tokenizer");
    assay_status status = as_tokenizer_json_read(r->arena, document, name, &source, r->error);
    if (status == ASSAY_OK)
        status = as_wordpiece_build(r->arena, &source, &wordpiece, r->error);
    if (status == ASSAY_OK && !(r->owned->scratch = as_wordpiece_scratch_new()))
        status = no_memory(r->name, r->error);
    if (status != ASSAY_OK)
        return status;
    r->out->wordpiece = wordpiece;
    r->out->vocab_size = as_wordpiece_vocab_size(wordpiece);
    return ASSAY_OK;
}

/* ---- token weights ----------------------------------------------------------------------------*/

static assay_status read_weights(reading *r) {
    const json_t *section = value_of(r, "token_weights"), *list, *one;
    size_t i, n = (size_t)r->out->vocab_size;
    as_tfidf_config config;
    if (!section)
        return ASSAY_OK;
    as_where place = place_of(r, "token_weights");
    list = json_object_get(section, "idf");
    double *idf = as_arena_alloc_array(r->arena, n, sizeof *idf);
    json_t *settings = json_copy((json_t *)(uintptr_t)section);
    if (!idf || !settings)
        return no_memory(r->name, r->error);
    json_object_del(settings, "idf");
    assay_status status = as_tfidf_config_from_json(settings, place.text, &config, r->error);
    json_decref(settings);
    if (status != ASSAY_OK)
        return status;
    if (json_array_size(list) != n)
        return as_fail(r->error, ASSAY_BAD_DATA, place.text,
                       "\"idf\" has %zu numbers; the vocabulary has %zu ids", json_array_size(list),
                       n);
    json_array_foreach(list, i, one) {
        if (!json_is_number(one))
            return as_fail(r->error, ASSAY_BAD_DATA, place.text, "\"idf\": %s of id %zu",
                           as_json_type_name(one), i);
        idf[i] = json_number_value(one);
    }
    assay_error found = ASSAY_ERROR_INIT;
    status = as_tfidf_from_idf(r->arena, idf, r->out->vocab_size, &config, &r->out->token_weights,
                               &found);
    return status == ASSAY_OK ? status : as_fail(r->error, status, place.text, "%s", found.text);
}

/* ---- all of it --------------------------------------------------------------------------------*/

static assay_status make(reading *r) {
    const as_saved_tokenizer *out = r->out;
    bool pieces = strcmp(out->kind, "wordpiece") == 0;
    if (value_of(r, pieces ? "vocabulary" : "wordpiece"))
        return wrong(r, pieces ? "vocabulary" : "wordpiece",
                     "null: the tokenizer is of another kind");
    if (pieces && r->pattern)
        return wrong(r, "pattern", "null: it is for the tokenizer \"regex\"");
    as_where place = place_of(r, "cleaning");
    assay_status status = as_cleaner_new(out->cleaning, place.text, &r->owned->cleaner, r->error);
    if (status == ASSAY_OK)
        status = pieces ? read_wordpiece(r) : read_words(r);
    if (status == ASSAY_OK)
        status = read_weights(r);
    if (status == ASSAY_OK && out->padded && out->token_weights)
        status = wrong(r, "padding", "\"none\": there are token weights");
    if (status == ASSAY_OK && out->padded && pieces && as_wordpiece_pad_id(out->wordpiece) < 0)
        status = wrong(r, "padding", "\"none\": the vocabulary has no [PAD]");
    if (status != ASSAY_OK)
        return status;
    const as_encoder_parts parts = {.cleaner = r->owned->cleaner,
                                    .splitter = r->owned->splitter,
                                    .vocabulary = out->vocabulary,
                                    .wordpiece = out->wordpiece,
                                    .scratch = r->owned->scratch,
                                    .special = out->special,
                                    .padded = out->padded,
                                    .max_tokens = out->max_tokens};
    return as_encoder_new(r->arena, &parts, &r->out->encoder, r->error);
}

static assay_status read_json(const char *bytes, size_t n_bytes, const char *name,
                              json_t **ret_json, assay_error *error) {
    json_error_t why;
    char where[sizeof error->where];
    if (n_bytes > AS_SAVED_TOKENIZER_MAX_BYTES)
        return as_fail(error, ASSAY_LIMIT, name, "has %zu bytes; at most %d", n_bytes,
                       AS_SAVED_TOKENIZER_MAX_BYTES);
    /* A word may hold a NUL, and there are more of them than as_json_parse takes bytes. */
    json_t *json = json_loadb(bytes, n_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (json) {
        *ret_json = json;
        return ASSAY_OK;
    }
    snprintf(where, sizeof where, "%.200s:%d:%d", name, why.line, why.column);
    return as_fail(error,
                   json_error_code(&why) == json_error_out_of_memory ? ASSAY_OUT_OF_MEMORY
                                                                     : ASSAY_BAD_DATA,
                   where, "not valid JSON: %s", why.text);
}

assay_status as_saved_tokenizer_parse(as_arena *arena, const char *bytes, size_t n_bytes,
                                      const char *name, as_saved_tokenizer **ret_tokenizer,
                                      assay_error *error) {
    reading r = {.arena = arena,
                 .name = name,
                 .out = as_arena_alloc(arena, sizeof *r.out),
                 .owned = as_arena_alloc(arena, sizeof *r.owned),
                 .error = error};
    if (!r.out || !r.owned)
        return no_memory(name, error);
    r.out->owned = r.owned;
    assay_status status = read_json(bytes, n_bytes, name, &r.owned->json, error);
    r.json = r.owned->json;
    if (status == ASSAY_OK)
        status = check_document(&r);
    if (status == ASSAY_OK)
        status = read_settings(&r);
    if (status == ASSAY_OK)
        status = make(&r);
    if (status == ASSAY_OK)
        *ret_tokenizer = r.out;
    else
        as_saved_tokenizer_free(r.out);
    /* What is wrong with a saved file is never the command line's fault. */
    if (status == ASSAY_INVALID_ARGUMENT || status == ASSAY_NOT_FOUND) {
        status = ASSAY_BAD_DATA;
        if (error)
            error->status = status;
    }
    return status;
}

assay_status as_saved_tokenizer_load(as_arena *arena, const char *path,
                                     as_saved_tokenizer **ret_tokenizer, as_sha256_hex *ret_sha256,
                                     assay_error *error) {
    char *bytes = NULL;
    size_t n_bytes = 0;
    assay_status status = as_file_read(path, AS_SAVED_TOKENIZER_MAX_BYTES, &bytes, &n_bytes, error);
    if (status == ASSAY_OK)
        status = as_saved_tokenizer_parse(arena, bytes, n_bytes, path, ret_tokenizer, error);
    if (status == ASSAY_OK && ret_sha256)
        *ret_sha256 = as_sha256_bytes(bytes, n_bytes);
    free(bytes);
    return status;
}

void as_saved_tokenizer_free(as_saved_tokenizer *tokenizer) {
    struct as_saved_tokenizer_owned *owned = tokenizer ? tokenizer->owned : NULL;
    if (!owned)
        return;
    as_cleaner_free(owned->cleaner);
    as_splitter_free(owned->splitter);
    as_wordpiece_scratch_free(owned->scratch);
    json_decref(owned->json);
    *owned = (struct as_saved_tokenizer_owned){0};
}
