/* SPDX-License-Identifier: MIT */
/* Lengths in words as a figure: a histogram of all texts, and below it one box a class, on the same
 * logarithmic axis (lengths of texts are skewed). Boxes hold the quartiles with the median as a
 * line, whiskers reach to the 5th and 95th percentile. Grey, black and white alone.
 *
 * gnuplot is run without a shell, from a script and two data files in a folder of its own. Labels
 * stand in a data file, never in the script, and gnuplot's markup is off. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cell/process.h"
#include "cli/data_stats_view.h"
#include "report/text_table.h"

enum { N_BINS = 60, MOST_BOXES = 40, LABEL_WIDTH = 28, TIMEOUT_SECONDS = 120 };
/* Heights in our units, from the top. */
enum { TITLE = 40, HISTOGRAM = 190, GAP = 22, BOX = 22, AXIS = 62, WIDTH = 640, LETTER = 8 };
enum { MAX_FIGURE_BYTES = 64 << 20, MAX_LOG_BYTES = 1 << 20 };

static const struct {
    const char *suffix, *terminal;
    double unit; /* how much of the terminal's is one of ours, of which the width is 640 */
} formats[] = {
    {".svg", "svg size 640,%.0f font 'sans-serif,12' background '#ffffff'", 1},
    {".pdf", "pdfcairo size 16cm,%.2fcm font 'sans-serif,8'", 0.025},
    {".png", "pngcairo size 1280,%.0f font 'sans-serif,22'", 2},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static int format_of(const char *path) {
    size_t n = strlen(path);
    for (int i = 0; i < N_FORMATS; i++)
        if (n > 4 && strcmp(path + n - 4, formats[i].suffix) == 0)
            return i;
    return -1;
}

/* gnuplot's path, from PATH; false when it is not installed. */
static bool find_gnuplot(char *path, size_t size) {
    const char *folders = getenv("PATH");
    for (const char *at = folders; at && *at; at += strcspn(at, ":"), at += *at == ':') {
        int n = snprintf(path, size, "%.*s/gnuplot", (int)strcspn(at, ":"), at);
        if (path[0] == '/' && n > 0 && (size_t)n < size && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

assay_status as_data_stats_check_figure(const char *path, assay_error *error) {
    char program[4096];
    if (format_of(path) >= 0 && find_gnuplot(program, sizeof program))
        return ASSAY_OK;
    if (format_of(path) >= 0)
        return as_fail(error, ASSAY_UNAVAILABLE, "--figure",
                       "figures are drawn by gnuplot, which is not installed\n"
                       "do     apt-get install gnuplot-nox");
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "--figure",
                   "\"%.200s\" ends in none of .svg, .pdf, .png, so its format cannot be told",
                   path);
}

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "--figure", "no memory to draw it");
}

/* ---- gnuplot --------------------------------------------------------------------------------- */

/* The last line that gnuplot wrote. */
static const char *last_words(as_arena *arena, const char *log_path) {
    char *log = NULL;
    size_t n = 0;
    assay_error ignored = ASSAY_ERROR_INIT;
    const char *shown = "nothing";
    if (as_file_read(log_path, MAX_LOG_BYTES, &log, &n, &ignored) != ASSAY_OK)
        return shown;
    while (n > 0 && strchr("\n\r ", log[n - 1]))
        log[--n] = '\0';
    const char *line = strrchr(log, '\n');
    if (n > 0 && !(shown = as_shown_text(arena, line ? line + 1 : log, 200)))
        shown = "nothing";
    free(log);
    return shown;
}

static assay_status run_gnuplot(as_arena *arena, const char *script, const char *log_path,
                                assay_error *error) {
    char program[4096];
    if (!find_gnuplot(program, sizeof program))
        return as_fail(error, ASSAY_UNAVAILABLE, "--figure", "gnuplot is gone from PATH");
    const char *const argv[] = {program, "--default-settings", script, NULL};
    const as_process_config config = {
        .argv = argv, .log_path = log_path, .timeout_seconds = TIMEOUT_SECONDS};
    as_process_result result;
    assay_status status = as_process_run(&config, &result, error);
    if (status != ASSAY_OK || (result.end == AS_PROCESS_EXITED && result.code == 0))
        return status;
    char text[200];
    as_process_text(&config, &result, text, sizeof text);
    return as_fail(error, result.end == AS_PROCESS_STOPPED ? ASSAY_INTERRUPTED : ASSAY_IO,
                   "--figure", "gnuplot: %s; its last words: %s", text,
                   last_words(arena, log_path));
}

/* ---- what is drawn --------------------------------------------------------------------------- */

typedef struct drawing {
    as_arena *arena;
    const as_data_stats_view *view;
    const as_text_statistics *stats;
    const char *folder, *script, *bins, *boxes, *picture, *log;
    int format;
    uint32_t n_boxes;
    size_t longest_name;
    double shortest; /* text that is not blank, in words */
    assay_error *error;
} drawing;

/* Equal bins of log10(words), of texts that are not blank: lower end, upper end, texts. */
static assay_status write_bins(drawing *d) {
    const as_text_statistics *t = d->stats;
    uint32_t counts[N_BINS] = {0};
    as_file_writer writer;
    assay_status status = as_file_writer_open(d->bins, &writer, d->error);
    if (status != ASSAY_OK)
        return status;
    d->shortest = (double)t->words.all.max;
    for (uint32_t i = 0; i < t->n_texts; i++)
        if (t->text_words[i] > 0 && t->text_words[i] < d->shortest)
            d->shortest = t->text_words[i];
    double low = log10(d->shortest), step = (log10((double)t->words.all.max + 1) - low) / N_BINS;
    for (uint32_t i = 0; i < t->n_texts; i++)
        if (t->text_words[i] > 0) {
            int bin = (int)((log10(t->text_words[i]) - low) / step);
            counts[bin < N_BINS ? bin : N_BINS - 1]++;
        }
    for (int i = 0; i < N_BINS; i++)
        fprintf(writer.stream, "%.6f\t%.6f\t%u\n", pow(10, low + step * i),
                pow(10, low + step * (i + 1)), counts[i]);
    return as_file_writer_commit(&writer, d->error);
}

static int compare_lengths(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* One box: place, name, 5 %, 25 %, 50 %, 75 %, 95 % (nearest rank), at least 1 for the axis. */
static void write_box(FILE *stream, uint32_t place, const char *name, uint32_t *lengths, size_t n) {
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    if (n == 0)
        return;
    qsort(lengths, n, sizeof *lengths, compare_lengths);
    fprintf(stream, "%u\t%s", place, name);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint32_t value = lengths[(size_t)(shares[i] * (double)(n - 1) + 0.5)];
        fprintf(stream, "\t%u", value ? value : 1);
    }
    fputc('\n', stream);
}

/* Tabs and quotes would end a field of the data file. */
static const char *field_of(as_arena *arena, const char *label) {
    const char *shown = as_shown_text(arena, label, LABEL_WIDTH);
    char *field = shown ? as_arena_strdup(arena, shown) : NULL;
    for (char *at = field; at && *at; at++)
        if (*at == '"' || *at == '\t')
            *at = '\'';
    return field;
}

static assay_status write_boxes(drawing *d) {
    const as_text_statistics *t = d->stats;
    const as_dataset *dataset = d->view->dataset;
    uint32_t *lengths = as_arena_alloc_array(d->arena, t->n_texts, sizeof *lengths);
    as_file_writer writer;
    if (!lengths)
        return no_memory(d->error);
    assay_status status = as_file_writer_open(d->boxes, &writer, d->error);
    if (status != ASSAY_OK)
        return status;
    memcpy(lengths, t->text_words, t->n_texts * sizeof *lengths);
    write_box(writer.stream, 0, "all", lengths, t->n_texts);
    for (uint32_t k = 0; k < d->n_boxes; k++) {
        const char *name = field_of(d->arena, dataset->labels[k]);
        size_t n = 0;
        for (uint32_t i = 0; i < t->n_texts; i++)
            if (dataset->rows[i].label == k)
                lengths[n++] = t->text_words[i];
        write_box(writer.stream, k + 1, name ? name : "?", lengths, n);
        if (name && as_text_width(name) > d->longest_name)
            d->longest_name = as_text_width(name);
    }
    return as_file_writer_commit(&writer, d->error);
}

/* A string of gnuplot's, in single quotes. */
static void write_quoted(FILE *stream, const char *text) {
    fputc('\'', stream);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', stream);
        fputc(*text, stream);
    }
    fputc('\'', stream);
}

