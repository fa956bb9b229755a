/* SPDX-License-Identifier: MIT */
/* CSV by RFC 4180 and TSV, by libcsv.
 *
 *     csv  fields parted by commas; one in double quotes may hold commas, line breaks and doubled
 *          quotes ("" is one); a quote elsewhere is an error. Rows end with CR LF or LF.
 *
 *     tsv  fields parted by tabs, as they stand; with the option `quote` as csv
 *
 * The first row names the columns unless `header` is false; options give columns by name or by
 * number from 1. Several text columns are joined by a blank. Every row has as many fields as the
 * first; empty lines are passed over.
 *
 * libcsv (3.0.3 in Debian 12 and 13) settles what a field is. It knows no lines and no bounds, and
 * its callbacks can't stop it; so it is fed line by line, which tells where a field began, a field
 * is measured after each of its lines, and the first error makes callbacks do nothing until the
 * line's end. Its own ideas are turned off: blanks around a field are part of it (RFC 4180, 2.4),
 * CR alone ends no row, a stray quote is an error. */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "data/readers/table.h"

enum {
    MAX_COLUMNS = 100000,
    MAX_WANTED = 65,
    GROWTH_BYTES = 1 << 16,
    MAX_NAMES = 256,
    LABEL_BYTES = 1 << 16
};

/* A column that is read: the label's, then each of the text. */
typedef struct wanted_column {
    const char *name; /* NULL: given by its number */
    size_t index;     /* from 0 */
    bool found;
    size_t start, n_bytes; /* where the open row's field lies in row_reader.held */
} wanted_column;

typedef struct row_reader {
    as_table *table;
    struct csv_parser csv;
    wanted_column wanted[MAX_WANTED];
    size_t n_wanted;
    bool header;       /* the next row is the header */
    bool between_rows; /* no row is open */
    bool after_cr;     /* a row ended with CR: LF must follow */
    size_t n_fields;   /* of the open row so far */
    size_t n_columns;  /* every row has; 0: not known yet */
    uint64_t line;     /* being fed */
    uint64_t row_line; /* the open row began on */
    uint64_t field_line;
    as_text held;        /* the open row's wanted fields, each with a NUL; of a header all */
    assay_status status; /* first failure, within a callback too */
    assay_error *error;
} row_reader;

static as_where where_of(const row_reader *r, uint64_t line) {
    return as_table_where(r->table, line);
}

/* ---- columns ----------------------------------------------------------------------------------*/

static assay_status want(row_reader *r, const json_t *column, assay_error *error) {
    wanted_column *w = &r->wanted[r->n_wanted++];
    *w = (wanted_column){.name = json_string_value(column)};
    if (!w->name) {
        w->index = (size_t)json_integer_value(column) - 1;
        w->found = true;
    } else if (!r->header) {
        return as_fail(error, ASSAY_BAD_DATA, r->table->manifest->file,
                       "names the column \"%s\", but `header` is false: give its number, from 1",
                       w->name);
    }
    return ASSAY_OK;
}

/* The names in `held`, for "did you mean". */
static assay_status fail_column(row_reader *r, const char *name) {
    const char *names[MAX_NAMES], *at = r->held.bytes;
    size_t n = r->n_columns < MAX_NAMES ? r->n_columns : MAX_NAMES;
    for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
        names[i] = at;
    const char *nearest = as_nearest_name(name, names, n);
    return as_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->row_line).text,
                   "the header has no column \"%s\"; %s \"%.80s\"", name,
                   nearest ? "the nearest is" : "its first is", nearest ? nearest : names[0]);
}

/* Is every wanted column among those of the first row? */
static assay_status check_columns(row_reader *r) {
    for (size_t i = 0; i < r->n_wanted; i++) {
        if (!r->wanted[i].found)
            return fail_column(r, r->wanted[i].name);
        if (r->wanted[i].index >= r->n_columns)
            return as_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->row_line).text,
                           "the manifest reads column %zu; the first row has %zu",
                           r->wanted[i].index + 1, r->n_columns);
    }
    return ASSAY_OK;
}

