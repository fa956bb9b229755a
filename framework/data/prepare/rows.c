/* SPDX-License-Identifier: MIT */
/* The vocabulary, and the rows as a cell gets them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/prepare/build.h"
#include "data/tokenizers/vocabulary.h"

/* ---- vocabulary -------------------------------------------------------------------------------*/

static bool is_pretrained(const void *context, const char *word, size_t n_bytes) {
    return as_embeddings_find(context, word, n_bytes) != NULL;
}

/* How often each word stands in the texts of the splits the vocabulary is fitted on. */
static assay_status count_words(as_build *b, as_word_counts **ret_counts) {
    uint32_t n_words = as_interner_count(b->words);
    uint64_t *counts = as_arena_alloc_array(b->arena, n_words, sizeof *counts);
    as_word_counts *table;
    int last = b->tokenizer->fit_on_validation ? AS_SPLIT_VALIDATION : AS_SPLIT_TRAIN;
    assay_status status = as_word_counts_new(b->arena, &table, b->error);
    if (!counts)
        return as_build_no_memory(b);
    for (int s = AS_SPLIT_TRAIN; s <= last; s++)
        for (uint32_t i = 0; i < b->selection.n_rows[s]; i++) {
            const as_row_tokens *tokens = &b->tokens[b->selection.rows[s][i]];
            for (uint32_t t = 0; t < tokens->n_ids; t++)
                counts[tokens->ids[t]]++;
        }
    for (uint32_t i = 0; i < n_words && status == ASSAY_OK; i++) {
        size_t n_bytes;
        const char *word = as_interner_word(b->words, i, &n_bytes);
        if (counts[i])
            status = as_word_counts_add_n(table, word, n_bytes, counts[i], b->error);
    }
    if (status == ASSAY_OK)
        *ret_counts = table;
    return status;
}

assay_status as_build_vocabulary(as_build *b) {
    as_word_counts *counts = NULL;
    as_vocabulary *vocabulary;
    if (b->wordpiece) {
        b->out.vocab_size = as_wordpiece_vocab_size(b->wordpiece);
        return ASSAY_OK;
    }
    const as_vocabulary_rule rule = {.vocab_size = b->tokenizer->vocab_size,
                                     .min_count = (uint64_t)b->tokenizer->min_count,
                                     .first = b->tokenizer->pretrained_first ? is_pretrained : NULL,
                                     .context = b->embeddings};
    assay_status status = count_words(b, &counts);
    if (status == ASSAY_OK)
        status = as_vocabulary_new(b->arena, counts, &rule, &vocabulary, b->error);
    if (status != ASSAY_OK)
        return status;
    uint32_t n_words = as_interner_count(b->words);
    int32_t size = as_vocabulary_size(vocabulary);
    const char **words =
        as_arena_alloc_array(b->arena, (size_t)(size - AS_TOKEN_FIRST_WORD), sizeof *words);
    uint32_t *word_bytes =
        as_arena_alloc_array(b->arena, (size_t)(size - AS_TOKEN_FIRST_WORD), sizeof *word_bytes);
    b->ids_of = as_arena_alloc_array(b->arena, n_words, sizeof *b->ids_of);
    if (!b->ids_of || !words || !word_bytes)
        return as_build_no_memory(b);
    for (uint32_t i = 0; i < n_words; i++) {
        size_t n_bytes;
        const char *word = as_interner_word(b->words, i, &n_bytes);
        b->ids_of[i] = as_vocabulary_id(vocabulary, word, n_bytes);
    }
    for (int32_t id = AS_TOKEN_FIRST_WORD; id < size; id++) {
        words[id - AS_TOKEN_FIRST_WORD] = as_vocabulary_word(vocabulary, id);
        word_bytes[id - AS_TOKEN_FIRST_WORD] = (uint32_t)as_vocabulary_word_bytes(vocabulary, id);
    }
    b->out.vocab_size = size;
    b->out.words = words;
    b->out.word_bytes = word_bytes;
    b->out.n_words = (uint32_t)(size - AS_TOKEN_FIRST_WORD);
    return ASSAY_OK;
}

