/* SPDX-License-Identifier: MIT */
/* assay/options.h: the option table that a plugin publishes.
 *
 * The host parses options from suite and command line, checks type and range, prints help, and
 * hands the plugin a filled struct: each row names a field of it by offset. Every field is eight
 * bytes: int64_t for integers, booleans (0, 1) and choices (index), double for reals, const char *
 * for texts.
 *
 * Example
 *     typedef struct { int64_t hidden; double dropout; } my_options;
 *     static const assay_option options[] = {
 *         ASSAY_OPTION_INT(my_options, hidden, 64, 1, 4096, "state size"),
 *         ASSAY_OPTION_REAL(my_options, dropout, 0.1, 0, 0.99, "dropout probability"),
 *     };
 */
#ifndef ASSAY_OPTIONS_H
#define ASSAY_OPTIONS_H

#include "assay/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ASSAY_OPTION_KIND_INT = 1,    /* int64_t */
    ASSAY_OPTION_KIND_REAL = 2,   /* double */
    ASSAY_OPTION_KIND_BOOL = 3,   /* int64_t, 0 or 1 */
    ASSAY_OPTION_KIND_CHOICE = 4, /* int64_t, index into choices */
    /* const char *, never NULL: UTF-8 without control characters, "" where a suite says nothing. It
     * lives as long as the options struct. */
    ASSAY_OPTION_KIND_TEXT = 5,
};

/* The longest text that an option may allow, bytes. */
enum { ASSAY_OPTION_TEXT_MOST = 4096 };

ASSAY_STATIC_ASSERT(sizeof(const char *) == 8, "fields of an options struct have eight bytes");

typedef struct assay_option {
    uint32_t struct_size;       /* sizeof(assay_option) */
    int32_t kind;               /* ASSAY_OPTION_KIND_* */
    const char *name;           /* as written in a suite */
    const char *meaning;        /* a few words, with the unit if it has one */
    uint64_t offset;            /* of the field in the plugin's options struct, bytes */
    double default_value;       /* integers exactly representable; choices: index; texts: 0 */
    double minimum, maximum;    /* inclusive; INT and REAL; TEXT: of its length in bytes */
    const char *const *choices; /* CHOICE: NULL-terminated names; otherwise NULL */
} assay_option;

ASSAY_STATIC_ASSERT(offsetof(assay_option, offset) == 24, "assay_option layout is frozen");
ASSAY_STATIC_ASSERT(sizeof(assay_option) == 64, "assay_option layout is frozen");

#define ASSAY_OPTION_ROW(type, field, kind, value, low, high, choices, meaning)                    \
    {                                                                                              \
        (uint32_t)sizeof(assay_option), kind, #field, meaning, offsetof(type, field), value, low,  \
            high, choices                                                                          \
    }
#define ASSAY_OPTION_INT(type, field, value, low, high, meaning)                                   \
    ASSAY_OPTION_ROW(type, field, ASSAY_OPTION_KIND_INT, value, low, high, NULL, meaning)
#define ASSAY_OPTION_REAL(type, field, value, low, high, meaning)                                  \
    ASSAY_OPTION_ROW(type, field, ASSAY_OPTION_KIND_REAL, value, low, high, NULL, meaning)
#define ASSAY_OPTION_BOOL(type, field, value, meaning)                                             \
    ASSAY_OPTION_ROW(type, field, ASSAY_OPTION_KIND_BOOL, value, 0, 1, NULL, meaning)
#define ASSAY_OPTION_CHOICE(type, field, value, names, meaning)                                    \
    ASSAY_OPTION_ROW(type, field, ASSAY_OPTION_KIND_CHOICE, value, 0, 0, names, meaning)
#define ASSAY_OPTION_TEXT(type, field, longest, meaning)                                           \
    ASSAY_OPTION_ROW(type, field, ASSAY_OPTION_KIND_TEXT, 0, 0, longest, NULL, meaning)

#ifdef __cplusplus
}
#endif
#endif
