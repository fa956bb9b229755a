/* SPDX-License-Identifier: MIT */
/* as_prepare: the image of the same preparation from the cache, or a new one; then what a cell
 * needs beside the rows (encoder, vectors, weights). A cold and a warm preparation differ only in
 * where the image comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/paths.h"
#include "data/cache/store.h"
#include "data/embeddings/tfidf.h"
#include "data/prepare/build.h"
#include "data/resources/resources.h"
#include "data/splits/balance.h"
#include "data/tokenizers/encoder.h"

struct as_prepared_owned {
    as_image *image;
    as_cleaner *cleaner;
    as_splitter *splitter;
    as_wordpiece_scratch *scratch;
    as_embeddings *embeddings;
    json_t *report;
};

typedef struct preparation {
    as_arena *arena;     /* the result's */
    as_arena *scratch;   /* the data set's, counts' */
    as_data_config data; /* order resolved */
    const as_tokenizer_config *tokenizer;
    const json_t *cleaning;
    const char *data_dir, *cache; /* cache NULL: there is no folder for it */
    as_manifest manifest;
    const char *source; /* path; NULL: generated */
    as_sha256_hex reading;
    as_wordpiece *wordpiece;
    as_prepared *out;
    struct as_prepared_owned *owned;
    as_image_content content;
    assay_error *error;
} preparation;

static assay_status no_memory(const preparation *p) {
    return assay_fail(p->error, ASSAY_OUT_OF_MEMORY, "data", "no memory for the prepared data");
}

void as_prepared_free(as_prepared *prepared) {
    struct as_prepared_owned *owned = prepared ? prepared->owned : NULL;
    if (!owned)
        return;
    as_cleaner_free(owned->cleaner);
    as_splitter_free(owned->splitter);
    as_wordpiece_scratch_free(owned->scratch);
    as_embeddings_free(owned->embeddings);
    json_decref(owned->report);
    as_image_close(owned->image);
    *owned = (struct as_prepared_owned){0};
}

/* ---- before the data --------------------------------------------------------------------------*/

/* The encoder's parts that can be made without the data; wrong settings are told before anything is
 * read. */
static assay_status make_tools(preparation *p) {
    const as_tokenizer_config *t = p->tokenizer;
    as_where place = as_where_join(p->data.where ? p->data.where : "data", "/", "cleaning");
    assay_status status = as_cleaner_new(p->cleaning, place.text, &p->owned->cleaner, p->error);
    if (status != ASSAY_OK)
        return status;
    if (strcmp(t->kind, "wordpiece") == 0) {
        const as_wordpiece_options options = {t->lower_case, t->split_chinese, t->strip_accents};
        const char *path, *member;
        status = as_resource_file(p->scratch, t->vocabulary, "vocabulary", "vocabulary",
                                  p->data_dir, &path, &member, p->error);
        if (status == ASSAY_OK)
            status =
                as_wordpiece_load_file(p->arena, path, member, &options, &p->wordpiece, p->error);
        if (status == ASSAY_OK && !(p->owned->scratch = as_wordpiece_scratch_new()))
            status = no_memory(p);
    } else {
        status = as_splitter_new(p->arena, t->kind, t->pattern, "tokenizer", &p->owned->splitter,
                                 p->error);
    }
    if (status == ASSAY_OK && (t->vocab_size <= AS_TOKEN_FIRST_WORD || t->max_tokens < 1))
        status = as_fail(p->error, ASSAY_INVALID_ARGUMENT, "tokenizer",
                         "vocab_size %d must be over %d, max_tokens %d at least 1", t->vocab_size,
                         AS_TOKEN_FIRST_WORD, t->max_tokens);
    if (status == ASSAY_OK && t->embeddings)
        status = as_embeddings_load(t->embeddings, p->data_dir, &p->owned->embeddings, p->error);
    if (status == ASSAY_OK && t->padded && t->token_weights)
        status = assay_fail(p->error, ASSAY_INVALID_ARGUMENT, "tokenizer/padding",
                            "\"max_tokens\" makes token weights of its own (0 for padding); remove "
                            "the entry's \"token_weights\"");
    if (status == ASSAY_OK && t->padded && p->wordpiece && as_wordpiece_pad_id(p->wordpiece) < 0)
        status = assay_fail(p->error, ASSAY_INVALID_ARGUMENT, "tokenizer/padding",
                            "the vocabulary has no [PAD] to fill texts up with");
    if (status == ASSAY_OK && t->pretrained_first && !t->embeddings)
        status = assay_fail(p->error, ASSAY_INVALID_ARGUMENT, "tokenizer",
                            "\"pretrained_first\" needs the entry's \"embeddings\"");
    return status;
}

