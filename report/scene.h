/* SPDX-License-Identifier: MIT */
/* report/scene.h: a figure as strokes, marks, boxes and words at places in points of its own (x to
 * the right, y down, about 0.24 mm each when printed 160 mm wide). report/plot.h arranges figures
 * into scenes; report/gnuplot.h draws them. */
#ifndef AS_REPORT_SCENE_H
#define AS_REPORT_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { AS_SCENE_WIDTH = 680, AS_SCENE_FONT = 12 };

typedef enum as_dash {
    AS_DASH_SOLID,
    AS_DASH_LONG,
    AS_DASH_SHORT,
    AS_DASH_MIXED,
    AS_DASH_COUNT
} as_dash;

typedef struct as_stroke {
    uint32_t colour; /* 0xrrggbb */
    double width;
    as_dash dash;
    const double *xy; /* [2 * n] */
    size_t n;
} as_stroke;

/* Shapes that stay apart in grey: gnuplot's point types. */
enum { AS_MARKER_COUNT = 8 };

typedef struct as_marker {
    uint32_t colour;
    int kind; /* 0 to AS_MARKER_COUNT - 1; -1: a small dot */
    double size, x, y;
} as_marker;

typedef struct as_box {
    uint32_t colour;
    double x0, y0, x1, y1;
} as_box;

typedef enum as_anchor { AS_ANCHOR_LEFT, AS_ANCHOR_MIDDLE, AS_ANCHOR_RIGHT } as_anchor;

typedef struct as_letters {
    uint32_t colour;
    double x, y, size; /* y: the middle of the line */
    as_anchor anchor;
    bool upright; /* turned by 90 degrees, reading upwards */
    const char *text;
} as_letters;

typedef struct as_scene {
    as_arena *arena;
    bool failed; /* out of memory */
    double width, height;
    as_stroke *strokes;
    size_t n_strokes, strokes_room;
    as_marker *markers;
    size_t n_markers, markers_room;
    as_box *boxes;
    size_t n_boxes, boxes_room;
    as_letters *words;
    size_t n_words, words_room;
} as_scene;

/* [owner] An empty one of that size in points; everything in it lives in the arena. */
as_scene as_scene_new(as_arena *arena, double width, double height);

/* [owner] Points are copied. */
void as_scene_stroke(as_scene *scene, as_stroke stroke);
void as_scene_line(as_scene *scene, uint32_t colour, double width, as_dash dash, double x0,
                   double y0, double x1, double y1);
void as_scene_marker(as_scene *scene, as_marker marker);
void as_scene_box(as_scene *scene, as_box box);
/* [owner] The text is copied, made fit for drawing (see as_scene_text) and cut to `width` points
 * (0: not cut). */
void as_scene_words(as_scene *scene, as_letters words, double width);

/* [any] About how wide text is in the sans-serif fonts that figures are drawn with. */
double as_scene_text_width(const char *text, double size);

/* [any] The text with every control character and everything that is no UTF-8 replaced, cut to
 * `width` points with an ellipsis; in the arena, NULL when there is no memory. */
const char *as_scene_text(as_arena *arena, const char *text, double size, double width);

#endif
