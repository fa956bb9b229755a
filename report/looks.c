/* SPDX-License-Identifier: MIT */
/* Colours after Okabe and Ito, "Color Universal Design" (2008): those of them that reach 3:1 on
 * white, and twins that reach it on #15171a. The shades of a hue are darker on white and lighter on
 * dark ground, so that each keeps its contrast. Vermilion and green nearly agree in grey: hence a
 * marker and a dash of its own for every entry. */
#include "report/looks.h"

#include <string.h>

static const struct {
    uint32_t light[AS_SHADES], dark[AS_SHADES];
} hues[AS_HUES] = {
    {{0x0072b2, 0x004f7c, 0x00304c}, {0x56b4e9, 0x8fceF1, 0xc4e6f8}},
    {{0xd55e00, 0x954100, 0x5c2800}, {0xe69f00, 0xf0bf50, 0xf7dca0}},
    {{0x009e73, 0x006e50, 0x004331}, {0x00a97b, 0x55c9a6, 0xa3e2cf}},
    {{0xc15f97, 0x8a3d69, 0x552440}, {0xcc79a7, 0xdda5c3, 0xecccdd}},
    {{0x111111, 0x3d3d3d, 0x6b6b6b}, {0xf0e442, 0xf5ee8b, 0xfaf6c4}},
};

uint32_t as_look_colour(as_look look) {
    return hues[look.hue].light[look.shade];
}

uint32_t as_look_dark(as_look look) {
    return hues[look.hue].dark[look.shade];
}

static const char *model_of(const as_row_summary *row) {
    for (size_t i = 0; i < row->n_records; i++)
        if (row->records[i]->model.id)
            return row->records[i]->model.id;
    return row->entry ? row->entry : "";
}

/* How many rows stand before `place` in the suite's order, of the given model (NULL: of any); and
 * how many models had come before that model did. */
static size_t count_before(const as_summary *s, size_t place, const char *model) {
    size_t n = 0;
    for (size_t k = 0; k < s->n_rows; k++)
        n += s->rows[k].place < place && (!model || strcmp(model_of(&s->rows[k]), model) == 0);
    return n;
}

static bool is_first_of_model(const as_summary *s, const as_row_summary *row) {
    return count_before(s, row->place, model_of(row)) == 0;
}

as_look as_look_of(const as_summary *s, const as_row_summary *row) {
    size_t n_models = 0, group = 0, variant = count_before(s, row->place, model_of(row));
    size_t first_place = row->place;
    for (size_t k = 0; k < s->n_rows; k++) {
        n_models += is_first_of_model(s, &s->rows[k]);
        if (strcmp(model_of(&s->rows[k]), model_of(row)) == 0 && s->rows[k].place < first_place)
            first_place = s->rows[k].place;
    }
    for (size_t k = 0; k < s->n_rows; k++)
        group += s->rows[k].place < first_place && is_first_of_model(s, &s->rows[k]);
    if (n_models < 2) { /* one model: its variants are what is compared */
        group = count_before(s, row->place, NULL);
        variant = 0;
    }
    size_t turn = group / AS_HUES; /* hues come again with other dashes and markers */
    return (as_look){.hue = (int)(group % AS_HUES),
                     .shade = (int)((variant + turn) % AS_SHADES),
                     .dash = (as_dash)((variant + turn + group) % AS_DASH_COUNT),
                     .marker = (int)((group + 3 * variant) % AS_MARKER_COUNT)};
}