/* Digest of everything in the manifest that decides what is read, or is told of it. */
static assay_status digest_reading(preparation *p) {
    static const char *const fields[] = {"name",   "kind",          "license", "citation",
                                         "reader", "splits",        "labels",  "label_map",
                                         "limits", "content_sha256"};
    json_t *parts = json_object();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        json_object_set(parts, fields[i], json_object_get(p->manifest.json, fields[i]));
    return as_cache_key(parts, &p->reading, p->error);
}

static assay_status find_source(preparation *p) {
    assay_status status = as_manifest_load(p->scratch, p->data.resource, &p->manifest, p->error);
    if (status != ASSAY_OK)
        return status;
    if (p->data.order < 0)
        p->data.order = p->manifest.archive_order ? AS_ORDER_ARCHIVE : AS_ORDER_CANONICAL;
    const as_reader *reader = p->manifest.format ? as_reader_find(p->manifest.format) : NULL;
    if (reader && !reader->generates)
        status = as_manifest_locate(p->scratch, &p->manifest, p->data.path, p->data_dir, &p->source,
                                    p->error);
    return status == ASSAY_OK ? digest_reading(p) : status;
}

static assay_status make_key(preparation *p, const as_source_memo *memo, as_sha256_hex *ret_key) {
    bool archive = p->data.order == AS_ORDER_ARCHIVE;
    const char *pretrained =
        p->tokenizer->pretrained_first ? as_embeddings_sha256(p->owned->embeddings) : NULL;
    return as_build_key(&p->data, p->tokenizer, p->cleaning, p->reading.text, memo->content.text,
                        archive ? memo->order.text : NULL,
                        p->wordpiece ? as_wordpiece_digest(p->wordpiece) : NULL, pretrained,
                        ret_key, p->error);
}

/* ---- a new image ------------------------------------------------------------------------------*/

static as_source_memo memo_of(preparation *p, const as_dataset *dataset) {
    as_source_memo memo = {.content = dataset->sha256};
    uint32_t *positions = as_arena_alloc_array(p->scratch, dataset->n_rows, sizeof *positions);
    for (uint32_t i = 0; positions && i < dataset->n_rows; i++)
        positions[i] = dataset->rows[i].position;
    memo.order = as_sha256_bytes(positions, positions ? dataset->n_rows * sizeof *positions : 0);
    return memo;
}

/* Will every text of the source be used? Then work on them begins while it is read. */
static bool wants_everything(const as_data_config *d) {
    bool all = d->subset.n_labels == 0 && d->folds.n == 0 && !d->filter.min_characters &&
               !d->filter.min_words && d->validation.kind != AS_VALIDATION_NONE;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        all = all && d->subset.n_rows[s] == AS_ROWS_ALL;
    return all;
}

/* ... and is it so, now that they are selected? */
static bool uses_everything(const as_build *b) {
    uint64_t n = 0;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        if (s != AS_SPLIT_VALIDATION || !b->selection.validation_is_test)
            n += b->selection.n_rows[s];
    return n == b->dataset.n_rows && b->kept.n_rows == b->dataset.n_rows;
}