static void write_terminal(const drawing *d, FILE *stream) {
    const int boxes = BOX * ((int)d->n_boxes + 1);
    const double height = TITLE + HISTOGRAM + GAP + boxes + AXIS;
    fputs("set encoding utf8\nset terminal ", stream);
    fprintf(stream, formats[d->format].terminal, height * formats[d->format].unit);
    fputs(" noenhanced\nset output ", stream);
    write_quoted(stream, d->picture);
    fprintf(stream, "\nset lmargin at screen %.4f\nset rmargin at screen 0.96\n",
            fmax(0.14, (double)(LETTER * d->longest_name + 20) / WIDTH));
    fprintf(stream, "top = %.4f\nmiddle = %.4f\nlower = %.4f\nbottom = %.4f\n", 1 - TITLE / height,
            (GAP + boxes + AXIS) / height, (boxes + AXIS) / height, AXIS / height);
}

static void write_style(const drawing *d, FILE *stream) {
    fputs("set datafile separator \"\\t\"\nset logscale x\n"
          "set style fill solid 0.35 border lc rgb '#404040'\n"
          "set border 3 lc rgb '#404040'\nset tics nomirror out\n"
          "set grid xtics lc rgb '#d0d0d0' lt 1 lw 0.5\nunset key\n",
          stream);
    fprintf(stream, "set xrange [%.6f:%.6f]\n", 0.9 * d->shortest,
            1.05 * (double)d->stats->words.all.max);
}

