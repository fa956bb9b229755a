/* SPDX-License-Identifier: MIT */
/* Reads profile.json. Nothing in it is trusted; derived fields are not read but derived again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/cell_file.h"
#include "results/record/profile.h"

enum { MAX_LINES = 100000 };

static as_figure read_figure(as_json_reader *r, const json_t *o, const char *key) {
    const json_t *f = as_field_enter(r, o, key);
    as_figure figure = as_figure_point(NAN);
    if (f)
        figure = (as_figure){as_field_real(r, f, "value"), as_field_real(r, f, "low"),
                             as_field_real(r, f, "high")};
    as_field_leave(r);
    return figure;
}

static void read_part(as_json_reader *r, const json_t *o, as_profile_part *part) {
    size_t n = 0;
    part->name = as_field_text(r, o, "name");
    part->steps = as_field_count(r, o, "steps");
    part->rows = as_field_count(r, o, "rows");
    part->tokens = as_field_count(r, o, "tokens");
    part->seconds = as_field_real(r, o, "seconds");
    const json_t *lines = as_field_array(r, o, "lines", MAX_LINES, &n);
    part->lines = as_field_alloc(r, n, sizeof *part->lines, "lines");
    if (!part->lines)
        return;
    for (size_t i = 0; i < n; i++) {
        const json_t *line = as_field_enter_item(r, lines, "lines", i);
        part->lines[i] = (as_profile_line){.operation = as_field_text(r, line, "operation"),
                                           .parameter = as_field_text(r, line, "parameter"),
                                           .node = as_field_count(r, line, "node"),
                                           .calls = as_field_count(r, line, "calls"),
                                           .seconds = as_field_real(r, line, "seconds"),
                                           .flops = as_field_real(r, line, "flops"),
                                           .bytes = as_field_real(r, line, "bytes")};
        if (r->status == ASSAY_OK && (!part->lines[i].operation || !(part->lines[i].seconds >= 0) ||
                                      part->lines[i].calls < 0 || !(part->lines[i].flops >= 0) ||
                                      !(part->lines[i].bytes >= 0)))
            as_field_fail(r, ASSAY_BAD_DATA, "operation",
                          "a line needs a name, and calls, seconds, flops and bytes of at least 0");
        as_field_leave(r);
    }
    part->n_lines = r->status == ASSAY_OK ? n : 0;
    if (r->status == ASSAY_OK && (!part->name || !(part->seconds > 0) || part->steps < 1))
        as_field_fail(r, ASSAY_BAD_DATA, "name", "a part needs a name, steps and seconds");
}

static void read_profile(as_json_reader *r, const json_t *root, void *into) {
    as_profile *profile = into;
    size_t n = 0;
    profile->cell = as_field_text(r, root, "cell");
    profile->entry = as_field_text(r, root, "entry");
    profile->backend = as_field_text(r, root, "backend");
    profile->libraries = as_field_text(r, root, "libraries");
    profile->dtype = as_field_text(r, root, "dtype");
    profile->threads = as_field_count32(r, root, "threads");
    const json_t *peaks = as_field_enter(r, root, "peaks");
    profile->peak_compute = read_figure(r, peaks, "compute_flops_per_second");
    profile->peak_gemm = read_figure(r, peaks, "gemm_flops_per_second");
    profile->peak_memory = read_figure(r, peaks, "memory_bytes_per_second");
    as_field_leave(r);
    const json_t *parts = as_field_array(r, root, "parts", AS_PROFILE_PARTS, &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *part = as_field_enter_item(r, parts, "parts", i);
        read_part(r, part, &profile->parts[i]);
        as_field_leave(r);
    }
    profile->n_parts = n;
}

assay_status as_profile_read(const char *folder, as_profile **ret_profile, assay_error *error) {
    static const as_cell_file file = {"profile.json", AS_PROFILE_SCHEMA_VERSION, read_profile};
    as_profile *profile = calloc(1, sizeof *profile);
    if (!profile)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for its profile.json");
    assay_status status =
        as_cell_file_read(&file, folder, profile, &profile->arena, &profile->json, error);
    if (status == ASSAY_OK)
        *ret_profile = profile;
    else
        as_profile_free(profile);
    return status;
}

void as_profile_free(as_profile *profile) {
    if (!profile)
        return;
    json_decref(profile->json);
    as_arena_free(profile->arena);
    free(profile);
}

assay_status as_run_profile(const as_run *run, const as_record *cell, as_profile **ret_profile,
                            assay_error *error) {
    char *folder = NULL;
    assay_status status = as_cell_file_folder(run, cell, "profile.json", &folder, error);
    if (status == ASSAY_OK)
        status = as_profile_read(folder, ret_profile, error);
    free(folder);
    return status;
}