/* ---- rows -------------------------------------------------------------------------------------*/

/* Numbers of words become ids, in place; what does not fit is cut. */
static void finish_words(as_build *b, const as_row_tokens *tokens, as_row *row,
                         as_split_rows *split) {
    uint32_t n = tokens->n_ids;
    int32_t *ids = (int32_t *)tokens->ids;
    if (n > (uint32_t)b->tokenizer->max_tokens) {
        n = (uint32_t)b->tokenizer->max_tokens;
        split->n_truncated++;
    }
    for (uint32_t i = 0; i < n; i++)
        split->n_unknown += ids[i] == AS_TOKEN_UNK;
    row->ids = ids;
    row->n_ids = (int32_t)n;
}

/* All rows' tokens at once, before any is used: a row may stand in several splits. */
static void map_ids(as_build *b) {
    for (uint32_t r = 0; r < b->kept.n_rows && !b->wordpiece; r++)
        for (uint32_t i = 0; i < b->tokens[r].n_ids; i++)
            b->tokens[r].ids[i] = (uint32_t)b->ids_of[b->tokens[r].ids[i]];
}

static void add_row(as_build *b, uint32_t kept_row, as_row *row, as_split_rows *split) {
    const as_dataset_row *from = &b->kept.rows[kept_row];
    const as_row_tokens *tokens = &b->tokens[kept_row];
    *row = (as_row){.text = from->text,
                    .name = from->name,
                    .n_bytes = from->n_bytes,
                    .label = b->selection.label_map[from->label],
                    .n_tokens = (int32_t)tokens->n_tokens,
                    .index = b->indices[kept_row]};
    if (b->wordpiece) {
        row->ids = (const int32_t *)tokens->ids;
        row->n_ids = (int32_t)tokens->n_ids;
        split->n_unknown += tokens->n_unknown;
        split->n_truncated += tokens->truncated;
    } else {
        finish_words(b, tokens, row, split);
    }
    split->n_empty += tokens->n_tokens == 0;
    if (!row->n_ids) { /* a model needs a token a row */
        row->ids = &b->only_unknown;
        row->n_ids = 1;
        split->n_unknown++;
    }
    split->n_tokens += (uint64_t)row->n_ids;
    if (row->n_ids > split->longest)
        split->longest = row->n_ids;
}

static assay_status build_split(as_build *b, as_split which, as_rows_digest *digest) {
    uint32_t n_rows = b->selection.n_rows[which];
    as_split_rows split = {.split = which, .n_rows = n_rows};
    as_row *rows = as_arena_alloc_array(b->arena, n_rows, sizeof *rows);
    uint32_t *counts = as_arena_alloc_array(b->arena, b->selection.n_labels, sizeof *counts);
    if (!rows || !counts)
        return as_build_no_memory(b);
    for (uint32_t i = 0; i < n_rows; i++) {
        add_row(b, b->selection.rows[which][i], &rows[i], &split);
        counts[rows[i].label]++;
        as_rows_digest_add(digest, which, b->selection.labels[rows[i].label], rows[i].text,
                           rows[i].n_bytes);
    }
    split.rows = rows;
    split.counts = counts;
    b->out.splits[which] = split;
    return ASSAY_OK;
}

assay_status as_build_rows(as_build *b) {
    as_rows_digest digest = as_rows_digest_init();
    assay_status status = ASSAY_OK;
    b->only_unknown = b->wordpiece ? as_wordpiece_unknown_id(b->wordpiece) : AS_TOKEN_UNK;
    map_ids(b);
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++)
        status = build_split(b, (as_split)s, &digest);
    b->out.rows_sha256 = as_rows_digest_final(&digest); /* also releases it */
    return status;
}
