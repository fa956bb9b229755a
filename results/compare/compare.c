/* SPDX-License-Identifier: MIT */
/* Matches the cells of two runs, or of entries of one, has each entry judged (checks.c) and adjusts
 * the p values of all of them after Holm. */
#include "results/compare/comparer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "results/compare/paired_f1.h"
#include "stats/tests.h"

const char *as_check_kind_name(as_check_kind kind) {
    static const char *const names[] = {"accuracy", "throughput", "latency", "memory"};
    return names[kind];
}

const char *as_verdict_name(as_verdict verdict) {
    static const char *const names[] = {"same", "better", "open", "WORSE"};
    return names[verdict];
}

/* Notes that memory has run out. */
static void no_memory(as_comparer *c) {
    if (c->status == ASSAY_OK)
        c->status = as_fail(c->error, ASSAY_OUT_OF_MEMORY, "compare", "no memory to compare");
}

void *as_comparer_allocate(as_comparer *c, size_t n, size_t size) {
    void *block = as_arena_alloc_array(c->arena, n, size);
    if (!block)
        no_memory(c);
    return block;
}

const char *as_comparer_text(as_comparer *c, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = as_arena_strdup(c->arena, text);
    if (!copy)
        no_memory(c);
    return copy ? copy : "";
}

static void add_line(as_comparer *c, const char ***lines, size_t *n, const char *line) {
    const char **longer = as_comparer_allocate(c, *n + 1, sizeof *longer);
    if (!longer)
        return;
    if (*n)
        memcpy(longer, *lines, *n * sizeof *longer);
    longer[(*n)++] = line;
    *lines = longer;
}

void as_comparer_problem(as_comparer *c, const char *line) {
    add_line(c, &c->result->problems, &c->result->n_problems, line);
}

