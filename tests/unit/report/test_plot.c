/* SPDX-License-Identifier: MIT */
/* Ticks, labels kept apart, texts cut to a width, looks, and gnuplot's SVG read and written anew.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html_text.h"
#include "report/plot.h"
#include "report/svg.h"

Test(plot, ticks_are_round_and_no_more_than_asked_for) {
    double ticks[12];
    size_t n = as_plot_ticks(0.25, 16.75, false, 3, ticks);
    cr_assert_eq(n, 3);
    cr_assert_float_eq(ticks[0], 5, 1e-12);
    cr_assert_float_eq(ticks[2], 15, 1e-12);
    n = as_plot_ticks(-40.3, 2.7, false, 6, ticks);
    cr_assert_eq(n, 5);
    cr_assert_eq(ticks[4], 0, "no -0");
    cr_assert_not(signbit(ticks[4]));
    for (size_t most = 1; most <= 12; most++)
        cr_assert_leq(as_plot_ticks(0.113, 0.94, false, most, ticks), most);
    cr_assert_eq(as_plot_ticks(2, 2, false, 5, ticks), 0);
    cr_assert_eq(as_plot_ticks(NAN, 2, false, 5, ticks), 0);
}

Test(plot, a_logarithmic_axis_has_powers_of_ten) {
    double ticks[12];
    size_t n = as_plot_ticks(30000, 1.2e8, true, 6, ticks);
    cr_assert_eq(n, 4);
    cr_assert_float_eq(ticks[0], 1e5, 1e-6);
    cr_assert_float_eq(ticks[3], 1e8, 1e-3);
    n = as_plot_ticks(0.018, 0.11, true, 8, ticks);
    cr_assert_eq(n, 3, "0.02, 0.05, 0.1");
    n = as_plot_ticks(3.1, 4.4, true, 8, ticks);
    cr_assert_geq(n, 2, "within a decade there is a scale too");
}

Test(plot, tick_texts_are_short) {
    static const struct {
        double value, step;
        const char *text;
    } cases[] = {{0, 0.2, "0.0"},    {0.5, 0.1, "0.5"}, {20, 20, "20"},       {2000, 1000, "2000"},
                 {20000, 1, "20 k"}, {1e8, 1, "100 M"}, {1e-5, 1e-5, "1e-05"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        as_plot_tick_text(cases[i].value, cases[i].step, text, sizeof text);
        cr_assert_str_eq(text, cases[i].text);
    }
}

Test(plot, labels_keep_their_distance_and_order) {
    double places[12];
    for (int i = 0; i < 12; i++)
        places[i] = 100 + 3 * ((i * 7) % 12);
    as_plot_spread(places, 12, 14, 0, 300);
    for (int i = 0; i < 12; i++)
        for (int j = 0; j < 12; j++) {
            int a = (i * 7) % 12, b = (j * 7) % 12;
            if (a < b)
                cr_assert_geq(places[j] - places[i], 14 - 1e-9, "%d before %d", a, b);
        }
    double apart[3] = {10, 100, 200};
    as_plot_spread(apart, 3, 14, 0, 300);
    cr_assert_float_eq(apart[1], 100, 1e-12, "what is apart stays");
    double crowded[4] = {5, 5, 5, 5};
    as_plot_spread(crowded, 4, 14, 0, 21);
    cr_assert_float_eq(crowded[3] - crowded[0], 21, 1e-9, "pressed together, but inside");
}

Test(plot, texts_are_cut_between_characters) {
    as_arena *arena = as_arena_new();
    cr_assert_str_eq(as_scene_text(arena, "short", 12, 100), "short");
    const char *cut =
        as_scene_text(arena, "caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9", 12, 60);
    cr_assert(as_scene_text_width(cut, 12) <= 60, "%s", cut);
    cr_assert_str_eq(cut + strlen(cut) - 3, "\xe2\x80\xa6");
    cr_assert_str_eq(as_scene_text(arena, "a\nb\x1b\xff", 12, 0), "a b\xef\xbf\xbd\xef\xbf\xbd");
    as_arena_free(arena);
}

static char *escaped(const char *text) {
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    as_html_text(stream, text);
    fclose(stream);
    return out;
}

Test(html_text, nothing_can_leave_a_text) {
    static const struct {
        const char *text, *html;
    } cases[] = {
        {"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"},
        {"a\tb\r\n", "a b  "},
        {"\x01\x7f\xc2\x85", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"}, /* an overlong < */
        {"\xe2\x80", "\xef\xbf\xbd"},             /* cut off */
        {"\xed\xa0\x80", "\xef\xbf\xbd"},         /* a surrogate */
        {"\xe2\x80\xae", "\xef\xbf\xbd"},         /* right to left */
        {"\xf0\x9f\x98\x80 caf\xc3\xa9", "\xf0\x9f\x98\x80 caf\xc3\xa9"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd"}, /* above U+10FFFF */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *found = escaped(cases[i].text);
        cr_assert_str_eq(found, cases[i].html, "case %zu: %s", i, found);
        free(found);
    }
}

