/* SPDX-License-Identifier: MIT */
/* MinHash over word 5-grams, banding, exact verification.
 *
 *     word hash      SipHash-2-4 under a fixed key (the result must not change from run to run)
 *     shingle        polynomial of five word hashes, mixed (MurmurHash3's finalizer), 64 bits
 *     signature      min over the set of a_i x + b_i mod 2^32, a_i odd, x the shingle's upper half
 *     band           n_rows of these, mixed into one 64-bit key; equal keys make a candidate pair
 *     verification   intersection and union of the two sorted sets of 64-bit shingles
 *
 * Only band keys are kept for all texts: 8 bytes a band and text. */
#include "data/statistics/near_duplicates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "data/statistics/workers.h"
#include "data/tokenizers/splitter.h"

enum { N_HASHES = 128, N_GRAM = 5 };

/* ---- shingles -------------------------------------------------------------------------------- */

typedef struct shingle_set {
    uint64_t *items; /* ascending, each once */
    size_t n, capacity;
    as_splitter *splitter;
} shingle_set;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "near duplicates", "no memory for them");
}

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static uint64_t hash_word(const char *word, size_t n_bytes) {
    static const unsigned char key[crypto_shorthash_KEYBYTES] = "assay near dupl.";
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)word, n_bytes, key);
    return hash;
}

/* Of the last n words; the oldest stands at words[first % N_GRAM]. */
static uint64_t hash_gram(const uint64_t *words, size_t first, size_t n) {
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++)
        hash = hash * UINT64_C(0x9e3779b97f4a7c15) + words[(first + i) % N_GRAM];
    return mix(hash);
}

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(uint64_t *items, size_t n) {
    size_t kept = 0;
    if (n > 1)
        qsort(items, n, sizeof *items, compare_hashes);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || items[i] != items[kept - 1])
            items[kept++] = items[i];
    return kept;
}

static assay_status push(shingle_set *set, uint64_t item, assay_error *error) {
    if (set->n == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 1024;
        uint64_t *items = realloc(set->items, capacity * sizeof *items);
        if (!items)
            return no_memory(error);
        set->items = items;
        set->capacity = capacity;
    }
    set->items[set->n++] = item;
    return ASSAY_OK;
}

/* The set of a text's 5-grams, not yet sorted and with repeats. */
static assay_status collect_shingles(shingle_set *set, const as_dataset_row *row,
                                     assay_error *error) {
    as_split_cursor cursor = {row->text, row->text, row->text + row->n_bytes};
    uint64_t words[N_GRAM];
    size_t n_words = 0, n_bytes = 0;
    const char *word = "";
    assay_status status = ASSAY_OK;
    set->n = 0;
    for (;;) {
        status = as_splitter_next(set->splitter, &cursor, &word, &n_bytes, error);
        if (status != ASSAY_OK || !word)
            break;
        words[n_words++ % N_GRAM] = hash_word(word, n_bytes);
        if (n_words >= N_GRAM)
            status = push(set, hash_gram(words, n_words, N_GRAM), error);
        if (status != ASSAY_OK)
            break;
    }
    if (status == ASSAY_OK && n_words > 0 && n_words < N_GRAM)
        status = push(set, hash_gram(words, 0, n_words), error);
    return status;
}

/* ---- signatures ------------------------------------------------------------------------------ */

as_near_bands as_near_bands_for(double threshold) {
    as_near_bands bands = {N_HASHES, 1, 1};
    for (uint32_t r = 1; r <= N_HASHES; r++) {
        uint32_t n = N_HASHES / r;
        double recall = 1 - pow(1 - pow(threshold, r), n);
        if (recall >= 0.995)
            bands = (as_near_bands){n, r, recall};
    }
    /* At 1 every division finds everything; more than 16 hashes tell texts apart no better. */
    if (bands.n_rows > 16)
        bands = (as_near_bands){N_HASHES / 16, 16, 1 - pow(1 - pow(threshold, 16), N_HASHES / 16)};
    return bands;
}

typedef struct search {
    const as_dataset_row *rows;
    uint32_t n_rows;
    size_t n_workers;
    double threshold;
    as_near_bands bands;
    uint32_t factors[N_HASHES], addends[N_HASHES];
    uint64_t *keys;       /* [n_bands][n_rows] */
    bool *blank;          /* [n_rows]: no shingle */
    uint64_t *candidates; /* a << 32 | b, ascending in the end */
    size_t n_candidates, capacity;
    float *jaccard; /* [n_candidates]; below 0: under the threshold */
} search;

