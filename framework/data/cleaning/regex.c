/* SPDX-License-Identifier: MIT */
/* The step regex: PCRE2 (pcre2pattern(3), pcre2api(3)) with UTF and UCP, compiled just in time
 * where the machine allows that.
 *
 * Bounds. PCRE2's match limit counts some calls of its matching function from one starting
 * position: it bounds neither the sum over a text's positions nor the characters that a repeat runs
 * over. So it is only a trip wire here. Every pattern is compiled twice; the second form calls back
 * before each of its items, and count_work() adds up the calls and the distance between them, which
 * is what a search does. A short text is searched by the first form with a limit that shrinks with
 * the square of its length (FREE_CHARACTERS); after the limit, and on long texts, the second form
 * searches, up to MOST_WORK plus WORK_PER_BYTE times the text's length. A text that needs more is
 * refused, ASSAY_LIMIT. Memory: HEAP_KIB, and a just-in-time stack of JIT_STACK_BYTES. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/cleaning/steps.h"

enum {
    MIN_FREE_STEPS = 10,
    MAX_FREE_STEPS = 100 * 1000,
    WORK_PER_CALL = 8, /* in characters run over: about what a call back costs */
    WORK_PER_BYTE = 400,
    HEAP_KIB = 64 * 1024,
    JIT_STACK_BYTES = 16 << 20,
    MAX_PATTERN_BYTES = 4096
};
static const uint64_t FREE_CHARACTERS = 4000u * 1000u * 1000u, MOST_WORK = 50u * 1000u * 1000u;

typedef struct form {
    pcre2_code *code;
    pcre2_match_context *context;
} form;

typedef struct regex {
    form fast, watched;
    pcre2_match_data *match;
    pcre2_jit_stack *stack;
    bool is_literal; /* the replacement holds no $ and no \: it is copied */
    size_t n_replace;
} regex;

void as_regex_release(as_step *step) {
    regex *r = step->state;
    if (!r)
        return;
    pcre2_match_data_free(r->match); /* each allows NULL */
    pcre2_match_context_free(r->fast.context);
    pcre2_match_context_free(r->watched.context);
    pcre2_jit_stack_free(r->stack);
    pcre2_code_free(r->fast.code);
    pcre2_code_free(r->watched.code);
    free(r);
    step->state = NULL;
}

/* ---- compiling --------------------------------------------------------------------------------*/

static as_where field(const as_step *step, const char *name) {
    return as_where_join(step->where, "/", name);
}

static assay_status no_memory(const as_step *step, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, step->where, "no memory for the pattern");
}

static assay_status compile(const as_step *step, const char *pattern, uint32_t options,
                            pcre2_code **ret_code, assay_error *error) {
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR why[160];
    options |= PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
               (step->options.case_insensitive ? PCRE2_CASELESS : 0);
    *ret_code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (*ret_code)
        return ASSAY_OK;
    if (pcre2_get_error_message(code, why, sizeof why) < 0)
        snprintf((char *)why, sizeof why, "PCRE2 error %d", code);
    return as_fail(error, ASSAY_BAD_DATA, field(step, "pattern").text,
                   "\"%.200s\" does not compile: %s, at byte %zu; expected a PCRE2 pattern, see "
                   "pcre2pattern(3)",
                   pattern, (const char *)why, (size_t)offset);
}

/* One form of the pattern, compiled just in time where this machine, and the pattern, allow it. */
static assay_status prepare_form(const as_step *step, uint32_t options, pcre2_jit_stack *stack,
                                 form *f, assay_error *error) {
    assay_status status = compile(step, step->options.pattern, options, &f->code, error);
    if (status != ASSAY_OK)
        return status;
    if (!(f->context = pcre2_match_context_create(NULL)))
        return no_memory(step, error);
    pcre2_set_heap_limit(f->context, HEAP_KIB);
    pcre2_set_depth_limit(f->context, UINT32_MAX); /* the heap's limit bounds it */
    pcre2_set_match_limit(f->context, UINT32_MAX);
    if (pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE) == 0)
        pcre2_jit_stack_assign(f->context, NULL, stack);
    return ASSAY_OK;
}

static assay_status prepare_forms(const as_step *step, regex *r, assay_error *error) {
    r->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_BYTES, NULL); /* NULL without JIT */
    assay_status status = prepare_form(step, 0, r->stack, &r->fast, error);
    if (status == ASSAY_OK)
        status = prepare_form(step, PCRE2_AUTO_CALLOUT, r->stack, &r->watched, error);
    if (status == ASSAY_OK &&
        !(r->match = pcre2_match_data_create_from_pattern(r->fast.code, NULL)))
        status = no_memory(step, error);
    return status;
}

