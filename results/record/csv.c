/* SPDX-License-Identifier: MIT */
/* Comma-separated values after RFC 4180: fields with a comma, a quote or a line break stand in
 * quotes, quotes inside are doubled. LF alone also ends a line when reading. */
#include "results/record/csv.h"

#include <string.h>

void as_csv_write_field(FILE *stream, const char *text) {
    size_t n = text ? strlen(text) : 0;
    if (n == 0)
        return;
    if (!strpbrk(text, ",\"\r\n") && text[0] != ' ' && text[n - 1] != ' ') {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            fputc('"', stream);
        fputc(*p, stream);
    }
    fputc('"', stream);
}

as_csv as_csv_open(char *text) {
    return (as_csv){.place = text, .line = 0, .at_line_end = true, .next_line = 1};
}

/* Removes the quotes of the field at csv->place; leaves the place behind the closing one. */
static char *unquote(as_csv *csv) {
    char *field = ++csv->place, *write = field, *read = field;
    for (;; read++) {
        if (!*read)
            return NULL;
        if (*read == '"' && *++read != '"')
            break;
        csv->next_line += *read == '\n';
        *write++ = *read;
    }
    csv->place = read;
    *write = '\0'; /* at the latest over the closing quote */
    return field;
}

char *as_csv_next(as_csv *csv, const char **ret_error) {
    *ret_error = NULL;
    if (!*csv->place && csv->at_line_end)
        return NULL;
    csv->line = csv->next_line;
    char *field = csv->place;
    if (*field == '"') {
        if (!(field = unquote(csv))) {
            *ret_error = "a quoted field has no closing quote";
            return NULL;
        }
    } else {
        csv->place += strcspn(csv->place, ",\r\n");
    }
    char *end = csv->place;
    if (*end == '\r' && end[1] == '\n')
        csv->place++;
    if (*csv->place && *csv->place != ',' && *csv->place != '\n') {
        *ret_error = "a comma or a line end must follow a field";
        return NULL;
    }
    csv->at_line_end = *csv->place != ',';
    csv->next_line += *csv->place == '\n';
    if (*csv->place)
        csv->place++;
    *end = '\0';
    return field;
}