static void write_histogram(const drawing *d, FILE *stream) {
    const as_text_statistics *t = d->stats;
    char title[200];
    const char *name = as_shown_text(d->arena, d->view->manifest->name, 40);
    int n = snprintf(title, sizeof title, "%s, %u texts%s", name ? name : "", t->n_texts,
                     d->view->cleaned ? " after cleaning" : "");
    if (t->n_blank)
        n +=
            snprintf(title + n, sizeof title - (size_t)n, " (%u blank ones not drawn)", t->n_blank);
    if (d->n_boxes < t->n_labels)
        snprintf(title + n, sizeof title - (size_t)n, ", the first %u of %u classes", d->n_boxes,
                 t->n_labels);
    fputs("set multiplot\nset tmargin at screen top\nset bmargin at screen middle\n"
          "set ylabel 'texts'\nset yrange [0:*]\nset format x ''\n"
          "set label 1 ",
          stream);
    write_quoted(stream, title);
    fputs(" at screen 0.5, screen (1 + top) / 2 center\nplot ", stream);
    write_quoted(stream, d->bins);
    fputs(" using (sqrt($1*$2)):3:1:2:(0):3 with boxxy lc rgb '#404040'\nunset label 1\n", stream);
}

static void write_class_boxes(const drawing *d, FILE *stream) {
    fputs("set format x '%g'\nunset ylabel\nset tmargin at screen lower\n"
          "set bmargin at screen bottom\n"
          "set label 2 'words per text; boxes: quartiles and median; whiskers: 5 % and 95 %' "
          "at screen 0.5, screen bottom * 0.25 center\n",
          stream);
    fprintf(stream, "set yrange [%u.5:-0.5]\nset tics scale 0.5\nplot ", d->n_boxes);
    write_quoted(stream, d->boxes);
    fputs(" using 5:1:3:7 with xerrorbars pt 0 lc rgb '#404040', '' using "
          "5:1:4:6:($1-0.3):($1+0.3):ytic(2) with boxxy fc rgb '#b0b0b0', '' using "
          "5:($1-0.3):(0):(0.6) with vectors nohead lw 2.5 lc rgb '#000000'\n"
          "unset multiplot\nunset output\n",
          stream);
}

