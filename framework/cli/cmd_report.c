/* SPDX-License-Identifier: MIT */
/* assay report: the document of one or several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "report/report.h"

static const char usage[] =
    "usage: assay report RUN... [--format markdown] [--out DIR]\n"
    "\n"
    "Writes RUN/report/report.md: the comparison with intervals, classes, confusion matrices,\n"
    "training by epoch, data and audit, equivalence, environment, methods. Only the run's files\n"
    "are read: no plugin, no data set.\n"
    "\n"
    "--format LIST  markdown (this build has no other)\n"
    "--out DIR      one DIR/report.md for all the runs instead\n"
    "\n"
    "Example\n"
    "  assay report runs/quick-1\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 a record is broken, 3 it could not be written.\n"
    "See assay-report(1).\n";

static assay_status write_runs(const char *const *runs, size_t n, FILE *stream,
                               assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        as_run *run = NULL;
        status = as_run_read(runs[i], 1, &run, error);
        if (status == ASSAY_OK && i > 0)
            fputs("\n---\n\n", stream);
        if (status == ASSAY_OK)
            status = as_report_write_markdown(run, stream, error);
        as_run_free(run);
    }
    return status;
}

/* One document of n runs in `folder`; its path goes to stdout. */
static assay_status write_document(const char *folder, const char *const *runs, size_t n,
                                   assay_error *error) {
    char *path = as_path_join(folder, "report.md");
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    as_file_writer writer = {NULL, NULL, NULL};
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assay_status status = memory ? write_runs(runs, n, memory, error)
                                 : as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for it");
    if (memory && fclose(memory) != 0 && status == ASSAY_OK)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for it");
    /* The folder appears only once there is something to write into it. */
    if (status == ASSAY_OK)
        status = as_make_folders(folder, error);
    if (status == ASSAY_OK)
        status = as_file_writer_open(path, &writer, error);
    if (status == ASSAY_OK) {
        fwrite(text, 1, size, writer.stream); /* errors surface in commit */
        status = as_file_writer_commit(&writer, error);
    }
    if (status == ASSAY_OK)
        puts(path);
    free(text);
    free(path);
    return status;
}

static assay_status check_formats(as_words formats, assay_error *error) {
    for (size_t i = 0; i < formats.n; i++)
        if (strcmp(formats.items[i], "markdown") != 0)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--format",
                           "\"%.60s\": this build renders markdown only", formats.items[i]);
    return ASSAY_OK;
}

static int run(int argc, char **argv) {
    as_words runs = {NULL, 0}, formats = {NULL, 0};
    const char *out = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    const as_arg args[] = {{"--format", AS_ARG_LIST, &formats}, {"--out", AS_ARG_TEXT, &out}};
    assay_status status = arena ? as_args_parse(arena, argc, argv, args, 2, 1, 1000, &runs, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
    if (status == ASSAY_OK)
        status = check_formats(formats, &error);
    if (status == ASSAY_OK && out)
        status = write_document(out, runs.items, runs.n, &error);
    for (size_t i = 0; !out && i < runs.n && status == ASSAY_OK; i++) {
        char *folder = as_path_join(runs.items[i], "report");
        status = folder ? write_document(folder, &runs.items[i], 1, &error)
                        : as_fail(&error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
        free(folder);
    }
    as_arena_free(arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}

const as_command as_command_report = {"report", "write the report of a run", usage, run};
