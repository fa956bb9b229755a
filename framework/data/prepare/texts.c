/* SPDX-License-Identifier: MIT */
/* The one pass over the texts: cleaning, digests at three stages, tokens. Texts are given one after
 * the other, while the source is still being read where all of them will be used; threads take the
 * next few when they are done with theirs. Each thread has its own cleaner, tokenizer and table of
 * words, which are made one in the end. What comes out does not depend on who took what. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/prepare/build.h"
#include "data/tokenizers/splitter.h"

enum { ROWS_AT_ONCE = 64, BLOCK_ROWS = 4096, MAX_BLOCKS = 1 + 4 * AS_MAX_ROWS / 4096 };

/* Texts and what becomes of them, in blocks that stay where they are. */
typedef struct block {
    const char *texts[BLOCK_ROWS];
    size_t n_bytes[BLOCK_ROWS];
    as_row_texts stages[BLOCK_ROWS];
    as_row_tokens tokens[BLOCK_ROWS];
} block;

typedef struct worker {
    struct as_text_pass *pass;
    uint16_t number;
    as_arena *arena; /* of its tokens and words: lives as long as the build */
    as_cleaner *cleaner;
    as_splitter *splitter;
    as_splitter *spaces; /* of whitespace, to tell blank texts */
    as_wordpiece_scratch *scratch;
    as_interner *words;
    uint32_t *buffer; /* tokens of the current text */
    size_t capacity;
    assay_status status;
    assay_error error;
    pthread_t thread;
} worker;

struct as_text_pass {
    as_build *build;
    pthread_mutex_t lock; /* of the four below */
    pthread_cond_t more;
    uint32_t n_given, n_taken;
    bool closed, failed;
    block **blocks; /* [MAX_BLOCKS] */
    worker workers[AS_MAX_WORKERS];
    int n_workers, n_threads; /* the last worker runs in the thread that finishes */
};

/* A text is blank when Python's str.split() finds no word in it. */
static assay_status is_blank(worker *w, const char *text, size_t n_bytes, bool *ret_blank) {
    as_split_cursor cursor = {text, text, text + n_bytes};
    const char *word;
    size_t n_word;
    assay_status status = as_splitter_next(w->spaces, &cursor, &word, &n_word, &w->error);
    if (status == ASSAY_OK)
        *ret_blank = !word;
    return status;
}

/* Digests at the stages; the text after all steps. */
static assay_status clean_row(worker *w, const char *raw, size_t n_raw, as_row_texts *texts,
                              const char **ret_text, size_t *ret_n_bytes) {
    size_t n_steps = as_cleaner_n_steps(w->cleaner);
    size_t n_text_steps = as_cleaner_n_text_steps(w->cleaner), n_bytes;
    const char *text;
    assay_status status = ASSAY_OK;
    texts->digest[AS_STAGE_RAW] = as_text_digest_of(raw, n_raw);
    texts->digest[AS_STAGE_CLEANED] = texts->digest[AS_STAGE_RAW];
    if (n_text_steps && n_text_steps < n_steps) {
        status = as_clean_prefix(w->cleaner, n_text_steps, raw, n_raw, &text, &n_bytes, &w->error);
        if (status == ASSAY_OK)
            texts->digest[AS_STAGE_CLEANED] = as_text_digest_of(text, n_bytes);
    }
    if (status == ASSAY_OK)
        status = as_clean(w->cleaner, raw, n_raw, &text, &n_bytes, &w->error);
    if (status != ASSAY_OK)
        return status;
    texts->digest[AS_STAGE_FILTERED] =
        n_steps ? as_text_digest_of(text, n_bytes) : texts->digest[AS_STAGE_RAW];
    if (n_text_steps == n_steps)
        texts->digest[AS_STAGE_CLEANED] = texts->digest[AS_STAGE_FILTERED];
    *ret_text = text;
    *ret_n_bytes = n_bytes;
    return is_blank(w, text, n_bytes, &texts->blank);
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
    const as_tokenizer_config *config = w->pass->build->tokenizer;
    as_wordpiece_encoding pieces;
    assay_status status =
        as_wordpiece_encode(w->pass->build->wordpiece, w->scratch, text, n_bytes,
                            (size_t)config->max_tokens, config->special, false, &pieces, &w->error);
    if (status != ASSAY_OK)
        return status;
    if (!(tokens->ids = as_arena_alloc_array(w->arena, pieces.n, sizeof *tokens->ids)))
        return no_memory(w);
    for (size_t i = 0; i < pieces.n; i++)
        tokens->ids[i] = (uint32_t)pieces.ids[i];
    tokens->n_ids = (uint32_t)pieces.n;
    tokens->n_tokens = (uint32_t)pieces.n_tokens;
    tokens->n_unknown = (uint32_t)pieces.n_unknown;
    tokens->truncated = pieces.truncated;
    return ASSAY_OK;
}