static void draw_hashes(search *s) {
    as_random random = as_random_init(1, as_hash64("near duplicates"));
    for (int i = 0; i < N_HASHES; i++) {
        s->factors[i] = as_random_u32(&random) | 1;
        s->addends[i] = as_random_u32(&random);
    }
}

static void sign(const search *s, const shingle_set *set, uint32_t *least) {
    memset(least, 0xff, N_HASHES * sizeof *least);
    for (size_t i = 0; i < set->n; i++) {
        uint32_t x = (uint32_t)(set->items[i] >> 32);
        for (int k = 0; k < N_HASHES; k++) {
            uint32_t value = s->factors[k] * x + s->addends[k];
            least[k] = value < least[k] ? value : least[k];
        }
    }
}

static assay_status open_set(as_arena *arena, shingle_set *set, assay_error *error) {
    *set = (shingle_set){0};
    return as_splitter_new(arena, "whitespace", NULL, "near duplicates", &set->splitter, error);
}

static assay_status sign_rows(void *context, size_t index, assay_error *error) {
    search *s = context;
    uint32_t first = (uint32_t)as_worker_first(index, s->n_workers, s->n_rows);
    uint32_t last = (uint32_t)as_worker_first(index + 1, s->n_workers, s->n_rows);
    as_arena *arena = as_arena_new();
    shingle_set set = {0};
    uint32_t least[N_HASHES];
    assay_status status = arena ? open_set(arena, &set, error) : no_memory(error);
    for (uint32_t i = first; status == ASSAY_OK && i < last; i++) {
        status = collect_shingles(&set, &s->rows[i], error);
        s->blank[i] = set.n == 0;
        sign(s, &set, least);
        for (uint32_t b = 0; b < s->bands.n_bands; b++) {
            uint64_t key = b;
            for (uint32_t r = 0; r < s->bands.n_rows; r++)
                key = mix(key ^ least[b * s->bands.n_rows + r]) + UINT64_C(0x9e3779b97f4a7c15);
            s->keys[(size_t)b * s->n_rows + i] = key;
        }
    }
    as_splitter_free(set.splitter);
    free(set.items);
    as_arena_free(arena);
    return status;
}

/* ---- candidates ------------------------------------------------------------------------------ */

typedef struct band_entry {
    uint64_t key;
    uint32_t row;
} band_entry;

static int compare_entries(const void *a, const void *b) {
    const band_entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* The list is full: drops what came twice, and grows if that was little. */
static assay_status make_room(search *s, assay_error *error) {
    s->n_candidates = sort_unique(s->candidates, s->n_candidates);
    if (s->n_candidates >= AS_MAX_NEAR_CANDIDATES)
        return as_fail(error, ASSAY_LIMIT, "near duplicates",
                       "over %d pairs of texts look alike; remove what they share (a template, a "
                       "signature) by a cleaning step, or raise the threshold",
                       AS_MAX_NEAR_CANDIDATES);
    if (s->capacity && s->n_candidates <= s->capacity / 2)
        return ASSAY_OK;
    size_t capacity = s->capacity ? s->capacity * 2 : 1 << 16;
    uint64_t *candidates = realloc(s->candidates, capacity * sizeof *candidates);
    if (!candidates)
        return no_memory(error);
    s->candidates = candidates;
    s->capacity = capacity;
    return ASSAY_OK;
}

static assay_status add_candidate(search *s, uint32_t a, uint32_t b, assay_error *error) {
    assay_status status = s->n_candidates == s->capacity ? make_room(s, error) : ASSAY_OK;
    if (status == ASSAY_OK)
        s->candidates[s->n_candidates++] = (uint64_t)a << 32 | b;
    return status;
}

/* All pairs of one run of equal keys. */
static assay_status add_bucket(search *s, const band_entry *entries, size_t n, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < n; i++)
        for (size_t j = i + 1; status == ASSAY_OK && j < n; j++)
            status = add_candidate(s, entries[i].row, entries[j].row, error);
    return status;
}

static assay_status find_candidates(search *s, assay_error *error) {
    band_entry *entries = malloc((size_t)s->n_rows * sizeof *entries + 1);
    assay_status status = entries ? ASSAY_OK : no_memory(error);
    for (uint32_t b = 0; status == ASSAY_OK && b < s->bands.n_bands; b++) {
        size_t n = 0, begin = 0;
        for (uint32_t i = 0; i < s->n_rows; i++)
            if (!s->blank[i])
                entries[n++] = (band_entry){s->keys[(size_t)b * s->n_rows + i], i};
        qsort(entries, n, sizeof *entries, compare_entries);
        for (size_t i = 1; status == ASSAY_OK && i <= n; i++)
            if (i == n || entries[i].key != entries[begin].key) {
                status = add_bucket(s, &entries[begin], i - begin, error);
                begin = i;
            }
    }
    free(entries);
    if (status == ASSAY_OK)
        s->n_candidates = sort_unique(s->candidates, s->n_candidates);
    return status;
}

