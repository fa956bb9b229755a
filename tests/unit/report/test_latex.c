/* SPDX-License-Identifier: MIT */
/* Foreign text and tables in LaTeX. That they compile: tests/latex/layouts.py. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "report/latex.h"

static char *text_of(void (*write)(FILE *stream, const char *text), const char *text) {
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    write(stream, text);
    fclose(stream);
    return out;
}

#define IS(write, text, expected)                                                                  \
    do {                                                                                           \
        char *out = text_of(write, text);                                                          \
        cr_assert_str_eq(out, expected);                                                           \
        free(out);                                                                                 \
    } while (0)

Test(latex, signs_are_escaped) {
    IS(as_tex_text, "50% & $5 #1", "50\\% \\& \\$5 \\#1");
    IS(as_tex_text, "\\input", "\\textbackslash{}\\allowbreak{}input");
    IS(as_tex_text, "~^", "\\textasciitilde{}\\textasciicircum{}");
    IS(as_tex_text, "a\nb\tc\x1b", "a b c?");
    IS(as_tex_text, NULL, "--");
    IS(as_tex_text, "caf\xc3\xa9 \xe4\xb8\xad \xff", "caf\xc3\xa9 U+4E2D\\allowbreak{} ?");
    IS(as_tex_text, "a \xc1\x9c b", "a ?? b"); /* a backslash, overlong */
    IS(as_tex_text, "\"q\" 'r' --", "{''}q{''} '{}r'{} -{}\\allowbreak{}-{}");
}

Test(latex, long_words_may_break) {
    IS(as_tex_text, "transformer", "transformer");
    IS(as_tex_text, "abcdefghijklmno", "abcdef\\allowbreak{}ghijkl\\allowbreak{}mno");
    IS(as_tex_text, "bilstm_x", "bilstm\\_\\allowbreak{}x");
    IS(as_tex_text, "5,000 (0.5), 1/2", "5,000 (0.5), 1/\\allowbreak{}2");
}

Test(latex, braces_of_bibtex_balance) {
    IS(as_bib_text, "}{ @x \"y\" %", "\\textbraceright \\textbraceleft  (at)x ''y'' \\%");
}

Test(latex, short_texts_end_between_characters) {
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    as_tex_short(stream,
                 "ab\xc3\xa9"
                 "cd",
                 3);
    fclose(stream);
    cr_assert_str_eq(out, "ab...");
    free(out);
}

Test(latex, tabular_aligns_and_marks) {
    as_tex_cell one[] = {{{"86.3", "2.3"}, "result.json", "test.accuracy", "", NULL},
                         {{"67.0", ""}, "result.json", "p", "", NULL}};
    as_tex_cell two[] = {{{"9.10", ""}, "result.json", "test.accuracy", "", NULL},
                         {{"-", ""}, "result.json", "p", "", NULL}};
    const as_record record = {.cell = "c"};
    const as_record *records[] = {&record};
    as_row_summary row = {.records = records, .n_records = 1};
    as_tex_row rows[] = {{.name = "a_b", .source = &row, .cells = one, .best = true},
                         {.name = "c", .source = &row, .cells = two, .rule_before = true},
                         {.name = "d", .source = &row, .text = "diverged, 1 of 3"}};
    const char *const headings[] = {"Acc.", "Params"};
    const as_tex_table table = {headings, 2, rows, 3, "Model"};
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    as_tex_tabular(&table, stream);
    fclose(stream);
    as_arena *arena = as_arena_new();
    as_number_sources list;
    cr_assert_eq(as_source_strip(arena, out, size, &size, &list, NULL), ASSAY_OK);
    cr_assert_eq(list.n, 4);
    cr_assert_not_null(strstr(out,
                              "S[table-format=2.2]@{${}\\pm{}$}S[table-format=1.1]"
                              "S[table-format=2.1]@{}}\n\\toprule\n"
                              "Model & \\multicolumn{2}{c}{Acc.} & {Params} \\\\\n\\midrule\n"));
    cr_assert_not_null(
        strstr(out, "a\\_\\allowbreak{}b & \\assaybest 86.3 & 2.3 & 67.0 \\\\\n\\midrule\n"
                    "c & \\multicolumn{2}{c}{9.10} & {--} \\\\\n"));
    cr_assert_not_null(strstr(out, "d & \\multicolumn{3}{@{}p{\\assaytextwidth}@{}}"));
    as_arena_free(arena);
    free(out);
}

