/* SPDX-License-Identifier: MIT */
/* assay/status.h: how every call across the plugin line reports success or failure.
 *
 * A call returns a status; where it can fail it also takes a caller-owned `assay_error` into which
 * the callee writes where and why. The first error wins: a record that already holds a failure is
 * left as it is. Output parameters named `ret_` are untouched on failure. Plugins never print,
 * exit or abort.
 *
 * Example
 *     if (hidden % heads != 0)
 *         return assay_fail(error, ASSAY_INVALID_ARGUMENT, "options.heads",
 *                           "hidden must be a multiple of heads");
 */
#ifndef ASSAY_STATUS_H
#define ASSAY_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define ASSAY_STATIC_ASSERT static_assert
extern "C" {
#else
#define ASSAY_STATIC_ASSERT _Static_assert
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ASSAY_MUST_USE __attribute__((warn_unused_result))
#define ASSAY_EXPORT __attribute__((visibility("default")))
#else
#define ASSAY_MUST_USE
#define ASSAY_EXPORT
#endif

/* name, value, one-line meaning. Values are part of the ABI: append only. */
#define ASSAY_STATUS_MAP(X)                                                                        \
    X(OK, 0, "ok")                                                                                 \
    X(INVALID_ARGUMENT, 1, "invalid argument")                                                     \
    X(OUT_OF_MEMORY, 2, "out of memory")                                                           \
    X(NOT_FOUND, 3, "not found")                                                                   \
    X(UNSUPPORTED, 4, "not supported")                                                             \
    X(UNAVAILABLE, 5, "not available on this machine")                                             \
    X(BAD_DATA, 6, "bad input data")                                                               \
    X(IO, 7, "input or output failed")                                                             \
    X(ABI_MISMATCH, 8, "plugin interface mismatch")                                                \
    X(LIMIT, 9, "limit reached")                                                                   \
    X(DIVERGED, 10, "training diverged")                                                           \
    X(CRASHED, 11, "process crashed")                                                              \
    X(TIMED_OUT, 12, "timed out")                                                                  \
    X(INTERRUPTED, 13, "interrupted")                                                              \
    X(INTERNAL, 14, "internal error")

enum {
#define ASSAY_STATUS_ENUM(name, value, text) ASSAY_##name = value,
    ASSAY_STATUS_MAP(ASSAY_STATUS_ENUM)
#undef ASSAY_STATUS_ENUM
};

typedef int32_t assay_status;

/* Caller-owned error record; zero-initialise it (ASSAY_ERROR_INIT) before the first call. */
typedef struct assay_error {
    uint32_t struct_size; /* sizeof(assay_error) of whoever made the record */
    int32_t status;       /* ASSAY_OK while empty */
    char where[256];      /* file, line, field or node; NUL-terminated UTF-8 */
    char text[1024];      /* found; expected; what to do. NUL-terminated UTF-8 */
} assay_error;

ASSAY_STATIC_ASSERT(sizeof(assay_error) == 8 + 256 + 1024, "assay_error layout is frozen");

#define ASSAY_ERROR_INIT                                                                           \
    {                                                                                              \
        (uint32_t)sizeof(assay_error), ASSAY_OK, {0}, {                                            \
            0                                                                                      \
        }                                                                                          \
    }

/* Bytes of a text that are kept where there is room for `most`: all, or what ends before a
 * character of UTF-8. */
static inline size_t assay_text_kept(const char *text, size_t most) {
    size_t n = text ? strlen(text) : 0;
    if (n <= most)
        return n;
    for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

/* [any] Records a failure (unless one is recorded already or error is NULL) and returns `status`.
 * Long texts are cut at the record's size, between characters. */
static inline assay_status assay_fail(assay_error *error, assay_status status, const char *where,
                                      const char *text) {
    if (error && error->status == ASSAY_OK) {
        size_t n_where = assay_text_kept(where, sizeof error->where - 1);
        size_t n_text = assay_text_kept(text, sizeof error->text - 1);
        error->status = status;
        if (n_where)
            memcpy(error->where, where, n_where);
        error->where[n_where] = '\0';
        if (n_text)
            memcpy(error->text, text, n_text);
        error->text[n_text] = '\0';
    }
    return status;
}

#ifdef __cplusplus
}
#endif
#endif