static assay_status wrong_replacement(const as_step *step, int code, assay_error *error) {
    PCRE2_UCHAR why[160];
    if (pcre2_get_error_message(code, why, sizeof why) < 0)
        snprintf((char *)why, sizeof why, "PCRE2 error %d", code);
    return as_fail(error, ASSAY_BAD_DATA, field(step, "replace").text,
                   "\"%.200s\" cannot be put in: %s; expected PCRE2's extended substitution "
                   "($1, ${name}, $$ for a dollar, \\\\ for a backslash), see pcre2api(3)",
                   step->options.replace, (const char *)why);
}

enum { SUBSTITUTE = PCRE2_SUBSTITUTE_EXTENDED | PCRE2_SUBSTITUTE_UNSET_EMPTY };

/* Tries the replacement where the pattern, made optional, matches the empty text: a wrong one is
 * found now and not at the first match. */
static assay_status check_replacement(const as_step *step, const regex *r, assay_error *error) {
    size_t size = strlen(step->options.pattern) + 8, n_bytes = 4096;
    char *optional = malloc(size), *bytes = malloc(n_bytes);
    pcre2_code *code = NULL;
    assay_status status = optional && bytes ? ASSAY_OK : no_memory(step, error);
    if (status == ASSAY_OK) {
        snprintf(optional, size, "(?:%s\n)?", step->options.pattern); /* ends a # comment */
        if (compile(step, optional, 0, &code, NULL) == ASSAY_OK) {
            int n = pcre2_substitute(code, (PCRE2_SPTR) "", 0, 0, SUBSTITUTE, NULL, r->fast.context,
                                     (PCRE2_SPTR)step->options.replace, PCRE2_ZERO_TERMINATED,
                                     (PCRE2_UCHAR *)bytes, &n_bytes);
            if (n < 0 && n != PCRE2_ERROR_NOMEMORY)
                status = wrong_replacement(step, n, error);
        }
    }
    pcre2_code_free(code);
    free(optional);
    free(bytes);
    return status;
}

assay_status as_regex_prepare(as_arena *arena, as_step *step, assay_error *error) {
    const char *pattern = step->options.pattern;
    (void)arena;
    if (!*pattern || strlen(pattern) > MAX_PATTERN_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, field(step, "pattern").text,
                       "has %zu bytes; expected 1 to %d", strlen(pattern), MAX_PATTERN_BYTES);
    regex *r = calloc(1, sizeof *r);
    if (!r)
        return no_memory(step, error);
    step->state = r;
    r->n_replace = strlen(step->options.replace);
    r->is_literal = !strpbrk(step->options.replace, "$\\");
    assay_status status = prepare_forms(step, r, error);
    if (status == ASSAY_OK && !r->is_literal)
        status = check_replacement(step, r, error);
    if (status != ASSAY_OK)
        as_regex_release(step);
    return status;
}

/* ---- searching --------------------------------------------------------------------------------*/

typedef struct search {
    const regex *r;
    PCRE2_SPTR text;
    size_t n_bytes;
    uint32_t free_steps; /* match limit of the fast form; 0: it is not used */
    uint64_t work, most; /* done by the watched form, and allowed */
    size_t position;     /* where it was last */
    const form *matched; /* the form that found the last match */
} search;

static search begin_search(const regex *r, const char *text, size_t n_bytes) {
    uint64_t n = n_bytes + 1, steps = n < UINT32_MAX ? FREE_CHARACTERS / (n * n) : 0;
    search s = {.r = r, .text = (PCRE2_SPTR)text, .n_bytes = n_bytes};
    s.free_steps = steps < MIN_FREE_STEPS   ? 0
                   : steps > MAX_FREE_STEPS ? MAX_FREE_STEPS
                                            : (uint32_t)steps;
    s.most = MOST_WORK + WORK_PER_BYTE * n;
    return s;
}

/* PCRE2 calls back before each item of the watched form. */
static int count_work(pcre2_callout_block *block, void *data) {
    search *s = data;
    size_t at = block->current_position;
    s->work += WORK_PER_CALL + (at > s->position ? at - s->position : s->position - at);
    s->position = at;
    return s->work > s->most ? PCRE2_ERROR_MATCHLIMIT : 0;
}

/* The first match from `from` on. `options` may be PCRE2_NOTEMPTY_ATSTART. */
static int find(search *s, size_t from, uint32_t options) {
    const regex *r = s->r;
    options |= PCRE2_NO_UTF_CHECK;
    if (s->free_steps) {
        s->matched = &r->fast;
        pcre2_set_match_limit(r->fast.context, s->free_steps);
        int code = pcre2_match(r->fast.code, s->text, s->n_bytes, from, options, r->match,
                               r->fast.context);
        if (code != PCRE2_ERROR_MATCHLIMIT)
            return code;
        s->free_steps = 0; /* nor for the rest of this text */
    }
    s->matched = &r->watched;
    pcre2_set_callout(r->watched.context, count_work, s);
    return pcre2_match(r->watched.code, s->text, s->n_bytes, from, options, r->match,
                       r->watched.context);
}

