/* SPDX-License-Identifier: MIT */
/* Added tokens in a text. */
#include "data/tokenizers/added_tokens.h"

#include <string.h>

#include "base/error.h"
#include "data/tokenizers/bert_normalizer.h"

assay_status as_added_tokens_init(as_arena *arena, const as_added_token *tokens,
                                  const char *const *patterns, const size_t *pattern_bytes,
                                  size_t n, const uint8_t *flat, as_added_tokens *ret_added,
                                  assay_error *error) {
    as_added_tokens added = {.tokens = tokens, .only_start = -1, .flat = flat};
    size_t n_bytes = 0, n_starts = 0;
    for (size_t i = 0; i < n; i++)
        n_bytes += patterns[i] ? pattern_bytes[i] : 0;
    if (!as_token_trie_init(arena, &added.trie, n_bytes))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "tokenizer", "no memory for added tokens");
    for (size_t i = 0; i < n; i++) {
        if (!patterns[i] || !pattern_bytes[i])
            continue;
        unsigned char first = (unsigned char)patterns[i][0];
        (void)as_token_trie_add(&added.trie, patterns[i], pattern_bytes[i], (int32_t)i);
        n_starts += !added.starts[first];
        added.starts[first] = true;
        added.only_start = n_starts == 1 ? first : -1;
        added.n++;
    }
    *ret_added = added;
    return ASSAY_OK;
}

static unsigned flags_at(const as_added_tokens *added, const char *at, size_t *ret_n) {
    return as_bert_class_of(added->flat, as_utf8_decode(at, ret_n))->flags;
}

static size_t character_before(const char *text, size_t at) {
    do
        at--;
    while (at && ((unsigned char)text[at] & 0xC0) == 0x80);
    return at;
}

static bool stands_alone(const as_added_tokens *added, const as_added_cursor *c, size_t begin,
                         size_t end) {
    size_t n;
    if (begin && flags_at(added, c->text + character_before(c->text, begin), &n) & AS_BERT_WORD)
        return false;
    return end == c->n_bytes || !(flags_at(added, c->text + end, &n) & AS_BERT_WORD);
}

/* First byte from `at` on that a token may begin with. */
static size_t next_start(const as_added_tokens *added, const char *text, size_t at, size_t n) {
    if (added->only_start >= 0) {
        const char *found = memchr(text + at, added->only_start, n - at);
        return found ? (size_t)(found - text) : n;
    }
    while (at < n && !added->starts[(unsigned char)text[at]])
        at++;
    return at;
}

static void take_space(const as_added_tokens *added, const as_added_cursor *c,
                       const as_added_token *token, size_t *begin, size_t *end) {
    size_t n, before;
    if (token->lstrip && *begin < c->begin)
        *begin = c->begin;
    while (token->lstrip && *begin > c->begin) {
        before = character_before(c->text, *begin);
        if (!(flags_at(added, c->text + before, &n) & AS_BERT_SPACE))
            break;
        *begin = before;
    }
    while (token->rstrip && *end < c->n_bytes &&
           flags_at(added, c->text + *end, &n) & AS_BERT_SPACE)
        *end += n;
}

const as_added_token *as_added_tokens_next(const as_added_tokens *added, as_added_cursor *c,
                                           size_t *ret_begin, size_t *ret_end) {
    while (added->n && c->at < c->n_bytes) {
        size_t begin = next_start(added, c->text, c->at, c->n_bytes), n = 0;
        if (begin == c->n_bytes)
            break;
        int32_t found = as_token_trie_longest(&added->trie, AS_TRIE_ROOT, c->text + begin,
                                              c->n_bytes - begin, &n);
        c->at = begin + (found >= 0 ? n : 1);
        if (found < 0)
            continue;
        const as_added_token *token = &added->tokens[found];
        size_t end = begin + n;
        if (token->single_word && !stands_alone(added, c, begin, end))
            continue;
        take_space(added, c, token, &begin, &end);
        if (begin >= end) /* all of it stands in the last one's white space */
            continue;
        *ret_begin = begin;
        *ret_end = end;
        c->begin = end;
        return token;
    }
    c->at = c->n_bytes;
    return NULL;
}
