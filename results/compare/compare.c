/* SPDX-License-Identifier: MIT */
/* Matches the cells of two runs, checks what is gated, and gives verdicts.
 *
 * accuracy    texts are paired; d_t = mean over seeds of (new right) - (base right). Change = mean
 * of d_t with Tango's interval on gains = sum max(d_t, 0), losses = sum max(-d_t, 0); for several
 * seeds the counts are real-valued and the interval is wider than the texts alone justify, since
 * |d_t| >= d_t^2. p: sign test over texts with d_t != 0. throughput  tokens per second of every
 * training epoch; ratio of medians, two-level bootstrap. latency     every single-stream query;
 * ratio of medians, two-level bootstrap. memory      peak resident memory: geometric mean of the
 * seeds' ratios, smallest and largest. */
#include "results/compare/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "results/record/paired.h"
#include "stats/tests.h"

/* Fewest samples in a group for an interval when there are fewer than so many seeds. */
enum { MIN_SAMPLES = 3, MIN_SEEDS = 3 };

/* A closed-form fit of milliseconds has no speed worth guarding. */
#define SHORT_TRAINING_SECONDS 0.1
/* What reading the clock and a cold cache line may cost: no loss, however short the query. */
#define LATENCY_SLACK_MS 1e-3

typedef struct comparer {
    as_arena *arena;
    as_comparison *result;
    assay_error *error;
    assay_status status;
} comparer;

/* The matched seeds of one entry. */
typedef struct matched {
    const as_record **base, **new_; /* [n] */
    const as_record **both;         /* [2 n]: base, then new */
    size_t n;
} matched;

const char *as_check_kind_name(as_check_kind kind) {
    static const char *const names[] = {"accuracy", "throughput", "latency", "memory"};
    return names[kind];
}

const char *as_verdict_name(as_verdict verdict) {
    static const char *const names[] = {"same", "better", "open", "WORSE"};
    return names[verdict];
}

static void fail_memory(comparer *c) {
    if (c->status == ASSAY_OK)
        c->status = as_fail(c->error, ASSAY_OUT_OF_MEMORY, "compare", "no memory to compare");
}

static void *allocate(comparer *c, size_t n, size_t size) {
    void *block = as_arena_alloc_array(c->arena, n, size);
    if (!block)
        fail_memory(c);
    return block;
}

