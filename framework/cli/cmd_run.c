/* SPDX-License-Identifier: MIT */
/* assay run: a suite's cells, then the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cell/limits.h"
#include "cell/run.h"
#include "cell/suite_check.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/progress_view.h"
#include "report/report.h"
#include "results/record/record.h"

static const char usage[] =
    "usage: assay run SUITE [options]\n"
    "\n"
    "Trains and measures every cell of a suite (entry x backend x dtype x seed), each in a "
    "process\n"
    "of its own, into a run folder; then prints the comparison. SUITE is a name (assay list "
    "suites)\n"
    "or the path of a JSON file.\n"
    "\n"
    "  --entries A,B          only these entries\n"
    "  --backends X,Y         instead of the suite's\n"
    "  --dtypes f32,f64       instead of the suite's\n"
    "  --seeds 1,2,3          instead of the suite's\n"
    "  --set PATH=VALUE       any field of the suite; may be given several times\n"
    "  --data-dir DIR         where data sets lie\n"
    "  --out DIR              run folder (default runs/SUITE-N)\n"
    "  --resume               go on in a folder: runs what is missing or failed\n"
    "  --threads N            threads of a cell (default: all processors)\n"
    "  --timeout TIME         per cell: 90s, 10m, 2h\n"
    "  --memory-limit SIZE    per cell: 512M, 10G\n"
    "  --profile              also where the time of a few steps goes, by operation\n"
    "  --interleave           measure the cells in blocks in turn: fair ratios; all are in memory\n"
    "                         at once\n"
    "  --dry-run              show the cells, run nothing\n"
    "  --quiet                no progress; errors and the table only\n"
    "\n"
    "Example: a first look at one model, two epochs, a larger state\n"
    "  assay run quick --entries gru --seeds 1 --set training.epochs=2 \\\n"
    "      --set entries.gru.options.hidden=128\n"
    "\n"
    "Exit status: 0 done, 3 failed cells, 64 usage, 65 bad data. See assay-run(1).\n";

/* With less no plugin could be loaded, and a number without its unit is bytes. */
#define LEAST_MEMORY (UINT64_C(1) << 20)

typedef struct run_arguments {
    as_words operands, entries, backends, dtypes, seeds, sets;
    const char *data_dir, *out, *threads, *timeout, *memory_limit;
    bool resume, profile, interleave, dry_run, quiet;
} run_arguments;

static assay_status parse(as_arena *arena, int argc, char **argv, run_arguments *a,
                          as_run_options *options, assay_error *error) {
    const as_arg args[] = {
        {"--entries", AS_ARG_LIST, &a->entries}, {"--backends", AS_ARG_LIST, &a->backends},
        {"--dtypes", AS_ARG_LIST, &a->dtypes},   {"--seeds", AS_ARG_LIST, &a->seeds},
        {"--set", AS_ARG_MORE, &a->sets},        {"--data-dir", AS_ARG_TEXT, &a->data_dir},
        {"--out", AS_ARG_TEXT, &a->out},         {"--threads", AS_ARG_TEXT, &a->threads},
        {"--timeout", AS_ARG_TEXT, &a->timeout}, {"--memory-limit", AS_ARG_TEXT, &a->memory_limit},
        {"--resume", AS_ARG_FLAG, &a->resume},   {"--interleave", AS_ARG_FLAG, &a->interleave},
        {"--profile", AS_ARG_FLAG, &a->profile}, {"--dry-run", AS_ARG_FLAG, &a->dry_run},
        {"--quiet", AS_ARG_FLAG, &a->quiet}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1,
                                        &a->operands, error);
    if (status != ASSAY_OK)
        return status;
    options->folder = a->out;
    options->data_dir = a->data_dir;
    options->resume = a->resume;
    options->interleave = a->interleave;
    options->profile = a->profile;
    if (a->threads) {
        char *end;
        long threads = strtol(a->threads, &end, 10);
        if (*end || end == a->threads || threads < 1 || threads > 4096)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--threads",
                           "found \"%.40s\"; expected 1 to 4096", a->threads);
        options->threads = (int32_t)threads;
    }
    if (a->timeout && !((options->timeout_seconds = as_parse_duration(a->timeout)) > 0))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--timeout",
                       "found \"%.40s\"; expected a time as 90s, 10m or 2h", a->timeout);
    if (!a->memory_limit)
        return ASSAY_OK;
    options->memory_limit_bytes = as_parse_bytes(a->memory_limit);
    if (options->memory_limit_bytes < LEAST_MEMORY)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--memory-limit",
                       "found \"%.40s\"; expected a size as 512M or 10G, 1M at least",
                       a->memory_limit);
    return ASSAY_OK;
}