static assay_status take_pass(as_build *b, as_text_pass *pass) {
    uint32_t *serials = as_arena_alloc_array(b->arena, b->kept.n_rows, sizeof *serials);
    if (!serials)
        return as_build_no_memory(b);
    for (uint32_t i = 0; i < b->kept.n_rows; i++)
        serials[i] = b->kept.rows[i].serial;
    return as_text_pass_finish(pass, serials);
}

static assay_status build(preparation *p, as_build *b, as_text_pass *pass) {
    assay_status status = as_build_filter(b);
    if (status == ASSAY_OK)
        status = as_select(b->arena, &b->kept, b->data, &b->selection, b->error);
    if (status != ASSAY_OK)
        return status;
    b->out.labels = b->selection.labels;
    b->out.n_labels = b->selection.n_labels;
    b->out.name = p->manifest.name;
    b->out.source = b->source;
    b->out.license = p->manifest.license;
    b->out.citation = p->manifest.citation;
    b->out.n_source_rows = b->dataset.n_rows;
    b->out.sha256 = b->dataset.sha256;
    b->out.identity = !p->manifest.content_sha256 ? AS_IDENTITY_NOT_STATED
                      : strcmp(p->manifest.content_sha256, b->dataset.sha256.text) == 0
                          ? AS_IDENTITY_MATCHES
                          : AS_IDENTITY_DIFFERS;
    status = uses_everything(b) && pass ? take_pass(b, pass) : as_build_texts(b);
    if (status == ASSAY_OK)
        status = as_overlaps_find(b->arena, &b->kept, b->texts, b->data->overlaps.remove,
                                  &b->selection, &b->overlaps, b->error);
    if (status == ASSAY_OK)
        status = as_build_vocabulary(b);
    if (status == ASSAY_OK)
        status = as_balance_rows(b->arena, &b->kept, b->data, &b->selection, b->error);
    if (status == ASSAY_OK)
        status = as_build_rows(b);
    if (status == ASSAY_OK)
        status = as_audit_content(b->out.splits, b->out.n_labels, b->out.vocab_size,
                                  b->wordpiece ? 0 : AS_TOKEN_FIRST_WORD, &b->content, b->error);
    return status == ASSAY_OK ? as_build_report(b) : status;
}

/* The image of a data set that has been read: it may be there all the same (a folder is known only
 * by reading it), else it is made. */
static assay_status find_or_build(preparation *p, as_build *b, as_text_pass *pass) {
    as_sha256_hex key;
    char why_not[200];
    as_where place = as_where_join(p->data.where ? p->data.where : "data", "/", "order");
    assay_status status = as_dataset_check_order(&b->dataset, (as_order)p->data.order, b->source,
                                                 place.text, p->error);
    if (status != ASSAY_OK)
        return status;
    const as_source_memo memo = memo_of(p, &b->dataset);
    if (p->source)
        as_cache_remember(p->scratch, p->cache, p->source, p->reading.text, &memo);
    if ((status = make_key(p, &memo, &key)) != ASSAY_OK)
        return status;
    if (as_cache_open(p->arena, p->cache, key.text, &p->owned->image, &p->content, NULL) ==
        ASSAY_OK) {
        p->out->from_cache = true;
        return ASSAY_OK;
    }
    status = build(p, b, pass);
    if (status == ASSAY_OK)
        status = as_cache_store(p->arena, p->cache, key.text, &b->out, &p->owned->image,
                                &p->content, why_not, p->error);
    if (status == ASSAY_OK && why_not[0])
        p->out->cache_problem = as_arena_strdup(p->arena, why_not);
    return status;
}

static assay_status make_image(preparation *p) {
    as_build b = {.arena = p->scratch,
                  .data = &p->data,
                  .tokenizer = p->tokenizer,
                  .cleaning = p->cleaning,
                  .wordpiece = p->wordpiece,
                  .embeddings = p->owned->embeddings,
                  .threads = (int)sysconf(_SC_NPROCESSORS_ONLN),
                  .error = p->error};
    as_text_pass *pass = NULL;
    assay_status status = ASSAY_OK;
    if (b.threads > 1 && wants_everything(&p->data))
        status = as_text_pass_begin(&b, &pass);
    const as_dataset_listener listener = {pass, as_text_pass_give};
    if (status == ASSAY_OK)
        status = as_dataset_load_to(p->scratch, &p->manifest, p->data.path, p->data_dir,
                                    pass ? &listener : NULL, &b.dataset, &b.source, p->error);
    if (status == ASSAY_OK)
        status = find_or_build(p, &b, pass);
    as_text_pass_end(pass);
    for (int i = 0; i < b.n_worker_arenas; i++)
        as_arena_free(b.worker_arenas[i]);
    return status;
}

