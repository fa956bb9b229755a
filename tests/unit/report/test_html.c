/* SPDX-License-Identifier: MIT */
/* The HTML report of the committed small run, byte by byte, without its drawings (which differ from
 * gnuplot to gnuplot; tests/cli/report_html.sh looks at those). After a wanted change run this test
 * with AS_GOLDEN_UPDATE=1 and review the difference. */
#include "fixture.h"
#include "report/report.h"

static const char *golden_path(const char *name) {
    static char path[4096];
    cr_assert(getenv("AS_GOLDEN"), "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/%s", getenv("AS_GOLDEN"), name);
    return path;
}

static as_rendered render(as_arena *arena, as_run *run, as_report_options options) {
    as_report_input input;
    as_rendered rendered = {0};
    assay_error error = ASSAY_ERROR_INIT;
    as_run *const runs[1] = {run};
    cr_assert_eq(as_report_input_make(arena, runs, 1, options, &input, &error), ASSAY_OK);
    cr_assert_eq(as_document_render(arena, as_document_find("html"), &input, &rendered, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    return rendered;
}

Test(html, golden) {
    as_run *run = NULL;
    char *expected = NULL;
    as_arena *arena = as_arena_new();
    cr_assert_eq(as_run_read(golden_path("run-small"), 1, &run, NULL), ASSAY_OK);
    as_rendered r = render(arena, run, (as_report_options){.no_figures = true});
    if (getenv("AS_GOLDEN_UPDATE"))
        cr_assert_eq(as_file_write(golden_path("run-small.html"), r.text, r.size, NULL), ASSAY_OK);
    cr_assert_eq(as_file_read(golden_path("run-small.html"), 1 << 20, &expected, NULL, NULL),
                 ASSAY_OK);
    cr_assert_str_eq(r.text, expected, "run-small.html differs; see this file's head");
    free(expected);
    as_rendered_done(&r);
    as_run_free(run);
    as_arena_free(arena);
}

static const char *find_text(void *context, const as_record *record, int64_t index) {
    static char text[80];
    snprintf(text, sizeof text, "%s %lld <b>", (const char *)context, (long long)index);
    return record ? text : NULL;
}

Test(html, texts_stand_there_only_when_asked_for) {
    as_run *run = NULL;
    as_arena *arena = as_arena_new();
    static char word[] = "words of";
    cr_assert_eq(as_run_read(golden_path("run-small"), 1, &run, NULL), ASSAY_OK);
    as_report_options options = {.no_figures = true, .find_text = find_text, .find_context = word};
    as_rendered ids = render(arena, run, options);
    cr_assert_null(strstr(ids.text, "words of"));
    cr_assert_not_null(strstr(ids.text, "id=\"errors\""));
    options.texts = AS_TEXTS_FULL;
    as_rendered full = render(arena, run, options);
    cr_assert_not_null(strstr(full.text, "words of 15 &lt;b&gt;"));
    options.texts = AS_TEXTS_NONE;
    as_rendered none = render(arena, run, options);
    cr_assert_null(strstr(none.text, "id=\"errors\""));
    as_rendered_done(&ids);
    as_rendered_done(&full);
    as_rendered_done(&none);
    as_run_free(run);
    as_arena_free(arena);
}
