/* SPDX-License-Identifier: MIT */
/* assay report: the documents of one or several runs, each with its side file of sources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/report_texts.h"
#include "cli/standalone.h"
#include "cli/version.h"
#include "report/anonymise.h"
#include "report/drawings.h"
#include "report/number.h"
#include "report/sections.h"
#include "report/verify_document.h"

static const char usage[] =
    "usage: assay report RUN... [--format LIST] [--texts none|ids|full [--path FOLDER|ARCHIVE]\n"
    "                    [--data-dir DIR]] [--anonymous] [--out DIR]\n"
    "\n"
    "Writes RUN/report/report.md: the comparison with intervals, classes, confusion matrices,\n"
    "training by epoch, data and audit, equivalence, environment, methods, and the published\n"
    "figures of the study that the suite names (report.published) beside ours. Only the run's\n"
    "files and that study's are read: no plugin, and no data set unless --texts full asks for it.\n"
    "\n"
    "Beside each document FILE stands FILE.sources.json: where each of its numbers comes from. By\n"
    "it `assay verify FILE` derives them again.\n"
    "\n"
    "--format LIST  markdown (report.md, the default); html (report.html: one file that needs no\n"
    "               network, with figures); csv and json (report.csv, report.json: the rows\n"
    "               of the comparison for programs, unrounded); latex (latex/: tables, their\n"
    "               captions and labels, methods, references, checklist, and report.tex, which\n"
    "               puts them together)\n"
    "--standalone   with latex: also latex/report.pdf, by pdflatex and bibtex\n"
    "--texts WHICH  of single texts: ids (the default) names them by their index, none leaves "
    "them\n"
    "               out, full shows them as the data set has them, where its licence lets you:\n"
    "               it must be on this machine, with the content that the run's records name\n"
    "--path PLACE   where the data set lies now, if not where the suite says\n"
    "--data-dir DIR where data sets are looked for by name\n"
    "--anonymous    without host, user and paths, for blind review\n"
    "--columns LIST columns of the comparison, in this order, as accuracy,f1_macro,p50_ms\n"
    "--digits N     significant digits of an uncertainty, 1 to 3 (the suite's report.digits, else "
    "2);\n"
    "               its value is rounded to the same place, and so in every table\n"
    "--figures LIST every figure as a file too, svg, pdf or png, in the folder figures (gnuplot)\n"
    "--no-figures   tables alone\n"
    "--out DIR      one document in DIR for all the runs instead\n"
    "\n"
    "Examples\n"
    "  assay report runs/quick-1\n"
    "  assay report runs/* --format html --out all\n"
    "\n"
    "Where gnuplot is not installed report.html has a sentence and the data in place of each "
    "figure.\n"
    "Exit status: 0 done, 64 usage, 65 a record is broken, 3 it could not be written.\n"
    "See assay-report(1).\n";

typedef struct report_job {
    const char *path, *data_dir; /* of the texts */
    as_words formats;
    as_report_options options;
    as_words figures; /* formats that figures are written in as files */
    bool standalone;  /* latex: a PDF too */
} report_job;

static bool asks_for(const report_job *job, const char *format) {
    if (job->formats.n == 0)
        return strcmp(format, "markdown") == 0;
    for (size_t i = 0; i < job->formats.n; i++)
        if (strcmp(format, job->formats.items[i]) == 0)
            return true;
    return false;
}

static assay_status check_formats(as_words names, assay_error *error) {
    size_t n_documents, n = 0;
    const as_document *documents = as_documents(&n_documents);
    const char *known[32];
    char list[256] = "";
    for (size_t i = 0; i < n_documents && n < 32; i++) {
        if (i > 0 && strcmp(documents[i].format, documents[i - 1].format) == 0)
            continue;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", n ? ", " : "",
                 documents[i].format);
        known[n++] = documents[i].format;
    }
    for (size_t i = 0; i < names.n; i++) {
        const char *near = as_nearest_name(names.items[i], known, n);
        if (!as_document_find(names.items[i]))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--format",
                           "\"%.60s\": expected one of %s%s%s%s", names.items[i], list,
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return ASSAY_OK;
}