static assay_status find_image(preparation *p) {
    as_source_memo memo;
    as_sha256_hex key;
    if (p->source && as_cache_recall(p->scratch, p->cache, p->source, p->reading.text, &memo)) {
        assay_status status = make_key(p, &memo, &key);
        if (status != ASSAY_OK)
            return status;
        if (as_cache_open(p->arena, p->cache, key.text, &p->owned->image, &p->content, NULL) ==
            ASSAY_OK) {
            p->out->from_cache = true;
            return ASSAY_OK;
        }
    }
    return make_image(p);
}

/* ---- beside the rows --------------------------------------------------------------------------*/

static assay_status describe(preparation *p) {
    const as_image_content *c = &p->content;
    as_prepared *out = p->out;
    out->name = c->name;
    /* The same content may have been cached from another place. */
    out->source = p->source ? as_arena_strdup(p->arena, p->source) : c->source;
    if (!out->source)
        return no_memory(p);
    out->license = c->license;
    out->citation = c->citation;
    out->labels = c->labels;
    out->n_labels = c->n_labels;
    out->n_source_rows = c->n_source_rows;
    memcpy(out->splits, c->splits, sizeof out->splits);
    out->sha256 = c->sha256;
    out->rows_sha256 = c->rows_sha256;
    out->identity = c->identity;
    out->vocab_size = c->vocab_size;
    out->max_tokens = p->tokenizer->max_tokens;
    out->validation_is_test = p->data.validation.kind == AS_VALIDATION_TEST;
    out->removals_csv = c->removals_csv;
    out->warnings = c->warnings;
    out->n_warnings = c->n_warnings;
    assay_status status =
        as_json_parse(c->report, strlen(c->report), "cache", &p->owned->report, p->error);
    out->report = p->owned->report;
    return status;
}

static assay_status make_encoder(preparation *p) {
    as_vocabulary *vocabulary = NULL;
    assay_status status = ASSAY_OK;
    if (!p->wordpiece)
        status = as_vocabulary_from_words(p->arena, p->content.words, p->content.word_bytes,
                                          p->content.n_words, &vocabulary, p->error);
    if (status != ASSAY_OK)
        return status;
    p->out->vocabulary = vocabulary;
    const as_encoder_parts parts = {.cleaner = p->owned->cleaner,
                                    .splitter = p->owned->splitter,
                                    .vocabulary = vocabulary,
                                    .wordpiece = p->wordpiece,
                                    .scratch = p->owned->scratch,
                                    .special = p->tokenizer->special,
                                    .padded = p->tokenizer->padded,
                                    .max_tokens = p->tokenizer->max_tokens};
    return as_encoder_new(p->arena, &parts, &p->out->encoder, p->error);
}

static assay_status make_embeddings(preparation *p) {
    as_embedding_table *table = as_arena_alloc(p->arena, sizeof *table);
    if (!p->owned->embeddings)
        return ASSAY_OK;
    if (!table)
        return no_memory(p);
    if (p->wordpiece)
        return assay_fail(p->error, ASSAY_INVALID_ARGUMENT, "embeddings",
                          "belong to whole words; the tokenizer \"wordpiece\" has pieces");
    assay_status status = as_embedding_table_new(p->arena, p->owned->embeddings, p->out->vocabulary,
                                                 p->tokenizer->embeddings, table, p->error);
    if (status != ASSAY_OK)
        return status;
    p->out->embeddings = table;
    if (!p->out->cache_problem)
        p->out->cache_problem = as_embeddings_not_cached(p->owned->embeddings);
    json_object_set_new(p->owned->report, "embeddings",
                        json_pack("{s:s, s:I, s:I, s:f, s:f}", "sha256", table->sha256, "found",
                                  (json_int_t)table->n_found, "missing",
                                  (json_int_t)table->n_missing, "mean", table->mean, "std",
                                  table->std));
    return ASSAY_OK;
}

