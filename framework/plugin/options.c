/* SPDX-License-Identifier: MIT */
/* Filling a plugin's option struct from a suite's values, and back to text. The table itself was
 * checked when the plugin was loaded. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/internal.h"

static void store_text(void *options, const assay_option *option, const char *text) {
    memcpy((char *)options + option->offset, &text, sizeof text);
}

static void store(void *options, const assay_option *option, double value) {
    int64_t integer = (int64_t)value;
    char *field = (char *)options + option->offset;
    if (option->kind == ASSAY_OPTION_KIND_TEXT)
        store_text(options, option, "");
    else if (option->kind == ASSAY_OPTION_KIND_REAL)
        memcpy(field, &value, sizeof value);
    else
        memcpy(field, &integer, sizeof integer);
}

/* What was given, for an error: "'abc'", "true" or "0.5". */
static void found_text(const as_option_value *value, char *text, size_t size) {
    if (value->kind == AS_OPTION_TEXT)
        snprintf(text, size, "the text '%.80s'", value->text);
    else if (value->kind == AS_OPTION_BOOL)
        snprintf(text, size, "%s", value->number != 0 ? "true" : "false");
    else
        snprintf(text, size, "%.17g", value->number);
}

static assay_status parse_number(const assay_option *option, const as_option_value *value,
                                 const char *where, double *ret_value, assay_error *error) {
    bool integer = option->kind == ASSAY_OPTION_KIND_INT;
    char found[128];
    /* Every comparison with NaN is false, so it can't pass. */
    bool fits = value->kind == AS_OPTION_NUMBER && value->number >= option->minimum &&
                value->number <= option->maximum && isfinite(value->number) &&
                (!integer || value->number == nearbyint(value->number));
    if (fits) {
        *ret_value = value->number;
        return ASSAY_OK;
    }
    found_text(value, found, sizeof found);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "found %s; expected %s from %.15g to %.15g", found,
                   integer ? "an integer" : "a number", option->minimum, option->maximum);
}

static assay_status parse_bool(const as_option_value *value, const char *where, double *ret_value,
                               assay_error *error) {
    char found[128];
    if (value->kind == AS_OPTION_BOOL) {
        *ret_value = value->number != 0;
        return ASSAY_OK;
    }
    found_text(value, found, sizeof found);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "found %s; expected true or false", found);
}

static assay_status parse_choice(const assay_option *option, const as_option_value *value,
                                 const char *where, double *ret_value, assay_error *error) {
    char found[128], names[512] = "";
    size_t n = 0, used = 0;
    for (; option->choices[n]; n++) {
        if (value->kind == AS_OPTION_TEXT && strcmp(option->choices[n], value->text) == 0) {
            *ret_value = (double)n;
            return ASSAY_OK;
        }
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", n ? ", " : "",
                                     option->choices[n]);
    }
    const char *nearest =
        value->kind == AS_OPTION_TEXT ? as_nearest_name(value->text, option->choices, n) : NULL;
    found_text(value, found, sizeof found);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "found %s; expected one of %s%s%s%s",
                   found, names, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
}

/* Bytes of the UTF-8 character at `text` (RFC 3629: no overlong forms, no surrogates), or 0 for
 * anything else and for control characters (C0, DEL, C1). */
static size_t character_bytes(const char *text) {
    const unsigned char *c = (const unsigned char *)text;
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    unsigned point = n < 2 ? c[0] : c[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) { /* a NUL is no continuation byte */
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (c[i] & 0x3f);
    }
    bool overlong = (n == 3 && point < 0x800) || (n == 4 && point < 0x10000);
    bool outside = point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff);
    bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    return overlong || outside || control ? 0 : n;
}

