/* SPDX-License-Identifier: MIT */
/* assay verify: are a run's and a report's numbers what the raw files say? */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/report_texts.h"
#include "cli/version.h"
#include "report/text_table.h"
#include "report/verify_document.h"

static const char usage[] =
    "usage: assay verify RUN|REPORT... [--runs DIR,DIR] [--path PLACE] [--data-dir DIR] [--json]\n"
    "                    [--quiet]\n"
    "\n"
    "RUN is a run's folder: every file is held against its SHA256SUMS, and every number of a "
    "record\n"
    "that follows from predictions.csv, latency.csv, epochs.jsonl, steps.jsonl or the "
    "checkpoint's\n"
    "header is derived again. REPORT is a file that assay report wrote, or the folder of such\n"
    "files: the runs it was made of are verified, then it is made again and compared.\n"
    "\n"
    "Prints what is off, changed, missing or extra with file, field, what was found and what was\n"
    "expected; then which kinds of numbers no raw file can tell again and are taken as recorded.\n"
    "\n"
    "--runs LIST    where a report's runs are now, in its order\n"
    "--path PLACE   where the data set of a report with --texts full is now (--data-dir: where\n"
    "               data sets are looked for by name)\n"
    "--json         for programs\n"
    "--quiet        findings only\n"
    "\n"
    "Examples\n"
    "  assay verify runs/quick-1\n"
    "  assay verify runs/quick-1/report/report.md\n"
    "\n"
    "Exit status: 0 everything agrees, 65 something does not, 64 usage, 3 it could not be read.\n"
    "See assay-verify(1).\n";

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_run(const char *path) {
    char *json = as_path_join(path, "run.json");
    bool yes = json && as_path_exists(json);
    free(json);
    return yes;
}

/* "report.md" for "report.md.sources.json", to be freed; NULL: another kind of name. */
static char *document_of(const char *name) {
    static const char end[] = ".sources.json";
    size_t n = strlen(name), n_end = strlen(end);
    return n > n_end && strcmp(name + n - n_end, end) == 0 ? strndup(name, n - n_end) : NULL;
}

static int is_side_file(const struct dirent *entry) {
    char *document = document_of(entry->d_name);
    free(document);
    return document != NULL;
}

