/* SPDX-License-Identifier: MIT */
/* gnuplot as a drawing board: its axes are the scene's points, everything else of it is off. One
 * process draws all scenes of a report from one script in a folder of its own under TMPDIR.
 * The language: gnuplot 5.4's manual; `noenhanced` switches its markup off, and in single quotes
 * neither backquotes, nor backslashes, nor macros mean anything. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

enum { MOST_SECONDS = 120, MAX_PICTURE_BYTES = 64 << 20, MAX_LOG_BYTES = 1 << 20 };

static const struct {
    const char *suffix, *terminal;
    double unit; /* of the terminal's in one of a scene's points */
} kinds[] = {
    {"svg", "svg size %.0f,%.0f fixed noenhanced font 'sans-serif,12' butt", 1},
    {"pdf", "pdfcairo size %.3fcm,%.3fcm noenhanced font 'sans-serif,8' linewidth 0.6 butt",
     16.0 / AS_SCENE_WIDTH},
    {"png", "pngcairo size %.0f,%.0f noenhanced font 'sans-serif,24' linewidth 2 pointscale 2 butt",
     2},
};

/* ---- the script ------------------------------------------------------------------------------ */

/* In single quotes. gnuplot ends a string at a quote in more cases than its manual tells, so there
 * is none in it: an apostrophe is drawn as U+2019. */
static void write_quoted(FILE *stream, const char *text) {
    fputc('\'', stream);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("\xe2\x80\x99", stream);
        else
            fputc(*text, stream);
    }
    fputc('\'', stream);
}

static const char *dash_of(as_dash dash) {
    static const char *const dashes[AS_DASH_COUNT] = {"solid", "(10,4)", "(3,3)", "(10,3,2,3)"};
    return dashes[dash];
}

static void write_words(FILE *stream, const as_scene *s) {
    static const char *const anchors[] = {"left", "center", "right"};
    for (size_t i = 0; i < s->n_words; i++) {
        const as_letters *w = &s->words[i];
        fprintf(stream, "set label %zu ", i + 1);
        write_quoted(stream, w->text);
        fprintf(stream, " at %.2f,%.2f %s %s noenhanced front font ',%.1f' textcolor rgb '#%06x'\n",
                w->x, w->y, anchors[w->anchor], w->upright ? "rotate by 90" : "norotate", w->size,
                (unsigned)w->colour);
    }
}

static bool same_style(const as_stroke *a, const as_stroke *b) {
    return a->colour == b->colour && a->width == b->width && a->dash == b->dash;
}

static bool same_shape(const as_marker *a, const as_marker *b) {
    return a->colour == b->colour && a->kind == b->kind && a->size == b->size;
}

/* Neighbours of one style share a block of data; strokes are parted by an empty line. */
static size_t write_strokes(FILE *data, FILE *plots, const as_scene *s, size_t block) {
    for (size_t i = 0; i < s->n_strokes;) {
        const as_stroke *first = &s->strokes[i];
        fprintf(data, "$d%zu << EOD\n", block);
        for (; i < s->n_strokes && same_style(first, &s->strokes[i]); i++) {
            for (size_t k = 0; k < s->strokes[i].n; k++)
                fprintf(data, "%.2f %.2f\n", s->strokes[i].xy[2 * k], s->strokes[i].xy[2 * k + 1]);
            fputs("\n", data);
        }
        fputs("EOD\n", data);
        fprintf(plots, ", $d%zu using 1:2 with lines lc rgb '#%06x' lw %.2f dt %s", block++,
                (unsigned)first->colour, first->width, dash_of(first->dash));
    }
    return block;
}

static size_t write_markers(FILE *data, FILE *plots, const as_scene *s, size_t block) {
    static const int types[AS_MARKER_COUNT] = {7, 5, 9, 13, 11, 6, 4, 8};
    for (size_t i = 0; i < s->n_markers;) {
        const as_marker *first = &s->markers[i];
        fprintf(data, "$d%zu << EOD\n", block);
        for (; i < s->n_markers && same_shape(first, &s->markers[i]); i++)
            fprintf(data, "%.2f %.2f\n", s->markers[i].x, s->markers[i].y);
        fputs("EOD\n", data);
        fprintf(plots, ", $d%zu using 1:2 with points lc rgb '#%06x' pt %d ps %.2f", block++,
                (unsigned)first->colour, first->kind < 0 ? 7 : types[first->kind], first->size);
    }
    return block;
}

