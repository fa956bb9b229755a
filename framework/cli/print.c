/* SPDX-License-Identifier: MIT */
/* Errors and exit codes; what the terminal can do (no-color.org, clig.dev). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
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
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n')
            fputs("\n  ", stderr);
        else
            fputc(c < 0x20 || c == 0x7f ? '?' : c, stderr);
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