/* The next few texts; false: there are none and will be none. */
static bool take(struct as_text_pass *pass, uint32_t *ret_begin, uint32_t *ret_end) {
    pthread_mutex_lock(&pass->lock);
    while (pass->n_taken == pass->n_given && !pass->closed && !pass->failed)
        pthread_cond_wait(&pass->more, &pass->lock);
    uint32_t n = pass->n_given - pass->n_taken;
    bool some = n > 0 && !pass->failed;
    *ret_begin = pass->n_taken;
    *ret_end = pass->n_taken + (n < ROWS_AT_ONCE ? n : ROWS_AT_ONCE);
    if (some)
        pass->n_taken = *ret_end;
    pthread_mutex_unlock(&pass->lock);
    return some;
}

static assay_status do_row(worker *w, uint32_t serial) {
    block *b = w->pass->blocks[serial / BLOCK_ROWS];
    uint32_t i = serial % BLOCK_ROWS;
    const char *text;
    size_t n_bytes;
    assay_status status = clean_row(w, b->texts[i], b->n_bytes[i], &b->stages[i], &text, &n_bytes);
    if (status != ASSAY_OK)
        return status;
    return w->pass->build->wordpiece ? encode_row(w, text, n_bytes, &b->tokens[i])
                                     : split_row(w, text, n_bytes, &b->tokens[i]);
}

static void *work(void *context) {
    worker *w = context;
    uint32_t begin, end;
    while (w->status == ASSAY_OK && take(w->pass, &begin, &end))
        for (uint32_t i = begin; i < end && w->status == ASSAY_OK; i++)
            w->status = do_row(w, i);
    if (w->status != ASSAY_OK) {
        pthread_mutex_lock(&w->pass->lock);
        w->pass->failed = true; /* the others need not go on */
        pthread_cond_broadcast(&w->pass->more);
        pthread_mutex_unlock(&w->pass->lock);
    }
    return NULL;
}

static assay_status start_worker(worker *w) {
    as_build *b = w->pass->build;
    const char *where = b->data->where ? b->data->where : "data";
    as_where place = as_where_join(where, "/", "cleaning");
    assay_status status = as_cleaner_new(b->cleaning, place.text, &w->cleaner, &w->error);
    if (status == ASSAY_OK)
        status = as_splitter_new(w->arena, "whitespace", NULL, "tokenizer", &w->spaces, &w->error);
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
    as_splitter_free(w->spaces);
    as_wordpiece_scratch_free(w->scratch);
    free(w->buffer);
}