/* A document and its side file; its path goes to stdout. */
static assay_status write_document(const as_document *document, const as_report_input *input,
                                   const char *folder, assay_error *error) {
    as_rendered rendered = {0};
    as_arena *arena = as_arena_new(); /* of its own: the sources of a large report fill it */
    char *path = as_path_join(folder, document->file), *sources = NULL;
    char *side = path ? as_sources_path(path) : NULL, *inner = path ? strdup(path) : NULL;
    assay_status status = ASSAY_OK;
    if (!side || !inner || !arena)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for a path");
    else
        *strrchr(inner, '/') = '\0';
    if (status == ASSAY_OK)
        status = as_document_render(arena, document, input, &rendered, error);
    if (status == ASSAY_OK && rendered.size == 0) { /* these runs have nothing for it */
        unlink(path);                               /* nor may an earlier report's stay */
        unlink(side);
        goto done;
    }
    /* The folder appears only once there is something to write into it. */
    if (status == ASSAY_OK)
        status = as_make_folders(inner, error);
    if (status == ASSAY_OK)
        status = as_document_sources(document, input, &rendered, inner, &sources, error);
    if (status == ASSAY_OK)
        status = as_file_write(path, rendered.text, rendered.size, error);
    if (status == ASSAY_OK)
        status = as_file_write(side, sources, strlen(sources), error);
    if (status == ASSAY_OK)
        puts(path);
done:
    as_rendered_done(&rendered);
    as_arena_free(arena);
    free(sources);
    free(inner);
    free(side);
    free(path);
    return status;
}

/* When the run ended or began; 0: it doesn't tell. */
static long long time_of(const as_run *run) {
    const char *text = json_string_value(json_object_get(run->json, "finished"));
    struct tm when = {0};
    if (!text)
        text = json_string_value(json_object_get(run->json, "started"));
    return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &when) ? (long long)timegm(&when) : 0;
}

/* The PDF of the latex documents; its path goes to stdout. */
static assay_status write_standalone(const as_report_input *input, const char *folder,
                                     assay_error *error) {
    char *inner = as_path_join(folder, "latex");
    assay_status status = inner ? as_standalone_pdf(inner, time_of(input->runs[0]), error)
                                : as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory");
    if (status == ASSAY_OK)
        printf("%s/report.pdf\n", inner);
    free(inner);
    return status;
}

static assay_status check_figures(const report_job *job, assay_error *error) {
    static const char *const known[] = {"svg", "pdf", "png"};
    for (size_t i = 0; i < job->figures.n; i++) {
        const char *name = job->figures.items[i], *near = as_nearest_name(name, known, 3);
        if (strcmp(name, "svg") != 0 && strcmp(name, "pdf") != 0 && strcmp(name, "png") != 0)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--figures",
                           "\"%.60s\": expected svg, pdf or png%s%s%s", name,
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (job->figures.n && job->options.no_figures)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--figures",
                       "and --no-figures exclude each other");
    return ASSAY_OK;
}

/* Every figure as files in folder/figures; the folder's path goes to stdout. */
static assay_status write_figures(const as_report_input *input, bool in_parts, const char *folder,
                                  const char *const *formats, size_t n_formats,
                                  assay_error *error) {
    char *inner = as_path_join(folder, "figures");
    const as_page *page;
    size_t n = 0;
    assay_status status = inner ? as_report_page_of(input, &page, error)
                                : as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory");
    if (status == ASSAY_OK)
        status = as_drawings_write(page, in_parts, inner, formats, n_formats, &n, error);
    if (status == ASSAY_OK && n)
        puts(inner);
    free(inner);
    return status;
}

/* Those of the LaTeX documents. Without gnuplot a sentence stands in their place there. */
static assay_status write_latex_figures(const as_report_input *input, const char *folder,
                                        assay_error *error) {
    static const char *const pdf[] = {"pdf"};
    assay_error why = ASSAY_ERROR_INIT;
    char *inner = as_path_join(folder, "latex");
    assay_status status = inner ? write_figures(input, true, inner, pdf, 1, &why)
                                : as_fail(&why, ASSAY_OUT_OF_MEMORY, folder, "no memory");
    free(inner);
    if (status == ASSAY_UNAVAILABLE)
        fprintf(stderr, "note: figures were not drawn: gnuplot is not installed\n");
    else if (status != ASSAY_OK)
        return as_fail(error, status, why.where, "%s", why.text);
    return ASSAY_OK;
}

/* The runs' records; *ret_n of them were read. */
static assay_status read_runs(const as_report_options *options, as_anonymiser *anonymiser,
                              const char *const *paths, size_t n, as_run **runs, size_t *ret_n,
                              assay_error *error) {
    assay_status status = ASSAY_OK;
    as_run_filter filter;
    if (options->anonymous) {
        for (size_t i = 0; i < n; i++)
            as_anonymiser_learn(anonymiser, paths[i]);
        filter = as_anonymiser_filter(anonymiser);
    }
    for (; *ret_n < n && status == ASSAY_OK; *ret_n += status == ASSAY_OK)
        status = as_run_read_as(paths[*ret_n], AS_RAW_ANSWERS, options->anonymous ? &filter : NULL,
                                &runs[*ret_n], error);
    return status;
}