static assay_status write_svg(const char *body, char **ret_text) {
    const as_svg_frame frame = {"fig", "a < b", "about", 10, 20, 0};
    char source[2000];
    size_t size = 0;
    assay_error error = ASSAY_ERROR_INIT;
    snprintf(source, sizeof source, "<?xml version=\"1.0\"?>\n<svg width=\"1\"\n>%s", body);
    FILE *stream = open_memstream(ret_text, &size);
    assay_status status = as_svg_write(&frame, source, stream, &error);
    fclose(stream);
    return status;
}

Test(svg, only_drawings_come_through) {
    char *text = NULL;
    cr_assert_eq(write_svg("<script>alert(1)</script><g onclick='x()' fill='rgb( 0, 114, 178)'>"
                           "<foreignObject><b>x</b></foreignObject><image href='http://x'/>"
                           "<path d='M1,2\n L3,4' style='fill:url(x)'/><use xlink:href='#gpPt1'/>"
                           "<use href='http://evil'/></g><!-- c --><g></g></svg>",
                           &text),
                 ASSAY_OK);
    const char *end = strstr(text, "</desc>\n") + 8;
    cr_assert_str_eq(end,
                     "<g fill=\"#0072b2\"><path d=\"M1,2 L3,4\"/>\n<use href=\"#fig-gpPt1\"/>\n"
                     "<use/>\n</g>\n</svg>\n");
    cr_assert_not_null(strstr(text, "<title>a &lt; b</title>"));
    free(text);
}

Test(svg, texts_stay_texts) {
    char *text = NULL;
    cr_assert_eq(write_svg("<text>&lt;b&gt; &amp;amp; a&b \"</text></svg>", &text), ASSAY_OK);
    cr_assert_not_null(strstr(text, "<text>&lt;b&gt; &amp;amp; a&amp;b &quot;</text>"));
    free(text);
}

Test(svg, what_is_broken_is_refused) {
    static const char *const broken[] = {"<g>",
                                         "<g></path></g></svg>",
                                         "</g></svg>",
                                         "<g a=b></g></svg>",
                                         "<g a='b></g></svg>",
                                         "<script>",
                                         "",
                                         "<text>x"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char *text = NULL;
        cr_assert_eq(write_svg(broken[i], &text), ASSAY_BAD_DATA, "%s", broken[i]);
        free(text);
    }
}

static as_row_summary row_of(const char *entry, size_t place) {
    return (as_row_summary){.name = entry, .entry = entry, .place = place};
}

Test(looks, twelve_entries_all_look_different) {
    as_row_summary rows[12];
    char names[12][8];
    for (size_t i = 0; i < 12; i++) {
        snprintf(names[i], sizeof names[i], "e%zu", i);
        rows[11 - i] = row_of(names[i], i); /* the order of accuracy doesn't matter */
    }
    const as_summary s = {.rows = rows, .n_rows = 12};
    for (size_t i = 0; i < 12; i++)
        for (size_t j = 0; j < i; j++) {
            as_look a = as_look_of(&s, &rows[i]), b = as_look_of(&s, &rows[j]);
            cr_assert(a.hue != b.hue || a.shade != b.shade);
            cr_assert(a.marker != b.marker || a.dash != b.dash, "in grey: %s and %s", rows[i].name,
                      rows[j].name);
        }
}
