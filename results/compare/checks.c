/* SPDX-License-Identifier: MIT */
/* Checks what is gated of one entry's matched cells, and gives verdicts.
 *
 * accuracy    texts are paired; d_t = mean over seeds of (new right) - (base right). Change = mean
 * of d_t with Tango's interval on gains = sum max(d_t, 0), losses = sum max(-d_t, 0); for several
 * seeds the counts are real-valued and the interval is wider than the texts alone justify, since
 * |d_t| >= d_t^2. p: sign test over texts with d_t != 0. throughput  tokens per second of every
 * training epoch; ratio of medians, two-level bootstrap. latency     every single-stream query;
 * ratio of medians, two-level bootstrap. memory      peak resident memory: geometric mean of the
 * seeds' ratios, smallest and largest.
 *
 * Macro F1 is compared beside the accuracy by a paired bootstrap (paired_f1.h). */
#include "results/compare/comparer.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "results/compare/paired_f1.h"
#include "stats/tests.h"

/* Fewest samples in a group for an interval when there are fewer than so many seeds. */
enum { MIN_SAMPLES = 3, MIN_SEEDS = 3 };

/* A closed-form fit of milliseconds has no speed worth guarding. */
#define SHORT_TRAINING_SECONDS 0.1
/* What reading the clock and a cold cache line may cost: no loss, however short the query. */
#define LATENCY_SLACK_MS 1e-3

/* ---- machine --------------------------------------------------------------------------------- */

static const char *fact(const as_record *r, const char *key) {
    for (size_t i = 0; i < r->n_environment; i++)
        if (strcmp(r->environment[i].key, key) == 0)
            return r->environment[i].value;
    return NULL;
}

/* NULL, or what differs so much that speeds are not comparable. */
static const char *machine_difference(as_comparer *c, const as_matched *m) {
    static const char *const keys[] = {"cpu_model", "cpu_cores"};
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            const char *base = fact(m->base[i], keys[k]), *new_ = fact(m->new_[i], keys[k]);
            if (!as_texts_equal(base, new_))
                return as_comparer_text(c, "another machine: %s %s, was %s", keys[k],
                                        new_ ? new_ : "unknown", base ? base : "unknown");
        }
        if (m->base[i]->backend.threads != m->new_[i]->backend.threads)
            return as_comparer_text(c, "other threads: %d, was %d", m->new_[i]->backend.threads,
                                    m->base[i]->backend.threads);
    }
    return NULL;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* `sign` is 1 where more is better, -1 where less is. */
static void judge(as_comparer *c, as_check *check, int sign, const char *samples) {
    double low = sign > 0 ? check->change.low : -check->change.high;
    double high = sign > 0 ? check->change.high : -check->change.low;
    double value = sign * check->change.value;
    if (isnan(low) || isnan(high)) {
        check->verdict = AS_VERDICT_OPEN;
        if (!check->advice)
            check->advice = as_comparer_text(c, "no interval: needs more %s", samples);
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
            check->advice = as_comparer_text(c, "a few more %s would decide", samples);
        else if (factor < 1000)
            check->advice =
                as_comparer_text(c, "about %.1f times the %s would decide", factor, samples);
        else
            check->advice = as_comparer_text(
                c, "the change lies at the margin itself; more %s will hardly decide", samples);
    }
}

