/* SPDX-License-Identifier: MIT */
/* Errors and exit codes; what the terminal can do (no-color.org, clig.dev). */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/commands.h"

int as_exit_code(assay_status status) {
    switch (status) {
    case ASSAY_OK:
        return AS_EXIT_OK;
    case ASSAY_INVALID_ARGUMENT:
    case ASSAY_NOT_FOUND:
        return AS_EXIT_USAGE;
    case ASSAY_BAD_DATA:
    case ASSAY_LIMIT:
        return AS_EXIT_BAD_DATA;
    default:
        return AS_EXIT_FAILED;
    }
}

/* Printable, so that a hostile file name or record can't drive the terminal. */
static void print_clean(const char *text) {
    for (size_t n; *text; text += n) {
        if (as_utf8_shown(text, &n))
            fwrite(text, 1, n, stderr);
        else
            fputs(*text == '\n' ? "\n  " : "?", stderr);
    }
}

int as_print_error(const assay_error *error) {
    fflush(stdout);
    fputs("assay: ", stderr);
    if (error->where[0]) {
        print_clean(error->where);
        fputs(": ", stderr);
    }
    print_clean(error->text[0] ? error->text : as_status_text(error->status));
    fputc('\n', stderr);
    return as_exit_code(error->status);
}

const char *as_grouped_text(int64_t n, char *text, size_t size) {
    char plain[24];
    size_t length = (size_t)snprintf(plain, sizeof plain, "%" PRId64, n), used = 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = plain[i];
    }
    text[used] = '\0';
    return text;
}

int as_close_stdout(int code) {
    assay_error error = ASSAY_ERROR_INIT;
    bool bad = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !bad)
        return code;
    (void)as_fail(&error, ASSAY_IO, "standard output", "not all of it could be written: %s",
                  errno ? strerror(errno) : "an earlier write failed");
    return as_print_error(&error);
}

void as_warn_diverged(int64_t epoch) {
    if (epoch > 0)
        fprintf(
            stderr,
            "assay: warning: the training diverged; these are the weights of epoch %lld, before "
            "that\n",
            (long long)epoch);
}

void as_die_of(int signal_number) {
    sigset_t one;
    fflush(NULL);
    signal(signal_number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(signal_number);
}

void as_print_word(FILE *stream, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./=,:+-@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, stream);
        return;
    }
    fputc('\'', stream);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", stream);
        else
            fputc(*word, stream);
    fputc('\'', stream);
}

bool as_use_colour(int fd) {
    const char *term = getenv("TERM"), *none = getenv("NO_COLOR"), *force = getenv("FORCE_COLOR");
    if (none && *none)
        return false;
    if (force && *force)
        return true;
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

int as_terminal_width(int fd) {
    struct winsize size;
    if (!isatty(fd))
        return 0;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

const char *as_program_path(void) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    return path;
}
