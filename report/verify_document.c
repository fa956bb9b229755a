/* SPDX-License-Identifier: MIT */
/* Makes a document again and compares it, line by line where it differs. */
#include "report/verify_document.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/anonymise.h"
#include "report/number.h"
#include "report/verify_figures.h"
#include "results/record/json_reader.h"

enum { MAX_RUNS = 1000, MAX_COLUMNS = 1000, SNIPPET = 60, MAX_LINE_FINDINGS = 1000 };
static const size_t max_document_bytes = (size_t)1 << 30;

/* What the side file says. */
typedef struct side_file {
    json_t *json;
    const as_document *document;
    as_report_options options;
    const char *program;
    const char **paths, **digests, **names; /* [n_runs]; paths: relative to the document's folder */
    size_t n_runs;
} side_file;

char *as_sources_path(const char *path) {
    char *side = NULL;
    return asprintf(&side, "%s.sources.json", path) < 0 ? NULL : side;
}

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return !slash          ? strdup(".")
           : slash == path ? strdup("/")
                           : strndup(path, (size_t)(slash - path));
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- the side file --------------------------------------------------------------------------- */

static void read_runs(as_json_reader *r, side_file *side) {
    const json_t *runs = as_field_array(r, side->json, "runs", MAX_RUNS, &side->n_runs);
    side->paths = as_arena_alloc_array(r->arena, side->n_runs + 1, sizeof *side->paths);
    side->digests = as_arena_alloc_array(r->arena, side->n_runs + 1, sizeof *side->digests);
    side->names = as_arena_alloc_array(r->arena, side->n_runs + 1, sizeof *side->names);
    if (!side->paths || !side->digests || !side->names || side->n_runs == 0) {
        as_field_fail(r, ASSAY_BAD_DATA, "runs", "must name the report's runs");
        return;
    }
    for (size_t i = 0; i < side->n_runs && r->status == ASSAY_OK; i++) {
        const json_t *run = as_field_enter_item(r, runs, "runs", i);
        side->names[i] = as_field_text(r, run, "name");
        side->paths[i] = as_field_text(r, run, "path");
        side->digests[i] = as_field_text(r, run, "digest");
        if (!side->names[i] || !side->paths[i] || !side->digests[i])
            as_field_fail(r, ASSAY_BAD_DATA, "path", "name, path and digest must be there");
        as_field_leave(r);
    }
}

static void read_columns(as_json_reader *r, const json_t *options, as_report_options *ret_options) {
    size_t n = 0;
    const json_t *names = as_field_array(r, options, "columns", MAX_COLUMNS, &n);
    const char **columns = as_arena_alloc_array(r->arena, n + 1, sizeof *columns);
    if (!columns)
        as_field_fail(r, ASSAY_OUT_OF_MEMORY, "columns", "no memory for %zu", n);
    for (size_t i = 0; i < n && columns; i++)
        if (!(columns[i] = json_string_value(json_array_get(names, i)))) {
            as_field_fail(r, ASSAY_BAD_DATA, "columns", "item %zu is not a text", i);
            return;
        }
    ret_options->columns = columns;
    ret_options->n_columns = n;
}

static assay_status read_side(as_arena *arena, const char *path, const char *document,
                              side_file *side, assay_error *error) {
    as_json_reader r = {.file = path, .arena = arena, .error = error};
    r.status = as_field_load(path, AS_SOURCES_SCHEMA_VERSION, &side->json, error);
    if (r.status != ASSAY_OK)
        return r.status;
    const char *name = as_field_text(&r, side->json, "document");
    side->program = as_field_text(&r, side->json, "program");
    const json_t *options = as_field_enter(&r, side->json, "options");
    const char *texts = as_field_text(&r, options, "texts");
    side->options.anonymous = as_field_flag(&r, options, "anonymous") == 1;
    side->options.no_figures = as_field_flag(&r, options, "no_figures") == 1;
    read_columns(&r, options, &side->options);
    if (json_object_get(options, "digits"))
        side->options.digits = as_field_count32(&r, options, "digits");
    if (side->options.digits > AS_NUMBER_MOST_DIGITS)
        as_field_fail(&r, ASSAY_BAD_DATA, "digits", "must be 1 to %d", AS_NUMBER_MOST_DIGITS);
    if (!texts || !as_texts_parse(texts, &side->options.texts))
        as_field_fail(&r, ASSAY_BAD_DATA, "texts", "must be none, ids or full");
    as_field_leave(&r);
    if (!name || strcmp(name, document) != 0)
        as_field_fail(&r, ASSAY_BAD_DATA, "document", "is \"%s\"; the file beside it is \"%s\"",
                      name ? name : "", document);
    side->document = name ? as_document_of_file(name) : NULL;
    if (!side->document)
        as_field_fail(&r, ASSAY_BAD_DATA, "document", "\"%s\" is no document of this program",
                      name ? name : "");
    if (r.status == ASSAY_OK)
        read_runs(&r, side);
    return r.status;
}

