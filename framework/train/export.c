/* SPDX-License-Identifier: MIT */
/* Exports: the folder, which is filled under another name and appears by one rename, what all
 * formats share, and the format safetensors. */
#include "train/export.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the export");
}

/* ---- files ----------------------------------------------------------------------------------- */

assay_status as_export_text(const char *folder, const char *name, const char *text, size_t n_bytes,
                            assay_error *error) {
    char *path = as_path_join(folder, name);
    assay_status status =
        path ? as_file_write(path, text, n_bytes, error) : no_memory(folder, error);
    free(path);
    return status;
}

assay_status as_export_json(const char *folder, const char *name, json_t *json,
                            assay_error *error) {
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    assay_status status =
        text ? as_export_text(folder, name, text, strlen(text), error) : no_memory(folder, error);
    free(text);
    json_decref(json);
    return status;
}

static assay_status copy_values(void *context, size_t index, double *values, uint64_t n,
                                assay_error *error) {
    const as_safetensors *weights = context;
    size_t n_tensors;
    const as_tensor *tensors = as_safetensors_tensors(weights, &n_tensors);
    return as_tensor_read_f64(weights, &tensors[index], values, n, error);
}

assay_status as_export_weights(const as_export_source *source, const char *folder, json_t *metadata,
                               assay_error *error) {
    size_t n = 0;
    const as_tensor *from = as_safetensors_tensors(source->weights, &n);
    as_tensor_out *to = calloc(n ? n : 1, sizeof *to);
    char *path = as_path_join(folder, "model.safetensors");
    assay_status status = to && path && metadata ? ASSAY_OK : no_memory(folder, error);
    for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
        to[i] = (as_tensor_out){.name = from[i].name, .type = AS_TENSOR_F32, .rank = from[i].rank};
        memcpy(to[i].dims, from[i].dims, sizeof to[i].dims);
    }
    if (status == ASSAY_OK)
        status = as_safetensors_write(path, to, n, metadata, copy_values,
                                      (void *)(uintptr_t)source->weights, error);
    free(to);
    free(path);
    json_decref(metadata);
    return status;
}

/* A token of either kind of tokenizer. */
static const char *token_of(const as_saved_tokenizer *t, int32_t id, size_t *ret_n_bytes) {
    const char *token =
        t->wordpiece ? as_wordpiece_token(t->wordpiece, id) : as_vocabulary_word(t->vocabulary, id);
    *ret_n_bytes = t->wordpiece ? strlen(token) : as_vocabulary_word_bytes(t->vocabulary, id);
    return token;
}

static bool fits_line(const char *token, size_t n_bytes) {
    return !memchr(token, '\n', n_bytes) && !memchr(token, '\r', n_bytes) &&
           !memchr(token, 0, n_bytes);
}

assay_status as_export_vocabulary(const as_export_source *source, const char *folder,
                                  assay_error *error) {
    const as_saved_tokenizer *t = source->tokenizer;
    as_file_writer writer;
    size_t n;
    for (int32_t id = 0; id < t->vocab_size; id++) {
        const char *token = token_of(t, id, &n);
        if (!fits_line(token, n))
            return ASSAY_OK;
    }
    char *path = as_path_join(folder, "vocab.txt");
    assay_status status =
        path ? as_file_writer_open(path, &writer, error) : no_memory(folder, error);
    free(path);
    if (status != ASSAY_OK)
        return status;
    for (int32_t id = 0; id < t->vocab_size; id++) {
        const char *token = token_of(t, id, &n);
        fwrite(token, 1, n, writer.stream); /* errors surface in commit */
        fputc('\n', writer.stream);
    }
    return as_file_writer_commit(&writer, error);
}

/* ---- safetensors ----------------------------------------------------------------------------- */

static json_t *labels_json(const as_export_source *source) {
    json_t *labels = json_array();
    for (int32_t i = 0; i < source->n_classes; i++)
        json_array_append_new(labels, json_string(source->labels[i]));
    return labels;
}

