/* SPDX-License-Identifier: MIT */
/* The documents, one line each, and their side files.
 *
 * A side file FILE.sources.json:
 *     { "schema_version": 1, "document": "report.md", "format": "markdown", "sha256": "...",
 *       "program": "0.1.0", "options": {"texts": "ids", "anonymous": false},
 *       "runs": [{"name": "quick-1", "path": "..", "digest": "..."}],
 *       "numbers": [
 *         {"line": 7, "column": 40, "text": "86.3", "run": 0,
 *          "file": "cells/{...}/result.json", "field": "test.accuracy", "how": "mean over seeds"} ]
 * } A number of a JSON document has "pointer" (RFC 6901) in place of line and column. A run's
 * digest is the SHA-256 of its SHA256SUMS; of one that is not finished, of its run.json. */
#include "report/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/latex_page.h"
#include "report/number.h"
#include "report/report.h"
#include "report/sections.h"

#define PLAIN(format, file, write)                                                                 \
    { format, file, write, NULL, NULL, 0, NULL }
#define TABLE_PART(name, part, number)                                                             \
    {"latex", "latex/" name part "-tabular.tex", NULL, as_tex_page_tabular, name, number, NULL}, { \
        "latex", "latex/" name part "-caption.tex", NULL, as_tex_page_caption, name, number, NULL  \
    }
#define TABLE(name)                                                                                \
    TABLE_PART(name, "", 0), TABLE_PART(name, "-2", 1), TABLE_PART(name, "-3", 2),                 \
        TABLE_PART(name, "-4", 3)

static const as_document documents[] = {
    PLAIN("markdown", "report.md", as_report_mark_markdown),
    PLAIN("html", "report.html", as_report_mark_html),
    PLAIN("csv", "report.csv", as_report_mark_csv),
    {"json", "report.json", NULL, NULL, NULL, 0, as_report_json_tree},
    PLAIN("latex", "latex/report.tex", as_tex_report),
    PLAIN("latex", "latex/preamble.tex", as_tex_preamble),
    PLAIN("latex", "latex/main-tabular.tex", as_tex_main_tabular),
    PLAIN("latex", "latex/main-caption.tex", as_tex_main_caption),
    PLAIN("latex", "latex/cost-tabular.tex", as_tex_cost_tabular),
    PLAIN("latex", "latex/cost-caption.tex", as_tex_cost_caption),
    TABLE("runs"),
    TABLE("ranks"),
    TABLE("pairs"),
    TABLE("ratios"),
    TABLE("efficiency"),
    TABLE("classes"),
    TABLE("convergence"),
    TABLE("data"),
    TABLE("cleaning"),
    TABLE("overlaps"),
    TABLE("tokens"),
    TABLE("published"),
    TABLE("environment"),
    PLAIN("latex", "latex/figures.tex", as_tex_figures),
    PLAIN("latex", "latex/methods.tex", as_tex_methods),
    PLAIN("latex", "latex/references.bib", as_tex_bibliography),
    PLAIN("latex", "latex/checklist.md", as_tex_checklist),
};
enum { N_DOCUMENTS = sizeof documents / sizeof documents[0] };

const as_document *as_documents(size_t *ret_n) {
    *ret_n = N_DOCUMENTS;
    return documents;
}

const as_document *as_document_find(const char *format) {
    for (size_t i = 0; i < N_DOCUMENTS; i++)
        if (strcmp(documents[i].format, format) == 0)
            return &documents[i];
    return NULL;
}

const char *as_document_name(const as_document *document) {
    const char *slash = strrchr(document->file, '/');
    return slash ? slash + 1 : document->file;
}

/* Names are unique, so the folder in front doesn't matter. */
const as_document *as_document_of_file(const char *file) {
    for (size_t i = 0; i < N_DOCUMENTS; i++)
        if (strcmp(as_document_name(&documents[i]), file) == 0)
            return &documents[i];
    return NULL;
}

const char *as_texts_name(as_texts texts) {
    static const char *const names[] = {"ids", "none", "full"};
    return names[texts];
}

bool as_texts_parse(const char *name, as_texts *ret_texts) {
    for (int i = AS_TEXTS_IDS; i <= AS_TEXTS_FULL; i++)
        if (strcmp(name, as_texts_name((as_texts)i)) == 0) {
            *ret_texts = (as_texts)i;
            return true;
        }
    return false;
}

/* ---- rendering ------------------------------------------------------------------------------- */

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "report", "no memory for it");
}

