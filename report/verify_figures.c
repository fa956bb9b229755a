/* SPDX-License-Identifier: MIT */
/* A figure's numbers stand where a program can't read them back, so the figure is drawn again. */
#include "report/verify_figures.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "report/drawings.h"
#include "report/pdf_date.h"
#include "report/sections.h"

static const size_t max_figure_bytes = (size_t)1 << 28;

typedef struct figure_check {
    const char *folder;
    bool all; /* a file that isn't there is missing */
    as_verification *v;
} figure_check;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

/* A PDF made by newer libraries differs behind what it shows: its packed date has another length.
 */
static bool is_same(const char *a, size_t n_a, const char *b, size_t n_b) {
    size_t shown_a = n_a, shown_b = n_b;
    if (n_b > 4 && memcmp(b, "%PDF", 4) == 0) {
        shown_a = as_pdf_shown_size(a, n_a);
        shown_b = as_pdf_shown_size(b, n_b);
    }
    return (shown_a == n_a) == (shown_b == n_b) && shown_a == shown_b && memcmp(a, b, shown_a) == 0;
}

static assay_status compare(void *context, const char *name, const void *data, size_t size,
                            assay_error *error) {
    const figure_check *check = context;
    char *path = as_path_join(check->folder, name), *text = NULL;
    size_t n = 0;
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = path ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK && (check->all || as_path_exists(path))) {
        if (as_file_read(path, max_figure_bytes, &text, &n, &why) != ASSAY_OK)
            status = as_verification_add(check->v, AS_FINDING_MISSING, path, "", why.text,
                                         "a readable file", error);
        else if (!is_same(text, n, data, size))
            status = as_verification_add(check->v, AS_FINDING_OFF, path, "", "other bytes",
                                         "what this machine's gnuplot draws of the run", error);
    }
    free(text);
    free(path);
    return status;
}

static bool has_format(const char *folder, const char *format) {
    DIR *dir = opendir(folder);
    bool has = false;
    for (const struct dirent *entry; dir && !has && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        has = dot && strcmp(dot + 1, format) == 0;
    }
    if (dir)
        closedir(dir);
    return has;
}

assay_status as_verify_figures(const as_report_input *input, const char *folder, bool latex,
                               as_verification *v, assay_error *error) {
    static const char *const formats[] = {"svg", "pdf", "png"};
    char *inner = as_path_join(folder, "figures");
    const as_page *page = NULL;
    figure_check check = {inner, latex, v};
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = inner ? ASSAY_OK : no_memory(&why);
    for (size_t f = 0; f < sizeof formats / sizeof *formats && status == ASSAY_OK; f++) {
        bool wanted = latex ? strcmp(formats[f], "pdf") == 0 : has_format(inner, formats[f]);
        if (wanted && !page)
            status = as_report_page_of(input, &page, &why);
        if (wanted && status == ASSAY_OK)
            status = as_drawings_each(page, latex, formats[f], compare, &check, &why);
    }
    if (status == ASSAY_UNAVAILABLE) /* a report made without gnuplot has no folder of figures */
        status = as_path_exists(inner)
                     ? as_verification_add(v, AS_FINDING_OFF, inner, "", "no gnuplot here",
                                           "gnuplot, to draw the figures again", error)
                     : ASSAY_OK;
    else if (status != ASSAY_OK)
        status = as_fail(error, status, why.where, "%s", why.text);
    free(inner);
    return status;
}
