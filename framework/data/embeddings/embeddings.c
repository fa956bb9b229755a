/* SPDX-License-Identifier: MIT */
/* Opening vectors. The cache is found by the source's SHA-256; a memo of the source's path, size,
 * inode and times (data/cache/store.h) spares hashing a file that has not changed. Where there is
 * no memo the source is hashed in one thread while another reads it as text, and the reading stops
 * if the hash turns out to be that of vectors in the cache. */
#include "data/embeddings/embeddings.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/paths.h"
#include "data/cache/store.h"
#include "data/embeddings/vector_cache.h"
#include "data/embeddings/vector_text.h"
#include "data/resources/resources.h"
#include "data/resources/stream.h"

/* Unpacked text; glove.840B.300d has 5.6 GB. */
#define MAX_TEXT_BYTES (UINT64_C(32) << 30)

struct as_embeddings {
    as_vectors vectors; /* in `map` where that is not empty, else owned */
    as_vector_map map;
    as_sha256_hex sha256;
    char not_cached[200]; /* "": they are */
};

void as_embeddings_free(as_embeddings *e) {
    if (!e)
        return;
    if (e->map.bytes)
        as_vector_cache_close(&e->map);
    else
        as_vectors_done(&e->vectors);
    free(e);
}

int32_t as_embeddings_dimensions(const as_embeddings *embeddings) {
    return embeddings->vectors.dimensions;
}

uint32_t as_embeddings_count(const as_embeddings *embeddings) {
    return embeddings->vectors.n_words;
}

const char *as_embeddings_sha256(const as_embeddings *embeddings) {
    return embeddings->sha256.text;
}

const char *as_embeddings_not_cached(const as_embeddings *embeddings) {
    return embeddings->map.bytes ? NULL : embeddings->not_cached;
}

const float *as_embeddings_find(const as_embeddings *embeddings, const char *word, size_t n_bytes) {
    const as_vectors *v = &embeddings->vectors;
    int64_t number = as_vectors_find(v, word, n_bytes);
    return number < 0 ? NULL : v->values + (size_t)number * (size_t)v->dimensions;
}

/* ---- opening ----------------------------------------------------------------------------------*/

/* One call of as_embeddings_open. */
typedef struct opening {
    as_arena *arena;
    const char *path, *member, *folder; /* folder of the cache; NULL: none */
    int32_t dimensions;
    as_embeddings *made;
    struct stat before; /* the source, before it was read */
    assay_error *error;
    /* the hashing thread's */
    as_sha256_hex sha256;
    assay_status hash_status;
    assay_error hash_error;
    atomic_bool found; /* the cache has them: they are in `made` */
} opening;

static as_vector_key key_of(const opening *o, const as_sha256_hex *sha256) {
    const char *member = o->member ? o->member : "";
    return (as_vector_key){*sha256, as_sha256_bytes(member, strlen(member))};
}

/* FOLDER/embeddings/SHA256, and 16 digits of the member's hash behind it. */
static bool cache_file(const opening *o, const as_vector_key *key, char file[PATH_MAX]) {
    int n = snprintf(file, PATH_MAX, "%s/embeddings/%s%s%.16s", o->folder ? o->folder : "",
                     key->source.text, o->member ? "-" : "", o->member ? key->member.text : "");
    return o->folder && n > 0 && n < PATH_MAX;
}

static bool open_cached(opening *o, const as_sha256_hex *sha256) {
    char file[PATH_MAX];
    as_vector_key key = key_of(o, sha256);
    if (!cache_file(o, &key, file) ||
        as_vector_cache_open(file, &key, &o->made->map, &o->made->vectors, NULL) != ASSAY_OK)
        return false;
    o->made->sha256 = *sha256;
    return true;
}

static void *hash_source(void *argument) {
    opening *o = argument;
    o->hash_status = as_sha256_file(o->path, &o->sha256, &o->hash_error);
    if (o->hash_status == ASSAY_OK && open_cached(o, &o->sha256))
        atomic_store(&o->found, true);
    return NULL;
}

static assay_status read_text(opening *o, as_vectors *ret_vectors, assay_error *error) {
    as_stream *stream = NULL;
    assay_status status = as_stream_open(o->path, o->member, MAX_TEXT_BYTES, &stream, error);
    if (status == ASSAY_OK)
        status = as_vector_text_read(stream, o->dimensions, &o->found, ret_vectors, error);
    as_stream_close(stream);
    return status;
}