static assay_status open_texts(const as_report_options *o, as_run *const *runs, size_t n_runs,
                               assay_error *error) {
    assay_status status = ASSAY_OK;
    if (o->texts == AS_TEXTS_FULL && !o->find_text)
        return as_fail(error, ASSAY_UNSUPPORTED, "texts", "nobody can find them here");
    for (size_t i = 0; o->texts == AS_TEXTS_FULL && o->open_texts && i < n_runs; i++)
        if (status == ASSAY_OK)
            status = o->open_texts(o->find_context, runs[i], error);
    return status;
}

/* What a run's suite says of rounding was checked when it ran, not since. */
static assay_status check_digits(as_run *const *runs, size_t n_runs, assay_error *error) {
    for (size_t i = 0; i < n_runs; i++) {
        const json_t *own = json_object_get(json_object_get(runs[i]->suite, "report"), "digits");
        if (own && (!json_is_integer(own) || json_integer_value(own) < 1 ||
                    json_integer_value(own) > AS_NUMBER_MOST_DIGITS))
            return as_fail(error, ASSAY_BAD_DATA, "run.json#/suite/report/digits",
                           "must be 1 to %d, significant digits of an uncertainty",
                           AS_NUMBER_MOST_DIGITS);
    }
    return ASSAY_OK;
}

assay_status as_report_input_make(as_arena *arena, as_run *const *runs, size_t n_runs,
                                  as_report_options options, as_report_input *ret_input,
                                  assay_error *error) {
    as_summary *summaries = as_arena_alloc_array(arena, n_runs, sizeof *summaries);
    if (!summaries)
        return no_memory(error);
    assay_status opened = check_digits(runs, n_runs, error);
    if (opened == ASSAY_OK)
        opened = open_texts(&options, runs, n_runs, error);
    if (opened != ASSAY_OK)
        return opened;
    for (size_t i = 0; i < n_runs; i++) {
        assay_status status = as_summarise(arena, runs[i], &summaries[i], error);
        if (status != ASSAY_OK)
            return status;
    }
    as_page_store *store = as_page_store_new(arena);
    if (!store)
        return no_memory(error);
    *ret_input = (as_report_input){runs, n_runs, summaries, options, store};
    return ASSAY_OK;
}

/* Walks both trees of a JSON document. */
typedef struct walk {
    as_arena *arena;
    as_number_sources list;
    size_t capacity;
    assay_error *error;
} walk;

static bool append(walk *w, const as_number_source *source) {
    if (w->list.n == w->capacity) {
        size_t more = w->capacity ? 2 * w->capacity : 256;
        as_number_source *items = as_arena_alloc_array(w->arena, more, sizeof *items);
        if (!items)
            return false;
        if (w->list.n)
            memcpy(items, w->list.items, w->list.n * sizeof *items);
        w->list.items = items;
        w->capacity = more;
    }
    w->list.items[w->list.n++] = *source;
    return true;
}

/* "file US field US how" of a number, as report/columns.c writes it; NULL: of the format itself. */
static assay_status add_number(walk *w, const json_t *number, const json_t *told,
                               const char *pointer, size_t run) {
    const char *text = json_string_value(told);
    as_number_source source = {
        .run = run, .file = "", .field = "", .how = "counted for this document"};
    char *digits = json_dumps(number, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    bool ok = digits != NULL;
    if (text) {
        const char *field = strchr(text, 0x1f), *how = field ? strchr(field + 1, 0x1f) : NULL;
        ok = ok && how;
        source.file = ok ? as_arena_strndup(w->arena, text, (size_t)(field - text)) : NULL;
        source.field = ok ? as_arena_strndup(w->arena, field + 1, (size_t)(how - field - 1)) : NULL;
        source.how = ok ? as_arena_strdup(w->arena, how + 1) : NULL;
    }
    source.text = ok ? as_arena_strdup(w->arena, digits) : NULL;
    source.pointer = as_arena_strdup(w->arena, pointer);
    free(digits);
    return source.text && source.pointer && append(w, &source) ? ASSAY_OK : no_memory(w->error);
}

/* The pointer's next part, with ~ and / as ~0 and ~1. */
static bool extend(char *pointer, size_t size, size_t n, const char *key) {
    for (; n + 3 < size; key++) {
        if (!*key) {
            pointer[n] = '\0';
            return true;
        }
        if (*key == '~' || *key == '/') {
            pointer[n++] = '~';
            pointer[n++] = *key == '~' ? '0' : '1';
        } else {
            pointer[n++] = *key;
        }
    }
    return false;
}

enum { POINTER_BYTES = 1024 };

static assay_status walk_tree(walk *w, const json_t *json, const json_t *told, char *pointer,
                              size_t run) {
    assay_status status = ASSAY_OK;
    size_t n = strlen(pointer), i;
    const char *key;
    json_t *value;
    if (json_is_number(json))
        return add_number(w, json, told, pointer, run);
    /* The trees come from our own code, so a pointer that does not fit is our mistake. */
    if (n + 2 > POINTER_BYTES)
        return as_fail(w->error, ASSAY_INTERNAL, "report", "a pointer is too long");
    if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key, value) {
            pointer[n] = '/';
            if (!extend(pointer, POINTER_BYTES, n + 1, key))
                return as_fail(w->error, ASSAY_INTERNAL, "report", "a pointer is too long");
            status = walk_tree(w, value, json_object_get(told, key), pointer, run);
            if (status != ASSAY_OK)
                return status;
        }
    } else if (json_is_array(json)) {
        bool of_runs = strcmp(pointer, "/runs") == 0;
        json_array_foreach(json, i, value) {
            snprintf(pointer + n, POINTER_BYTES - n, "/%zu", i);
            status = walk_tree(w, value, json_array_get(told, i), pointer, of_runs ? i : run);
            if (status != ASSAY_OK)
                return status;
        }
    }
    pointer[n] = '\0';
    return ASSAY_OK;
}

