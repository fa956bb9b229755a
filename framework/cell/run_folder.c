/* SPDX-License-Identifier: MIT */
/* Run folders. A lock on the folder itself (flock(2)) keeps two runs apart and vanishes with the
 * process; run.json is replaced whole after every cell. SHA256SUMS is in the form of sha256sum(1)
 * and is removed as soon as a run goes on, so that it is never wrong. */
#include "cell/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "measure/environment.h"

enum { MAX_RUNS = 100000 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "run folder", "no memory");
}

static int32_t available_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static json_t *time_now(void) {
    char text[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static assay_status write_run_json(const as_run_folder *folder, assay_error *error) {
    char *path = as_path_join(folder->path, "run.json");
    char *text = json_dumps(folder->json, JSON_INDENT(2));
    assay_status status =
        path && text ? as_file_write(path, text, strlen(text), error) : no_memory(error);
    free(path);
    free(text);
    return status;
}

/* ---- a new run.json -------------------------------------------------------------------------- */

static json_t *environment_json(as_arena *arena) {
    const as_fact *facts = NULL;
    size_t n = 0;
    assay_error ignored = ASSAY_ERROR_INIT; /* a machine that tells nothing is no obstacle */
    json_t *object = json_object();
    if (as_environment(arena, &facts, &n, &ignored) != ASSAY_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        double number = facts[i].number;
        json_t *value = facts[i].text ? as_json_text(facts[i].text)
                        : number == floor(number) && fabs(number) < 9e15
                            ? json_integer((json_int_t)number)
                            : json_real(number);
        json_object_set_new(object, facts[i].key, value);
    }
    return object;
}

/* `groups` NULL: no cell takes turns. */
static json_t *cells_json(const as_cell_spec *cells, const size_t *groups, size_t n_cells) {
    json_t *list = json_array();
    for (size_t i = 0; i < n_cells; i++) {
        const as_cell_spec *cell = &cells[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:n, s:n}", "name",
                                              cell->name, "entry", cell->entry->name, "backend",
                                              cell->backend, "dtype", cell->dtype, "seed",
                                              (json_int_t)cell->seed, "status", "pending", "reason",
                                              "seconds"));
        if (groups)
            json_object_set_new(json_array_get(list, i), "group",
                                json_integer((json_int_t)groups[i]));
    }
    return list;
}

static json_t *command_json(const as_run_options *options) {
    json_t *list = json_array();
    for (size_t i = 0; i < options->n_command; i++)
        json_array_append_new(list, as_json_text(options->command[i]));
    return list;
}

static json_t *new_run_json(as_arena *arena, const as_suite *suite, const char *digest,
                            const as_cell_spec *cells, const size_t *groups, size_t n_cells,
                            const as_run_options *options) {
    int32_t threads = options->threads ? options->threads : available_processors();
    json_t *json = json_pack(
        "{s:i, s:O, s:s, s:o, s:i, s:s?, s:o, s:o, s:o, s:o, s:n}", "schema_version",
        AS_RUN_SCHEMA_VERSION, "suite", suite->json, "suite_sha256", digest, "cells",
        cells_json(cells, groups, n_cells), "threads", (int)threads, "data_dir", options->data_dir,
        "memory_limit_bytes",
        options->memory_limit_bytes ? json_integer((json_int_t)options->memory_limit_bytes)
                                    : json_null(),
        "timeout_seconds",
        options->timeout_seconds > 0 ? json_real(options->timeout_seconds) : json_null(),
        "environment", environment_json(arena), "command", command_json(options), "finished");
    if (json)
        json_object_set_new(json, "started", time_now());
    if (json && groups)
        json_object_set_new(json, "interleaved", json_array());
    if (json)
        json_object_set_new(json, "profile", json_boolean(options->profile));
    return json;
}

/* ---- what is there already ------------------------------------------------------------------- */