/* ---- differences ----------------------------------------------------------------------------- */

/* Two texts, and what is known of the second one's numbers. */
typedef struct difference {
    as_verification *v;
    const char *file;
    const as_number_sources *sources;
    size_t next; /* the first source that may stand on the line or behind it */
} difference;

static bool in_number(char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == ',' || c == '-' || c == '+' || c == 'e';
}

/* The word or number around column `at` of a line. */
static void snippet(const char *line, size_t length, size_t at, char text[SNIPPET + 4]) {
    size_t from = at < length ? at : length, to = from;
    while (from > 0 && from + SNIPPET / 2 > at && in_number(line[from - 1]))
        from--;
    while (to < length && to - from < SNIPPET && in_number(line[to]))
        to++;
    if (to == from) /* no number: what follows */
        to = from + SNIPPET / 2 < length ? from + SNIPPET / 2 : length;
    snprintf(text, SNIPPET + 4, "%.*s", (int)(to - from), line + from);
}

/* The number at or behind the column, else the line's last. */
static const as_number_source *source_at(difference *d, size_t line, size_t column) {
    const as_number_source *found = NULL;
    while (d->next < d->sources->n && d->sources->items[d->next].line < line)
        d->next++;
    for (size_t i = d->next; i < d->sources->n && d->sources->items[i].line == line; i++) {
        const as_number_source *s = &d->sources->items[i];
        found = s;
        if (column < s->column + strlen(s->text))
            break;
    }
    return found;
}

static assay_status tell_line(difference *d, size_t line, const char *a, size_t n_a, const char *b,
                              size_t n_b, assay_error *error) {
    size_t at = 0;
    char field[900], found[SNIPPET + 4], wanted[SNIPPET + 4];
    while (at < n_a && at < n_b && a[at] == b[at])
        at++;
    snippet(a, n_a, at, found);
    snippet(b, n_b, at, wanted);
    const as_number_source *s = source_at(d, line, at + 1);
    bool inside = s && at + 1 >= s->column && at + 1 <= s->column + strlen(s->text);
    if (inside)
        snprintf(field, sizeof field, "line %zu, column %zu: %.300s %.200s (%.200s)", line,
                 s->column, s->file, s->field, s->how);
    else
        snprintf(field, sizeof field, "line %zu, column %zu", line, at + 1);
    return as_verification_add(d->v, AS_FINDING_OFF, d->file, field, found,
                               inside ? s->text : wanted, error);
}

static size_t count_lines(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n' || text[1] == '\0';
    return n;
}

/* `text` is found, `again` what it should be. With other numbers of lines only the first difference
 * is told. */
static assay_status compare_texts(difference *d, const char *text, const char *again,
                                  assay_error *error) {
    size_t n = count_lines(text), n_again = count_lines(again), line = 1, told = 0;
    assay_status status = ASSAY_OK;
    char found[40], expected[40];
    while ((*text || *again) && status == ASSAY_OK && told < MAX_LINE_FINDINGS) {
        size_t a = strcspn(text, "\n"), b = strcspn(again, "\n");
        if (a != b || memcmp(text, again, a) != 0 || text[a] != again[b]) {
            status = tell_line(d, line, text, a, again, b, error);
            told++;
            if (n != n_again)
                break;
        }
        text += a + (text[a] == '\n');
        again += b + (again[b] == '\n');
        line++;
    }
    if (status != ASSAY_OK || n == n_again)
        return status;
    snprintf(found, sizeof found, "%zu lines", n);
    snprintf(expected, sizeof expected, "%zu lines", n_again);
    return as_verification_add(d->v, AS_FINDING_OFF, d->file, "", found, expected, error);
}

