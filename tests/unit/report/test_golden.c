/* SPDX-License-Identifier: MIT */
/* The table, the report and a comparison of a committed small run, byte by byte. After a wanted
 * change run this test with AS_GOLDEN_UPDATE=1 and review the difference; AS_GOLDEN_UPDATE=run also
 * writes the run itself anew. */
#include "fixture.h"
#include "report/compare_render.h"
#include "report/report.h"

static const char *golden_path(const char *name) {
    static char path[4096];
    cr_assert(getenv("AS_GOLDEN"), "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/%s", getenv("AS_GOLDEN"), name);
    return path;
}

static as_run *small_run(void) {
    const char *update = getenv("AS_GOLDEN_UPDATE");
    as_run *run = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    fixture_cell cells[6] = {
        fixture_default("gru", 1, 0xff7ffbff),
        fixture_default("gru", 2, 0xffffefef),
        fixture_default("transformer", 1, 0x0fff5fef),
        fixture_default("transformer", 2, 0x07ffafcf),
        fixture_default("lstm", 1, 0xffff),
        fixture_default("lstm", 2, 0),
    };
    cells[2].latency_factor = cells[3].latency_factor = 0.4;
    cells[2].training_factor = cells[3].training_factor = 0.3;
    cells[5].cpu = NULL;
    if (update && strcmp(update, "run") == 0) {
        cr_assert_eq(as_make_folders(golden_path("run-small"), NULL), ASSAY_OK);
        fixture_run(golden_path("run-small"), cells, 6, NULL);
    }
    cr_assert_eq(as_run_read(golden_path("run-small"), 1, &run, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return run;
}

static void check_golden(const char *name, const char *text) {
    char *expected = NULL;
    if (getenv("AS_GOLDEN_UPDATE"))
        cr_assert_eq(as_file_write(golden_path(name), text, strlen(text), NULL), ASSAY_OK);
    cr_assert_eq(as_file_read(golden_path(name), 1 << 20, &expected, NULL, NULL), ASSAY_OK);
    cr_assert_str_eq(text, expected, "%s differs; see this file's head", name);
    free(expected);
}

static char *table(const as_run *run, int width, bool ascii) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(as_report_write_table(run, stream, width, ascii, NULL), ASSAY_OK);
    fclose(stream);
    return text;
}

Test(golden, table) {
    as_run *run = small_run();
    char *text = table(run, 0, false);
    check_golden("run-small.txt", text);
    free(text);
    text = table(run, 60, true);
    check_golden("run-small-60.txt", text);
    free(text);
    as_run_free(run);
}

Test(golden, notes_of_the_suite_and_of_the_entries_that_ran) {
    as_run *run = small_run();
    char *text = NULL;
    size_t size = 0;
    json_object_set_new(run->suite, "notes", json_pack("[s,s]", "One *choice*.", "Two."));
    json_object_set_new(run->suite, "entries",
                        json_pack("[{s:s},{s:s,s:[s]},{s:s,s:[s]}]", "name", "gru", "name", "lstm",
                                  "notes", "Of the @lstm.", "name", "bert", "notes", "Not run."));
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(as_report_write_markdown(run, stream, NULL), ASSAY_OK);
    fclose(stream);
    cr_assert_not_null(strstr(text, "\n## Notes of the suite\n\n- One \\*choice\\*.\n- Two.\n"
                                    "- `lstm`: Of the &#64;lstm.\n\n##"));
    cr_assert_null(strstr(text, "Not run."));
    free(text);
    as_run_free(run);
}

Test(golden, markdown) {
    as_run *run = small_run();
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(as_report_write_markdown(run, stream, NULL), ASSAY_OK);
    fclose(stream);
    check_golden("run-small.md", text);
    free(text);
    as_run_free(run);
}

/* Beside tests/golden/results/published/small.json. In memory the gru's data get their fingerprint,
 * so that the same figures are reproduced with it and adapted without. */
Test(golden, published_figures) {
    as_run *run = small_run();
    char *text = NULL;
    size_t size = 0;
    setenv("ASSAY_SUITE_PATH", golden_path("run-small"), 1);
    json_object_set_new(run->suite, "report", json_pack("{s:s}", "published", "small"));
    for (size_t i = 0; i < run->n_cells; i++)
        if (strcmp(run->cells[i]->entry, "gru") == 0) {
            run->cells[i]->n_warnings = 0;
            json_object_set_new(json_object_get(run->cells[i]->json, "dataset"), "preparation",
                                json_pack("{s:{s:i,s:b}}", "fingerprint", "longest", 40, "met", 1));
        }
    FILE *stream = open_memstream(&text, &size);
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_report_write_markdown(run, stream, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    fclose(stream);
    char *section = strstr(text, "## Published figures"), *next = NULL;
    cr_assert_not_null(section);
    cr_assert_not_null(next = strstr(section + 2, "\n## "));
    next[1] = '\0';
    check_golden("run-small-published.md", section);
    free(text);
    as_run_free(run);
}

/* Class 1 is the positive one: confusion matrices of the committed example, mean of 5 seeds. */
Test(golden, published_errors_of_two_classes) {
    as_run *run = NULL;
    char *text = NULL;
    size_t size = 0;
    setenv("ASSAY_SUITE_PATH", golden_path("run-small"), 1);
    cr_assert_eq(as_run_read(golden_path("../../results/examples/study-d"), 1, &run, NULL),
                 ASSAY_OK);
    json_object_set_new(run->suite, "report", json_pack("{s:s}", "published", "binary"));
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(as_report_write_markdown(run, stream, NULL), ASSAY_OK);
    fclose(stream);
    cr_assert_not_null(strstr(text, "| false negatives | 1 | 64.0 |"));
    cr_assert_not_null(strstr(text, "| false positives | 1 | 68.6 |"));
    cr_assert_not_null(strstr(text, "| false negatives, share, % | 1 | 27.2 |"));
    free(text);
    as_run_free(run);
}

/* Every field that the shipped files use has its row in the table of report/published.c. */
Test(golden, every_shipped_study_renders) {
    static const char *const studies[] = {"study-a", "study-b", "study-c", "study-d", "study-e"};
    as_run *run = small_run();
    for (size_t i = 0; i < sizeof studies / sizeof studies[0]; i++) {
        char *text = NULL;
        size_t size = 0;
        json_object_set_new(run->suite, "report", json_pack("{s:s}", "published", studies[i]));
        FILE *stream = open_memstream(&text, &size);
        cr_assert_eq(as_report_write_markdown(run, stream, NULL), ASSAY_OK, "%s", studies[i]);
        fclose(stream);
        cr_assert_not_null(strstr(text, "## Published figures"));
        cr_assert_not_null(strstr(text, "| not run |"));
        free(text);
    }
    as_run_free(run);
}

Test(golden, a_wrong_study_fails_the_report) {
    static const struct {
        const char *value;
        assay_status status;
    } wrong[] = {{"\"../quick\"", ASSAY_BAD_DATA},
                 {"\"study-x\"", ASSAY_NOT_FOUND},
                 {"[1]", ASSAY_BAD_DATA}};
    as_run *run = small_run();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *text = NULL;
        size_t size = 0;
        json_object_set_new(run->suite, "report", json_object());
        json_object_set_new(json_object_get(run->suite, "report"), "published",
                            json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        FILE *stream = open_memstream(&text, &size);
        cr_assert_eq(as_report_write_markdown(run, stream, NULL), wrong[i].status, "%zu", i);
        fclose(stream);
        free(text);
    }
    as_run_free(run);
}

/* A run against itself with one seed of the transformer made worse in memory. */
Test(golden, comparison) {
    as_run *base = small_run(), *new_ = small_run();
    as_arena *arena = as_arena_new();
    as_comparison comparison;
    for (size_t i = 0; i < new_->cells[2]->n_queries; i++)
        new_->cells[2]->queries[i].nanoseconds += new_->cells[2]->queries[i].nanoseconds / 5;
    for (size_t i = 0; i < new_->cells[3]->n_queries; i++)
        new_->cells[3]->queries[i].nanoseconds += new_->cells[3]->queries[i].nanoseconds / 6;
    cr_assert_eq(as_compare(arena, base, new_, 15, &comparison, NULL), ASSAY_OK);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    as_compare_write_table(&comparison, stream, 100);
    fclose(stream);
    check_golden("compare-small.txt", text);
    free(text);
    stream = open_memstream(&text, &size);
    as_compare_write_markdown(&comparison, stream);
    fclose(stream);
    check_golden("compare-small.md", text);
    free(text);
    as_arena_free(arena);
    as_run_free(base);
    as_run_free(new_);
}

/* A comment on GitHub ends at 65,536 characters. */
Test(golden, comparison_comment_stays_short) {
    enum { N = 150 };
    as_run *base = small_run();
    as_compared_entry *entries = calloc(N, sizeof *entries);
    as_comparison comparison = {
        .base = base, .new_ = base, .entries = entries, .n_entries = N, .gates = 15};
    char advice[600];
    memset(advice, '*', sizeof advice - 1);
    advice[sizeof advice - 1] = '\0';
    for (size_t i = 0; i < N; i++) {
        entries[i] = (as_compared_entry){.name = "gru", .entry = "gru", .n_checks = 1};
        entries[i].checks[0] = (as_check){.verdict = AS_VERDICT_OPEN, .advice = advice};
    }
    comparison.n_checks = comparison.n_by_verdict[AS_VERDICT_OPEN] = N;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    as_compare_write_markdown(&comparison, stream);
    fclose(stream);
    cr_assert_leq(size, 60000);
    cr_assert(strstr(text, "left out for length"));
    free(text);
    free(entries);
    as_run_free(base);
}
