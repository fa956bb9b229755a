/* SPDX-License-Identifier: MIT */
/* Arranges a plot: key, panels in rows, scales, ticks, series. Widths of names are measured before
 * anything is placed, so that nothing is cut off or covers something else. */
#include "report/plot_layout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GAP = 14, KEY_LINE = 18, TITLE_LINE = 20, TICK_LINE = 18, LABEL_LINE = 18, MOST_TICKS = 12 };
static const double most_name = 170;

/* Names find a free place beside their points as long as there are no more. */
enum { MOST_NAMED = 24 };

double as_scale_place(const as_scale *s, double value) {
    double low = s->log ? log10(s->low) : s->low, high = s->log ? log10(s->high) : s->high;
    double v = s->log ? log10(value > 0 ? value : s->low) : value;
    double share = high > low ? (v - low) / (high - low) : 0.5;
    return s->first + fmin(fmax(share, -0.02), 1.02) * (s->last - s->first);
}

/* ---- ranges ------------------------------------------------------------------------------------
 */

static void widen(double value, bool log, double *low, double *high) {
    if (!isfinite(value) || (log && value <= 0))
        return;
    *low = isnan(*low) || value < *low ? value : *low;
    *high = isnan(*high) || value > *high ? value : *high;
}

static void widen_by_panel(const as_plot_panel *panel, bool of_x, double *low, double *high) {
    bool log = of_x ? panel->x.log : panel->y.log;
    for (size_t s = 0; s < panel->n_series; s++)
        for (size_t i = 0; i < panel->series[s].n; i++) {
            const as_plot_point *p = &panel->series[s].points[i];
            widen(of_x ? p->x : p->y, log, low, high);
            widen(of_x ? p->x_low : p->y_low, log, low, high);
            widen(of_x ? p->x_high : p->y_high, log, low, high);
        }
    if (of_x)
        widen(panel->x_rule, log, low, high);
}

static as_scale scale_of(const as_plot *plot, const as_plot_panel *panel, bool of_x) {
    const as_axis *axis = of_x ? &panel->x : &panel->y;
    as_scale scale = {NAN, NAN, 0, 0, axis->log};
    if (axis->names) {
        scale.low = -0.6;
        scale.high = (double)axis->n_names - 0.4;
        return scale;
    }
    for (size_t p = 0; p < plot->n_panels; p++)
        if (plot->same_axes || &plot->panels[p] == panel)
            widen_by_panel(&plot->panels[p], of_x, &scale.low, &scale.high);
    if (isnan(scale.low))
        scale.low = scale.high = 1;
    if (axis->log) {
        double margin = pow(scale.high / scale.low, 0.06);
        scale.low /= fmax(margin, 1.08);
        scale.high *= fmax(margin, 1.08);
    } else {
        double margin = 0.05 * (scale.high - scale.low);
        margin = margin > 0 ? margin : fmax(0.05 * fabs(scale.high), 0.5);
        scale.low -= margin;
        scale.high += margin;
    }
    scale.low = isnan(axis->low) ? scale.low : axis->low;
    scale.high = isnan(axis->high) ? scale.high : axis->high;
    return scale;
}

/* ---- margins -----------------------------------------------------------------------------------
 */

static size_t ticks_of(const as_scale *scale, double length, double each, double *ticks) {
    double most = floor(length / each);
    return as_plot_ticks(scale->low, scale->high, scale->log,
                         most < 2            ? 2
                         : most > MOST_TICKS ? MOST_TICKS
                                             : (size_t)most,
                         ticks);
}

static void tick_text(const double *ticks, size_t n, size_t i, bool log, char *text, size_t size) {
    double step = log ? ticks[i] : n > 1 ? ticks[1] - ticks[0] : ticks[i];
    as_plot_tick_text(ticks[i], step, text, size);
}

static double names_width(const char *const *names, size_t n) {
    double width = 0;
    for (size_t i = 0; i < n; i++)
        width = fmax(width, as_scene_text_width(names[i], AS_LABEL_FONT));
    return fmin(width, most_name);
}

