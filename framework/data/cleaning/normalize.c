/* SPDX-License-Identifier: MIT */
/* Steps that normalise: unicode_nfc, unicode_nfkc, strip_accents (Unicode Standard Annex 15) and
 * casefold. Mappings and composition are utf8proc's; canonical ordering is done here, since
 * utf8proc's takes quadratic time on a long run of combining marks.
 *
 * A text is taken in stretches: one ASCII character and what follows up to the next ASCII
 * character. ASCII characters start a combining sequence and never change, so that stretches are
 * independent of each other; ASCII followed by ASCII is copied. */
#include <string.h>

#include "base/error.h"
#include "data/cleaning/steps.h"

typedef struct form {
    utf8proc_option_t mapping;     /* of single characters */
    bool drops_marks, is_composed; /* category Mn; canonical ordering and composition */
} form;

static uint8_t combining_class(int32_t point) {
    return (uint8_t)utf8proc_get_property(point)->combining_class;
}

/* Stable sort by combining class: by insertion, or by counting where the run is long. */
static void order_run(int32_t *run, size_t n, int32_t *sorted) {
    size_t starts[257] = {0};
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            int32_t point = run[i];
            size_t k = i;
            for (; k > 0 && combining_class(run[k - 1]) > combining_class(point); k--)
                run[k] = run[k - 1];
            run[k] = point;
        }
        return;
    }
    for (size_t i = 0; i < n; i++)
        starts[combining_class(run[i]) + 1]++;
    for (size_t c = 1; c < 257; c++)
        starts[c] += starts[c - 1];
    for (size_t i = 0; i < n; i++)
        sorted[starts[combining_class(run[i])]++] = run[i];
    memcpy(run, sorted, n * sizeof *run);
}

static void order_canonically(int32_t *points, size_t n, int32_t *sorted) {
    for (size_t i = 0; i < n;) {
        size_t run = 0;
        while (i + run < n && combining_class(points[i + run]) != 0)
            run++;
        if (run > 1)
            order_run(points + i, run, sorted);
        i += run + 1;
    }
}

static size_t drop_marks(int32_t *points, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (utf8proc_category(points[i]) != UTF8PROC_CATEGORY_MN)
            points[kept++] = points[i];
    return kept;
}

/* Maps the characters of a stretch into out->points. */
static assay_status map_points(const form *f, const char *text, size_t n_bytes,
                               as_clean_output *out, size_t *ret_n, assay_error *error) {
    enum { MOST = 18 }; /* points one character decomposes into: U+FDFA's compatibility mapping */
    size_t n = 0;
    int boundary = 0;
    for (size_t i = 0; i < n_bytes;) {
        int32_t point;
        assay_status status = as_output_reserve_points(out, n + MOST, error);
        if (status != ASSAY_OK)
            return status;
        i += as_next_point(text + i, n_bytes - i, &point);
        n += (size_t)utf8proc_decompose_char(point, out->points + n, MOST, f->mapping, &boundary);
    }
    *ret_n = n;
    return ASSAY_OK;
}

/* A stretch, normalised, behind the output. */
static assay_status add_stretch(const as_step *step, const form *f, const char *text,
                                size_t n_bytes, as_clean_output *out, assay_error *error) {
    size_t n;
    assay_status status = map_points(f, text, n_bytes, out, &n, error);
    if (status != ASSAY_OK)
        return status;
    if (f->drops_marks)
        n = drop_marks(out->points, n);
    if (f->is_composed) {
        order_canonically(out->points, n, out->sorted);
        n = (size_t)utf8proc_normalize_utf32(out->points, (utf8proc_ssize_t)n,
                                             UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    }
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        char bytes[4];
        size_t used = (size_t)utf8proc_encode_char(out->points[i], (utf8proc_uint8_t *)bytes);
        status = as_output_add(step, out, bytes, used, error);
    }
    return status;
}

/* Bytes below 0x80 from p on. */
static size_t ascii_run(const char *p, const char *end) {
    size_t n = 0, left = (size_t)(end - p);
    for (uint64_t word; left - n >= 8; n += 8) {
        memcpy(&word, p + n, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (n < left && (unsigned char)p[n] < 0x80)
        n++;
    return n;
}

static assay_status normalize(const as_step *step, const form *f, const char *text, size_t n_bytes,
                              as_clean_output *out, assay_error *error) {
    const char *p = text, *end = text + n_bytes;
    size_t plain = ascii_run(p, end);
    assay_status status = as_output_reserve(out, n_bytes, error);
    out->unchanged = plain == n_bytes;
    while (p < end && !out->unchanged && status == ASSAY_OK) {
        size_t start = plain ? plain - 1 : 0; /* the last ASCII character may take a mark */
        const char *stretch = p + start, *after = p + plain;
        if (after == end)
            return as_output_add(step, out, p, plain, error);
        while (after < end && (unsigned char)*after >= 0x80)
            after++;
        status = as_output_add(step, out, p, start, error);
        if (status == ASSAY_OK)
            status = add_stretch(step, f, stretch, (size_t)(after - stretch), out, error);
        p = after;
        plain = ascii_run(p, end);
    }
    return status;
}

assay_status as_nfc_apply(const as_step *step, const char *text, size_t n_bytes,
                          as_clean_output *out, assay_error *error) {
    static const form nfc = {UTF8PROC_DECOMPOSE, false, true};
    return normalize(step, &nfc, text, n_bytes, out, error);
}

assay_status as_nfkc_apply(const as_step *step, const char *text, size_t n_bytes,
                           as_clean_output *out, assay_error *error) {
    static const form nfkc = {UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, false, true};
    return normalize(step, &nfkc, text, n_bytes, out, error);
}

assay_status as_accents_apply(const as_step *step, const char *text, size_t n_bytes,
                              as_clean_output *out, assay_error *error) {
    static const form accents = {UTF8PROC_DECOMPOSE, true, true};
    return normalize(step, &accents, text, n_bytes, out, error);
}

/* Upper case in ASCII is folded too, so that there is nothing to copy unseen. */
assay_status as_casefold_apply(const as_step *step, const char *text, size_t n_bytes,
                               as_clean_output *out, assay_error *error) {
    int32_t folded[4];
    int boundary = 0;
    assay_status status = as_output_reserve(out, n_bytes, error);
    for (size_t i = 0; i < n_bytes && status == ASSAY_OK;) {
        char bytes[16];
        utf8proc_ssize_t n = 0;
        int32_t point;
        i += as_next_point(text + i, n_bytes - i, &point);
        if (point < 0x80) {
            bytes[n++] = (char)(point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point);
        } else {
            utf8proc_ssize_t n_folded =
                utf8proc_decompose_char(point, folded, 4, UTF8PROC_CASEFOLD, &boundary);
            for (utf8proc_ssize_t k = 0; k < n_folded; k++)
                n += utf8proc_encode_char(folded[k], (utf8proc_uint8_t *)bytes + n);
        }
        status = as_output_add(step, out, bytes, (size_t)n, error);
    }
    return status;
}
