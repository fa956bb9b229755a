/* SPDX-License-Identifier: MIT */
/* data/cleaning/cleaning.h: a suite's ordered list of cleaning steps, compiled once, applied to
 * every text, counted step by step.
 *
 * A step is a name ("lower") or an object ({"step": "regex", "pattern": "[0-9]+", "replace": "0"}).
 * The steps and their fields: cleaning/steps.def, assay-suite(5). */
#ifndef AS_DATA_CLEANING_CLEANING_H
#define AS_DATA_CLEANING_CLEANING_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"
#include "base/arena.h"

typedef struct as_cleaner as_cleaner;

/* [cell] Compiles `steps` (array, or NULL: none). `where` is its place for errors
 * ("quick.json#/data/cleaning"). BAD_DATA or INVALID_ARGUMENT at "where/2/pattern": unknown step
 * (suggests the nearest), unknown or missing field, a pattern that does not compile (with offset),
 * an unknown stop-word list. */
ASSAY_MUST_USE assay_status as_cleaner_new(const json_t *steps, const char *where,
                                           as_cleaner **ret_cleaner, assay_error *error);
void as_cleaner_free(as_cleaner *cleaner); /* NULL allowed */

/* [one thread per cleaner] Applies the steps in order to valid UTF-8; the result is valid UTF-8,
 * stands in the cleaner's buffers or is the input itself, and is valid until the next call. The
 * counts grow. LIMIT: a pattern took too much work or memory on this text, or a step made it over
 * 16 times as long (and 1 MiB); the text names step and pattern. */
ASSAY_MUST_USE assay_status as_clean(as_cleaner *cleaner, const char *text, size_t n_bytes,
                                     const char **ret_text, size_t *ret_n_bytes,
                                     assay_error *error);

/* [one thread per cleaner] The first n_steps steps alone, not counted. */
ASSAY_MUST_USE assay_status as_clean_prefix(as_cleaner *cleaner, size_t n_steps, const char *text,
                                            size_t n_bytes, const char **ret_text,
                                            size_t *ret_n_bytes, assay_error *error);

/* What one step has done since the cleaner was made (or reset). */
typedef struct as_cleaning_counts {
    const char *step;            /* "regex", owned by the cleaner */
    uint64_t texts;              /* seen */
    uint64_t changed;            /* of them changed */
    uint64_t emptied;            /* not blank before, blank (white space alone or nothing) after */
    uint64_t characters_removed; /* code points before minus after, where that is positive */
} as_cleaning_counts;

/* [any] Number of steps, and the counts [n] of them. */
size_t as_cleaner_n_steps(const as_cleaner *cleaner);
/* [any] Steps before the first that drops whole tokens (remove_stopwords, min_token_length): what
 * they give is the text "after cleaning", what all give the text "after filtering". */
size_t as_cleaner_n_text_steps(const as_cleaner *cleaner);
const as_cleaning_counts *as_cleaner_counts(const as_cleaner *cleaner);
void as_cleaner_reset(as_cleaner *cleaner);

#endif
