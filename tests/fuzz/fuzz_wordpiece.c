/* SPDX-License-Identifier: MIT */
/* Any bytes as a text: ids in range, offsets inside and ascending, the same ids without offsets and
 * from another cache, at times a fresh one, and a cut text is the beginning of the whole one. The
 * first byte chooses the tokenizer and the cut. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAGS(single, left, right, normal)                                                         \
    "\"single_word\": " single ", \"lstrip\": " left ", \"rstrip\": " right                        \
    ", \"normalized\": " normal
#define MODEL                                                                                      \
    "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"post_processor\": {\"type\": "         \
    "\"BertProcessing\", \"cls\": [\"[CLS]\", 1], \"sep\": [\"[SEP]\", 2]}, \"model\": "           \
    "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, " \
    "\"[SEP]\": 2, \"a\": 3, \"##a\": 4, \"b\": 5, \"##bc\": 6, \"\u0301\": 7, \"##\u0301\": 8, "  \
    "\"\u4e2d\": 9, \"##\u1161\": 10, \"\u1100\": 11, \".\": 12, \"e\": 13, \"##\u0323\": 14}}}"
#define RULES(clean, lower)                                                                        \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": " clean                        \
    ", \"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": " lower "}, "

static const char *const documents[] = {
    "{\"added_tokens\": [{\"id\": 1, \"content\": \"[CLS]\", \"special\": true}], " RULES(
        "true", "true") MODEL,
    "{\"normalizer\": null, " MODEL,
    "{" RULES("false", "false") MODEL,
    "{\"added_tokens\": [{\"id\": 15, \"content\": \"<x>\", " FLAGS(
        "false", "true", "true",
        "true") "}, {\"id\": 16, \"content\": \"ab\", " FLAGS("true", "false", "true",
                                                              "false") "}], " RULES("true", "true")
        MODEL,
};
enum { N_TOKENIZERS = sizeof documents / sizeof documents[0] };

typedef struct context {
    as_arena *arena;
    as_wordpiece *wordpieces[N_TOKENIZERS];
    as_wordpiece_scratch *scratches[N_TOKENIZERS], *others[N_TOKENIZERS];
} context;

static const context *start(void) {
    static context c;
    if (c.arena)
        return &c;
    c.arena = as_arena_new();
    for (size_t i = 0; i < N_TOKENIZERS; i++) {
        c.scratches[i] = as_wordpiece_scratch_new();
        c.others[i] = as_wordpiece_scratch_new();
        if (as_wordpiece_from_json(c.arena, documents[i], strlen(documents[i]), "fuzz", NULL,
                                   &c.wordpieces[i], NULL) != ASSAY_OK)
            abort();
    }
    return &c;
}

static void check_whole(const as_wordpiece *w, const as_wordpiece_encoding *e, size_t size) {
    uint32_t last = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (e->ids[i] < 0 || e->ids[i] >= as_wordpiece_vocab_size(w) || e->begins[i] > e->ends[i] ||
            e->ends[i] > size)
            abort();
        if (i == 0 || i + 1 == e->n) /* special */
            continue;
        if (e->begins[i] < last)
            abort();
        last = e->begins[i];
    }
}

/* Another scratch's encoding, cut to max_tokens, is what the first said. */
static void check_again(const as_wordpiece *w, as_wordpiece_scratch *other,
                        const as_wordpiece_encoding *whole, const char *text, size_t size,
                        size_t max_tokens) {
    as_wordpiece_encoding e;
    if (as_wordpiece_encode(w, other, text, size, max_tokens, true, false, &e, NULL) != ASSAY_OK ||
        e.n_tokens != whole->n_tokens || e.truncated != (max_tokens && whole->n > max_tokens) ||
        e.n != (e.truncated ? max_tokens : whole->n))
        abort();
    for (size_t i = 0; i < e.n; i++)
        if (e.ids[i] != whole->ids[i + 1 == e.n ? whole->n - 1 : i])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    const context *c = start();
    size_t chosen = data[0] % N_TOKENIZERS, max_tokens = data[0] / N_TOKENIZERS;
    const as_wordpiece *w = c->wordpieces[chosen];
    const char *text = (const char *)data + 1;
    as_wordpiece_scratch *fresh = size % 64 == 0 ? as_wordpiece_scratch_new() : NULL;
    as_wordpiece_encoding e;
    if (as_wordpiece_encode(w, c->scratches[chosen], text, size - 1, 0, true, true, &e, NULL) !=
        ASSAY_OK)
        abort();
    check_whole(w, &e, size - 1);
    check_again(w, fresh ? fresh : c->others[chosen], &e, text, size - 1,
                max_tokens < 2 ? 0 : max_tokens);
    as_wordpiece_scratch_free(fresh);
    return 0;
}
