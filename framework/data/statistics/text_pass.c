/* SPDX-License-Identifier: MIT */
/* Each worker has its own splitters and interner; the workers' numbers are joined at the end, in
 * the workers' order. */
#include "data/statistics/text_pass.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizers/splitter.h"

typedef struct reader {
    as_splitter *whitespace, *splitters[AS_STATISTICS_TOKENIZERS];
    as_wordpiece_scratch *scratch;
    as_interner *interner;
    uint32_t *numbers; /* of all words of the share, row after row */
    size_t n, capacity;
} reader;

typedef struct pass_job {
    as_text_pass *pass;
    size_t n_workers;
    reader readers[AS_MAX_WORKERS];
} pass_job;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory for the words");
}

static uint32_t count_characters(const char *text, size_t n_bytes) {
    uint32_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static assay_status add_number(reader *r, uint32_t number, assay_error *error) {
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 1 << 16;
        uint32_t *numbers = realloc(r->numbers, capacity * sizeof *numbers);
        if (!numbers)
            return no_memory(error);
        r->numbers = numbers;
        r->capacity = capacity;
    }
    r->numbers[r->n++] = number;
    return ASSAY_OK;
}

/* Counts a text's tokens; with `keep` their numbers are kept, too. */
static assay_status split_text(reader *r, as_splitter *splitter, const as_dataset_row *row,
                               bool keep, uint32_t *ret_n, assay_error *error) {
    as_split_cursor cursor = {row->text, row->text, row->text + row->n_bytes};
    const char *token;
    size_t n_bytes;
    uint32_t n = 0, number = 0;
    for (;;) {
        assay_status status = as_splitter_next(splitter, &cursor, &token, &n_bytes, error);
        if (status == ASSAY_OK && token && keep) {
            status = as_interner_add(r->interner, token, n_bytes, &number, error);
            if (status == ASSAY_OK)
                status = add_number(r, number, error);
        }
        if (status != ASSAY_OK)
            return status;
        if (!token)
            break;
        n++;
    }
    *ret_n = n;
    return ASSAY_OK;
}

static assay_status read_row(as_text_pass *p, reader *r, uint32_t i, assay_error *error) {
    const as_dataset_row *row = &p->rows[i];
    assay_status status = split_text(r, r->whitespace, row, false, &p->words[i], error);
    p->characters[i] = count_characters(row->text, row->n_bytes);
    p->digests[i] = as_text_digest_of(row->text, row->n_bytes);
    for (size_t t = 0; status == ASSAY_OK && t < p->config->n_tokenizers; t++) {
        const as_statistics_tokenizer *tokenizer = &p->config->tokenizers[t];
        as_wordpiece_encoding pieces;
        if (!tokenizer->wordpiece) {
            status = split_text(r, r->splitters[t], row, p->has_words && t == p->word_level,
                                &p->tokens[t][i], error);
            continue;
        }
        status = as_wordpiece_encode(tokenizer->wordpiece, r->scratch, row->text, row->n_bytes, 0,
                                     true, false, &pieces, error);
        if (status == ASSAY_OK)
            p->tokens[t][i] = (uint32_t)pieces.n;
    }
    return status;
}

static assay_status open_reader(as_text_pass *p, size_t index, reader *r, assay_error *error) {
    as_arena *arena = p->arenas[index] = as_arena_new();
    assay_status status = arena ? as_interner_new(arena, &r->interner, error) : no_memory(error);
    if (status == ASSAY_OK)
        status = as_splitter_new(arena, "whitespace", NULL, "data stats", &r->whitespace, error);
    for (size_t t = 0; status == ASSAY_OK && t < p->config->n_tokenizers; t++) {
        const as_statistics_tokenizer *tokenizer = &p->config->tokenizers[t];
        if (tokenizer->wordpiece && !r->scratch && !(r->scratch = as_wordpiece_scratch_new()))
            status = no_memory(error);
        else if (!tokenizer->wordpiece)
            status = as_splitter_new(arena, tokenizer->kind, tokenizer->pattern, "tokenizer",
                                     &r->splitters[t], error);
    }
    return status;
}

static void close_reader(reader *r) {
    as_splitter_free(r->whitespace);
    for (size_t t = 0; t < AS_STATISTICS_TOKENIZERS; t++)
        as_splitter_free(r->splitters[t]);
    as_wordpiece_scratch_free(r->scratch);
}

