/* SPDX-License-Identifier: MIT */
/* Layout of a terminal table. A number column is up to four fields wide:
 *     before the point | point and after | ± | half-width before | half-width after */
#include "report/text_table.h"

#include <string.h>

#include "base/utf8.h"

enum { GAP = 2 };

typedef struct column_layout {
    size_t before, after, half_before, half_after, body, width;
} column_layout;

size_t as_text_width(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Characters up to the point; all where there is none, or a unit follows ("67.0 M"). */
static size_t before_point(const char *text) {
    return strchr(text, ' ') ? strlen(text) : strcspn(text, ".");
}

static column_layout lay_out(const as_table *table, size_t column) {
    column_layout c = {0};
    for (size_t i = 0; i < table->n_rows; i++) {
        if (!table->rows[i].numbers)
            continue;
        const as_number *n = &table->rows[i].numbers[column];
        size_t before = before_point(n->value), half = before_point(n->half);
        c.before = larger(c.before, before);
        c.after = larger(c.after, strlen(n->value) - before);
        c.half_before = larger(c.half_before, half);
        c.half_after = larger(c.half_after, strlen(n->half) - half);
    }
    c.body = c.before + c.after;
    if (c.half_before)
        c.body += (table->ascii ? 2 : 1) + c.half_before + c.half_after;
    c.width = larger(c.body, as_text_width(table->headings[column]));
    return c;
}

static void print_spaces(FILE *stream, size_t n) {
    for (; n > 0; n--)
        fputc(' ', stream);
}

void as_print_clean(FILE *stream, const char *text, size_t width, size_t pad) {
    size_t n = as_text_width(text), shown = 0;
    bool cut = width > 0 && n > width;
    size_t keep = cut ? (width > 3 ? width - 3 : 0) : n;
    for (size_t bytes; *text; text += bytes) {
        bool starts = ((unsigned char)*text & 0xc0) != 0x80;
        if (starts && shown++ == keep)
            break;
        if (as_utf8_shown(text, &bytes))
            fwrite(text, 1, bytes, stream);
        else
            fputc('?', stream);
    }
    if (cut)
        fprintf(stream, "%.*s", (int)(width < 3 ? width : 3), "...");
    n = cut ? width : n;
    print_spaces(stream, pad > n ? pad - n : 0);
}

/* The last column has no spaces after it. */
static void print_number(FILE *stream, const column_layout *c, const as_number *n, bool ascii,
                         bool last) {
    size_t before = before_point(n->value), half = before_point(n->half);
    print_spaces(stream, GAP + c->width - c->body + c->before - before);
    fputs(n->value, stream);
    if (last && !n->half[0])
        return;
    print_spaces(stream, c->after - (strlen(n->value) - before));
    if (!c->half_before)
        return;
    if (!n->half[0]) {
        print_spaces(stream, (ascii ? 2 : 1) + c->half_before + c->half_after);
        return;
    }
    fputs(ascii ? "+-" : "\xc2\xb1", stream);
    print_spaces(stream, c->half_before - half);
    fputs(n->half, stream);
    print_spaces(stream, last ? 0 : c->half_after - (strlen(n->half) - half));
}

size_t as_table_print(const as_table *table, FILE *stream) {
    enum { MOST = 24 };
    column_layout columns[MOST];
    size_t names = 0, shown = 0, width;
    for (size_t i = 0; i < table->n_rows; i++)
        names = larger(names, as_text_width(table->rows[i].name));
    width = 2 + names;
    for (; shown < table->n_columns && shown < MOST; shown++) {
        columns[shown] = lay_out(table, shown);
        width += GAP + columns[shown].width;
        if (table->width > 0 && width > (size_t)table->width)
            break;
    }
    print_spaces(stream, shown ? 2 + names : 0);
    for (size_t c = 0; c < shown; c++) {
        print_spaces(stream, GAP + columns[c].width - as_text_width(table->headings[c]));
        fputs(table->headings[c], stream);
    }
    fputs("\n", stream);
    for (size_t i = 0; i < table->n_rows; i++) {
        const as_table_row *row = &table->rows[i];
        fprintf(stream, "%s ", row->mark);
        as_print_clean(stream, row->name, 0, names);
        for (size_t c = 0; row->numbers && c < shown; c++)
            print_number(stream, &columns[c], &row->numbers[c], table->ascii, c + 1 == shown);
        if (row->text) {
            size_t room = 0, taken = 2 + names + GAP;
            if (table->width > 0)
                room = (size_t)table->width > taken + 8 ? (size_t)table->width - taken : 8;
            print_spaces(stream, GAP);
            as_print_clean(stream, row->text, room, 0);
        }
        fputs("\n", stream);
    }
    return shown;
}

void as_print_wrapped(FILE *stream, const char *first, const char *next, const char *text,
                      int width) {
    size_t used = as_text_width(first);
    fputs(first, stream);
    bool line_start = true;
    while (*text) {
        size_t n = strcspn(text, " ");
        char word[256];
        if (n >= sizeof word)
            n = sizeof word - 1;
        memcpy(word, text, n);
        word[n] = '\0';
        size_t w = as_text_width(word);
        if (!line_start && width > 0 && used + 1 + w > (size_t)width) {
            fprintf(stream, "\n%s", next);
            used = as_text_width(next);
            line_start = true;
        }
        if (!line_start)
            fputc(' ', stream);
        as_print_clean(stream, word, 0, 0);
        used += w + !line_start;
        line_start = false;
        text += n;
        text += strspn(text, " ");
    }
    fputs("\n", stream);
}
