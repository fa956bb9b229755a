/* SPDX-License-Identifier: MIT */
/* A run: its files against SHA256SUMS (the form of sha256sum(1)), run.json against its cells, each
 * cell against its raw rows. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "results/record/json_reader.h"
#include "results/verify/verify.h"

enum { MAX_CELLS = 100000, HEX = 64, MAX_DEPTH = 3 };
static const size_t max_sums_bytes = (size_t)64 << 20;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

/* ---- checksums ------------------------------------------------------------------------------- */

/* A line of SHA256SUMS. */
typedef struct sum {
    const char *digest, *file;
    bool seen;
} sum;

typedef struct sums {
    sum *items; /* by name */
    size_t n;
} sums;

static int compare_sums(const void *a, const void *b) {
    return strcmp(((const sum *)a)->file, ((const sum *)b)->file);
}

static bool is_safe(const char *file) {
    if (*file == '/' || !*file)
        return false;
    for (const char *at = file; (at = strstr(at, "..")); at += 2)
        if ((at == file || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
            return false;
    return true;
}

/* Takes the text apart in place. */
static assay_status parse_sums(as_verification *v, char *text, sums *ret_sums, assay_error *error) {
    size_t n_lines = 1;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    sums list = {as_arena_alloc_array(v->arena, n_lines, sizeof *list.items), 0};
    if (!list.items)
        return no_memory(error);
    size_t line = 1;
    for (char *at = text, *end; *at; at = end, line++) {
        size_t length = strcspn(at, "\n");
        end = at + length + (at[length] == '\n');
        at[length] = '\0';
        bool good = length > HEX + 2 && strspn(at, "0123456789abcdef") == HEX && at[HEX] == ' ' &&
                    at[HEX + 1] == ' ' && is_safe(at + HEX + 2);
        if (good) {
            at[HEX] = '\0';
            list.items[list.n++] = (sum){at, at + HEX + 2, false};
            continue;
        }
        char field[40], found[80];
        snprintf(field, sizeof field, "line %zu", line);
        snprintf(found, sizeof found, "%.75s", at);
        assay_status status = as_verification_add(v, AS_FINDING_OFF, "SHA256SUMS", field, found,
                                                  "a digest, two spaces, a file's name", error);
        if (status != ASSAY_OK)
            return status;
    }
    qsort(list.items, list.n, sizeof *list.items, compare_sums);
    *ret_sums = list;
    return ASSAY_OK;
}

static assay_status check_file(as_verification *v, const char *full, const char *file, sums *list,
                               assay_error *error) {
    as_sha256_hex hex;
    assay_error why = ASSAY_ERROR_INIT;
    sum key = {NULL, file, false};
    sum *line = bsearch(&key, list->items, list->n, sizeof *list->items, compare_sums);
    if (!line)
        return as_verification_add(v, AS_FINDING_EXTRA, file, "", "a file",
                                   "none: SHA256SUMS does not name it", error);
    line->seen = true;
    v->n_files++;
    if (as_sha256_file(full, &hex, &why) != ASSAY_OK)
        return as_verification_add(v, AS_FINDING_OFF, file, "", why.text, "a readable file", error);
    if (strcmp(hex.text, line->digest) == 0)
        return ASSAY_OK;
    return as_verification_add(v, AS_FINDING_CHANGED, file, "sha256", hex.text, line->digest,
                               error);
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Every file below `inside`, as the run's writer lists them. */
static assay_status check_folder(as_verification *v, const char *run, const char *inside, int depth,
                                 sums *list, assay_error *error) {
    struct dirent **entries = NULL;
    char *path = as_path_join(run, inside);
    int n = path ? scandir(path, &entries, not_hidden, compare_names) : -1;
    assay_status status = path ? ASSAY_OK : no_memory(error);
    if (path && n < 0)
        status = as_verification_add(v, AS_FINDING_MISSING, inside, "", strerror(errno), "a folder",
                                     error);
    for (int i = 0; i < n; i++) {
        struct stat info;
        char *file = as_path_join(inside, entries[i]->d_name);
        char *full = file ? as_path_join(run, file) : NULL;
        if (status == ASSAY_OK && !full)
            status = no_memory(error);
        if (status == ASSAY_OK && lstat(full, &info) == 0) {
            if (S_ISDIR(info.st_mode) && depth > 0)
                status = check_folder(v, run, file, depth - 1, list, error);
            else if (S_ISREG(info.st_mode))
                status = check_file(v, full, file, list, error);
            else
                status = as_verification_add(v, AS_FINDING_EXTRA, file, "",
                                             "neither a file nor a folder of a run", "", error);
        }
        free(full);
        free(file);
        free(entries[i]);
    }
    free(entries);
    free(path);
    return status;
}

static assay_status check_unseen(as_verification *v, const sums *list, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < list->n && status == ASSAY_OK; i++)
        if (!list->items[i].seen)
            status = as_verification_add(v, AS_FINDING_MISSING, list->items[i].file, "", "no file",
                                         list->items[i].digest, error);
    return status;
}

static assay_status check_sums(as_verification *v, const char *folder, assay_error *error) {
    char *path = as_path_join(folder, "SHA256SUMS"), *json = as_path_join(folder, "run.json");
    char *text = NULL;
    sums list;
    assay_status status = path && json ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK && !as_path_exists(path)) {
        status = as_verification_add(v, AS_FINDING_MISSING, "SHA256SUMS", "", "no file",
                                     "the run's digests: it is not finished (assay run --resume)",
                                     error);
        goto done;
    }
    if (status == ASSAY_OK)
        status = as_file_read(path, max_sums_bytes, &text, NULL, error);
    if (status == ASSAY_OK)
        status = parse_sums(v, text, &list, error);
    if (status == ASSAY_OK)
        status = check_folder(v, folder, "cells", MAX_DEPTH - 1, &list, error);
    if (status == ASSAY_OK)
        status = check_file(v, json, "run.json", &list, error);
    if (status == ASSAY_OK)
        status = check_unseen(v, &list, error);
done:
    free(text);
    free(path);
    free(json);
    return status;
}

/* ---- run.json -------------------------------------------------------------------------------- */

/* The digest of the suite as run, written compactly with sorted keys. */
static assay_status check_suite(as_verification *v, const json_t *run, assay_error *error) {
    const json_t *suite = json_object_get(run, "suite");
    const char *found = json_string_value(json_object_get(run, "suite_sha256"));
    char *text = json_is_object(suite) ? json_dumps(suite, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    as_sha256_hex hex = as_sha256_bytes(text ? text : "", text ? strlen(text) : 0);
    free(text);
    if (found && strcmp(found, hex.text) == 0)
        return ASSAY_OK;
    return as_verification_add(v, AS_FINDING_OFF, "run.json", "suite_sha256",
                               found ? found : "nothing", hex.text, error);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool safe_name(const char *name) {
    return *name && *name != '.' && strlen(name) < 256 && !strpbrk(name, "/\\");
}

/* The name says entry, backend, precision and seed again. */
static assay_status check_name(as_verification *v, const json_t *cell, const char *field,
                               assay_error *error) {
    char expected[600];
    const char *name = text_of(cell, "name");
    snprintf(expected, sizeof expected, "%.200s__%.100s__%.100s__s%lld", text_of(cell, "entry"),
             text_of(cell, "backend"), text_of(cell, "dtype"),
             (long long)json_integer_value(json_object_get(cell, "seed")));
    v->n_derived++;
    if (strcmp(name, expected) == 0)
        return ASSAY_OK;
    return as_verification_add(v, AS_FINDING_OFF, "run.json", field, name, expected, error);
}

/* Who the record says it is. */
static assay_status check_identity(as_verification *v, const char *folder, const char *inside,
                                   const json_t *cell, assay_error *error) {
    json_t *result = NULL;
    char *name = as_path_join(inside, "result.json");
    char *path = name ? as_path_join(folder, name) : NULL;
    assay_status status = path ? ASSAY_OK : no_memory(error);
    assay_error why = ASSAY_ERROR_INIT;
    if (status == ASSAY_OK && as_field_load(path, AS_RECORD_SCHEMA_VERSION, &result, &why) ==
                                  ASSAY_OK) { /* else as_verify_cell tells */
        json_t *expected =
            json_pack("{s:O, s:O, s:O}", "cell", json_object_get(cell, "name"), "entry",
                      json_object_get(cell, "entry"), "seed", json_object_get(cell, "seed"));
        status = expected ? as_verify_tree(v, name, "", result, expected, AS_NEAR_EXACT, error)
                          : no_memory(error);
        json_decref(expected);
    }
    json_decref(result);
    free(path);
    free(name);
    return status;
}

static assay_status check_cell(as_verification *v, const char *folder, const json_t *cell, size_t i,
                               as_answers *answers, assay_error *error) {
    char field[40];
    const char *name = text_of(cell, "name"), *status_text = text_of(cell, "status");
    snprintf(field, sizeof field, "cells[%zu].name", i);
    if (!safe_name(name) || !json_object_get(cell, "entry") || !json_object_get(cell, "seed"))
        return as_verification_add(v, AS_FINDING_OFF, "run.json", field, name,
                                   "the name of a folder in cells/, with entry and seed", error);
    assay_status status = check_name(v, cell, field, error);
    char *inside = as_path_join("cells", name);
    char *result = inside ? as_path_join(inside, "result.json") : NULL;
    char *full = result ? as_path_join(folder, result) : NULL;
    if (status == ASSAY_OK && !full)
        status = no_memory(error);
    if (status != ASSAY_OK)
        goto done;
    if (as_path_exists(full)) {
        status = check_identity(v, folder, inside, cell, error);
        if (status == ASSAY_OK)
            status = as_verify_cell(v, folder, inside, answers, error);
    } else if (strcmp(status_text, "ok") == 0) {
        status = as_verification_add(v, AS_FINDING_MISSING, result, "", "no file",
                                     "the record of a cell that is ok", error);
    }
done:
    free(full);
    free(result);
    free(inside);
    return status;
}

/* Which cells predict the same, where run.json tells. */
static assay_status check_same(as_verification *v, const json_t *run, const as_answers *answers,
                               size_t n, assay_error *error) {
    const json_t *found = json_object_get(run, "same_predictions");
    json_t *expected = found ? as_answers_pairs(answers, n) : NULL;
    assay_status status = found && !expected ? no_memory(error) : ASSAY_OK;
    if (expected && !json_equal(found, expected)) {
        char *has = json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY),
             *should = json_dumps(expected, JSON_COMPACT);
        status = has && should ? as_verification_add(v, AS_FINDING_OFF, "run.json",
                                                     "same_predictions", has, should, error)
                               : no_memory(error);
        free(has);
        free(should);
    }
    json_decref(expected);
    return status;
}

static assay_status check_cells(as_verification *v, const char *folder, const json_t *run,
                                assay_error *error) {
    const json_t *cells = json_object_get(run, "cells");
    size_t n = json_array_size(cells);
    if (n == 0 || n > MAX_CELLS)
        return as_verification_add(v, AS_FINDING_OFF, "run.json", "cells", "",
                                   "a list of 1 to 100,000 cells", error);
    as_answers *answers = as_arena_alloc_array(v->arena, n, sizeof *answers);
    assay_status status = answers ? ASSAY_OK : no_memory(error);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = check_cell(v, folder, json_array_get(cells, i), i, &answers[i], error);
    return status == ASSAY_OK ? check_same(v, run, answers, n, error) : status;
}

assay_status as_verify_run(const char *folder, as_verification *v, assay_error *error) {
    json_t *run = NULL;
    char *path = as_path_join(folder, "run.json");
    assay_status status = path ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK && !as_path_exists(path))
        status = as_fail(error, ASSAY_NOT_FOUND, folder,
                         "holds no run.json; give a run's folder or a report's file");
    if (status == ASSAY_OK)
        status = check_sums(v, folder, error);
    assay_error why = ASSAY_ERROR_INIT;
    if (status == ASSAY_OK && as_field_load(path, AS_RUN_SCHEMA_VERSION, &run, &why) != ASSAY_OK) {
        status = as_verification_add(v, AS_FINDING_OFF, "run.json", "", why.text, "a readable file",
                                     error);
        goto done;
    }
    if (status == ASSAY_OK)
        status = check_suite(v, run, error);
    if (status == ASSAY_OK)
        status = check_cells(v, folder, run, error);
    if (status == ASSAY_OK)
        status = as_verify_count_recorded(v, "run.json", run, NULL, error);
done:
    json_decref(run);
    free(path);
    return status;
}
