/* SPDX-License-Identifier: MIT */
/* WordPiece encoding. Words of ASCII letters, the bulk of most texts, are lower-cased eight bytes
 * at a time and looked up in a cache of divided words; anything else goes in chunks between white
 * space through the normaliser. The cache maps a word to its pieces and nothing else depends on it:
 * a collision costs time, never a token. */
#include "data/tokenizers/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizers/utf8_repair.h"
#include "data/tokenizers/wordpiece_model.h"

enum {
    KEY_WORDS = 3,
    KEY_BYTES = 8 * KEY_WORDS,
    MAX_CACHED = 6, /* pieces */
    CACHE_BITS = 16,
    SLACK = 8,               /* ids that may be written behind the last */
    MAX_TEXT_BYTES = 1 << 30 /* offsets have 32 bits, also where a byte becomes U+FFFD's three */
};

/* One line of a processor's cache. */
typedef struct cached_word {
    uint64_t key[KEY_WORDS]; /* the word's bytes, zeros behind them */
    uint8_t n_bytes;         /* 0: empty */
    uint8_t n_pieces;
    uint8_t ends[MAX_CACHED];
    int32_t ids[SLACK];
} cached_word;
_Static_assert(sizeof(cached_word) == 64, "a cache line");

typedef struct piece {
    int32_t id;
    uint32_t end; /* byte of the word behind it */
} piece;

struct as_wordpiece_scratch {
    cached_word *cache;
    uint64_t serial; /* tokenizer that the cache is of; 0: none */
    int32_t *ids;
    uint32_t *begins, *ends;
    size_t n, capacity;
    piece *pieces;
    size_t n_pieces, pieces_capacity;
    as_bert_text text;
    as_utf8_repair repair;
    bool failed; /* out of memory */
};

/* One call. */
typedef struct encoder {
    const as_wordpiece *w;
    as_wordpiece_scratch *s;
    const char *text; /* valid UTF-8 */
    size_t n_bytes;
    bool offsets;
} encoder;

/* ---- scratch ----------------------------------------------------------------------------------*/