/* A file's bytes against what they should be; a NUL in it ends the comparison as text. */
static assay_status compare_file(as_verification *v, const char *path, const char *again,
                                 size_t size, const as_number_sources *sources,
                                 assay_error *error) {
    char *text = NULL;
    size_t n = 0;
    static const as_number_sources none = {NULL, 0};
    difference d = {v, path, sources ? sources : &none, 0};
    assay_error why = ASSAY_ERROR_INIT;
    if (as_file_read(path, max_document_bytes, &text, &n, &why) != ASSAY_OK)
        return as_verification_add(v, AS_FINDING_MISSING, path, "", why.text, "a readable file",
                                   error);
    assay_status status = ASSAY_OK;
    if (n != size || memcmp(text, again, n) != 0) {
        size_t before = v->n_findings;
        status = compare_texts(&d, text, again, error);
        if (status == ASSAY_OK && v->n_findings == before)
            status = as_verification_add(v, AS_FINDING_OFF, path, "", "other bytes", "", error);
    }
    free(text);
    return status;
}

/* ---- the document ---------------------------------------------------------------------------- */

static assay_status check_digest(const as_run *run, const side_file *side, size_t i,
                                 const char *side_path, as_verification *v, assay_error *error) {
    as_sha256_hex hex;
    char field[40];
    assay_status status = as_run_digest(run, &hex, error);
    if (status != ASSAY_OK || strcmp(hex.text, side->digests[i]) == 0)
        return status;
    snprintf(field, sizeof field, "runs[%zu].digest", i);
    return as_verification_add(v, AS_FINDING_CHANGED, side_path, field, side->digests[i], hex.text,
                               error);
}

/* Where the side file's runs are to be found. */
typedef struct run_places {
    const char *folder;        /* of the document */
    const char *const *given;  /* [n_runs]; NULL: as the side file says */
    as_anonymiser *anonymiser; /* NULL: the report is not anonymous */
} run_places;

/* To be freed; NULL: no memory. */
static char *run_place(const side_file *side, const run_places *places, size_t i) {
    return places->given ? strdup(places->given[i]) : as_path_join(places->folder, side->paths[i]);
}

static void learn_names(const side_file *side, const run_places *places) {
    for (size_t i = 0; i < side->n_runs; i++) {
        char *path = run_place(side, places, i);
        if (path)
            as_anonymiser_learn(places->anonymiser, path);
        free(path);
    }
}

static assay_status read_run(const char *path, const run_places *places, as_run **ret_run,
                             assay_error *error) {
    if (!places->anonymiser)
        return as_run_read_as(path, AS_RAW_ANSWERS, NULL, ret_run, error);
    const as_run_filter filter = as_anonymiser_filter(places->anonymiser);
    return as_run_read_as(path, AS_RAW_ANSWERS, &filter, ret_run, error);
}

/* Reads the runs and verifies each; *ret_broken: one cannot be read, which is a finding by then. */
static assay_status take_runs(const side_file *side, const char *side_path,
                              const run_places *places, as_run **runs, size_t *ret_n,
                              bool *ret_broken, as_verification *v, assay_error *error) {
    assay_status status = ASSAY_OK;
    *ret_broken = false;
    if (places->anonymiser)
        learn_names(side, places);
    for (size_t i = 0; i < side->n_runs && status == ASSAY_OK && !*ret_broken; i++) {
        assay_error why = ASSAY_ERROR_INIT;
        char *path = run_place(side, places, i);
        char *json = path ? as_path_join(path, "run.json") : NULL;
        char *real = json && as_path_exists(json) ? realpath(path, NULL) : NULL;
        if (!json) {
            status = no_memory(error);
        } else if (!real) {
            status =
                as_fail(error, ASSAY_NOT_FOUND, side_path,
                        "names the run %s at %s, where no run.json is\ndo     give its folder: "
                        "--runs DIR",
                        side->names[i], path);
        } else {
            status = as_verify_run(real, v, error);
            if (status == ASSAY_OK && read_run(real, places, &runs[i], &why) != ASSAY_OK) {
                *ret_broken = true;
                status = as_verification_add(v, AS_FINDING_OFF, why.where, "", why.text,
                                             "a run that can be reported", error);
            } else if (status == ASSAY_OK) {
                *ret_n = i + 1;
                status = check_digest(runs[i], side, i, side_path, v, error);
            }
        }
        free(real);
        free(json);
        free(path);
    }
    return status;
}

