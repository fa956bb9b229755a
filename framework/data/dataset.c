/* SPDX-License-Identifier: MIT */
/* Rows and their labels, canonical order and digest. */
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
    as_dataset dataset = {.arena = arena,
                          .labels = labels,
                          .n_labels = n_labels,
                          .open_labels = n_labels == 0,
                          .limits = {AS_MAX_ROWS, AS_MAX_TEXT_BYTES, AS_MAX_TOTAL_BYTES}};
    return dataset;
}

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the data set");
}

/* ---- labels -----------------------------------------------------------------------------------*/

/* A source's label and what it stands for. */
typedef struct label_name {
    const char *name; /* not NUL-terminated; NULL: free */
    size_t n_bytes;
    int32_t label; /* -1: left out */
} label_name;

/* Open addressing, at most half full; texts are looked up by the thousand under few names. */
struct as_label_names {
    label_name *slots;
    uint32_t n_slots, n_used; /* n_slots: a power of two */
};

static label_name *find_slot(const as_label_names *names, const char *label, size_t n_bytes) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)label[i]) * UINT64_C(0x100000001b3);
    uint32_t i = (uint32_t)(hash ^ hash >> 32) & (names->n_slots - 1);
    for (;; i = (i + 1) & (names->n_slots - 1)) {
        label_name *slot = &names->slots[i];
        if (!slot->name || (slot->n_bytes == n_bytes && memcmp(slot->name, label, n_bytes) == 0))
            return slot;
    }
}

/* Makes room for one more name. */
static assay_status grow_names(as_dataset *dataset, const char *where, assay_error *error) {
    as_label_names *names = dataset->names;
    if (!names && !(names = as_arena_alloc(dataset->arena, sizeof *names)))
        return no_memory(where, error);
    dataset->names = names;
    if (2 * (names->n_used + 1) <= names->n_slots)
        return ASSAY_OK;
    as_label_names grown = {.n_slots = names->n_slots ? 2 * names->n_slots : 64,
                            .n_used = names->n_used};
    grown.slots = as_arena_alloc_array(dataset->arena, grown.n_slots, sizeof *grown.slots);
    if (!grown.slots)
        return no_memory(where, error);
    for (uint32_t i = 0; i < names->n_slots; i++)
        if (names->slots[i].name)
            *find_slot(&grown, names->slots[i].name, names->slots[i].n_bytes) = names->slots[i];
    *names = grown;
    return ASSAY_OK;
}

/* Adds a label that no manifest states. */
static assay_status add_label(as_dataset *dataset, const char *name, const char *where,
                              uint32_t *ret_label, assay_error *error) {
    uint32_t n = dataset->n_labels;
    if (n == AS_MAX_LABELS)
        return as_fail(error, ASSAY_LIMIT, where,
                       "\"%.80s\" would be label %d of the data set; is this the label's column?",
                       name, AS_MAX_LABELS + 1);
    if ((n & (n - 1)) == 0) { /* full at every power of two */
        const char **labels = as_arena_alloc_array(dataset->arena, n ? 2 * n : 1, sizeof *labels);
        if (!labels)
            return no_memory(where, error);
        if (n)
            memcpy(labels, dataset->labels, n * sizeof *labels);
        dataset->labels = labels;
    }
    ((const char **)(uintptr_t)dataset->labels)[n] = name;
    dataset->n_labels = n + 1;
    *ret_label = n;
    return ASSAY_OK;
}

/* The index of one of the data set's labels; added where they are open. */
static assay_status index_of(as_dataset *dataset, const char *name, const char *where,
                             uint32_t *ret_label, assay_error *error) {
    for (uint32_t k = 0; k < dataset->n_labels; k++)
        if (strcmp(dataset->labels[k], name) == 0) {
            *ret_label = k;
            return ASSAY_OK;
        }
    if (dataset->open_labels)
        return add_label(dataset, name, where, ret_label, error);
    return as_fail(error, ASSAY_BAD_DATA, where, "\"%.80s\" is none of the data set's labels",
                   name);
}

