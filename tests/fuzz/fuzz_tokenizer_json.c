/* SPDX-License-Identifier: MIT */
/* Bytes as a tokenizer.json: what is read encodes a text with ids in range. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const as_wordpiece *w) {
    static const char text[] = "The na\u00efve [MASK] fox <x> \u4e2d\u56fd o o\n e\u0301\u0323";
    as_wordpiece_scratch *scratch = as_wordpiece_scratch_new();
    as_wordpiece_encoding e;
    if (scratch &&
        as_wordpiece_encode(w, scratch, text, sizeof text - 1, 0, true, true, &e, NULL) == ASSAY_OK)
        for (size_t i = 0; i < e.n; i++)
            if (!as_wordpiece_token(w, e.ids[i]) || e.begins[i] > e.ends[i] ||
                e.ends[i] > sizeof text - 1)
                abort();
    as_wordpiece_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    as_arena *arena = as_arena_new();
    as_wordpiece *w = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    if (arena && as_wordpiece_from_json(arena, (const char *)data, size, "tokenizer.json", NULL, &w,
                                        &error) == ASSAY_OK)
        check(w);
    else if (w)
        abort();
    as_arena_free(arena);
    return 0;
}