static bool is_unchanged(const opening *o) {
    struct stat now;
    return stat(o->path, &now) == 0 && now.st_size == o->before.st_size &&
           now.st_ino == o->before.st_ino && now.st_dev == o->before.st_dev &&
           memcmp(&now.st_mtim, &o->before.st_mtim, sizeof now.st_mtim) == 0 &&
           memcmp(&now.st_ctim, &o->before.st_ctim, sizeof now.st_ctim) == 0;
}

/* Is the file's last change so far back that another one would have another time stamp? They tick
 * every few milliseconds. */
static bool is_settled(const opening *o) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age = (double)(now.tv_sec - o->before.st_ctim.tv_sec) +
                 1e-9 * (double)(now.tv_nsec - o->before.st_ctim.tv_nsec);
    return age > 0.1;
}

static const char memo_reading[] = "embeddings";

static bool recall(const opening *o, as_sha256_hex *ret_sha256) {
    as_source_memo memo;
    if (!o->folder || !as_cache_recall(o->arena, o->folder, o->path, memo_reading, &memo))
        return false;
    *ret_sha256 = memo.content;
    return true;
}

static void remember(const opening *o, const as_sha256_hex *sha256) {
    const as_source_memo memo = {*sha256, *sha256};
    if (o->folder && is_settled(o))
        as_cache_remember(o->arena, o->folder, o->path, memo_reading, &memo);
}

static void keep_why(opening *o, const assay_error *why) {
    snprintf(o->made->not_cached, sizeof o->made->not_cached, "%.100s: %.90s", why->where,
             why->text);
}

/* Begins to store what was read; the writer stays empty where that cannot be done. */
static void begin_store(opening *o, const as_vectors *vectors, as_vector_writer *writer) {
    char folder[PATH_MAX];
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_NOT_FOUND;
    if (!o->folder)
        status = assay_fail(&why, status, "cache", "there is no folder for it");
    else if (snprintf(folder, sizeof folder, "%s/embeddings", o->folder) < PATH_MAX)
        status = as_make_folders(folder, &why);
    if (status == ASSAY_OK)
        status = as_vector_cache_begin(folder, vectors, writer, &why);
    if (status != ASSAY_OK)
        keep_why(o, &why);
}

/* Makes what was stored the cache's and maps it instead of what is in memory. */
static void finish_store(opening *o, as_vector_writer *writer) {
    char file[PATH_MAX];
    as_vector_key key = key_of(o, &o->sha256);
    as_vectors mapped;
    assay_error why = ASSAY_ERROR_INIT;
    if (!writer->vectors || !cache_file(o, &key, file))
        return;
    assay_status status = as_vector_cache_commit(writer, file, &key, &why);
    if (status == ASSAY_OK)
        status = as_vector_cache_open(file, &key, &o->made->map, &mapped, &why);
    if (status != ASSAY_OK) {
        keep_why(o, &why);
        return;
    }
    as_vectors_done(&o->made->vectors);
    o->made->vectors = mapped;
}

/* The vectors as read, unless something was wrong with the source. */
static assay_status check_made(opening *o, assay_status status, const assay_error *text_error) {
    if (status != ASSAY_OK)
        return assay_fail(o->error, status, text_error->where, text_error->text);
    if (o->hash_status != ASSAY_OK)
        return assay_fail(o->error, o->hash_status, o->hash_error.where, o->hash_error.text);
    if (!is_unchanged(o))
        return as_fail(o->error, ASSAY_IO, o->path, "changed while it was read; try again");
    return ASSAY_OK;
}

