/* SPDX-License-Identifier: MIT */
/* The reader of word vectors. The first byte: bits 0 and 1 the dimensions asked for (0: any). What
 * it takes must be whole: words that are found again, numbers that are finite. The input's own
 * numbers are also read one by one, beside strtof. */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/embeddings/decimal.h"
#include "data/embeddings/vector_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check(bool holds) {
    if (!holds)
        abort();
}

static void check_vectors(const as_vectors *v) {
    check(v->n_words > 0 && v->dimensions > 0 && v->ends[v->n_words - 1] == v->n_word_bytes);
    for (uint32_t i = 0; i < v->n_words; i++) {
        size_t n_bytes;
        const char *word = as_vectors_word(v, i, &n_bytes);
        check(n_bytes > 0 && as_vectors_find(v, word, n_bytes) == i);
    }
    for (size_t i = 0; i < (size_t)v->n_words * (size_t)v->dimensions; i++)
        check(isfinite(v->values[i]));
}

/* Every place of the text where a number may begin; strtof also knows "inf", "nan", "0x" and white
 * space before. */
static void check_numbers(const char *text) {
    for (const char *p = text; *p; p++) {
        const char *end;
        char *expected_end;
        float value;
        if (!as_decimal_read(p, &end, &value))
            continue;
        if (p[0] == '0' || ((p[0] == '-' || p[0] == '+') && p[1] == '0'))
            if (tolower((unsigned char)p[1 + (p[0] != '0')]) == 'x')
                continue;
        float expected = strtof(p, &expected_end);
        check(end == expected_end && memcmp(&value, &expected, sizeof value) == 0);
        p = end > p ? end - 1 : p;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    as_stream *stream;
    as_vectors vectors;
    assay_error error = ASSAY_ERROR_INIT;
    char *text = n_bytes ? malloc(n_bytes) : NULL;
    if (!text)
        return 0;
    memcpy(text, bytes + 1, n_bytes - 1);
    text[n_bytes - 1] = '\0';
    check_numbers(text);
    if (as_stream_memory(text, n_bytes - 1, "fuzz", &stream, NULL) == ASSAY_OK) {
        assay_status status = as_vector_text_read(stream, bytes[0] & 3, NULL, &vectors, &error);
        check(status == ASSAY_OK || (error.where[0] && error.text[0]));
        if (status == ASSAY_OK) {
            check_vectors(&vectors);
            as_vectors_done(&vectors);
        }
        as_stream_close(stream);
    }
    free(text);
    return 0;
}
