/* SPDX-License-Identifier: MIT */
/* Runs pdflatex, bibtex, and pdflatex twice more, in the report's folder. Foreign texts are escaped
 * before they get here; beyond that LaTeX may start no program (-no-shell-escape) and neither read
 * nor write outside of the folder (openin_any, openout_any = p of kpathsea; TeX's own trees
 * excepted). */
#include "cli/standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cell/process.h"

enum { SECONDS = 120, PATH_BYTES = 4096, LOG_BYTES = 1 << 24 };
static const char log_name[] = "report.pdflatex";

/* The program's path by $PATH; false: it is not there. */
static bool find_program(const char *name, char path[PATH_BYTES]) {
    const char *list = getenv("PATH");
    for (const char *at = list ? list : "/usr/bin:/bin"; *at;) {
        size_t n = strcspn(at, ":");
        if (n > 0 && n < PATH_BYTES) {
            snprintf(path, PATH_BYTES, "%.*s/%s", (int)n, at, name);
            if (access(path, X_OK) == 0)
                return true;
        }
        at += n + (at[n] == ':');
    }
    return false;
}

/* LaTeX's first complaint, for the error's text. */
static void first_complaint(char *text, size_t size) {
    char *log = NULL;
    snprintf(text, size, "see report.log");
    if (as_file_read("report.log", LOG_BYTES, &log, NULL, NULL) != ASSAY_OK)
        return;
    char *line = log[0] == '!' ? log : strstr(log, "\n!");
    if (line)
        snprintf(text, size, "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
    free(log);
}

static assay_status run_program(const char *path, const char *const *env, const char *const *argv,
                                assay_error *error) {
    as_process_result result;
    as_process_config config = {
        .argv = argv, .env = env, .log_path = log_name, .timeout_seconds = SECONDS};
    assay_status status = as_process_run(&config, &result, error);
    if (status != ASSAY_OK || (result.end == AS_PROCESS_EXITED && result.code == 0))
        return status;
    char complaint[300];
    first_complaint(complaint, sizeof complaint);
    return as_fail(error, result.end == AS_PROCESS_TIMED_OUT ? ASSAY_TIMED_OUT : ASSAY_IO, path,
                   "made no PDF: %s", complaint);
}

static void clean_up(void) {
    static const char *const left[] = {"report.aux", "report.log", "report.out",
                                       "report.blg", "report.bbl", log_name};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        unlink(left[i]);
}

/* In the folder. */
static assay_status make(long long epoch, assay_error *error) {
    char latex[PATH_BYTES], bibtex[PATH_BYTES], path[PATH_BYTES + 8], home[PATH_BYTES + 8],
        date[64];
    const char *home_is = getenv("HOME"), *path_is = getenv("PATH");
    if (!find_program("pdflatex", latex) || !find_program("bibtex", bibtex))
        return as_fail(error, ASSAY_UNAVAILABLE, "--standalone",
                       "pdflatex and bibtex are not installed\ndo     apt-get install "
                       "texlive-latex-base texlive-latex-extra texlive-science, or compile "
                       "report.tex elsewhere");
    snprintf(path, sizeof path, "PATH=%.4000s", path_is ? path_is : "/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%.4000s", home_is ? home_is : "/");
    snprintf(date, sizeof date, "SOURCE_DATE_EPOCH=%lld", epoch);
    const char *const env[] = {
        path, home, date, "FORCE_SOURCE_DATE=1", "openin_any=p", "openout_any=p", "LC_ALL=C", NULL};
    const char *const latex_argv[] = {
        latex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex",
        NULL};
    const char *const bibtex_argv[] = {bibtex, "report", NULL};
    assay_status status = run_program("pdflatex", env, latex_argv, error);
    if (status == ASSAY_OK)
        status = run_program("bibtex", env, bibtex_argv, error);
    for (int i = 0; i < 2 && status == ASSAY_OK; i++)
        status = run_program("pdflatex", env, latex_argv, error);
    if (status == ASSAY_OK)
        clean_up();
    return status;
}

assay_status as_standalone_pdf(const char *folder, long long epoch, assay_error *error) {
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (here < 0 || chdir(folder) != 0) {
        int code = errno;
        if (here >= 0)
            close(here);
        return as_fail(error, ASSAY_IO, folder, "cannot be entered: %s", strerror(code));
    }
    assay_status status = make(epoch, error);
    if (fchdir(here) != 0 && status == ASSAY_OK)
        status = as_fail(error, ASSAY_IO, ".", "cannot be gone back to: %s", strerror(errno));
    close(here);
    return status;
}