/* Reads and hashes the source, and stores what it holds unless the cache has it. */
static assay_status make(opening *o) {
    pthread_t thread;
    as_vectors vectors = {0};
    as_vector_writer writer = {0};
    assay_error text_error = ASSAY_ERROR_INIT;
    bool threaded = pthread_create(&thread, NULL, hash_source, o) == 0;
    if (!threaded)
        hash_source(o);
    assay_status status = read_text(o, &vectors, &text_error);
    if (status == ASSAY_OK && !atomic_load(&o->found))
        begin_store(o, &vectors, &writer);
    if (threaded)
        pthread_join(thread, NULL);
    if (atomic_load(&o->found)) /* whatever became of the text: it has been read before */
        status = ASSAY_OK;
    else
        status = check_made(o, status, &text_error);
    if (status == ASSAY_OK && !atomic_load(&o->found)) {
        o->made->vectors = vectors;
        o->made->sha256 = o->sha256;
        vectors = (as_vectors){0};
        writer.vectors = writer.vectors ? &o->made->vectors : NULL;
        finish_store(o, &writer);
    }
    if (status == ASSAY_OK)
        remember(o, &o->sha256);
    as_vector_cache_abandon(&writer);
    as_vectors_done(&vectors);
    return status;
}

static assay_status check_source(opening *o) {
    if (stat(o->path, &o->before) != 0)
        return as_fail(o->error, ASSAY_NOT_FOUND, o->path, "there is no such file");
    if (!S_ISREG(o->before.st_mode))
        return as_fail(o->error, ASSAY_BAD_DATA, o->path,
                       "is no file; give a file of vectors, plain, compressed or in an archive");
    return ASSAY_OK;
}

static assay_status check_dimensions(const opening *o) {
    int32_t found = o->made->vectors.dimensions;
    if (o->dimensions == 0 || found == o->dimensions)
        return ASSAY_OK;
    return as_fail(o->error, ASSAY_BAD_DATA, o->path, "the vectors have %d dimensions; expected %d",
                   found, o->dimensions);
}

assay_status as_embeddings_open(const char *path, const char *member, int32_t dimensions,
                                const char *cache_dir, as_embeddings **ret_embeddings,
                                assay_error *error) {
    opening o = {.path = path,
                 .member = member,
                 .dimensions = dimensions,
                 .error = error,
                 .hash_error = ASSAY_ERROR_INIT};
    as_sha256_hex known;
    assay_status status = ASSAY_OK;
    o.arena = as_arena_new();
    o.made = calloc(1, sizeof *o.made);
    if (!o.arena || !o.made)
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to read it");
    if (status == ASSAY_OK)
        status = check_source(&o);
    if (status == ASSAY_OK && as_cache_folder(o.arena, cache_dir, &o.folder, NULL) != ASSAY_OK)
        o.folder = NULL;
    if (status == ASSAY_OK && !(recall(&o, &known) && open_cached(&o, &known)))
        status = make(&o);
    if (status == ASSAY_OK)
        status = check_dimensions(&o);
    if (status == ASSAY_OK)
        *ret_embeddings = o.made;
    else
        as_embeddings_free(o.made);
    as_arena_free(o.arena);
    return status;
}

/* What the manifest says of the vectors; nothing where `resource` is the path of a file. */
static void read_manifest(as_arena *arena, const char *resource, int64_t *ret_dimensions,
                          int64_t *ret_n_words) {
    as_manifest manifest;
    if (as_manifest_load(arena, resource, &manifest, NULL) != ASSAY_OK)
        return;
    *ret_dimensions = manifest.dimensions;
    *ret_n_words = manifest.n_words;
    as_manifest_done(&manifest);
}

assay_status as_embeddings_load(const as_embedding_config *config, const char *data_dir,
                                as_embeddings **ret_embeddings, assay_error *error) {
    const char *path, *member;
    int64_t dimensions = 0, n_words = 0;
    as_embeddings *e = NULL;
    as_arena *arena = as_arena_new();
    if (!arena)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, config->resource, "no memory to find it");
    assay_status status = as_resource_file(arena, config->resource, "embeddings", "vectors",
                                           data_dir, &path, &member, error);
    if (status == ASSAY_OK)
        read_manifest(arena, config->resource, &dimensions, &n_words);
    if (status == ASSAY_OK)
        status = as_embeddings_open(path, member, (int32_t)dimensions, NULL, &e, error);
    if (status == ASSAY_OK && n_words && n_words != e->vectors.n_words)
        status = as_fail(error, ASSAY_BAD_DATA, path, "has %u words; its manifest states %lld",
                         e->vectors.n_words, (long long)n_words);
    if (status == ASSAY_OK)
        *ret_embeddings = e;
    else
        as_embeddings_free(e);
    as_arena_free(arena);
    return status;
}
