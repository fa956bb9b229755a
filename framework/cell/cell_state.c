/* SPDX-License-Identifier: MIT */
/* The saved training state of a cell, from which --resume goes on inside it: where it lies, what it
 * must agree in with the cell, and the cell's own part of it (steps.jsonl so far, energy, peak
 * memory). */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/sha256.h"
#include "cell/cell.h"
#include "cell/run_folder.h"
#include "data/embeddings/embeddings.h"
#include "measure/environment.h"

static const char steps_name[] = "cell.steps", joules_name[] = "cell.joules",
                  rss_name[] = "cell.peak_rss_bytes";

/* ---- facts ----------------------------------------------------------------------------------- */

static assay_status add_fact(as_cell_state *state, as_arena *arena, const char *name,
                             const char *value, assay_error *error) {
    if (!(value = as_arena_strdup(arena, value)))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for a training state");
    state->facts[state->n_facts++] = (as_state_fact){name, value};
    return ASSAY_OK;
}

/* SHA-256 of everything that training reads of the rows. */
static as_sha256_hex rows_digest(const as_prepared *data) {
    unsigned char digest[AS_SHA256_BYTES];
    as_sha256_hex hex;
    as_sha256 sum = as_sha256_init();
    for (int s = AS_SPLIT_TRAIN; s <= AS_SPLIT_VALIDATION; s++) {
        const as_split_rows *split = &data->splits[s];
        as_sha256_update(&sum, &split->n_rows, sizeof split->n_rows);
        for (uint32_t i = 0; i < split->n_rows; i++) {
            const as_row *row = &split->rows[i];
            const int32_t numbers[3] = {row->n_ids, row->label, (int32_t)row->index};
            as_sha256_update(&sum, numbers, sizeof numbers);
            as_sha256_update(&sum, row->ids, (size_t)row->n_ids * sizeof *row->ids);
            if (row->weights)
                as_sha256_update(&sum, row->weights, (size_t)row->n_ids * sizeof *row->weights);
        }
    }
    as_sha256_final(&sum, digest);
    sodium_bin2hex(hex.text, sizeof hex.text, digest, sizeof digest);
    return hex;
}

static assay_status add_file_fact(as_cell_state *state, as_arena *arena, const char *name,
                                  const char *about, const char *path, assay_error *error) {
    as_sha256_hex hex = {""};
    char text[512];
    if (path[0]) { /* else linked into this program */
        assay_status status = as_sha256_file(path, &hex, error);
        if (status != ASSAY_OK)
            return status;
    }
    snprintf(text, sizeof text, "%s %s", about, hex.text);
    return add_fact(state, arena, name, text, error);
}

