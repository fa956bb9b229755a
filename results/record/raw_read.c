/* SPDX-License-Identifier: MIT */
/* Reads the raw rows of a cell: predictions.csv (split,index,label,predicted, then one column of
 * probabilities per class), epochs.jsonl, latency.csv (scenario,batch,tokens,nanoseconds and, of
 * cells measured in turn, round). */
#include "results/record/raw_read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "results/record/csv.h"
#include "results/record/json_reader.h"

enum { MAX_LINE_BYTES = 1 << 20 };
static const size_t max_raw_bytes = (size_t)2 << 30;

/* A CSV file being read: the first problem is kept in `status`. */
typedef struct table {
    const char *path;
    char *text;
    const char *end; /* of the text */
    as_csv csv;
    size_t column; /* of the next field; 0 begins a line */
    assay_error *error;
    assay_status status;
} table;

static void table_fail(table *t, const char *what, const char *found) {
    if (t->status == ASSAY_OK)
        t->status = as_fail(t->error, ASSAY_BAD_DATA, t->path, "line %zu: %s (found \"%.60s\")",
                            t->csv.line, what, found);
}

static char empty_field[1];

static const char *next_text(table *t) {
    const char *broken = NULL;
    if (t->column++ > 0 && t->csv.at_line_end)
        table_fail(t, "a field is missing", "");
    char *field = t->status == ASSAY_OK ? as_csv_next(&t->csv, &broken) : NULL;
    if (t->status == ASSAY_OK && !field)
        table_fail(t, broken ? broken : "the file ends within a line", "");
    return field ? field : empty_field;
}

static int64_t next_count(table *t, int64_t most, const char *what) {
    const char *field = next_text(t);
    char *end;
    errno = 0;
    long long value = strtoll(field, &end, 10);
    if (end == field || *end || errno || value < 0 || value > most) {
        table_fail(t, what, field);
        return 0;
    }
    return value;
}

/* Up to 15 digits and a small exponent, as all that we write: an integer and a power of ten, both
 * exact in double precision, so one division rounds (Clinger 1990). Behind the number stands what
 * `*ret_end` points to. */
static bool read_plain_number(const char *p, double *ret_value, char **ret_end) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    int n = 0, scale = 0;
    bool behind_point = false;
    for (;; p++) {
        if (*p == '.' && !behind_point) {
            behind_point = true;
        } else if (*p >= '0' && *p <= '9') {
            digits = 10 * digits + (uint64_t)(*p - '0');
            n += digits > 0;
            scale += behind_point;
        } else {
            break;
        }
        if (n > 15 || scale > 22)
            return false;
    }
    if (*p == 'e' && p[1] == '-' && p[2] >= '0' && p[2] <= '9' && p[3] >= '0' && p[3] <= '9') {
        scale += 10 * (p[2] - '0') + (p[3] - '0');
        p += 4;
    }
    if (scale > 22)
        return false;
    *ret_value = (double)digits / powers[scale];
    *ret_end = (char *)(uintptr_t)p;
    return true;
}

/* The usual field, read where it stands: most of a record's bytes are probabilities. False: nothing
 * was read. */
static bool next_plain_probability(table *t, float *ret_value) {
    double value;
    char *end;
    bool begins = t->status == ASSAY_OK && t->column > 0 && !t->csv.at_line_end;
    if (!begins || *t->csv.place < '0' || *t->csv.place > '9' ||
        !read_plain_number(t->csv.place, &value, &end) || (*end != ',' && *end != '\n') ||
        value > 1)
        return false;
    t->csv.line = t->csv.next_line;
    t->csv.at_line_end = *end == '\n';
    t->csv.next_line += *end == '\n';
    t->csv.place = end + 1;
    t->column++;
    *ret_value = (float)value;
    return true;
}

/* Behind the digits from `p` on, eight at a time: a byte is none where adding 0x46 or taking 0x30
 * away carries into its highest bit. */
