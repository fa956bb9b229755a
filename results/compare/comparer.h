/* SPDX-License-Identifier: MIT */
/* results/compare/comparer.h: what the parts of a comparison share: compare.c matches cells,
 * checks.c judges each matched entry. */
#ifndef AS_RESULTS_COMPARER_H
#define AS_RESULTS_COMPARER_H

#include <string.h>

#include "results/compare/compare.h"

/* A comparison being made: the first error is kept in `status`. */
typedef struct as_comparer {
    as_arena *arena;
    as_comparison *result;
    assay_error *error;
    assay_status status;
} as_comparer;

/* The matched seeds of one entry. */
typedef struct as_matched {
    const as_record **base, **new_; /* [n] */
    const as_record **both;         /* [2 n]: base, then new */
    size_t n;
} as_matched;

/* [owner] In the comparison's memory; NULL: none is left, which status tells. */
void *as_comparer_allocate(as_comparer *c, size_t n, size_t size);
const char *as_comparer_text(as_comparer *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void as_comparer_problem(as_comparer *c, const char *line);
void as_comparer_note(as_comparer *c, const char *line); /* each once */

/* Every gated check of an entry. */
void as_check_entry(as_comparer *c, const as_matched *m, as_compared_entry *entry);

static inline bool as_texts_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

#endif
