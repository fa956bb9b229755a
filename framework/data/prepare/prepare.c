/* SPDX-License-Identifier: MIT */
/* as_prepare: the whole way from a manifest to token ids. Only selected texts are cleaned and
 * tokenised; the rest of the data set is dropped on return. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "data/data.h"
#include "data/readers/reader.h"
#include "data/splits/select.h"
#include "data/tokenizers/encoder.h"

typedef struct preparation {
    as_arena *arena;   /* the result's */
    as_arena *scratch; /* the whole data set's, counts' */
    const as_data_config *data;
    const as_tokenizer_config *config;
    as_dataset dataset;
    as_selection selection;
    as_cleaner *cleaner;
    as_splitter *splitter;
    as_prepared *out;
    assay_error *error;
} preparation;

static assay_status no_memory(const preparation *p) {
    return assay_fail(p->error, ASSAY_OUT_OF_MEMORY, "data", "no memory for the prepared data");
}

static assay_status find_tools(preparation *p) {
    char place[256];
    snprintf(place, sizeof place, "%s/cleaning", p->data->where ? p->data->where : "data");
    const json_t *cleaning = p->config->cleaning ? p->config->cleaning : p->data->cleaning;
    assay_status status = as_cleaner_new(cleaning, place, &p->cleaner, p->error);
    if (status == ASSAY_OK)
        status = as_splitter_new(p->arena, p->config->kind, p->config->pattern, "tokenizer",
                                 &p->splitter, p->error);
    if (status == ASSAY_OK &&
        (p->config->vocab_size <= AS_TOKEN_FIRST_WORD || p->config->max_tokens < 1))
        status = as_fail(p->error, ASSAY_INVALID_ARGUMENT, "tokenizer",
                         "vocab_size %d must be over %d, max_tokens %d at least 1",
                         p->config->vocab_size, AS_TOKEN_FIRST_WORD, p->config->max_tokens);
    return status;
}

/* The vocabulary of the train rows, and the encoder. */
static assay_status fit_vocabulary(preparation *p) {
    const as_selection *s = &p->selection;
    const as_vocabulary_rule rule = {.vocab_size = p->config->vocab_size};
    as_word_counts *counts;
    as_vocabulary *vocabulary;
    assay_status status = as_word_counts_new(p->scratch, &counts, p->error);
    for (uint32_t i = 0; i < s->n_rows[AS_SPLIT_TRAIN] && status == ASSAY_OK; i++) {
        const as_dataset_row *row = &p->dataset.rows[s->rows[AS_SPLIT_TRAIN][i]];
        const char *text, *token = "";
        size_t n_bytes, n_token;
        status = as_clean(p->cleaner, row->text, row->n_bytes, &text, &n_bytes, p->error);
        if (status != ASSAY_OK)
            return status;
        as_split_cursor cursor = {text, text, text + n_bytes};
        while (status == ASSAY_OK && token) {
            status = as_splitter_next(p->splitter, &cursor, &token, &n_token, p->error);
            if (status == ASSAY_OK && token)
                status = as_word_counts_add(counts, token, n_token, p->error);
        }
    }
    if (status == ASSAY_OK)
        status = as_vocabulary_new(p->arena, counts, &rule, &vocabulary, p->error);
    if (status != ASSAY_OK)
        return status;
    p->out->vocabulary = vocabulary;
    const as_encoder_parts parts = {.cleaner = p->cleaner,
                                    .splitter = p->splitter,
                                    .vocabulary = vocabulary,
                                    .max_tokens = p->config->max_tokens};
    return as_encoder_new(p->arena, &parts, &p->out->encoder, p->error);
}

/* Fills one row and adds it to the split's numbers. `ids` has room for max_tokens. */
static assay_status encode_row(preparation *p, uint32_t index, int32_t *ids, as_row *row,
                               as_split_rows *split) {
    const as_dataset_row *from = &p->dataset.rows[index];
    as_encoding encoding;
    assay_status status =
        as_encoder_encode(p->out->encoder, from->text, from->n_bytes, ids, &encoding, p->error);
    if (status != ASSAY_OK)
        return status;
    int32_t *kept = as_arena_alloc_array(p->arena, (size_t)encoding.n_ids, sizeof *kept);
    *row = (as_row){.text = as_arena_strndup(p->arena, from->text, from->n_bytes),
                    .name = as_arena_strdup(p->arena, from->name),
                    .ids = kept,
                    .n_bytes = from->n_bytes,
                    .n_ids = encoding.n_ids,
                    .label = p->selection.label_map[from->label],
                    .n_tokens = encoding.n_tokens,
                    .index = index};
    if (!kept || !row->text || !row->name)
        return no_memory(p);
    memcpy(kept, ids, (size_t)encoding.n_ids * sizeof *kept);
    split->n_tokens += (uint64_t)encoding.n_ids;
    split->n_unknown += (uint64_t)encoding.n_unknown;
    split->n_truncated += encoding.truncated;
    split->n_empty += encoding.empty;
    if (encoding.n_ids > split->longest)
        split->longest = encoding.n_ids;
    return ASSAY_OK;
}