/* A relative path means the folder this was called in, also for a later --resume from elsewhere.
 * What isn't there stays as it is: as_prepare says so. */
static assay_status settle_path(as_arena *arena, const char **path, assay_error *error) {
    char *full = *path ? realpath(*path, NULL) : NULL;
    const char *copy = full ? as_arena_strdup(arena, full) : *path;
    json_t *text = copy ? json_string(copy) : NULL; /* as run.json will hold it */
    assay_status status = ASSAY_OK;
    if (full && !copy)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, *path, "no memory");
    else if (copy && !text)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, copy,
                         "this path is not UTF-8, and run.json, which cells read it from, can only "
                         "hold UTF-8\ndo     give it another name");
    else
        *path = copy;
    json_decref(text);
    free(full);
    return status;
}

static assay_status settle_paths(as_arena *arena, as_suite *suite, as_run_options *options,
                                 assay_error *error) {
    json_t *data = json_object_get(suite->json, "data");
    assay_status status = settle_path(arena, &options->data_dir, error);
    if (status == ASSAY_OK)
        status = settle_path(arena, &suite->data.path, error);
    if (status == ASSAY_OK && strchr(suite->data.resource, '/'))
        status = settle_path(arena, &suite->data.resource, error);
    if (status == ASSAY_OK && suite->data.path)
        json_object_set_new(data, "path", json_string(suite->data.path));
    if (status == ASSAY_OK)
        json_object_set_new(data, "resource", json_string(suite->data.resource));
    return status;
}

static int print_cells(as_arena *arena, const as_suite *suite, assay_error *error) {
    as_cell_spec *cells;
    size_t n;
    if (as_suite_cells(arena, suite, &cells, &n, error) != ASSAY_OK)
        return as_print_error(error);
    printf("%s: %zu cells; data %s\n", suite->name, n, suite->data.resource);
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        if (strlen(cells[i].entry->name) > width)
            width = strlen(cells[i].entry->name);
    for (size_t i = 0; i < n; i++)
        printf("%3zu  %-*s  %-9s  %-4s  seed %llu  %d epochs\n", i + 1, (int)width,
               cells[i].entry->name, cells[i].backend, cells[i].dtype,
               (unsigned long long)cells[i].seed, cells[i].entry->training.epochs);
    return AS_EXIT_OK;
}

static int print_table(const char *folder, assay_error *error) {
    as_run *run = NULL;
    assay_status status = as_run_read(folder, AS_RAW_ANSWERS, &run, error);
    if (status == ASSAY_OK)
        status = as_report_print_table(run, stdout, as_terminal_width(STDOUT_FILENO), error);
    if (status == ASSAY_OK)
        status = as_report_print_profiles(run, stdout, as_terminal_width(STDOUT_FILENO),
                                          !as_locale_is_utf8(), error);
    as_run_free(run);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(error);
}

/* The command that goes on where this one ends. */
static void print_way_on(const as_run_summary *summary, const run_arguments *a,
                         const as_run_options *options) {
    fputs("go on: assay", stderr);
    for (size_t i = 1; i < options->n_command; i++) {
        fputc(' ', stderr);
        as_print_word(stderr, options->command[i]);
    }
    if (!a->out) {
        fputs(" --out ", stderr);
        as_print_word(stderr, summary->folder);
    }
    fputs(a->resume ? "\n" : " --resume\n", stderr);
}

/* Says how to go on, and dies of the signal. */
static int die_stopped(const as_run_summary *summary, const run_arguments *a,
                       const as_run_options *options) {
    fflush(stdout);
    fprintf(stderr, "stopped after %zu of %zu; ", summary->n_cells - summary->n_not_run,
            summary->n_cells);
    print_way_on(summary, a, options);
    as_die_of(summary->stop_signal);
    return AS_EXIT_FAILED;
}

