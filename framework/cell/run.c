/* SPDX-License-Identifier: MIT */
/* The parent of a run: which cells are missing, one process after the other or in groups that take
 * turns (run_group.c), and what became of each. A cell that dies leaves a record all the same: the
 * parent writes it. */
#include "cell/run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cell/environment.h"
#include "cell/limits.h"
#include "cell/run_work.h"
#include "train/state.h"

void as_run_tell(as_run_work *r, as_run_event_kind kind) {
    r->event.kind = kind;
    if (r->listener && r->listener->on_event)
        r->listener->on_event(r->listener->context, &r->event);
}

/* ---- saved trainings ------------------------------------------------------------------------- */

/* Of a cell that is done nothing is left to go on with. */
static assay_status drop_state(const as_run_work *r, const char *name, assay_error *error) {
    char *path = as_run_state_path(r->folder.path, name);
    assay_status status = ASSAY_OK;
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for its path");
    if (unlink(path) != 0 && errno != ENOENT)
        status = as_fail(error, ASSAY_IO, path, "cannot be removed: %s", strerror(errno));
    free(path);
    return status;
}

/* Another version is refused before anything is trained. */
static assay_status check_state(const as_run_work *r, const char *name, assay_error *error) {
    char *path = as_run_state_path(r->folder.path, name);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for its path");
    assay_status status = as_state_check_version(path, error);
    free(path);
    return status;
}

/* ---- one cell -------------------------------------------------------------------------------- */

void as_cell_paths_free(as_cell_paths *paths) {
    free(paths->final);
    free(paths->work);
    free(paths->log);
}

assay_status as_cell_paths_make(const as_run_work *r, const char *name, as_cell_paths *paths,
                                assay_error *error) {
    if (asprintf(&paths->final, "%s/cells/%s", r->folder.path, name) < 0 ||
        asprintf(&paths->work, "%s/cells/.%s.tmp-%ld", r->folder.path, name, (long)getpid()) < 0 ||
        asprintf(&paths->log, "%s/log.txt", paths->work) < 0)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for its paths");
    return as_make_folders(paths->work, error);
}