static assay_status make_token_weights(preparation *p) {
    as_tfidf *tfidf;
    if (!p->tokenizer->token_weights)
        return ASSAY_OK;
    assay_status status =
        as_tfidf_fit(p->arena, &p->out->splits[AS_SPLIT_TRAIN], p->out->vocab_size,
                     p->tokenizer->token_weights, &tfidf, p->error);
    if (status == ASSAY_OK)
        p->out->token_weights = tfidf;
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++) {
        const as_split_rows *split = &p->out->splits[s];
        float *weights = as_arena_alloc_array(p->arena, (size_t)split->n_tokens, sizeof *weights);
        as_row *rows = as_arena_alloc_array(p->arena, split->n_rows, sizeof *rows);
        if (!weights || !rows)
            return no_memory(p);
        for (uint32_t i = 0; i < split->n_rows; i++) {
            rows[i] = split->rows[i];
            as_tfidf_weights(tfidf, rows[i].ids, rows[i].n_ids, weights);
            rows[i].weights = weights;
            weights += rows[i].n_ids;
        }
        p->out->splits[s].rows = rows;
    }
    return status;
}

/* ---- padding ----------------------------------------------------------------------------------*/

/* Rows with PAD behind them; ones are max_tokens 1s and as many 0s. */
static assay_status pad_split(preparation *p, as_split_rows *split, const float *ones) {
    int32_t max = p->tokenizer->max_tokens;
    int32_t pad = p->wordpiece ? as_wordpiece_pad_id(p->wordpiece) : AS_TOKEN_PAD;
    as_row *rows = as_arena_alloc_array(p->arena, split->n_rows, sizeof *rows);
    int32_t *ids = as_arena_alloc_array(p->arena, split->n_rows, (size_t)max * sizeof *ids);
    if (!rows || !ids)
        return no_memory(p);
    for (uint32_t i = 0; i < split->n_rows; i++, ids += max) {
        int32_t n = split->rows[i].n_ids;
        memcpy(ids, split->rows[i].ids, (size_t)n * sizeof *ids);
        for (int32_t t = n; t < max; t++)
            ids[t] = pad;
        rows[i] = split->rows[i];
        rows[i].ids = ids;
        rows[i].weights = ones + (max - n);
        rows[i].n_ids = max;
        rows[i].n_padding = max - n;
        split->n_padding += (uint64_t)(max - n);
        split->longest = max;
    }
    split->rows = rows;
    return ASSAY_OK;
}

static assay_status tell_padding(preparation *p) {
    const as_split_rows *train = &p->out->splits[AS_SPLIT_TRAIN];
    const char **warnings =
        as_arena_alloc_array(p->arena, p->out->n_warnings + 1, sizeof *warnings);
    double all = (double)(train->n_tokens + train->n_padding);
    double share = all > 0 ? (double)train->n_padding / all : 0;
    char text[320];
    snprintf(text, sizeof text,
             "every text is filled up to %d tokens with padding, which the model runs over like "
             "words: %.1f %% of what it computes on train texts; tokens a second count the texts' "
             "own alone",
             p->tokenizer->max_tokens, 100 * share);
    if (!warnings)
        return no_memory(p);
    for (size_t i = 0; i < p->out->n_warnings; i++)
        warnings[i] = p->out->warnings[i];
    if (!(warnings[p->out->n_warnings++] = as_arena_strdup(p->arena, text)))
        return no_memory(p);
    p->out->warnings = warnings;
    json_object_set_new(
        p->owned->report, "padding",
        json_pack("{s:i, s:f}", "max_tokens", p->tokenizer->max_tokens, "share_of_train", share));
    return ASSAY_OK;
}