static double left_margin(const as_plot *plot, double height) {
    double margin = 0;
    for (size_t p = 0; p < plot->n_panels; p++) {
        const as_plot_panel *panel = &plot->panels[p];
        if (panel->matrix.n) {
            margin =
                fmax(margin, fmin(names_width(panel->matrix.labels, (size_t)panel->matrix.n), 110));
            continue;
        }
        if (panel->y.names) {
            margin = fmax(margin, names_width(panel->y.names, panel->y.n_names));
            continue;
        }
        double ticks[MOST_TICKS];
        char text[40];
        as_scale scale = scale_of(plot, panel, false);
        size_t n = ticks_of(&scale, height, 36, ticks);
        for (size_t i = 0; i < n; i++) {
            tick_text(ticks, n, i, scale.log, text, sizeof text);
            margin = fmax(margin, as_scene_text_width(text, AS_TICK_FONT) +
                                      (*panel->y.label ? LABEL_LINE : 0));
        }
    }
    return margin + 10;
}

static double right_margin(const as_plot *plot) {
    double width = 0;
    for (size_t p = 0; p < plot->n_panels; p++)
        for (size_t s = 0; s < plot->panels[p].n_series; s++)
            if (plot->panels[p].series[s].labelled && plot->panels[p].series[s].line)
                width =
                    fmax(width, as_scene_text_width(plot->panels[p].series[s].name, AS_LABEL_FONT));
    return width > 0 ? fmin(width, most_name) + 30 : 12;
}

/* ---- axes --------------------------------------------------------------------------------------
 */

static void draw_x_axis(as_scene *scene, const as_frame *f) {
    double ticks[MOST_TICKS];
    char text[40];
    size_t n = f->panel->x.names ? 0 : ticks_of(&f->x, f->right - f->left, 62, ticks);
    for (size_t i = 0; i < n; i++) {
        double x = as_scale_place(&f->x, ticks[i]);
        tick_text(ticks, n, i, f->x.log, text, sizeof text);
        as_scene_line(scene, AS_GUIDE, 0.6, AS_DASH_SOLID, x, f->top, x, f->bottom);
        as_scene_words(scene,
                       (as_letters){AS_SOFT_INK, x, f->bottom + 11, AS_TICK_FONT, AS_ANCHOR_MIDDLE,
                                    false, text},
                       0);
    }
    as_scene_words(scene,
                   (as_letters){AS_SOFT_INK, (f->left + f->right) / 2, f->bottom + TICK_LINE + 8,
                                AS_TICK_FONT, AS_ANCHOR_MIDDLE, false, f->panel->x.label},
                   0);
}

static void draw_y_names(as_scene *scene, const as_frame *f) {
    const as_axis *axis = &f->panel->y;
    for (size_t i = 0; i < axis->n_names; i++) {
        double y = as_scale_place(&f->y, (double)i);
        as_scene_line(scene, AS_GUIDE, 0.6, AS_DASH_SOLID, f->left, y, f->right, y);
        as_scene_words(scene,
                       (as_letters){AS_INK, f->left - 7, y, AS_LABEL_FONT, AS_ANCHOR_RIGHT, false,
                                    axis->names[i]},
                       most_name);
    }
}

static void draw_y_axis(as_scene *scene, const as_frame *f) {
    double ticks[MOST_TICKS], widest = 0;
    char text[40];
    size_t n = ticks_of(&f->y, f->bottom - f->top, 36, ticks);
    for (size_t i = 0; i < n; i++) {
        double y = as_scale_place(&f->y, ticks[i]);
        tick_text(ticks, n, i, f->y.log, text, sizeof text);
        widest = fmax(widest, as_scene_text_width(text, AS_TICK_FONT));
        as_scene_line(scene, AS_GUIDE, 0.6, AS_DASH_SOLID, f->left, y, f->right, y);
        as_scene_words(
            scene,
            (as_letters){AS_SOFT_INK, f->left - 5, y, AS_TICK_FONT, AS_ANCHOR_RIGHT, false, text},
            0);
    }
    as_scene_words(scene,
                   (as_letters){AS_SOFT_INK, f->left - widest - 14, (f->top + f->bottom) / 2,
                                AS_TICK_FONT, AS_ANCHOR_MIDDLE, true, f->panel->y.label},
                   0);
}

