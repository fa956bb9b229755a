/* SPDX-License-Identifier: MIT */
/* One cell's process: train, predict, measure, check, write. Whatever goes wrong on the way becomes
 * the record's status and reason; only a record that cannot be written is an error here. */
#include "cell/cell.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cell/limits.h"
#include "cell/run_folder.h"
#include "measure/environment.h"

/* ---- progress -------------------------------------------------------------------------------- */

void as_cell_on_progress(void *context, const as_train_progress *progress) {
    const as_cell *cell = context;
    as_cell_progress message = {.epoch = progress->epoch,
                                .epochs = progress->epochs,
                                .share = progress->share,
                                .tokens_per_second = progress->tokens_per_second,
                                .train_loss = progress->train_loss,
                                .validation_accuracy = progress->validation_accuracy,
                                .watch = progress->watch};
    if (cell->progress < 0)
        return;
    snprintf(message.stage, sizeof message.stage, "%s", progress->stage);
    as_progress_write(cell->progress, &message);
}

void as_cell_stage(const as_cell *cell, const char *stage) {
    as_train_progress progress = {stage, 0, 0, 0, NAN, NAN, NAN, 0};
    as_cell_on_progress((void *)(uintptr_t)cell, &progress);
    fprintf(cell->log, "%s\n", stage);
}

/* The progress pipe, when the parent made one; descriptor 3 of a process started by hand is
 * anything. */
