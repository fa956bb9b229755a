/* SPDX-License-Identifier: MIT */
/* base/error.h: printf-style errors for the host's own code (plugins use assay_fail). */
#ifndef AS_BASE_ERROR_H
#define AS_BASE_ERROR_H

#include "assay/status.h"

/* [any] As assay_fail with a formatted text. Libraries report through this; only cli/ prints. */
assay_status as_fail(assay_error *error, assay_status status, const char *where, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* [any] "invalid argument" and so on; never NULL. */
const char *as_status_text(assay_status status);

/* [any] Name as in ASSAY_STATUS_MAP, lower case ("invalid_argument"); never NULL. */
const char *as_status_name(assay_status status);

/* [any] "a", separator, "b" as a place for errors; what does not fit is cut from the front, since
 * the end of a path says most. */
typedef struct as_where {
    char text[256];
} as_where;
as_where as_where_join(const char *a, const char *separator, const char *b);

/* [any] Nearest of `names` (n of them) to `name` by edit distance, or NULL when none is near enough
 * (more than a third of the letters differ). For "did you mean". */
const char *as_nearest_name(const char *name, const char *const *names, size_t n);

#endif