/* The last line of a log that says something, printable, at most `size` - 1 bytes; "" if none. */
static void last_line(const char *path, char *text, size_t size) {
    char block[4096];
    text[0] = '\0';
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return;
    if (fseek(stream, -(long)sizeof block, SEEK_END) != 0)
        rewind(stream);
    size_t n = fread(block, 1, sizeof block, stream), end = n;
    fclose(stream);
    while (end > 0 && (block[end - 1] == '\n' || block[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && block[begin - 1] != '\n')
        begin--;
    size_t length = end - begin < size - 1 ? end - begin : size - 1;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)block[begin + i];
        text[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
    text[length] = '\0';
}

/* How a process ended, with the log line that tells why. */
void as_run_failure_reason(const as_process_config *config, const as_process_result *result,
                           char *reason, size_t size) {
    char line[200], bytes[32];
    uint64_t limit = config->memory_limit_bytes;
    as_process_text(config, result, reason, (unsigned)size);
    size_t n = strlen(reason);
    if (result->end == AS_PROCESS_SIGNALLED && limit) { /* a library may not survive having none */
        bool near = result->peak_bytes > limit / 10 * 8;
        as_bytes_text(near ? result->peak_bytes : limit, bytes, sizeof bytes);
        n += (size_t)snprintf(
            reason + n, size - n,
            near ? ", near the memory limit (resident %s)" : ", under a memory limit of %s", bytes);
    }
    last_line(config->log_path, line, sizeof line);
    if (line[0] && n < size)
        snprintf(reason + n, size - n, "; last in its log: %s", line);
}

void as_cell_identify(as_record *record, const as_suite *suite, const as_cell_spec *spec,
                      int32_t threads) {
    record->suite = suite->name;
    record->cell = spec->name;
    record->entry = spec->entry->name;
    record->dtype = spec->dtype;
    record->seed = spec->seed;
    record->model.id = spec->entry->model;
    record->model.options = spec->entry->options;
    record->backend.id = spec->backend;
    record->backend.threads = threads;
    record->training.settings = spec->entry->training_json;
    record->training.strategy = spec->entry->strategy_json;
    record->grid = spec->entry->grid;
    record->peer.of = spec->entry->peer.of;
    record->peer.program = spec->entry->peer.program;
    record->peer.same_logits = spec->entry->peer.same_logits;
}

static void remove_in(const char *folder, const char *name) {
    char *path = as_path_join(folder, name);
    if (path)
        unlink(path);
    free(path);
}

/* What as_file_writer had not yet put in place. */
static void remove_temporaries(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strstr(entry->d_name, ".tmp."))
            remove_in(path, entry->d_name);
    if (folder)
        closedir(folder);
}

assay_status as_run_write_failed(const as_run_work *r, const as_cell_spec *spec, const char *folder,
                                 as_cell_status outcome, const char *reason, assay_error *error) {
    static const char *const halves[] = {"result.json", "predictions.csv", "epochs.jsonl",
                                         "latency.csv", "steps.jsonl"};
    as_record *record = NULL;
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
        remove_in(folder, halves[i]);
    remove_temporaries(folder);
    assay_status status = as_record_new(&record, error);
    if (status != ASSAY_OK)
        return status;
    record->status = outcome;
    record->reason = reason;
    as_cell_identify(record, r->suite, spec, as_run_folder_threads(&r->folder));
    status = as_record_write(record, folder, error);
    as_record_free(record);
    return status;
}

static void on_line(void *context, const char *line) {
    as_run_work *r = context;
    as_cell_progress progress;
    if (!as_progress_parse(line, &progress))
        return;
    r->event.progress = &progress;
    as_run_tell(r, AS_RUN_PROGRESS);
    r->event.progress = NULL;
}

static void on_tick(void *context) {
    as_run_tell(context, AS_RUN_TICK);
}

assay_status as_run_process_config(const as_run_work *r, const as_cell_spec *spec,
                                   const as_cell_paths *paths, as_cell_mode mode,
                                   as_process_config *ret_config, assay_error *error) {
    static const char *const words[] = {NULL, "in-turn", "hand-out"};
    const char **argv = as_arena_alloc_array(r->arena, 7, sizeof *argv);
    const char **env = as_cell_environment(r->arena, as_run_folder_threads(&r->folder));
    if (!argv || !env)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, spec->name, "no memory for its environment");
    argv[0] = r->options->program;
    argv[1] = "cell";
    argv[2] = r->folder.path;
    argv[3] = spec->name;
    argv[4] = paths->work;
    argv[5] = words[mode];
    argv[6] = NULL;
    *ret_config = (as_process_config){.argv = argv,
                                      .env = env,
                                      .log_path = paths->log,
                                      .timeout_seconds = r->options->timeout_seconds,
                                      .memory_limit_bytes = r->options->memory_limit_bytes,
                                      .tick_seconds = 1,
                                      .takes_commands = mode == AS_CELL_IN_TURN};
    return ASSAY_OK;
}

/* Reads what the cell left, or leaves a failed record in its place. */
static assay_status settle(as_run_work *r, const as_cell_spec *spec, const as_cell_paths *paths,
                           const as_process_config *config, const as_process_result *result,
                           as_cell_outcome *outcome, assay_error *error) {
    char reason[1024];
    as_record *record = NULL;
    assay_status status;
    outcome->seconds = result->seconds;
    outcome->accuracy = outcome->p50_ms = NAN;
    bool done = result->end == AS_PROCESS_EXITED && result->code == 0;
    if (done) {
        assay_error found = ASSAY_ERROR_INIT;
        if (as_record_read(paths->work, 0, &record, &found) != ASSAY_OK) {
            snprintf(reason, sizeof reason, "left no usable record: %.200s: %.600s", found.where,
                     found.text);
            done = false;
        }
    } else {
        as_run_failure_reason(config, result, reason, sizeof reason);
    }
    if (!done) {
        outcome->status = AS_CELL_FAILED;
        if (!(outcome->reason = as_arena_strdup(r->arena, reason)))
            return as_fail(error, ASSAY_OUT_OF_MEMORY, spec->name, "no memory for its reason");
        return as_run_write_failed(r, spec, paths->work, AS_CELL_FAILED, reason, error);
    }
    outcome->status = record->status;
    outcome->reason = record->reason ? as_arena_strdup(r->arena, record->reason) : NULL;
    outcome->accuracy =
        spec->entry->grid ? record->validation.accuracy.value : record->test.accuracy.value;
    outcome->p50_ms = record->single_stream.p50_ms.value;
    status = ASSAY_OK;
    as_record_free(record);
    return status;
}