assay_status as_dataset_label(as_dataset *dataset, const as_manifest *manifest, const char *label,
                              size_t n_bytes, const char *where, uint32_t *ret_label,
                              bool *ret_skip, assay_error *error) {
    const char *name = NULL;
    uint32_t index = 0;
    assay_status status = grow_names(dataset, where, error);
    if (status != ASSAY_OK)
        return status;
    label_name *slot = find_slot(dataset->names, label, n_bytes);
    if (!slot->name) {
        size_t n_valid = as_utf8_valid_bytes(label, n_bytes);
        if (!n_bytes)
            return assay_fail(error, ASSAY_BAD_DATA, where, "the label is empty");
        if (n_valid < n_bytes || memchr(label, '\0', n_bytes))
            return as_fail(error, ASSAY_BAD_DATA, where,
                           "the label is not valid UTF-8 text (byte 0x%02x)",
                           n_valid < n_bytes ? (unsigned char)label[n_valid] : 0);
        const char *copy = as_arena_strndup(dataset->arena, label, n_bytes);
        if (!copy)
            return no_memory(where, error);
        if ((status = as_manifest_label(manifest, copy, where, &name, error)) != ASSAY_OK ||
            (name && (status = index_of(dataset, name, where, &index, error)) != ASSAY_OK))
            return status;
        *slot = (label_name){copy, n_bytes, name ? (int32_t)index : -1};
        dataset->names->n_used++;
    }
    *ret_skip = slot->label < 0;
    if (slot->label >= 0)
        *ret_label = (uint32_t)slot->label;
    return ASSAY_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum { NO_RANK = UINT32_MAX };

/* Labels of rows in the order the rows stand in; ret_ranks[k] of those without a row is NO_RANK. */
static uint32_t rank_by_appearance(const as_dataset *dataset, const char **labels,
                                   uint32_t *ret_ranks) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < dataset->n_labels; k++)
        ret_ranks[k] = NO_RANK;
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        uint32_t label = dataset->rows[i].label;
        if (ret_ranks[label] != NO_RANK)
            continue;
        ret_ranks[label] = n;
        labels[n++] = dataset->labels[label];
    }
    return n;
}

/* Puts the labels that rows have in their order, and the rows' indices with them. */
static assay_status settle_labels(as_dataset *dataset, bool by_appearance, const char *source,
                                  assay_error *error) {
    const char **labels = as_arena_alloc_array(dataset->arena, dataset->n_labels, sizeof *labels);
    uint32_t *ranks = as_arena_alloc_array(dataset->arena, dataset->n_labels, sizeof *ranks);
    if (!labels || !ranks)
        return no_memory(source, error);
    uint32_t n = rank_by_appearance(dataset, labels, ranks);
    if (!by_appearance) {
        qsort(labels, n, sizeof *labels, compare_names);
        for (uint32_t k = 0; k < dataset->n_labels; k++) {
            if (ranks[k] == NO_RANK)
                continue;
            const char **at =
                bsearch(&dataset->labels[k], labels, n, sizeof *labels, compare_names);
            ranks[k] = (uint32_t)(at - labels);
        }
    }
    for (uint32_t i = 0; i < dataset->n_rows; i++)
        dataset->rows[i].label = ranks[dataset->rows[i].label];
    dataset->labels = labels;
    dataset->n_labels = n;
    if (n < 2)
        return as_fail(error, ASSAY_BAD_DATA, source,
                       "has the one label \"%.80s\"; classification needs two", labels[0]);
    return ASSAY_OK;
}

/* ---- rows -------------------------------------------------------------------------------------*/

static assay_status grow(as_dataset *dataset, const char *where, assay_error *error) {
    uint32_t capacity = dataset->capacity ? dataset->capacity * 2 : 1024;
    if (dataset->capacity > UINT32_MAX / 2)
        return as_fail(error, ASSAY_LIMIT, where, "the data set has over %u texts",
                       dataset->capacity);
    as_dataset_row *rows = as_arena_alloc_array(dataset->arena, capacity, sizeof *rows);
    if (!rows)
        return no_memory(where, error);
    if (dataset->n_rows)
        memcpy(rows, dataset->rows, dataset->n_rows * sizeof *rows);
    dataset->rows = rows;
    dataset->capacity = capacity;
    return ASSAY_OK;
}

static assay_status check_bounds(const as_dataset *dataset, size_t n_bytes, const char *where,
                                 assay_error *error) {
    static const char raise[] = "the manifest's limits can be raised";
    if (dataset->n_rows >= dataset->limits.rows)
        return as_fail(error, ASSAY_LIMIT, where, "the data set has over %llu texts; %s (entries)",
                       (unsigned long long)dataset->limits.rows, raise);
    if (n_bytes > dataset->limits.text_bytes)
        return as_fail(error, ASSAY_LIMIT, where,
                       "a text has %zu bytes; at most %llu are read; %s (text_bytes)", n_bytes,
                       (unsigned long long)dataset->limits.text_bytes, raise);
    if (n_bytes > dataset->limits.total_bytes - dataset->n_bytes)
        return as_fail(error, ASSAY_LIMIT, where,
                       "the data set's texts pass %llu bytes; %s (total_bytes)",
                       (unsigned long long)dataset->limits.total_bytes, raise);
    return ASSAY_OK;
}