void as_comparer_note(as_comparer *c, const char *line) {
    for (size_t i = 0; i < c->result->n_notes; i++)
        if (strcmp(c->result->notes[i], line) == 0)
            return;
    add_line(c, &c->result->notes, &c->result->n_notes, line);
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool same_kind(const as_record *a, const as_record *b) {
    return as_texts_equal(a->entry, b->entry) && as_texts_equal(a->backend.id, b->backend.id) &&
           as_texts_equal(a->dtype, b->dtype);
}

/* The cell of `entry` that stands against `like`: of the same backend, precision and seed. Within a
 * run (`any_own`) a model that computes by itself stands against any backend. */
static const as_record *find_cell(const as_run *run, const as_record *like, const char *entry,
                                  bool any_own) {
    for (size_t i = 0; i < run->n_cells; i++) {
        const as_record *r = run->cells[i];
        bool own = any_own && (as_texts_equal(r->backend.id, "own") ||
                               as_texts_equal(like->backend.id, "own"));
        if (as_texts_equal(r->entry, entry) && r->seed == like->seed &&
            (own || (as_texts_equal(r->backend.id, like->backend.id) &&
                     as_texts_equal(r->dtype, like->dtype))))
            return r;
    }
    return NULL;
}

static const char *cell_text(as_comparer *c, const as_record *r) {
    return as_comparer_text(c, "%s/%s/%s/s%llu", r->entry, r->backend.id ? r->backend.id : "?",
                            r->dtype ? r->dtype : "?", (unsigned long long)r->seed);
}

/* The two sides as a reader knows them. */
static const char *side_text(const as_comparer *c, const as_record *r, bool is_base) {
    return c->result->against ? r->entry : is_base ? "the base run" : "the new run";
}

/* Whether the pair can be compared; why not becomes a problem or a note. */
static bool usable(as_comparer *c, const as_record *base, const as_record *new_,
                   const char *entry) {
    const as_record *there = base ? base : new_;
    const char *name = cell_text(c, there);
    if ((!base || !new_) && c->result->against) {
        as_comparer_problem(
            c, as_comparer_text(c, "%s: %s has no cell of this backend, precision and seed", name,
                                entry));
        return false;
    }
    if (!base || !new_) {
        as_comparer_problem(
            c, as_comparer_text(c, "%s: is missing in the %s run", name, base ? "new" : "base"));
        return false;
    }
    if (base->status == AS_CELL_SKIPPED && new_->status == AS_CELL_SKIPPED) {
        as_comparer_note(c, as_comparer_text(c, "%s: skipped in both runs", name));
        return false;
    }
    const as_record *bad = base->status != AS_CELL_OK ? base : new_;
    if (bad->status == AS_CELL_OK)
        return true;
    as_comparer_problem(c, as_comparer_text(c, "%s: %s in %s%s%s", cell_text(c, bad),
                                            as_cell_status_name(bad->status),
                                            side_text(c, bad, bad == base), bad->reason ? ": " : "",
                                            bad->reason ? bad->reason : ""));
    return false;
}

static const char *entry_name(as_comparer *c, const as_record *first, const char *entry) {
    for (size_t i = 0; i < c->result->base->n_cells; i++) {
        const as_record *r = c->result->base->cells[i];
        if (as_texts_equal(r->entry, first->entry) && !same_kind(r, first))
            return as_comparer_text(c, "%s (%s %s)", entry,
                                    first->backend.id ? first->backend.id : "?",
                                    first->dtype ? first->dtype : "?");
    }
    return entry;
}

/* The cells of first's entry, backend and precision against those of `entry` in the new run. */
static void compare_entry(as_comparer *c, const as_record *first, const char *entry) {
    const as_run *base = c->result->base;
    as_matched m = {as_comparer_allocate(c, base->n_cells, sizeof *m.base),
                    as_comparer_allocate(c, base->n_cells, sizeof *m.new_),
                    as_comparer_allocate(c, 2 * base->n_cells, sizeof *m.both), 0};
    for (size_t i = 0; i < base->n_cells && c->status == ASSAY_OK; i++) {
        if (!same_kind(base->cells[i], first))
            continue;
        const as_record *new_ =
            find_cell(c->result->new_, base->cells[i], entry, c->result->against != NULL);
        if (!usable(c, base->cells[i], new_, entry))
            continue;
        m.base[m.n] = base->cells[i];
        m.new_[m.n++] = new_;
    }
    if (c->status != ASSAY_OK || m.n == 0)
        return;
    memcpy(m.both, m.base, m.n * sizeof *m.both);
    memcpy(m.both + m.n, m.new_, m.n * sizeof *m.both);
    as_compared_entry *compared = &c->result->entries[c->result->n_entries++];
    *compared = (as_compared_entry){.name = entry_name(c, first, entry),
                                    .entry = entry,
                                    .backend = first->backend.id,
                                    .dtype = first->dtype,
                                    .n_seeds = m.n,
                                    .f1 = {NAN, NAN, {NAN, NAN, NAN}, NAN, NAN}};
    as_compare_figures(m.base, m.new_, m.n, compared->figures);
    as_check_entry(c, &m, compared);
}

/* ---- many tests ------------------------------------------------------------------------------ */

static double *accuracy_p(as_compared_entry *entry, bool adjusted) {
    for (size_t i = 0; i < entry->n_checks; i++)
        if (entry->checks[i].kind == AS_CHECK_ACCURACY && !isnan(entry->checks[i].p))
            return adjusted ? &entry->checks[i].p_holm : &entry->checks[i].p;
    return NULL;
}

/* Holm over the entries, for each of the two tests. */
static void adjust(as_comparer *c) {
    double *p = as_comparer_allocate(c, c->result->n_entries, sizeof *p);
    size_t n = 0;
    if (!p)
        return;
    for (size_t i = 0; i < c->result->n_entries; i++)
        if (accuracy_p(&c->result->entries[i], false))
            p[n++] = *accuracy_p(&c->result->entries[i], false);
    as_holm(p, n);
    n = 0;
    for (size_t i = 0; i < c->result->n_entries; i++)
        if (accuracy_p(&c->result->entries[i], false))
            *accuracy_p(&c->result->entries[i], true) = p[n++];
    n = 0;
    for (size_t i = 0; i < c->result->n_entries; i++)
        if (!isnan(c->result->entries[i].f1.p))
            p[n++] = c->result->entries[i].f1.p;
    as_holm(p, n);
    n = 0;
    for (size_t i = 0; i < c->result->n_entries; i++)
        if (!isnan(c->result->entries[i].f1.p))
            c->result->entries[i].f1.p_holm = p[n++];
}

static assay_status conclude(as_comparer *c, as_comparison *ret_comparison) {
    if (c->status == ASSAY_OK)
        adjust(c);
    if (c->status == ASSAY_OK && c->result->n_checks == 0 && c->result->n_problems == 0)
        as_comparer_problem(
            c, "nothing could be compared: no gated figure was measured on both sides");
    if (c->status == ASSAY_OK)
        *ret_comparison = *c->result;
    return c->status;
}

/* Is it the first cell of its entry, backend and precision? */
static bool is_first(const as_run *run, size_t cell) {
    for (size_t k = 0; k < cell; k++)
        if (same_kind(run->cells[k], run->cells[cell]))
            return false;
    return true;
}

assay_status as_compare(as_arena *arena, const as_run *base, const as_run *new_, unsigned gates,
                        as_comparison *ret_comparison, assay_error *error) {
    as_comparison result = {
        .base = base, .new_ = new_, .gates = gates, .same_data = true, .same_machine = true};
    as_comparer c = {arena, &result, error, ASSAY_OK};
    result.entries = as_comparer_allocate(&c, base->n_cells, sizeof *result.entries);
    for (size_t i = 0; i < base->n_cells && c.status == ASSAY_OK; i++)
        if (is_first(base, i))
            compare_entry(&c, base->cells[i], base->cells[i]->entry);
    for (size_t i = 0; i < new_->n_cells && c.status == ASSAY_OK; i++)
        if (!find_cell(base, new_->cells[i], new_->cells[i]->entry, false))
            (void)usable(&c, NULL, new_->cells[i], new_->cells[i]->entry);
    return conclude(&c, ret_comparison);
}

/* ---- entries of one run ---------------------------------------------------------------------- */

static assay_status check_entries(as_arena *arena, const as_run *run, const char *const *entries,
                                  size_t n, assay_error *error) {
    const char **known = as_arena_alloc_array(arena, run->n_cells, sizeof *known);
    if (!known)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "compare", "no memory to compare");
    for (size_t i = 0; i < run->n_cells; i++)
        known[i] = run->cells[i]->entry;
    if (n < 2)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entries",
                       "names %zu; give at least two: the first is what the others are compared "
                       "with",
                       n);
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        for (size_t k = 0; k < run->n_cells && !there; k++)
            there = as_texts_equal(known[k], entries[i]);
        const char *near = there ? NULL : as_nearest_name(entries[i], known, run->n_cells);
        if (!there)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entries",
                           "\"%.100s\" is no entry of this run%s%s%s", entries[i],
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        for (size_t k = 0; k < i; k++)
            if (as_texts_equal(entries[k], entries[i]))
                return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entries", "\"%.100s\" twice",
                               entries[i]);
    }
    return ASSAY_OK;
}