static void draw_axes(as_scene *scene, const as_frame *f) {
    draw_x_axis(scene, f);
    if (f->panel->y.names)
        draw_y_names(scene, f);
    else
        draw_y_axis(scene, f);
    as_scene_line(scene, AS_SOFT_INK, 1, AS_DASH_SOLID, f->left, f->bottom, f->right, f->bottom);
    as_scene_line(scene, AS_SOFT_INK, 1, AS_DASH_SOLID, f->left, f->top, f->left, f->bottom);
    if (!isnan(f->panel->x_rule)) {
        double x = as_scale_place(&f->x, f->panel->x_rule);
        as_scene_line(scene, AS_SOFT_INK, 1.2, AS_DASH_SHORT, x, f->top, x, f->bottom);
    }
}

/* ---- series ------------------------------------------------------------------------------------
 */

static uint32_t colour_of(const as_plot_series *s) {
    return s->guide ? AS_SOFT_INK : as_look_colour(s->look);
}

static void draw_line(as_scene *scene, const as_frame *f, const as_plot_series *s) {
    double *xy = as_arena_alloc_array(scene->arena, s->n, 2 * sizeof *xy);
    if (!xy) {
        scene->failed = true;
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        xy[2 * i] = as_scale_place(&f->x, s->points[i].x);
        xy[2 * i + 1] = as_scale_place(&f->y, s->points[i].y);
    }
    as_dash dash = s->guide ? AS_DASH_SHORT : s->look.dash;
    as_scene_stroke(scene, (as_stroke){colour_of(s), s->guide ? 1.2 : 1.8, dash, xy, s->n});
}

static void draw_intervals(as_scene *scene, const as_frame *f, const as_plot_series *s) {
    for (size_t i = 0; i < s->n; i++) {
        const as_plot_point *p = &s->points[i];
        double x = as_scale_place(&f->x, p->x), y = as_scale_place(&f->y, p->y);
        if (!isnan(p->x_low) && !isnan(p->x_high))
            as_scene_line(scene, colour_of(s), 1.5, AS_DASH_SOLID, as_scale_place(&f->x, p->x_low),
                          y, as_scale_place(&f->x, p->x_high), y);
        if (!isnan(p->y_low) && !isnan(p->y_high))
            as_scene_line(scene, colour_of(s), 1.5, AS_DASH_SOLID, x,
                          as_scale_place(&f->y, p->y_low), x, as_scale_place(&f->y, p->y_high));
    }
}

static void draw_bars(as_scene *scene, const as_frame *f, const as_plot_series *s) {
    for (size_t i = 0; i < s->n; i++) {
        double y = as_scale_place(&f->y, s->points[i].y);
        as_scene_line(scene, colour_of(s), 4, AS_DASH_SOLID, f->left, y,
                      as_scale_place(&f->x, s->points[i].x), y);
    }
}

static void draw_markers(as_scene *scene, const as_frame *f, const as_plot_series *s) {
    for (size_t i = 0; i < s->n; i++)
        as_scene_marker(scene,
                        (as_marker){colour_of(s), s->quiet ? -1 : s->look.marker,
                                    s->quiet ? 0.35 : 0.85, as_scale_place(&f->x, s->points[i].x),
                                    as_scale_place(&f->y, s->points[i].y)});
}

static void draw_series(as_scene *scene, const as_frame *f) {
    for (size_t i = 0; i < f->panel->n_series; i++) {
        const as_plot_series *s = &f->panel->series[i];
        if (s->n == 0)
            continue;
        if (s->line && s->n > 1)
            draw_line(scene, f, s);
        if (s->bars)
            draw_bars(scene, f, s);
        draw_intervals(scene, f, s);
        if (s->markers || (s->line && s->n == 1))
            draw_markers(scene, f, s);
    }
    as_plot_label_points(scene, f);
    as_plot_label_lines(scene, f);
}

/* ---- the key -----------------------------------------------------------------------------------
 */

