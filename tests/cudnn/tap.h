/* SPDX-License-Identifier: MIT */
/* tap.h: what the programs of this folder share: results in the Test Anything Protocol, and cuDNN
 * opened by name. */
#ifndef TESTS_CUDNN_TAP_H
#define TESTS_CUDNN_TAP_H

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn_api.h"

static int tap_results, tap_failures;

__attribute__((format(printf, 2, 3))) static inline int tap_ok(int ok, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%sok %d - ", ok ? "" : "not ", ++tap_results);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    tap_failures += !ok;
    return ok;
}

static inline int tap_done(void) {
    printf("1..%d\n", tap_results);
    return tap_failures ? 1 : 0;
}

/* Fills the table, or ends the program as a test that is skipped. */
static inline void open_cudnn(cudnn_dnn_api *api) {
    void *library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("1..0 # SKIP no cuDNN 9 (libcudnn.so.9 not found)\n");
        exit(0);
    }
#define X(name)                                                                                    \
    do {                                                                                           \
        void *function = dlsym(library, "cudnn" #name);                                            \
        memcpy(&api->name, &function, sizeof function);                                            \
    } while (0);
    CUDNN_DNN_FUNCTIONS(X)
#undef X
}

#endif