static assay_status write_safetensors(const as_export_source *s, const char *folder,
                                      assay_error *error) {
    char *tokenizer = NULL;
    size_t n_bytes = 0;
    json_t *config =
        json_pack("{s:s, s:i, s:s, s:s, s:O, s:o, s:I, s:I, s:s}", "format", "assay-model",
                  "version", 1, "model", s->model_id, "model_version", s->model_version, "options",
                  s->options, "labels", labels_json(s), "vocab_size", (json_int_t)s->vocab_size,
                  "max_tokens", (json_int_t)s->max_tokens, "trained_in", s->dtype);
    assay_status status = as_export_json(folder, "config.json", config, error);
    if (status == ASSAY_OK)
        status = as_export_weights(s, folder,
                                   json_pack("{s:s, s:s, s:s}", "format", "pt", "model",
                                             s->model_id, "model_version", s->model_version),
                                   error);
    if (status == ASSAY_OK)
        status = as_export_vocabulary(s, folder, error);
    if (status == ASSAY_OK)
        status = as_file_read(s->tokenizer_path, AS_SAVED_TOKENIZER_MAX_BYTES, &tokenizer, &n_bytes,
                              error);
    if (status == ASSAY_OK)
        status = as_export_text(folder, AS_SAVED_TOKENIZER_FILE, tokenizer, n_bytes, error);
    free(tokenizer);
    return status;
}

static const as_export_format safetensors_format = {"safetensors", NULL, write_safetensors};

/* ---- the folder ------------------------------------------------------------------------------ */

/* Missing, or a folder without anything in it. */
static assay_status check_free(const char *folder, assay_error *error) {
    struct stat info;
    if (lstat(folder, &info) != 0)
        return errno == ENOENT ? ASSAY_OK : as_fail(error, ASSAY_IO, folder, "%s", strerror(errno));
    DIR *entries = S_ISDIR(info.st_mode) ? opendir(folder) : NULL;
    if (!entries)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, folder, "is there and no folder");
    assay_status status = ASSAY_OK;
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, folder,
                             "is not empty, it holds %.100s; give a new folder", entry->d_name);
    closedir(entries);
    return status;
}

/* FOLDER.tmp-PID, without the slashes at FOLDER's end. */
static char *temporary_name(const char *folder) {
    char *name = NULL;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return asprintf(&name, "%.*s.tmp-%ld", (int)n, folder, (long)getpid()) < 0 ? NULL : name;
}

static const as_export_format *find_format(const char *name, assay_error *error) {
    static const as_export_format *const formats[] = {&safetensors_format, &as_export_huggingface};
    const char *names[2];
    for (size_t i = 0; i < 2; i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
        names[i] = formats[i]->name;
    }
    const char *near = as_nearest_name(name, names, 2);
    (void)as_fail(error, ASSAY_INVALID_ARGUMENT, "--format",
                  "no format \"%.40s\"%s%s%s; formats: safetensors, huggingface", name,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

assay_status as_export(const as_export_source *source, const char *format, const char *folder,
                       assay_error *error) {
    const as_export_format *found = find_format(format, error);
    char *temporary = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    if (!found)
        return ASSAY_INVALID_ARGUMENT;
    assay_status status = found->check ? found->check(source, error) : ASSAY_OK;
    if (status == ASSAY_OK)
        status = check_free(folder, error);
    if (status == ASSAY_OK && !(temporary = temporary_name(folder)))
        status = no_memory(folder, error);
    if (status == ASSAY_OK)
        status = as_make_folders(temporary, error);
    if (status == ASSAY_OK)
        status = found->write(source, temporary, error);
    if (status == ASSAY_OK && rename(temporary, folder) != 0) /* takes an empty folder's place */
        status = as_fail(error, ASSAY_IO, folder, "cannot be made: %s", strerror(errno));
    if (status != ASSAY_OK && temporary && as_remove_folder(temporary, &ignored) != ASSAY_OK)
        status = as_fail(error, status, temporary, "%s", ignored.text);
    free(temporary);
    return status;
}
