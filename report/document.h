/* SPDX-License-Identifier: MIT */
/* report/document.h: the documents that a report can consist of, one line each in document.c. A
 * document is a function of its runs' files and the options alone: made twice it is the same byte
 * for byte, which is how assay verify checks it (report/verify_document.h).
 *
 * Beside a document stands FILE.sources.json: its runs with their digests, the options, and for
 * every number where it stands and where it comes from. */
#ifndef AS_REPORT_DOCUMENT_H
#define AS_REPORT_DOCUMENT_H

#include "report/source.h"

enum { AS_SOURCES_SCHEMA_VERSION = 1 };

typedef enum as_texts {
    AS_TEXTS_IDS,  /* texts appear by their index only */
    AS_TEXTS_NONE, /* not even that */
    AS_TEXTS_FULL,
} as_texts;

typedef struct as_report_options {
    as_texts texts;
    bool anonymous; /* no host, user, paths: the runs were read through its filter */
    const struct as_anonymiser *anonymiser; /* report/anonymise.h */
    const char *const *columns; /* [n_columns] of the main table, see section_comparison.c; none:
                                   the suite's, else the usual ones */
    size_t n_columns;
    int digits;      /* of half-widths (report/number.h); 0: the suite's, else the usual */
    bool no_figures; /* tables alone: gnuplot is not started */
    /* With AS_TEXTS_FULL. open_texts (NULL: nothing to do) finds a run's data sets, or says why
     * they are not at hand; find_text then gives the text of a row of the record's data set. */
    assay_status (*open_texts)(void *context, const as_run *run, assay_error *error);
    const char *(*find_text)(void *context, const as_record *record, int64_t index);
    void *find_context;           /* of both */
    const char *program;          /* version of the program that writes it */
    const char *const *run_paths; /* [n_runs] for the side file; NULL: relative to its folder */
} as_report_options;

/* [any] "ids", "none", "full". */
const char *as_texts_name(as_texts texts);
bool as_texts_parse(const char *name, as_texts *ret_texts);

/* What a document is made of; raw rows have been read. */
typedef struct as_report_input {
    as_run *const *runs;
    size_t n_runs;
    const as_summary *summaries; /* [n_runs], made once for all documents */
    as_report_options options;
    struct as_page_store *store; /* of as_report_page_of (report/sections.h) */
} as_report_input;

/* [any] Summarises the runs; everything lives in `arena` and points into them. With AS_TEXTS_FULL
 * it opens their texts first: errors are those of options.open_texts. */
ASSAY_MUST_USE assay_status as_report_input_make(as_arena *arena, as_run *const *runs,
                                                 size_t n_runs, as_report_options options,
                                                 as_report_input *ret_input, assay_error *error);

typedef struct as_document {
    const char *format; /* as in --format */
    const char *file;   /* its path in the report's folder */
    /* Writes it, with marks (report/source.h); what writes nothing is left out; NULL with json, */
    assay_status (*write)(const as_report_input *input, FILE *stream, assay_error *error);
    /* or this, which is told which table and which part of it; */
    assay_status (*write_part)(const as_report_input *input, const char *table, size_t part,
                               FILE *stream, assay_error *error);
    const char *table;
    size_t part;
    /* a tree of the same shape as `json`'s whose numbers are replaced by their sources */
    assay_status (*json)(const as_report_input *input, json_t **ret_json, json_t **ret_sources,
                         assay_error *error);
} as_document;

/* [any] All of them; the documents of one format stand together. */
const as_document *as_documents(size_t *ret_n);

/* [any] The format's first document, NULL: no such format. */
const as_document *as_document_find(const char *format);

/* [any] Its file's name, without folders. */
const char *as_document_name(const as_document *document);

/* [any] By its file's name, NULL: none. */
const as_document *as_document_of_file(const char *file);

/* A document in memory. */
typedef struct as_rendered {
    char *text; /* NUL-terminated; free with as_rendered_done */
    size_t size;
    as_number_sources sources; /* in the arena given */
} as_rendered;

/* [any] Makes a document; its numbers' sources come apart from the text. The caller empties it. */
ASSAY_MUST_USE assay_status as_document_render(as_arena *arena, const as_document *document,
                                               const as_report_input *input,
                                               as_rendered *ret_rendered, assay_error *error);
void as_rendered_done(as_rendered *rendered); /* an empty one is allowed */

/* [any] SHA-256 of the run's SHA256SUMS, or of its run.json where there is none. */
ASSAY_MUST_USE assay_status as_run_digest(const as_run *run, as_sha256_hex *ret_hex,
                                          assay_error *error);

/* [any] The side file's text, to be freed; `folder` is where the document will stand, so that its
 * runs can be named relative to it. */
ASSAY_MUST_USE assay_status as_document_sources(const as_document *document,
                                                const as_report_input *input,
                                                const as_rendered *rendered, const char *folder,
                                                char **ret_text, assay_error *error);

#endif
