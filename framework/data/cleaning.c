/* SPDX-License-Identifier: MIT */
/* The table of cleaning steps. */
#include "data/cleaning.h"

#include <stdbool.h>
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

static const as_cleaning_step steps[] = {
    {"lower", lower},
    {"strip_html", strip_html},
};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

assay_status as_cleaning_find(const char *name, const char *where,
                              const as_cleaning_step **ret_step, assay_error *error) {
    const char *names[N_STEPS];
    for (size_t i = 0; i < N_STEPS; i++) {
        names[i] = steps[i].name;
        if (strcmp(name, steps[i].name) == 0) {
            *ret_step = &steps[i];
            return ASSAY_OK;
        }
    }
    const char *near = as_nearest_name(name, names, N_STEPS);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "no cleaning step \"%.80s\"; use \"%s\"; steps: lower, strip_html", name,
                   near ? near : names[0]);
}

assay_status as_text_reserve(as_text *text, size_t n_bytes, assay_error *error) {
    if (text->data && n_bytes < text->capacity)
        return ASSAY_OK;
    size_t capacity = 4096;
    while (capacity <= n_bytes)
        if (!as_mul_size(capacity, 2, &capacity))
            return assay_fail(error, ASSAY_LIMIT, "text", "is too long");
    char *data = as_arena_alloc(text->arena, capacity);
    if (!data)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "text", "no memory to clean it");
    if (text->n_bytes)
        memcpy(data, text->data, text->n_bytes);
    text->data = data;
    text->capacity = capacity;
    return ASSAY_OK;
}

assay_status as_clean(const as_cleaning_step *const *list, size_t n_steps, const char *text,
                      size_t n_bytes, as_text buffers[2], const char **ret_text,
                      size_t *ret_n_bytes, assay_error *error) {
    for (size_t i = 0; i < n_steps; i++) {
        as_text *out = &buffers[i & 1];
        size_t room;
        assay_status status;
        if (!as_mul_size(n_bytes, 2, &room) || !as_add_size(room, 16, &room))
            return assay_fail(error, ASSAY_LIMIT, "text", "is too long");
        out->n_bytes = 0;
        if ((status = as_text_reserve(out, room, error)) != ASSAY_OK)
            return status;
        out->n_bytes = list[i]->apply(text, n_bytes, out->data);
        out->data[out->n_bytes] = '\0';
        text = out->data;
        n_bytes = out->n_bytes;
    }
    *ret_text = text;
    *ret_n_bytes = n_bytes;
    return ASSAY_OK;
}
