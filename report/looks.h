/* SPDX-License-Identifier: MIT */
/* report/looks.h: how an entry looks in every figure: hue, shade, dash and marker, so that it is
 * told apart in colour, in grey and by those who see colours otherwise. */
#ifndef AS_REPORT_LOOKS_H
#define AS_REPORT_LOOKS_H

#include <stdint.h>

#include "report/aggregate.h"
#include "report/scene.h"

typedef struct as_look {
    int hue, shade; /* of as_look_colours */
    as_dash dash;
    int marker;
} as_look;

enum { AS_HUES = 5, AS_SHADES = 3 };

/* [any] The colour on white paper; on a dark ground its twin stands in its place. */
uint32_t as_look_colour(as_look look);
uint32_t as_look_dark(as_look look);

/* Ink, its softer sort, and lines that only guide the eye; their twins are the style sheet's. */
enum { AS_INK = 0x000000, AS_SOFT_INK = 0x57606a, AS_GUIDE = 0xc9d1d9 };

/* [any] The row's look: a function of the suite's order alone. Entries of one model that differ in
 * strategy or options share a hue. */
as_look as_look_of(const as_summary *summary, const as_row_summary *row);

#endif
