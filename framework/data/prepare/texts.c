/* SPDX-License-Identifier: MIT */
/* The one pass over the texts: cleaning, digests at three stages, tokens. Threads take the next few
 * rows when they are done with theirs; each has its own cleaner, tokenizer and table of words,
 * which are made one in the end. What comes out does not depend on who took what. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/prepare/build.h"
#include "data/tokenizers/splitter.h"

enum { ROWS_AT_ONCE = 64, MAX_WORKERS = 16 };

typedef struct worker {
    as_build *build;
    const uint32_t *rows; /* to do */
    uint32_t n_rows;
    atomic_uint *next;
    uint16_t number;
    as_arena *arena; /* of its tokens and words: lives as long as the build */
    as_cleaner *cleaner;
    as_splitter *splitter;
    as_wordpiece_scratch *scratch;
    as_interner *words;
    uint32_t *buffer; /* tokens of the current text */
    size_t capacity;
    assay_status status;
    assay_error error;
    pthread_t thread;
} worker;

static bool is_blank(const char *text, size_t n_bytes) {
    /* Python's white space in UTF-8 that is not ASCII is rare: the splitter knows it. */
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)text[i] > 0x20)
            return false;
    return true;
}

/* Digests at the stages; the text after all steps. */
static assay_status clean_row(worker *w, const as_dataset_row *row, as_row_texts *texts,
                              const char **ret_text, size_t *ret_n_bytes) {
    size_t n_steps = as_cleaner_n_steps(w->cleaner);
    size_t n_text_steps = as_cleaner_n_text_steps(w->cleaner), n_bytes;
    const char *text;
    assay_status status = ASSAY_OK;
    texts->digest[AS_STAGE_RAW] = as_text_digest_of(row->text, row->n_bytes);
    texts->digest[AS_STAGE_CLEANED] = texts->digest[AS_STAGE_RAW];
    if (n_text_steps && n_text_steps < n_steps) {
        status = as_clean_prefix(w->cleaner, n_text_steps, row->text, row->n_bytes, &text, &n_bytes,
                                 &w->error);
        if (status == ASSAY_OK)
            texts->digest[AS_STAGE_CLEANED] = as_text_digest_of(text, n_bytes);
    }
    if (status == ASSAY_OK)
        status = as_clean(w->cleaner, row->text, row->n_bytes, &text, &n_bytes, &w->error);
    if (status != ASSAY_OK)
        return status;
    texts->digest[AS_STAGE_FILTERED] =
        n_steps ? as_text_digest_of(text, n_bytes) : texts->digest[AS_STAGE_RAW];
    if (n_text_steps == n_steps)
        texts->digest[AS_STAGE_CLEANED] = texts->digest[AS_STAGE_FILTERED];
    texts->blank = is_blank(text, n_bytes);
    *ret_text = text;
    *ret_n_bytes = n_bytes;
    return ASSAY_OK;
}

static assay_status no_memory(worker *w) {
    return assay_fail(&w->error, ASSAY_OUT_OF_MEMORY, "data", "no memory for the tokens");
}

static assay_status split_row(worker *w, const char *text, size_t n_bytes, as_row_tokens *tokens) {
    as_split_cursor cursor = {text, text, text + n_bytes};
    uint32_t n = 0;
    for (;;) {
        const char *token;
        size_t n_token;
        assay_status status = as_splitter_next(w->splitter, &cursor, &token, &n_token, &w->error);
        if (status != ASSAY_OK)
            return status;
        if (!token)
            break;
        if (n == w->capacity) {
            size_t capacity = w->capacity ? w->capacity * 2 : 4096;
            uint32_t *more = realloc(w->buffer, capacity * sizeof *more);
            if (!more)
                return no_memory(w);
            w->buffer = more;
            w->capacity = capacity;
        }
        status = as_interner_add(w->words, token, n_token, &w->buffer[n], &w->error);
        if (status != ASSAY_OK)
            return status;
        n++;
    }
    if (!(tokens->ids = as_arena_alloc_array(w->arena, n, sizeof *tokens->ids)))
        return no_memory(w);
    if (n)
        memcpy(tokens->ids, w->buffer, n * sizeof *tokens->ids);
    tokens->n_ids = tokens->n_tokens = n;
    tokens->worker = w->number;
    return ASSAY_OK;
}

