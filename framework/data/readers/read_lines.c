/* SPDX-License-Identifier: MIT */
/* One text a line, ended by LF or CR LF.
 *
 *     lines    LABEL TEXT, parted by the first blank ("0 one long string of cliches ."); or the
 *              whole line is the text, where the manifest's splits give one file a label
 *     sms      LABEL, tab, TEXT (SMS Spam Collection)
 *
 * Text and label stand as they are: nothing is trimmed. */
#include <stdio.h>

#include "data/readers/table.h"

enum { EXCERPT_BYTES = 60 };

static assay_status fail_line(const as_table *table, as_line line, const char *expected,
                              assay_error *error) {
    size_t n = line.n_bytes;
    for (n = n < EXCERPT_BYTES ? n : EXCERPT_BYTES; n < line.n_bytes && n; n--)
        if (((unsigned char)line.text[n] & 0xc0) != 0x80) /* not within a character */
            break;
    return as_fail(error, ASSAY_BAD_DATA, as_table_where(table, line.number).text,
                   "found \"%.*s\"; expected %s", (int)n, line.text, expected);
}

/* LABEL, `separator`, TEXT. */
static assay_status read_labelled(as_table *table, as_line line, char separator,
                                  const char *expected, assay_error *error) {
    const char *end = line.n_bytes ? memchr(line.text, separator, line.n_bytes) : NULL;
    if (!end || end == line.text)
        return fail_line(table, line, expected, error);
    size_t n_label = (size_t)(end - line.text);
    return as_table_add(table, line.number, line.text, n_label, end + 1, line.n_bytes - n_label - 1,
                        error);
}

static assay_status read_all(as_table *table, char separator, const char *expected,
                             assay_error *error) {
    for (;;) {
        as_line line;
        assay_status status = as_line_reader_next(&table->lines, &line, error);
        if (status != ASSAY_OK || !line.n_bytes)
            return status;
        line = as_line_trim(line);
        if (table->label)
            status = as_table_add(table, line.number, table->label, strlen(table->label), line.text,
                                  line.n_bytes, error);
        else
            status = read_labelled(table, line, separator, expected, error);
        if (status != ASSAY_OK)
            return status;
    }
}

static assay_status read_lines(as_table *table, assay_error *error) {
    return read_all(table, ' ', "a label, a blank and the text", error);
}

static assay_status read_sms(as_table *table, assay_error *error) {
    return read_all(table, '\t', "a label, a tab and the text", error);
}

const as_table_format as_lines_format = {read_lines};
const as_table_format as_sms_format = {read_sms};

assay_status as_read_lines(const as_manifest *manifest, const char *path, as_dataset *dataset,
                           assay_error *error) {
    return as_table_read(manifest, path, &as_lines_format, dataset, error);
}

assay_status as_read_sms(const as_manifest *manifest, const char *path, as_dataset *dataset,
                         assay_error *error) {
    return as_table_read(manifest, path, &as_sms_format, dataset, error);
}