static double margin_of(const as_comparer *c, as_check_kind kind) {
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

static void compare_f1(as_comparer *c, const as_matched *m, const as_paired *paired,
                       as_f1_change *f1) {
    double base = 0, new_ = 0;
    for (size_t i = 0; i < m->n; i++) {
        base += m->base[i]->test.f1_macro.value / (double)m->n;
        new_ += m->new_[i]->test.f1_macro.value / (double)m->n;
    }
    assay_status status = as_paired_f1(paired, &f1->change, &f1->p, c->error);
    if (status != ASSAY_OK) {
        c->status = c->status == ASSAY_OK ? status : c->status;
        return;
    }
    f1->base = base;
    f1->new_ = new_;
}

static void check_accuracy(as_comparer *c, const as_matched *m, const char *name, as_check *check,
                           as_f1_change *f1) {
    as_paired paired;
    assay_error why = ASSAY_ERROR_INIT;
    if (as_paired_new(c->arena, m->both, 2 * m->n, &paired, &why) != ASSAY_OK) {
        as_comparer_problem(c, as_comparer_text(c, "%s: accuracy cannot be compared: %s: %s", name,
                                                why.where, why.text));
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
    compare_f1(c, m, &paired, f1);
}

static as_samples epoch_speeds(as_comparer *c, const as_record *r) {
    double *values = as_comparer_allocate(c, r->n_epochs, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; values && i < r->n_epochs; i++)
        if (r->epochs[i].tokens > 0 && r->epochs[i].seconds > 0)
            values[n++] = (double)r->epochs[i].tokens / r->epochs[i].seconds;
    return (as_samples){values, n};
}

static as_samples query_times(as_comparer *c, const as_record *r) {
    double *values = as_comparer_allocate(c, r->n_queries, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; values && i < r->n_queries; i++)
        if (strcmp(r->queries[i].scenario, "single_stream") == 0)
            values[n++] = (double)r->queries[i].nanoseconds / 1e6;
    return (as_samples){values, n};
}

/* Geometric mean of the groups' medians; reorders nothing of the caller's. */
static double mean_of_medians(as_comparer *c, const as_samples *groups, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double *copy = as_comparer_allocate(c, groups[i].n, sizeof *copy);
        if (!copy)
            return NAN;
        memcpy(copy, groups[i].values, groups[i].n * sizeof *copy);
        sum += log(as_median(copy, groups[i].n));
    }
    return exp(sum / (double)n);
}

/* Whether every cell trained for so short that one epoch or two say nothing. */
static bool training_is_short(const as_matched *m) {
    for (size_t i = 0; i < m->n; i++)
        if (!(m->base[i]->training.seconds < SHORT_TRAINING_SECONDS) ||
            !(m->new_[i]->training.seconds < SHORT_TRAINING_SECONDS))
            return false;
    return true;
}

/* false: measured in neither run, or too short to say anything: nothing to check. */
static bool check_ratio(as_comparer *c, const as_matched *m, as_check *check, const char *machine) {
    bool latency = check->kind == AS_CHECK_LATENCY;
    as_samples *base = as_comparer_allocate(c, m->n, sizeof *base),
               *new_ = as_comparer_allocate(c, m->n, sizeof *new_);
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
        check->advice = as_comparer_text(c, "not measured in every cell of the %s run",
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

static bool check_memory(as_comparer *c, const as_matched *m, as_check *check) {
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

/* Two runs must have used the same rows. Within a run entries may clean the same texts differently:
 * then the data set is the same, and texts are paired by their index. */
static bool is_same_data(as_comparer *c, const as_matched *m, const char *name) {
    bool same_rows = true, same_set = true;
    for (size_t i = 0; i < m->n; i++) {
        same_rows =
            same_rows && m->base[i]->dataset.rows_sha256 &&
            as_texts_equal(m->base[i]->dataset.rows_sha256, m->new_[i]->dataset.rows_sha256);
        same_set = same_set && m->base[i]->dataset.sha256 &&
                   as_texts_equal(m->base[i]->dataset.sha256, m->new_[i]->dataset.sha256);
    }
    if (!c->result->against || same_rows)
        return same_rows;
    if (same_set)
        as_comparer_note(
            c, as_comparer_text(c, "%s: the entries prepare the texts differently", name));
    return same_set;
}

void as_check_entry(as_comparer *c, const as_matched *m, as_compared_entry *entry) {
    const char *machine = machine_difference(c, m);
    bool same_data = is_same_data(c, m, entry->name);
    if (machine) {
        c->result->same_machine = false;
        as_comparer_note(c, machine);
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
                          .p_holm = NAN,
                          .margin = margin_of(c, (as_check_kind)kind),
                          .verdict = AS_VERDICT_OPEN};
        bool measured = true;
        if (kind == AS_CHECK_ACCURACY && !same_data) {
            as_comparer_problem(
                c, as_comparer_text(c,
                                    "%s: the runs used different rows (rows_sha256), so "
                                    "accuracy cannot be compared",
                                    entry->name));
            check.advice = "different data";
        } else if (kind == AS_CHECK_ACCURACY) {
            check_accuracy(c, m, entry->name, &check, &entry->f1);
        } else if (kind == AS_CHECK_MEMORY) {
            measured = check_memory(c, m, &check);
        } else {
            measured = check_ratio(c, m, &check, machine);
        }
        if (!measured) {
            as_comparer_note(
                c, as_comparer_text(c, "%s: %s is not checked: not measured, or too short to be",
                                    entry->name, as_check_kind_name(check.kind)));
            continue;
        }
        entry->checks[entry->n_checks++] = check;
        c->result->n_checks++;
        c->result->n_by_verdict[check.verdict]++;
    }
}