/* The data cannot be had: the run ends here, and nothing of this cell stays. */
static assay_status fail_data(const as_cell_paths *paths, assay_error *error) {
    as_record *record = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    assay_status status = as_record_read(paths->work, 0, &record, &ignored);
    status = as_fail(error, ASSAY_BAD_DATA, "", "%s",
                     status == ASSAY_OK && record->reason ? record->reason : "bad data");
    as_record_free(record);
    assay_status removed = as_remove_folder(paths->work, &ignored);
    (void)removed; /* else the next run removes it */
    return status;
}

assay_status as_run_conclude(as_run_work *r, size_t i, const as_cell_paths *paths,
                             const as_process_config *config, const as_process_result *result,
                             as_cell_outcome *outcome, assay_error *error) {
    const as_cell_spec *spec = &r->cells[i];
    if (result->end == AS_PROCESS_STOPPED) {
        r->summary.stop_signal = result->code;
        return as_remove_folder(paths->work, error);
    }
    if (result->end == AS_PROCESS_EXITED && result->code == AS_CELL_EXIT_BAD_DATA)
        return fail_data(paths, error);
    assay_status status = settle(r, spec, paths, config, result, outcome, error);
    return status == ASSAY_OK ? as_run_put_in_place(r, i, paths, outcome, error) : status;
}

assay_status as_run_put_in_place(as_run_work *r, size_t i, const as_cell_paths *paths,
                                 as_cell_outcome *outcome, assay_error *error) {
    assay_status status = as_run_same_note(r, i, paths, outcome, error);
    if (status == ASSAY_OK)
        status = as_remove_folder(paths->final, error); /* a failed one of an earlier run */
    if (status == ASSAY_OK && rename(paths->work, paths->final) != 0)
        status =
            as_fail(error, ASSAY_IO, paths->final, "cannot be put in place: %s", strerror(errno));
    if (status == ASSAY_OK)
        status = as_run_folder_note(&r->folder, i, as_cell_status_name(outcome->status),
                                    outcome->reason, outcome->seconds, error);
    if (status == ASSAY_OK && outcome->status != AS_CELL_FAILED)
        status = drop_state(r, r->cells[i].name, error);
    return status;
}

static assay_status run_cell(as_run_work *r, size_t i, as_cell_outcome *outcome,
                             assay_error *error) {
    as_cell_paths paths = {NULL, NULL, NULL};
    as_process_config config;
    as_process_result result = {AS_PROCESS_EXITED, 0, 0, 0};
    bool ready = true;
    assay_status status = as_cell_paths_make(r, r->cells[i].name, &paths, error);
    if (status == ASSAY_OK)
        status = as_run_hand_out(r, i, &paths, &ready, outcome, error);
    if (status == ASSAY_OK && ready)
        status = as_run_process_config(r, &r->cells[i], &paths, AS_CELL_WHOLE, &config, error);
    if (status == ASSAY_OK && ready) {
        config.context = r;
        config.on_line = on_line;
        config.on_tick = on_tick;
        status = as_process_run(&config, &result, error);
        if (status == ASSAY_OK)
            status = as_run_conclude(r, i, &paths, &config, &result, outcome, error);
    }
    as_cell_paths_free(&paths);
    return status;
}

/* ---- all cells ------------------------------------------------------------------------------- */

static void count(as_run_summary *summary, as_cell_status status) {
    summary->n_ok += status == AS_CELL_OK;
    summary->n_failed += status == AS_CELL_FAILED;
    summary->n_skipped += status == AS_CELL_SKIPPED;
    summary->n_diverged += status == AS_CELL_DIVERGED;
}

/* Is there a record to keep? The record decides, not run.json: a kill may fall between the two. */
static assay_status kept(as_run_work *r, size_t i, bool *ret_kept, as_cell_status *ret_status,
                         assay_error *error) {
    char *path = NULL;
    as_record *record = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_OK;
    *ret_kept = false;
    if (asprintf(&path, "%s/cells/%s", r->folder.path, r->cells[i].name) < 0)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, r->cells[i].name, "no memory for its path");
    /* A record that cannot be read is one to run again. */
    if (as_record_read(path, 0, &record, &ignored) == ASSAY_OK &&
        record->status != AS_CELL_FAILED) {
        json_t *cell = json_array_get(json_object_get(r->folder.json, "cells"), i);
        const char *noted = json_string_value(json_object_get(cell, "status"));
        const char *actual = as_cell_status_name(record->status);
        if (!noted || strcmp(noted, actual) != 0)
            status = as_run_folder_note(&r->folder, i, actual, record->reason, NAN, error);
        *ret_status = record->status;
        *ret_kept = true;
    }
    as_record_free(record);
    free(path);
    return status;
}

