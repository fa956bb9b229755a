/* SPDX-License-Identifier: MIT */
/* WordPiece tokenizers from files and folders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "data/resources/stream.h"
#include "data/tokenizers/tokenizer_json.h"
#include "data/tokenizers/wordpiece_model.h"
#include "data/tokenizers/wordpiece_vocab.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the vocabulary");
}

assay_status as_wordpiece_from_json(as_arena *arena, const char *bytes, size_t n_bytes,
                                    const char *name, const as_wordpiece_options *options,
                                    as_wordpiece **ret_wordpiece, assay_error *error) {
    json_t *json = NULL;
    as_wordpiece_source source;
    assay_status status = as_json_parse(bytes, n_bytes, name, &json, error);
    if (status == ASSAY_OK)
        status = as_tokenizer_json_read(arena, json, name, &source, error);
    if (status == ASSAY_OK) {
        as_wordpiece_apply_options(options, &source.rules);
        status = as_wordpiece_build(arena, &source, ret_wordpiece, error);
    }
    json_decref(json);
    return status;
}

static assay_status load_config(as_arena *arena, const char *path, as_vocab_settings *settings,
                                assay_error *error) {
    json_t *config = NULL;
    assay_status status = as_json_load(path, &config, error);
    if (status == ASSAY_OK)
        status = as_vocab_settings_read(arena, config, path, settings, error);
    json_decref(config);
    return status;
}

/* Does the file's name end in .json, a compression's suffix aside? */
static bool is_json(const char *path) {
    static const char *const packed[] = {".gz", ".bz2", ".xz", ".zst"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
        size_t n_suffix = strlen(packed[i]);
        if (n > n_suffix && strcmp(path + n - n_suffix, packed[i]) == 0) {
            n -= n_suffix;
            break;
        }
    }
    return n >= 5 && memcmp(path + n - 5, ".json", 5) == 0;
}

static assay_status read_file(const char *path, const char *member, char **ret_bytes,
                              size_t *ret_n_bytes, assay_error *error) {
    as_stream *stream = NULL;
    assay_status status = as_stream_open(path, member, AS_WORDPIECE_MAX_FILE_BYTES, &stream, error);
    if (status == ASSAY_OK)
        status = as_stream_read_all(stream, ret_bytes, ret_n_bytes, error);
    as_stream_close(stream);
    return status;
}

/* tokenizer_config.json beside a file named vocab.txt; NULL: none. */
static assay_status find_config(as_arena *arena, const char *path, const char **ret_config,
                                assay_error *error) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n_folder = (size_t)(name - path);
    *ret_config = NULL;
    if (strncmp(name, "vocab.txt", strlen("vocab.txt")) != 0)
        return ASSAY_OK;
    size_t size = n_folder + sizeof "tokenizer_config.json";
    char *config = as_arena_alloc(arena, size);
    if (!config)
        return no_memory(path, error);
    snprintf(config, size, "%.*stokenizer_config.json", (int)n_folder, path);
    if (as_path_exists(config))
        *ret_config = config;
    return ASSAY_OK;
}

assay_status as_wordpiece_load_file(as_arena *arena, const char *path, const char *member,
                                    const as_wordpiece_options *options,
                                    as_wordpiece **ret_wordpiece, assay_error *error) {
    as_vocab_settings settings = as_vocab_settings_default();
    const char *config = NULL;
    char *bytes = NULL;
    size_t n_bytes = 0;
    assay_status status = read_file(path, member, &bytes, &n_bytes, error);
    if (status == ASSAY_OK && is_json(member ? member : path)) {
        status = as_wordpiece_from_json(arena, bytes, n_bytes, path, options, ret_wordpiece, error);
        goto done;
    }
    if (status == ASSAY_OK && !member)
        status = find_config(arena, path, &config, error);
    if (status == ASSAY_OK && config)
        status = load_config(arena, config, &settings, error);
    if (status == ASSAY_OK)
        status =
            as_vocab_read(arena, bytes, n_bytes, path, &settings, options, ret_wordpiece, error);
done:
    free(bytes);
    return status;
}

static assay_status load_folder(as_arena *arena, const char *folder,
                                const as_wordpiece_options *options, as_wordpiece **ret_wordpiece,
                                assay_error *error) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.json.xz", "tokenizer.json.gz",
                                        "vocab.txt",      "vocab.txt.xz",      "vocab.txt.gz"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = as_path_join(folder, names[i]);
        if (!path)
            return no_memory(folder, error);
        assay_status status = ASSAY_NOT_FOUND;
        if (as_path_exists(path))
            status = as_wordpiece_load_file(arena, path, NULL, options, ret_wordpiece, error);
        bool found = as_path_exists(path);
        free(path);
        if (found)
            return status;
    }
    return as_fail(error, ASSAY_NOT_FOUND, folder,
                   "the folder holds neither tokenizer.json nor vocab.txt");
}

assay_status as_wordpiece_load(as_arena *arena, const char *path,
                               const as_wordpiece_options *options, as_wordpiece **ret_wordpiece,
                               assay_error *error) {
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return load_folder(arena, path, options, ret_wordpiece, error);
    return as_wordpiece_load_file(arena, path, NULL, options, ret_wordpiece, error);
}