/* The table, and what the user reads last; the exit code. */
static int conclude(const as_run_summary *summary, assay_error *error) {
    int code = print_table(summary->folder, error);
    if (code != AS_EXIT_OK)
        return code;
    fputs("Next: assay report ", stdout);
    as_print_word(stdout, summary->folder);
    fputs("\n", stdout);
    fflush(stdout);
    if (summary->n_skipped)
        fprintf(stderr, "note: %zu of %zu cells were skipped; run.json says why\n",
                summary->n_skipped, summary->n_cells);
    if (summary->n_failed)
        fprintf(stderr, "%zu of %zu cells failed; --resume tries them again\n", summary->n_failed,
                summary->n_cells);
    return summary->n_failed ? AS_EXIT_FAILED : AS_EXIT_OK;
}

static int run_suite(as_arena *arena, as_suite *suite, const run_arguments *a,
                     const as_run_options *options, assay_error *error) {
    as_run_summary summary = {.folder = NULL};
    as_progress_view *view = as_progress_view_new(suite, a->quiet);
    if (!view)
        return AS_EXIT_FAILED;
    as_run_listener listener = as_progress_view_listener(view);
    assay_status status = as_run_suite(arena, suite, options, &listener, &summary, error);
    as_progress_view_free(view);
    if (status != ASSAY_OK) {
        int code = as_print_error(error);
        if (status == ASSAY_IO && summary.folder && as_path_exists(summary.folder)) {
            fputs("  kept   what was done; when the cause is mended ", stderr);
            print_way_on(&summary, a, options);
        }
        return code;
    }
    if (summary.stop_signal)
        return die_stopped(&summary, a, options);
    return conclude(&summary, error);
}

/* The arguments, and the suite as they want it. */
static assay_status load(as_arena *arena, int argc, char **argv, run_arguments *a,
                         as_run_options *options, as_suite **ret_suite, assay_error *error) {
    assay_status status = parse(arena, argc, argv, a, options, error);
    const as_suite_overrides overrides = {
        a->sets.items,  a->sets.n,    a->entries.items, a->backends.items, a->dtypes.items,
        a->seeds.items, a->entries.n, a->backends.n,    a->dtypes.n,       a->seeds.n};
    if (status == ASSAY_OK)
        status = as_suite_load(arena, a->operands.items[0], &overrides, ret_suite, error);
    return status == ASSAY_OK ? settle_paths(arena, *ret_suite, options, error) : status;
}

int as_run_check(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    run_arguments a = {.resume = false};
    as_run_options options = {.program = NULL};
    as_suite *suite = NULL;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? load(arena, argc, argv, &a, &options, &suite, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "run", "no memory");
    if (status == ASSAY_OK)
        status = as_suite_check(suite, options.data_dir, &error);
    as_suite_free(suite);
    as_arena_free(arena);
    /* What is no mistake of the suite is its cell's to tell. */
    return as_exit_code(status) >= AS_EXIT_USAGE ? as_print_error(&error) : AS_EXIT_OK;
}

/* In a process of its own; a plugin that crashes there will in its cell. */
static int check(int argc, char **argv) {
    assay_error ignored = ASSAY_ERROR_INIT;
    int code = AS_EXIT_OK;
    if (as_child_run("run", argc, argv, "run", AS_CHILD_SECONDS, &code, &ignored) != ASSAY_OK)
        return AS_EXIT_OK;
    return code;
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    run_arguments a = {.resume = false};
    /* The table of commands was entered with the words behind "assay run". */
    as_run_options options = {.program = as_program_path(),
                              .command = (const char *const *)(uintptr_t)(argv - 2),
                              .n_command = (size_t)argc + 2};
    as_suite *suite = NULL;
    int code = AS_EXIT_FAILED;
    as_arena *arena = as_arena_new();
    if (!arena || !options.program) {
        fputs("assay: run: no memory, or /proc is not mounted\n", stderr);
        goto done;
    }
    if (load(arena, argc, argv, &a, &options, &suite, &error) != ASSAY_OK)
        code = as_print_error(&error);
    else if ((code = check(argc, argv)) != AS_EXIT_OK)
        goto done;
    else if (a.dry_run)
        code = print_cells(arena, suite, &error);
    else
        code = run_suite(arena, suite, &a, &options, &error);
done:
    as_suite_free(suite);
    as_arena_free(arena);
    return code;
}

const as_command as_command_run = {"run", "train and measure a suite's models", usage, run};
