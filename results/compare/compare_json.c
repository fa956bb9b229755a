/* SPDX-License-Identifier: MIT */
/* A comparison for programs: every check with base, new, change and its interval, margin, verdict.
 */
#include <math.h>

#include "base/error.h"
#include "base/json.h"
#include "results/compare/compare.h"

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *check_json(const as_check *check) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "metric",
                     as_check_kind_name(check->kind), "base", real(check->base), "new",
                     real(check->new_), "change", real(check->change.value), "low",
                     real(check->change.low), "high", real(check->change.high), "p", real(check->p),
                     "p_holm", real(check->p_holm), "margin", real(check->margin), "verdict",
                     check->verdict == AS_VERDICT_WORSE ? "worse" : as_verdict_name(check->verdict),
                     "advice", as_json_text(check->advice));
}

static json_t *f1_json(const as_f1_change *f1) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "base", real(f1->base), "new",
                     real(f1->new_), "change", real(f1->change.value), "low", real(f1->change.low),
                     "high", real(f1->change.high), "p", real(f1->p), "p_holm", real(f1->p_holm));
}

static json_t *figures_json(const as_compared_entry *entry) {
    json_t *figures = json_object();
    for (int i = 0; i < AS_COMPARED_FIGURES; i++) {
        const as_compared_figure *f = &entry->figures[i];
        json_object_set_new(figures, f->name,
                            json_pack("{s:o, s:o}", "base", real(f->base), "new", real(f->new_)));
    }
    return figures;
}

static json_t *entry_json(const as_compared_entry *entry) {
    json_t *checks = json_array();
    for (size_t i = 0; i < entry->n_checks; i++)
        json_array_append_new(checks, check_json(&entry->checks[i]));
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "entry", as_json_text(entry->entry),
                     "backend", as_json_text(entry->backend), "dtype", as_json_text(entry->dtype),
                     "seeds", (json_int_t)entry->n_seeds, "checks", checks, "f1_macro",
                     f1_json(&entry->f1), "figures", figures_json(entry));
}

static json_t *lines_json(const char *const *lines, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, as_json_text(lines[i]));
    return array;
}

assay_status as_comparison_json(const as_comparison *comparison, json_t **ret_json,
                                assay_error *error) {
    json_t *entries = json_array();
    for (size_t i = 0; i < comparison->n_entries; i++)
        json_array_append_new(entries, entry_json(&comparison->entries[i]));
    json_t *json = json_pack("{s:i, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:i}", "schema_version",
                             1, "base", as_json_text(comparison->base->folder), "new",
                             as_json_text(comparison->new_->folder), "against",
                             as_json_text(comparison->against), "same_data", comparison->same_data,
                             "same_machine", comparison->same_machine, "entries", entries,
                             "problems", lines_json(comparison->problems, comparison->n_problems),
                             "notes", lines_json(comparison->notes, comparison->n_notes), "exit",
                             as_comparison_exit_code(comparison));
    if (!json)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "compare", "no memory for the JSON");
    *ret_json = json;
    return ASSAY_OK;
}
