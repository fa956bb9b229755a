/* SPDX-License-Identifier: MIT */
/* Checks what a vocabulary file said and builds the tokenizer: trie, tables for ASCII, added
 * tokens, digest. */
#include "data/tokenizers/wordpiece_model.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

const char *const as_wordpiece_special[AS_WORDPIECE_N_SPECIAL] = {"[PAD]", "[UNK]", "[CLS]",
                                                                  "[SEP]", "[MASK]"};

static assay_status no_memory(const as_wordpiece_source *source, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, source->name, "no memory for the vocabulary");
}

/* ---- tokens -----------------------------------------------------------------------------------*/

/* Ids are lines from 0 on: only a file of lines can hold a token twice. */
static assay_status add_tokens(as_arena *arena, const as_wordpiece_source *source, as_wordpiece *w,
                               assay_error *error) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < source->n_tokens; i++)
        n_bytes += source->tokens[i].n_bytes;
    if (!as_token_trie_init(arena, &w->trie, n_bytes))
        return no_memory(source, error);
    for (size_t i = 0; i < source->n_tokens; i++) {
        const as_wordpiece_piece *token = &source->tokens[i];
        char line[24];
        int32_t earlier = as_token_trie_add(&w->trie, token->text, token->n_bytes, (int32_t)i);
        snprintf(line, sizeof line, "%zu", i + 1);
        if (earlier >= 0)
            return as_fail(error, ASSAY_BAD_DATA, as_where_join(source->name, ":", line).text,
                           "token \"%.80s\" already stands in line %d; every token has one id, the "
                           "number of its line: remove one of them",
                           token->text, earlier + 1);
    }
    w->tokens = source->tokens;
    w->n_tokens = w->n_model = source->n_tokens;
    return ASSAY_OK;
}

static assay_status find_unknown(const as_wordpiece_source *source, as_wordpiece *w,
                                 assay_error *error) {
    w->unknown_id = as_token_trie_find(&w->trie, source->unknown, strlen(source->unknown));
    if (w->unknown_id < 0)
        return as_fail(
            error, ASSAY_BAD_DATA, source->name,
            "the vocabulary's %zu tokens lack \"%.80s\", which stands for unknown words; "
            "is this a WordPiece vocabulary?",
            w->n_tokens, source->unknown);
    return ASSAY_OK;
}

/* ---- added tokens -----------------------------------------------------------------------------*/

/* An added token has the id of the vocabulary's token of that text, or the next free one. */
static assay_status number_added(const as_wordpiece_source *source, as_wordpiece *w,
                                 assay_error *error) {
    for (size_t i = 0; i < source->n_added; i++) {
        const as_added_token *token = &source->added[i];
        int32_t known = as_token_trie_find(&w->trie, token->content, token->n_bytes);
        int32_t expected = known >= 0 ? known : (int32_t)w->n_tokens;
        if (token->id != expected)
            return as_fail(error, ASSAY_BAD_DATA, source->name,
                           "added token \"%.80s\" has the id %d; expected %d, %s", token->content,
                           token->id, expected,
                           known >= 0 ? "as in the vocabulary" : "the next one without a hole");
        if (known < 0)
            w->tokens[w->n_tokens++] =
                (as_wordpiece_piece){token->content, (uint32_t)token->n_bytes};
    }
    return ASSAY_OK;
}

/* Text a token is looked for by: its own before normalising, its normalised one after. */
static assay_status fill_patterns(as_arena *arena, const as_wordpiece_source *source,
                                  const as_wordpiece *w, bool normalized, const char **patterns,
                                  size_t *n_bytes, assay_error *error) {
    as_bert_text text = {0};
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < source->n_added && status == ASSAY_OK; i++) {
        const as_added_token *token = &source->added[i];
        patterns[i] = NULL;
        if (token->normalized != normalized)
            continue;
        patterns[i] = token->content;
        n_bytes[i] = token->n_bytes;
        if (!normalized)
            continue;
        as_bert_normalize(w->flat, &w->rules, token->content, 0, token->n_bytes, false, &text);
        patterns[i] = as_arena_strndup(arena, text.n ? text.bytes : "", text.n);
        n_bytes[i] = text.n;
        if (text.failed || !patterns[i])
            status = no_memory(source, error);
        else if (!text.n)
            status = as_fail(error, ASSAY_BAD_DATA, source->name,
                             "nothing of added token %d is left after normalising; set its "
                             "\"normalized\" to false",
                             token->id);
    }
    as_bert_text_done(&text);
    return status;
}

static assay_status add_added(as_arena *arena, const as_wordpiece_source *source, as_wordpiece *w,
                              assay_error *error) {
    const char **patterns = as_arena_alloc_array(arena, source->n_added, sizeof *patterns);
    size_t *n_bytes = as_arena_alloc_array(arena, source->n_added, sizeof *n_bytes);
    assay_status status =
        patterns && n_bytes ? number_added(source, w, error) : no_memory(source, error);
    for (int normalized = 0; normalized < 2 && status == ASSAY_OK; normalized++) {
        status = fill_patterns(arena, source, w, normalized, patterns, n_bytes, error);
        if (status == ASSAY_OK)
            status = as_added_tokens_init(arena, source->added, patterns, n_bytes, source->n_added,
                                          w->flat, normalized ? &w->normalized : &w->raw, error);
    }
    return status;
}

/* ---- ASCII ------------------------------------------------------------------------------------*/