/* The first worker's table takes up the others' words. */
static assay_status merge_words(as_build *b, worker *workers, int n) {
    uint32_t *maps[AS_MAX_WORKERS] = {0};
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
    for (uint32_t r = 0; r < b->kept.n_rows && status == ASSAY_OK; r++) {
        as_row_tokens *tokens = &b->tokens[r];
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

/* ---- the pass ---------------------------------------------------------------------------------*/

assay_status as_text_pass_begin(as_build *b, as_text_pass **ret_pass) {
    as_text_pass *pass = calloc(1, sizeof *pass);
    assay_status status = ASSAY_OK;
    if (!pass)
        return as_build_no_memory(b);
    pthread_mutex_init(&pass->lock, NULL);
    pthread_cond_init(&pass->more, NULL);
    pass->build = b;
    pass->n_workers = b->threads < 1                ? 1
                      : b->threads < AS_MAX_WORKERS ? b->threads
                                                    : AS_MAX_WORKERS;
    pass->blocks = calloc(MAX_BLOCKS, sizeof(block *));
    if (!pass->blocks)
        status = as_build_no_memory(b);
    for (int k = 0; k < pass->n_workers && status == ASSAY_OK; k++) {
        worker *w = &pass->workers[k];
        *w = (worker){.pass = pass,
                      .number = (uint16_t)k,
                      .arena = as_arena_new(),
                      .error = ASSAY_ERROR_INIT};
        b->worker_arenas[b->n_worker_arenas++] = w->arena;
        status = w->arena ? start_worker(w) : no_memory(w);
        if (status != ASSAY_OK)
            assay_fail(b->error, status, w->error.where, w->error.text);
    }
    /* Fewer threads do the same work. */
    while (status == ASSAY_OK && pass->n_threads < pass->n_workers - 1 &&
           pthread_create(&pass->workers[pass->n_threads].thread, NULL, work,
                          &pass->workers[pass->n_threads]) == 0)
        pass->n_threads++;
    if (status == ASSAY_OK)
        *ret_pass = pass;
    else
        as_text_pass_end(pass);
    return status;
}

assay_status as_text_pass_give(void *context, uint32_t serial, const char *text, size_t n_bytes,
                               assay_error *error) {
    as_text_pass *pass = context;
    uint32_t at = serial / BLOCK_ROWS;
    if (!pass->blocks[at] && !(pass->blocks[at] = calloc(1, sizeof(block))))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "data", "no memory for the texts");
    pass->blocks[at]->texts[serial % BLOCK_ROWS] = text;
    pass->blocks[at]->n_bytes[serial % BLOCK_ROWS] = n_bytes;
    pthread_mutex_lock(&pass->lock);
    pass->n_given = serial + 1;
    if (pass->n_given % ROWS_AT_ONCE == 0)
        pthread_cond_signal(&pass->more);
    pthread_mutex_unlock(&pass->lock);
    return ASSAY_OK;
}

/* No more texts come; this thread helps with those that are left. */
static assay_status close_pass(as_text_pass *pass) {
    assay_status status = ASSAY_OK;
    pthread_mutex_lock(&pass->lock);
    pass->closed = true;
    pthread_cond_broadcast(&pass->more);
    pthread_mutex_unlock(&pass->lock);
    work(&pass->workers[pass->n_workers - 1]);
    for (int k = 0; k < pass->n_threads; k++)
        pthread_join(pass->workers[k].thread, NULL);
    pass->n_threads = 0;
    for (int k = 0; k < pass->n_workers; k++) {
        const worker *w = &pass->workers[k];
        if (w->status != ASSAY_OK && status == ASSAY_OK)
            status = assay_fail(pass->build->error, w->status, w->error.where, w->error.text);
    }
    return status;
}

assay_status as_text_pass_finish(as_text_pass *pass, const uint32_t *serials) {
    as_build *b = pass->build;
    assay_status status = close_pass(pass);
    b->texts = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *b->texts);
    b->tokens = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *b->tokens);
    if (!b->texts || !b->tokens)
        status = as_build_no_memory(b);
    for (uint32_t row = 0; status == ASSAY_OK && row < b->kept.n_rows; row++) {
        if (serials[row] == AS_NO_SERIAL)
            continue;
        const block *from = pass->blocks[serials[row] / BLOCK_ROWS];
        b->texts[row] = from->stages[serials[row] % BLOCK_ROWS];
        b->tokens[row] = from->tokens[serials[row] % BLOCK_ROWS];
    }
    if (status == ASSAY_OK && !b->wordpiece)
        status = merge_words(b, pass->workers, pass->n_workers);
    if (status == ASSAY_OK)
        status = add_cleaning_counts(b, pass->workers, pass->n_workers);
    return status;
}

void as_text_pass_end(as_text_pass *pass) {
    if (!pass)
        return;
    pthread_mutex_lock(&pass->lock);
    pass->closed = pass->failed = true; /* what is left is not wanted */
    pthread_cond_broadcast(&pass->more);
    pthread_mutex_unlock(&pass->lock);
    for (int k = 0; k < pass->n_threads; k++)
        pthread_join(pass->workers[k].thread, NULL);
    for (int k = 0; k < pass->n_workers; k++)
        end_worker(&pass->workers[k]);
    for (size_t i = 0; pass->blocks && i < MAX_BLOCKS; i++)
        free(pass->blocks[i]);
    free(pass->blocks);
    pthread_cond_destroy(&pass->more);
    pthread_mutex_destroy(&pass->lock);
    free(pass);
}

/* Every selected row once, whatever the number of splits it stands in. */
assay_status as_build_texts(as_build *b) {
    as_text_pass *pass;
    uint32_t n = 0;
    uint32_t *serials = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *serials);
    if (!serials)
        return as_build_no_memory(b);
    for (uint32_t row = 0; row < b->kept.n_rows; row++)
        serials[row] = AS_NO_SERIAL;
    assay_status status = as_text_pass_begin(b, &pass);
    if (status != ASSAY_OK)
        return status;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < b->selection.n_rows[s] && status == ASSAY_OK; i++) {
            uint32_t row = b->selection.rows[s][i];
            if (serials[row] != AS_NO_SERIAL)
                continue;
            serials[row] = n++;
            status = as_text_pass_give(pass, serials[row], b->kept.rows[row].text,
                                       b->kept.rows[row].n_bytes, b->error);
        }
    if (status == ASSAY_OK)
        status = as_text_pass_finish(pass, serials);
    as_text_pass_end(pass);
    return status;
}