static assay_status read_share(void *context, size_t index, assay_error *error) {
    pass_job *job = context;
    as_text_pass *p = job->pass;
    reader *r = &job->readers[index];
    uint32_t last = (uint32_t)as_worker_first(index + 1, job->n_workers, p->n_rows);
    assay_status status = open_reader(p, index, r, error);
    for (uint32_t i = (uint32_t)as_worker_first(index, job->n_workers, p->n_rows);
         status == ASSAY_OK && i < last; i++)
        status = read_row(p, r, i, error);
    close_reader(r);
    p->blocks[index] = r->numbers;
    return status;
}

/* Makes a worker's numbers those of the first worker's interner. */
static assay_status renumber(pass_job *job, size_t index, assay_error *error) {
    reader *to = &job->readers[0], *from = &job->readers[index];
    uint32_t n = as_interner_count(from->interner);
    uint32_t *map = malloc((size_t)n * sizeof *map + 1);
    assay_status status = map ? ASSAY_OK : no_memory(error);
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++) {
        size_t n_bytes;
        const char *word = as_interner_word(from->interner, i, &n_bytes);
        status = as_interner_add(to->interner, word, n_bytes, &map[i], error);
    }
    for (size_t i = 0; status == ASSAY_OK && i < from->n; i++)
        from->numbers[i] = map[from->numbers[i]];
    free(map);
    return status;
}

static void point_rows(pass_job *job) {
    as_text_pass *p = job->pass;
    for (size_t w = 0; w < job->n_workers; w++) {
        uint32_t *at = job->readers[w].numbers;
        uint32_t last = (uint32_t)as_worker_first(w + 1, job->n_workers, p->n_rows);
        for (uint32_t i = (uint32_t)as_worker_first(w, job->n_workers, p->n_rows); i < last; i++) {
            p->row_words[i] = at;
            at = at ? at + p->tokens[p->word_level][i] : NULL;
        }
    }
}

static assay_status allocate(as_arena *arena, as_text_pass *p, assay_error *error) {
    bool made = true;
    p->characters = as_arena_alloc_array(arena, p->n_rows, sizeof *p->characters);
    p->words = as_arena_alloc_array(arena, p->n_rows, sizeof *p->words);
    p->digests = as_arena_alloc_array(arena, p->n_rows, sizeof *p->digests);
    p->row_words = as_arena_alloc_array(arena, p->n_rows, sizeof *p->row_words);
    for (size_t t = 0; t < p->config->n_tokenizers; t++) {
        p->tokens[t] = as_arena_alloc_array(arena, p->n_rows, sizeof *p->tokens[t]);
        made = made && p->tokens[t];
        if (!p->has_words && !p->config->tokenizers[t].wordpiece) {
            p->has_words = true;
            p->word_level = t;
        }
    }
    return made && p->characters && p->words && p->digests && p->row_words ? ASSAY_OK
                                                                           : no_memory(error);
}

assay_status as_text_pass_run(as_arena *arena, const as_dataset_row *rows, uint32_t n_rows,
                              const as_statistics_config *config, as_text_pass *ret_pass,
                              assay_error *error) {
    as_text_pass pass = {.rows = rows, .n_rows = n_rows, .config = config};
    pass_job job = {.pass = &pass, .n_workers = as_worker_count(config->threads, n_rows)};
    assay_status status = ASSAY_OK;
    if (sodium_init() < 0) /* once, before several threads draw keys */
        return as_fail(error, ASSAY_INTERNAL, "data stats", "libsodium cannot be initialised");
    status = allocate(arena, &pass, error);
    if (status == ASSAY_OK)
        status = as_workers_run(job.n_workers, read_share, &job, error);
    for (size_t w = 1; status == ASSAY_OK && w < job.n_workers; w++)
        status = renumber(&job, w, error);
    if (status != ASSAY_OK) {
        as_text_pass_done(&pass);
        return status;
    }
    if (pass.has_words)
        point_rows(&job);
    pass.interner = job.readers[0].interner;
    *ret_pass = pass;
    return ASSAY_OK;
}

void as_text_pass_done(as_text_pass *pass) {
    for (size_t i = 0; i < AS_MAX_WORKERS; i++) {
        free(pass->blocks[i]);
        as_arena_free(pass->arenas[i]);
    }
}