static const char *format_text(comparer *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *format_text(comparer *c, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = as_arena_strdup(c->arena, text);
    if (!copy)
        fail_memory(c);
    return copy ? copy : "";
}

static void add_line(comparer *c, const char ***lines, size_t *n, const char *line) {
    const char **longer = allocate(c, *n + 1, sizeof *longer);
    if (!longer)
        return;
    if (*n)
        memcpy(longer, *lines, *n * sizeof *longer);
    longer[(*n)++] = line;
    *lines = longer;
}

static void add_problem(comparer *c, const char *line) {
    add_line(c, &c->result->problems, &c->result->n_problems, line);
}

static void add_note(comparer *c, const char *line) {
    for (size_t i = 0; i < c->result->n_notes; i++)
        if (strcmp(c->result->notes[i], line) == 0)
            return;
    add_line(c, &c->result->notes, &c->result->n_notes, line);
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* ---- machine --------------------------------------------------------------------------------- */

static const char *fact(const as_record *r, const char *key) {
    for (size_t i = 0; i < r->n_environment; i++)
        if (strcmp(r->environment[i].key, key) == 0)
            return r->environment[i].value;
    return NULL;
}

/* NULL, or what differs so much that speeds are not comparable. */
static const char *machine_difference(comparer *c, const matched *m) {
    static const char *const keys[] = {"cpu_model", "cpu_cores"};
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            const char *base = fact(m->base[i], keys[k]), *new_ = fact(m->new_[i], keys[k]);
            if (!same(base, new_))
                return format_text(c, "another machine: %s %s, was %s", keys[k],
                                   new_ ? new_ : "unknown", base ? base : "unknown");
        }
        if (m->base[i]->backend.threads != m->new_[i]->backend.threads)
            return format_text(c, "other threads: %d, was %d", m->new_[i]->backend.threads,
                               m->base[i]->backend.threads);
    }
    return NULL;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* `sign` is 1 where more is better, -1 where less is. */
static void judge(comparer *c, as_check *check, int sign, const char *samples) {
    double low = sign > 0 ? check->change.low : -check->change.high;
    double high = sign > 0 ? check->change.high : -check->change.low;
    double value = sign * check->change.value;
    if (isnan(low) || isnan(high)) {
        check->verdict = AS_VERDICT_OPEN;
        if (!check->advice)
            check->advice = format_text(c, "no interval: needs more %s", samples);
    } else if (low >= -check->margin) {
        check->verdict = low > 0 ? AS_VERDICT_BETTER : AS_VERDICT_SAME;
    } else if (high < -check->margin) {
        check->verdict = AS_VERDICT_WORSE;
    } else {
        /* The half-width that would clear the margin; widths fall with the root of the samples. */
        double half = (high - low) / 2, needed = fabs(value + check->margin);
        double factor = pow(half / needed, 2);
        check->verdict = AS_VERDICT_OPEN;
        if (factor < 1.1)
            check->advice = format_text(c, "a few more %s would decide", samples);
        else if (factor < 1000)
            check->advice = format_text(c, "about %.1f times the %s would decide", factor, samples);
        else
            check->advice = format_text(
                c, "the change lies at the margin itself; more %s will hardly decide", samples);
    }
}

static double margin_of(const comparer *c, as_check_kind kind) {
    static const struct {
        const char *name;
        double margin;
    } defaults[] = {{"accuracy", 0.01}, {"training", 0.10}, {"latency", 0.05}, {"memory", 0.05}};
    const json_t *compare = json_object_get(c->result->new_->suite, "compare");
    const json_t *margin =
        json_object_get(json_object_get(compare, "margins"), defaults[kind].name);
    double value = json_number_value(margin);
    return json_is_number(margin) && value > 0 ? value : defaults[kind].margin;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void check_accuracy(comparer *c, const matched *m, const char *name, as_check *check) {
    as_paired paired;
    assay_error why = ASSAY_ERROR_INIT;
    if (as_paired_new(c->arena, m->both, 2 * m->n, &paired, &why) != ASSAY_OK) {
        add_problem(c, format_text(c, "%s: accuracy cannot be compared: %s: %s", name, why.where,
                                   why.text));
        check->advice = "cannot be compared";
        return;
    }
    as_discordance d = as_paired_discordance(&paired, m->n);
    check->change = as_tango(d.gains, d.losses, (double)paired.n_texts);
    check->p = as_mcnemar_exact(d.n_losses, d.n_gains);
    check->base = check->new_ = 0;
    for (size_t i = 0; i < m->n; i++) {
        check->base += m->base[i]->test.accuracy.value / (double)m->n;
        check->new_ += m->new_[i]->test.accuracy.value / (double)m->n;
    }
    judge(c, check, 1, "test texts");
}

static as_samples epoch_speeds(comparer *c, const as_record *r) {
    double *values = allocate(c, r->n_epochs, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; values && i < r->n_epochs; i++)
        if (r->epochs[i].tokens > 0 && r->epochs[i].seconds > 0)
            values[n++] = (double)r->epochs[i].tokens / r->epochs[i].seconds;
    return (as_samples){values, n};
}

static as_samples query_times(comparer *c, const as_record *r) {
    double *values = allocate(c, r->n_queries, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; values && i < r->n_queries; i++)
        if (strcmp(r->queries[i].scenario, "single_stream") == 0)
            values[n++] = (double)r->queries[i].nanoseconds / 1e6;
    return (as_samples){values, n};
}

/* Geometric mean of the groups' medians; reorders nothing of the caller's. */
static double mean_of_medians(comparer *c, const as_samples *groups, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double *copy = allocate(c, groups[i].n, sizeof *copy);
        if (!copy)
            return NAN;
        memcpy(copy, groups[i].values, groups[i].n * sizeof *copy);
        sum += log(as_median(copy, groups[i].n));
    }
    return exp(sum / (double)n);
}

/* Whether every cell trained for so short that one epoch or two say nothing. */
static bool training_is_short(const matched *m) {
    for (size_t i = 0; i < m->n; i++)
        if (!(m->base[i]->training.seconds < SHORT_TRAINING_SECONDS) ||
            !(m->new_[i]->training.seconds < SHORT_TRAINING_SECONDS))
            return false;
    return true;
}

/* false: measured in neither run, or too short to say anything: nothing to check. */
static bool check_ratio(comparer *c, const matched *m, as_check *check, const char *machine) {
    bool latency = check->kind == AS_CHECK_LATENCY;
    as_samples *base = allocate(c, m->n, sizeof *base), *new_ = allocate(c, m->n, sizeof *new_);
    size_t n_base = 0, n_new = 0, fewest = SIZE_MAX;
    for (size_t i = 0; base && new_ && i < m->n; i++) {
        base[i] = latency ? query_times(c, m->base[i]) : epoch_speeds(c, m->base[i]);
        new_[i] = latency ? query_times(c, m->new_[i]) : epoch_speeds(c, m->new_[i]);
        n_base += base[i].n > 0;
        n_new += new_[i].n > 0;
        fewest = base[i].n < fewest ? base[i].n : fewest;
        fewest = new_[i].n < fewest ? new_[i].n : fewest;
    }
    if (c->status != ASSAY_OK || (n_base == 0 && n_new == 0))
        return false;
    if (n_base < m->n || n_new < m->n) {
        check->advice = format_text(c, "not measured in every cell of the %s run",
                                    n_base < m->n ? "base" : "new");
        return true;
    }
    as_figure ratio;
    assay_status status = as_ratio_of_medians(base, new_, m->n, 1, &ratio, c->error);
    if (status != ASSAY_OK) {
        c->status = status;
        return false;
    }
    check->base = mean_of_medians(c, base, m->n);
    check->new_ = mean_of_medians(c, new_, m->n);
    check->change = (as_figure){ratio.value - 1, ratio.low - 1, ratio.high - 1};
    /* A bootstrap of one or two values is a point, not an interval. */
    if (fewest < MIN_SAMPLES && m->n < MIN_SEEDS) {
        check->change = as_figure_point(ratio.value - 1);
        if (!latency && training_is_short(m))
            return false;
    }
    if (latency && check->margin < LATENCY_SLACK_MS / check->base)
        check->margin = LATENCY_SLACK_MS / check->base;
    if (machine)
        check->advice = machine;
    else
        judge(c, check, latency ? -1 : 1, latency ? "queries and seeds" : "epochs and seeds");
    return true;
}

static bool check_memory(comparer *c, const matched *m, as_check *check) {
    double sum_base = 0, sum_new = 0, least = INFINITY, most = -INFINITY;
    size_t n_base = 0, n_new = 0;
    for (size_t i = 0; i < m->n; i++) {
        double base = (double)m->base[i]->peak_rss_bytes, new_ = (double)m->new_[i]->peak_rss_bytes;
        n_base += base > 0;
        n_new += new_ > 0;
        if (!(base > 0) || !(new_ > 0))
            continue;
        sum_base += log(base);
        sum_new += log(new_);
        least = fmin(least, new_ / base);
        most = fmax(most, new_ / base);
    }
    if (n_base == 0 && n_new == 0)
        return false;
    if (n_base < m->n || n_new < m->n) {
        check->advice = "not measured in every cell";
        return true;
    }
    check->base = exp(sum_base / (double)m->n);
    check->new_ = exp(sum_new / (double)m->n);
    check->change = (as_figure){check->new_ / check->base - 1, least - 1, most - 1};
    judge(c, check, -1, "seeds");
    return true;
}

static void check_entry(comparer *c, const matched *m, as_compared_entry *entry) {
    const char *machine = machine_difference(c, m);
    bool same_data = true;
    for (size_t i = 0; i < m->n; i++)
        same_data = same_data && m->base[i]->dataset.rows_sha256 &&
                    same(m->base[i]->dataset.rows_sha256, m->new_[i]->dataset.rows_sha256);
    if (machine) {
        c->result->same_machine = false;
        add_note(c, machine);
    }
    c->result->same_data = c->result->same_data && same_data;
    for (int kind = 0; kind < AS_CHECK_COUNT; kind++) {
        if (!(c->result->gates & 1u << kind))
            continue;
        as_check check = {.kind = (as_check_kind)kind,
                          .base = NAN,
                          .new_ = NAN,
                          .change = as_figure_point(NAN),
                          .p = NAN,
                          .margin = margin_of(c, (as_check_kind)kind),
                          .verdict = AS_VERDICT_OPEN};
        bool measured = true;
        if (kind == AS_CHECK_ACCURACY && !same_data) {
            add_problem(c, format_text(c,
                                       "%s: the runs used different rows (rows_sha256), so "
                                       "accuracy cannot be compared",
                                       entry->name));
            check.advice = "different data";
        } else if (kind == AS_CHECK_ACCURACY) {
            check_accuracy(c, m, entry->name, &check);
        } else if (kind == AS_CHECK_MEMORY) {
            measured = check_memory(c, m, &check);
        } else {
            measured = check_ratio(c, m, &check, machine);
        }
        if (!measured) {
            add_note(c, format_text(c, "%s: %s is not checked: not measured, or too short to be",
                                    entry->name, as_check_kind_name(check.kind)));
            continue;
        }
        entry->checks[entry->n_checks++] = check;
        c->result->n_checks++;
        c->result->n_by_verdict[check.verdict]++;
    }
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool same_kind(const as_record *a, const as_record *b) {
    return same(a->entry, b->entry) && same(a->backend.id, b->backend.id) &&
           same(a->dtype, b->dtype);
}

static const as_record *find_cell(const as_run *run, const as_record *like) {
    for (size_t i = 0; i < run->n_cells; i++)
        if (same_kind(run->cells[i], like) && run->cells[i]->seed == like->seed)
            return run->cells[i];
    return NULL;
}

static const char *cell_text(comparer *c, const as_record *r) {
    return format_text(c, "%s/%s/%s/s%llu", r->entry, r->backend.id ? r->backend.id : "?",
                       r->dtype ? r->dtype : "?", (unsigned long long)r->seed);
}

/* Whether the pair can be compared; why not becomes a problem or a note. */
static bool usable(comparer *c, const as_record *base, const as_record *new_) {
    const as_record *there = base ? base : new_;
    const char *name = cell_text(c, there);
    if (!base || !new_) {
        add_problem(c, format_text(c, "%s: is missing in the %s run", name, base ? "new" : "base"));
        return false;
    }
    if (base->status == AS_CELL_SKIPPED && new_->status == AS_CELL_SKIPPED) {
        add_note(c, format_text(c, "%s: skipped in both runs", name));
        return false;
    }
    const as_record *bad = base->status != AS_CELL_OK ? base : new_;
    if (bad->status == AS_CELL_OK)
        return true;
    add_problem(c, format_text(c, "%s: %s in the %s run%s%s", name,
                               as_cell_status_name(bad->status), bad == base ? "base" : "new",
                               bad->reason ? ": " : "", bad->reason ? bad->reason : ""));
    return false;
}

static const char *entry_name(comparer *c, const as_record *first) {
    for (size_t i = 0; i < c->result->base->n_cells; i++) {
        const as_record *r = c->result->base->cells[i];
        if (same(r->entry, first->entry) && !same_kind(r, first))
            return format_text(c, "%s (%s %s)", first->entry,
                               first->backend.id ? first->backend.id : "?",
                               first->dtype ? first->dtype : "?");
    }
    return first->entry;
}

static void compare_entry(comparer *c, const as_record *first) {
    const as_run *base = c->result->base;
    matched m = {allocate(c, base->n_cells, sizeof *m.base),
                 allocate(c, base->n_cells, sizeof *m.new_),
                 allocate(c, 2 * base->n_cells, sizeof *m.both), 0};
    for (size_t i = 0; i < base->n_cells && c->status == ASSAY_OK; i++) {
        if (!same_kind(base->cells[i], first))
            continue;
        const as_record *new_ = find_cell(c->result->new_, base->cells[i]);
        if (!usable(c, base->cells[i], new_))
            continue;
        m.base[m.n] = base->cells[i];
        m.new_[m.n++] = new_;
    }
    if (c->status != ASSAY_OK || m.n == 0)
        return;
    memcpy(m.both, m.base, m.n * sizeof *m.both);
    memcpy(m.both + m.n, m.new_, m.n * sizeof *m.both);
    as_compared_entry *entry = &c->result->entries[c->result->n_entries++];
    *entry = (as_compared_entry){.name = entry_name(c, first),
                                 .entry = first->entry,
                                 .backend = first->backend.id,
                                 .dtype = first->dtype,
                                 .n_seeds = m.n};
    check_entry(c, &m, entry);
}

assay_status as_compare(as_arena *arena, const as_run *base, const as_run *new_, unsigned gates,
                        as_comparison *ret_comparison, assay_error *error) {
    as_comparison result = {
        .base = base, .new_ = new_, .gates = gates, .same_data = true, .same_machine = true};
    comparer c = {arena, &result, error, ASSAY_OK};
    result.entries = allocate(&c, base->n_cells, sizeof *result.entries);
    for (size_t i = 0; i < base->n_cells && c.status == ASSAY_OK; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = same_kind(base->cells[k], base->cells[i]);
        if (!seen)
            compare_entry(&c, base->cells[i]);
    }
    for (size_t i = 0; i < new_->n_cells && c.status == ASSAY_OK; i++)
        if (!find_cell(base, new_->cells[i]))
            (void)usable(&c, NULL, new_->cells[i]);
    if (c.status == ASSAY_OK && result.n_checks == 0 && result.n_problems == 0)
        add_problem(&c, "nothing could be compared: no gated figure was measured in both runs");
    if (c.status == ASSAY_OK)
        *ret_comparison = result;
    return c.status;
}

int as_comparison_exit_code(const as_comparison *comparison) {
    if (comparison->n_problems)
        return 3;
    if (comparison->n_by_verdict[AS_VERDICT_WORSE])
        return 1;
    return comparison->n_by_verdict[AS_VERDICT_OPEN] ? 2 : 0;
}