static assay_status encode_row(worker *w, const char *text, size_t n_bytes, as_row_tokens *tokens) {
    const as_tokenizer_config *config = w->build->tokenizer;
    as_wordpiece_encoding pieces;
    assay_status status =
        as_wordpiece_encode(w->build->wordpiece, w->scratch, text, n_bytes,
                            (size_t)config->max_tokens, config->special, false, &pieces, &w->error);
    if (status != ASSAY_OK)
        return status;
    if (!(tokens->ids = as_arena_alloc_array(w->arena, pieces.n, sizeof *tokens->ids)))
        return no_memory(w);
    for (size_t i = 0; i < pieces.n; i++)
        tokens->ids[i] = (uint32_t)pieces.ids[i];
    tokens->n_ids = (uint32_t)pieces.n;
    tokens->n_tokens = (uint32_t)pieces.n_total;
    tokens->n_unknown = (uint32_t)pieces.n_unknown;
    tokens->truncated = pieces.truncated;
    return ASSAY_OK;
}

static void *work(void *context) {
    worker *w = context;
    as_build *b = w->build;
    while (w->status == ASSAY_OK) {
        uint32_t begin = atomic_fetch_add(w->next, ROWS_AT_ONCE);
        for (uint32_t i = begin; i < begin + ROWS_AT_ONCE && i < w->n_rows && w->status == ASSAY_OK;
             i++) {
            uint32_t row = w->rows[i];
            const char *text;
            size_t n_bytes;
            w->status = clean_row(w, &b->kept.rows[row], &b->texts[row], &text, &n_bytes);
            if (w->status == ASSAY_OK)
                w->status = b->wordpiece ? encode_row(w, text, n_bytes, &b->tokens[row])
                                         : split_row(w, text, n_bytes, &b->tokens[row]);
        }
        if (begin + ROWS_AT_ONCE >= w->n_rows)
            break;
    }
    return NULL;
}

static assay_status start_worker(worker *w) {
    as_build *b = w->build;
    const char *where = b->data->where ? b->data->where : "data";
    as_where place = as_where_join(where, "/", "cleaning");
    assay_status status = as_cleaner_new(b->cleaning, place.text, &w->cleaner, &w->error);
    if (status != ASSAY_OK)
        return status;
    if (b->wordpiece) {
        w->scratch = as_wordpiece_scratch_new();
        return w->scratch ? ASSAY_OK : no_memory(w);
    }
    status = as_splitter_new(w->arena, b->tokenizer->kind, b->tokenizer->pattern, "tokenizer",
                             &w->splitter, &w->error);
    return status == ASSAY_OK ? as_interner_new(w->arena, &w->words, &w->error) : status;
}

static void end_worker(worker *w) {
    as_cleaner_free(w->cleaner);
    as_splitter_free(w->splitter);
    as_wordpiece_scratch_free(w->scratch);
    free(w->buffer);
}

/* The first worker's table takes up the others' words. */
static assay_status merge_words(as_build *b, worker *workers, int n, const uint32_t *rows,
                                uint32_t n_rows) {
    uint32_t *maps[MAX_WORKERS] = {0};
    assay_status status = ASSAY_OK;
    b->words = workers[0].words;
    for (int k = 1; k < n && status == ASSAY_OK; k++) {
        uint32_t n_words = as_interner_count(workers[k].words);
        if (!(maps[k] = as_arena_alloc_array(b->arena, n_words, sizeof *maps[k])))
            return as_build_no_memory(b);
        for (uint32_t i = 0; i < n_words && status == ASSAY_OK; i++) {
            size_t n_bytes;
            const char *word = as_interner_word(workers[k].words, i, &n_bytes);
            status = as_interner_add(b->words, word, n_bytes, &maps[k][i], b->error);
        }
    }
    for (uint32_t r = 0; r < n_rows && status == ASSAY_OK; r++) {
        as_row_tokens *tokens = &b->tokens[rows[r]];
        const uint32_t *map = maps[tokens->worker];
        for (uint32_t i = 0; map && i < tokens->n_ids; i++)
            tokens->ids[i] = map[tokens->ids[i]];
    }
    return status;
}