/* Name of one entry of a folder in `name`, "" when it is empty. */
static bool first_entry(const char *path, char *name, size_t size) {
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    name[0] = '\0';
    for (struct dirent *entry; !name[0] && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            snprintf(name, size, "%s", entry->d_name);
    closedir(folder);
    return true;
}

static size_t count_done(const json_t *json) {
    const json_t *cell, *cells = json_object_get(json, "cells");
    size_t i, n = 0;
    json_array_foreach(cells, i, cell) {
        const char *status = json_string_value(json_object_get(cell, "status"));
        n += status && strcmp(status, "pending") != 0 && strcmp(status, "failed") != 0;
    }
    return n;
}

/* What this run is to be. */
typedef struct wanted_run {
    const as_suite *suite;
    const char *digest;
    const as_cell_spec *cells;
    size_t n_cells;
    const as_run_options *options;
} wanted_run;

/* A file that was edited, or cut: its cells are not those of its suite. */
static assay_status check_cells(const json_t *json, const wanted_run *wanted, const char *path,
                                assay_error *error) {
    const json_t *cells = json_object_get(json, "cells"),
                 *threads = json_object_get(json, "threads");
    bool good = json_array_size(cells) == wanted->n_cells && json_is_integer(threads) &&
                json_integer_value(threads) >= 1 && json_integer_value(threads) <= INT32_MAX;
    for (size_t i = 0; good && i < wanted->n_cells; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(cells, i), "name"));
        good = name && strcmp(name, wanted->cells[i].name) == 0;
    }
    if (good)
        return ASSAY_OK;
    return as_fail(error, ASSAY_BAD_DATA, path,
                   "the cells or threads in its run.json are not those of its suite; the file was "
                   "changed\ndo     give another --out");
}

/* The folder holds a run: may this one go on in it? */
static assay_status check_same(const json_t *json, const wanted_run *wanted, const char *path,
                               assay_error *error) {
    const as_suite *suite = wanted->suite;
    const as_run_options *options = wanted->options;
    const char *digest = wanted->digest;
    const char *held = json_string_value(json_object_get(json, "suite_sha256"));
    const char *name = json_string_value(json_object_get(json_object_get(json, "suite"), "name"));
    size_t n = json_array_size(json_object_get(json, "cells"));
    if (!held || !name || n == 0)
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "its run.json is not one that assay run wrote\ndo     give another --out");
    if (strcmp(held, digest) != 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "holds a run of another suite: %s, sha256 %.12s; wanted %s, sha256 %.12s "
                       "(the name may be the same: settings count)\n"
                       "do     give another --out, or the settings of that run",
                       name, held, suite->name, digest);
    if (!options->resume)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "holds a run of this suite already, %zu of %zu cells done\n"
                       "do     add --resume to go on with it, or give another --out",
                       count_done(json), n);
    assay_status status = check_cells(json, wanted, path, error);
    if (status != ASSAY_OK)
        return status;
    if (options->interleave != json_is_array(json_object_get(json, "interleaved")))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "was begun with%s --interleave; figures of both ways would stand side by "
                       "side\ndo     give --interleave as then, or another --out",
                       options->interleave ? "out" : "");
    int32_t threads = (int32_t)json_integer_value(json_object_get(json, "threads"));
    if (options->threads && options->threads != threads)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "was begun with --threads %d; its cells would not be comparable with %d\n"
                       "do     leave --threads out, or give another --out",
                       threads, options->threads);
    return ASSAY_OK;
}

char *as_run_state_path(const char *folder, const char *cell) {
    char *path = NULL;
    return asprintf(&path, "%s/cells/.%s.state.safetensors", folder, cell) < 0 ? NULL : path;
}

char *as_run_handout_path(const char *folder, const char *entry, uint64_t seed) {
    char *path = NULL;
    return asprintf(&path, "%s/cells/.%s__s%llu.tmp-handout", folder, entry,
                    (unsigned long long)seed) < 0
               ? NULL
               : path;
}

/* Folders of cells at work, and half a training state; whole ones are gone on from. */
static assay_status remove_leftovers(const char *path, assay_error *error) {
    assay_status status = ASSAY_OK;
    char *cells = as_path_join(path, "cells");
    DIR *folder = cells ? opendir(cells) : NULL;
    for (struct dirent *entry; folder && status == ASSAY_OK && (entry = readdir(folder));) {
        if (entry->d_name[0] != '.' ||
            !(strstr(entry->d_name, ".tmp-") || strstr(entry->d_name, ".state.safetensors.tmp.")))
            continue;
        char *left = as_path_join(cells, entry->d_name);
        status = left ? as_remove_folder(left, error) : no_memory(error);
        free(left);
    }
    if (folder)
        closedir(folder);
    free(cells);
    return status;
}