as_wordpiece_scratch *as_wordpiece_scratch_new(void) {
    as_wordpiece_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return NULL;
    scratch->cache = aligned_alloc(sizeof *scratch->cache, sizeof *scratch->cache << CACHE_BITS);
    if (!scratch->cache) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

void as_wordpiece_scratch_free(as_wordpiece_scratch *scratch) {
    if (!scratch)
        return;
    as_bert_text_done(&scratch->text);
    as_utf8_repair_done(&scratch->repair);
    free(scratch->cache);
    free(scratch->ids);
    free(scratch->begins);
    free(scratch->ends);
    free(scratch->pieces);
    free(scratch);
}

static bool grow(as_wordpiece_scratch *s, size_t n) {
    size_t capacity = s->capacity ? s->capacity : 1024;
    while (capacity < n)
        capacity *= 2;
    int32_t *ids = realloc(s->ids, capacity * sizeof *ids);
    s->ids = ids ? ids : s->ids;
    uint32_t *begins = realloc(s->begins, capacity * sizeof *begins);
    s->begins = begins ? begins : s->begins;
    uint32_t *ends = realloc(s->ends, capacity * sizeof *ends);
    s->ends = ends ? ends : s->ends;
    if (!ids || !begins || !ends)
        s->failed = true;
    else
        s->capacity = capacity;
    return !s->failed;
}

/* Room for `more` ids and SLACK behind them. */
static inline bool reserve(as_wordpiece_scratch *s, size_t more) {
    if (s->capacity - s->n >= more + SLACK)
        return true;
    return !s->failed && grow(s, s->n + more + SLACK);
}

static inline void push(const encoder *e, int32_t id, size_t begin, size_t end) {
    as_wordpiece_scratch *s = e->s;
    if (!reserve(s, 1))
        return;
    s->ids[s->n] = id;
    if (e->offsets) {
        s->begins[s->n] = (uint32_t)begin;
        s->ends[s->n] = (uint32_t)end;
    }
    s->n++;
}

/* ---- dividing a word --------------------------------------------------------------------------*/

static bool reserve_pieces(as_wordpiece_scratch *s, size_t n) {
    if (n <= s->pieces_capacity)
        return true;
    piece *grown = realloc(s->pieces, n * sizeof *grown);
    if (!grown) {
        s->failed = true;
        return false;
    }
    s->pieces = grown;
    s->pieces_capacity = n;
    return true;
}

/* The longest token that the word begins with, then the longest inside one, and so on: into
 * s->pieces. */
static void divide(const encoder *e, const char *word, size_t n_bytes, size_t n_characters) {
    const as_wordpiece *w = e->w;
    as_wordpiece_scratch *s = e->s;
    size_t at = 0, n = 0;
    s->n_pieces = 0;
    if (!reserve_pieces(s, n_characters <= w->max_characters ? n_bytes : 1))
        return;
    while (n_characters <= w->max_characters && at < n_bytes) {
        uint32_t node = at ? w->inside : AS_TRIE_ROOT;
        int32_t id = node == UINT32_MAX
                         ? -1
                         : as_token_trie_longest(&w->trie, node, word + at, n_bytes - at, &n);
        if (id < 0)
            break;
        at += n;
        s->pieces[s->n_pieces++] = (piece){id, (uint32_t)at};
    }
    if (at < n_bytes) {
        s->pieces[0] = (piece){w->unknown_id, (uint32_t)n_bytes};
        s->n_pieces = 1;
    }
}

/* Pieces of a word whose first byte is the text's at `base`; or, with origins, each byte's own. */
static void push_pieces(const encoder *e, size_t base, const as_bert_origin *origins) {
    as_wordpiece_scratch *s = e->s;
    uint32_t at = 0;
    for (size_t i = 0; i < s->n_pieces; i++) {
        uint32_t end = s->pieces[i].end;
        if (origins)
            push(e, s->pieces[i].id, origins[at].begin, origins[end - 1].end);
        else
            push(e, s->pieces[i].id, base + at, base + end);
        at = end;
    }
}

/* ---- the cache --------------------------------------------------------------------------------*/

/* Two lines: a word seen again moves to the first, new words only take the second, so that the many
 * rare words do not drive out the common ones. */
static inline cached_word *cache_set(as_wordpiece_scratch *s, const uint64_t *key) {
    uint64_t hash = key[0] * UINT64_C(0x9E3779B97F4A7C15) + key[1] * UINT64_C(0xC2B2AE3D27D4EB4F) +
                    key[2] * UINT64_C(0x165667B19E3779F9);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return &s->cache[hash >> (64 - CACHE_BITS) & ~UINT64_C(1)];
}

static inline bool holds(const cached_word *line, const uint64_t *key, size_t n_bytes) {
    return line->key[0] == key[0] && line->key[1] == key[1] && line->key[2] == key[2] &&
           line->n_bytes == n_bytes;
}

static void fill_line(const encoder *e, cached_word *line, const uint64_t *key, size_t n_bytes,
                      size_t n_characters) {
    as_wordpiece_scratch *s = e->s;
    char word[KEY_BYTES];
    memcpy(word, key, sizeof word);
    divide(e, word, n_bytes, n_characters);
    if (s->n_pieces > MAX_CACHED || s->failed)
        return;
    memcpy(line->key, key, sizeof line->key);
    line->n_bytes = (uint8_t)n_bytes;
    line->n_pieces = (uint8_t)s->n_pieces;
    for (size_t i = 0; i < s->n_pieces; i++) {
        line->ids[i] = s->pieces[i].id;
        line->ends[i] = (uint8_t)s->pieces[i].end;
    }
}

/* A word of at most KEY_BYTES bytes, given by its key and that one's place in the cache. */
static inline void encode_key(const encoder *e, const uint64_t *key, cached_word *line,
                              size_t n_bytes, size_t n_characters, size_t base,
                              const as_bert_origin *origins) {
    as_wordpiece_scratch *s = e->s;
    if (!holds(&line[0], key, n_bytes)) {
        if (!holds(&line[1], key, n_bytes)) {
            fill_line(e, &line[line[0].n_bytes != 0], key, n_bytes, n_characters);
            push_pieces(e, base, origins);
            return;
        }
        cached_word promoted = line[1];
        line[1] = line[0];
        line[0] = promoted;
    }
    if (!reserve(s, MAX_CACHED))
        return;
    memcpy(s->ids + s->n, line->ids, sizeof line->ids);
    for (size_t i = 0, at = 0; e->offsets && i < line->n_pieces; i++) {
        size_t end = line->ends[i];
        s->begins[s->n + i] = origins ? origins[at].begin : (uint32_t)(base + at);
        s->ends[s->n + i] = origins ? origins[end - 1].end : (uint32_t)(base + end);
        at = end;
    }
    s->n += line->n_pieces;
}

/* ---- normalised text --------------------------------------------------------------------------*/

static void encode_word(const encoder *e, size_t begin, size_t end, size_t n_characters) {
    const as_bert_text *t = &e->s->text;
    const as_bert_origin *origins = e->offsets ? t->origins + begin : NULL;
    size_t n_bytes = end - begin;
    if (n_bytes <= KEY_BYTES) {
        uint64_t key[KEY_WORDS] = {0};
        memcpy(key, t->bytes + begin, n_bytes);
        encode_key(e, key, cache_set(e->s, key), n_bytes, n_characters, 0, origins);
    } else {
        divide(e, t->bytes + begin, n_bytes, n_characters);
        push_pieces(e, 0, origins);
    }
}

/* Words and punctuation of the normalised text's bytes begin .. end. */
static void encode_span(const encoder *e, size_t begin, size_t end) {
    const as_bert_text *t = &e->s->text;
    size_t start = begin, n_characters = 0;
    for (size_t at = begin; at < end; at++) {
        uint8_t kind = t->kinds[at];
        if (kind == AS_BERT_INSIDE)
            continue;
        /* a word ends before a gap, and before and behind a sign */
        bool after_sign = at > begin && n_characters && t->kinds[start] == AS_BERT_SIGN;
        if ((kind != AS_BERT_LETTER || after_sign) && n_characters) {
            encode_word(e, start, at, n_characters);
            n_characters = 0;
        }
        if (kind == AS_BERT_GAP)
            continue;
        if (!n_characters)
            start = at;
        n_characters++;
    }
    if (n_characters)
        encode_word(e, start, end, n_characters);
}

/* The text's bytes begin .. end through the normaliser. */
static void encode_chunk(const encoder *e, size_t begin, size_t end) {
    const as_wordpiece *w = e->w;
    as_bert_text *t = &e->s->text;
    size_t from, to;
    as_bert_normalize(w->flat, &w->rules, e->text, begin, end, e->offsets, t);
    if (t->failed) {
        e->s->failed = true;
        return;
    }
    as_added_cursor cursor = {t->bytes, t->n, 0, 0};
    for (;;) {
        size_t before = cursor.begin;
        const as_added_token *token = as_added_tokens_next(&w->normalized, &cursor, &from, &to);
        if (!token) {
            encode_span(e, before, t->n);
            return;
        }
        if (before < from)
            encode_span(e, before, from);
        push(e, token->id, e->offsets ? t->origins[from].begin : 0,
             e->offsets ? t->origins[to - 1].end : 0);
    }
}

/* ---- ASCII ------------------------------------------------------------------------------------*/

/* Lower case of eight ASCII bytes: bit 7 marks A to Z, a quarter of it is the difference. */
static inline uint64_t lower_eight(uint64_t x) {
    uint64_t from_a = x + UINT64_C(0x3F3F3F3F3F3F3F3F), past_z = x + UINT64_C(0x2525252525252525);
    return x | (from_a & ~past_z & UINT64_C(0x8080808080808080)) >> 2;
}

/* Key of the n <= KEY_BYTES ASCII bytes at `at`. */
static inline void load_key(const encoder *e, size_t at, size_t n, uint64_t *key) {
    static const unsigned char masks[2 * KEY_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                       255, 255, 255, 255, 255, 255, 255, 255,
                                                       255, 255, 255, 255, 255, 255, 255, 255};
    uint64_t mask[KEY_WORDS];
    if (e->n_bytes - at >= KEY_BYTES) {
        memcpy(key, e->text + at, KEY_BYTES);
        memcpy(mask, masks + KEY_BYTES - n, KEY_BYTES);
        for (int i = 0; i < KEY_WORDS; i++)
            key[i] &= mask[i];
    } else {
        memset(key, 0, KEY_BYTES);
        memcpy(key, e->text + at, n);
    }
    for (int i = 0; e->w->rules.lower && i < KEY_WORDS; i++)
        key[i] = lower_eight(key[i]);
}

/* Words and signs whose turn comes a little later: till then their lines of the cache are on the
 * way from memory. */
typedef struct queued {
    uint64_t key[KEY_WORDS];
    cached_word *line; /* NULL: a sign */
    uint32_t at, n;
} queued;
enum { QUEUE = 16 };

static void flush(const encoder *e, const queued *queue, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const queued *q = &queue[i];
        if (q->line)
            encode_key(e, q->key, q->line, q->n, q->n, q->at, NULL);
        else
            push(e, e->w->signs[(unsigned char)e->text[q->at]], q->at, (size_t)q->at + 1);
    }
}