static bool in_key(const as_plot *plot, size_t p, size_t s) {
    const as_plot_series *series = &plot->panels[p].series[s];
    bool named = series->labelled && plot->panels[p].n_series <= MOST_NAMED;
    if (series->quiet || series->n == 0 || named)
        return false;
    for (size_t q = 0; q <= p; q++) /* each name once */
        for (size_t i = 0; i < (q == p ? s : plot->panels[q].n_series); i++) {
            const as_plot_series *other = &plot->panels[q].series[i];
            if (!other->quiet && other->n && strcmp(other->name, series->name) == 0)
                return false;
        }
    return true;
}

static void draw_key_item(as_scene *scene, const as_plot_series *s, double x, double y) {
    if (s->line)
        as_scene_line(scene, colour_of(s), s->guide ? 1.2 : 1.8,
                      s->guide ? AS_DASH_SHORT : s->look.dash, x, y, x + 26, y);
    if (s->markers)
        as_scene_marker(scene, (as_marker){colour_of(s), s->look.marker, 0.85, x + 13, y});
    as_scene_words(scene,
                   (as_letters){AS_INK, x + 32, y, AS_LABEL_FONT, AS_ANCHOR_LEFT, false, s->name},
                   most_name);
}

/* Names flow in lines; returns their height. scene NULL: only that. */
static double draw_key(as_scene *scene, const as_plot *plot, double top) {
    double x = 0, y = top + KEY_LINE / 2.0;
    size_t n = 0;
    for (size_t p = 0; plot->key && p < plot->n_panels; p++)
        for (size_t s = 0; s < plot->panels[p].n_series; s++) {
            const as_plot_series *series = &plot->panels[p].series[s];
            if (!in_key(plot, p, s))
                continue;
            double width =
                fmin(as_scene_text_width(series->name, AS_LABEL_FONT), most_name) + 32 + 16;
            if (n++ && x + width > AS_SCENE_WIDTH) {
                x = 0;
                y += KEY_LINE;
            }
            if (scene)
                draw_key_item(scene, series, x, y);
            x += width;
        }
    return n ? y + KEY_LINE / 2.0 + 4 - top : 0;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static void draw_panel(as_scene *scene, const as_plot *plot, const as_plot_panel *panel, double x,
                       double y, double width, double left, double right) {
    double title = panel->title ? TITLE_LINE : 8;
    as_frame f = {.panel = panel,
                  .left = x + left,
                  .top = y + title,
                  .right = x + width - right,
                  .bottom = y + plot->panel_height - TICK_LINE - LABEL_LINE};
    if (panel->title)
        as_scene_words(scene,
                       (as_letters){AS_INK, panel->matrix.n ? x : f.left, y + TITLE_LINE / 2.0 - 1,
                                    AS_SCENE_FONT, AS_ANCHOR_LEFT, false, panel->title},
                       panel->matrix.n ? width : width - left);
    if (panel->matrix.n) {
        as_plot_draw_matrix(scene, &f);
        return;
    }
    f.x = scale_of(plot, panel, true);
    f.y = scale_of(plot, panel, false);
    f.x.first = f.left;
    f.x.last = f.right;
    f.y.first = panel->y.names ? f.top : f.bottom;
    f.y.last = panel->y.names ? f.bottom : f.top;
    draw_axes(scene, &f);
    draw_series(scene, &f);
}

as_scene as_plot_layout(as_arena *arena, const as_plot *plot) {
    int columns = plot->columns > (int)plot->n_panels ? (int)plot->n_panels : plot->columns;
    columns = columns < 1 ? 1 : columns;
    size_t n_lines = (plot->n_panels + (size_t)columns - 1) / (size_t)columns;
    double key = draw_key(NULL, plot, 0), step = plot->panel_height + GAP;
    as_scene scene = as_scene_new(arena, AS_SCENE_WIDTH, key + (double)n_lines * step - GAP + 4);
    double width = (AS_SCENE_WIDTH - (columns - 1) * GAP) / (double)columns;
    double left = left_margin(plot, plot->panel_height - 60), right = right_margin(plot);
    draw_key(&scene, plot, 0);
    for (size_t p = 0; p < plot->n_panels; p++)
        draw_panel(&scene, plot, &plot->panels[p], (double)(p % (size_t)columns) * (width + GAP),
                   key + (double)(p / (size_t)columns) * step, width, left, right);
    return scene;
}
