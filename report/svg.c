/* SPDX-License-Identifier: MIT */
/* A reader of the XML that gnuplot's svg terminal writes (XML 1.0 without entities of its own, SVG
 * 1.1), which lets through what stands in two lists and drops the rest: no script, style, link,
 * image or event can come out, whatever went in. Groups without content are left out. */
#include "report/svg.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/html_text.h"

enum { MAX_DEPTH = 32 };

static const char *const elements[] = {"g",        "path", "rect", "circle", "polygon",
                                       "polyline", "line", "text", "use",    "defs"};
static const char *const attributes[] = {
    "fill", "stroke",    "color",       "stroke-width", "stroke-dasharray",
    "d",    "x",         "y",           "width",        "height",
    "cx",   "cy",        "r",           "points",       "id",
    "href", "transform", "text-anchor", "font-size",    "fill-opacity"};

/* An open element: its tag waits until something stands in it. */
typedef struct level {
    char name[16];
    char *tag; /* NULL: written */
} level;

typedef struct reader {
    const as_svg_frame *frame;
    const char *at;
    FILE *stream;
    level levels[MAX_DEPTH];
    size_t depth;
    assay_error *error;
    assay_status status;
} reader;

static void fail(reader *r, const char *what) {
    if (r->status == ASSAY_OK)
        r->status = as_fail(r->error, ASSAY_BAD_DATA, "figures", "gnuplot's SVG: %s", what);
}

static bool is_in(const char *const *list, size_t n, const char *name, size_t length) {
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == length && memcmp(list[i], name, length) == 0)
            return true;
    return false;
}

/* ---- attributes --------------------------------------------------------------------------------
 */

/* "rgb( 87,  96, 106)" as "#57606a"; false: it is none. */
static bool write_colour(FILE *tag, const char *value, size_t n) {
    unsigned red, green, blue;
    char copy[40];
    if (n >= sizeof copy || n < 10 || memcmp(value, "rgb(", 4) != 0)
        return false;
    memcpy(copy, value, n);
    copy[n] = '\0';
    if (sscanf(copy, "rgb( %3u , %3u , %3u )", &red, &green, &blue) != 3 || red > 255 ||
        green > 255 || blue > 255)
        return false;
    fprintf(tag, "#%02x%02x%02x", red, green, blue);
    return true;
}

/* Values of drawings are numbers, words and signs between them. */
static bool is_plain(const char *value, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,()#+-\n\t",
                    value[i]))
            return false;
    return true;
}

static void write_hex_colour(FILE *tag, const char *value, size_t n) {
    for (size_t i = 0; i < n; i++)
        fputc(value[i] >= 'A' && value[i] <= 'F' ? value[i] + 32 : value[i], tag);
}

static void write_attribute(reader *r, FILE *tag, const char *name, size_t n_name,
                            const char *value, size_t n) {
    if (n_name > 6 && memcmp(name, "xlink:", 6) == 0) {
        name += 6;
        n_name -= 6;
    }
    bool known = is_in(attributes, sizeof attributes / sizeof attributes[0], name, n_name);
    bool link = n_name == 4 && memcmp(name, "href", 4) == 0;
    bool id = n_name == 2 && memcmp(name, "id", 2) == 0;
    if (!known || !is_plain(value, n) || (link && *value != '#'))
        return;
    fprintf(tag, " %.*s=\"", (int)n_name, name);
    if (link || id) {
        fputs(link ? "#" : "", tag);
        as_html_text(tag, r->frame->id);
        fprintf(tag, "-%.*s", (int)(n - link), value + link);
    } else if (*value == '#') {
        write_hex_colour(tag, value, n);
    } else if (!write_colour(tag, value, n)) {
        bool space = false;
        for (size_t i = 0; i < n; i++) {
            bool blank = strchr(" \n\t", value[i]) != NULL;
            if (!blank && space)
                fputc(' ', tag);
            if (!blank)
                fputc(value[i], tag);
            space = blank;
        }
    }
    fputs("\"", tag);
}

/* From behind the element's name to its end; *ret_empty: it closes itself. */
static void read_attributes(reader *r, FILE *tag, bool *ret_empty) {
    const char *p = r->at;
    for (;;) {
        p += strspn(p, " \n\t\r");
        if (*p == '>' || (*p == '/' && p[1] == '>'))
            break;
        size_t n_name = strcspn(p, "= \n\t\r/>");
        const char *value = p + n_name;
        value += strspn(value, " \n\t\r");
        bool equals = *value == '=';
        value += equals ? 1 + strspn(value + 1, " \n\t\r") : 0;
        if (n_name == 0 || !equals || (*value != '"' && *value != '\'')) {
            fail(r, "an attribute without a quoted value");
            return;
        }
        value++;
        const char *end = strchr(value, value[-1]);
        if (!end) {
            fail(r, "a value without end");
            return;
        }
        if (tag)
            write_attribute(r, tag, p, n_name, value, (size_t)(end - value));
        p = end + 1;
    }
    *ret_empty = *p == '/';
    r->at = p + (*ret_empty ? 2 : 1);
}

/* ---- elements ----------------------------------------------------------------------------------
 */

static void write_waiting(reader *r) {
    for (size_t i = 0; i < r->depth; i++)
        if (r->levels[i].tag) {
            fputs(r->levels[i].tag, r->stream);
            free(r->levels[i].tag);
            r->levels[i].tag = NULL;
        }
}

