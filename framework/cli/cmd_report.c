/* SPDX-License-Identifier: MIT */
/* assay report: the document of one or several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "report/report.h"

static const char usage[] =
    "usage: assay report RUN... [--format markdown,csv,json] [--out DIR]\n"
    "\n"
    "Writes RUN/report/report.md: the comparison with intervals, classes, confusion matrices,\n"
    "training by epoch, data and audit, equivalence, environment, methods, and the published\n"
    "figures of the study that the suite names (report.published) beside ours. Only the run's\n"
    "files and that study's are read: no plugin, no data set.\n"
    "\n"
    "--format LIST  markdown (report.md, the default), csv and json (report.csv, report.json: the\n"
    "               rows of the comparison for programs, unrounded)\n"
    "--out DIR      one document in DIR for all the runs instead\n"
    "\n"
    "Examples\n"
    "  assay report runs/quick-1\n"
    "  assay report runs/* --format csv --out all\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 a record is broken, 3 it could not be written.\n"
    "See assay-report(1).\n";

static assay_status write_markdown(const as_run *run, size_t i, FILE *stream, assay_error *error) {
    if (i > 0)
        fputs("\n---\n\n", stream);
    return as_report_write_markdown(run, stream, error);
}

static assay_status write_csv(const as_run *run, size_t i, FILE *stream, assay_error *error) {
    if (i == 0)
        as_report_write_csv_header(stream);
    return as_report_write_csv(run, stream, error);
}

static assay_status write_json(const as_run *run, size_t i, FILE *stream, assay_error *error) {
    json_t *json = NULL;
    assay_status status = as_report_json(run, &json, error);
    if (status != ASSAY_OK)
        return status;
    fputs(i == 0 ? "{\"schema_version\": 1, \"runs\": [\n" : ",\n", stream);
    if (json_dumpf(json, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for it");
    json_decref(json);
    return status;
}

/* Where a document goes, run i of it, and what ends it. */
typedef struct format {
    const char *name, *file, *end;
    assay_status (*write)(const as_run *run, size_t i, FILE *stream, assay_error *error);
} format;

static const format formats[] = {{"markdown", "report.md", "", write_markdown},
                                 {"csv", "report.csv", "", write_csv},
                                 {"json", "report.json", "\n]}\n", write_json}};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static const format *find_format(const char *name) {
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static assay_status write_runs(const format *f, const char *const *runs, size_t n, FILE *stream,
                               assay_error *error) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        as_run *run = NULL;
        status = as_run_read(runs[i], 1, &run, error);
        if (status == ASSAY_OK)
            status = f->write(run, i, stream, error);
        as_run_free(run);
    }
    fputs(f->end, stream);
    return status;
}

/* One document of n runs in `folder`; its path goes to stdout. */
static assay_status write_document(const format *f, const char *folder, const char *const *runs,
                                   size_t n, assay_error *error) {
    char *path = as_path_join(folder, f->file);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    as_file_writer writer = {NULL, NULL, NULL};
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assay_status status = memory ? write_runs(f, runs, n, memory, error)
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

static assay_status check_formats(as_words names, assay_error *error) {
    const char *known[N_FORMATS];
    for (size_t i = 0; i < N_FORMATS; i++)
        known[i] = formats[i].name;
    for (size_t i = 0; i < names.n; i++) {
        const char *near = as_nearest_name(names.items[i], known, N_FORMATS);
        if (!find_format(names.items[i]))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--format",
                           "\"%.60s\": expected markdown, csv or json%s%s%s", names.items[i],
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return ASSAY_OK;
}

/* Every format of one document. */
static assay_status write_formats(as_words names, const char *folder, const char *const *runs,
                                  size_t n, assay_error *error) {
    assay_status status = ASSAY_OK;
    if (names.n == 0)
        return write_document(&formats[0], folder, runs, n, error);
    for (size_t i = 0; i < names.n && status == ASSAY_OK; i++)
        status = write_document(find_format(names.items[i]), folder, runs, n, error);
    return status;
}

static int run(int argc, char **argv) {
    as_words runs = {NULL, 0}, names = {NULL, 0};
    const char *out = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    const as_arg args[] = {{"--format", AS_ARG_LIST, &names}, {"--out", AS_ARG_TEXT, &out}};
    assay_status status = arena ? as_args_parse(arena, argc, argv, args, 2, 1, 1000, &runs, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
    if (status == ASSAY_OK)
        status = check_formats(names, &error);
    if (status == ASSAY_OK && out)
        status = write_formats(names, out, runs.items, runs.n, &error);
    for (size_t i = 0; !out && i < runs.n && status == ASSAY_OK; i++) {
        char *folder = as_path_join(runs.items[i], "report");
        status = folder ? write_formats(names, folder, &runs.items[i], 1, &error)
                        : as_fail(&error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
        free(folder);
    }
    as_arena_free(arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}

const as_command as_command_report = {"report", "write the report of a run", usage, run};
