/* SPDX-License-Identifier: MIT */
/* vocab.txt and the settings beside it. */
#include "data/tokenizers/wordpiece_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/tokenizers/tokenizer_json.h"
#include "data/tokenizers/utf8_repair.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the vocabulary");
}

/* ---- vocab.txt --------------------------------------------------------------------------------*/

static as_where at_line(const char *name, size_t index) {
    char number[24];
    snprintf(number, sizeof number, "%zu", index + 1);
    return as_where_join(name, ":", number);
}

static assay_status check_line(const char *line, size_t n_bytes, const char *name, size_t index,
                               assay_error *error) {
    as_where where = at_line(name, index);
    size_t n_valid = as_utf8_valid_prefix(line, n_bytes);
    if (!n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "the line is empty; expected one token on every line");
    if (n_bytes > AS_WORDPIECE_MAX_TOKEN_BYTES)
        return as_fail(error, ASSAY_LIMIT, where.text,
                       "the token has %zu bytes; at most %d: is this a vocabulary of one token a "
                       "line?",
                       n_bytes, AS_WORDPIECE_MAX_TOKEN_BYTES);
    if (n_valid < n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "byte %zu of the token, %02X, is not UTF-8; save the file as UTF-8",
                       n_valid + 1, (unsigned)(unsigned char)line[n_valid]);
    if (memchr(line, 0, n_bytes))
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "the token holds a NUL byte; is this a text file?");
    if (index == 0 && n_bytes >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "the file begins with a byte order mark, which would belong to the first "
                       "token; save it without one");
    return ASSAY_OK;
}

/* Tokens of the lines, which end in \n or \r\n, the last one perhaps in nothing. */
static assay_status split_lines(as_arena *arena, const char *bytes, size_t n_bytes,
                                const char *name, size_t n_lines, as_wordpiece_piece *tokens,
                                assay_error *error) {
    const char *at = bytes, *end = bytes + n_bytes;
    for (size_t i = 0; i < n_lines; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        if (n && at[n - 1] == '\r')
            n--;
        assay_status status = check_line(at, n, name, i, error);
        if (status != ASSAY_OK)
            return status;
        tokens[i] = (as_wordpiece_piece){as_arena_strndup(arena, at, n), (uint32_t)n};
        if (!tokens[i].text)
            return no_memory(name, error);
        at = stop ? stop + 1 : end;
    }
    return ASSAY_OK;
}

static assay_status read_lines(as_arena *arena, const char *bytes, size_t n_bytes, const char *name,
                               size_t n_added, as_wordpiece_source *s, assay_error *error) {
    size_t n_lines = n_bytes && bytes[n_bytes - 1] != '\n';
    for (size_t i = 0; i < n_bytes; i++)
        n_lines += bytes[i] == '\n';
    if (!n_lines)
        return as_fail(error, ASSAY_BAD_DATA, name,
                       "the vocabulary is empty; expected one token on every line");
    if (n_lines > AS_WORDPIECE_MAX_TOKENS)
        return as_fail(error, ASSAY_LIMIT, name, "has %zu lines; at most %d tokens", n_lines,
                       AS_WORDPIECE_MAX_TOKENS);
    s->tokens = as_arena_alloc_array(arena, n_lines + n_added, sizeof *s->tokens);
    s->n_tokens = n_lines;
    if (!s->tokens)
        return no_memory(name, error);
    return split_lines(arena, bytes, n_bytes, name, n_lines, s->tokens, error);
}

/* ---- tokenizer_config.json --------------------------------------------------------------------*/

/* BERT's special tokens, by the name that tokenizer_config.json may give them. */
static const char *const special_fields[AS_WORDPIECE_N_SPECIAL] = {
    "pad_token", "unk_token", "cls_token", "sep_token", "mask_token"};
enum { UNK = 1, CLS = 2, SEP = 3 };

/* A special token's text: a string, or an object with "content". */
static assay_status read_special(as_arena *arena, const json_t *config, const char *field,
                                 const char *where, const char **text, assay_error *error) {
    const json_t *found = json_object_get(config, field);
    if (json_is_object(found))
        found = json_object_get(found, "content");
    if (!found || json_is_null(found))
        return ASSAY_OK;
    if (!json_string_length(found))
        return as_fail(error, ASSAY_BAD_DATA, as_where_join(where, "#/", field).text,
                       "expected a token's text");
    *text = as_arena_strdup(arena, json_string_value(found));
    return *text ? ASSAY_OK : no_memory(where, error);
}

/* "added_tokens_decoder": {"0": {"content": "[PAD]", "lstrip": false, ...}, ...} by id. */
static assay_status read_decoder(as_arena *arena, const json_t *config, const char *name,
                                 as_vocab_settings *settings, assay_error *error) {
    json_t *decoder = json_object_get(config, "added_tokens_decoder"), *token;
    const char *id;
    as_where where = as_where_join(name, "#", "/added_tokens_decoder");
    size_t n = json_object_size(decoder);
    if (n > AS_WORDPIECE_MAX_ADDED)
        return as_fail(error, ASSAY_LIMIT, where.text, "has %zu tokens; at most %d", n,
                       AS_WORDPIECE_MAX_ADDED);
    settings->added = as_arena_alloc_array(arena, n, sizeof *settings->added);
    if (!settings->added)
        return no_memory(name, error);
    json_object_foreach(decoder, id, token) {
        char *end;
        long value = strtol(id, &end, 10);
        as_where place = as_where_join(where.text, "/", id);
        as_added_token *added = &settings->added[settings->n_added];
        if (!*id || *end || value < 0 || value > INT32_MAX)
            return as_fail(error, ASSAY_BAD_DATA, place.text, "the key is no token id");
        assay_status status = as_added_token_read(arena, token, place.text, added, error);
        if (status != ASSAY_OK)
            return status;
        added->id = (int32_t)value;
        settings->n_added++;
    }
    return ASSAY_OK;
}