/* The numbers of a JSON text, which stand in it in the order of the walk. */
static void place_numbers(const char *text, as_number_sources *list) {
    size_t line = 1, line_start = 0, n = 0;
    bool quoted = false;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        } else if (quoted) {
            quoted = text[i] != '"';
            i += text[i] == '\\';
        } else if (text[i] == '"') {
            quoted = true;
        } else if ((text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) && n < list->n) {
            as_number_source *s = &list->items[n++];
            s->line = line;
            s->column = i - line_start + 1;
            s->offset = i;
            i += strlen(s->text) - 1;
        }
    }
}

static assay_status render_json(as_arena *arena, const as_document *document,
                                const as_report_input *input, as_rendered *ret_rendered,
                                assay_error *error) {
    json_t *json = NULL, *told = NULL;
    char pointer[POINTER_BYTES] = "";
    walk w = {.arena = arena, .error = error};
    assay_status status = document->json(input, &json, &told, error);
    if (status != ASSAY_OK)
        return status;
    status = walk_tree(&w, json, told, pointer, 0);
    char *text =
        status == ASSAY_OK ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    json_decref(told);
    if (status == ASSAY_OK && !text)
        status = no_memory(error);
    if (status != ASSAY_OK)
        return status;
    size_t size = strlen(text);
    char *ended = realloc(text, size + 2); /* a text file ends with a line's end */
    if (!ended) {
        free(text);
        return no_memory(error);
    }
    memcpy(ended + size, "\n", 2);
    place_numbers(ended, &w.list);
    *ret_rendered = (as_rendered){ended, size + 1, w.list};
    return ASSAY_OK;
}

assay_status as_document_render(as_arena *arena, const as_document *document,
                                const as_report_input *input, as_rendered *ret_rendered,
                                assay_error *error) {
    as_rendered rendered = {0};
    if (document->json)
        return render_json(arena, document, input, ret_rendered, error);
    FILE *stream = open_memstream(&rendered.text, &rendered.size);
    if (!stream)
        return no_memory(error);
    assay_status status = document->write ? document->write(input, stream, error)
                                          : document->write_part(input, document->table,
                                                                 document->part, stream, error);
    if (fclose(stream) != 0 && status == ASSAY_OK)
        status = no_memory(error);
    if (status == ASSAY_OK)
        status = as_source_strip(arena, rendered.text, rendered.size, &rendered.size,
                                 &rendered.sources, error);
    if (status != ASSAY_OK) {
        as_rendered_done(&rendered);
        return status;
    }
    *ret_rendered = rendered;
    return ASSAY_OK;
}

void as_rendered_done(as_rendered *rendered) {
    free(rendered->text);
    *rendered = (as_rendered){0};
}

/* ---- side file ------------------------------------------------------------------------------- */

assay_status as_run_digest(const as_run *run, as_sha256_hex *ret_hex, assay_error *error) {
    static const char *const names[] = {"SHA256SUMS", "run.json"};
    for (size_t i = 0; i < 2; i++) {
        char *path = as_path_join(run->folder, names[i]);
        if (!path)
            return no_memory(error);
        bool last = i == 1;
        assay_status status = ASSAY_OK;
        bool there = last || as_path_exists(path);
        if (there)
            status = as_sha256_file(path, ret_hex, error);
        free(path);
        if (there)
            return status;
    }
    return ASSAY_OK;
}

/* The way from one folder to another, both absolute and without links, into `text`; false: it does
 * not fit. */
