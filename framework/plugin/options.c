/* SPDX-License-Identifier: MIT */
/* Filling a plugin's option struct from a suite's values, and back to text. The table itself was
 * checked when the plugin was loaded. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/internal.h"

static void store(void *options, const assay_option *option, double value) {
    int64_t integer = (int64_t)value;
    char *field = (char *)options + option->offset;
    if (option->kind == ASSAY_OPTION_KIND_REAL)
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

static assay_status fill_one(const assay_plugin *descriptor, const as_option_value *value,
                             const char *prefix, void *options, assay_error *error) {
    const assay_option *option = NULL;
    char where[sizeof error->where];
    double number = 0;
    assay_status status;
    snprintf(where, sizeof where, "%s.%.80s", prefix, value->name);
    for (uint64_t i = 0; i < descriptor->n_options && !option; i++)
        if (strcmp(descriptor->options[i].name, value->name) == 0)
            option = &descriptor->options[i];
    if (!option)
        return unknown_option(descriptor, where, value->name, error);
    if (option->kind == ASSAY_OPTION_KIND_BOOL)
        status = parse_bool(value, where, &number, error);
    else if (option->kind == ASSAY_OPTION_KIND_CHOICE)
        status = parse_choice(option, value, where, &number, error);
    else
        status = parse_number(option, value, where, &number, error);
    if (status == ASSAY_OK)
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
        status = fill_one(descriptor, &values[i], where, options, error);
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
    memcpy(&integer, field, sizeof integer);
    memcpy(&real, field, sizeof real);
    switch (option->kind) {
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