/* ---- one row ----------------------------------------------------------------------------------*/

/* Keeps a field with its NUL. */
static assay_status hold(row_reader *r, const char *bytes, size_t n) {
    size_t bound = r->table->max_text_bytes + LABEL_BYTES;
    as_where where = where_of(r, r->row_line);
    assay_status status = as_text_append(&r->held, bytes, n, bound, where.text, r->error);
    return status ? status : as_text_append(&r->held, "", 1, bound, where.text, r->error);
}

static assay_status take_name(row_reader *r, size_t column, const char *bytes, size_t n) {
    for (size_t i = 0; i < r->n_wanted; i++) {
        wanted_column *w = &r->wanted[i];
        if (!w->name || strlen(w->name) != n || memcmp(w->name, bytes, n) != 0)
            continue;
        if (w->found)
            return as_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->row_line).text,
                           "the header has the column \"%s\" twice; give its number instead",
                           w->name);
        w->found = true;
        w->index = column;
    }
    return hold(r, bytes, n);
}

static assay_status take_field(row_reader *r, const char *bytes, size_t n) {
    size_t column = r->n_fields++;
    if (column == MAX_COLUMNS)
        return as_fail(r->error, ASSAY_LIMIT, where_of(r, r->row_line).text,
                       "the row has over %d columns", MAX_COLUMNS);
    if (r->header)
        return take_name(r, column, bytes, n);
    for (size_t i = 0; i < r->n_wanted; i++) {
        if (r->wanted[i].index != column)
            continue;
        r->wanted[i].start = r->held.n_bytes;
        r->wanted[i].n_bytes = n;
        assay_status status = hold(r, bytes, n);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* The text columns, joined by blanks. */
static assay_status join_texts(row_reader *r) {
    as_text *text = &r->table->text;
    size_t bound = r->table->max_text_bytes;
    as_where where = where_of(r, r->row_line);
    assay_status status = ASSAY_OK;
    text->n_bytes = 0;
    for (size_t i = 1; i < r->n_wanted && status == ASSAY_OK; i++) {
        const wanted_column *w = &r->wanted[i];
        if (i > 1)
            status = as_text_append(text, " ", 1, bound, where.text, r->error);
        if (status == ASSAY_OK)
            status = as_text_append(text, r->held.bytes + w->start, w->n_bytes, bound, where.text,
                                    r->error);
    }
    return status;
}

static assay_status end_row(row_reader *r) {
    const wanted_column *label = &r->wanted[0];
    bool first = !r->n_columns;
    assay_status status = ASSAY_OK;
    if (first)
        r->n_columns = r->n_fields;
    if (r->n_fields != r->n_columns)
        return as_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->row_line).text,
                       "the row has %zu columns; expected %zu, as the first row has", r->n_fields,
                       r->n_columns);
    if (first)
        status = check_columns(r);
    if (status == ASSAY_OK && !r->header) {
        if ((status = join_texts(r)) != ASSAY_OK)
            return status;
        status = as_table_add(r->table, r->row_line, r->held.bytes + label->start, label->n_bytes,
                              r->table->text.bytes, r->table->text.n_bytes, r->error);
    }
    r->header = false;
    return status;
}

/* ---- libcsv's callbacks -----------------------------------------------------------------------*/

static assay_status fail_cr(row_reader *r) {
    return assay_fail(
        r->error, ASSAY_BAD_DATA, where_of(r, r->line).text,
        "a carriage return without a line feed, outside quotes; expected rows that end "
        "with LF or CR LF");
}

static void on_field(void *bytes, size_t n, void *context) {
    row_reader *r = context;
    if (r->status != ASSAY_OK)
        return;
    r->status = r->after_cr ? fail_cr(r) : take_field(r, bytes, n);
    r->field_line = r->line; /* of the next one */
}

/* `end` is the byte that ended the row, -1 at the file's end. CR LF comes as two. */
static void on_row(int end, void *context) {
    row_reader *r = context;
    if (r->status != ASSAY_OK)
        return;
    if (r->after_cr && end != '\n')
        r->status = fail_cr(r);
    else if (r->n_fields)
        r->status = end_row(r);
    r->after_cr = end == '\r';
    r->between_rows = true;
    r->n_fields = 0;
    r->held.n_bytes = 0;
}

