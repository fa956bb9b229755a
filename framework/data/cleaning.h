/* SPDX-License-Identifier: MIT */
/* data/cleaning.h: named steps that a suite lists under data.cleaning, applied in that order.
 *
 *     lower       every character by Unicode's simple lower-case mapping (UnicodeData.txt field 13)
 *     strip_html  every tag "<" letter, "/", "!" or "?" ... ">" becomes one blank; entities stay
 *
 * To add one: a function and a row in cleaning.c. */
#ifndef AS_DATA_CLEANING_H
#define AS_DATA_CLEANING_H

#include <stddef.h>

#include "assay/status.h"
#include "base/arena.h"

/* Text under work: grows inside its arena. */
typedef struct as_text {
    as_arena *arena;
    char *data;
    size_t n_bytes, capacity;
} as_text;

/* [cell] Room for n bytes and a NUL; content is kept. */
ASSAY_MUST_USE assay_status as_text_reserve(as_text *text, size_t n_bytes, assay_error *error);

typedef struct as_cleaning_step {
    const char *name;
    /* Writes the cleaned form of [in, in + n_bytes) to `out`, whose room is 2 * n_bytes + 16;
     * returns its length. Input and output are valid UTF-8. */
    size_t (*apply)(const char *in, size_t n_bytes, char *out);
} as_cleaning_step;

/* [any] The step of that name; INVALID_ARGUMENT at `where` suggests the nearest. */
ASSAY_MUST_USE assay_status as_cleaning_find(const char *name, const char *where,
                                             const as_cleaning_step **ret_step, assay_error *error);

/* [cell] Applies the steps in order. The result stands in one of the two buffers or is the input
 * itself; valid until they are used again. */
ASSAY_MUST_USE assay_status as_clean(const as_cleaning_step *const *steps, size_t n_steps,
                                     const char *text, size_t n_bytes, as_text buffers[2],
                                     const char **ret_text, size_t *ret_n_bytes,
                                     assay_error *error);

#endif