static size_t write_boxes(FILE *data, FILE *plots, const as_scene *s, size_t block) {
    for (size_t i = 0; i < s->n_boxes;) {
        const as_box *first = &s->boxes[i];
        fprintf(data, "$d%zu << EOD\n", block);
        for (; i < s->n_boxes && s->boxes[i].colour == first->colour; i++)
            fprintf(data, "%.2f %.2f %.2f %.2f %.2f %.2f\n", (s->boxes[i].x0 + s->boxes[i].x1) / 2,
                    (s->boxes[i].y0 + s->boxes[i].y1) / 2, s->boxes[i].x0, s->boxes[i].x1,
                    s->boxes[i].y0, s->boxes[i].y1);
        fputs("EOD\n", data);
        fprintf(plots, ", $d%zu using 1:2:3:4:5:6 with boxxyerror fc rgb '#%06x' fs solid noborder",
                block++, (unsigned)first->colour);
    }
    return block;
}

static assay_status write_scene(FILE *stream, const as_scene *s, as_picture_kind kind, size_t i,
                                assay_error *error) {
    char *plots = NULL;
    size_t size = 0;
    FILE *list = open_memstream(&plots, &size);
    if (!list)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory to draw them");
    fputs("set terminal ", stream);
    fprintf(stream, kinds[kind].terminal, s->width * kinds[kind].unit,
            s->height * kinds[kind].unit);
    fprintf(stream,
            "\nset output '%zu.%s'\nunset label\nset xrange [0:%.2f]\nset yrange [%.2f:0]\n", i,
            kinds[kind].suffix, s->width, s->height);
    write_words(stream, s);
    size_t block = write_boxes(stream, list, s, 0);
    block = write_strokes(stream, list, s, block);
    write_markers(stream, list, s, block);
    fclose(list);
    fprintf(stream, "plot NaN with dots lc rgb '#ffffff'%s\nunset output\n", plots ? plots : "");
    free(plots);
    return ASSAY_OK;
}

static assay_status write_script(const char *path, const as_scene *scenes, size_t n,
                                 as_picture_kind kind, assay_error *error) {
    as_file_writer writer;
    assay_status status = as_file_writer_open(path, &writer, error);
    if (status != ASSAY_OK)
        return status;
    fputs("set encoding utf8\nunset key\nunset border\nunset tics\n"
          "set lmargin at screen 0\nset rmargin at screen 1\n"
          "set tmargin at screen 1\nset bmargin at screen 0\n",
          writer.stream);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = write_scene(writer.stream, &scenes[i], kind, i, error);
    if (status != ASSAY_OK) {
        as_file_writer_abandon(&writer);
        return status;
    }
    return as_file_writer_commit_cache(&writer, error);
}

/* ---- the process ----------------------------------------------------------------------------- */

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

/* The last line that gnuplot wrote, its control characters replaced. */
static void last_words(const char *log_path, char *text, size_t size) {
    char *log = NULL;
    size_t n = 0;
    snprintf(text, size, "nothing");
    if (as_file_read(log_path, MAX_LOG_BYTES, &log, &n, NULL) != ASSAY_OK)
        return;
    while (n > 0 && strchr("\n\r ", log[n - 1]))
        log[--n] = '\0';
    const char *line = strrchr(log, '\n');
    if (n > 0)
        snprintf(text, size, "%s", line ? line + 1 : log);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    free(log);
}

