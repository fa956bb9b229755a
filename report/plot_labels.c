/* SPDX-License-Identifier: MIT */
/* Names beside what they name. At lines' ends they stand in a column, spread so that none touches
 * another; beside points each takes the nearest free place, with a thin line where that is far. */
#include <math.h>
#include <string.h>

#include "report/plot_layout.h"

enum { LINE = 14, MOST_LABELS = 64 };
static const double most_label = 170;

/* ---- lines -------------------------------------------------------------------------------------
 */

void as_plot_label_lines(as_scene *scene, const as_frame *f) {
    const as_plot_series *named[MOST_LABELS];
    double places[MOST_LABELS];
    size_t n = 0;
    for (size_t i = 0; i < f->panel->n_series && n < MOST_LABELS; i++) {
        const as_plot_series *s = &f->panel->series[i];
        if (!s->labelled || !s->line || s->n == 0)
            continue;
        named[n] = s;
        places[n++] = as_scale_place(&f->y, s->points[s->n - 1].y);
    }
    as_plot_spread(places, n, LINE, f->top, f->bottom);
    for (size_t i = 0; i < n; i++) {
        const as_plot_series *s = named[i];
        double x = as_scale_place(&f->x, s->points[s->n - 1].x),
               y = as_scale_place(&f->y, s->points[s->n - 1].y);
        as_scene_line(scene, AS_SOFT_INK, 0.6, AS_DASH_SOLID, x, y, f->right + 6, places[i]);
        as_scene_marker(scene, (as_marker){as_look_colour(s->look), s->look.marker, 0.75,
                                           f->right + 11, places[i]});
        as_scene_words(scene,
                       (as_letters){AS_INK, f->right + 19, places[i], AS_LABEL_FONT, AS_ANCHOR_LEFT,
                                    false, s->name},
                       most_label);
    }
}

/* ---- points ------------------------------------------------------------------------------------
 */

typedef struct area {
    double x0, y0, x1, y1;
} area;

typedef struct areas {
    area items[8 * MOST_LABELS];
    size_t n;
} areas;

static bool touch(const area *a, const area *b) {
    return a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1;
}

static void take(areas *taken, area a) {
    if (taken->n < sizeof taken->items / sizeof taken->items[0])
        taken->items[taken->n++] = a;
}

/* Points and their intervals, and the stairs of a front. */
static void take_points(areas *taken, const as_frame *f) {
    for (size_t i = 0; i < f->panel->n_series; i++) {
        const as_plot_series *s = &f->panel->series[i];
        for (size_t k = 1; s->guide && k < s->n; k++) {
            double x0 = as_scale_place(&f->x, s->points[k - 1].x),
                   y0 = as_scale_place(&f->y, s->points[k - 1].y),
                   x1 = as_scale_place(&f->x, s->points[k].x),
                   y1 = as_scale_place(&f->y, s->points[k].y);
            take(taken,
                 (area){fmin(x0, x1) - 1, fmin(y0, y1) - 1, fmax(x0, x1) + 1, fmax(y0, y1) + 1});
        }
        for (size_t k = 0; !s->guide && k < s->n; k++) {
            const as_plot_point *p = &s->points[k];
            double x = as_scale_place(&f->x, p->x), y = as_scale_place(&f->y, p->y);
            take(taken, (area){x - 5, y - 5, x + 5, y + 5});
            if (!isnan(p->x_low))
                take(taken, (area){as_scale_place(&f->x, p->x_low), y - 1,
                                   as_scale_place(&f->x, p->x_high), y + 1});
            if (!isnan(p->y_low))
                take(taken, (area){x - 1, as_scale_place(&f->y, p->y_high), x + 1,
                                   as_scale_place(&f->y, p->y_low)});
        }
    }
}

static bool is_free(const areas *taken, const area *a, const as_frame *f) {
    if (a->x0 < f->left + 1 || a->x1 > f->right + 10 || a->y0 < f->top - 6 || a->y1 > f->bottom - 1)
        return false;
    for (size_t i = 0; i < taken->n; i++)
        if (touch(a, &taken->items[i]))
            return false;
    return true;
}

/* Rings around the point, near ones first; right and left before above and below. */
static bool find_place(const areas *taken, const as_frame *f, double x, double y, double width,
                       area *ret_place) {
    static const double angles[] = {0, 180, -20, 20, 160, 200, -90, 90, -45, 45, 135, 225};
    for (double distance = 9; distance < 220; distance += 6)
        for (size_t i = 0; i < sizeof angles / sizeof angles[0]; i++) {
            double turn = angles[i] * 3.14159265358979 / 180;
            double cx = x + cos(turn) * distance, cy = y + sin(turn) * distance;
            double x0 = cos(turn) > 0.3 ? cx : cos(turn) < -0.3 ? cx - width : cx - width / 2;
            area a = {x0, cy - LINE / 2.0, x0 + width, cy + LINE / 2.0};
            if (!is_free(taken, &a, f))
                continue;
            *ret_place = a;
            return true;
        }
    return false;
}

static void lead(as_scene *scene, const area *a, double x, double y) {
    double to_x = fmin(fmax(x, a->x0), a->x1), to_y = fmin(fmax(y, a->y0 + 3), a->y1 - 3);
    if (hypot(to_x - x, to_y - y) > 13)
        as_scene_line(scene, AS_SOFT_INK, 0.6, AS_DASH_SOLID, x, y, to_x, to_y);
}

void as_plot_label_points(as_scene *scene, const as_frame *f) {
    areas taken = {.n = 0};
    take_points(&taken, f);
    for (size_t i = 0; i < f->panel->n_series; i++) {
        const as_plot_series *s = &f->panel->series[i];
        if (!s->labelled || s->line || s->n == 0)
            continue;
        const char *text = as_scene_text(scene->arena, s->name, AS_LABEL_FONT, most_label);
        double width = as_scene_text_width(text, AS_LABEL_FONT);
        double x = as_scale_place(&f->x, s->points[0].x), y = as_scale_place(&f->y, s->points[0].y);
        area a;
        if (!text || !find_place(&taken, f, x, y, width, &a))
            continue; /* the key has its name */
        take(&taken, a);
        lead(scene, &a, x, y);
        as_scene_words(scene,
                       (as_letters){AS_INK, a.x0, (a.y0 + a.y1) / 2, AS_LABEL_FONT, AS_ANCHOR_LEFT,
                                    false, text},
                       0);
    }
}
