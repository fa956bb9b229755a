/* SPDX-License-Identifier: MIT */
/* assay compare: is a run worse than another? Its exit code is made for CI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "report/compare_render.h"
#include "results/compare/compare.h"

static const char usage[] =
    "usage: assay compare BASE NEW | RUN --entries a,b [--gate LIST] [--markdown FILE]\n"
    "                     [--junit FILE] [--json FILE]\n"
    "\n"
    "Compares two runs, cell by cell of the same entry, backend, precision and seed: accuracy on\n"
    "the same texts (exact McNemar test, Tango's interval), macro F1 (paired bootstrap), speeds "
    "by\n"
    "the ratio of medians. A loss within the suite's compare.margins is none. With --entries it\n"
    "compares entries of one run: the first is the base.\n"
    "\n"
    "--entries LIST   of RUN: the others are compared with the first\n"
    "--gate LIST      of accuracy, throughput (training), latency, memory;\n"
    "                 default accuracy,throughput,latency\n"
    "--markdown FILE  also as a comment for a pull request\n"
    "--junit FILE     also as JUnit XML: regression = failure, open = skipped, not compared = "
    "error\n"
    "--json FILE      also for programs\n"
    "\n"
    "Example\n"
    "  assay compare runs/base runs/new --gate accuracy,latency --markdown comment.md\n"
    "\n"
    "Exit status: 0 no regression, 1 regression, 2 inconclusive, 3 something could not be\n"
    "compared, 64 usage, 65 a record is broken; 3 before 1 before 2. See assay-compare(1).\n";

static assay_status parse_gates(as_words names, unsigned *ret_gates, assay_error *error) {
    unsigned gates = 0;
    for (size_t i = 0; i < names.n; i++) {
        int kind = 0;
        while (kind < AS_CHECK_COUNT &&
               strcmp(names.items[i], as_check_kind_name((as_check_kind)kind)) != 0)
            kind++;
        if (kind == AS_CHECK_COUNT)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--gate",
                           "\"%.60s\" is none of accuracy, throughput, latency, memory",
                           names.items[i]);
        gates |= 1u << kind;
    }
    *ret_gates = names.n ? gates : AS_GATES_DEFAULT;
    return ASSAY_OK;
}

/* Markdown or JUnit; no path: not asked for. */
static assay_status write_text(const as_comparison *comparison, const char *path,
                               void (*write)(const as_comparison *comparison, FILE *stream),
                               assay_error *error) {
    as_file_writer writer;
    assay_status status = path ? as_file_writer_open(path, &writer, error) : ASSAY_OK;
    if (status != ASSAY_OK || !path)
        return status;
    write(comparison, writer.stream);
    return as_file_writer_commit(&writer, error);
}

static assay_status write_json(const as_comparison *comparison, const char *path,
                               assay_error *error) {
    json_t *json = NULL;
    assay_status status = as_comparison_json(comparison, &json, error);
    if (status != ASSAY_OK)
        return status;
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(json);
    status = text ? as_file_write(path, text, strlen(text), error)
                  : as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to write it");
    free(text);
    return status;
}

/* What the command line asked for. */
typedef struct asked {
    as_words runs, gate_names, entries;
    const char *markdown, *junit, *json;
} asked;

static assay_status check_operands(const asked *a, assay_error *error) {
    if (a->entries.n && a->runs.n != 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entries",
                       "compares entries of one run, and two runs are given\ndo     give RUN "
                       "--entries a,b or BASE NEW");
    if (!a->entries.n && a->runs.n != 2)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "compare",
                       "needs two runs, BASE and NEW, or one and --entries a,b");
    return ASSAY_OK;
}

static assay_status write_all(const asked *a, const as_comparison *comparison, assay_error *error) {
    as_compare_write_table(comparison, stdout, as_terminal_width(STDOUT_FILENO));
    assay_status status = write_text(comparison, a->markdown, as_compare_write_markdown, error);
    if (status == ASSAY_OK)
        status = write_text(comparison, a->junit, as_compare_write_junit, error);
    if (status == ASSAY_OK && a->json)
        status = write_json(comparison, a->json, error);
    return status;
}

/* Reads, compares, writes; *ret_code is the comparison's exit code. */
static assay_status compare(as_arena *arena, int argc, char **argv, int *ret_code,
                            assay_error *error) {
    asked a = {0};
    unsigned gates = 0;
    as_comparison comparison;
    as_run *base = NULL, *new_ = NULL;
    const as_arg args[] = {{"--gate", AS_ARG_LIST, &a.gate_names},
                           {"--entries", AS_ARG_LIST, &a.entries},
                           {"--markdown", AS_ARG_TEXT, &a.markdown},
                           {"--junit", AS_ARG_TEXT, &a.junit},
                           {"--json", AS_ARG_TEXT, &a.json}};
    assay_status status = as_args_parse(arena, argc, argv, args, 5, 1, 2, &a.runs, error);
    if (status == ASSAY_OK)
        status = check_operands(&a, error);
    if (status == ASSAY_OK)
        status = parse_gates(a.gate_names, &gates, error);
    if (status == ASSAY_OK)
        status = as_run_read(a.runs.items[0], AS_RAW_ANSWERS, &base, error);
    if (status == ASSAY_OK && !a.entries.n)
        status = as_run_read(a.runs.items[1], AS_RAW_ANSWERS, &new_, error);
    if (status == ASSAY_OK)
        status = a.entries.n ? as_compare_entries(arena, base, a.entries.items, a.entries.n, gates,
                                                  &comparison, error)
                             : as_compare(arena, base, new_, gates, &comparison, error);
    if (status == ASSAY_OK) {
        *ret_code = as_comparison_exit_code(&comparison);
        status = write_all(&a, &comparison, error);
    }
    as_run_free(base);
    as_run_free(new_);
    return status;
}

static int run(int argc, char **argv) {
    int code = AS_EXIT_FAILED;
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? compare(arena, argc, argv, &code, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "compare", "no memory");
    as_arena_free(arena);
    return status == ASSAY_OK ? code : as_print_error(&error);
}

const as_command as_command_compare = {"compare", "is a run worse than another? (for CI)", usage,
                                       run};