/* Every document in a folder that has a side file. */
static assay_status verify_folder(const char *path, as_words runs, const as_report_options *own,
                                  as_verification *v, assay_error *error) {
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_side_file, alphasort);
    assay_status status = ASSAY_OK;
    if (n < 1)
        status = as_fail(error, ASSAY_NOT_FOUND, path,
                         "is neither a run's folder nor one with a report's files");
    for (int i = 0; i < n; i++) {
        char *name = document_of(entries[i]->d_name);
        char *file = name ? as_path_join(path, name) : NULL;
        if (status == ASSAY_OK)
            status = file ? as_verify_document(file, runs.items, runs.n, own, v, error)
                          : as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for a path");
        free(file);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static assay_status verify_one(const char *path, as_words runs, const as_report_options *own,
                               as_verification *v, assay_error *error) {
    if (!as_path_exists(path))
        return as_fail(error, ASSAY_NOT_FOUND, path, "does not exist");
    if (is_folder(path))
        return is_run(path) ? as_verify_run(path, v, error)
                            : verify_folder(path, runs, own, v, error);
    char *document = document_of(path);
    assay_status status =
        as_verify_document(document ? document : path, runs.items, runs.n, own, v, error);
    free(document);
    return status;
}

/* ---- what is printed ------------------------------------------------------------------------- */

static void print_part(const char *before, const char *text) {
    if (!*text)
        return;
    fputs(before, stdout);
    as_print_clean(stdout, text, 0, 0);
}

static void print_finding(const as_finding *f) {
    printf("%-8s", as_finding_kind_name(f->kind));
    print_part("", f->file);
    print_part(": ", f->field);
    print_part("\n        found    ", f->found);
    print_part("\n        expected ", f->expected);
    fputs("\n", stdout);
}

static void print_recorded(const as_verification *v) {
    if (v->n_recorded == 0)
        return;
    printf("%zu numbers are taken as recorded: no raw file tells them again, SHA256SUMS covers "
           "them\n",
           v->n_recorded);
    for (size_t i = 0; i < v->n_recorded_kinds; i++) {
        printf("%8zu  ", v->recorded[i].n);
        as_print_clean(stdout, v->recorded[i].what, 0, 0);
        fputs("\n", stdout);
    }
}

static void print_result(const char *path, const as_verification *v, bool quiet) {
    for (size_t i = 0; i < v->n_findings; i++)
        print_finding(&v->findings[i]);
    if (quiet)
        return;
    print_recorded(v);
    as_print_clean(stdout, path, 0, 0);
    printf(": %zu files held against SHA256SUMS, %zu numbers derived again, %zu finding%s\n",
           v->n_files, v->n_derived, v->n_findings, v->n_findings == 1 ? "" : "s");
}

static json_t *verification_json(const char *path, const as_verification *v) {
    json_t *findings = json_array(), *recorded = json_array();
    for (size_t i = 0; i < v->n_findings; i++) {
        const as_finding *f = &v->findings[i];
        json_array_append_new(
            findings,
            json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", as_finding_kind_name(f->kind), "file",
                      as_json_text(f->file), "field", as_json_text(f->field), "found",
                      as_json_text(f->found), "expected", as_json_text(f->expected)));
    }
    for (size_t i = 0; i < v->n_recorded_kinds; i++)
        json_array_append_new(recorded,
                              json_pack("{s:o, s:I}", "what", as_json_text(v->recorded[i].what),
                                        "numbers", (json_int_t)v->recorded[i].n));
    return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o}", "path", as_json_text(path), "files",
                     (json_int_t)v->n_files, "derived", (json_int_t)v->n_derived, "recorded",
                     (json_int_t)v->n_recorded, "taken_as_recorded", recorded, "findings",
                     findings);
}

static assay_status verify(as_arena *arena, int argc, char **argv, size_t *ret_findings,
                           assay_error *error) {
    as_words paths = {NULL, 0}, runs = {NULL, 0};
    bool json = false, quiet = false;
    const char *data = NULL, *data_dir = NULL;
    as_report_options own = {.program = AS_VERSION};
    const as_arg args[] = {{"--runs", AS_ARG_LIST, &runs},
                           {"--path", AS_ARG_TEXT, &data},
                           {"--data-dir", AS_ARG_TEXT, &data_dir},
                           {"--json", AS_ARG_FLAG, &json},
                           {"--quiet", AS_ARG_FLAG, &quiet}};
    json_t *all = json_array();
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1,
                                        1000, &paths, error);
    as_report_texts *texts = as_report_texts_new(arena, data, data_dir);
    if (status == ASSAY_OK && !texts)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
    as_report_texts_use(texts, &own);
    for (size_t i = 0; i < paths.n && status == ASSAY_OK; i++) {
        as_verification v = as_verification_begin(arena);
        status = verify_one(paths.items[i], runs, &own, &v, error);
        if (status == ASSAY_OK && json)
            json_array_append_new(all, verification_json(paths.items[i], &v));
        else if (status == ASSAY_OK)
            print_result(paths.items[i], &v, quiet);
        *ret_findings += v.n_findings;
    }
    if (status == ASSAY_OK && json) {
        json_t *root = json_pack("{s:i, s:O}", "schema_version", 1, "verified", all);
        json_dumpf(root, stdout, JSON_INDENT(2));
        fputs("\n", stdout);
        json_decref(root);
    }
    json_decref(all);
    return status;
}

static int run(int argc, char **argv) {
    size_t n_findings = 0;
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? verify(arena, argc, argv, &n_findings, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
    as_arena_free(arena);
    if (status != ASSAY_OK)
        return as_print_error(&error);
    return n_findings ? AS_EXIT_BAD_DATA : AS_EXIT_OK;
}

const as_command as_command_verify = {"verify", "are a run's or report's numbers true?", usage,
                                      run};