/* ---- verification ---------------------------------------------------------------------------- */

static double jaccard(const shingle_set *a, const shingle_set *b) {
    size_t i = 0, j = 0, common = 0;
    while (i < a->n && j < b->n) {
        uint64_t x = a->items[i], y = b->items[j];
        common += x == y;
        i += x <= y;
        j += y <= x;
    }
    return (double)common / (double)(a->n + b->n - common);
}

static assay_status read_set(shingle_set *set, const as_dataset_row *row, assay_error *error) {
    assay_status status = collect_shingles(set, row, error);
    set->n = sort_unique(set->items, set->n);
    return status;
}

static assay_status verify(void *context, size_t index, assay_error *error) {
    search *s = context;
    size_t last = as_worker_first(index + 1, s->n_workers, s->n_candidates);
    as_arena *arena = as_arena_new();
    shingle_set a = {0}, b = {0};
    uint32_t held = UINT32_MAX; /* row whose set `a` is */
    assay_status status = arena ? open_set(arena, &a, error) : no_memory(error);
    if (status == ASSAY_OK)
        status = open_set(arena, &b, error);
    for (size_t i = as_worker_first(index, s->n_workers, s->n_candidates);
         status == ASSAY_OK && i < last; i++) {
        uint32_t x = (uint32_t)(s->candidates[i] >> 32), y = (uint32_t)s->candidates[i];
        if (x != held)
            status = read_set(&a, &s->rows[x], error);
        held = x;
        if (status == ASSAY_OK)
            status = read_set(&b, &s->rows[y], error);
        double found = status == ASSAY_OK ? jaccard(&a, &b) : 0;
        s->jaccard[i] = found >= s->threshold ? (float)found : -1.0F;
    }
    as_splitter_free(a.splitter);
    as_splitter_free(b.splitter);
    free(a.items);
    free(b.items);
    as_arena_free(arena);
    return status;
}

static assay_status keep_pairs(as_arena *arena, const search *s, as_near_pair **ret_pairs,
                               size_t *ret_n, assay_error *error) {
    size_t n = 0, at = 0;
    for (size_t i = 0; i < s->n_candidates; i++)
        n += s->jaccard[i] >= 0;
    as_near_pair *pairs = as_arena_alloc_array(arena, n, sizeof *pairs);
    if (!pairs)
        return no_memory(error);
    for (size_t i = 0; i < s->n_candidates; i++)
        if (s->jaccard[i] >= 0)
            pairs[at++] = (as_near_pair){(uint32_t)(s->candidates[i] >> 32),
                                         (uint32_t)s->candidates[i], s->jaccard[i]};
    *ret_pairs = pairs;
    *ret_n = n;
    return ASSAY_OK;
}

assay_status as_near_duplicates(as_arena *arena, const as_dataset_row *rows, uint32_t n_rows,
                                double threshold, int threads, as_near_pair **ret_pairs,
                                size_t *ret_n, assay_error *error) {
    search s = {.rows = rows, .n_rows = n_rows, .threshold = threshold};
    size_t n_keys;
    if (!(threshold >= 0.5 && threshold <= 1))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "near duplicates",
                       "the threshold %g is not between 0.5 and 1", threshold);
    s.n_workers = as_worker_count(threads, n_rows);
    s.bands = as_near_bands_for(threshold);
    draw_hashes(&s);
    assay_status status = ASSAY_OK;
    if (as_mul_size((size_t)s.bands.n_bands * n_rows, sizeof *s.keys, &n_keys))
        s.keys = malloc(n_keys + 1);
    s.blank = calloc((size_t)n_rows + 1, sizeof *s.blank);
    if (!s.keys || !s.blank)
        status = no_memory(error);
    if (status == ASSAY_OK)
        status = as_workers_run(s.n_workers, sign_rows, &s, error);
    if (status == ASSAY_OK)
        status = find_candidates(&s, error);
    if (status == ASSAY_OK && !(s.jaccard = malloc((s.n_candidates + 1) * sizeof *s.jaccard)))
        status = no_memory(error);
    if (status == ASSAY_OK)
        status = as_workers_run(s.n_workers, verify, &s, error);
    if (status == ASSAY_OK)
        status = keep_pairs(arena, &s, ret_pairs, ret_n, error);
    free(s.jaccard);
    free(s.candidates);
    free(s.blank);
    free(s.keys);
    return status;
}
