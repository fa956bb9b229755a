/* SPDX-License-Identifier: MIT */
/* data.filter: texts too short after cleaning leave the data set before anything is drawn from it.
 */
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "data/prepare/build.h"
#include "data/tokenizers/splitter.h"

assay_status as_build_no_memory(const as_build *build) {
    return assay_fail(build->error, ASSAY_OUT_OF_MEMORY, "data", "no memory for the prepared data");
}

static int64_t count_characters(const char *text, size_t n_bytes) {
    int64_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80; /* first bytes of UTF-8 sequences */
    return n;
}

/* Stops counting where it is enough. */
static assay_status has_words(as_splitter *splitter, const char *text, size_t n_bytes, int64_t min,
                              bool *ret_has, assay_error *error) {
    as_split_cursor cursor = {text, text, text + n_bytes};
    int64_t n = 0;
    while (n < min) {
        const char *token;
        size_t n_token;
        assay_status status = as_splitter_next(splitter, &cursor, &token, &n_token, error);
        if (status != ASSAY_OK)
            return status;
        if (!token)
            break;
        n++;
    }
    *ret_has = n >= min;
    return ASSAY_OK;
}

static assay_status keep_all(as_build *b) {
    b->kept = b->dataset;
    for (uint32_t i = 0; i < b->dataset.n_rows; i++)
        b->indices[i] = i;
    return ASSAY_OK;
}

static assay_status keep_long(as_build *b, as_cleaner *cleaner, as_splitter *splitter) {
    const as_data_config *config = b->data;
    b->kept = b->dataset;
    b->kept.n_rows = 0;
    b->kept.rows = as_arena_alloc_array(b->arena, b->dataset.n_rows, sizeof *b->kept.rows);
    b->filtered = as_arena_alloc_array(b->arena, b->dataset.n_rows, sizeof *b->filtered);
    if (!b->kept.rows || !b->filtered)
        return as_build_no_memory(b);
    for (uint32_t i = 0; i < b->dataset.n_rows; i++) {
        const as_dataset_row *row = &b->dataset.rows[i];
        const char *text;
        size_t n_bytes;
        bool keeps = true;
        assay_status status = as_clean_prefix(cleaner, as_cleaner_n_steps(cleaner), row->text,
                                              row->n_bytes, &text, &n_bytes, b->error);
        if (status == ASSAY_OK)
            status = has_words(splitter, text, n_bytes, config->filter.min_words, &keeps, b->error);
        if (status != ASSAY_OK)
            return status;
        if (keeps && count_characters(text, n_bytes) >= config->filter.min_characters) {
            b->indices[b->kept.n_rows] = i;
            b->kept.rows[b->kept.n_rows++] = *row;
        } else {
            b->filtered[b->n_filtered++] =
                (as_removal){.split = row->split, .row = i, .reason = AS_REMOVAL_FILTERED};
        }
    }
    if (!b->kept.n_rows)
        return assay_fail(b->error, ASSAY_INVALID_ARGUMENT,
                          b->data->where ? b->data->where : "data",
                          "the filter drops every text; lower min_characters or min_words");
    return ASSAY_OK;
}

assay_status as_build_filter(as_build *b) {
    const char *where = b->data->where ? b->data->where : "data";
    as_where place = as_where_join(where, "/", "cleaning");
    as_cleaner *cleaner = NULL;
    as_splitter *splitter = NULL;
    if (!(b->indices = as_arena_alloc_array(b->arena, b->dataset.n_rows, sizeof *b->indices)))
        return as_build_no_memory(b);
    if (!b->data->filter.min_characters && !b->data->filter.min_words)
        return keep_all(b);
    assay_status status = as_cleaner_new(b->cleaning, place.text, &cleaner, b->error);
    if (status == ASSAY_OK)
        status = as_splitter_new(b->arena, "whitespace", NULL, where, &splitter, b->error);
    if (status == ASSAY_OK)
        status = keep_long(b, cleaner, splitter);
    as_cleaner_free(cleaner);
    as_splitter_free(splitter);
    return status;
}