/* The image, and everything that was counted in it, knows of no padding, so that padded and
 * unpadded entries share it. */
static assay_status make_padding(preparation *p) {
    int32_t max = p->tokenizer->max_tokens;
    assay_status status = ASSAY_OK;
    if (!p->tokenizer->padded)
        return ASSAY_OK;
    float *ones = as_arena_alloc_array(p->arena, (size_t)max, 2 * sizeof *ones);
    if (!ones)
        return no_memory(p);
    for (int32_t i = 0; i < max; i++)
        ones[i] = 1;
    for (int s = 0; s < AS_SPLIT_COUNT && status == ASSAY_OK; s++)
        status = pad_split(p, &p->out->splits[s], ones);
    return status == ASSAY_OK ? tell_padding(p) : status;
}

static assay_status make_class_weights(preparation *p) {
    const as_split_rows *train = &p->out->splits[AS_SPLIT_TRAIN];
    as_balance kind = p->data.balance;
    double *weights = as_arena_alloc_array(p->arena, p->out->n_labels, sizeof *weights);
    if (kind != AS_BALANCE_CLASS_WEIGHTS && kind != AS_BALANCE_WEIGHTED_SAMPLING)
        return ASSAY_OK;
    if (!weights)
        return no_memory(p);
    as_where place = as_where_join(p->data.where ? p->data.where : "data", "/", "balance");
    assay_status status = as_class_weights(train->counts, p->out->labels, p->out->n_labels,
                                           place.text, weights, p->error);
    if (status != ASSAY_OK)
        return status;
    if (kind == AS_BALANCE_CLASS_WEIGHTS) {
        p->out->class_weights = weights;
        return ASSAY_OK;
    }
    float *rows = as_arena_alloc_array(p->arena, train->n_rows, sizeof *rows);
    if (!rows)
        return no_memory(p);
    for (uint32_t i = 0; i < train->n_rows; i++)
        rows[i] = (float)weights[train->rows[i].label];
    p->out->row_weights = rows;
    return ASSAY_OK;
}

assay_status as_prepare(as_arena *arena, const as_data_config *data,
                        const as_tokenizer_config *tokenizer, const char *data_dir,
                        as_prepared **ret_prepared, assay_error *error) {
    preparation p = {.arena = arena,
                     .scratch = as_arena_new(),
                     .data = *data,
                     .tokenizer = tokenizer,
                     .cleaning = tokenizer->cleaning ? tokenizer->cleaning : data->cleaning,
                     .data_dir = data_dir,
                     .out = as_arena_alloc(arena, sizeof *p.out),
                     .owned = as_arena_alloc(arena, sizeof *p.owned),
                     .error = error};
    assay_status status = p.scratch && p.out && p.owned ? ASSAY_OK : no_memory(&p);
    if (status == ASSAY_OK) {
        p.out->owned = p.owned;
        /* Without any folder for it there is merely no cache. */
        if (as_cache_folder(p.scratch, NULL, &p.cache, NULL) != ASSAY_OK)
            p.cache = NULL;
        status = make_tools(&p);
    }
    if (status == ASSAY_OK)
        status = find_source(&p);
    if (status == ASSAY_OK)
        status = find_image(&p);
    if (status == ASSAY_OK)
        status = describe(&p);
    if (status == ASSAY_OK)
        status = make_encoder(&p);
    if (status == ASSAY_OK)
        status = make_embeddings(&p);
    if (status == ASSAY_OK)
        status = make_token_weights(&p);
    if (status == ASSAY_OK)
        status = make_padding(&p);
    if (status == ASSAY_OK)
        status = make_class_weights(&p);
    if (status == ASSAY_OK)
        *ret_prepared = p.out;
    else if (p.owned)
        as_prepared_free(p.out);
    if (p.manifest.json)
        as_manifest_done(&p.manifest);
    as_arena_free(p.scratch);
    return status;
}