/* ---- of a run -------------------------------------------------------------------------------- */

static char *render(as_arena *arena, as_run *const *runs, const char *file) {
    as_report_input input;
    as_rendered rendered = {0};
    assay_error error = ASSAY_ERROR_INIT;
    const as_document *document = as_document_of_file(file);
    cr_assert_not_null(document, "%s", file);
    cr_assert_eq(
        as_report_input_make(arena, runs, 1, (as_report_options){.program = "1"}, &input, &error),
        ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_document_render(arena, document, &input, &rendered, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    char *text = as_arena_strdup(arena, rendered.text);
    as_rendered_done(&rendered);
    return text;
}

/* The committed record of a study: a subset, a share of it for validation, GloVe. */
Test(latex, methods_tell_splits_and_cite_what_was_used) {
    char path[4096];
    as_run *run = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    cr_assert(getenv("AS_GOLDEN"), "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/../../results/examples/study-a", getenv("AS_GOLDEN"));
    cr_assert_eq(as_run_read(path, 1, &run, &error), ASSAY_OK, "%s: %s", error.where, error.text);
    const char *methods = render(arena, &run, "methods.tex");
    cr_assert_not_null(strstr(methods, "They are a subset drawn with seed~42."));
    cr_assert_not_null(
        strstr(methods, "The validation split is the last 20\\,\\% of the training"));
    cr_assert_not_null(strstr(methods, "Pretrained parts:~\\cite{pennington2014glove}."));
    cr_assert_not_null(strstr(methods, "Architectures:~\\cite{cho2014learning}."));
    cr_assert_not_null(strstr(methods, "imdb~\\cite{maas2011imdb}"));
    cr_assert_not_null(strstr(methods, "Seeds: 42, 43, 44, 45, 46."));
    cr_assert_null(strstr(methods, "minilm"));
    const char *bib = render(arena, &run, "references.bib");
    cr_assert_not_null(strstr(bib, "@inproceedings{pennington2014glove,"));
    cr_assert_not_null(strstr(bib, "@misc{onednn,"));
    cr_assert_null(strstr(bib, "wang2020minilm"));
    cr_assert_null(strstr(bib, "lang1995newsweeder"));
    cr_assert_str_empty(render(arena, &run, "ranks-tabular.tex"));
    cr_assert_str_empty(render(arena, &run, "data-2-caption.tex"));
    as_run_free(run);
    as_arena_free(arena);
}

/* Published rows are those of the run's own suite: a suite after the study has none. */
Test(latex, the_caption_tells_of_published_rows_where_there_are_some) {
    static const struct {
        const char *folder;
        bool has;
    } cases[] = {{"study-a", true}, {"newsgroups-technical", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[4096];
        as_run *run = NULL;
        assay_error error = ASSAY_ERROR_INIT;
        as_arena *arena = as_arena_new();
        cr_assert(getenv("AS_GOLDEN"), "AS_GOLDEN is not set; meson test sets it");
        snprintf(path, sizeof path, "%s/../../results/examples/%s", getenv("AS_GOLDEN"),
                 cases[i].folder);
        cr_assert_eq(as_run_read(path, 1, &run, &error), ASSAY_OK, "%s: %s", error.where,
                     error.text);
        const char *tabular = render(arena, &run, "main-tabular.tex");
        const char *caption = render(arena, &run, "main-caption.tex");
        cr_assert_eq(strstr(tabular, "(published)") != NULL, cases[i].has, "%s", path);
        cr_assert_eq(strstr(caption, "Below the rule") != NULL, cases[i].has, "%s", path);
        as_run_free(run);
        as_arena_free(arena);
    }
}
