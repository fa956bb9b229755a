/* SPDX-License-Identifier: MIT */
/* Steps that look at one character at a time: lower, keep and its relatives (strip_punctuation,
 * strip_digits, strip_control), collapse_space. ASCII goes through tables, eight bytes at a time
 * where that is possible; the rest through utf8proc. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/cleaning/steps.h"

/* ---- lower ------------------------------------------------------------------------------------*/

#define EACH(byte) (0x0101010101010101u * (byte))

/* Eight ASCII bytes in lower case: bit 5 set where a byte lies in A .. Z. */
static inline uint64_t lower_eight(uint64_t word) {
    uint64_t from_a = word + EACH(0x80 - 'A'), past_z = word + EACH(0x80 - 'Z' - 1);
    return word | ((from_a & ~past_z & EACH(0x80)) >> 2);
}

assay_status as_lower_apply(const as_step *step, const char *text, size_t n_bytes,
                            as_clean_output *out, assay_error *error) {
    (void)step;
    /* no mapping more than doubles a character's bytes: U+023A, two bytes, becomes three */
    assay_status status = as_output_reserve(out, 2 * n_bytes + 8, error);
    if (status != ASSAY_OK)
        return status;
    char *to = out->data;
    for (size_t i = 0; i < n_bytes;) {
        uint64_t word;
        if (n_bytes - i >= 8 && (memcpy(&word, text + i, 8), (word & EACH(0x80)) == 0)) {
            word = lower_eight(word);
            memcpy(to, &word, 8);
            to += 8;
            i += 8;
            continue;
        }
        int32_t point;
        i += as_next_point(text + i, n_bytes - i, &point);
        if (point < 0x80)
            *to++ = (char)(point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point);
        else
            to += utf8proc_encode_char(utf8proc_tolower(point), (utf8proc_uint8_t *)to);
    }
    out->n_bytes = (size_t)(to - out->data);
    return ASSAY_OK;
}

/* ---- keep and strip_... -----------------------------------------------------------------------*/

enum { MAX_REPLACE = 16 };

/* Which characters stay: ASCII by table, the others by category (a bit each) or by name. */
typedef struct character_filter {
    bool stays[128];
    char ascii[128]; /* what a byte becomes when the replacement has at most one */
    uint32_t categories;
    bool space_stays;      /* white space, whatever its category */
    const int32_t *points; /* `n_points` others that stay */
    size_t n_points, n_replace;
} character_filter;

static const char ascii_symbols[] = "$+<=>^`|~";

#define CATEGORY(name) (1u << UTF8PROC_CATEGORY_##name)
#define LETTERS (CATEGORY(LU) | CATEGORY(LL) | CATEGORY(LT) | CATEGORY(LM) | CATEGORY(LO))
#define MARKS (CATEGORY(MN) | CATEGORY(MC) | CATEGORY(ME))
#define NUMBERS (CATEGORY(ND) | CATEGORY(NL) | CATEGORY(NO))
#define PUNCTUATION                                                                                \
    (CATEGORY(PC) | CATEGORY(PD) | CATEGORY(PS) | CATEGORY(PE) | CATEGORY(PI) | CATEGORY(PF) |     \
     CATEGORY(PO))
#define SYMBOLS (CATEGORY(SM) | CATEGORY(SC) | CATEGORY(SK) | CATEGORY(SO))

static uint32_t category_of(int32_t point) {
    return 1u << utf8proc_category(point);
}

static bool stays(const character_filter *filter, int32_t point) {
    if ((filter->categories & category_of(point)) != 0)
        return true;
    if (filter->space_stays && as_is_white_space(point))
        return true;
    for (size_t i = 0; i < filter->n_points; i++)
        if (filter->points[i] == point)
            return true;
    return false;
}

