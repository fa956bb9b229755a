/* SPDX-License-Identifier: MIT */
/* data/cleaning/steps.h: what the steps of steps.def share: their options, their output, and the
 * look at characters. Internal to this folder. */
#ifndef AS_DATA_CLEANING_STEPS_H
#define AS_DATA_CLEANING_STEPS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <utf8proc.h>

#include "assay/status.h"
#include "base/arena.h"

/* Values of the fields, defaults filled in. Strings are the cleaner's; the lists are the suite's
 * and there only while the step is prepared. */
typedef struct as_step_options {
    const char *pattern, *replace, *extra, *list;
    const json_t *characters, *words; /* arrays of strings, or NULL */
    bool case_insensitive, attributions;
    int64_t length;
} as_step_options;

/* Where a step writes: a buffer that is used again for the next text, and room for code points.
 * A step that has nothing to do sets `unchanged` and writes nothing. */
typedef struct as_clean_output {
    char *data;
    size_t n_bytes, capacity;
    size_t limit; /* bytes a step may give for this text */
    bool unchanged;
    int32_t *points, *sorted; /* [point_capacity] */
    size_t point_capacity;
} as_clean_output;

typedef struct as_step as_step;

typedef assay_status as_step_prepare(as_arena *arena, as_step *step, assay_error *error);
typedef assay_status as_step_apply(const as_step *step, const char *text, size_t n_bytes,
                                   as_clean_output *out, assay_error *error);
typedef void as_step_release(as_step *step);

typedef enum as_field_type {
    AS_FIELD_STRING,
    AS_FIELD_BOOLEAN,
    AS_FIELD_INTEGER,
    AS_FIELD_LIST
} as_field_type;

typedef struct as_step_field {
    const char *name;
    as_field_type type;
    size_t offset; /* in as_step_options */
    bool needed;
    const char *text;  /* default of a string */
    int64_t low, high; /* range of an integer; low is a boolean's default */
} as_step_field;

enum { AS_STEP_MAX_FIELDS = 4, AS_CLEANING_MAX_STEPS = 64 };

typedef struct as_step_kind {
    const char *name;
    bool drops_tokens;
    as_step_field fields[AS_STEP_MAX_FIELDS]; /* up to the first without a name */
    as_step_prepare *prepare;                 /* these may be NULL ... */
    as_step_apply *apply;
    as_step_release *release; /* ... but for apply */
} as_step_kind;

struct as_step {
    const as_step_kind *kind;
    const char *where; /* "quick.json#/data/cleaning/2" */
    as_step_options options;
    void *state; /* prepare's */
};

/* [cell] Reads one element of the list: finds the step, checks its fields, prepares it. */
ASSAY_MUST_USE assay_status as_step_read(as_arena *arena, const json_t *element, const char *where,
                                         as_step *ret_step, assay_error *error);

/* [any] `error` for a name that is not among n: the nearest, and all. */
assay_status as_fail_unknown(assay_error *error, const char *where, const char *what,
                             const char *name, const char *const *names, size_t n);

/* [one thread per output] Room for `n_bytes` more bytes, for `n` code points; the contents stay. */
ASSAY_MUST_USE assay_status as_output_reserve(as_clean_output *out, size_t n_bytes,
                                              assay_error *error);
ASSAY_MUST_USE assay_status as_output_reserve_points(as_clean_output *out, size_t n,
                                                     assay_error *error);
/* [one thread per output] Appends, within the output's limit: LIMIT names the step. */
ASSAY_MUST_USE assay_status as_output_add(const as_step *step, as_clean_output *out,
                                          const char *bytes, size_t n_bytes, assay_error *error);
/* [any] LIMIT: the step gives more than out->limit bytes. */
assay_status as_output_too_long(const as_step *step, const as_clean_output *out,
                                assay_error *error);

#define STEP(name, level, fields, prepare, apply, release) extern as_step_apply apply;
#include "data/cleaning/steps.def"
#undef STEP
extern as_step_prepare as_punctuation_prepare, as_digits_prepare, as_control_prepare,
    as_keep_prepare, as_regex_prepare, as_stopwords_prepare;
extern as_step_release as_regex_release;

static inline bool as_is_white_space(int32_t point) {
    if (point < 0x80)
        return point == ' ' || (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x1F);
    return point == 0x85 || point == 0xA0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
           point == 0x202F || point == 0x205F || point == 0x3000;
}

/* Decodes the character at `text` and returns its bytes (at least 1). What is not UTF-8 does not
 * come here; should it, a byte counts as U+FFFD. */
static inline size_t as_next_point(const char *text, size_t n_bytes, int32_t *ret_point) {
    if ((unsigned char)*text < 0x80) {
        *ret_point = (unsigned char)*text;
        return 1;
    }
    utf8proc_int32_t point;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n_bytes, &point);
    *ret_point = n > 0 ? point : 0xFFFD;
    return n > 0 ? (size_t)n : 1;
}

/* [any] Code points of valid UTF-8. */
size_t as_count_points(const char *text, size_t n_bytes);
/* [any] Nothing but white space. */
bool as_is_blank(const char *text, size_t n_bytes);

#endif
