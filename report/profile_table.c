/* SPDX-License-Identifier: MIT */
/* Profiles by operation, and as tables for the terminal. */
#include "report/profile_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/report.h"
#include "report/text_table.h"

enum { N_COLUMNS = 7, MAX_ROWS = 16 };

static int by_seconds(const void *a, const void *b) {
    const as_profile_operation *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds) - (x->seconds > y->seconds)
                                    : strcmp(x->name, y->name);
}

as_profile_operation *as_profile_operations(as_arena *arena, const as_profile *profile,
                                            const as_profile_part *part, size_t *ret_n) {
    as_profile_operation *list = as_arena_alloc_array(arena, part->n_lines, sizeof *list);
    size_t n = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < part->n_lines; i++) {
        const as_profile_line *line = &part->lines[i];
        as_roof roof = as_profile_roof(profile, line->flops, line->bytes, line->seconds);
        size_t k = 0;
        while (k < n && strcmp(list[k].name, line->operation) != 0)
            k++;
        if (k == n)
            list[n++] = (as_profile_operation){.name = line->operation};
        list[k].calls += line->calls;
        list[k].seconds += line->seconds;
        list[k].flops += line->flops;
        list[k].bytes += line->bytes;
        if (roof.name && strcmp(roof.name, "matrix") == 0)
            list[k].matrix_seconds += roof.seconds;
        else if (roof.name)
            list[k].memory_seconds += roof.seconds;
    }
    qsort(list, n, sizeof *list, by_seconds);
    *ret_n = n;
    return list;
}

as_roof as_profile_operation_roof(const as_profile_operation *o) {
    double least = o->matrix_seconds + o->memory_seconds;
    if (!(least > 0) || !(o->seconds > 0))
        return (as_roof){NULL, NAN, NAN};
    return (as_roof){o->matrix_seconds > o->memory_seconds ? "matrix" : "memory",
                     least / o->seconds, least};
}

/* ---- the terminal ---------------------------------------------------------------------------- */

static void fill_numbers(const as_profile_part *part, const as_profile_operation *o,
                         as_number numbers[N_COLUMNS]) {
    as_roof roof = as_profile_operation_roof(o);
    bool matrix = roof.name && strcmp(roof.name, "matrix") == 0;
    double steps = (double)part->steps;
    numbers[0] = as_number_plain((double)o->calls / steps);
    numbers[1] = as_number_plain(1e3 * o->seconds / steps);
    numbers[2] = as_number_plain(100 * o->seconds / part->seconds);
    numbers[3] = as_number_plain(o->flops > 0 ? 1e-9 * o->flops / o->seconds : NAN);
    numbers[4] = as_number_plain(o->bytes > 0 ? 1e-9 * o->bytes / o->seconds : NAN);
    numbers[5] = as_number_plain(matrix ? 100 * roof.share : NAN);
    numbers[6] = as_number_plain(roof.name && !matrix ? 100 * roof.share : NAN);
}

static void print_part(as_arena *arena, const as_profile *profile, const as_profile_part *part,
                       FILE *stream, int width, bool ascii) {
    static const char *const headings[N_COLUMNS] = {"calls", "ms",       "%",       "GFLOP/s",
                                                    "GB/s",  "matrix %", "memory %"};
    size_t n = 0;
    const as_profile_operation *all = as_profile_operations(arena, profile, part, &n);
    size_t shown = n < MAX_ROWS ? n : MAX_ROWS;
    as_table_row *rows = as_arena_alloc_array(arena, shown, sizeof *rows);
    as_number *numbers = as_arena_alloc_array(arena, shown * N_COLUMNS, sizeof *numbers);
    if (!all || !rows || !numbers)
        return;
    fprintf(stream, "%s: %lld steps of %s ms, %s tokens each; operations account for %s %%\n",
            part->name, (long long)part->steps,
            as_number_plain(1e3 * part->seconds / (double)part->steps).value,
            as_number_plain((double)part->tokens / (double)part->steps).value,
            as_number_plain(100 * as_profile_accounted(part)).value);
    for (size_t i = 0; i < shown; i++) {
        fill_numbers(part, &all[i], &numbers[i * N_COLUMNS]);
        rows[i] = (as_table_row){" ", all[i].name, &numbers[i * N_COLUMNS], NULL};
    }
    const as_table table = {headings, N_COLUMNS, rows, shown, width, ascii};
    (void)as_table_print(&table, stream);
    if (shown < n)
        fprintf(stream, "  and %zu operations that took less; profile.json has them\n", n - shown);
}

static void print_peak(FILE *stream, const char *name, double value, const char *unit) {
    if (isfinite(value))
        fprintf(stream, ", %s %s %s", name, as_number_plain(1e-9 * value).value, unit);
}

assay_status as_report_print_profiles(const as_run *run, FILE *stream, int width, bool ascii,
                                      assay_error *error) {
    assay_status status = ASSAY_OK;
    as_arena *arena = as_arena_new();
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "profile", "no memory");
    for (size_t i = 0; status == ASSAY_OK && i < run->n_cells; i++) {
        as_profile *profile = NULL;
        assay_error found = ASSAY_ERROR_INIT;
        status = as_run_profile(run, run->cells[i], &profile, &found);
        if (status == ASSAY_NOT_FOUND) {
            status = ASSAY_OK;
            continue;
        }
        if (status != ASSAY_OK) {
            status = assay_fail(error, status, found.where, found.text);
            break;
        }
        fputs("\nProfile of ", stream);
        as_print_clean(stream, run->cells[i]->cell, 0, 0);
        print_peak(stream, "matrix peak", profile->peak_gemm.value, "GFLOP/s");
        print_peak(stream, "memory peak", profile->peak_memory.value, "GB/s");
        fputs("\n", stream);
        for (size_t p = 0; p < profile->n_parts; p++)
            print_part(arena, profile, &profile->parts[p], stream, width, ascii);
        as_profile_free(profile);
    }
    as_arena_free(arena);
    return status;
}
