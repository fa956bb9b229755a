/* SPDX-License-Identifier: MIT */
/* Parser of vector files. A row goes through read_row, which knows the usual form alone; a row it
 * does not know is looked at again by read_odd_row, which finds a word with spaces or what is
 * wrong. */
#include "data/embeddings/vector_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <utf8proc.h>

#include "base/error.h"
#include "data/embeddings/decimal.h"

enum { HUGE_FROM_BYTES = 4 << 20 };

typedef struct parser {
    as_vectors vectors;
    const char *name;
    uint64_t line, blank_line; /* from 1; 0: none */
    uint64_t stated_words;     /* by a word2vec line */
    bool has_header;
    size_t value_capacity, word_capacity, byte_capacity;
    char *carry; /* the line that a block ended in; [AS_VECTOR_MAX_LINE_BYTES + 1] */
    size_t n_carry;
    assay_error *error;
} parser;

static assay_status fail_line(const parser *p, assay_status status, const char *format, ...) {
    char text[400], line[32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "%llu", (unsigned long long)p->line);
    return assay_fail(p->error, status, as_where_join(p->name, ":", line).text, text);
}

static bool is_separator(char c) {
    return c == ' ' || c == '\t';
}

/* ---- memory -----------------------------------------------------------------------------------*/

/* Asks for huge pages, without which filling fresh memory costs as much as reading the numbers. */
static void advise_huge(void *bytes, size_t n_bytes) {
    const uintptr_t page = 4096;
    uintptr_t begin = ((uintptr_t)bytes + page - 1) & ~(page - 1), end = (uintptr_t)bytes + n_bytes;
    if (n_bytes >= HUGE_FROM_BYTES)
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

/* Makes room for n items of `size` bytes; grows by half. */
static bool reserve(void **items, size_t *capacity, size_t n, size_t size) {
    if (n <= *capacity)
        return true;
    size_t grown = *capacity + *capacity / 2 > n ? *capacity + *capacity / 2 : n, bytes;
    if (__builtin_mul_overflow(grown, size, &bytes))
        return false;
    void *more = realloc(*items, bytes);
    if (!more)
        return false;
    *items = more;
    *capacity = grown;
    advise_huge(more, bytes);
    return true;
}

/* Makes room for one more row with a word of n_bytes. */
static assay_status reserve_row(parser *p, size_t n_bytes) {
    as_vectors *v = &p->vectors;
    size_t n_values = ((size_t)v->n_words + 1) * (size_t)v->dimensions;
    if (v->n_words == UINT32_MAX / 4)
        return fail_line(p, ASSAY_LIMIT, "the file has over %u words", UINT32_MAX / 4);
    if (reserve((void **)&v->values, &p->value_capacity, n_values, sizeof *v->values) &&
        reserve((void **)&v->ends, &p->word_capacity, (size_t)v->n_words + 1, sizeof *v->ends) &&
        reserve((void **)&v->words, &p->byte_capacity, v->n_word_bytes + n_bytes, 1))
        return ASSAY_OK;
    return fail_line(p, ASSAY_OUT_OF_MEMORY, "no memory for %u words of %d numbers", v->n_words,
                     v->dimensions);
}

/* ---- rows -------------------------------------------------------------------------------------*/

static float *row_values(const parser *p) {
    return p->vectors.values + (size_t)p->vectors.n_words * (size_t)p->vectors.dimensions;
}

static bool is_utf8(const char *word, size_t n_bytes) {
    size_t at = 0;
    while (at < n_bytes) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = 1;
        if ((unsigned char)word[at] >= 0x80)
            n = utf8proc_iterate((const utf8proc_uint8_t *)word + at,
                                 (utf8proc_ssize_t)(n_bytes - at), &point);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* Keeps a word whose numbers stand in row_values. */
static assay_status keep_word(parser *p, const char *word, size_t n_bytes) {
    as_vectors *v = &p->vectors;
    if (n_bytes == 0)
        return fail_line(p, ASSAY_BAD_DATA, "the row has no word before its %d numbers",
                         v->dimensions);
    if (n_bytes > AS_VECTOR_MAX_WORD_BYTES)
        return fail_line(p, ASSAY_LIMIT, "a word has %zu bytes; at most %d are read", n_bytes,
                         AS_VECTOR_MAX_WORD_BYTES);
    if (!is_utf8(word, n_bytes))
        return fail_line(p, ASSAY_BAD_DATA, "the word is not UTF-8; convert the file");
    memcpy(v->words + v->n_word_bytes, word, n_bytes);
    v->n_word_bytes += n_bytes;
    v->ends[v->n_words++] = v->n_word_bytes;
    return ASSAY_OK;
}

/* Numbers from `at` (a separator) on: false unless there are exactly `dimensions` up to `end`. */
static bool read_numbers(const parser *p, const char *at, const char *end) {
    float *values = row_values(p);
    for (int32_t i = 0; i < p->vectors.dimensions; i++)
        if (!is_separator(*at) || !as_decimal_read(at + 1, &at, &values[i]))
            return false;
    return at == end;
}

static bool is_number(const char *field, const char *end) {
    const char *stop;
    float value;
    return as_decimal_read(field, &stop, &value) && stop == end;
}

/* Start of the last field of [line, end), which has one at least. */
static const char *last_field(const char *line, const char *end) {
    while (end > line && !is_separator(end[-1]))
        end--;
    return end;
}

static assay_status read_odd_row(parser *p, const char *line, const char *end) {
    const char *at = end;
    int32_t dimensions = p->vectors.dimensions;
    for (int32_t i = 0; i < dimensions; i++) {
        const char *field = last_field(line, at);
        if (field == line)
            return fail_line(p, ASSAY_BAD_DATA, "the row has %d numbers; expected a word and %d", i,
                             dimensions);
        if (!is_number(field, at))
            return fail_line(p, ASSAY_BAD_DATA,
                             "\"%.*s\" where number %d of %d should be is not a finite number",
                             at - field < 40 ? (int)(at - field) : 40, field, dimensions - i,
                             dimensions);
        at = field - 1;
    }
    const char *last = last_field(line, at);
    if (last > line && is_number(last, at))
        return fail_line(p, ASSAY_BAD_DATA, "the row has over %d numbers; expected a word and %d",
                         dimensions, dimensions);
    assay_status status = reserve_row(p, (size_t)(at - line));
    if (status == ASSAY_OK && !read_numbers(p, at, end))
        status = fail_line(p, ASSAY_INTERNAL, "the row reads in two ways");
    return status == ASSAY_OK ? keep_word(p, line, (size_t)(at - line)) : status;
}

static assay_status read_row(parser *p, const char *line, const char *end) {
    const char *at = line;
    while (!is_separator(*at) && at < end)
        at++;
    assay_status status = reserve_row(p, (size_t)(at - line));
    if (status != ASSAY_OK)
        return status;
    if (at == line || !read_numbers(p, at, end))
        return read_odd_row(p, line, end);
    return keep_word(p, line, (size_t)(at - line));
}

/* ---- the first line ---------------------------------------------------------------------------*/

/* A positive integer of at most ten digits that fills [field, end); 0 for anything else. */
static uint64_t read_count(const char *field, const char *end) {
    uint64_t value = 0;
    if (end - field > 10)
        return 0;
    for (; field < end; field++) {
        if (*field < '0' || *field > '9')
            return 0;
        value = value * 10 + (uint64_t)(*field - '0');
    }
    return value;
}

static assay_status set_dimensions(parser *p, uint64_t dimensions) {
    int32_t expected = p->vectors.dimensions;
    if (dimensions > AS_VECTOR_MAX_DIMENSIONS)
        return fail_line(p, ASSAY_LIMIT, "the vectors have %llu dimensions; at most %d are read",
                         (unsigned long long)dimensions, AS_VECTOR_MAX_DIMENSIONS);
    if (expected && dimensions != (uint64_t)expected)
        return fail_line(p, ASSAY_BAD_DATA, "the vectors have %llu dimensions; expected %d",
                         (unsigned long long)dimensions, expected);
    p->vectors.dimensions = (int32_t)dimensions;
    return ASSAY_OK;
}

/* "COUNT DIMENSIONS" is word2vec's line; else the first row: as many of its last fields as are
 * numbers are the dimensions, but the first field is the word. */
static assay_status read_first_line(parser *p, const char *line, const char *end) {
    const char *second = last_field(line, end);
    uint64_t n_words = second > line ? read_count(line, second - 1) : 0;
    uint64_t n = n_words ? read_count(second, end) : 0;
    if (n) {
        p->has_header = true;
        p->stated_words = n_words;
        return set_dimensions(p, n);
    }
    for (const char *at = end; second > line && is_number(second, at);) {
        n++;
        at = second - 1;
        second = last_field(line, at);
    }
    if (n == 0)
        return fail_line(p, ASSAY_BAD_DATA,
                         "the first row has no numbers behind its word; expected lines of a word "
                         "and its vector");
    assay_status status = set_dimensions(p, n);
    return status == ASSAY_OK ? read_row(p, line, end) : status;
}

/* ---- lines ------------------------------------------------------------------------------------*/

/* One line; *end is its line feed. */
static assay_status read_line(parser *p, const char *line, const char *end) {
    p->line++;
    while (end > line && (is_separator(end[-1]) || end[-1] == '\r'))
        end--;
    if (end == line) {
        p->blank_line = p->blank_line ? p->blank_line : p->line;
        return ASSAY_OK;
    }
    if (p->blank_line) {
        p->line = p->blank_line;
        return fail_line(p, ASSAY_BAD_DATA, "the line is empty; expected a word and its vector");
    }
    if (p->line == 1)
        return read_first_line(p, line, end);
    return read_row(p, line, end);
}

static assay_status keep_part(parser *p, const char *part, size_t n_bytes) {
    if (n_bytes > AS_VECTOR_MAX_LINE_BYTES - p->n_carry) {
        p->line++;
        return fail_line(p, ASSAY_LIMIT, "the line has over %d bytes; is this a file of vectors?",
                         AS_VECTOR_MAX_LINE_BYTES);
    }
    memcpy(p->carry + p->n_carry, part, n_bytes);
    p->n_carry += n_bytes;
    return ASSAY_OK;
}

/* The carried line, now complete; its line feed is put behind it. */
static assay_status read_carry(parser *p) {
    size_t n = p->n_carry;
    p->carry[n] = '\n';
    p->n_carry = 0;
    return read_line(p, p->carry, p->carry + n);
}

static assay_status read_block(parser *p, const char *block, size_t n_bytes) {
    const char *end = block + n_bytes;
    assay_status status = ASSAY_OK;
    for (const char *feed;
         status == ASSAY_OK && (feed = memchr(block, '\n', (size_t)(end - block)));
         block = feed + 1) {
        if (p->n_carry == 0) {
            status = feed - block > AS_VECTOR_MAX_LINE_BYTES
                         ? keep_part(p, block, (size_t)(feed - block))
                         : read_line(p, block, feed);
            continue;
        }
        status = keep_part(p, block, (size_t)(feed - block));
        if (status == ASSAY_OK)
            status = read_carry(p);
    }
    return status == ASSAY_OK ? keep_part(p, block, (size_t)(end - block)) : status;
}

/* What only the end of the file tells. */
static assay_status check_end(parser *p) {
    if (p->has_header && p->stated_words != p->vectors.n_words) {
        p->line = 1;
        return fail_line(p, ASSAY_BAD_DATA,
                         "the first line states %llu words, the file has %u; it may be cut off",
                         (unsigned long long)p->stated_words, p->vectors.n_words);
    }
    if (p->vectors.n_words == 0)
        return as_fail(p->error, ASSAY_BAD_DATA, p->name,
                       "the file is empty; expected lines of a word and its vector");
    return as_vectors_index(&p->vectors, p->name, p->has_header ? 2 : 1, p->error);
}

assay_status as_vector_text_read(as_stream *stream, int32_t dimensions, atomic_bool *stop,
                                 as_vectors *ret_vectors, assay_error *error) {
    parser p = {.name = as_stream_name(stream), .error = error};
    assay_status status = ASSAY_OK;
    p.vectors.dimensions = dimensions;
    if (!(p.carry = malloc(AS_VECTOR_MAX_LINE_BYTES + 1)))
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, p.name, "no memory to read it");
    bool stopped = false;
    while (status == ASSAY_OK && !(stopped = stop && atomic_load(stop))) {
        const char *block;
        size_t n_bytes;
        status = as_stream_next(stream, &block, &n_bytes, error);
        if (status != ASSAY_OK || n_bytes == 0)
            break;
        status = read_block(&p, block, n_bytes);
    }
    if (status == ASSAY_OK && !stopped && p.n_carry)
        status = read_carry(&p);
    if (status == ASSAY_OK && !stopped)
        status = check_end(&p);
    free(p.carry);
    if (status != ASSAY_OK || stopped)
        as_vectors_done(&p.vectors);
    if (status == ASSAY_OK)
        *ret_vectors = p.vectors;
    return status;
}