/* Every document of these runs in `folder`. */
static assay_status write_documents(const report_job *job, const char *folder,
                                    const char *const *paths, size_t n, assay_error *error) {
    size_t n_documents, n_read = 0;
    const as_document *documents = as_documents(&n_documents);
    as_report_input input;
    as_report_options options = job->options;
    as_arena *arena = as_arena_new();
    as_run **runs = arena ? as_arena_alloc_array(arena, n, sizeof *runs) : NULL;
    as_anonymiser *anonymiser = arena ? as_anonymiser_new(arena) : NULL;
    as_report_texts *texts = arena ? as_report_texts_new(arena, job->path, job->data_dir) : NULL;
    assay_status status = ASSAY_OK;
    if (!runs || !anonymiser || !texts)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
    options.anonymiser = anonymiser;
    as_report_texts_use(texts, &options);
    if (status == ASSAY_OK)
        status = read_runs(&options, anonymiser, paths, n, runs, &n_read, error);
    if (status == ASSAY_OK)
        status = as_report_input_make(arena, runs, n, options, &input, error);
    for (size_t i = 0; i < n_documents && status == ASSAY_OK; i++)
        if (asks_for(job, documents[i].format))
            status = write_document(&documents[i], &input, folder, error);
    if (status == ASSAY_OK && job->figures.n)
        status = write_figures(&input, false, folder, job->figures.items, job->figures.n, error);
    if (status == ASSAY_OK && asks_for(job, "latex") && !options.no_figures)
        status = write_latex_figures(&input, folder, error);
    if (status == ASSAY_OK && job->standalone)
        status = write_standalone(&input, folder, error);
    for (size_t i = 0; i < n_read; i++)
        as_run_free(runs[i]);
    as_arena_free(arena);
    return status;
}

static assay_status report(as_arena *arena, int argc, char **argv, assay_error *error) {
    as_words runs = {NULL, 0}, columns = {NULL, 0};
    const char *out = NULL, *texts = "ids", *digits = NULL;
    report_job job = {.options = {.program = AS_VERSION}};
    const as_arg args[] = {{"--format", AS_ARG_LIST, &job.formats},
                           {"--texts", AS_ARG_TEXT, &texts},
                           {"--path", AS_ARG_TEXT, &job.path},
                           {"--data-dir", AS_ARG_TEXT, &job.data_dir},
                           {"--anonymous", AS_ARG_FLAG, &job.options.anonymous},
                           {"--standalone", AS_ARG_FLAG, &job.standalone},
                           {"--columns", AS_ARG_LIST, &columns},
                           {"--digits", AS_ARG_TEXT, &digits},
                           {"--figures", AS_ARG_LIST, &job.figures},
                           {"--no-figures", AS_ARG_FLAG, &job.options.no_figures},
                           {"--out", AS_ARG_TEXT, &out}};
    assay_status status =
        as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1000, &runs, error);
    if (status == ASSAY_OK)
        status = check_formats(job.formats, error);
    if (status == ASSAY_OK && job.standalone && !asks_for(&job, "latex"))
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--standalone",
                         "is of the LaTeX report: give --format latex with it");
    if (status == ASSAY_OK && !as_texts_parse(texts, &job.options.texts))
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--texts",
                         "\"%.60s\": expected none, ids or full", texts);
    if (status == ASSAY_OK && (job.path || job.data_dir) && job.options.texts != AS_TEXTS_FULL)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, job.path ? "--path" : "--data-dir",
                         "is of the texts: give --texts full with it");
    if (status == ASSAY_OK)
        status = as_check_columns(columns.items, columns.n, "--columns", error);
    if (status == ASSAY_OK && digits) {
        if (strlen(digits) == 1 && digits[0] >= '1' && digits[0] <= '0' + AS_NUMBER_MOST_DIGITS)
            job.options.digits = digits[0] - '0';
        else
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--digits",
                             "\"%.60s\": expected 1 to %d", digits, AS_NUMBER_MOST_DIGITS);
    }
    if (status == ASSAY_OK)
        status = check_figures(&job, error);
    job.options.columns = columns.items;
    job.options.n_columns = columns.n;
    if (status == ASSAY_OK && out)
        return write_documents(&job, out, runs.items, runs.n, error);
    for (size_t i = 0; i < runs.n && status == ASSAY_OK; i++) {
        char *folder = as_path_join(runs.items[i], "report");
        status = folder ? write_documents(&job, folder, &runs.items[i], 1, error)
                        : as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
        free(folder);
    }
    return status;
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? report(arena, argc, argv, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "report", "no memory");
    as_arena_free(arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}

const as_command as_command_report = {"report", "write the report of a run", usage, run};