/* ---- replacing --------------------------------------------------------------------------------*/

static assay_status match_failed(const as_step *step, int code, size_t n_bytes,
                                 assay_error *error) {
    const bool steps = code == PCRE2_ERROR_MATCHLIMIT;
    PCRE2_UCHAR why[160];
    if (steps || code == PCRE2_ERROR_JIT_STACKLIMIT || code == PCRE2_ERROR_HEAPLIMIT ||
        code == PCRE2_ERROR_DEPTHLIMIT)
        return as_fail(error, ASSAY_LIMIT, step->where,
                       "regex \"%.200s\" takes too %s on a text of %zu bytes; expected a pattern "
                       "that does not try the same text again and again: make repeats possessive "
                       "(a++ for a+), do not nest them, or shorten the texts first",
                       step->options.pattern, steps ? "many steps" : "much memory", n_bytes);
    if (code == PCRE2_ERROR_NOMEMORY)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, step->where, "no memory to match the text");
    if (pcre2_get_error_message(code, why, sizeof why) < 0)
        snprintf((char *)why, sizeof why, "PCRE2 error %d", code);
    return as_fail(error, ASSAY_BAD_DATA, step->where, "regex \"%.200s\" fails on a text: %s",
                   step->options.pattern, (const char *)why);
}

/* The replacement of the current match behind the output. */
static assay_status add_replacement(const as_step *step, const search *s, size_t from,
                                    as_clean_output *out, assay_error *error) {
    const uint32_t options = SUBSTITUTE | PCRE2_SUBSTITUTE_MATCHED |
                             PCRE2_SUBSTITUTE_REPLACEMENT_ONLY | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH |
                             PCRE2_NO_UTF_CHECK;
    const regex *r = s->r;
    if (r->is_literal)
        return as_output_add(step, out, step->options.replace, r->n_replace, error);
    for (;;) {
        PCRE2_SIZE room = out->capacity - out->n_bytes;
        int code = pcre2_substitute(s->matched->code, s->text, s->n_bytes, from, options, r->match,
                                    s->matched->context, (PCRE2_SPTR)step->options.replace,
                                    r->n_replace, (PCRE2_UCHAR *)out->data + out->n_bytes, &room);
        if (code >= 0) {
            out->n_bytes += room;
            return out->n_bytes > out->limit ? as_output_too_long(step, out, error) : ASSAY_OK;
        }
        if (code != PCRE2_ERROR_NOMEMORY)
            return wrong_replacement(step, code, error);
        if (room > out->limit || out->n_bytes > out->limit - room)
            return as_output_too_long(step, out, error);
        assay_status status = as_output_reserve(out, room, error); /* `room` is what it needs */
        if (status != ASSAY_OK)
            return status;
    }
}

/* Replaces every match from left to right, as Perl's s///g does: after an empty match a nonempty
 * one is looked for at the same place, then the search goes on a character further. */
assay_status as_regex_apply(const as_step *step, const char *text, size_t n_bytes,
                            as_clean_output *out, assay_error *error) {
    const regex *r = step->state;
    size_t from = 0, copied = 0;
    search s = begin_search(r, text, n_bytes);
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(r->match);
    uint32_t options = 0;
    assay_status status = as_output_reserve(out, n_bytes, error);
    int code = status == ASSAY_OK ? find(&s, 0, 0) : PCRE2_ERROR_NOMATCH;
    for (bool any = false; status == ASSAY_OK; any = true) {
        if (code == PCRE2_ERROR_NOMATCH && !any) {
            out->unchanged = true;
            return ASSAY_OK;
        }
        if (code == PCRE2_ERROR_NOMATCH)
            return as_output_add(step, out, text + copied, n_bytes - copied, error);
        if (code < 0)
            return match_failed(step, code, n_bytes, error);
        if (bounds[0] < copied || bounds[1] < bounds[0])
            return match_failed(step, PCRE2_ERROR_BADSUBSPATTERN, n_bytes, error);
        status = as_output_add(step, out, text + copied, bounds[0] - copied, error);
        if (status == ASSAY_OK)
            status = add_replacement(step, &s, from, out, error);
        copied = from = bounds[1];
        options = bounds[0] == bounds[1] ? PCRE2_NOTEMPTY_ATSTART : 0;
        code = find(&s, from, options);
    }
    return status;
}