static int find_progress_pipe(void) {
    struct stat info;
    if (fstat(AS_PROGRESS_FD, &info) != 0 || !S_ISFIFO(info.st_mode) ||
        fcntl(AS_PROGRESS_FD, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    (void)fcntl(AS_COMMAND_FD, F_SETFD, FD_CLOEXEC); /* where there is one */
    signal(SIGPIPE, SIG_IGN);
    return AS_PROGRESS_FD;
}

/* ---- run.json -------------------------------------------------------------------------------- */

static assay_status find_spec(as_cell *cell, const char *name, assay_error *error) {
    json_t *cells = json_object_get(cell->run, "cells"), *one;
    size_t i;
    json_array_foreach(cells, i, one) {
        const char *entry = json_string_value(json_object_get(one, "entry"));
        const char *found = json_string_value(json_object_get(one, "name"));
        if (!found || !entry || strcmp(found, name) != 0)
            continue;
        cell->spec.name = found;
        cell->spec.backend = json_string_value(json_object_get(one, "backend"));
        cell->spec.dtype = json_string_value(json_object_get(one, "dtype"));
        cell->spec.seed = (uint64_t)json_integer_value(json_object_get(one, "seed"));
        for (size_t e = 0; e < cell->suite->n_entries; e++)
            if (strcmp(cell->suite->entries[e].name, entry) == 0)
                cell->spec.entry = &cell->suite->entries[e];
    }
    if (cell->mode == AS_CELL_HAND_OUT)
        cell->spec.dtype = "f32"; /* the logits that all precisions are held against */
    if (!cell->spec.entry || !cell->spec.backend || !cell->spec.dtype)
        return as_fail(error, ASSAY_NOT_FOUND, "run.json", "has no cell \"%s\"", name);
    return ASSAY_OK;
}

static assay_status read_run(as_cell *cell, const char *folder, const char *name,
                             assay_error *error) {
    char *path = as_path_join(folder, "run.json");
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    assay_status status = as_json_load(path, &cell->run, error);
    if (status == ASSAY_OK)
        status = as_suite_from_json(cell->arena, json_object_get(cell->run, "suite"), path,
                                    &cell->suite, error);
    if (status == ASSAY_OK)
        status = find_spec(cell, name, error);
    cell->data_dir = json_string_value(json_object_get(cell->run, "data_dir"));
    cell->threads = (int32_t)json_integer_value(json_object_get(cell->run, "threads"));
    if (cell->threads < 1)
        cell->threads = 1;
    free(path);
    return status;
}

static assay_status hold_limits(assay_error *error) {
    const char *group = getenv("ASSAY_CELL_CGROUP"), *limit = getenv("ASSAY_CELL_MEMORY_LIMIT");
    if (group)
        return as_cgroup_enter(group, error);
    return limit ? as_limit_data(strtoull(limit, NULL, 10), error) : ASSAY_OK;
}

/* ---- training -------------------------------------------------------------------------------- */

static void put_number(FILE *stream, const char *key, double value) {
    if (isfinite(value))
        fprintf(stream, ", \"%s\": %.9g", key, value);
    else
        fprintf(stream, ", \"%s\": null", key);
}

static void on_step(void *context, const as_step_record *step) {
    as_cell *cell = context;
    FILE *stream = cell->steps.stream;
    fprintf(stream, "{\"epoch\": %d, \"step\": %lld", step->epoch, (long long)step->step);
    put_number(stream, "loss", step->loss);
    put_number(stream, "learning_rate", step->learning_rate);
    put_number(stream, "grad_norm", step->grad_norm);
    fprintf(stream, ", \"rows\": %lld, \"tokens\": %lld", (long long)step->n_rows,
            (long long)step->n_tokens);
    put_number(stream, "seconds", step->seconds);
    fputs("}\n", stream);
}

/* What a suite asks for and has no texts for must not pass in silence. */
static void warn_of_no_validation(as_cell *cell) {
    const as_entry *entry = cell->spec.entry;
    const json_t *stopping = json_object_get(entry->training_json, "early_stopping");
    if (cell->data->splits[AS_SPLIT_VALIDATION].n_rows || entry->training.epochs < 1)
        return;
    if (json_object_size(stopping) && entry->training.patience > 0)
        as_cell_warn(cell, "early_stopping: there are no validation texts, so all epochs are run");
    if (json_object_get(entry->training_json, "keep") && entry->training.keep_best)
        as_cell_warn(cell, "keep: there are no validation texts to find the best epoch by, so the "
                           "last is tested");
}

static assay_status train(as_cell *cell, assay_error *error) {
    const as_features *features = cell->features;
    as_train_job job = {.trainee = features ? as_features_trainee(features) : cell->trainee,
                        .data = features ? as_features_prepared(features) : cell->data,
                        .config = &cell->spec.entry->training,
                        .seed = cell->spec.seed,
                        .observer = {cell, as_cell_on_progress, on_step, as_cell_training_pause}};
    char *path = as_path_join(cell->work, "steps.jsonl");
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "steps.jsonl", "no memory for its path");
    assay_status status = as_file_writer_open(path, &cell->steps, error);
    free(path);
    if (status != ASSAY_OK)
        return status;
    as_cell_stage(cell, "train");
    warn_of_no_validation(cell);
    cell->training_from = as_cell_peaks_begin(cell);
    as_energy_start(&cell->state.energy);
    status = as_cell_saver(cell, &job.saver, error);
    if (status == ASSAY_OK)
        status = as_train_run(cell->arena, &job, &cell->trained, error);
    cell->joules = as_cell_joules(cell);
    as_cell_training_end(cell);
    if (features && (status == ASSAY_OK || status == ASSAY_DIVERGED)) {
        assay_status finished = as_features_finish(cell->features, error);
        status = status == ASSAY_OK ? finished : status;
    }
    assay_error written = ASSAY_ERROR_INIT;
    if (as_file_writer_commit(&cell->steps, &written) != ASSAY_OK && status == ASSAY_OK)
        return assay_fail(error, written.status, written.where, written.text);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static assay_status check_openmp(assay_error *error) {
    char names[512] = "";
    int n = as_openmp_runtimes(names, sizeof names);
    if (n < 2)
        return ASSAY_OK;
    return as_fail(error, ASSAY_UNSUPPORTED, "OpenMP",
                   "%d runtimes in one process (%s); their threads fight, so no figure of it "
                   "counts; build the plugins against one",
                   n, names);
}

/* A training that diverged leaves the weights of an epoch before that, and the reason names it. */
static assay_status save_good(as_cell *cell, assay_error *error) {
    assay_error unsaved = ASSAY_ERROR_INIT;
    size_t used = strlen(error->text);
    assay_status status = as_cell_save(cell, &unsaved);
    if (status != ASSAY_OK) {
        *error = unsaved;
        return status;
    }
    snprintf(error->text + used, sizeof error->text - used, "; epoch %d, the %s before that, %s",
             (int)cell->trained.kept_epoch, cell->spec.entry->training.keep_best ? "best" : "last",
             cell->suite->checkpoint_keep ? "is kept" : "is kept where checkpoint.keep is true");
    return ASSAY_DIVERGED;
}

static assay_status work(as_cell *cell, assay_error *error) {
    assay_status status = as_cell_prepare(cell, error);
    if (status == ASSAY_OK && cell->mode == AS_CELL_HAND_OUT)
        return as_cell_hand_out(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_record_setup(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_write_graph(cell, error);
    if (status == ASSAY_OK && cell->spec.entry->peer.of && cell->spec.entry->peer.same_logits)
        status = as_cell_check_peer(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_peaks_open(cell, error);
    if (status != ASSAY_OK)
        return status;
    status = train(cell, error);
    if (status == ASSAY_OK || status == ASSAY_DIVERGED) {
        assay_status recorded = as_cell_record_training(cell, error);
        status = status == ASSAY_OK ? recorded : status;
    }
    if (status == ASSAY_DIVERGED && cell->engine && cell->trained.kept_epoch > 0)
        status = save_good(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_save(cell, error);
    if (status == ASSAY_OK && cell->suite->measure_scores)
        status = as_cell_record_scores(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_record_speed(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_record_equivalence(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_attention(cell, error);
    if (status == ASSAY_OK)
        status = as_cell_profile(cell, error);
    as_cell_record_peaks(cell);
    as_cell_record_device(cell);
    if (status == ASSAY_OK && check_openmp(error) != ASSAY_OK)
        status = ASSAY_INTERNAL;
    return status;
}

/* The outcome's name, and for trouble its reason. */
static void conclude(as_cell *cell, assay_status status, const assay_error *error) {
    as_record *record = cell->record;
    const char *limit = getenv("ASSAY_CELL_MEMORY_LIMIT");
    char reason[1500], bytes[32];
    record->status = status == ASSAY_OK                                           ? AS_CELL_OK
                     : status == ASSAY_UNAVAILABLE || status == ASSAY_UNSUPPORTED ? AS_CELL_SKIPPED
                     : status == ASSAY_DIVERGED                                   ? AS_CELL_DIVERGED
                                                                                  : AS_CELL_FAILED;
    record->peak_rss_bytes = as_cell_peak_rss_bytes(cell);
    if (status == ASSAY_OK)
        return;
    as_bytes_text(limit ? strtoull(limit, NULL, 10) : 0, bytes, sizeof bytes);
    bool bounded = status == ASSAY_OUT_OF_MEMORY && limit;
    snprintf(reason, sizeof reason, "%s%s%s%s: %s", bounded ? "memory limit " : "",
             bounded ? bytes : "", bounded ? " reached: " : "", error->where,
             error->text[0] ? error->text : as_status_text(status));
    record->reason = as_arena_strdup(cell->arena, reason);
    fprintf(cell->log, "%s: %s\n", as_cell_status_name(record->status), reason);
}

/* A cell must not outlive a parent that was killed: the next run works in the same folder. false:
 * the parent went before it could be followed. */
static bool follow_parent(void) {
    const char *parent = getenv("ASSAY_CELL_PARENT");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return !parent || strtol(parent, NULL, 10) == (long)getppid();
}

assay_status as_cell_main(const char *run_folder, const char *cell_name, const char *work_folder,
                          as_cell_mode mode, FILE *log, assay_error *error) {
    as_cell cell = {
        .log = log, .run_folder = run_folder, .work = work_folder, .mode = mode, .joules = NAN};
    assay_error why = ASSAY_ERROR_INIT;
    if (!follow_parent())
        return as_fail(error, ASSAY_INTERRUPTED, cell_name, "its parent is gone");
    cell.progress = find_progress_pipe();
    setvbuf(log, NULL, _IOLBF, 0);
    if (!(cell.arena = as_arena_new()))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, cell_name, "no memory to begin");
    assay_status status = as_record_new(&cell.record, error);
    if (status == ASSAY_OK)
        status = read_run(&cell, run_folder, cell_name, error);
    if (status == ASSAY_OK) {
        as_cell_identify(cell.record, cell.suite, &cell.spec, cell.threads);
        cell.state.path = as_run_state_path(run_folder, cell_name);
        status = cell.state.path ? hold_limits(&why)
                                 : as_fail(&why, ASSAY_OUT_OF_MEMORY, cell_name, "no memory");
        if (status == ASSAY_OK)
            status = work(&cell, &why);
        conclude(&cell, status, &why);
        status = as_record_write(cell.record, work_folder, error);
        if (status == ASSAY_OK && cell.data_failed)
            status = assay_fail(error, ASSAY_BAD_DATA, why.where, why.text);
    }
    as_cell_free(&cell);
    return status;
}