/* runs/SUITE-N: the first N that is free, or, to resume, the last that is taken. */
static assay_status default_folder(as_arena *arena, const as_suite *suite, bool resume,
                                   const char **ret_path, assay_error *error) {
    char path[300], last[300] = "";
    for (int n = 1; n < MAX_RUNS; n++) {
        snprintf(path, sizeof path, "runs/%s-%d", suite->name, n);
        if (as_path_exists(path)) {
            snprintf(last, sizeof last, "%s", path);
            continue;
        }
        if (resume && !last[0])
            return as_fail(error, ASSAY_NOT_FOUND, "--resume",
                           "there is no run of this suite in runs/\ndo     name it: --out FOLDER");
        *ret_path = as_arena_strdup(arena, resume ? last : path);
        return *ret_path ? ASSAY_OK : no_memory(error);
    }
    return as_fail(error, ASSAY_LIMIT, "runs", "holds %d runs of this suite; give --out",
                   MAX_RUNS - 1);
}

static assay_status lock_folder(const char *path, int *ret_lock, assay_error *error) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return as_fail(error, ASSAY_IO, path, "cannot open: %s", strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "another assay run is at work in it; wait for it, or give another --out");
    }
    *ret_lock = fd;
    return ASSAY_OK;
}

/* run.json of an existing run that may go on, or NULL in *ret_json where the folder is free. */
static assay_status take_up(const wanted_run *wanted, const char *path, json_t **ret_json,
                            assay_error *error) {
    char name[256];
    assay_status status = ASSAY_OK;
    char *file = as_path_join(path, "run.json");
    json_t *json = NULL;
    if (!file)
        return no_memory(error);
    if (as_path_exists(file)) {
        status = as_json_load(file, &json, error);
        if (status == ASSAY_OK)
            status = check_same(json, wanted, path, error);
        if (status != ASSAY_OK) {
            json_decref(json);
            json = NULL;
        }
    } else if (first_entry(path, name, sizeof name) && name[0] && strcmp(name, "cells") != 0) {
        status =
            as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                    "is not empty and no run folder: it holds %s\ndo     give another --out", name);
    }
    free(file);
    *ret_json = json;
    return status;
}

assay_status as_run_folder_open(as_arena *arena, const as_suite *suite, const as_cell_spec *cells,
                                const size_t *groups, size_t n_cells, const as_run_options *options,
                                as_run_folder *ret_folder, assay_error *error) {
    as_run_folder folder = {options->folder, -1, NULL, false};
    as_sha256_hex digest;
    char *inner = NULL, *sums = NULL;
    assay_status status = as_suite_digest(suite, &digest, error);
    if (status == ASSAY_OK && !folder.path)
        status = default_folder(arena, suite, options->resume, &folder.path, error);
    if (status != ASSAY_OK)
        return status;
    if (!(inner = as_path_join(folder.path, "cells")) ||
        !(sums = as_path_join(folder.path, "SHA256SUMS"))) {
        status = no_memory(error);
        goto fail;
    }
    const wanted_run wanted = {suite, digest.text, cells, n_cells, options};
    folder.fresh = !as_path_exists(folder.path);
    if ((status = as_make_folders(folder.path, error)) != ASSAY_OK ||
        (status = lock_folder(folder.path, &folder.lock, error)) != ASSAY_OK ||
        (status = take_up(&wanted, folder.path, &folder.json, error)) != ASSAY_OK ||
        (status = as_make_folders(inner, error)) != ASSAY_OK ||
        (status = remove_leftovers(folder.path, error)) != ASSAY_OK)
        goto fail;
    unlink(sums);
    if (!folder.json)
        folder.json = new_run_json(arena, suite, digest.text, cells, groups, n_cells, options);
    if (options->profile) /* of the cells that are still to run */
        json_object_set_new(folder.json, "profile", json_true());
    status = folder.json ? write_run_json(&folder, error) : no_memory(error);
    if (status != ASSAY_OK)
        goto fail;
    free(inner);
    free(sums);
    *ret_folder = folder;
    return ASSAY_OK;
fail:
    free(inner);
    free(sums);
    as_run_folder_close(&folder);
    return status;
}