static inline void enqueue_word(const encoder *e, size_t at, size_t n, queued *q) {
    load_key(e, at, n, q->key);
    q->line = cache_set(e->s, q->key);
    q->at = (uint32_t)at;
    q->n = (uint32_t)n;
    __builtin_prefetch(q->line);
    __builtin_prefetch(q->line + 1);
}

/* Behind a run of letters: false when it is a word by itself, at most KEY_BYTES long; else *next
 * moves behind the chunk that the normaliser has to see. */
static inline bool is_chunk(const uint8_t *ascii, const unsigned char *text, size_t at, size_t end,
                            size_t *next) {
    if (*next == end || ascii[text[*next]] != AS_ASCII_OTHER)
        return *next - at > KEY_BYTES;
    while (*next < end && ascii[text[*next]] != AS_ASCII_GAP)
        ++*next;
    return true;
}

static void encode_plain(const encoder *e, size_t begin, size_t end) {
    const uint8_t *ascii = e->w->ascii;
    const unsigned char *text = (const unsigned char *)e->text;
    queued queue[QUEUE];
    size_t n_queued = 0;
    for (size_t at = begin, next; at < end; at = next) {
        next = at + 1;
        if (ascii[text[at]] == AS_ASCII_GAP)
            continue;
        if (n_queued == QUEUE) {
            flush(e, queue, n_queued);
            n_queued = 0;
        }
        if (ascii[text[at]] == AS_ASCII_SIGN) {
            queue[n_queued].line = NULL;
            queue[n_queued++].at = (uint32_t)at;
            continue;
        }
        next = at;
        while (next < end && ascii[text[next]] == AS_ASCII_LETTER)
            next++;
        if (!is_chunk(ascii, text, at, end, &next)) {
            enqueue_word(e, at, next - at, &queue[n_queued++]);
            continue;
        }
        flush(e, queue, n_queued);
        n_queued = 0;
        encode_chunk(e, at, next);
    }
    flush(e, queue, n_queued);
}

