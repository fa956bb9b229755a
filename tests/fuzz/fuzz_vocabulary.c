/* SPDX-License-Identifier: MIT */
/* Bytes as a vocab.txt, perhaps behind a tokenizer_config.json and a NUL byte: what is read has ids
 * 0 .. size - 1, each token's own, and encodes. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "data/tokenizers/wordpiece.h"
#include "data/tokenizers/wordpiece_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const as_wordpiece *w) {
    for (int32_t id = 0; id < as_wordpiece_vocab_size(w); id++) {
        const char *token = as_wordpiece_token(w, id);
        if (!token || as_wordpiece_id(w, token, strlen(token)) != id)
            abort();
    }
    if (as_wordpiece_token(w, as_wordpiece_vocab_size(w)) || strlen(as_wordpiece_digest(w)) != 64 ||
        as_wordpiece_unknown_id(w) < 0 || as_wordpiece_pad_id(w) >= as_wordpiece_vocab_size(w))
        abort();
}

static assay_status read_settings(as_arena *arena, const char *bytes, size_t n_bytes,
                                  as_vocab_settings *settings) {
    json_t *config = NULL;
    assay_status status = as_json_parse(bytes, n_bytes, "tokenizer_config.json", &config, NULL);
    if (status == ASSAY_OK)
        status = as_vocab_settings_read(arena, config, "tokenizer_config.json", settings, NULL);
    json_decref(config);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data, *cut = size ? memchr(data, 0, size) : NULL;
    as_arena *arena = as_arena_new();
    as_wordpiece *w = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    as_vocab_settings settings = as_vocab_settings_default();
    assay_status status = ASSAY_OK;
    if (!arena)
        return 0;
    if (cut) {
        size_t n_config = (size_t)(cut - bytes);
        status = read_settings(arena, bytes, n_config, &settings);
        if (status == ASSAY_OK)
            status = as_vocab_read(arena, cut + 1, size - n_config - 1, "vocab.txt", &settings,
                                   NULL, &w, &error);
    } else {
        const as_wordpiece_options options = {.lower_case = size % 3 == 0 ? -1 : (int)size % 2,
                                              .split_chinese = (int)size % 2,
                                              .strip_accents = size % 5 == 0 ? -1 : (int)size % 2};
        status = as_wordpiece_from_vocab(arena, bytes, size, "vocab.txt", &options, &w, &error);
    }
    if (status == ASSAY_OK)
        check(w);
    as_arena_free(arena);
    return 0;
}
