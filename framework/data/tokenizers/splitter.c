/* SPDX-License-Identifier: MIT */
/* Splitters: whitespace and words. */
#include "data/tokenizers/splitter.h"

#include <string.h>
#include <utf8proc.h>

#include "base/error.h"

static bool is_word_character(utf8proc_int32_t point) {
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

static bool is_not_space(utf8proc_int32_t point) {
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return !(point >= 0x09 && point <= 0x0D) && point != 0x85;
    }
}

static bool ascii_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool ascii_not_space(unsigned char c) {
    return c != ' ' && !(c >= 0x09 && c <= 0x0D);
}

/* The next maximal run of characters inside a class, given for ASCII and for all of Unicode. */
static inline const char *next_run(const char **cursor, const char *end, size_t *ret_n_bytes,
                                   bool (*ascii)(unsigned char), bool (*inside)(utf8proc_int32_t)) {
    const char *start = NULL, *p = *cursor;
    while (p < end) {
        utf8proc_ssize_t n = 1;
        bool in;
        if ((unsigned char)*p < 0x80) {
            in = ascii((unsigned char)*p);
        } else {
            utf8proc_int32_t point = 0;
            n = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)(end - p), &point);
            in = n > 0 && inside(point);
            n = n > 0 ? n : 1;
        }
        if (in && !start)
            start = p;
        if (!in && start)
            break;
        p += n;
    }
    *cursor = p;
    if (start)
        *ret_n_bytes = (size_t)(p - start);
    return start;
}

static const char *next_word(const char **cursor, const char *end, size_t *ret_n_bytes) {
    return next_run(cursor, end, ret_n_bytes, ascii_word, is_word_character);
}

static const char *next_whitespace(const char **cursor, const char *end, size_t *ret_n_bytes) {
    return next_run(cursor, end, ret_n_bytes, ascii_not_space, is_not_space);
}

struct as_splitter {
    const char *kind;
    const char *(*next)(const char **cursor, const char *end, size_t *ret_n_bytes);
};

static const as_splitter splitters[] = {
    {"words", next_word},
    {"whitespace", next_whitespace},
};
enum { N_SPLITTERS = sizeof splitters / sizeof splitters[0] };

assay_status as_splitter_new(as_arena *arena, const char *kind, const char *pattern,
                             const char *where, as_splitter **ret_splitter, assay_error *error) {
    const char *names[N_SPLITTERS];
    (void)pattern;
    for (size_t i = 0; i < N_SPLITTERS; i++) {
        names[i] = splitters[i].kind;
        if (strcmp(kind, splitters[i].kind) != 0)
            continue;
        as_splitter *splitter = as_arena_alloc(arena, sizeof *splitter);
        if (!splitter)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the tokenizer");
        *splitter = splitters[i];
        *ret_splitter = splitter;
        return ASSAY_OK;
    }
    const char *near = as_nearest_name(kind, names, N_SPLITTERS);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "no tokenizer \"%.80s\"; use \"%s\"; tokenizers: words, whitespace", kind,
                   near ? near : names[0]);
}

assay_status as_splitter_next(as_splitter *splitter, as_split_cursor *cursor,
                              const char **ret_token, size_t *ret_n_bytes, assay_error *error) {
    (void)error;
    size_t n_bytes = 0;
    *ret_token = splitter->next(&cursor->at, cursor->end, &n_bytes);
    *ret_n_bytes = n_bytes;
    return ASSAY_OK;
}

void as_splitter_free(as_splitter *splitter) {
    (void)splitter;
}