static bool relative_path(const char *from, const char *to, char *text, size_t size) {
    size_t same = 0, n = 0;
    for (size_t i = 0;; i++) {
        bool from_ends = from[i] == '\0' || from[i] == '/', to_ends = to[i] == '\0' || to[i] == '/';
        if (from_ends && to_ends)
            same = i;
        if (from[i] != to[i] || from[i] == '\0')
            break;
    }
    const char *up = from + same, *down = to + same;
    for (; *up; up++)
        if (*up == '/' && up[1]) {
            if (n + 4 > size)
                return false;
            memcpy(text + n, n ? "/.." : "..", n ? 4 : 3);
            n += n ? 3 : 2;
        }
    while (*down == '/')
        down++;
    if (n + strlen(down) + 3 > size)
        return false;
    snprintf(text + n, size - n, "%s%s", n && *down ? "/" : "", down);
    if (!text[0])
        snprintf(text, size, ".");
    return true;
}

/* An anonymous report tells only the folder's name. */
static json_t *run_path(const as_run *run, const char *folder, bool anonymous) {
    char text[4096];
    char *from = realpath(folder, NULL), *to = realpath(run->folder, NULL);
    json_t *path = NULL;
    if (!anonymous && from && to && relative_path(from, to, text, sizeof text))
        path = json_string(text);
    free(from);
    free(to);
    return path ? path : json_string(as_run_name(run));
}

static json_t *source_json(const as_number_source *s) {
    json_t *o = s->pointer ? json_pack("{s:s}", "pointer", s->pointer)
                           : json_pack("{s:I, s:I}", "line", (json_int_t)s->line, "column",
                                       (json_int_t)s->column);
    if (!o || json_object_update_new(o, json_pack("{s:s, s:I, s:s, s:s, s:s}", "text", s->text,
                                                  "run", (json_int_t)s->run, "file", s->file,
                                                  "field", s->field, "how", s->how)) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static json_t *head_json(const as_document *document, const as_report_input *input,
                         const as_rendered *rendered, const char *folder, assay_error *error) {
    json_t *runs = json_array();
    as_sha256_hex hex = as_sha256_bytes(rendered->text, rendered->size);
    for (size_t i = 0; i < input->n_runs; i++) {
        as_sha256_hex digest;
        if (as_run_digest(input->runs[i], &digest, error) != ASSAY_OK) {
            json_decref(runs);
            return NULL;
        }
        json_array_append_new(
            runs, json_pack("{s:s, s:o, s:s}", "name", as_run_name(input->runs[i]), "path",
                            input->options.run_paths
                                ? json_string(input->options.run_paths[i])
                                : run_path(input->runs[i], folder, input->options.anonymous),
                            "digest", digest.text));
    }
    json_t *columns = json_array();
    for (size_t i = 0; i < input->options.n_columns; i++)
        json_array_append_new(columns, json_string(input->options.columns[i]));
    json_t *head =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:{s:s, s:b, s:b, s:o}, s:o}", "schema_version",
                  AS_SOURCES_SCHEMA_VERSION, "document", as_document_name(document), "format",
                  document->format, "sha256", hex.text, "program",
                  input->options.program ? input->options.program : "", "options", "texts",
                  as_texts_name(input->options.texts), "anonymous", input->options.anonymous,
                  "no_figures", input->options.no_figures, "columns", columns, "runs", runs);
    if (head && input->options.digits &&
        json_object_set_new(json_object_get(head, "options"), "digits",
                            json_integer(input->options.digits)) != 0) {
        json_decref(head);
        head = NULL;
    }
    if (!head)
        no_memory(error);
    return head;
}

assay_status as_document_sources(const as_document *document, const as_report_input *input,
                                 const as_rendered *rendered, const char *folder, char **ret_text,
                                 assay_error *error) {
    char *text = NULL;
    size_t size = 0;
    json_t *head = head_json(document, input, rendered, folder, error);
    FILE *stream = head ? open_memstream(&text, &size) : NULL;
    if (!stream) {
        json_decref(head);
        return head ? no_memory(error) : ASSAY_IO;
    }
    bool ok = true;
    char *begin = json_dumps(head, JSON_COMPACT);
    ok = begin != NULL;
    if (ok) /* without the closing brace */
        fprintf(stream, "%.*s,\n\"numbers\":[", (int)strlen(begin) - 1, begin);
    for (size_t i = 0; ok && i < rendered->sources.n; i++) {
        json_t *source = source_json(&rendered->sources.items[i]);
        fputs(i ? ",\n" : "\n", stream);
        ok = source && json_dumpf(source, stream, JSON_COMPACT) == 0;
        json_decref(source);
    }
    fputs("\n]}\n", stream);
    ok = fclose(stream) == 0 && ok;
    free(begin);
    json_decref(head);
    if (!ok) {
        free(text);
        return no_memory(error);
    }
    *ret_text = text;
    return ASSAY_OK;
}