static assay_status encode_split(preparation *p, as_split which, int32_t *ids,
                                 as_rows_digest *digest) {
    uint32_t n_rows = p->selection.n_rows[which];
    as_split_rows split = {.split = which, .n_rows = n_rows};
    as_row *rows = as_arena_alloc_array(p->arena, n_rows, sizeof *rows);
    uint32_t *counts = as_arena_alloc_array(p->arena, p->selection.n_labels, sizeof *counts);
    if (!rows || !counts)
        return no_memory(p);
    for (uint32_t i = 0; i < n_rows; i++) {
        assay_status status = encode_row(p, p->selection.rows[which][i], ids, &rows[i], &split);
        if (status != ASSAY_OK)
            return status;
        counts[rows[i].label]++;
        as_rows_digest_add(digest, which, p->out->labels[rows[i].label], rows[i].text,
                           rows[i].n_bytes);
    }
    split.rows = rows;
    split.counts = counts;
    p->out->splits[which] = split;
    return ASSAY_OK;
}

static assay_status encode_all(preparation *p) {
    as_rows_digest digest = as_rows_digest_init();
    int32_t *ids = as_arena_alloc_array(p->scratch, (size_t)p->config->max_tokens, sizeof *ids);
    assay_status status = ids ? ASSAY_OK : no_memory(p);
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++)
        status = encode_split(p, (as_split)s, ids, &digest);
    if (status == ASSAY_OK)
        p->out->rows_sha256 = as_rows_digest_final(&digest);
    return status;
}

/* Copies what describes the data out of the manifest and the selection. */
static assay_status describe(preparation *p, const as_manifest *manifest, const char *source) {
    as_prepared *out = p->out;
    const char **labels = as_arena_alloc_array(p->arena, p->selection.n_labels, sizeof *labels);
    if (!labels)
        return no_memory(p);
    for (uint32_t k = 0; k < p->selection.n_labels; k++)
        if (!(labels[k] = as_arena_strdup(p->arena, p->selection.labels[k])))
            return no_memory(p);
    out->labels = labels;
    out->n_labels = p->selection.n_labels;
    out->name = as_arena_strdup(p->arena, manifest->name);
    out->source = as_arena_strdup(p->arena, source);
    out->license = as_arena_strdup(p->arena, manifest->license);
    out->citation = manifest->citation ? as_arena_strdup(p->arena, manifest->citation) : NULL;
    if (!out->name || !out->source || !out->license || (manifest->citation && !out->citation))
        return no_memory(p);
    out->n_source_rows = p->dataset.n_rows;
    out->sha256 = p->dataset.sha256;
    out->identity = !manifest->content_sha256 ? AS_IDENTITY_NOT_STATED
                    : strcmp(manifest->content_sha256, p->dataset.sha256.text) == 0
                        ? AS_IDENTITY_MATCHES
                        : AS_IDENTITY_DIFFERS;
    out->max_tokens = p->config->max_tokens;
    return ASSAY_OK;
}

assay_status as_prepare(as_arena *arena, const as_data_config *data,
                        const as_tokenizer_config *tokenizer, const char *data_dir,
                        as_prepared **ret_prepared, assay_error *error) {
    preparation p = {.arena = arena,
                     .scratch = as_arena_new(),
                     .data = data,
                     .config = tokenizer,
                     .out = as_arena_alloc(arena, sizeof *p.out),
                     .error = error};
    as_manifest manifest = {0};
    const char *source = NULL;
    assay_status status = p.scratch && p.out ? ASSAY_OK : no_memory(&p);
    if (status == ASSAY_OK)
        status = find_tools(&p);
    if (status == ASSAY_OK)
        status = as_manifest_load(p.scratch, data->resource, &manifest, error);
    if (status == ASSAY_OK)
        status =
            as_dataset_load(p.scratch, &manifest, data->path, data_dir, &p.dataset, &source, error);
    if (status == ASSAY_OK)
        status = as_select(p.scratch, &p.dataset, data, &p.selection, error);
    if (status == ASSAY_OK)
        status = describe(&p, &manifest, source);
    if (status == ASSAY_OK)
        status = as_audit_duplicates(&p.dataset, &p.selection, &p.out->audit, error);
    if (status == ASSAY_OK)
        status = fit_vocabulary(&p);
    if (status == ASSAY_OK)
        status = encode_all(&p);
    if (status == ASSAY_OK)
        *ret_prepared = p.out;
    as_manifest_done(&manifest);
    as_arena_free(p.scratch);
    return status;
}