static assay_status add_cleaning_counts(as_build *b, const worker *workers, int n) {
    b->n_steps = as_cleaner_n_steps(workers[0].cleaner);
    b->cleaning_counts = as_arena_alloc_array(b->arena, b->n_steps, sizeof *b->cleaning_counts);
    if (!b->cleaning_counts)
        return as_build_no_memory(b);
    for (int k = 0; k < n; k++)
        for (size_t i = 0; i < b->n_steps; i++) {
            const as_cleaning_counts *from = &as_cleaner_counts(workers[k].cleaner)[i];
            as_cleaning_counts *to = &b->cleaning_counts[i];
            to->step = as_arena_strdup(b->arena, from->step);
            if (!to->step)
                return as_build_no_memory(b);
            to->texts += from->texts;
            to->changed += from->changed;
            to->emptied += from->emptied;
            to->characters_removed += from->characters_removed;
        }
    return ASSAY_OK;
}

/* Every selected row once, whatever the number of splits it stands in. */
static uint32_t *list_rows(as_build *b, uint32_t *ret_n) {
    uint32_t n = 0;
    bool *seen = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *seen);
    uint32_t *rows = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *rows);
    for (int s = 0; seen && rows && s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < b->selection.n_rows[s]; i++) {
            uint32_t row = b->selection.rows[s][i];
            if (!seen[row])
                rows[n++] = row;
            seen[row] = true;
        }
    *ret_n = n;
    return seen ? rows : NULL;
}

/* An arena that is freed with the build's: its blocks are not, so the build keeps a list. */
static as_arena *worker_arena(as_build *b, int k) {
    return k == 0 ? b->arena : (b->worker_arenas[b->n_worker_arenas++] = as_arena_new());
}

assay_status as_build_texts(as_build *b) {
    worker workers[MAX_WORKERS] = {0};
    atomic_uint next = 0;
    uint32_t n_rows, *rows = list_rows(b, &n_rows);
    int n = b->threads < MAX_WORKERS ? b->threads : MAX_WORKERS, n_started = 0;
    assay_status status = ASSAY_OK;
    if ((uint32_t)n > n_rows / ROWS_AT_ONCE + 1)
        n = (int)(n_rows / ROWS_AT_ONCE) + 1;
    b->texts = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *b->texts);
    b->tokens = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *b->tokens);
    if (!rows || !b->texts || !b->tokens)
        return as_build_no_memory(b);
    for (int k = 0; k < n && status == ASSAY_OK; k++) {
        workers[k] = (worker){.build = b,
                              .rows = rows,
                              .n_rows = n_rows,
                              .next = &next,
                              .number = (uint16_t)k,
                              .arena = worker_arena(b, k),
                              .error = ASSAY_ERROR_INIT};
        n_started++;
        status = workers[k].arena ? start_worker(&workers[k]) : no_memory(&workers[k]);
    }
    int n_threads = 1;
    for (; status == ASSAY_OK && n_threads < n; n_threads++)
        if (pthread_create(&workers[n_threads].thread, NULL, work, &workers[n_threads]) != 0)
            break; /* fewer threads do the same work */
    if (status == ASSAY_OK)
        work(&workers[0]);
    for (int k = 1; k < n_threads; k++)
        pthread_join(workers[k].thread, NULL);
    for (int k = 0; k < n_started; k++) {
        if (status == ASSAY_OK)
            status = workers[k].status;
        if (workers[k].error.text[0] && status != ASSAY_OK && b->error && !b->error->text[0])
            assay_fail(b->error, status, workers[k].error.where, workers[k].error.text);
    }
    if (status == ASSAY_OK && !b->wordpiece)
        status = merge_words(b, workers, n, rows, n_rows);
    if (status == ASSAY_OK)
        status = add_cleaning_counts(b, workers, n);
    for (int k = 0; k < n_started; k++)
        end_worker(&workers[k]);
    return status;
}
