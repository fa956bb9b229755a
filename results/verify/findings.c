/* SPDX-License-Identifier: MIT */
/* The list of what is wrong, and trees of numbers compared with what they should be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/verify/verify.h"

enum { PATH_BYTES = 512, VALUE_BYTES = 80 };

const char *as_finding_kind_name(as_finding_kind kind) {
    static const char *const names[] = {"off", "changed", "missing", "extra"};
    return names[kind];
}

as_verification as_verification_begin(as_arena *arena) {
    return (as_verification){.arena = arena};
}

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

/* Room for one more of n items; NULL: no memory. */
static void *grown(as_arena *arena, void *items, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity)
        return items;
    size_t more = *capacity ? 2 * *capacity : 32;
    void *longer = as_arena_alloc_array(arena, more, size);
    if (longer && n)
        memcpy(longer, items, n * size);
    if (longer)
        *capacity = more;
    return longer;
}

assay_status as_verification_add(as_verification *v, as_finding_kind kind, const char *file,
                                 const char *field, const char *found, const char *expected,
                                 assay_error *error) {
    as_finding *longer =
        grown(v->arena, v->findings, v->n_findings, &v->findings_capacity, sizeof *v->findings);
    as_finding finding = {kind, as_arena_strdup(v->arena, file), as_arena_strdup(v->arena, field),
                          as_arena_strdup(v->arena, found), as_arena_strdup(v->arena, expected)};
    if (!longer || !finding.file || !finding.field || !finding.found || !finding.expected)
        return no_memory(error);
    v->findings = longer;
    v->findings[v->n_findings++] = finding;
    return ASSAY_OK;
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Is `found` the number `expected`? Both null is yes. */
static bool agrees(const json_t *found, const json_t *expected, as_nearness nearness) {
    if (json_is_number(found) && json_is_number(expected)) {
        double a = json_number_value(found), b = json_number_value(expected);
        if (json_is_integer(expected) && json_is_integer(found))
            return json_integer_value(found) == json_integer_value(expected);
        return nearness == AS_NEAR_EXACT ? a == b
                                         : fabs(a - b) <= 1e-6 * fmax(fmax(fabs(a), fabs(b)), 0.1);
    }
    bool found_null = !found || json_is_null(found), wanted_null = json_is_null(expected);
    return found_null || wanted_null ? found_null && wanted_null : json_equal(found, expected);
}

static void value_text(const json_t *value, char text[VALUE_BYTES]) {
    char *dumped =
        value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    snprintf(text, VALUE_BYTES, "%.70s%s", dumped ? dumped : "nothing",
             dumped && strlen(dumped) > 70 ? "..." : "");
    free(dumped);
}

static void join(char path[PATH_BYTES], const char *before, const char *key) {
    snprintf(path, PATH_BYTES, "%.400s%s%.100s", before, *before && *key != '[' ? "." : "", key);
}

static assay_status compare_leaf(as_verification *v, const char *file, const char *path,
                                 const json_t *found, const json_t *expected, as_nearness nearness,
                                 assay_error *error) {
    char a[VALUE_BYTES], b[VALUE_BYTES];
    v->n_derived += json_is_number(expected);
    if (agrees(found, expected, nearness))
        return ASSAY_OK;
    value_text(found, a);
    value_text(expected, b);
    return as_verification_add(v, found ? AS_FINDING_OFF : AS_FINDING_MISSING, file, path, a, b,
                               error);
}

assay_status as_verify_tree(as_verification *v, const char *file, const char *path,
                            const json_t *found, const json_t *expected, as_nearness nearness,
                            assay_error *error) {
    assay_status status = ASSAY_OK;
    char inner[PATH_BYTES], index[32];
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_object(expected)) {
        json_object_foreach((json_t *)(uintptr_t)expected, key, value) {
            join(inner, path, key);
            status =
                as_verify_tree(v, file, inner, json_object_get(found, key), value, nearness, error);
            if (status != ASSAY_OK)
                return status;
        }
        return status;
    }
    if (!json_is_array(expected))
        return compare_leaf(v, file, path, found, expected, nearness, error);
    for (i = 0; i < json_array_size(expected) && status == ASSAY_OK; i++) {
        snprintf(index, sizeof index, "[%zu]", i);
        join(inner, path, index);
        status = as_verify_tree(v, file, inner, json_array_get(found, i),
                                json_array_get(expected, i), nearness, error);
    }
    for (; i < json_array_size(found) && status == ASSAY_OK; i++) {
        char text[VALUE_BYTES];
        snprintf(index, sizeof index, "[%zu]", i);
        join(inner, path, index);
        value_text(json_array_get(found, i), text);
        status = as_verification_add(v, AS_FINDING_EXTRA, file, inner, text, "", error);
    }
    return status;
}

/* ---- taken as recorded ----------------------------------------------------------------------- */

static assay_status count_recorded(as_verification *v, const char *kind, const char *path,
                                   assay_error *error) {
    char what[PATH_BYTES];
    snprintf(what, sizeof what, "%.60s: %.400s", kind, path);
    v->n_recorded++;
    for (size_t i = 0; i < v->n_recorded_kinds; i++)
        if (strcmp(v->recorded[i].what, what) == 0) {
            v->recorded[i].n++;
            return ASSAY_OK;
        }
    as_recorded *longer = grown(v->arena, v->recorded, v->n_recorded_kinds, &v->recorded_capacity,
                                sizeof *v->recorded);
    as_recorded one = {as_arena_strdup(v->arena, what), 1};
    if (!longer || !one.what)
        return no_memory(error);
    v->recorded = longer;
    v->recorded[v->n_recorded_kinds++] = one;
    return ASSAY_OK;
}

static assay_status walk_recorded(as_verification *v, const char *kind, const char *path,
                                  const json_t *found, const json_t *derived, assay_error *error) {
    assay_status status = ASSAY_OK;
    char inner[PATH_BYTES];
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_true(derived))
        return ASSAY_OK;
    if (json_is_number(found))
        return derived && !json_is_null(derived) ? ASSAY_OK : count_recorded(v, kind, path, error);
    if (json_is_object(found)) {
        json_object_foreach((json_t *)(uintptr_t)found, key, value) {
            join(inner, path, key);
            status = walk_recorded(v, kind, inner, value, json_object_get(derived, key), error);
            if (status != ASSAY_OK)
                return status;
        }
    }
    json_array_foreach((json_t *)(uintptr_t)found, i, value) {
        join(inner, path, "[]");
        status = walk_recorded(v, kind, inner, value, json_array_get(derived, i), error);
        if (status != ASSAY_OK)
            return status;
    }
    return status;
}

assay_status as_verify_count_recorded(as_verification *v, const char *kind, const json_t *found,
                                      const json_t *derived, assay_error *error) {
    return walk_recorded(v, kind, "", found, derived, error);
}