static void fill_ascii(as_wordpiece *w) {
    for (unsigned c = 0; c < 128; c++) {
        unsigned flags = as_bert_class_of(w->flat, c)->flags;
        char byte = (char)c;
        int32_t id = as_token_trie_find(&w->trie, &byte, 1);
        w->signs[c] = id >= 0 ? id : w->unknown_id;
        w->ascii[c] = AS_ASCII_LETTER;
        if (w->rules.clean && flags & AS_BERT_DROP)
            w->ascii[c] = AS_ASCII_OTHER;
        else if (flags & AS_BERT_SPACE)
            w->ascii[c] = AS_ASCII_GAP;
        else if (flags & AS_BERT_PUNCTUATION)
            w->ascii[c] = AS_ASCII_SIGN;
    }
}

/* ---- digest -----------------------------------------------------------------------------------*/

static void hash_number(crypto_hash_sha256_state *state, uint64_t number) {
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    crypto_hash_sha256_update(state, bytes, sizeof bytes);
}

static void hash_text(crypto_hash_sha256_state *state, const char *text, size_t n_bytes) {
    hash_number(state, n_bytes);
    crypto_hash_sha256_update(state, (const unsigned char *)text, n_bytes);
}

/* Numbers as 8 bytes, little-endian; texts with their length before them. */
static void fill_digest(const as_wordpiece_source *source, as_wordpiece *w) {
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    hash_number(&state, w->n_tokens);
    for (size_t i = 0; i < w->n_tokens; i++)
        hash_text(&state, w->tokens[i].text, w->tokens[i].n_bytes);
    hash_number(&state, (uint64_t)(w->rules.clean | w->rules.chinese << 1 | w->rules.strip << 2 |
                                   w->rules.lower << 3));
    hash_text(&state, source->unknown, strlen(source->unknown));
    hash_text(&state, source->prefix, strlen(source->prefix));
    hash_number(&state, w->max_characters);
    hash_number(&state, source->n_added);
    for (size_t i = 0; i < source->n_added; i++) {
        const as_added_token *t = &source->added[i];
        hash_number(&state, (uint64_t)t->id);
        hash_number(&state, (uint64_t)(t->single_word | t->lstrip << 1 | t->rstrip << 2 |
                                       t->normalized << 3));
    }
    hash_number(&state, w->n_before);
    for (size_t i = 0; i < w->n_before; i++)
        hash_number(&state, (uint64_t)w->before[i]);
    hash_number(&state, w->n_behind);
    for (size_t i = 0; i < w->n_behind; i++)
        hash_number(&state, (uint64_t)w->behind[i]);
    crypto_hash_sha256_final(&state, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        w->digest.text[2 * i] = digits[hash[i] >> 4];
        w->digest.text[2 * i + 1] = digits[hash[i] & 15];
    }
}

/* ---- all of it --------------------------------------------------------------------------------*/

static assay_status check_template(const as_wordpiece_source *source, const as_wordpiece *w,
                                   assay_error *error) {
    for (size_t i = 0; i < source->n_before + source->n_behind; i++) {
        int32_t id =
            i < source->n_before ? source->before[i] : source->behind[i - source->n_before];
        if (id < 0 || (size_t)id >= w->n_tokens)
            return as_fail(error, ASSAY_BAD_DATA, source->name,
                           "a special token around each text has the id %d; ids are 0 to %zu", id,
                           w->n_tokens - 1);
    }
    return ASSAY_OK;
}

assay_status as_wordpiece_build(as_arena *arena, const as_wordpiece_source *source,
                                as_wordpiece **ret_wordpiece, assay_error *error) {
    static atomic_uint_fast64_t serials;
    as_wordpiece *w = as_arena_alloc(arena, sizeof *w);
    if (!w || !(w->flat = as_bert_flat_new(arena)))
        return no_memory(source, error);
    w->rules = source->rules;
    w->max_characters = source->max_characters;
    w->prefix = source->prefix;
    w->added = source->added;
    w->n_added = source->n_added;
    w->n_before = source->n_before;
    w->n_behind = source->n_behind;
    memcpy(w->before, source->before, sizeof w->before);
    memcpy(w->behind, source->behind, sizeof w->behind);
    assay_status status = add_tokens(arena, source, w, error);
    if (status == ASSAY_OK)
        status = find_unknown(source, w, error);
    if (status == ASSAY_OK)
        status = add_added(arena, source, w, error);
    if (status == ASSAY_OK)
        status = check_template(source, w, error);
    if (status != ASSAY_OK)
        return status;
    w->inside = as_token_trie_walk(&w->trie, AS_TRIE_ROOT, source->prefix, strlen(source->prefix));
    w->pad_id = as_wordpiece_id(w, as_wordpiece_special[0], strlen(as_wordpiece_special[0]));
    w->serial = atomic_fetch_add(&serials, 1) + 1;
    fill_ascii(w);
    fill_digest(source, w);
    *ret_wordpiece = w;
    return ASSAY_OK;
}

int32_t as_wordpiece_vocab_size(const as_wordpiece *wordpiece) {
    return (int32_t)wordpiece->n_tokens;
}

const char *as_wordpiece_token(const as_wordpiece *w, int32_t id) {
    return id >= 0 && (size_t)id < w->n_tokens ? w->tokens[id].text : NULL;
}

int32_t as_wordpiece_unknown_id(const as_wordpiece *wordpiece) {
    return wordpiece->unknown_id;
}

int32_t as_wordpiece_pad_id(const as_wordpiece *wordpiece) {
    return wordpiece->pad_id;
}

int32_t as_wordpiece_id(const as_wordpiece *w, const char *token, size_t n_bytes) {
    int32_t id = as_token_trie_find(&w->trie, token, n_bytes);
    for (size_t i = w->n_model; id < 0 && i < w->n_tokens; i++)
        if (w->tokens[i].n_bytes == n_bytes && memcmp(w->tokens[i].text, token, n_bytes) == 0)
            id = (int32_t)i;
    return id;
}

const char *as_wordpiece_digest(const as_wordpiece *wordpiece) {
    return wordpiece->digest.text;
}
