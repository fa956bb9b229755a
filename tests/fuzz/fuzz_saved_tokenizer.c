/* SPDX-License-Identifier: MIT */
/* Bytes as a cell's tokenizer.json: what is read gives every text ids in range, and weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096 };

static void check(as_saved_tokenizer *t) {
    static const char text[] = "The na\u00efve [MASK] <b>fox</b> &amp; <x> \u4e2d\u56fd o o 12 the";
    static int32_t ids[MOST];
    static float weights[MOST];
    as_encoding e;
    if (t->max_tokens > MOST ||
        as_encoder_encode(t->encoder, text, sizeof text - 1, ids, &e, NULL) != ASSAY_OK)
        return;
    if (e.n_ids < 1 || e.n_ids > t->max_tokens)
        abort();
    for (int32_t i = 0; i < e.n_ids; i++)
        if (ids[i] < 0 || ids[i] >= t->vocab_size)
            abort();
    if (t->token_weights)
        as_tfidf_weights(t->token_weights, ids, e.n_ids, weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    as_arena *arena = as_arena_new();
    as_saved_tokenizer *t = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    if (arena && as_saved_tokenizer_parse(arena, (const char *)data, size, "tokenizer.json", &t,
                                          &error) == ASSAY_OK)
        check(t);
    else if (t)
        abort();
    as_saved_tokenizer_free(t);
    as_arena_free(arena);
    return 0;
}
