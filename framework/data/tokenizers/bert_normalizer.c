/* SPDX-License-Identifier: MIT */
/* BERT's normalising. One pass: a starter (combining class 0) goes straight through all steps;
 * marks wait until the next starter and are then put into canonical order (Unicode 3.11, D109) by a
 * stable counting sort, so that a text of marks alone takes linear time. */
#include "data/tokenizers/bert_normalizer.h"

#include <stdlib.h>
#include <string.h>

enum {
    HANGUL_FIRST = 0xAC00,
    HANGUL_COUNT = 11172,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    HANGUL_VOWELS = 21,
    HANGUL_TAILS = 28,
    DOTTED_I = 0x130,
    DOT_ABOVE = 0x307
};

typedef struct normalizer {
    const uint8_t *flat;
    const as_bert_rules *rules;
    bool offsets;
    as_bert_text *text;
} normalizer;

const uint8_t *as_bert_flat_new(as_arena *arena) {
    uint8_t *flat = as_arena_alloc(arena, AS_BERT_FLAT);
    size_t at = 0;
    for (size_t i = 0; flat && i < as_bert_n_runs; i++) {
        memset(flat + at, as_bert_runs[i].kind, as_bert_runs[i].length);
        at += as_bert_runs[i].length;
    }
    return flat;
}

const as_bert_class *as_bert_class_of(const uint8_t *flat, uint32_t point) {
    size_t i = as_bert_n_far_runs;
    if (point < AS_BERT_FLAT)
        return &as_bert_classes[flat[point]];
    while (i > 1 && as_bert_far_runs[i - 1].first > point)
        i--;
    return &as_bert_classes[as_bert_far_runs[i - 1].kind];
}

uint32_t as_utf8_decode(const char *at, size_t *ret_n) {
    const unsigned char *p = (const unsigned char *)at;
    if (p[0] < 0x80) {
        *ret_n = 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *ret_n = 2;
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    }
    if (p[0] < 0xF0) {
        *ret_n = 3;
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    }
    *ret_n = 4;
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

static size_t encode(uint32_t point, char *bytes) {
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)(lead[n] | point);
    return n;
}

/* ---- growing ----------------------------------------------------------------------------------*/

static bool grow(void *array, size_t n, size_t size) {
    void **place = array, *grown = NULL;
    if (as_mul_size(n, size, &n))
        grown = realloc(*place, n);
    if (grown)
        *place = grown;
    return grown != NULL;
}

static bool reserve_text(as_bert_text *t) {
    if (t->failed || t->capacity - t->n >= 4)
        return !t->failed;
    size_t capacity = t->capacity ? t->capacity * 2 : 4096;
    t->failed = !grow(&t->bytes, capacity, 1) || !grow(&t->kinds, capacity, 1) ||
                !grow(&t->origins, capacity, sizeof *t->origins);
    if (!t->failed)
        t->capacity = capacity;
    return !t->failed;
}

static bool reserve_marks(as_bert_text *t) {
    if (t->failed || t->n_marks < t->marks_capacity)
        return !t->failed;
    size_t capacity = t->marks_capacity ? t->marks_capacity * 2 : 64;
    t->failed = !grow(&t->marks, capacity, sizeof *t->marks) ||
                !grow(&t->sorted, capacity, sizeof *t->sorted) ||
                !grow(&t->waiting, capacity, sizeof *t->waiting);
    if (!t->failed)
        t->marks_capacity = capacity;
    return !t->failed;
}

void as_bert_text_done(as_bert_text *text) {
    free(text->bytes);
    free(text->kinds);
    free(text->origins);
    free(text->marks);
    free(text->sorted);
    free(text->waiting);
    *text = (as_bert_text){0};
}

/* ---- one character after the other ------------------------------------------------------------*/

static void append(const normalizer *z, uint32_t point, unsigned flags) {
    as_bert_text *t = z->text;
    if (!reserve_text(t))
        return;
    size_t n = encode(point, t->bytes + t->n);
    memset(t->kinds + t->n, AS_BERT_INSIDE, n);
    t->kinds[t->n] = flags & AS_BERT_SPACE         ? AS_BERT_GAP
                     : flags & AS_BERT_PUNCTUATION ? AS_BERT_SIGN
                                                   : AS_BERT_LETTER;
    for (size_t i = 0; z->offsets && i < n; i++)
        t->origins[t->n + i] = t->current;
    t->n += n;
}

/* A character in its final place: the mark filter, then lower case. */
static void finish(const normalizer *z, uint32_t point, const as_bert_class *class) {
    if (z->rules->strip && class->flags & AS_BERT_MARK)
        return;
    if (!z->rules->lower || !class->lower) {
        append(z, point, class->flags);
        return;
    }
    append(z, (uint32_t)((int32_t)point + class->lower), class->flags);
    if (point == DOTTED_I)
        append(z, DOT_ABOVE, AS_BERT_WORD);
}

