/* SPDX-License-Identifier: MIT */
/* The cleaner: steps in order, each from one buffer into the other, and what each of them did.
 * A step's result may not pass GROWTH times the text it started from, plus SLACK: a list of
 * replacements that grow cannot fill the memory. */
#include "data/cleaning/cleaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/cleaning/steps.h"

enum { GROWTH = 16, SLACK = 1 << 20 };

struct as_cleaner {
    as_arena *arena;
    as_step steps[AS_CLEANING_MAX_STEPS];
    as_cleaning_counts counts[AS_CLEANING_MAX_STEPS];
    size_t n_steps;
    as_clean_output outputs[2];
};

/* ---- output -----------------------------------------------------------------------------------*/

/* A capacity of at least `needed`, half as much again as before. */
static size_t grown(size_t capacity, size_t needed) {
    size_t next = capacity < SIZE_MAX / 2 ? capacity + capacity / 2 : needed;
    return next > needed ? next : needed;
}

assay_status as_output_reserve(as_clean_output *out, size_t n_bytes, assay_error *error) {
    size_t needed;
    if (as_add_size(out->n_bytes, n_bytes, &needed) && as_add_size(needed, 1, &needed)) {
        if (needed <= out->capacity)
            return ASSAY_OK;
        size_t capacity = grown(out->capacity, needed);
        char *data = realloc(out->data, capacity);
        if (data) {
            out->data = data;
            out->capacity = capacity;
            return ASSAY_OK;
        }
    }
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "text", "no memory to clean it");
}

assay_status as_output_reserve_points(as_clean_output *out, size_t n, assay_error *error) {
    size_t capacity, size;
    if (n <= out->point_capacity)
        return ASSAY_OK;
    capacity = grown(out->point_capacity, n);
    if (as_mul_size(capacity, sizeof *out->points, &size)) {
        int32_t *points = realloc(out->points, size);
        out->points = points ? points : out->points;
        int32_t *sorted = points ? realloc(out->sorted, size) : NULL;
        out->sorted = sorted ? sorted : out->sorted;
        if (points && sorted) {
            out->point_capacity = capacity;
            return ASSAY_OK;
        }
    }
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "text", "no memory to clean it");
}

assay_status as_output_too_long(const as_step *step, const as_clean_output *out,
                                assay_error *error) {
    return as_fail(error, ASSAY_LIMIT, step->where,
                   "%s makes over %zu bytes of a text, %d times its length and 1 MiB; expected a "
                   "step that does not multiply texts: shorten what it puts in",
                   step->kind->name, out->limit, GROWTH);
}

assay_status as_output_add(const as_step *step, as_clean_output *out, const char *bytes,
                           size_t n_bytes, assay_error *error) {
    if (n_bytes > out->limit || out->n_bytes > out->limit - n_bytes)
        return as_output_too_long(step, out, error);
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    memcpy(out->data + out->n_bytes, bytes, n_bytes);
    out->n_bytes += n_bytes;
    return ASSAY_OK;
}

/* ---- characters -------------------------------------------------------------------------------*/

/* Bytes that do not continue a character (10xxxxxx), eight at a time. */
size_t as_count_points(const char *text, size_t n_bytes) {
    const uint64_t ones = 0x0101010101010101u;
    size_t i = 0, continued = 0;
    for (; n_bytes - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        continued += (size_t)((((word >> 7) & (~word >> 6) & ones) * ones) >> 56);
    }
    for (; i < n_bytes; i++)
        continued += ((unsigned char)text[i] & 0xC0) == 0x80;
    return n_bytes - continued;
}

bool as_is_blank(const char *text, size_t n_bytes) {
    size_t i = 0;
    while (i < n_bytes) {
        int32_t point;
        i += as_next_point(text + i, n_bytes - i, &point);
        if (!as_is_white_space(point))
            return false;
    }
    return true;
}

/* ---- cleaner ----------------------------------------------------------------------------------*/

static assay_status read_steps(as_cleaner *cleaner, const json_t *list, const char *where,
                               assay_error *error) {
    const json_t *one;
    size_t i;
    if (list && !json_is_null(list) && !json_is_array(list))
        return as_fail(error, ASSAY_BAD_DATA, where, "found %s; expected a list of steps",
                       as_json_type_name(list));
    if (json_array_size(list) > AS_CLEANING_MAX_STEPS)
        return as_fail(error, ASSAY_BAD_DATA, where, "has %zu steps; at most %d are done",
                       json_array_size(list), AS_CLEANING_MAX_STEPS);
    json_array_foreach(list, i, one) {
        char index[32];
        snprintf(index, sizeof index, "%zu", i);
        assay_status status = as_step_read(
            cleaner->arena, one, as_where_join(where, "/", index).text, &cleaner->steps[i], error);
        if (status != ASSAY_OK)
            return status;
        cleaner->n_steps++;
    }
    return ASSAY_OK;
}

assay_status as_cleaner_new(const json_t *list, const char *where, as_cleaner **ret_cleaner,
                            assay_error *error) {
    as_cleaner *cleaner = calloc(1, sizeof *cleaner);
    assay_status status;
    if (!cleaner || !(cleaner->arena = as_arena_new()))
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the cleaning");
    else
        status = read_steps(cleaner, list, where, error);
    if (status != ASSAY_OK) {
        as_cleaner_free(cleaner);
        return status;
    }
    as_cleaner_reset(cleaner);
    *ret_cleaner = cleaner;
    return ASSAY_OK;
}

