/* SPDX-License-Identifier: MIT */
/* Formatted errors, status texts and near-miss suggestions. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

assay_status as_fail(assay_error *error, assay_status status, const char *where, const char *format,
                     ...) {
    char text[sizeof error->text + 4]; /* so that assay_fail sees where the cut falls */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return assay_fail(error, status, where, text);
}

const char *as_status_text(assay_status status) {
    switch (status) {
#define ROW(name, value, text)                                                                     \
    case value:                                                                                    \
        return text;
        ASSAY_STATUS_MAP(ROW)
#undef ROW
    default:
        return "unknown status";
    }
}

const char *as_status_name(assay_status status) {
    static const struct {
        assay_status status;
        char name[24];
    } names[] = {
#define ROW(name, value, text) {value, #name},
        ASSAY_STATUS_MAP(ROW)
#undef ROW
    };
    static char lower[sizeof names / sizeof names[0]][24];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].status != status)
            continue;
        for (size_t k = 0; names[i].name[k]; k++) {
            char c = names[i].name[k];
            lower[i][k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        return lower[i];
    }
    return "unknown";
}

as_where as_where_join(const char *a, const char *separator, const char *b) {
    const char *parts[3] = {a, separator, b};
    as_where where;
    size_t end = sizeof where.text - 1, start = end;
    where.text[end] = '\0';
    for (size_t i = 3; i > 0; i--) {
        size_t n = strlen(parts[i - 1]);
        size_t kept = n < start ? n : start;
        start -= kept;
        memcpy(where.text + start, parts[i - 1] + n - kept, kept);
        if (kept < n)
            memcpy(where.text, "...", 3);
    }
    memmove(where.text, where.text + start, end - start + 1);
    return where;
}

/* Levenshtein distance, letters compared without case; names over 63 letters count as far. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[64], n = strlen(a), m = strlen(b);
    if (n > 63 || m > 63)
        return 64;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            size_t best = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (above + 1 < best)
                best = above + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

const char *as_nearest_name(const char *name, const char *const *names, size_t n) {
    const char *nearest = NULL;
    size_t least = 64;
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(name, names[i]);
        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    size_t length = strlen(name);
    return nearest && least <= (length < 6 ? 2 : length / 3) ? nearest : NULL;
}