void as_run_begin_cell(as_run_work *r, size_t i) {
    r->event.cell = i;
    r->event.spec = &r->cells[i];
    as_run_tell(r, AS_RUN_CELL);
}

void as_run_end_cell(as_run_work *r, size_t i, const as_cell_outcome *outcome) {
    r->event.cell = i;
    r->event.spec = &r->cells[i];
    count(&r->summary, outcome->status);
    r->summary.n_not_run--;
    r->event.n_done++;
    r->event.outcome = outcome;
    as_run_tell(r, AS_RUN_FINISHED);
    r->event.outcome = NULL;
}

static assay_status run_missing(as_run_work *r, const bool *keep, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < r->n_cells && !r->summary.stop_signal; i++) {
        as_cell_outcome outcome = {AS_CELL_FAILED, NULL, NAN, NAN, 0, NULL};
        if (r->groups && r->groups[i] == i && !keep[i])
            status = as_run_group(r, i, error);
        if (keep[i] || r->groups)
            continue;
        as_run_begin_cell(r, i);
        status = run_cell(r, i, &outcome, error);
        if (status == ASSAY_OK && !r->summary.stop_signal)
            as_run_end_cell(r, i, &outcome);
    }
    return status;
}

/* Cells of a group are compared block by block, so one that is missing takes all along. */
static void repeat_groups(as_run_work *r, bool *keep) {
    for (size_t i = 0; r->groups && i < r->n_cells; i++)
        for (size_t k = 0; k < r->n_cells; k++)
            if (!keep[i] && keep[k] && r->groups[k] == r->groups[i]) {
                keep[k] = false;
                r->summary.n_repeated++;
            }
}

static assay_status find_missing(as_run_work *r, bool **ret_keep, assay_error *error) {
    assay_status status = ASSAY_OK;
    bool *keep = as_arena_alloc_array(r->arena, r->n_cells, sizeof *keep);
    as_cell_status *found = as_arena_alloc_array(r->arena, r->n_cells, sizeof *found);
    if (!keep || !found)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "run", "no memory for its cells");
    for (size_t i = 0; status == ASSAY_OK && i < r->n_cells; i++)
        status = kept(r, i, &keep[i], &found[i], error);
    repeat_groups(r, keep);
    for (size_t i = 0; status == ASSAY_OK && i < r->n_cells; i++) {
        status = keep[i] ? drop_state(r, r->cells[i].name, error)
                         : check_state(r, r->cells[i].name, error);
        if (keep[i])
            count(&r->summary, found[i]);
        r->event.n_done += keep[i];
    }
    r->event.n_cells = r->n_cells;
    r->event.n_to_run = r->summary.n_not_run = r->n_cells - r->event.n_done;
    r->event.n_repeated = r->summary.n_repeated;
    *ret_keep = keep;
    return status;
}

assay_status as_run_suite(as_arena *arena, const as_suite *suite, const as_run_options *options,
                          const as_run_listener *listener, as_run_summary *ret_summary,
                          assay_error *error) {
    as_run_work r = {.arena = arena,
                     .suite = suite,
                     .options = options,
                     .listener = listener,
                     .folder = {NULL, -1, NULL, false}};
    as_cell_spec *cells;
    bool *keep = NULL;
    assay_status status = as_suite_cells(arena, suite, &cells, &r.n_cells, error);
    if (status != ASSAY_OK)
        return status;
    r.cells = r.event.cells = cells;
    r.summary.n_cells = r.n_cells;
    as_stop_begin();
    status = as_run_find_groups(&r, error);
    if (status == ASSAY_OK)
        status =
            as_run_folder_open(arena, suite, cells, r.groups, r.n_cells, options, &r.folder, error);
    if (status == ASSAY_OK) {
        r.summary.folder = r.event.folder = as_arena_strdup(arena, r.folder.path);
        status = find_missing(&r, &keep, error);
        r.event.kept = keep;
    }
    if (status == ASSAY_OK) {
        as_run_tell(&r, AS_RUN_BEGIN);
        status = as_run_same_begin(&r, keep, error);
    }
    if (status == ASSAY_OK) {
        status = run_missing(&r, keep, error);
        as_run_remove_handouts(&r);
    }
    if (status == ASSAY_OK && !r.summary.stop_signal)
        status = as_run_folder_seal(&r.folder, error);
    if (status != ASSAY_OK && r.event.n_done == 0)
        as_run_folder_withdraw(&r.folder);
    as_run_folder_close(&r.folder);
    as_stop_end();
    *ret_summary = r.summary;
    return status;
}