/* Those documents whose folder figures/ holds the same figures as files. */
static bool has_figure_files(const as_document *document) {
    const char *name = as_document_name(document);
    return strcmp(name, "report.md") == 0 || strcmp(name, "report.html") == 0 ||
           strcmp(name, "figures.tex") == 0;
}

static assay_status make_again(const side_file *side, const char *path, const char *side_path,
                               const run_places *places, const as_report_options *own,
                               as_run *const *runs, as_verification *v, assay_error *error) {
    as_report_input input;
    as_rendered rendered = {0};
    char *sources = NULL;
    as_report_options options = side->options;
    options.program = side->program;
    options.anonymiser = places->anonymiser;
    options.open_texts = own->open_texts;
    options.find_text = own->find_text;
    options.find_context = own->find_context;
    options.run_paths = side->paths; /* they were followed, or --runs stood in for them */
    assay_status status =
        as_report_input_make(v->arena, runs, side->n_runs, options, &input, error);
    if (status == ASSAY_OK)
        status = as_document_render(v->arena, side->document, &input, &rendered, error);
    if (status == ASSAY_OK)
        status =
            as_document_sources(side->document, &input, &rendered, places->folder, &sources, error);
    if (status == ASSAY_OK) {
        v->n_derived += rendered.sources.n;
        status = compare_file(v, path, rendered.text, rendered.size, &rendered.sources, error);
    }
    if (status == ASSAY_OK)
        status = compare_file(v, side_path, sources, strlen(sources), NULL, error);
    if (status == ASSAY_OK && has_figure_files(side->document))
        status = as_verify_figures(&input, places->folder,
                                   strcmp(side->document->format, "latex") == 0, v, error);
    free(sources);
    as_rendered_done(&rendered);
    return status;
}

static assay_status verify(const side_file *side, const char *path, const char *side_path,
                           const char *const *given, const as_report_options *own,
                           as_verification *v, assay_error *error) {
    char *folder = folder_of(path);
    size_t n_read = 0;
    bool broken = false, anonymous = side->options.anonymous;
    as_run **runs = as_arena_alloc_array(v->arena, side->n_runs, sizeof *runs);
    const run_places places = {folder, given, anonymous ? as_anonymiser_new(v->arena) : NULL};
    assay_status status = ASSAY_OK;
    if (!folder || !runs || (anonymous && !places.anonymiser))
        status = no_memory(error);
    if (status == ASSAY_OK)
        status = take_runs(side, side_path, &places, runs, &n_read, &broken, v, error);
    if (status == ASSAY_OK && !broken)
        status = make_again(side, path, side_path, &places, own, runs, v, error);
    for (size_t i = 0; i < n_read; i++)
        as_run_free(runs[i]);
    free(folder);
    return status;
}

assay_status as_verify_document(const char *path, const char *const *runs, size_t n_runs,
                                const as_report_options *own, as_verification *v,
                                assay_error *error) {
    side_file *side = as_arena_alloc(v->arena, sizeof *side);
    char *side_path = as_sources_path(path);
    if (!side || !side_path) {
        free(side_path);
        return no_memory(error);
    }
    assay_status status = ASSAY_OK;
    if (!as_path_exists(side_path))
        status = as_fail(error, ASSAY_NOT_FOUND, path,
                         "has no %s beside it, so its numbers cannot be traced\ndo     give a "
                         "run's folder, or a report written by assay report",
                         name_of(side_path));
    if (status == ASSAY_OK)
        status = read_side(v->arena, side_path, name_of(path), side, error);
    if (status == ASSAY_OK && n_runs && n_runs != side->n_runs)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--runs",
                         "names %zu runs; the report was made of %zu", n_runs, side->n_runs);
    if (status == ASSAY_OK && (!side->program || strcmp(side->program, own->program) != 0))
        status = as_verification_add(v, AS_FINDING_OFF, side_path, "program",
                                     side->program ? side->program : "", own->program, error);
    if (status == ASSAY_OK)
        status = verify(side, path, side_path, n_runs ? runs : NULL, own, v, error);
    json_decref(side->json);
    free(side_path);
    return status;
}
