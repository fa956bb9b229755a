/* SPDX-License-Identifier: MIT */
/* Test predictions aligned by the text's index. */
#include "results/record/paired.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct test_row {
    int64_t index;
    int32_t label, predicted;
} test_row;

static int compare_rows(const void *a, const void *b) {
    const test_row *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static size_t count_test_rows(const as_record *record) {
    size_t n = 0;
    for (size_t i = 0; i < record->n_predictions; i++)
        n += strcmp(record->predictions[i].split, "test") == 0;
    return n;
}

static void collect_test_rows(const as_record *record, test_row *rows) {
    size_t n = 0;
    bool ascending = true; /* as they usually are */
    for (size_t i = 0; i < record->n_predictions; i++) {
        const as_prediction *p = &record->predictions[i];
        if (strcmp(p->split, "test") != 0)
            continue;
        ascending = ascending && (n == 0 || rows[n - 1].index <= p->index);
        rows[n++] = (test_row){p->index, p->label, p->predicted};
    }
    if (!ascending)
        qsort(rows, n, sizeof *rows, compare_rows);
}

static const char *cell_name(const as_record *record) {
    return record->cell ? record->cell : record->entry;
}

/* Fills one record's column; the first record's texts and labels are the measure. */
static assay_status add_record(const as_record *record, const test_row *rows, size_t n, bool first,
                               int64_t *index, int32_t *labels, int32_t *predicted,
                               assay_error *error) {
    for (size_t t = 0; t < n; t++) {
        if (t > 0 && rows[t].index == rows[t - 1].index)
            return as_fail(error, ASSAY_BAD_DATA, cell_name(record),
                           "predictions.csv has test text %lld twice", (long long)rows[t].index);
        if (first) {
            index[t] = rows[t].index;
            labels[t] = rows[t].label;
        } else if (index[t] != rows[t].index || labels[t] != rows[t].label) {
            return as_fail(error, ASSAY_BAD_DATA, cell_name(record),
                           "was tested on other texts or labels (at text %lld)",
                           (long long)rows[t].index);
        }
        predicted[t] = rows[t].predicted;
    }
    return ASSAY_OK;
}

assay_status as_paired_new(as_arena *arena, const as_record *const *records, size_t n_records,
                           as_paired *ret_paired, assay_error *error) {
    if (n_records == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "paired", "no records");
    size_t n = count_test_rows(records[0]);
    int32_t n_classes = records[0]->dataset.n_labels;
    int64_t *index = as_arena_alloc_array(arena, n, sizeof *index);
    int32_t *labels = as_arena_alloc_array(arena, n, sizeof *labels);
    int32_t **predicted = as_arena_alloc_array(arena, n_records, sizeof *predicted);
    test_row *rows = calloc(n ? n : 1, sizeof *rows);
    assay_status status = ASSAY_OK;
    if (!index || !labels || !predicted || !rows)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "paired", "no memory for %zu texts", n);
    for (size_t r = 0; r < n_records && status == ASSAY_OK; r++) {
        size_t n_rows = count_test_rows(records[r]);
        if (n_rows == 0 || n_rows != n || records[r]->dataset.n_labels != n_classes) {
            status = as_fail(error, ASSAY_BAD_DATA, cell_name(records[r]),
                             "has %zu test predictions in %d classes; %zu in %d are needed", n_rows,
                             records[r]->dataset.n_labels, n, n_classes);
            break;
        }
        predicted[r] = as_arena_alloc_array(arena, n, sizeof **predicted);
        if (!predicted[r]) {
            status = as_fail(error, ASSAY_OUT_OF_MEMORY, "paired", "no memory for %zu texts", n);
            break;
        }
        collect_test_rows(records[r], rows);
        status = add_record(records[r], rows, n, r == 0, index, labels, predicted[r], error);
    }
    free(rows);
    if (status == ASSAY_OK)
        *ret_paired =
            (as_paired){n, n_records, n_classes, index, labels, (const int32_t *const *)predicted};
    return status;
}

size_t as_paired_right(const as_paired *paired, size_t first, size_t n, size_t t) {
    size_t right = 0;
    for (size_t r = first; r < first + n; r++)
        right += paired->predicted[r][t] == paired->labels[t];
    return right;
}

as_discordance as_paired_discordance(const as_paired *paired, size_t n_first) {
    as_discordance result = {0};
    size_t n_second = paired->n_records - n_first;
    for (size_t t = 0; t < paired->n_texts; t++) {
        /* Shares on a common denominator, so that equal shares compare as equal. */
        int64_t first = (int64_t)(as_paired_right(paired, 0, n_first, t) * n_second);
        int64_t second = (int64_t)(as_paired_right(paired, n_first, n_second, t) * n_first);
        result.n_gains += second > first;
        result.n_losses += second < first;
        double d = (double)(second - first) / (double)(n_first * n_second);
        result.gains += d > 0 ? d : 0;
        result.losses += d < 0 ? -d : 0;
    }
    return result;
}
