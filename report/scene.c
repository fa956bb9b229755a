/* SPDX-License-Identifier: MIT */
/* Building scenes; the widths are those of DejaVu Sans and Liberation Sans, whichever is larger,
 * rounded up, so that words of other fonts find room too. */
#include "report/scene.h"

#include <string.h>

#include "report/html_text.h"

as_scene as_scene_new(as_arena *arena, double width, double height) {
    return (as_scene){.arena = arena, .width = width, .height = height};
}

static void *grow(as_scene *scene, void **items, size_t n, size_t *room, size_t size) {
    if (n < *room)
        return (char *)*items + n * size;
    size_t wanted = *room ? 2 * *room : 16;
    void *larger = as_arena_alloc_array(scene->arena, wanted, size);
    if (!larger) {
        scene->failed = true;
        return NULL;
    }
    if (n)
        memcpy(larger, *items, n * size);
    *items = larger;
    *room = wanted;
    return (char *)larger + n * size;
}

void as_scene_stroke(as_scene *scene, as_stroke stroke) {
    double *xy = as_arena_alloc_array(scene->arena, stroke.n, 2 * sizeof *xy);
    as_stroke *place = grow(scene, (void **)&scene->strokes, scene->n_strokes, &scene->strokes_room,
                            sizeof *place);
    if (!place || !xy) {
        scene->failed = true;
        return;
    }
    memcpy(xy, stroke.xy, 2 * stroke.n * sizeof *xy);
    stroke.xy = xy;
    *place = stroke;
    scene->n_strokes++;
}

void as_scene_line(as_scene *scene, uint32_t colour, double width, as_dash dash, double x0,
                   double y0, double x1, double y1) {
    const double xy[4] = {x0, y0, x1, y1};
    as_scene_stroke(scene, (as_stroke){colour, width, dash, xy, 2});
}

void as_scene_marker(as_scene *scene, as_marker marker) {
    as_marker *place = grow(scene, (void **)&scene->markers, scene->n_markers, &scene->markers_room,
                            sizeof *place);
    if (!place)
        return;
    *place = marker;
    scene->n_markers++;
}

void as_scene_box(as_scene *scene, as_box box) {
    as_box *place =
        grow(scene, (void **)&scene->boxes, scene->n_boxes, &scene->boxes_room, sizeof *place);
    if (!place)
        return;
    *place = box;
    scene->n_boxes++;
}

/* Of a character, in ems. */
static double width_of(unsigned c) {
    if (c < 0x80)
        return strchr("iljI.,:;'|!` ", (int)c)     ? 0.36
               : strchr("ftr()[]{}-\"/\\", (int)c) ? 0.46
               : strchr("mwMW@%", (int)c)          ? 0.98
               : c >= 'A' && c <= 'Z'              ? 0.74
                                                   : 0.62;
    bool wide = (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
                (c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
                (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) || c >= 0x1f000;
    return wide ? 1.05 : 0.68;
}

double as_scene_text_width(const char *text, double size) {
    double width = 0;
    unsigned c;
    while (text && (c = as_html_next(&text)) != 0)
        width += width_of(c);
    return width * size;
}

static char *put_character(char *at, unsigned c) {
    if (c < 0x80) {
        *at++ = (char)c;
        return at;
    }
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    *at++ = (char)((0xf00u >> n & 0xffu) | c >> (6 * (n - 1)));
    for (int i = n - 2; i >= 0; i--)
        *at++ = (char)(0x80u | (c >> (6 * i) & 0x3fu));
    return at;
}

const char *as_scene_text(as_arena *arena, const char *text, double size, double width) {
    static const char dots[] = "\xe2\x80\xa6";
    size_t n = text ? strlen(text) : 0, most;
    char *out = as_mul_size(n, 3, &most) && as_add_size(most, sizeof dots, &most)
                    ? as_arena_alloc(arena, most)
                    : NULL, /* a bad byte becomes three */
        *at = out, *cut = out;
    double used = 0, room = width - 1.1 * size;
    unsigned c;
    if (!out)
        return NULL;
    while (text && (c = as_html_next(&text)) != 0) {
        at = put_character(at, c);
        used += width_of(c) * size;
        if (used <= room)
            cut = at;
    }
    if (width > 0 && used > width) {
        memcpy(cut, dots, sizeof dots - 1);
        at = cut + sizeof dots - 1;
    }
    *at = '\0';
    return out;
}

void as_scene_words(as_scene *scene, as_letters words, double width) {
    const char *text = as_scene_text(scene->arena, words.text, words.size, width);
    as_letters *place =
        grow(scene, (void **)&scene->words, scene->n_words, &scene->words_room, sizeof *place);
    if (!text || !place) {
        scene->failed = true;
        return;
    }
    words.text = text;
    *place = words;
    if (*text)
        scene->n_words++;
}