static assay_status parse_text(as_arena *arena, const assay_option *option,
                               const as_option_value *value, const char *where,
                               const char **ret_text, assay_error *error) {
    size_t n = 0, most = (size_t)option->maximum;
    char found[128];
    if (value->kind != AS_OPTION_TEXT) {
        found_text(value, found, sizeof found);
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where, "found %s; expected a text", found);
    }
    while (n <= most && value->text[n]) {
        size_t bytes = character_bytes(value->text + n);
        if (bytes == 0)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                           "found the byte 0x%02x at %zu; expected UTF-8 without control "
                           "characters",
                           (unsigned char)value->text[n], n);
        n += bytes;
    }
    if (n > most || n < (size_t)option->minimum)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                       "found %s%zu bytes; expected a text of %.15g to %.15g",
                       n > most ? "over " : "", n > most ? most : n, option->minimum,
                       option->maximum);
    const char *copy = as_arena_strdup(arena, value->text);
    if (!copy)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "out of memory");
    *ret_text = copy;
    return ASSAY_OK;
}

static assay_status unknown_option(const assay_plugin *descriptor, const char *where,
                                   const char *name, assay_error *error) {
    const char *names[AS_MAX_OPTIONS];
    for (uint64_t i = 0; i < descriptor->n_options; i++)
        names[i] = descriptor->options[i].name;
    const char *nearest = as_nearest_name(name, names, (size_t)descriptor->n_options);
    if (nearest)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                       "%s has no such option; did you mean '%s'?", descriptor->id, nearest);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, where,
                   "%s has no such option; `assay show %s` lists its %llu", descriptor->id,
                   descriptor->id, (unsigned long long)descriptor->n_options);
}

static assay_status fill_one(as_arena *arena, const assay_plugin *descriptor,
                             const as_option_value *value, const char *prefix, void *options,
                             assay_error *error) {
    const assay_option *option = NULL;
    const char *text = NULL;
    char where[sizeof error->where];
    double number = 0;
    assay_status status;
    snprintf(where, sizeof where, "%s.%.80s", prefix, value->name);
    for (uint64_t i = 0; i < descriptor->n_options && !option; i++)
        if (strcmp(descriptor->options[i].name, value->name) == 0)
            option = &descriptor->options[i];
    if (!option)
        return unknown_option(descriptor, where, value->name, error);
    if (option->kind == ASSAY_OPTION_KIND_TEXT)
        status = parse_text(arena, option, value, where, &text, error);
    else if (option->kind == ASSAY_OPTION_KIND_BOOL)
        status = parse_bool(value, where, &number, error);
    else if (option->kind == ASSAY_OPTION_KIND_CHOICE)
        status = parse_choice(option, value, where, &number, error);
    else
        status = parse_number(option, value, where, &number, error);
    if (status == ASSAY_OK && text)
        store_text(options, option, text);
    else if (status == ASSAY_OK)
        store(options, option, number);
    return status;
}

assay_status as_options_fill(as_arena *arena, const assay_plugin *descriptor,
                             const as_option_value *values, size_t n_values, const char *where,
                             void **ret_options, assay_error *error) {
    void *options = as_arena_alloc(arena, (size_t)descriptor->options_size);
    assay_status status = ASSAY_OK;
    if (!options)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "out of memory");
    for (uint64_t i = 0; i < descriptor->n_options; i++)
        store(options, &descriptor->options[i], descriptor->options[i].default_value);
    for (size_t i = 0; status == ASSAY_OK && i < n_values; i++)
        status = fill_one(arena, descriptor, &values[i], where, options, error);
    if (status == ASSAY_OK)
        *ret_options = options;
    return status;
}

/* The shortest decimal that reads back as the same double. */
static void real_text(double value, char *text, size_t size) {
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

void as_option_text(const assay_option *option, const void *options, char *text, size_t size) {
    const char *field = (const char *)options + option->offset;
    int64_t integer;
    double real;
    const char *string;
    memcpy(&integer, field, sizeof integer);
    memcpy(&real, field, sizeof real);
    memcpy(&string, field, sizeof string);
    switch (option->kind) {
    case ASSAY_OPTION_KIND_TEXT:
        snprintf(text, size, "%s", string);
        break;
    case ASSAY_OPTION_KIND_REAL:
        real_text(real, text, size);
        break;
    case ASSAY_OPTION_KIND_BOOL:
        snprintf(text, size, "%s", integer ? "true" : "false");
        break;
    case ASSAY_OPTION_KIND_CHOICE:
        snprintf(text, size, "%s", option->choices[integer]);
        break;
    default:
        snprintf(text, size, "%lld", (long long)integer);
    }
}
