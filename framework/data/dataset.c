/* SPDX-License-Identifier: MIT */
/* Rows, their canonical order and digest. */
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/error.h"

const char *as_split_name(as_split split) {
    static const char *const names[] = {"train", "validation", "test", "all"};
    return (unsigned)split < 4 ? names[split] : "unknown";
}

size_t as_utf8_valid_bytes(const char *text, size_t n_bytes) {
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    size_t i = 0;
    while (i < n_bytes) {
        uint64_t eight;
        if (n_bytes - i >= 8) { /* eight ASCII bytes at once: most text */
            memcpy(&eight, bytes + i, 8);
            if (!(eight & UINT64_C(0x8080808080808080))) {
                i += 8;
                continue;
            }
        }
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(n_bytes - i), &point);
        if (n <= 0)
            return i;
        i += (size_t)n;
    }
    return n_bytes;
}

as_dataset as_dataset_init(as_arena *arena, const char *const *labels, uint32_t n_labels) {
    as_dataset dataset = {.arena = arena, .labels = labels, .n_labels = n_labels};
    return dataset;
}

static assay_status grow(as_dataset *dataset, const char *where, assay_error *error) {
    uint32_t capacity = dataset->capacity ? dataset->capacity * 2 : 1024;
    as_dataset_row *rows;
    if (dataset->n_rows == AS_MAX_ROWS)
        return as_fail(error, ASSAY_LIMIT, where, "the data set has over %d texts", AS_MAX_ROWS);
    rows = as_arena_alloc_array(dataset->arena, capacity, sizeof *rows);
    if (!rows)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the data set");
    if (dataset->n_rows)
        memcpy(rows, dataset->rows, dataset->n_rows * sizeof *rows);
    dataset->rows = rows;
    dataset->capacity = capacity;
    return ASSAY_OK;
}

assay_status as_dataset_add(as_dataset *dataset, as_split split, uint32_t label, const char *name,
                            const char *text, size_t n_bytes, const char *where,
                            assay_error *error) {
    assay_status status;
    size_t n_valid = as_utf8_valid_bytes(text, n_bytes);
    if (n_valid < n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "invalid UTF-8: byte 0x%02x at offset %zu; convert the file to UTF-8",
                       (unsigned char)text[n_valid], n_valid);
    if (n_bytes > AS_MAX_TEXT_BYTES)
        return as_fail(error, ASSAY_LIMIT, where, "a text has %zu bytes; at most %d are read",
                       n_bytes, AS_MAX_TEXT_BYTES);
    if (dataset->n_bytes + n_bytes > AS_MAX_TOTAL_BYTES)
        return as_fail(error, ASSAY_LIMIT, where, "the data set's texts pass %llu bytes",
                       (unsigned long long)AS_MAX_TOTAL_BYTES);
    if ((dataset->n_rows == dataset->capacity || dataset->n_rows == AS_MAX_ROWS) &&
        (status = grow(dataset, where, error)) != ASSAY_OK)
        return status;
    as_dataset_row row = {as_arena_strndup(dataset->arena, text, n_bytes),
                          as_arena_strdup(dataset->arena, name), n_bytes, label, split};
    if (!row.text || !row.name)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for a text");
    dataset->rows[dataset->n_rows++] = row;
    dataset->n_bytes += n_bytes;
    dataset->has_split[split] = true;
    return ASSAY_OK;
}

static int compare_rows(const void *a, const void *b) {
    const as_dataset_row *x = a, *y = b;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return strcmp(x->name, y->name);
}

static assay_status check_classes(const as_dataset *dataset, const char *source,
                                  assay_error *error) {
    uint32_t *counts = calloc((size_t)dataset->n_labels * (AS_SPLIT_COUNT + 1), sizeof *counts);
    assay_status status = ASSAY_OK;
    if (!counts)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, source, "no memory to count classes");
    for (uint32_t i = 0; i < dataset->n_rows; i++)
        counts[(uint32_t)dataset->rows[i].split * dataset->n_labels + dataset->rows[i].label]++;
    for (uint32_t s = 0; status == ASSAY_OK && s <= AS_SPLIT_COUNT; s++)
        for (uint32_t k = 0; status == ASSAY_OK && dataset->has_split[s] && k < dataset->n_labels;
             k++)
            if (!counts[s * dataset->n_labels + k])
                status = as_fail(error, ASSAY_BAD_DATA, source,
                                 "the class \"%s\" has no texts in the split \"%s\"; every class "
                                 "needs some",
                                 dataset->labels[k], as_split_name((as_split)s));
    free(counts);
    return status;
}

as_rows_digest as_rows_digest_init(void) {
    as_rows_digest digest;
    crypto_hash_sha256_init(&digest.state);
    return digest;
}

void as_rows_digest_add(as_rows_digest *digest, as_split split, const char *label, const char *text,
                        size_t n_bytes) {
    const char *name = as_split_name(split);
    char count[32];
    snprintf(count, sizeof count, "\n%zu\n", n_bytes);
    crypto_hash_sha256_update(&digest->state, (const unsigned char *)name, strlen(name));
    crypto_hash_sha256_update(&digest->state, (const unsigned char *)"\n", 1);
    crypto_hash_sha256_update(&digest->state, (const unsigned char *)label, strlen(label));
    crypto_hash_sha256_update(&digest->state, (const unsigned char *)count, strlen(count));
    crypto_hash_sha256_update(&digest->state, (const unsigned char *)text, n_bytes);
}

as_sha256_hex as_rows_digest_final(as_rows_digest *digest) {
    unsigned char bytes[crypto_hash_sha256_BYTES];
    as_sha256_hex hex;
    crypto_hash_sha256_final(&digest->state, bytes);
    sodium_bin2hex(hex.text, sizeof hex.text, bytes, sizeof bytes);
    return hex;
}

assay_status as_dataset_finish(as_dataset *dataset, bool keep_order, const char *source,
                               assay_error *error) {
    assay_status status;
    if (!dataset->n_rows)
        return assay_fail(error, ASSAY_BAD_DATA, source,
                          "holds no texts of this data set; see its manifest for the layout");
    if (!keep_order) {
        qsort(dataset->rows, dataset->n_rows, sizeof *dataset->rows, compare_rows);
        for (uint32_t i = 1; i < dataset->n_rows; i++)
            if (compare_rows(&dataset->rows[i - 1], &dataset->rows[i]) == 0)
                return as_fail(error, ASSAY_BAD_DATA, source, "holds %s/%s/%s twice; remove one",
                               as_split_name(dataset->rows[i].split),
                               dataset->labels[dataset->rows[i].label], dataset->rows[i].name);
    }
    if ((status = check_classes(dataset, source, error)) != ASSAY_OK)
        return status;
    as_rows_digest digest = as_rows_digest_init();
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        const as_dataset_row *row = &dataset->rows[i];
        as_rows_digest_add(&digest, row->split, dataset->labels[row->label], row->text,
                           row->n_bytes);
    }
    dataset->sha256 = as_rows_digest_final(&digest);
    return ASSAY_OK;
}