void as_cleaner_free(as_cleaner *cleaner) {
    if (!cleaner)
        return;
    for (size_t i = 0; i < cleaner->n_steps; i++)
        if (cleaner->steps[i].kind->release)
            cleaner->steps[i].kind->release(&cleaner->steps[i]);
    for (size_t i = 0; i < 2; i++) {
        free(cleaner->outputs[i].data);
        free(cleaner->outputs[i].points);
        free(cleaner->outputs[i].sorted);
    }
    as_arena_free(cleaner->arena);
    free(cleaner);
}

typedef struct piece {
    const char *text;
    size_t n_bytes, n_points; /* points: counted only where counts are wanted */
} piece;

/* One step from `in` into `out`; `out` is left alone where the text stays as it is. */
static assay_status apply_step(const as_step *step, as_clean_output *out, const piece *in,
                               size_t limit, bool *ret_changed, assay_error *error) {
    out->n_bytes = 0;
    out->unchanged = false;
    out->limit = limit;
    assay_status status = step->kind->apply(step, in->text, in->n_bytes, out, error);
    if (status == ASSAY_OK && !out->unchanged && out->n_bytes > limit)
        status = as_output_too_long(step, out, error);
    if (status != ASSAY_OK)
        return status;
    *ret_changed = !out->unchanged &&
                   (out->n_bytes != in->n_bytes || memcmp(out->data, in->text, in->n_bytes) != 0);
    if (*ret_changed)
        out->data[out->n_bytes] = '\0';
    return ASSAY_OK;
}

static void count(as_cleaning_counts *counts, bool changed, const piece *before, piece *after) {
    counts->texts++;
    if (!changed)
        return;
    after->n_points = as_count_points(after->text, after->n_bytes);
    counts->changed++;
    counts->emptied +=
        as_is_blank(after->text, after->n_bytes) && !as_is_blank(before->text, before->n_bytes);
    if (after->n_points < before->n_points)
        counts->characters_removed += before->n_points - after->n_points;
}

static assay_status clean(as_cleaner *cleaner, size_t n_steps, bool counted, piece *text,
                          assay_error *error) {
    size_t limit =
        text->n_bytes < (SIZE_MAX - SLACK) / GROWTH ? GROWTH * text->n_bytes + SLACK : SIZE_MAX;
    as_cleaning_counts counts[AS_CLEANING_MAX_STEPS];
    int next = 0;
    if (counted) {
        memcpy(counts, cleaner->counts, n_steps * sizeof *counts);
        text->n_points = as_count_points(text->text, text->n_bytes);
    }
    for (size_t i = 0; i < n_steps; i++) {
        as_clean_output *out = &cleaner->outputs[next];
        bool changed;
        assay_status status = apply_step(&cleaner->steps[i], out, text, limit, &changed, error);
        if (status != ASSAY_OK)
            return status;
        piece after = changed ? (piece){out->data, out->n_bytes, 0} : *text;
        if (counted)
            count(&counts[i], changed, text, &after);
        *text = after;
        next ^= changed;
    }
    if (counted) /* a text that failed counts nowhere */
        memcpy(cleaner->counts, counts, n_steps * sizeof *counts);
    return ASSAY_OK;
}

static assay_status clean_text(as_cleaner *cleaner, size_t n_steps, bool counted, const char *text,
                               size_t n_bytes, const char **ret_text, size_t *ret_n_bytes,
                               assay_error *error) {
    piece one = {text, n_bytes, 0};
    assay_status status = clean(cleaner, n_steps, counted, &one, error);
    if (status != ASSAY_OK)
        return status;
    *ret_text = one.text;
    *ret_n_bytes = one.n_bytes;
    return ASSAY_OK;
}

assay_status as_clean(as_cleaner *cleaner, const char *text, size_t n_bytes, const char **ret_text,
                      size_t *ret_n_bytes, assay_error *error) {
    return clean_text(cleaner, cleaner->n_steps, true, text, n_bytes, ret_text, ret_n_bytes, error);
}

assay_status as_clean_prefix(as_cleaner *cleaner, size_t n_steps, const char *text, size_t n_bytes,
                             const char **ret_text, size_t *ret_n_bytes, assay_error *error) {
    size_t n = n_steps < cleaner->n_steps ? n_steps : cleaner->n_steps;
    return clean_text(cleaner, n, false, text, n_bytes, ret_text, ret_n_bytes, error);
}

size_t as_cleaner_n_steps(const as_cleaner *cleaner) {
    return cleaner->n_steps;
}

size_t as_cleaner_n_text_steps(const as_cleaner *cleaner) {
    size_t n = 0;
    while (n < cleaner->n_steps && !cleaner->steps[n].kind->drops_tokens)
        n++;
    return n;
}

const as_cleaning_counts *as_cleaner_counts(const as_cleaner *cleaner) {
    return cleaner->counts;
}

void as_cleaner_reset(as_cleaner *cleaner) {
    for (size_t i = 0; i < cleaner->n_steps; i++)
        cleaner->counts[i] = (as_cleaning_counts){.step = cleaner->steps[i].kind->name};
}
