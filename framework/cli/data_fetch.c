/* SPDX-License-Identifier: MIT */
/* Brings resources to the data folder, with one live line a file on a terminal and finished lines
 * elsewhere. */
#include "cli/data_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/progress_view.h"
#include "data/fetch/fetch.h"

static void bytes_text(double bytes, char *text, size_t size) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, size,
             bytes < 10 && unit    ? "%.2f %s"
             : bytes < 100 && unit ? "%.1f %s"
                                   : "%.0f %s",
             bytes, units[unit]);
}

/* "aclImdb_v1.tar.gz  34.2 MB of 84.1 MB  41 %  5.6 MB/s  9 s left" */
static void on_progress(void *context, const as_fetch_progress *p) {
    char now[32], all[32], rate[32], left[32] = "", line[300];
    bool *drawn = context;
    bytes_text((double)p->bytes, now, sizeof now);
    bytes_text((double)p->total, all, sizeof all);
    bytes_text(p->bytes_per_second, rate, sizeof rate);
    if (p->total > p->bytes && p->bytes_per_second > 0)
        as_seconds_text((double)(p->total - p->bytes) / p->bytes_per_second, left, sizeof left);
    if (p->total)
        snprintf(line, sizeof line, "%.100s  %s of %s  %.0f %%  %s/s%s%s%s", p->file, now, all,
                 100.0 * (double)p->bytes / (double)p->total, rate, left[0] ? "  " : "", left,
                 left[0] ? " left" : "");
    else
        snprintf(line, sizeof line, "%.100s  %s  %s/s", p->file, now, rate);
    int width = as_terminal_width(STDERR_FILENO);
    fprintf(stderr, "\r\033[K%.*s", width > 1 ? width - 1 : 200, line);
    fflush(stderr);
    *drawn = true;
}

static void print_result(const as_fetch_result *r, uint64_t stated_bytes) {
    char bytes[32];
    bytes_text((double)r->bytes, bytes, sizeof bytes);
    printf("%s  %s  %s%s\n", r->path, bytes, r->was_there ? "was there, " : "",
           r->verified    ? "SHA-256 verified"
           : stated_bytes ? "size as stated; the manifest states no SHA-256"
                          : "not verified: the manifest states no SHA-256");
    printf("    sha256 %s\n", r->sha256.text);
}

static assay_status fetch_named(as_arena *arena, const char *name, const as_fetch_options *options,
                                const bool *drawn, assay_error *error) {
    as_manifest manifest;
    as_fetch_result *results;
    size_t n;
    assay_status status = as_manifest_load(arena, name, &manifest, error);
    if (status != ASSAY_OK)
        return status;
    status = as_fetch(arena, &manifest, options, &results, &n, error);
    if (*drawn)
        fputs("\r\033[K", stderr);
    for (size_t i = 0, source = 0; status == ASSAY_OK && i < n; i++, source++) {
        while (!manifest.sources[source].file)
            source++;
        print_result(&results[i], manifest.sources[source].bytes);
    }
    as_manifest_done(&manifest);
    return status;
}

/* `value` keeps its default when the option was not given. */
static assay_status parse_number(const char *text, const char *option, double low, double high,
                                 double *value, assay_error *error) {
    char *end;
    if (!text)
        return ASSAY_OK;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= low && number <= high))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, option,
                       "wants a number from %g to %g; found \"%.40s\"", low, high, text);
    *value = number;
    return ASSAY_OK;
}

assay_status as_data_fetch(as_arena *arena, int argc, char **argv, assay_error *error) {
    as_words operands;
    const char *from = NULL, *data_dir = NULL, *retries = NULL, *stall = NULL;
    double n_retries = -1, stall_seconds = 0;
    bool drawn = false;
    const as_arg args[] = {{"--from", AS_ARG_TEXT, &from},
                           {"--data-dir", AS_ARG_TEXT, &data_dir},
                           {"--retries", AS_ARG_TEXT, &retries},
                           {"--stall", AS_ARG_TEXT, &stall}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1,
                                        1000, &operands, error);
    if (status == ASSAY_OK)
        status = parse_number(retries, "--retries", 0, 10, &n_retries, error);
    if (status == ASSAY_OK)
        status = parse_number(stall, "--stall", 1, 86400, &stall_seconds, error);
    const as_fetch_options options = {.from = from,
                                      .data_dir = data_dir,
                                      .stall_seconds = stall_seconds,
                                      .retries = (int)n_retries,
                                      .progress = isatty(STDERR_FILENO) ? on_progress : NULL,
                                      .context = &drawn};
    for (size_t i = 0; status == ASSAY_OK && i < operands.n; i++)
        status = fetch_named(arena, operands.items[i], &options, &drawn, error);
    return status;
}