void as_run_folder_close(as_run_folder *folder) {
    json_decref(folder->json);
    if (folder->lock >= 0)
        close(folder->lock);
    *folder = (as_run_folder){NULL, -1, NULL, false};
}

void as_run_folder_withdraw(as_run_folder *folder) {
    static const char *const parts[] = {"run.json", "cells", "."};
    for (size_t i = 0; folder->path && folder->fresh && i < sizeof parts / sizeof parts[0]; i++) {
        char *path = i < 2 ? as_path_join(folder->path, parts[i]) : strdup(folder->path);
        if (path)
            (void)remove(path); /* a folder that is not empty stays */
        free(path);
    }
}

int32_t as_run_folder_threads(const as_run_folder *folder) {
    return (int32_t)json_integer_value(json_object_get(folder->json, "threads"));
}

assay_status as_run_folder_note(as_run_folder *folder, size_t cell, const char *status,
                                const char *reason, double seconds, assay_error *error) {
    json_t *one = json_array_get(json_object_get(folder->json, "cells"), cell);
    json_object_set_new(one, "status", json_string(status ? status : "pending"));
    json_object_set_new(one, "reason", as_json_text(reason));
    json_object_set_new(one, "seconds", status ? json_real(seconds) : json_null());
    return write_run_json(folder, error);
}

assay_status as_run_folder_note_group(as_run_folder *folder, size_t group, uint64_t resident_bytes,
                                      assay_error *error) {
    json_t *list = json_object_get(folder->json, "interleaved"), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (json_integer_value(json_object_get(one, "group")) == (json_int_t)group) {
            json_array_remove(list, i);
            break;
        }
    }
    json_array_append_new(list, json_pack("{s:I, s:I}", "group", (json_int_t)group,
                                          "resident_bytes", (json_int_t)resident_bytes));
    return write_run_json(folder, error);
}

/* ---- checksums ------------------------------------------------------------------------------- */

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Lines for the files below `inside` (relative to the run), in order of their names. */
static assay_status sum_folder(const char *run, const char *inside, int depth, FILE *stream,
                               assay_error *error) {
    struct dirent **entries = NULL;
    assay_status status = ASSAY_OK;
    char *path = as_path_join(run, inside);
    int n = path ? scandir(path, &entries, not_hidden, compare_names) : -1;
    if (n < 0)
        status = as_fail(error, ASSAY_IO, inside, "cannot be listed: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        char *relative = as_path_join(inside, entries[i]->d_name);
        char *full = relative ? as_path_join(run, relative) : NULL;
        struct stat info;
        as_sha256_hex hex;
        if (status == ASSAY_OK && full && lstat(full, &info) == 0) {
            if (S_ISDIR(info.st_mode) && depth > 0) {
                status = sum_folder(run, relative, depth - 1, stream, error);
            } else if (S_ISREG(info.st_mode)) {
                status = as_sha256_file(full, &hex, error);
                if (status == ASSAY_OK)
                    fprintf(stream, "%s  %s\n", hex.text, relative);
            }
        }
        free(full);
        free(relative);
        free(entries[i]);
    }
    free(entries);
    free(path);
    return status;
}

assay_status as_run_folder_seal(as_run_folder *folder, assay_error *error) {
    as_file_writer writer;
    as_sha256_hex hex;
    json_object_set_new(folder->json, "finished", time_now());
    assay_status status = write_run_json(folder, error);
    if (status != ASSAY_OK)
        return status;
    char *json = as_path_join(folder->path, "run.json");
    char *sums = as_path_join(folder->path, "SHA256SUMS");
    if (!json || !sums) {
        status = no_memory(error);
        goto done;
    }
    if ((status = as_file_writer_open(sums, &writer, error)) != ASSAY_OK)
        goto done;
    status = as_sha256_file(json, &hex, error);
    if (status == ASSAY_OK) {
        status = sum_folder(folder->path, "cells", 2, writer.stream, error);
        fprintf(writer.stream, "%s  run.json\n", hex.text);
    }
    if (status == ASSAY_OK)
        status = as_file_writer_commit(&writer, error);
    else
        as_file_writer_abandon(&writer);
done:
    free(json);
    free(sums);
    return status;
}