/* ---- the file ---------------------------------------------------------------------------------*/

static int no_space(unsigned char byte) {
    (void)byte;
    return 0;
}

static assay_status fail_parse(row_reader *r) {
    if (csv_error(&r->csv) != CSV_EPARSE)
        return as_fail(r->error, ASSAY_OUT_OF_MEMORY, where_of(r, r->line).text,
                       "no memory for a field: %s", csv_strerror(csv_error(&r->csv)));
    return as_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->line).text,
                   "a double quote where none may stand, in column %zu; expected quotes around a "
                   "whole field, and within one doubled",
                   r->n_fields + 1);
}

static assay_status feed(row_reader *r, as_line line) {
    r->line = line.number;
    if (r->between_rows)
        r->row_line = r->field_line = line.number;
    r->between_rows = false;
    size_t n = csv_parse(&r->csv, line.text, line.n_bytes, on_field, on_row, r);
    if (r->status == ASSAY_OK && n != line.n_bytes)
        return fail_parse(r);
    if (r->status == ASSAY_OK && r->csv.entry_pos > r->table->max_text_bytes)
        return as_fail(r->error, ASSAY_LIMIT, where_of(r, r->field_line).text,
                       "the field that begins here has over %zu bytes; close its quote, or raise "
                       "limits.text_bytes in the manifest",
                       r->table->max_text_bytes);
    return r->status;
}

static assay_status finish(row_reader *r) {
    if (csv_fini(&r->csv, on_field, on_row, r) != 0 && r->status == ASSAY_OK)
        return assay_fail(r->error, ASSAY_BAD_DATA, where_of(r, r->field_line).text,
                          "the quote opened here is never closed");
    if (r->status == ASSAY_OK && r->after_cr)
        return fail_cr(r);
    return r->status;
}

static assay_status init(row_reader *r, as_table *table, assay_error *error) {
    const json_t *options = table->manifest->reader, *text = json_object_get(options, "text");
    const char *file = table->manifest->file;
    bool tabs = strcmp(table->manifest->format, "tsv") == 0, quote = !tabs;
    *r = (row_reader){.table = table, .header = true, .between_rows = true, .error = error};
    assay_status status = as_json_get_bool(options, "header", file, &r->header, error);
    if (status == ASSAY_OK)
        status = as_json_get_bool(options, "quote", file, &quote, error);
    if (status == ASSAY_OK)
        status = want(r, json_object_get(options, "label"), error);
    for (size_t i = 0; i < json_array_size(text) && status == ASSAY_OK; i++)
        status = want(r, json_array_get(text, i), error);
    if (status != ASSAY_OK)
        return status;
    csv_init(&r->csv, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL);
    csv_set_delim(&r->csv, tabs ? '\t' : ',');
    if (!quote)
        csv_set_quote(&r->csv, '\0'); /* a byte that no line has */
    csv_set_space_func(&r->csv, no_space);
    csv_set_blk_size(&r->csv, GROWTH_BYTES);
    return ASSAY_OK;
}

static assay_status read_delimited(as_table *table, assay_error *error) {
    row_reader r;
    assay_status status = init(&r, table, error);
    if (status != ASSAY_OK)
        return status;
    for (;;) {
        as_line line;
        status = as_line_reader_next(&table->lines, &line, error);
        if (status == ASSAY_OK && line.n_bytes)
            status = feed(&r, line);
        else if (status == ASSAY_OK)
            break;
        if (status != ASSAY_OK)
            goto done;
    }
    status = finish(&r);
done:
    csv_free(&r.csv);
    free(r.held.bytes);
    return status;
}

const as_table_format as_delimited_format = {read_delimited};

assay_status as_read_delimited(const as_manifest *manifest, const char *path, as_dataset *dataset,
                               assay_error *error) {
    return as_table_read(manifest, path, &as_delimited_format, dataset, error);
}
