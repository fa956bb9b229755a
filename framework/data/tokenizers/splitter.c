/* SPDX-License-Identifier: MIT */
/* The table of splitters, and those that look at one character at a time. */
#include "data/tokenizers/splitter.h"

#include <string.h>

#include "base/error.h"
#include "data/tokenizers/characters.h"
#include "data/tokenizers/split_regex.h"
#include "data/tokenizers/word_break.h"

/* ---- whitespace -------------------------------------------------------------------------------*/

/* First bytes: of ASCII white space, and of the characters among which there is other. */
enum { TOKEN, SPACE, PERHAPS };
static const unsigned char first_bytes[256] = {
    [0x09] = SPACE,   [0x0A] = SPACE,   [0x0B] = SPACE,   [0x0C] = SPACE,   [0x0D] = SPACE,
    [0x1C] = SPACE,   [0x1D] = SPACE,   [0x1E] = SPACE,   [0x1F] = SPACE,   [' '] = SPACE,
    [0xC2] = PERHAPS, [0xE1] = PERHAPS, [0xE2] = PERHAPS, [0xE3] = PERHAPS,
};

/* Bytes of the white space that is not ASCII at p, 0 when there is none: U+0085, 00A0, 1680, 2000
 * to 200A, 2028, 2029, 202F, 205F, 3000. With ASCII's that is what Python's str.isspace() holds
 * for. */
static size_t wide_space_at(const char *p, const char *end) {
    const unsigned char *b = (const unsigned char *)p;
    if (b[0] == 0xC2)
        return end - p >= 2 && (b[1] == 0x85 || b[1] == 0xA0) ? 2 : 0;
    if (end - p < 3)
        return 0;
    unsigned last = (unsigned)b[1] << 8 | b[2];
    bool space = b[0] == 0xE1   ? last == 0x9A80
                 : b[0] == 0xE3 ? last == 0x8080
                                : (last >= 0x8080 && last <= 0x808A) || last == 0x80A8 ||
                                      last == 0x80A9 || last == 0x80AF || last == 0x819F;
    return space ? 3 : 0;
}

static inline size_t space_at(const char *p, const char *end) {
    unsigned kind = first_bytes[(unsigned char)*p];
    return kind == PERHAPS ? wide_space_at(p, end) : kind;
}

static const char *next_whitespace(const char **cursor, const char *end, size_t *ret_n_bytes) {
    const char *p = *cursor;
    for (size_t n; p < end && (n = space_at(p, end)) > 0;)
        p += n;
    const char *start = p;
    while (p < end && !space_at(p, end))
        p++; /* a later byte of a character is TOKEN */
    *cursor = p;
    *ret_n_bytes = (size_t)(p - start);
    return p > start ? start : NULL;
}

/* ---- words ------------------------------------------------------------------------------------*/

static const char *next_word(const char **cursor, const char *end, size_t *ret_n_bytes) {
    const char *start = NULL, *p = *cursor;
    while (p < end) {
        size_t length;
        unsigned class = as_class_at(p, (size_t)(end - p), &length);
        bool inside = class & (AS_CLASS_LETTER_OR_NUMBER | AS_CLASS_MARK);
        if (inside && !start)
            start = p;
        if (!inside && start)
            break;
        p += length;
    }
    *cursor = p;
    *ret_n_bytes = start ? (size_t)(p - start) : 0;
    return start;
}

/* ---- unicode ----------------------------------------------------------------------------------*/

static const char *next_unicode_word(const char **cursor, const char *end, size_t *ret_n_bytes) {
    const char *p = *cursor, *start = NULL;
    size_t n = 0;
    bool is_word = false;
    while (p < end && !is_word) {
        start = p;
        n = as_word_break_next(p, (size_t)(end - p), &is_word);
        p += n;
    }
    *cursor = p;
    *ret_n_bytes = is_word ? n : 0;
    return is_word ? start : NULL;
}

/* ---- splitters --------------------------------------------------------------------------------*/

typedef const char *(*next_function)(const char **cursor, const char *end, size_t *ret_n_bytes);

struct as_splitter {
    next_function next;       /* NULL: the regex's */
    as_regex_splitter *regex; /* owned */
};

static const struct {
    const char *kind;
    next_function next;
} kinds[] = {
    {"words", next_word},
    {"whitespace", next_whitespace},
    {"unicode", next_unicode_word},
    {"regex", NULL},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static assay_status fail_unknown(const char *kind, const char *where, assay_error *error) {
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++)
        names[i] = kinds[i].kind;
    const char *near = as_nearest_name(kind, names, N_KINDS);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "no tokenizer \"%.80s\"; use \"%s\"; tokenizers: words, whitespace, unicode, "
                   "regex, wordpiece",
                   kind, near ? near : names[0]);
}

assay_status as_splitter_new(as_arena *arena, const char *kind, const char *pattern,
                             const char *where, as_splitter **ret_splitter, assay_error *error) {
    size_t i = 0;
    while (i < N_KINDS && strcmp(kind, kinds[i].kind) != 0)
        i++;
    if (i == N_KINDS)
        return fail_unknown(kind, where, error);
    if (!kinds[i].next != (pattern != NULL))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "the tokenizer \"%s\" %s", kind,
                       pattern ? "takes no pattern; use \"regex\"" : "needs a pattern");
    as_splitter *splitter = as_arena_alloc(arena, sizeof *splitter);
    if (!splitter)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the tokenizer");
    splitter->next = kinds[i].next;
    assay_status status = ASSAY_OK;
    if (pattern)
        status = as_regex_splitter_new(pattern, where, &splitter->regex, error);
    if (status == ASSAY_OK)
        *ret_splitter = splitter;
    return status;
}

assay_status as_splitter_next(as_splitter *splitter, as_split_cursor *cursor,
                              const char **ret_token, size_t *ret_n_bytes, assay_error *error) {
    if (splitter->regex)
        return as_regex_splitter_next(splitter->regex, cursor, ret_token, ret_n_bytes, error);
    *ret_token = splitter->next(&cursor->at, cursor->end, ret_n_bytes);
    return ASSAY_OK;
}

void as_splitter_free(as_splitter *splitter) {
    if (!splitter)
        return;
    as_regex_splitter_free(splitter->regex);
    splitter->regex = NULL;
}