/* ---- a text -----------------------------------------------------------------------------------*/

/* Added tokens of the text as it is, and what lies between. */
static void encode_text(const encoder *e) {
    as_added_cursor cursor = {e->text, e->n_bytes, 0, 0};
    void (*encode)(const encoder *, size_t, size_t) =
        e->w->normalized.n ? encode_chunk : encode_plain;
    size_t from, to;
    for (;;) {
        size_t before = cursor.begin;
        const as_added_token *token = as_added_tokens_next(&e->w->raw, &cursor, &from, &to);
        if (!token) {
            encode(e, before, e->n_bytes);
            return;
        }
        if (before < from)
            encode(e, before, from);
        push(e, token->id, from, to);
    }
}

static void push_special(const encoder *e, const int32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++)
        push(e, ids[i], 0, 0);
}

static void restore_offsets(as_wordpiece_scratch *s, size_t from) {
    for (size_t i = from; i < s->n; i++) {
        s->begins[i] = s->repair.positions[s->begins[i]];
        s->ends[i] = s->repair.positions[s->ends[i]];
    }
}

static void start(as_wordpiece_scratch *s, const as_wordpiece *w) {
    s->n = 0;
    s->failed = false;
    if (s->serial == w->serial)
        return;
    memset(s->cache, 0, sizeof *s->cache << CACHE_BITS);
    s->serial = w->serial;
}

static assay_status check_call(const as_wordpiece *w, size_t n_bytes, size_t max_tokens,
                               bool special, assay_error *error) {
    if (n_bytes > MAX_TEXT_BYTES)
        return as_fail(error, ASSAY_LIMIT, "wordpiece", "a text has %zu bytes; at most %d", n_bytes,
                       MAX_TEXT_BYTES);
    if (max_tokens && special && max_tokens < w->n_before + w->n_behind)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "wordpiece",
                       "%zu tokens at most leave no room for the %zu special ones", max_tokens,
                       w->n_before + w->n_behind);
    return ASSAY_OK;
}

assay_status as_wordpiece_encode(const as_wordpiece *w, as_wordpiece_scratch *s, const char *text,
                                 size_t n_bytes, size_t max_tokens, bool special, bool offsets,
                                 as_wordpiece_encoding *ret_encoding, assay_error *error) {
    assay_status status = check_call(w, n_bytes, max_tokens, special, error);
    if (status != ASSAY_OK)
        return status;
    size_t n_before = special ? w->n_before : 0, n_behind = special ? w->n_behind : 0;
    encoder e = {w, s, text, n_bytes, offsets};
    bool valid = as_utf8_valid_prefix(text, n_bytes) == n_bytes;
    start(s, w);
    if (!valid) {
        s->failed = !as_utf8_repair_make(&s->repair, text, n_bytes);
        e.text = s->repair.bytes;
        e.n_bytes = s->repair.n_bytes;
    }
    as_wordpiece_encoding made = {0};
    push_special(&e, w->before, n_before);
    if (!s->failed)
        encode_text(&e);
    if (!valid && offsets && !s->failed)
        restore_offsets(s, n_before);
    made.n_tokens = s->n - n_before;
    if (max_tokens && made.n_tokens > max_tokens - n_before - n_behind) {
        s->n = max_tokens - n_behind;
        made.truncated = true;
    }
    for (size_t i = n_before; i < s->n; i++)
        made.n_unknown += s->ids[i] == w->unknown_id;
    push_special(&e, w->behind, n_behind);
    if (s->failed)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "wordpiece", "no memory for a text's tokens");
    made.ids = s->ids;
    made.begins = offsets ? s->begins : NULL;
    made.ends = offsets ? s->ends : NULL;
    made.n = s->n;
    *ret_encoding = made;
    return ASSAY_OK;
}
