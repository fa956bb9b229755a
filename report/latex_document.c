/* SPDX-License-Identifier: MIT */
/* What holds a paper's parts together: the preamble's packages and commands, the figures as floats,
 * and a document of everything. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/latex_page.h"
#include "report/plot_parts.h"
#include "report/sections.h"

assay_status as_tex_preamble(const as_report_input *input, FILE *stream, assay_error *error) {
    (void)input;
    (void)error;
    fputs(
        "% Packages and commands that the parts of this report need, for a preamble.\n"
        "\\usepackage{array,booktabs,graphicx,siunitx}\n"
        "\\makeatletter\n"
        "\\@ifpackagelater{siunitx}{2021/05/17}%\n"
        "  {\\sisetup{reset-text-series=false,text-series-to-math}}%\n"
        "  {\\sisetup{detect-weight}}\n"
        "\\makeatother\n"
        "\\protected\\def\\assaybest{\\fontseries{b}\\selectfont} % bx would widen\n"
        "% Captions hold names of any length: lines may be loose rather than too long.\n"
        "\\protected\\def\\assayloose{\\tolerance=9999 \\emergencystretch=3em "
        "\\hbadness=10000 }\n"
        "% Font and widths of the tables: for a column of 77 mm.\n"
        "\\providecommand{\\assaytablefont}{\\fontsize{8}{9.5}\\selectfont"
        "\\setlength{\\tabcolsep}{3pt}}\n"
        "\\providecommand{\\assayhead}[1]{\\begin{tabular}[b]{@{}c@{}}#1\\end{tabular}}\n"
        "\\newlength{\\assaynamewidth}\n"
        "\\setlength{\\assaynamewidth}{22mm}\n"
        "\\newlength{\\assaytextwidth}\n"
        "\\setlength{\\assaytextwidth}{44mm}\n"
        "% Figures: 160 mm wide in letters of 8 points. Where the folder lies, seen from the "
        "paper:\n"
        "\\providecommand{\\assayfigures}{figures/}\n"
        "\\providecommand{\\assayfigure}[1]{\\IfFileExists{\\assayfigures#1.pdf}%\n"
        "  {\\includegraphics[width=\\textwidth,height=0.8\\textheight,keepaspectratio]"
        "{\\assayfigures#1.pdf}}%\n"
        "  {\\fbox{This figure was not drawn: gnuplot was not installed.}}}\n"
        "% Each figure has a page group of its own (cairo's transparency), of which pdfTeX warns.\n"
        "\\ifdefined\\pdfsuppresswarningpagegroup\\pdfsuppresswarningpagegroup=1\\fi\n",
        stream);
    return ASSAY_OK;
}

/* ---- figures --------------------------------------------------------------------------------- */

/* As a sentence. */
static void write_title(const char *title, FILE *stream) {
    as_tex_text(stream, title);
    fputs(strchr(title, '?') ? " " : ". ", stream);
}

static void write_figure(const as_report_input *input, const as_plot *plot, size_t run, size_t part,
                         size_t n_parts, FILE *stream) {
    fprintf(stream,
            "\\begin{figure*}[tbp]\n\\centering\n\\assayfigure{%s}\n\\caption{\\assayloose ",
            plot->id);
    if (input->n_runs > 1) {
        as_tex_short(stream, as_tex_title(input, run), 120);
        fputs(": ", stream);
    }
    write_title(plot->title, stream);
    as_tex_text(stream, plot->about);
    if (n_parts > 1)
        fprintf(stream, " Part %zu of %zu.", part + 1, n_parts);
    fprintf(stream, "}\n\\label{fig:assay-%s}\n\\end{figure*}\n", plot->id);
}