assay_status as_vocab_settings_read(as_arena *arena, const json_t *config, const char *name,
                                    as_vocab_settings *settings, assay_error *error) {
    bool *lower = &settings->rules.lower, *strip = &settings->rules.strip;
    assay_status status = as_json_get_bool(config, "do_lower_case", name, lower, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(config, "tokenize_chinese_chars", name, &settings->rules.chinese,
                                  error);
    *strip = *lower;
    if (status == ASSAY_OK)
        status = as_json_get_bool(config, "strip_accents", name, strip, error);
    for (size_t i = 0; i < AS_WORDPIECE_N_SPECIAL && status == ASSAY_OK; i++)
        status = read_special(arena, config, special_fields[i], name, &settings->special[i], error);
    return status == ASSAY_OK ? read_decoder(arena, config, name, settings, error) : status;
}

as_vocab_settings as_vocab_settings_default(void) {
    as_vocab_settings settings = {.rules = {true, true, true, true}};
    memcpy(settings.special, as_wordpiece_special, sizeof settings.special);
    return settings;
}

/* ---- a tokenizer of lines and settings --------------------------------------------------------*/

void as_wordpiece_apply_options(const as_wordpiece_options *options, as_bert_rules *rules) {
    if (!options)
        return;
    if (options->lower_case >= 0) { /* accents follow, as when the file says nothing of them */
        if (rules->strip == rules->lower)
            rules->strip = options->lower_case;
        rules->lower = options->lower_case;
    }
    if (options->split_chinese >= 0)
        rules->chinese = options->split_chinese;
    if (options->strip_accents >= 0)
        rules->strip = options->strip_accents;
}

static int compare_added(const void *a, const void *b) {
    const as_added_token *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Id of a special token in the lines; -1: it is not there. */
static int32_t find_line(const as_wordpiece_source *s, const char *text) {
    size_t n_bytes = strlen(text);
    for (size_t i = 0; i < s->n_tokens; i++)
        if (s->tokens[i].n_bytes == n_bytes && memcmp(s->tokens[i].text, text, n_bytes) == 0)
            return (int32_t)i;
    return -1;
}

static bool is_added(const as_added_token *added, size_t n, int32_t id) {
    for (size_t i = 0; i < n; i++)
        if (added[i].id == id)
            return true;
    return false;
}

/* The special tokens that the lines hold are added tokens, found in texts before normalising; [CLS]
 * and [SEP] stand around a text. */
static assay_status add_special(as_arena *arena, const as_vocab_settings *settings,
                                as_wordpiece_source *s, assay_error *error) {
    size_t n = settings->n_added;
    as_added_token *added = as_arena_alloc_array(arena, n + AS_WORDPIECE_N_SPECIAL, sizeof *added);
    if (!added)
        return no_memory(s->name, error);
    for (size_t i = 0; i < n; i++)
        added[i] = settings->added[i];
    for (size_t i = 0; i < AS_WORDPIECE_N_SPECIAL; i++) {
        const char *text = settings->special[i];
        int32_t id = find_line(s, text);
        if (id >= 0 && !is_added(added, n, id))
            added[n++] = (as_added_token){
                .content = text, .n_bytes = strlen(text), .id = id, .special = true};
        if (id >= 0 && i == CLS)
            s->before[s->n_before++] = id;
        if (id >= 0 && i == SEP)
            s->behind[s->n_behind++] = id;
    }
    qsort(added, n, sizeof *added, compare_added);
    s->added = added;
    s->n_added = n;
    return ASSAY_OK;
}

assay_status as_vocab_read(as_arena *arena, const char *bytes, size_t n_bytes, const char *name,
                           const as_vocab_settings *settings, const as_wordpiece_options *options,
                           as_wordpiece **ret_wordpiece, assay_error *error) {
    as_wordpiece_source source = {.name = name,
                                  .rules = settings->rules,
                                  .unknown = settings->special[UNK],
                                  .prefix = "##",
                                  .max_characters = 100};
    assay_status status =
        read_lines(arena, bytes, n_bytes, name, settings->n_added, &source, error);
    if (status == ASSAY_OK)
        status = add_special(arena, settings, &source, error);
    if (status != ASSAY_OK)
        return status;
    as_wordpiece_apply_options(options, &source.rules);
    return as_wordpiece_build(arena, &source, ret_wordpiece, error);
}

assay_status as_wordpiece_from_vocab(as_arena *arena, const char *bytes, size_t n_bytes,
                                     const char *name, const as_wordpiece_options *options,
                                     as_wordpiece **ret_wordpiece, assay_error *error) {
    const as_vocab_settings settings = as_vocab_settings_default();
    if (n_bytes > AS_WORDPIECE_MAX_FILE_BYTES)
        return as_fail(error, ASSAY_LIMIT, name, "has %zu bytes; at most %d are read", n_bytes,
                       AS_WORDPIECE_MAX_FILE_BYTES);
    return as_vocab_read(arena, bytes, n_bytes, name, &settings, options, ret_wordpiece, error);
}