/* Marks in ascending rank, equal ones as they came. */
static void sort_marks(as_bert_text *t) {
    size_t counts[257] = {0};
    bool sorted = true;
    for (size_t i = 1; i < t->n_marks; i++)
        sorted = sorted && t->marks[i - 1].rank <= t->marks[i].rank;
    if (sorted)
        return;
    for (size_t i = 0; i < t->n_marks; i++)
        counts[t->marks[i].rank + 1]++;
    for (size_t i = 1; i < 257; i++)
        counts[i] += counts[i - 1];
    for (size_t i = 0; i < t->n_marks; i++)
        t->sorted[counts[t->marks[i].rank]++] = t->marks[i];
    as_bert_mark *old = t->marks;
    t->marks = t->sorted;
    t->sorted = old;
}

static void flush_marks(const normalizer *z) {
    as_bert_text *t = z->text;
    size_t n_taken = 0;
    sort_marks(t);
    for (size_t i = 0; i < t->n_marks; i++) {
        const as_bert_mark *mark = &t->marks[i];
        if (mark->first)
            t->current = t->waiting[n_taken++];
        finish(z, mark->point, as_bert_class_of(z->flat, mark->point));
    }
    t->n_marks = t->n_waiting = 0;
}

/* One character of a decomposition, into its canonical place. */
static void place(const normalizer *z, uint32_t point, bool first, as_bert_origin origin) {
    as_bert_text *t = z->text;
    const as_bert_class *class = as_bert_class_of(z->flat, point);
    if (!class->rank) {
        if (t->n_marks)
            flush_marks(z);
        if (first)
            t->current = origin;
        finish(z, point, class);
    } else if (reserve_marks(t)) {
        t->marks[t->n_marks++] = (as_bert_mark){point, class->rank, first};
        if (first)
            t->waiting[t->n_waiting++] = origin;
    }
}

static const as_bert_pair *find_pair(uint32_t point) {
    size_t low = 0, high = as_bert_n_pairs;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (as_bert_pairs[middle].from <= point)
            low = middle;
        else
            high = middle;
    }
    return &as_bert_pairs[low];
}

static void decompose(const normalizer *z, uint32_t point, const as_bert_class *class,
                      as_bert_origin origin) {
    uint32_t parts[8];
    size_t n = 0;
    uint32_t syllable = point - HANGUL_FIRST;
    if (syllable < HANGUL_COUNT) { /* Unicode 3.12 */
        uint32_t tail = syllable % HANGUL_TAILS, vowel = syllable / HANGUL_TAILS % HANGUL_VOWELS;
        if (tail)
            parts[n++] = HANGUL_T + tail;
        parts[n++] = HANGUL_V + vowel;
        point = HANGUL_L + syllable / (HANGUL_TAILS * HANGUL_VOWELS);
    }
    while (class->flags & AS_BERT_DECOMPOSES && n + 1 < sizeof parts / sizeof parts[0]) {
        const as_bert_pair *pair = find_pair(point);
        if (pair->second)
            parts[n++] = pair->second;
        point = pair->first;
        class = as_bert_class_of(z->flat, point);
    }
    place(z, point, true, origin);
    while (n)
        place(z, parts[--n], false, origin);
}

static void take(const normalizer *z, uint32_t point, as_bert_origin origin) {
    const as_bert_class *class = as_bert_class_of(z->flat, point);
    bool chinese = z->rules->chinese && class->flags & AS_BERT_CHINESE;
    if (z->rules->clean && class->flags & AS_BERT_DROP)
        return;
    if (z->rules->clean && class->flags & AS_BERT_BLANK) {
        point = ' ';
        class = as_bert_class_of(z->flat, point);
    }
    if (chinese)
        place(z, ' ', true, origin);
    if (z->rules->strip) {
        decompose(z, point, class, origin);
    } else {
        z->text->current = origin;
        finish(z, point, class);
    }
    if (chinese)
        place(z, ' ', true, origin);
}

void as_bert_normalize(const uint8_t *flat, const as_bert_rules *rules, const char *source,
                       size_t begin, size_t end, bool offsets, as_bert_text *text) {
    const normalizer z = {flat, rules, offsets, text};
    size_t n;
    text->n = text->n_marks = text->n_waiting = 0;
    text->failed = false;
    for (size_t at = begin; at < end && !text->failed; at += n) {
        uint32_t point = as_utf8_decode(source + at, &n);
        take(&z, point, (as_bert_origin){(uint32_t)at, (uint32_t)(at + n)});
    }
    flush_marks(&z);
}
