/* SPDX-License-Identifier: MIT */
/* Matches of a pattern, with PCRE2's just-in-time compiler where there is one. Empty matches are
 * not allowed (PCRE2_NOTEMPTY): what is found is what Python's re.finditer finds without its empty
 * matches. A text is checked to be UTF-8 once, at its start, since PCRE2's own check would read all
 * of it for every token. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/tokenizers/split_regex.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"

/* Backtracking beyond these means a pattern that grows catastrophically. */
enum {
    MATCH_LIMIT = 10 * 1000 * 1000,
    DEPTH_LIMIT = 100 * 1000,
    HEAP_LIMIT_KIB = 64 * 1024,
    STACK_START_BYTES = 32 * 1024,
    STACK_LIMIT_BYTES = 8 * 1024 * 1024
};

struct as_regex_splitter {
    char *pattern;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static assay_status compile(as_regex_splitter *s, const char *where, assay_error *error) {
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR text[160];
    s->code = pcre2_compile((PCRE2_SPTR)s->pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                            &code, &offset, NULL);
    if (s->code)
        return ASSAY_OK;
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = '\0';
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "the pattern \"%.80s\" does not compile: %s at byte %zu; see pcre2pattern(3)",
                   s->pattern, (const char *)text, (size_t)offset);
}

/* The code's just-in-time form and what bounds its matches. */
static bool prepare(as_regex_splitter *s) {
    s->match = pcre2_match_data_create_from_pattern(s->code, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context)
        return false;
    pcre2_set_match_limit(s->context, MATCH_LIMIT);
    pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    if (pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE) != 0)
        return true; /* interpreted: the same matches */
    s->stack = pcre2_jit_stack_create(STACK_START_BYTES, STACK_LIMIT_BYTES, NULL);
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s->stack != NULL;
}

assay_status as_regex_splitter_new(const char *pattern, const char *where,
                                   as_regex_splitter **ret_splitter, assay_error *error) {
    as_regex_splitter *s = calloc(1, sizeof *s);
    assay_status status = ASSAY_OK;
    if (!s || !(s->pattern = strdup(pattern)))
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the pattern");
    if (status == ASSAY_OK)
        status = compile(s, where, error);
    if (status == ASSAY_OK && !prepare(s))
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the pattern");
    if (status == ASSAY_OK)
        *ret_splitter = s;
    else
        as_regex_splitter_free(s);
    return status;
}

void as_regex_splitter_free(as_regex_splitter *s) {
    if (!s)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    pcre2_match_data_free(s->match);
    pcre2_code_free(s->code);
    free(s->pattern);
    free(s);
}

static assay_status check_utf8(const as_split_cursor *cursor, assay_error *error) {
    for (const char *p = cursor->begin; p < cursor->end;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = 1;
        if ((unsigned char)*p >= 0x80)
            n = utf8proc_iterate((const utf8proc_uint8_t *)p, cursor->end - p, &point);
        if (n <= 0)
            return as_fail(error, ASSAY_BAD_DATA, "tokenizer",
                           "a text is not UTF-8 at byte %td: 0x%02X", p - cursor->begin,
                           (unsigned)(unsigned char)*p);
        p += n;
    }
    return ASSAY_OK;
}

static assay_status fail_match(const as_regex_splitter *s, const as_split_cursor *cursor, int code,
                               assay_error *error) {
    PCRE2_UCHAR text[160];
    bool limit = code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT ||
                 code == PCRE2_ERROR_HEAPLIMIT || code == PCRE2_ERROR_JIT_STACKLIMIT;
    if (code == PCRE2_ERROR_NOMEMORY)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "tokenizer", "no memory to match");
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = '\0';
    return as_fail(error, limit ? ASSAY_LIMIT : ASSAY_INTERNAL, "tokenizer",
                   "the pattern \"%.80s\" fails behind byte %td of a text of %td bytes: %s; "
                   "write it so that it backtracks less",
                   s->pattern, cursor->at - cursor->begin, cursor->end - cursor->begin,
                   (const char *)text);
}

assay_status as_regex_splitter_next(as_regex_splitter *s, as_split_cursor *cursor,
                                    const char **ret_token, size_t *ret_n_bytes,
                                    assay_error *error) {
    assay_status status = ASSAY_OK;
    if (cursor->at == cursor->begin)
        status = check_utf8(cursor, error);
    if (status != ASSAY_OK)
        return status;
    size_t start = (size_t)(cursor->at - cursor->begin);
    int n = pcre2_match(s->code, (PCRE2_SPTR)cursor->begin, (size_t)(cursor->end - cursor->begin),
                        start, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->match, s->context);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        return fail_match(s, cursor, n, error);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    *ret_token = n < 0 ? NULL : cursor->begin + span[0];
    *ret_n_bytes = n < 0 ? 0 : span[1] - span[0];
    cursor->at = n < 0 ? cursor->end : cursor->begin + span[1];
    return ASSAY_OK;
}