assay_status as_tex_figures(const as_report_input *input, FILE *stream, assay_error *error) {
    const as_page *page;
    as_arena *arena = as_arena_new();
    assay_status status = as_report_page_of(input, &page, error);
    for (const as_block *b = status == ASSAY_OK ? page->first : NULL; b; b = b->next) {
        size_t n = 0;
        if (b->kind != AS_BLOCK_PLOT)
            continue;
        const as_plot *parts = arena ? as_plot_parts(arena, b->plot, &n) : NULL;
        if (!parts) {
            status = as_fail(error, ASSAY_OUT_OF_MEMORY, "latex", "no memory for the figures");
            break;
        }
        for (size_t i = 0; i < n; i++)
            write_figure(input, &parts[i], b->run, i, n, stream);
    }
    as_arena_free(arena);
    return status;
}

/* ---- all together ---------------------------------------------------------------------------- */

static void write_failures(const as_report_input *input, size_t run, FILE *stream) {
    size_t n = 0;
    const as_run *r = input->runs[run];
    for (size_t i = 0; i < r->n_cells; i++) {
        const as_record *c = r->cells[i];
        if (c->status == AS_CELL_OK)
            continue;
        fputs(n++ ? "" : "\\section*{Cells without figures}\n\\begin{description}\n", stream);
        fputs("\\item[{", stream);
        as_tex_text(stream, c->cell);
        fprintf(stream, "}] %s: ", as_cell_status_name(c->status));
        as_tex_text(stream, c->reason);
        fputs("\n", stream);
    }
    fputs(n ? "\\end{description}\n" : "", stream);
}

static void write_float(const char *name, size_t part, bool wide, const char *where, FILE *stream) {
    char number[32] = "";
    const char *star = wide ? "*" : "";
    if (part)
        snprintf(number, sizeof number, "-%zu", part + 1);
    fprintf(stream,
            "\\begin{table%s}[%s]\n\\centering\n\\input{%s%s-caption}\n\\medskip\n"
            "\\input{%s%s-tabular}\n\\end{table%s}\n",
            star, where, name, number, name, number, star);
}

static assay_status write_floats(const as_report_input *input, FILE *stream, assay_error *error) {
    size_t n_specs, n_parts = 0;
    bool wide = false;
    const as_tex_page_spec *specs = as_tex_page_specs(&n_specs);
    for (size_t i = 0; i < n_specs; i++) {
        assay_status status = as_tex_page_parts(input, &specs[i], &n_parts, &wide, error);
        if (status != ASSAY_OK)
            return status;
        for (size_t part = 0; part < n_parts; part++)
            write_float(specs[i].name, part, wide, "tbp", stream);
    }
    return ASSAY_OK;
}

assay_status as_tex_report(const as_report_input *input, FILE *stream, assay_error *error) {
    const char *title = json_string_value(json_object_get(input->runs[0]->suite, "title"));
    fputs("\\documentclass[10pt,a4paper]{article}\n"
          "\\usepackage[textwidth=160mm,textheight=240mm]{geometry}\n"
          "\\pdftrailerid{} % the same parts give the same bytes\n\\input{preamble}\n"
          "% Many floats: they may fill pages, and must not drift beyond their part.\n"
          "\\renewcommand{\\topfraction}{0.95}\n\\renewcommand{\\textfraction}{0.05}\n"
          "\\renewcommand{\\floatpagefraction}{0.6}\n\\setcounter{topnumber}{4}\n"
          "\\setcounter{totalnumber}{6}\n"
          "\\makeatletter\\setlength{\\@fptop}{0pt}\\makeatother\n\\title{",
          stream);
    as_tex_short(stream, title ? title : as_run_name(input->runs[0]), 200);
    fputs("}\n\\author{}\n\\date{}\n\\begin{document}\n\\maketitle\n", stream);
    write_float("main", 0, false, "htbp", stream);
    write_float("cost", 0, false, "htbp", stream);
    for (size_t i = 0; i < input->n_runs; i++)
        write_failures(input, i, stream);
    fputs("\\section*{Methods}\n\\input{methods}\n\\clearpage\n", stream);
    assay_status status = write_floats(input, stream, error);
    fputs("\\clearpage\n", stream);
    if (!input->options.no_figures)
        fputs("\\IfFileExists{figures.tex}{\\input{figures}}{}\n\\clearpage\n", stream);
    fputs("\\bibliographystyle{plain}\n\\bibliography{references}\n\\end{document}\n", stream);
    return status;
}