assay_status as_compare_entries(as_arena *arena, const as_run *run, const char *const *entries,
                                size_t n_entries, unsigned gates, as_comparison *ret_comparison,
                                assay_error *error) {
    as_comparison result = {.base = run,
                            .new_ = run,
                            .against = n_entries ? entries[0] : NULL,
                            .gates = gates,
                            .same_data = true,
                            .same_machine = true};
    as_comparer c = {arena, &result, error, ASSAY_OK};
    size_t most = 0;
    c.status = check_entries(arena, run, entries, n_entries, error);
    if (c.status == ASSAY_OK && !as_mul_size(run->n_cells, n_entries, &most))
        no_memory(&c);
    if (c.status == ASSAY_OK)
        result.entries = as_comparer_allocate(&c, most, sizeof *result.entries);
    for (size_t k = 1; k < n_entries && c.status == ASSAY_OK; k++)
        for (size_t i = 0; i < run->n_cells && c.status == ASSAY_OK; i++)
            if (as_texts_equal(run->cells[i]->entry, entries[0]) && is_first(run, i))
                compare_entry(&c, run->cells[i], entries[k]);
    return conclude(&c, ret_comparison);
}

int as_comparison_exit_code(const as_comparison *comparison) {
    if (comparison->n_problems)
        return 3;
    if (comparison->n_by_verdict[AS_VERDICT_WORSE])
        return 1;
    return comparison->n_by_verdict[AS_VERDICT_OPEN] ? 2 : 0;
}