assay_status as_dataset_add(as_dataset *dataset, as_split split, uint32_t label, const char *name,
                            const char *text, size_t n_bytes, const char *where,
                            assay_error *error) {
    size_t n_valid = as_utf8_valid_bytes(text, n_bytes);
    if (n_valid < n_bytes)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "invalid UTF-8: byte 0x%02x at offset %zu; convert the file to UTF-8",
                       (unsigned char)text[n_valid], n_valid);
    assay_status status = check_bounds(dataset, n_bytes, where, error);
    if (status == ASSAY_OK && dataset->n_rows == dataset->capacity)
        status = grow(dataset, where, error);
    if (status != ASSAY_OK)
        return status;
    as_dataset_row row = {as_arena_strndup(dataset->arena, text, n_bytes),
                          as_arena_strdup(dataset->arena, name),
                          n_bytes,
                          label,
                          split,
                          dataset->n_rows,
                          dataset->n_rows};
    if (!row.text || !row.name)
        return no_memory(where, error);
    dataset->rows[dataset->n_rows++] = row;
    dataset->n_bytes += n_bytes;
    dataset->has_split[split] = true;
    const as_dataset_listener *listener = dataset->listener;
    return listener ? listener->added(listener->context, row.serial, row.text, n_bytes, error)
                    : ASSAY_OK;
}

assay_status as_dataset_take_replaced(as_dataset *dataset, const as_decoder *decoder,
                                      assay_error *error) {
    dataset->n_replaced += decoder->n_replaced;
    if (!dataset->first_replaced && decoder->n_replaced &&
        !(dataset->first_replaced = as_arena_strdup(dataset->arena, decoder->first)))
        return no_memory(decoder->first, error);
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

/* Canonical order of a source that has one of its own. */
static int compare_positions(const void *a, const void *b) {
    const as_dataset_row *x = a, *y = b;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
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
    return (as_rows_digest){as_sha256_init()};
}

void as_rows_digest_add(as_rows_digest *digest, as_split split, const char *label, const char *text,
                        size_t n_bytes) {
    const char *name = as_split_name(split);
    char count[32];
    snprintf(count, sizeof count, "\n%zu\n", n_bytes);
    as_sha256_update(&digest->state, name, strlen(name));
    as_sha256_update(&digest->state, "\n", 1);
    as_sha256_update(&digest->state, label, strlen(label));
    as_sha256_update(&digest->state, count, strlen(count));
    as_sha256_update(&digest->state, text, n_bytes);
}

as_sha256_hex as_rows_digest_final(as_rows_digest *digest) {
    unsigned char bytes[AS_SHA256_BYTES];
    as_sha256_hex hex;
    as_sha256_final(&digest->state, bytes);
    sodium_bin2hex(hex.text, sizeof hex.text, bytes, sizeof bytes);
    return hex;
}

assay_status as_dataset_finish(as_dataset *dataset, bool keep_order, const char *source,
                               assay_error *error) {
    assay_status status;
    if (!dataset->n_rows)
        return assay_fail(error, ASSAY_BAD_DATA, source,
                          "holds no texts of this data set; see its manifest for the layout");
    if (keep_order)
        qsort(dataset->rows, dataset->n_rows, sizeof *dataset->rows, compare_positions);
    if (dataset->open_labels &&
        (status = settle_labels(dataset, keep_order, source, error)) != ASSAY_OK)
        return status;
    if (!keep_order) {
        qsort(dataset->rows, dataset->n_rows, sizeof *dataset->rows, compare_rows);
        for (uint32_t i = 1; i < dataset->n_rows; i++)
            if (compare_rows(&dataset->rows[i - 1], &dataset->rows[i]) == 0)
                return as_fail(error, ASSAY_BAD_DATA, source, "holds %s/%s/%s twice; remove one",
                               as_split_name(dataset->rows[i].split),
                               dataset->labels[dataset->rows[i].label], dataset->rows[i].name);
    }
    for (uint32_t i = 0; dataset->unordered && i < dataset->n_rows; i++)
        dataset->rows[i].position = i; /* not in the order a folder happens to be listed */
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

assay_status as_dataset_check_order(const as_dataset *dataset, as_order order, const char *source,
                                    const char *where, assay_error *error) {
    if (order != AS_ORDER_ARCHIVE || !dataset->unordered)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "asks for the archive's order, but %.300s is a folder, whose files have none; "
                   "give the archive, or ask for \"canonical\"",
                   source);
}