/* Waits for the child; kills it after MOST_SECONDS. */
static bool wait_for(pid_t pid, int *ret_status) {
    const struct timespec pause = {0, 2000000};
    for (long waited = 0; waited < MOST_SECONDS * 500L; waited++) {
        pid_t ended = waitpid(pid, ret_status, WNOHANG);
        if (ended == pid)
            return true;
        if (ended < 0 && errno != EINTR)
            return false;
        nanosleep(&pause, NULL);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return false;
}

static assay_status spawn(const char *program, const char *folder, const char *log_path, pid_t *pid,
                          assay_error *error) {
    extern char **environ;
    posix_spawn_file_actions_t actions;
    char *const argv[] = {(char *)(uintptr_t)program, (char[]){"--default-settings"},
                          (char[]){"script.gp"}, NULL};
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory to start gnuplot");
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_addopen(&actions, 1, log_path,
                                                  O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!failed)
        failed = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (!failed)
        failed = posix_spawn(pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? as_fail(error, ASSAY_IO, program, "cannot be started: %s", strerror(failed))
                  : ASSAY_OK;
}

static assay_status run_gnuplot(const char *folder, const char *log_path, assay_error *error) {
    char program[4096], words[200];
    pid_t pid;
    int ended = 0;
    if (!find_gnuplot(program, sizeof program))
        return as_fail(error, ASSAY_UNAVAILABLE, "figures",
                       "figures are drawn by gnuplot, which is not installed\n"
                       "do     apt-get install gnuplot-nox");
    assay_status status = spawn(program, folder, log_path, &pid, error);
    if (status != ASSAY_OK)
        return status;
    bool in_time = wait_for(pid, &ended);
    if (in_time && WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        return ASSAY_OK;
    last_words(log_path, words, sizeof words);
    if (!in_time)
        return as_fail(error, ASSAY_TIMED_OUT, "figures",
                       "gnuplot took more than %d s; its last words: %s", MOST_SECONDS, words);
    return as_fail(error, ASSAY_IO, "figures", "gnuplot ended with %s %d; its last words: %s",
                   WIFEXITED(ended) ? "status" : "signal",
                   WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended), words);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static assay_status read_picture(const char *folder, as_picture_kind kind, size_t i,
                                 as_picture *ret_picture, assay_error *error) {
    char name[64];
    snprintf(name, sizeof name, "%zu.%s", i, kinds[kind].suffix);
    char *path = as_path_join(folder, name);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory for a path");
    as_picture picture = {NULL, 0};
    assay_status status =
        as_file_read(path, MAX_PICTURE_BYTES, &picture.data, &picture.size, error);
    if (status == ASSAY_OK && picture.size == 0)
        status = as_fail(error, ASSAY_IO, "figures", "gnuplot drew nothing into %s", name);
    if (status == ASSAY_OK)
        *ret_picture = picture;
    else
        free(picture.data);
    free(path);
    return status;
}

static assay_status draw_in(const char *folder, const as_scene *scenes, size_t n,
                            as_picture_kind kind, as_picture *pictures, assay_error *error) {
    char *script = as_path_join(folder, "script.gp"), *log = as_path_join(folder, "log.txt");
    assay_status status =
        script && log ? write_script(script, scenes, n, kind, error)
                      : as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory for a path");
    if (status == ASSAY_OK)
        status = run_gnuplot(folder, log, error);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = read_picture(folder, kind, i, &pictures[i], error);
    free(script);
    free(log);
    return status;
}

assay_status as_gnuplot_draw(const as_scene *scenes, size_t n, as_picture_kind kind,
                             as_picture *ret_pictures, assay_error *error) {
    const char *root = getenv("TMPDIR");
    char *folder = as_path_join(root && *root ? root : "/tmp", "assay-figures-XXXXXX");
    as_picture *pictures = calloc(n ? n : 1, sizeof *pictures);
    assay_status status = ASSAY_OK;
    if (!folder || !pictures)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "figures", "no memory to draw them");
    else if (!mkdtemp(folder))
        status =
            as_fail(error, ASSAY_IO, folder, "cannot be made: %s; set TMPDIR", strerror(errno));
    if (status != ASSAY_OK) {
        free(folder);
        free(pictures);
        return status;
    }
    status = draw_in(folder, scenes, n, kind, pictures, error);
    assay_status removed = as_remove_folder(folder, status == ASSAY_OK ? error : NULL);
    status = status == ASSAY_OK ? removed : status;
    if (status == ASSAY_OK)
        memcpy(ret_pictures, pictures, n * sizeof *pictures);
    else
        as_pictures_done(pictures, n);
    free(pictures);
    free(folder);
    return status;
}

void as_pictures_done(as_picture *pictures, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(pictures[i].data);
}
