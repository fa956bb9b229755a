/* SPDX-License-Identifier: MIT */
/* Progress of a run. Remaining time: the current cell by its own share, the others by the mean of
 * finished cells of the same entry, else of all; shown once a cell has finished or 5 % of one has.
 * The terminal's tab or task bar shows the same share (OSC 9;4, ConEmu's progress sequence). */
#include "cli/progress_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "train/watch.h"

enum { REDRAW_MS = 100, SILENCE_S = 60, BAR = 8 };

struct as_progress_view {
    const as_suite *suite;
    bool quiet, terminal, colour, drawn;
    bool several; /* more than one backend or dtype: cells need their names */
    int64_t drawn_ns, spoken_ns, cell_ns;
    double *seconds; /* [n_cells] of cells finished in this run, else NaN */
    size_t n_cells;
    bool has_progress;
    as_cell_progress latest;
    uint32_t told, told_of_run; /* AS_WATCH_* that have had their line: of this cell; of the run */
};

void as_seconds_text(double seconds, char *text, size_t size) {
    long s = lround(seconds);
    if (s < 10)
        snprintf(text, size, "%.1f s", seconds);
    else if (s < 60)
        snprintf(text, size, "%ld s", s);
    else if (s < 3600)
        snprintf(text, size, "%ld min %ld s", s / 60, s % 60);
    else
        snprintf(text, size, "%ld h %ld min", s / 3600, s % 3600 / 60);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void cell_label(const as_progress_view *v, const as_cell_spec *spec, char *text,
                       size_t size) {
    if (v->several)
        snprintf(text, size, "%s %s %s s%llu", spec->entry->name, spec->backend, spec->dtype,
                 (unsigned long long)spec->seed);
    else
        snprintf(text, size, "%s s%llu", spec->entry->name, (unsigned long long)spec->seed);
}

/* Share of the current cell's work that is done, 0 .. 1: its training. */
static double cell_share(const as_progress_view *v) {
    const as_cell_progress *p = &v->latest;
    if (!v->has_progress || p->epochs < 1 || p->epoch < 1 || !isfinite(p->share))
        return 0;
    double share = ((double)(p->epoch - 1) + p->share) / (double)p->epochs;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* Mean seconds of finished cells of an entry, else of all, else NaN. */
static double expected_seconds(const as_progress_view *v, const as_run_event *event, size_t cell) {
    double own = 0, all = 0;
    size_t n_own = 0, n_all = 0;
    for (size_t i = 0; i < event->n_cells; i++) {
        if (!isfinite(v->seconds[i]))
            continue;
        all += v->seconds[i];
        n_all++;
        if (event->cells[i].entry == event->cells[cell].entry) {
            own += v->seconds[i];
            n_own++;
        }
    }
    return n_own ? own / (double)n_own : n_all ? all / (double)n_all : NAN;
}

/* NaN until something is known. */
static double remaining_seconds(const as_progress_view *v, const as_run_event *event) {
    double spent = (double)(as_clock_ns() - v->cell_ns) * 1e-9, share = cell_share(v);
    double whole = expected_seconds(v, event, event->cell), sum = 0;
    if (share >= 0.05 && (!isfinite(whole) || spent / share > whole))
        whole = spent / share;
    if (!isfinite(whole))
        return NAN;
    sum = whole > spent ? whole - spent : 0;
    for (size_t i = event->cell + 1; i < event->n_cells; i++) {
        double other = expected_seconds(v, event, i);
        if (!event->kept[i])
            sum += isfinite(other) ? other : whole;
    }
    return sum;
}

static void rate_text(double rate, char *text, size_t size) {
    if (rate >= 1e6)
        snprintf(text, size, "%.2fM tok/s", rate / 1e6);
    else if (rate >= 1e4)
        snprintf(text, size, "%.0fk tok/s", rate / 1e3);
    else
        snprintf(text, size, "%.0f tok/s", rate);
}

/* Appends a field where it still fits in `width` columns; fields drop from the right. */
static void add_field(char *line, size_t size, int width, const char *field) {
    size_t n = strlen(line), more = strlen(field) + (n ? 2 : 0);
    if (n + more >= size || (width > 0 && n + more > (size_t)width - 1))
        return;
    snprintf(line + n, size - n, "%s%s", n ? "  " : "", field);
}

static void live_line(const as_progress_view *v, const as_run_event *event, int width, char *line,
                      size_t size) {
    const as_cell_progress *p = &v->latest;
    char field[160], label[120], bar[BAR + 1];
    cell_label(v, event->spec, label, sizeof label);
    snprintf(line, size, "%2zu/%zu %s", event->n_done + 1, event->n_cells, label);
    if (v->has_progress && p->epoch > 0) {
        double share = isfinite(p->share) ? fmin(fmax(p->share, 0), 1) : 0;
        int full = (int)(share * BAR);
        for (int i = 0; i < BAR; i++)
            bar[i] = i < full ? '=' : i == full ? '>' : ' ';
        bar[BAR] = '\0';
        snprintf(field, sizeof field, "epoch %d/%d [%s] %.0f %%", p->epoch, p->epochs, bar,
                 share * 100);
        add_field(line, size, width, field);
    } else if (v->has_progress) {
        add_field(line, size, width, p->stage);
    }
    if (v->has_progress && isfinite(p->validation_accuracy)) {
        snprintf(field, sizeof field, "val %.1f %%", p->validation_accuracy * 100);
        add_field(line, size, width, field);
    }
    if (v->has_progress && as_watch_word(p->watch)) {
        snprintf(field, sizeof field, "! %s", as_watch_word(p->watch));
        add_field(line, size, width, field);
    }
    if (v->has_progress && isfinite(p->tokens_per_second) && p->tokens_per_second > 0) {
        rate_text(p->tokens_per_second, field, sizeof field);
        add_field(line, size, width, field);
    }
    double left = remaining_seconds(v, event);
    if (isfinite(left)) {
        if (left >= 90)
            snprintf(field, sizeof field, "run: about %.0f min left", ceil(left / 60));
        else
            snprintf(field, sizeof field, "run: about %.0f s left", ceil(left));
        add_field(line, size, width, field);
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void clear_line(as_progress_view *v) {
    if (v->drawn)
        fputs("\r\033[K", stderr);
    v->drawn = false;
}

static void draw(as_progress_view *v, const as_run_event *event) {
    char line[400];
    int64_t now_ns = as_clock_ns();
    if (now_ns - v->drawn_ns < (int64_t)REDRAW_MS * 1000000)
        return;
    v->drawn_ns = now_ns;
    live_line(v, event, as_terminal_width(STDERR_FILENO), line, sizeof line);
    double share = ((double)event->n_done + cell_share(v)) / (double)event->n_cells;
    fprintf(stderr, "\r\033[K%s\033]9;4;1;%d\033\\", line, (int)(share * 100));
    fflush(stderr);
    v->drawn = true;
}

static void sign_of_life(as_progress_view *v, const as_run_event *event) {
    char label[120];
    int64_t now_ns = as_clock_ns();
    if (now_ns - v->spoken_ns < (int64_t)SILENCE_S * 1000000000)
        return;
    v->spoken_ns = now_ns;
    cell_label(v, event->spec, label, sizeof label);
    fprintf(stderr, "... %zu/%zu %s", event->n_done + 1, event->n_cells, label);
    if (v->has_progress && v->latest.epoch > 0)
        fprintf(stderr, " epoch %d/%d\n", v->latest.epoch, v->latest.epochs);
    else
        fprintf(stderr, " %s\n", v->has_progress ? v->latest.stage : "starts");
}

static void show(as_progress_view *v, const as_run_event *event) {
    if (v->terminal)
        draw(v, event);
    else
        sign_of_life(v, event);
}

/* ---- watchers -------------------------------------------------------------------------------- */

static void print_watch(as_progress_view *v, const as_run_event *event, const char *line) {
    char label[120];
    cell_label(v, event->spec, label, sizeof label);
    clear_line(v);
    fprintf(stderr, "    %s!%s %s  ", v->colour ? "\033[33m" : "", v->colour ? "\033[0m" : "",
            label);
    if (v->latest.epoch > 0 && event->kind == AS_RUN_PROGRESS)
        fprintf(stderr, "epoch %d: ", v->latest.epoch);
    fprintf(stderr, "%s\n", line);
    v->drawn_ns = 0;
}

/* What a cell's training is seen to do for the first time. The validation set is the run's. */
static void print_watches(as_progress_view *v, const as_run_event *event) {
    uint32_t news = v->latest.watch & ~v->told & ~v->told_of_run;
    for (uint32_t one = 1; one && news; one <<= 1)
        if ((news & one) && as_watch_line(one))
            print_watch(v, event, as_watch_line(one));
    v->told |= news;
    v->told_of_run |= news & AS_WATCH_SMALL_VALIDATION;
}

static void print_same(as_progress_view *v, const as_run_event *event) {
    char line[200];
    if (!event->outcome->same_as)
        return;
    snprintf(line, sizeof line, "predicts the same class as %.100s for every test text",
             event->outcome->same_as);
    print_watch(v, event, line);
}

static void print_begin(as_progress_view *v, const as_run_event *event) {
    const as_suite *s = v->suite;
    fprintf(stderr, "%s  %zu %s x ", s->name, s->n_entries,
            s->n_entries == 1 ? "entry" : "entries");
    for (size_t i = 0; i < s->n_backends; i++)
        fprintf(stderr, "%s%s", i ? "," : "", s->backends[i]);
    fputs(" x ", stderr);
    for (size_t i = 0; i < s->n_dtypes; i++)
        fprintf(stderr, "%s%s", i ? "," : "", s->dtypes[i]);
    fprintf(stderr, " x %zu %s = %zu %s -> %s\n", s->n_seeds, s->n_seeds == 1 ? "seed" : "seeds",
            event->n_cells, event->n_cells == 1 ? "cell" : "cells", event->folder);
    if (event->n_done)
        fprintf(stderr, "%zu of them done before\n", event->n_done);
    if (event->n_repeated)
        fprintf(stderr,
                "%zu that were done are measured again, in turn with the missing cells of their "
                "group\n",
                event->n_repeated);
}

static void print_finished(as_progress_view *v, const as_run_event *event) {
    const as_cell_outcome *outcome = event->outcome;
    const char *status = as_cell_status_name(outcome->status), *on = "", *off = "";
    char label[120], took[40], reason[400];
    if (v->colour && outcome->status != AS_CELL_OK) {
        on = outcome->status == AS_CELL_SKIPPED ? "\033[33m" : "\033[31m";
        off = "\033[0m";
    }
    cell_label(v, event->spec, label, sizeof label);
    clear_line(v);
    fprintf(stderr, "%2zu/%zu %s%-8s%s  %s", event->n_done, event->n_cells, on, status, off, label);
    if (outcome->status == AS_CELL_OK) {
        as_seconds_text(outcome->seconds, took, sizeof took);
        if (isfinite(outcome->accuracy))
            fprintf(stderr, "  %s %.1f %%", event->spec->entry->grid ? "val" : "acc",
                    outcome->accuracy * 100);
        if (outcome->p50_ms > 0) {
            int digits = 2 - (int)floor(log10(outcome->p50_ms)); /* three in all */
            fprintf(stderr, "  p50 %.*f ms",
                    digits < 0   ? 0
                    : digits > 6 ? 6
                                 : digits,
                    outcome->p50_ms);
        }
        fprintf(stderr, "  %s\n", took);
        return;
    }
    snprintf(reason, sizeof reason, "%s", outcome->reason ? outcome->reason : "");
    for (char *p = reason; *p; p++) /* may quote a plugin */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    fprintf(stderr, "  %s: %s/cells/%s/log.txt\n", reason, event->folder, event->spec->name);
}

static void on_event(void *context, const as_run_event *event) {
    as_progress_view *v = context;
    if (!v->seconds) {
        v->seconds = calloc(event->n_cells, sizeof *v->seconds);
        for (size_t i = 0; v->seconds && i < event->n_cells; i++)
            v->seconds[i] = NAN;
    }
    if (v->quiet || !v->seconds)
        return;
    switch (event->kind) {
    case AS_RUN_BEGIN:
        print_begin(v, event);
        break;
    case AS_RUN_CELL:
        v->cell_ns = as_clock_ns();
        v->has_progress = false;
        v->told = 0;
        v->drawn_ns = 0;
        show(v, event);
        break;
    case AS_RUN_PROGRESS:
        v->latest = *event->progress;
        v->has_progress = true;
        print_watches(v, event);
        show(v, event);
        break;
    case AS_RUN_TICK:
        show(v, event);
        break;
    case AS_RUN_FINISHED:
        v->seconds[event->cell] = event->outcome->seconds;
        print_finished(v, event);
        print_same(v, event);
        v->spoken_ns = as_clock_ns();
        break;
    }
}

as_progress_view *as_progress_view_new(const as_suite *suite, bool quiet) {
    as_progress_view *v = calloc(1, sizeof *v);
    const char *term = getenv("TERM");
    if (!v)
        return NULL;
    v->suite = suite;
    v->quiet = quiet;
    v->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    v->colour = as_use_colour(STDERR_FILENO);
    v->several = suite->n_backends > 1 || suite->n_dtypes > 1;
    v->spoken_ns = as_clock_ns();
    return v;
}

as_run_listener as_progress_view_listener(as_progress_view *view) {
    return (as_run_listener){view, on_event};
}

void as_progress_view_free(as_progress_view *view) {
    if (!view)
        return;
    clear_line(view);
    if (view->terminal && !view->quiet)
        fputs("\033]9;4;0;0\033\\", stderr);
    free(view->seconds);
    free(view);
}
