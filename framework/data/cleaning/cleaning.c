/* SPDX-License-Identifier: MIT */
/* The table of cleaning steps. */
#include "data/cleaning/cleaning.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"

static size_t lower(const char *in, size_t n_bytes, char *out) {
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)in;
    size_t used = 0;
    for (size_t i = 0; i < n_bytes;) {
        if (bytes[i] < 0x80) {
            char c = in[i++];
            out[used++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            continue;
        }
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t n = utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(n_bytes - i), &point);
        if (n <= 0) /* cannot happen: data sets hold valid UTF-8 only, other callers check */
            break;
        i += (size_t)n;
        used +=
            (size_t)utf8proc_encode_char(utf8proc_tolower(point), (utf8proc_uint8_t *)out + used);
    }
    return used;
}

static bool opens_tag(const char *p, const char *end) {
    char c = (char)(end - p > 1 ? p[1] : ' ');
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '!' || c == '?';
}

static size_t strip_html(const char *in, size_t n_bytes, char *out) {
    const char *end = in + n_bytes, *p = in;
    bool closes = true; /* false once no ">" is left: a "<" then stays as it is */
    size_t used = 0;
    while (p < end) {
        const char *close = NULL;
        if (*p == '<' && closes && opens_tag(p, end)) {
            close = memchr(p, '>', (size_t)(end - p));
            closes = close != NULL;
        }
        out[used++] = close ? ' ' : *p;
        p = close ? close + 1 : p + 1;
    }
    return used;
}

typedef struct step {
    const char *name;
    size_t (*apply)(const char *in, size_t n_bytes, char *out);
} step;

static const step steps[] = {{"lower", lower}, {"strip_html", strip_html}};
enum { N_STEPS = sizeof steps / sizeof steps[0], MAX_STEPS = 64 };

struct as_cleaner {
    const step *steps[MAX_STEPS];
    as_cleaning_counts counts[MAX_STEPS];
    size_t n_steps;
    char *buffers[2];
    size_t capacity[2];
};

assay_status as_cleaner_new(const json_t *list, const char *where, as_cleaner **ret_cleaner,
                            assay_error *error) {
    as_cleaner *cleaner = calloc(1, sizeof *cleaner);
    const json_t *one;
    size_t i;
    if (!cleaner)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the cleaning");
    json_array_foreach(list, i, one) {
        for (size_t k = 0; k < N_STEPS; k++)
            if (json_is_string(one) && strcmp(steps[k].name, json_string_value(one)) == 0)
                cleaner->steps[cleaner->n_steps] = &steps[k];
        if (!cleaner->steps[cleaner->n_steps]) {
            const char *names[N_STEPS] = {"lower", "strip_html"};
            const char *name = json_is_string(one) ? json_string_value(one) : "";
            const char *near = as_nearest_name(name, names, N_STEPS);
            as_cleaner_free(cleaner);
            return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                           "no cleaning step \"%.80s\"; use \"%s\"; steps: lower, strip_html",
                           name, near ? near : "lower");
        }
        cleaner->counts[cleaner->n_steps].step = cleaner->steps[cleaner->n_steps]->name;
        cleaner->n_steps++;
    }
    *ret_cleaner = cleaner;
    return ASSAY_OK;
}

void as_cleaner_free(as_cleaner *cleaner) {
    if (!cleaner)
        return;
    free(cleaner->buffers[0]);
    free(cleaner->buffers[1]);
    free(cleaner);
}

assay_status as_clean_prefix(as_cleaner *cleaner, size_t n_steps, const char *text, size_t n_bytes,
                             const char **ret_text, size_t *ret_n_bytes, assay_error *error) {
    for (size_t i = 0; i < n_steps; i++) {
        int b = (int)(i & 1);
        if (cleaner->capacity[b] < 2 * n_bytes + 17) {
            free(cleaner->buffers[b]);
            cleaner->capacity[b] = 2 * (2 * n_bytes + 17);
            if (!(cleaner->buffers[b] = malloc(cleaner->capacity[b]))) {
                cleaner->capacity[b] = 0;
                return assay_fail(error, ASSAY_OUT_OF_MEMORY, "text", "no memory to clean it");
            }
        }
        n_bytes = cleaner->steps[i]->apply(text, n_bytes, cleaner->buffers[b]);
        text = cleaner->buffers[b];
        cleaner->buffers[b][n_bytes] = '\0';
    }
    *ret_text = text;
    *ret_n_bytes = n_bytes;
    return ASSAY_OK;
}

assay_status as_clean(as_cleaner *cleaner, const char *text, size_t n_bytes, const char **ret_text,
                      size_t *ret_n_bytes, assay_error *error) {
    return as_clean_prefix(cleaner, cleaner->n_steps, text, n_bytes, ret_text, ret_n_bytes, error);
}

size_t as_cleaner_n_steps(const as_cleaner *cleaner) {
    return cleaner->n_steps;
}

size_t as_cleaner_n_text_steps(const as_cleaner *cleaner) {
    return cleaner->n_steps;
}

const as_cleaning_counts *as_cleaner_counts(const as_cleaner *cleaner) {
    return cleaner->counts;
}

void as_cleaner_reset(as_cleaner *cleaner) {
    for (size_t i = 0; i < cleaner->n_steps; i++)
        cleaner->counts[i] = (as_cleaning_counts){.step = cleaner->steps[i]->name};
}