static const char *pass_digits(const char *p, const char *end) {
    while (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && end - p >= 8) {
        uint64_t bytes;
        memcpy(&bytes, p, sizeof bytes);
        uint64_t others =
            ((bytes + 0x4646464646464646u) | (bytes - 0x3030303030303030u)) & 0x8080808080808080u;
        if (others)
            return p + (size_t)__builtin_ctzll(others) / 8;
        p += 8;
    }
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* "0.DIGITS", "D.DIGITSe-DD" but for e-00, or "0": at most 1 whatever the digits are, so they need
 * not be read. False: nothing was passed. */
static bool pass_plain_probability(table *t) {
    const char *p = t->csv.place;
    bool begins = t->status == ASSAY_OK && t->column > 0 && !t->csv.at_line_end;
    bool small = *p == '0';
    if (!begins || *p < '0' || *p > '9')
        return false;
    p++;
    if (*p == '.') {
        const char *digits = ++p;
        p = pass_digits(p, t->end);
        if (p == digits)
            return false;
    }
    if (*p == 'e' && p[1] == '-' && p[2] >= '0' && p[2] <= '9' && p[3] >= '0' && p[3] <= '9') {
        small = small || p[2] != '0' || p[3] != '0';
        p += 4;
    }
    if (!small || (*p != ',' && *p != '\n'))
        return false;
    t->csv.line = t->csv.next_line;
    t->csv.at_line_end = *p == '\n';
    t->csv.next_line += *p == '\n';
    t->csv.place = (char *)(uintptr_t)p + 1;
    t->column++;
    return true;
}

static float next_probability(table *t) {
    float plain;
    if (next_plain_probability(t, &plain))
        return plain;
    const char *field = next_text(t);
    char *end;
    if (!*field)
        return NAN;
    float value = strtof(field, &end);
    if (*end || !(value >= 0 && value <= 1.0001f))
        table_fail(t, "a probability must be 0 to 1, or empty", field);
    return value;
}

static void end_line(table *t) {
    if (t->status == ASSAY_OK && !t->csv.at_line_end)
        table_fail(t, "the line has more fields than the header", "");
    t->column = 0;
}

/* Opens and passes the header, whose first fields must be `names`; *ret_rows: lines after it, an
 * upper bound of the rows. A missing file leaves t->text NULL. */
static assay_status table_open(table *t, const char *const *names, size_t n_names, size_t n_columns,
                               size_t *ret_rows) {
    if (!as_path_exists(t->path))
        return ASSAY_OK;
    size_t size = 0, n = 0;
    t->status = as_file_read(t->path, max_raw_bytes, &t->text, &size, t->error);
    if (t->status != ASSAY_OK)
        return t->status;
    t->end = t->text + size;
    for (const char *p = t->text; (p = memchr(p, '\n', (size_t)(t->end - p))); p++)
        n++;
    n += size > 0 && t->end[-1] != '\n';
    t->csv = as_csv_open(t->text);
    for (size_t i = 0; i < n_columns; i++) {
        const char *broken = NULL, *field = as_csv_next(&t->csv, &broken);
        if (!field || (i < n_names && strcmp(field, names[i]) != 0) ||
            t->csv.at_line_end != (i + 1 == n_columns)) {
            table_fail(t, "the header does not fit this kind of file or the record's classes",
                       field ? field : "");
            return t->status;
        }
    }
    *ret_rows = n;
    return ASSAY_OK;
}

static bool more_rows(const table *t) {
    return t->status == ASSAY_OK && *t->csv.place;
}

/* One of the known words, as a constant; else an error. */
static const char *next_word(table *t, const char *const *words, size_t n, const char *what) {
    const char *field = next_text(t);
    for (size_t i = 0; i < n; i++)
        if (strcmp(field, words[i]) == 0)
            return words[i];
    table_fail(t, what, field);
    return words[0];
}

/* Checked, and read past. */
static void pass_probability(table *t) {
    if (!pass_plain_probability(t))
        (void)next_probability(t);
}

/* The row's probabilities: all of them into `shares`, or the predicted class's alone. */
static void read_shares(table *t, as_prediction *p, size_t n_classes, float *shares) {
    p->share = NAN;
    p->probabilities = shares;
    for (size_t k = 0; k < n_classes; k++) {
        if (shares)
            shares[k] = next_probability(t);
        else if (k == (size_t)p->predicted)
            p->share = next_probability(t);
        else
            pass_probability(t);
    }
}

static assay_status read_predictions(table *t, as_record *record, bool answers_only) {
    static const char *const names[] = {"split", "index", "label", "predicted"};
    static const char *const splits[] = {"test", "validation", "train"};
    size_t n_rows = 0, n_classes = (size_t)record->dataset.n_labels, n = 0, n_floats = 0;
    if (table_open(t, names, 4, 4 + n_classes, &n_rows) != ASSAY_OK || !t->text)
        return t->status;
    as_prediction *rows = as_arena_alloc_array(record->arena, n_rows, sizeof *rows);
    float *probabilities = !answers_only && as_mul_size(n_rows, n_classes, &n_floats)
                               ? as_arena_alloc_array(record->arena, n_floats, sizeof(float))
                               : NULL;
    if (!rows || (!probabilities && !answers_only))
        return as_fail(t->error, ASSAY_OUT_OF_MEMORY, t->path, "no memory for %zu rows", n_rows);
    int64_t n_test = 0, last_class = (int64_t)n_classes - 1;
    for (; more_rows(t); n++) {
        as_prediction *p = &rows[n];
        p->split = next_word(t, splits, 3, "the split must be test, validation or train");
        p->index = next_count(t, INT64_MAX, "the index must be a whole number from 0");
        p->label = (int32_t)next_count(t, last_class, "the label is no class of the record");
        p->predicted = (int32_t)next_count(t, last_class, "the prediction is no class");
        read_shares(t, p, n_classes, probabilities ? probabilities + n * n_classes : NULL);
        end_line(t);
        n_test += p->split == splits[0];
    }
    if (t->status == ASSAY_OK && n_test != record->test.n)
        t->status = as_fail(t->error, ASSAY_BAD_DATA, t->path,
                            "has %lld test rows; result.json counts %lld", (long long)n_test,
                            (long long)record->test.n);
    record->predictions = rows;
    record->n_predictions = n;
    return t->status;
}

static assay_status read_all_predictions(table *t, as_record *record) {
    return read_predictions(t, record, false);
}

static assay_status read_answers(table *t, as_record *record) {
    return read_predictions(t, record, true);
}

static assay_status read_queries(table *t, as_record *record) {
    static const char *const names[] = {"scenario", "batch", "tokens", "nanoseconds", "round"};
    static const char *const scenarios[] = {"single_stream", "offline", "server",
                                            "one_text",      "arrival", "training"};
    size_t n_rows = 0, n = 0, n_columns = record->interleaved.rounds > 0 ? 5 : 4;
    if (table_open(t, names, n_columns, n_columns, &n_rows) != ASSAY_OK || !t->text)
        return t->status;
    as_query *rows = as_arena_alloc_array(record->arena, n_rows, sizeof *rows);
    if (!rows)
        return as_fail(t->error, ASSAY_OUT_OF_MEMORY, t->path, "no memory for %zu rows", n_rows);
    for (; more_rows(t); n++) {
        rows[n].scenario = next_word(t, scenarios, 6, "unknown scenario");
        rows[n].batch = (int32_t)next_count(t, INT32_MAX, "the batch must be a count");
        rows[n].tokens = (int32_t)next_count(t, INT32_MAX, "tokens must be a count");
        rows[n].nanoseconds = next_count(t, INT64_MAX, "nanoseconds must be a count");
        rows[n].round = n_columns == 5 ? (int32_t)next_count(t, record->interleaved.rounds,
                                                             "no round of result.json")
                                       : 0;
        end_line(t);
    }
    record->queries = rows;
    record->n_queries = n;
    return t->status;
}

static as_epoch read_epoch(as_json_reader *r, const json_t *o) {
    return (as_epoch){
        .epoch = as_field_count32(r, o, "epoch"),
        .train_loss = as_field_real(r, o, "train_loss"),
        .train_accuracy = as_field_real(r, o, "train_accuracy"),
        .validation_loss = as_field_real(r, o, "validation_loss"),
        .validation_accuracy = as_field_real(r, o, "validation_accuracy"),
        .validation_f1_macro = as_field_real(r, o, "validation_f1_macro"),
        .learning_rate = as_field_real(r, o, "learning_rate"),
        .grad_norm = as_field_real(r, o, "grad_norm"),
        .seconds = as_field_real(r, o, "seconds"),
        .tokens = as_field_count(r, o, "tokens"),
        .samples = as_field_count(r, o, "samples"),
        .steps = as_field_count(r, o, "steps"),
    };
}

static assay_status read_epochs(const char *path, as_record *record, assay_error *error) {
    char *text = NULL;
    if (!as_path_exists(path))
        return ASSAY_OK;
    assay_status status = as_file_read(path, MAX_LINE_BYTES * 64, &text, NULL, error);
    if (status != ASSAY_OK)
        return status;
    size_t n_lines = 0, n = 0;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n' || p[1] == '\0';
    as_epoch *epochs = as_arena_alloc_array(record->arena, n_lines, sizeof *epochs);
    if (!epochs)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for %zu epochs", n_lines);
    for (char *line = text, *end; status == ASSAY_OK && *line; line = end) {
        size_t length = strcspn(line, "\n");
        end = line + length + (line[length] == '\n');
        json_t *json = NULL;
        status = as_json_parse(line, length, path, &json, error);
        if (status == ASSAY_OK && !json_is_object(json))
            status = as_fail(error, ASSAY_BAD_DATA, path, "line %zu must be an object", n + 1);
        if (status == ASSAY_OK) {
            as_json_reader reader = {.file = path, .arena = record->arena, .error = error};
            epochs[n++] = read_epoch(&reader, json);
            status = reader.status;
        }
        json_decref(json);
    }
    free(text);
    record->epochs = epochs;
    record->n_epochs = n;
    return status;
}

typedef assay_status (*read_table_fn)(table *t, as_record *record);

static assay_status read_table(const char *folder, const char *name, read_table_fn read,
                               as_record *record, assay_error *error) {
    char *path = as_path_join(folder, name);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    table t = {.path = path, .error = error};
    assay_status status = read(&t, record);
    free(t.text);
    free(path);
    return status;
}

assay_status as_record_read_raw(const char *folder, as_record *record, bool answers_only,
                                assay_error *error) {
    char *epochs = as_path_join(folder, "epochs.jsonl");
    if (!epochs)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    assay_status status = read_epochs(epochs, record, error);
    if (status == ASSAY_OK)
        status = read_table(folder, "predictions.csv",
                            answers_only ? read_answers : read_all_predictions, record, error);
    if (status == ASSAY_OK)
        status = read_table(folder, "latency.csv", read_queries, record, error);
    free(epochs);
    return status;
}