/* An empty filter for the step, its replacement checked. */
static assay_status new_filter(as_arena *arena, const as_step *step, character_filter **ret_filter,
                               assay_error *error) {
    size_t n = strlen(step->options.replace);
    character_filter *filter = as_arena_alloc(arena, sizeof *filter);
    if (n > MAX_REPLACE)
        return as_fail(error, ASSAY_BAD_DATA, as_where_join(step->where, "/", "replace").text,
                       "has %zu bytes; at most %d may stand for a character", n, MAX_REPLACE);
    if (!filter)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, step->where, "no memory for the cleaning");
    filter->n_replace = n;
    *ret_filter = filter;
    return ASSAY_OK;
}

/* Completes the table of ASCII, once everything else stands. */
static void use_filter(as_step *step, character_filter *filter) {
    char one = step->options.replace[0];
    for (int32_t c = 0; c < 128; c++) {
        filter->stays[c] = filter->stays[c] || stays(filter, c);
        filter->ascii[c] = (char)(filter->stays[c] ? c : one);
    }
    step->state = filter;
}

assay_status as_punctuation_prepare(as_arena *arena, as_step *step, assay_error *error) {
    character_filter *filter;
    assay_status status = new_filter(arena, step, &filter, error);
    if (status != ASSAY_OK)
        return status;
    filter->categories = ~PUNCTUATION;
    use_filter(step, filter);
    for (const char *p = ascii_symbols; *p; p++) {
        filter->stays[(unsigned char)*p] = false;
        filter->ascii[(unsigned char)*p] = step->options.replace[0];
    }
    return ASSAY_OK;
}

assay_status as_digits_prepare(as_arena *arena, as_step *step, assay_error *error) {
    character_filter *filter;
    assay_status status = new_filter(arena, step, &filter, error);
    if (status != ASSAY_OK)
        return status;
    filter->categories = ~CATEGORY(ND);
    use_filter(step, filter);
    return ASSAY_OK;
}

assay_status as_control_prepare(as_arena *arena, as_step *step, assay_error *error) {
    character_filter *filter;
    assay_status status = new_filter(arena, step, &filter, error);
    if (status != ASSAY_OK)
        return status;
    filter->categories = ~(CATEGORY(CC) | CATEGORY(CF));
    filter->space_stays = true;
    use_filter(step, filter);
    return ASSAY_OK;
}

typedef struct character_class {
    const char *name;
    uint32_t categories;
    const char *range; /* pairs of ASCII bounds instead */
} character_class;

static const character_class classes[] = {
    {"letters", LETTERS, ""},
    {"marks", MARKS, ""},
    {"digits", CATEGORY(ND), ""},
    {"numbers", NUMBERS, ""},
    {"punctuation", PUNCTUATION, ""},
    {"symbols", SYMBOLS, ""},
    {"spaces", 0, ""},
    {"ascii_letters", 0, "azAZ"},
    {"ascii_digits", 0, "09"},
};
enum { N_CLASSES = sizeof classes / sizeof classes[0] };

/* Adds the class `name`; ranges of ASCII go straight into the table. */
static assay_status add_class(character_filter *filter, const char *name, const char *where,
                              assay_error *error) {
    const char *names[N_CLASSES];
    for (size_t i = 0; i < N_CLASSES; i++) {
        names[i] = classes[i].name;
        if (strcmp(names[i], name) != 0)
            continue;
        filter->categories |= classes[i].categories;
        filter->space_stays |= strcmp(name, "spaces") == 0;
        for (const char *range = classes[i].range; *range; range += 2)
            for (int c = range[0]; c <= range[1]; c++)
                filter->stays[c] = true;
        return ASSAY_OK;
    }
    return as_fail_unknown(error, where, "class of characters", name, names, N_CLASSES);
}

