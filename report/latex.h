/* SPDX-License-Identifier: MIT */
/* report/latex.h: a report's parts as LaTeX, to be put into a paper one by one. Packages needed:
 * array, booktabs, graphicx and siunitx (from 2.7 on), see latex/preamble.tex. Each table comes as
 * two files, since ACL sets captions below tables and IEEE above; the caption's has the label too:
 *
 *     \begin{table}
 *       \centering \input{main-caption} \input{main-tabular}
 *     \end{table}
 *
 * Value and half-width are two columns, rounded here: siunitx 3.2.0 to 3.2.8 misplace the sign of
 * an uncertainty in a column (josephwright/siunitx issue 678). Tables fit a column of 77 mm; those
 * that begin with "% wide" fit 121 mm. */
#ifndef AS_REPORT_LATEX_H
#define AS_REPORT_LATEX_H

#include "report/document.h"
#include "report/number.h"

/* ---- texts ----------------------------------------------------------------------------------- */

/* [any] Foreign text: LaTeX's signs escaped, control characters "?", characters that not every
 * layout's fonts have as U+XXXX, and long words with places to break. NULL prints "--". */
void as_tex_text(FILE *stream, const char *text);

/* [any] The same of at most so many bytes (up to 396), a cut one with "..." behind. */
void as_tex_short(FILE *stream, const char *text, size_t most);

/* [any] The same as \texttt: for digests, options, commands. */
void as_tex_code(FILE *stream, const char *text);

/* [any] Foreign text as a value in BibTeX's braces. */
void as_bib_text(FILE *stream, const char *text);

/* ---- tables ---------------------------------------------------------------------------------- */

typedef struct as_tex_cell {
    as_number number;
    const char *file, *field, *how; /* report/source.h; field NULL: there is no number */
    const as_row_summary *source;   /* whose cells it comes from; NULL: the row's */
} as_tex_cell;

typedef struct as_tex_row {
    const char *name;             /* foreign; NULL: a heading over all columns, `text` */
    const as_row_summary *source; /* whose cells the numbers come from; NULL: of `published` */
    const char *text;             /* stands in place of numbers; NULL: none */
    const as_tex_cell *cells;     /* [n_columns] */
    bool best, rule_before;
    size_t run;
} as_tex_row;

typedef struct as_tex_table {
    const char *const *headings; /* [n_columns] LaTeX */
    size_t n_columns;
    as_tex_row *rows;
    size_t n_rows;
    const char *name_heading; /* LaTeX */
} as_tex_table;

/* [any] A row with one heading over all columns, of foreign text. */
void as_tex_heading(FILE *stream, size_t n_columns, bool wide, const char *text);

/* [any] The tabular. */
void as_tex_tabular(const as_tex_table *table, FILE *stream);

/* ---- documents: each with marks, see report/document.h ------------------------------------------
 */

typedef assay_status as_tex_document(const as_report_input *input, FILE *stream,
                                     assay_error *error);

as_tex_document as_tex_preamble, as_tex_main_tabular, as_tex_main_caption, as_tex_cost_tabular,
    as_tex_cost_caption, as_tex_figures, as_tex_methods, as_tex_bibliography, as_tex_checklist,
    as_tex_report;

/* ---- what methods, bibliography and checklist share ---------------------------------------------
 */

/* [any] The suite's title, else its name, else the run's; of several runs the shorter name. */
const char *as_tex_title(const as_report_input *input, size_t run);

/* [any] The suite's name, else the run's: shorter. */
const char *as_tex_name(const as_run *run);

/* [any] "~\cite{key}" of a run's data set, whose record must be there. */
void as_tex_cite_data(FILE *stream, const as_report_input *input, size_t run);

/* [any] "~\cite{a,b}" of what a run's rows use of one kind; nothing where no key is known. */
void as_tex_cite(FILE *stream, const as_report_input *input, size_t run, const char *kind);

/* [any] Is there any to cite? */
bool as_tex_cites(const as_report_input *input, size_t run, const char *kind);

#endif