static assay_status write_script(const drawing *d) {
    as_file_writer writer;
    assay_status status = as_file_writer_open(d->script, &writer, d->error);
    if (status != ASSAY_OK)
        return status;
    write_terminal(d, writer.stream);
    write_style(d, writer.stream);
    write_histogram(d, writer.stream);
    write_class_boxes(d, writer.stream);
    return as_file_writer_commit(&writer, d->error);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Reads gnuplot's picture and writes it where it is wanted. */
static assay_status deliver(const drawing *d, const char *path) {
    char *picture = NULL;
    size_t n = 0;
    assay_status status = as_file_read(d->picture, MAX_FIGURE_BYTES, &picture, &n, d->error);
    if (status == ASSAY_OK && n == 0)
        status = as_fail(d->error, ASSAY_IO, "--figure", "gnuplot drew nothing; it said: %s",
                         last_words(d->arena, d->log));
    if (status == ASSAY_OK)
        status = as_file_write(path, picture, n, d->error);
    free(picture);
    return status;
}

static const char *in_folder(const drawing *d, const char *name) {
    char *path = as_path_join(d->folder, name),
         *copy = path ? as_arena_strdup(d->arena, path) : NULL;
    free(path);
    return copy;
}

static assay_status draw_in_folder(drawing *d, const char *path) {
    d->script = in_folder(d, "figure.gp");
    d->bins = in_folder(d, "bins.tsv");
    d->boxes = in_folder(d, "boxes.tsv");
    d->picture = in_folder(d, "picture");
    d->log = in_folder(d, "log.txt");
    if (!d->script || !d->bins || !d->boxes || !d->picture || !d->log)
        return no_memory(d->error);
    assay_status status = write_bins(d);
    if (status == ASSAY_OK)
        status = write_boxes(d);
    if (status == ASSAY_OK)
        status = write_script(d);
    if (status == ASSAY_OK)
        status = run_gnuplot(d->arena, d->script, d->log, d->error);
    return status == ASSAY_OK ? deliver(d, path) : status;
}

assay_status as_data_stats_draw(as_arena *arena, const as_data_stats_view *view, const char *path,
                                assay_error *error) {
    const char *root = getenv("TMPDIR");
    drawing d = {.arena = arena,
                 .view = view,
                 .stats = view->cleaned ? view->cleaned : view->raw,
                 .format = format_of(path),
                 .n_boxes = view->dataset->n_labels,
                 .error = error};
    if (d.stats->words.all.max == 0)
        return as_fail(error, ASSAY_BAD_DATA, "--figure",
                       "every text is blank; there is nothing to draw");
    char *folder = as_path_join(root && *root ? root : "/tmp", "assay-figure-XXXXXX");
    assay_error ignored = ASSAY_ERROR_INIT;
    if (!folder)
        return no_memory(error);
    if (d.n_boxes > MOST_BOXES)
        d.n_boxes = MOST_BOXES;
    if (!mkdtemp(folder)) {
        assay_status failed =
            as_fail(error, ASSAY_IO, folder, "cannot be made: %s; set TMPDIR", strerror(errno));
        free(folder);
        return failed;
    }
    d.folder = folder;
    assay_status status = draw_in_folder(&d, path);
    if (as_remove_folder(folder, &ignored) != ASSAY_OK && status == ASSAY_OK)
        status = as_fail(error, ignored.status, ignored.where, "%s", ignored.text);
    free(folder);
    return status;
}