/* Past an element that has no place in a drawing, and all that stands in it. */
static void skip_element(reader *r) {
    size_t depth = 0;
    do {
        const char *p = strchr(r->at, '<');
        bool empty = false;
        if (!p) {
            fail(r, "an element without end");
            return;
        }
        r->at = p + 1;
        if (*r->at == '/') {
            p = strchr(r->at, '>');
            r->at = p ? p + 1 : r->at + strlen(r->at);
            depth -= depth > 0;
        } else {
            r->at += strcspn(r->at, " \n\t\r/>");
            read_attributes(r, NULL, &empty);
            depth += !empty;
        }
    } while (depth > 0 && r->status == ASSAY_OK);
}

static void begin_element(reader *r) {
    const char *name = r->at + 1;
    size_t n = strcspn(name, " \n\t\r/>"), size = 0;
    char *tag = NULL;
    bool empty = false;
    if (!is_in(elements, sizeof elements / sizeof elements[0], name, n)) {
        skip_element(r);
        return;
    }
    FILE *stream = open_memstream(&tag, &size);
    if (!stream || r->depth >= MAX_DEPTH) {
        if (stream)
            fclose(stream);
        free(tag);
        fail(r, "no memory, or too deep");
        return;
    }
    r->at = name + n;
    fprintf(stream, "<%.*s", (int)n, name);
    read_attributes(r, stream, &empty);
    fputs(empty ? "/>" : ">", stream);
    fclose(stream);
    if (empty) {
        write_waiting(r);
        fprintf(r->stream, "%s\n", tag);
        free(tag);
        return;
    }
    level *l = &r->levels[r->depth++];
    snprintf(l->name, sizeof l->name, "%.*s", (int)n, name);
    l->tag = tag;
}

static void end_element(reader *r) {
    const char *name = r->at + 2, *end = strchr(r->at, '>');
    if (r->depth == 0 || !end) {
        fail(r, "an end without beginning");
        return;
    }
    level *l = &r->levels[--r->depth];
    if (strlen(l->name) != (size_t)(end - name) || memcmp(l->name, name, strlen(l->name)) != 0)
        fail(r, "elements that cross");
    if (!l->tag)
        fprintf(r->stream, "</%s>\n", l->name);
    free(l->tag);
    l->tag = NULL;
    r->at = end + 1;
}

/* ---- texts -------------------------------------------------------------------------------------
 */

/* Character that a reference stands for; 0: it is none. */
static char reference(const char *p, size_t *ret_length) {
    static const struct {
        const char *text;
        char stands_for;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(p, known[i].text, strlen(known[i].text)) == 0) {
            *ret_length = strlen(known[i].text);
            return known[i].stands_for;
        }
    return 0;
}

static void read_text(reader *r) {
    size_t n = strcspn(r->at, "<"), used = 0;
    bool wanted = r->depth && strcmp(r->levels[r->depth - 1].name, "text") == 0;
    char *text = wanted ? malloc(n + 1) : NULL;
    if (wanted && !text)
        fail(r, "no memory");
    for (const char *p = r->at; text && p < r->at + n;) {
        size_t length = 1;
        char c = *p == '&' ? reference(p, &length) : 0;
        text[used++] = c ? c : *p;
        p += length;
    }
    if (text) {
        text[used] = '\0';
        write_waiting(r);
        as_html_text(r->stream, text);
    }
    free(text);
    r->at += n;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static void write_frame(const as_svg_frame *f, FILE *stream) {
    fprintf(stream, "<svg viewBox=\"0 0 %.0f %.0f\"", f->width, f->height);
    if (f->standalone)
        fprintf(stream,
                " xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                "font-family=\"sans-serif\"",
                f->width, f->height);
    fputs(" role=\"img\">\n<title>", stream);
    as_html_text(stream, f->title);
    fputs("</title>\n<desc>", stream);
    as_html_text(stream, f->about);
    fputs("</desc>\n", stream);
    if (f->standalone)
        fputs("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", stream);
}

static void read_drawing(reader *r) {
    while (r->status == ASSAY_OK && *r->at) {
        if (*r->at != '<')
            read_text(r);
        else if (strncmp(r->at, "</svg>", 6) == 0 && r->depth == 0)
            return;
        else if (r->at[1] == '/')
            end_element(r);
        else if (strncmp(r->at, "<!--", 4) == 0 && strstr(r->at, "-->"))
            r->at = strstr(r->at, "-->") + 3;
        else
            begin_element(r);
    }
    fail(r, "it ends too early");
}

assay_status as_svg_write(const as_svg_frame *frame, const char *svg, FILE *stream,
                          assay_error *error) {
    reader r = {.frame = frame, .at = strstr(svg, "<svg"), .stream = stream, .error = error};
    const char *end = r.at ? strchr(r.at, '>') : NULL;
    if (!end)
        return as_fail(error, ASSAY_BAD_DATA, "figures", "gnuplot's SVG has no svg element");
    r.at = end + 1;
    write_frame(frame, stream);
    read_drawing(&r);
    for (size_t i = 0; i < r.depth; i++)
        free(r.levels[i].tag);
    fputs("</svg>\n", stream);
    return r.status;
}