/* The code points of `extra`. */
static assay_status add_extra(as_arena *arena, const as_step *step, character_filter *filter,
                              assay_error *error) {
    const char *extra = step->options.extra;
    size_t n_bytes = strlen(extra);
    int32_t *points = as_arena_alloc_array(arena, n_bytes, sizeof *points);
    if (!points)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, step->where, "no memory for the cleaning");
    for (size_t i = 0; i < n_bytes;)
        i += as_next_point(extra + i, n_bytes - i, &points[filter->n_points++]);
    filter->points = points;
    return ASSAY_OK;
}

static assay_status add_classes(const as_step *step, character_filter *filter, assay_error *error) {
    as_where list = as_where_join(step->where, "/", "characters");
    const json_t *one;
    size_t i;
    json_array_foreach(step->options.characters, i, one) {
        char index[32];
        snprintf(index, sizeof index, "%zu", i);
        assay_status status = add_class(filter, json_string_value(one),
                                        as_where_join(list.text, "/", index).text, error);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

assay_status as_keep_prepare(as_arena *arena, as_step *step, assay_error *error) {
    character_filter *filter;
    assay_status status = new_filter(arena, step, &filter, error);
    if (status == ASSAY_OK)
        status = add_extra(arena, step, filter, error);
    if (status == ASSAY_OK)
        status = add_classes(step, filter, error);
    if (status == ASSAY_OK)
        use_filter(step, filter);
    return status;
}

/* Copies the character that takes `n` bytes, or puts the replacement in its place. */
static inline char *put(char *to, bool kept, const char *from, size_t n, const char *replace,
                        size_t n_replace) {
    memcpy(to, kept ? from : replace, kept ? n : n_replace);
    return to + (kept ? n : n_replace);
}

assay_status as_characters_apply(const as_step *step, const char *text, size_t n_bytes,
                                 as_clean_output *out, assay_error *error) {
    const character_filter *filter = step->state;
    const char *replace = step->options.replace;
    size_t n_replace = filter->n_replace, worst;
    if (!as_mul_size(n_bytes, n_replace > 1 ? n_replace : 1, &worst))
        return as_output_too_long(step, out, error);
    assay_status status = as_output_reserve(out, worst, error);
    if (status != ASSAY_OK)
        return status;
    char *to = out->data;
    for (size_t i = 0; i < n_bytes;) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80 && n_replace <= 1) { /* without a branch on the character */
            *to = filter->ascii[c];
            to += n_replace | filter->stays[c];
            i++;
            continue;
        }
        int32_t point;
        size_t n = as_next_point(text + i, n_bytes - i, &point);
        bool kept = point < 0x80 ? filter->stays[point] : stays(filter, point);
        to = put(to, kept, text + i, n, replace, n_replace);
        i += n;
    }
    out->n_bytes = (size_t)(to - out->data);
    return ASSAY_OK;
}

/* ---- collapse_space ---------------------------------------------------------------------------*/

static const bool ascii_space[128] = {
    [0x09] = true, [0x0A] = true, [0x0B] = true, [0x0C] = true, [0x0D] = true,
    [0x1C] = true, [0x1D] = true, [0x1E] = true, [0x1F] = true, [' '] = true};

assay_status as_collapse_apply(const as_step *step, const char *text, size_t n_bytes,
                               as_clean_output *out, assay_error *error) {
    (void)step;
    bool after_space = true; /* so that none starts the text */
    assay_status status = as_output_reserve(out, n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    char *to = out->data;
    for (size_t i = 0; i < n_bytes;) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            bool space = ascii_space[c];
            *to = (char)(space ? ' ' : c);
            to += !(space & after_space);
            after_space = space;
            i++;
            continue;
        }
        int32_t point;
        size_t n = as_next_point(text + i, n_bytes - i, &point);
        bool space = as_is_white_space(point);
        if (!space || !after_space)
            to = put(to, !space, text + i, n, " ", 1);
        after_space = space;
        i += n;
    }
    if (after_space && to > out->data)
        to--;
    out->n_bytes = (size_t)(to - out->data);
    return ASSAY_OK;
}
