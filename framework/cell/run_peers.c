/* SPDX-License-Identifier: MIT */
/* Handing out an entry's initial weights to its peers (cell_peer.c has the files): once for each
 * entry and seed of a run, by a process of its own, so that neither the peer's memory nor its time
 * holds what loading and drawing take. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/paths.h"
#include "cell/run_work.h"

/* A cell of the entry that the peer belongs to, of its seed. */
static const as_cell_spec *find_base(const as_run_work *r, const as_cell_spec *peer) {
    for (size_t i = 0; i < r->n_cells; i++)
        if (strcmp(r->cells[i].entry->name, peer->entry->peer.of) == 0 &&
            r->cells[i].seed == peer->seed)
            return &r->cells[i];
    return NULL;
}

static void on_tick(void *context) {
    as_run_tell(context, AS_RUN_TICK);
}

/* Makes the hand-out; whatever goes wrong in its process stands in the folder's result.json. */
static assay_status make(as_run_work *r, const as_cell_spec *base, as_cell_paths *paths,
                         assay_error *error) {
    char reason[1024];
    as_process_config config;
    as_process_result result;
    assay_status status = as_make_folders(paths->work, error);
    if (status == ASSAY_OK)
        status = as_run_process_config(r, base, paths, AS_CELL_HAND_OUT, &config, error);
    if (status != ASSAY_OK)
        return status;
    config.context = r;
    config.on_tick = on_tick;
    status = as_process_run(&config, &result, error);
    if (status != ASSAY_OK)
        return status;
    if (result.end == AS_PROCESS_STOPPED) {
        r->summary.stop_signal = result.code;
        return ASSAY_OK;
    }
    if (result.end == AS_PROCESS_EXITED)
        return ASSAY_OK;
    as_run_failure_reason(&config, &result, reason, sizeof reason);
    return as_run_write_failed(r, base, paths->work, AS_CELL_FAILED, reason, error);
}

/* Reads how the hand-out went. */
static assay_status judge(as_run_work *r, const as_cell_spec *base, const char *folder,
                          as_cell_outcome *outcome, assay_error *error) {
    char reason[1200];
    as_record *record = NULL;
    assay_error found = ASSAY_ERROR_INIT;
    outcome->status = AS_CELL_FAILED;
    if (as_record_read(folder, 0, &record, &found) != ASSAY_OK)
        snprintf(reason, sizeof reason, "the weights of \"%.64s\" could not be handed out: %.400s",
                 base->entry->name, found.text);
    else if (record->status != AS_CELL_OK)
        snprintf(reason, sizeof reason, "the weights of \"%.64s\" could not be handed out: %.1000s",
                 base->entry->name, record->reason ? record->reason : "");
    if (record)
        outcome->status = record->status;
    as_record_free(record);
    if (outcome->status == AS_CELL_OK)
        return ASSAY_OK;
    outcome->reason = as_arena_strdup(r->arena, reason);
    return outcome->reason ? ASSAY_OK : as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory");
}

assay_status as_run_hand_out(as_run_work *r, size_t i, const as_cell_paths *paths, bool *ret_ready,
                             as_cell_outcome *outcome, assay_error *error) {
    const as_cell_spec *peer = &r->cells[i];
    as_cell_paths out = {NULL, NULL, NULL};
    const as_cell_spec *base = peer->entry->peer.of ? find_base(r, peer) : NULL;
    assay_status status = ASSAY_OK;
    *ret_ready = true;
    if (!base)
        return ASSAY_OK;
    out.work = as_run_handout_path(r->folder.path, peer->entry->peer.of, peer->seed);
    out.log = out.work ? as_path_join(out.work, "log.txt") : NULL;
    if (!out.log)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, peer->name, "no memory for a path");
    if (status == ASSAY_OK && !as_path_exists(out.work))
        status = make(r, base, &out, error);
    if (status == ASSAY_OK && !r->summary.stop_signal)
        status = judge(r, base, out.work, outcome, error);
    *ret_ready = status == ASSAY_OK && outcome->status == AS_CELL_OK && !r->summary.stop_signal;
    if (status == ASSAY_OK && r->summary.stop_signal)
        status = as_remove_folder(paths->work, error);
    else if (status == ASSAY_OK && !*ret_ready)
        status = as_run_write_failed(r, peer, paths->work, outcome->status, outcome->reason, error);
    if (status == ASSAY_OK && !*ret_ready && !r->summary.stop_signal)
        status = as_run_put_in_place(r, i, paths, outcome, error);
    as_cell_paths_free(&out);
    return status;
}

void as_run_remove_handouts(const as_run_work *r) {
    for (size_t i = 0; i < r->n_cells; i++) {
        const as_cell_spec *spec = &r->cells[i];
        assay_error ignored = ASSAY_ERROR_INIT;
        char *path = spec->entry->peer.of
                         ? as_run_handout_path(r->folder.path, spec->entry->peer.of, spec->seed)
                         : NULL;
        /* What cannot be removed the next run removes, as all folders of that kind. */
        if (path && as_path_exists(path) && as_remove_folder(path, &ignored) != ASSAY_OK)
            ignored.status = ASSAY_OK;
        free(path);
    }
}
