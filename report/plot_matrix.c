/* SPDX-License-Identifier: MIT */
/* A confusion matrix as a picture: white to blue by the share of its row. The words' colour is
 * whichever of black and white contrasts more with the cell (WCAG 2.2's relative luminance), so
 * that it is never below 4.58 to 1. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report/plot_layout.h"

/* Black and white of their own, which a dark page leaves as they are. */
enum { CELL_BLACK = 0x010101, CELL_WHITE = 0xfefefe };

/* With more classes, shares under 2 % stand in the table alone. */
enum { MOST_COUNTED = 10, LEVELS = 40 };

/* Of LEVELS, so that cells of one shade can be drawn together. */
static uint32_t shade(int level) {
    static const double from[3] = {255, 255, 255}, to[3] = {8, 69, 138};
    double t = (double)level / LEVELS;
    uint32_t colour = 0;
    for (int i = 0; i < 3; i++)
        colour = colour << 8 | (uint32_t)lround(from[i] + t * (to[i] - from[i]));
    return level ? colour : 0xfdfdfd; /* not the page's ground */
}

static double luminance(uint32_t colour) {
    static const double weights[3] = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        double c = (double)(colour >> (16 - 8 * i) & 255) / 255;
        sum += weights[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static uint32_t words_on(uint32_t colour) {
    double l = luminance(colour);
    return 1.05 / (l + 0.05) > (l + 0.05) / 0.05 ? CELL_WHITE : CELL_BLACK;
}

static double share_of(const as_plot_matrix *m, int32_t t, int32_t p) {
    int64_t support = 0;
    for (int32_t k = 0; k < m->n; k++)
        support += m->counts[t * m->n + k];
    return support > 0 ? (double)m->counts[t * m->n + p] / (double)support : 0;
}

static int level_of(double share) {
    return (int)lround(fmin(fmax(share, 0), 1) * LEVELS);
}

static void draw_count(as_scene *scene, const as_plot_matrix *m, int32_t t, int32_t p, double x,
                       double y, double size) {
    int64_t count = m->counts[t * m->n + p];
    double share = share_of(m, t, p);
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, count);
    double font = fmin(AS_LABEL_FONT, size * 0.62);
    while (font > 5 && as_scene_text_width(text, font) > size - 2)
        font -= 0.5;
    if (count && font >= 6 && (m->n <= MOST_COUNTED || share >= 0.02))
        as_scene_words(scene,
                       (as_letters){words_on(shade(level_of(share))), x + size / 2, y + size / 2,
                                    font, AS_ANCHOR_MIDDLE, false, text},
                       0);
}

static void draw_cells(as_scene *scene, const as_frame *f, double size) {
    const as_plot_matrix *m = &f->panel->matrix;
    for (int level = 1; level <= LEVELS; level++)
        for (int32_t t = 0; t < m->n; t++)
            for (int32_t p = 0; p < m->n; p++) {
                double x = f->left + size * p, y = f->top + size * t;
                if (level_of(share_of(m, t, p)) == level)
                    as_scene_box(scene, (as_box){shade(level), x, y, x + size, y + size});
            }
    for (int32_t t = 0; t < m->n; t++)
        for (int32_t p = 0; p < m->n; p++)
            draw_count(scene, m, t, p, f->left + size * p, f->top + size * t, size);
}

void as_plot_draw_matrix(as_scene *scene, const as_frame *f) {
    const as_plot_matrix *m = &f->panel->matrix;
    double room = 0;
    for (int32_t k = 0; k < m->n; k++)
        room = fmax(room, fmin(as_scene_text_width(m->labels[k], 10), 70));
    double size = fmin((f->right - f->left) / m->n, (f->bottom - f->top - room + 14) / m->n);
    double bottom = f->top + size * m->n;
    double font = fmin(10, size * 0.9);
    as_scene_box(scene, (as_box){0xfdfdfd, f->left, f->top, f->left + size * m->n, bottom});
    draw_cells(scene, f, size);
    for (int32_t k = 0; font >= 6 && k < m->n; k++) {
        as_scene_words(scene,
                       (as_letters){AS_INK, f->left - 5, f->top + size * (k + 0.5), font,
                                    AS_ANCHOR_RIGHT, false, m->labels[k]},
                       105);
        as_scene_words(scene,
                       (as_letters){AS_INK, f->left + size * (k + 0.5), bottom + 5, font,
                                    AS_ANCHOR_RIGHT, true, m->labels[k]},
                       70);
    }
    const double square[10] = {f->left,
                               f->top,
                               f->left + size * m->n,
                               f->top,
                               f->left + size * m->n,
                               bottom,
                               f->left,
                               bottom,
                               f->left,
                               f->top};
    as_scene_stroke(scene, (as_stroke){AS_GUIDE, 1, AS_DASH_SOLID, square, 5});
}