/* Pretrained weights and word vectors, by what they hold. */
static assay_status add_weights_fact(as_cell *cell, assay_error *error) {
    char *weights = cell->weights ? json_dumps(cell->weights, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    as_sha256_hex hex = as_sha256_bytes(weights ? weights : "", weights ? strlen(weights) : 0);
    char text[160];
    snprintf(text, sizeof text, "%s %s", weights ? hex.text : "none",
             cell->data->embeddings ? cell->data->embeddings->sha256 : "none");
    free(weights);
    return add_fact(&cell->state, cell->arena, "weights", text, error);
}

/* Rounding may differ from one kind of processor to another. */
static assay_status add_processor_fact(as_cell *cell, assay_error *error) {
    const as_fact *facts = NULL;
    const char *found = "unknown";
    size_t n = 0;
    assay_status status = as_environment(cell->arena, &facts, &n, error);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (strcmp(facts[i].key, "cpu_model") == 0 && facts[i].text)
            found = facts[i].text;
    return add_fact(&cell->state, cell->arena, "processor", found, error);
}

static assay_status add_facts(as_cell *cell, assay_error *error) {
    as_cell_state *state = &cell->state;
    const assay_plugin *model = cell->model.descriptor, *backend = cell->backend.descriptor;
    const char *libraries = cell->device->libraries ? cell->device->libraries() : "";
    as_sha256_hex suite = {""}, rows = rows_digest(cell->data);
    char about[300], threads[16];
    snprintf(threads, sizeof threads, "%d", cell->threads);
    assay_status status = as_suite_digest(cell->suite, &suite, error);
    if (status == ASSAY_OK)
        status = add_fact(state, cell->arena, "suite", suite.text, error);
    if (status == ASSAY_OK)
        status = add_fact(state, cell->arena, "cell", cell->spec.name, error);
    if (status == ASSAY_OK)
        status = add_fact(state, cell->arena, "threads", threads, error);
    if (status == ASSAY_OK)
        status = add_processor_fact(cell, error);
    if (status == ASSAY_OK)
        status = add_fact(state, cell->arena, "rows", rows.text, error);
    if (status == ASSAY_OK)
        status = add_weights_fact(cell, error);
    if (status == ASSAY_OK)
        status = add_file_fact(state, cell->arena, "program", "assay", "/proc/self/exe", error);
    snprintf(about, sizeof about, "%s %s", model->id, model->version);
    if (status == ASSAY_OK)
        status = add_file_fact(state, cell->arena, "model", about, cell->model.path, error);
    snprintf(about, sizeof about, "%s %s (%s)", backend->id, backend->version, libraries);
    if (status == ASSAY_OK)
        status = add_file_fact(state, cell->arena, "backend", about, cell->backend.path, error);
    return status;
}

/* ---- the cell's own part --------------------------------------------------------------------- */

static assay_status pack(void *context, as_state_parts *parts, assay_error *error) {
    as_cell *cell = context;
    double joules = as_cell_joules(cell);
    int64_t rss = as_cell_peak_rss_bytes(cell);
    if (fflush(cell->steps.stream) != 0)
        return as_fail(error, ASSAY_IO, cell->steps.temporary, "cannot write");
    assay_status status = as_state_add_file(parts, steps_name, cell->steps.temporary, error);
    if (status == ASSAY_OK)
        status = as_state_add_f64(parts, joules_name, &joules, 1, error);
    return status == ASSAY_OK ? as_state_add_i64(parts, rss_name, &rss, 1, error) : status;
}

static assay_status unpack(void *context, as_state *state, assay_error *error) {
    as_cell *cell = context;
    const void *steps = NULL;
    size_t n = 0;
    assay_status status = as_state_read_bytes(state, steps_name, &steps, &n, error);
    if (status == ASSAY_OK)
        status = as_state_read_f64(state, joules_name, &cell->state.joules, 1, error);
    if (status == ASSAY_OK)
        status = as_state_read_i64(state, rss_name, &cell->state.peak_rss_bytes, 1, error);
    if (status == ASSAY_OK)
        fwrite(steps, 1, n, cell->steps.stream); /* errors surface in commit */
    return status;
}

static void tell(void *context, const char *text) {
    const as_cell *cell = context;
    fprintf(cell->log, "%s\n", text);
}

double as_cell_joules(as_cell *cell) {
    return cell->state.joules + as_energy_joules(&cell->state.energy);
}

int64_t as_cell_peak_rss_bytes(const as_cell *cell) {
    int64_t now = as_peak_rss_bytes();
    return now > cell->state.peak_rss_bytes ? now : cell->state.peak_rss_bytes;
}

assay_status as_cell_saver(as_cell *cell, const as_train_saver **ret_saver, assay_error *error) {
    as_cell_state *state = &cell->state;
    double every = cell->suite->checkpoint_every;
    if (!cell->engine || !(every > 0) || cell->spec.entry->training.epochs == 0)
        return ASSAY_OK;
    assay_status status = add_facts(cell, error);
    if (status != ASSAY_OK)
        return status;
    state->saver = (as_train_saver){.path = state->path,
                                    .every_seconds = every,
                                    .facts = state->facts,
                                    .n_facts = state->n_facts,
                                    .context = cell,
                                    .pack = pack,
                                    .unpack = unpack,
                                    .tell = tell};
    *ret_saver = &state->saver;
    return ASSAY_OK;
}
