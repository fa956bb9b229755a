/* SPDX-License-Identifier: MIT */
/* The tables of `assay data stats`. Texts, labels and words are the data's: nothing of them reaches
 * the terminal but by as_shown_text. */
#include "base/error.h"
#include "base/utf8.h"
#include "cli/data_stats_view.h"
#include "report/report.h"
#include "report/text_table.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_LABELS = 50, NAME_WIDTH = 24, WORD_WIDTH = 24, MOST_COLUMNS = 8 };

typedef struct printer {
    as_arena *arena;
    const as_data_stats_view *view;
    const as_text_statistics *stats;
    FILE *stream;
    int width;
    const char **labels; /* [n_labels_shown] fit to be shown */
    uint32_t n_labels;
    assay_error *error;
} printer;

/* ---- foreign text ---------------------------------------------------------------------------- */

const char *as_shown_text(as_arena *arena, const char *text, size_t width) {
    size_t n_bytes = strlen(text), n = 0, n_points = 0, kept = 0;
    char *shown = as_arena_alloc_array(arena, n_bytes + 4, 1);
    if (!shown)
        return NULL;
    for (size_t i = 0; i < n_bytes;) {
        size_t bytes;
        if (as_utf8_shown(text + i, &bytes)) {
            memcpy(shown + n, text + i, bytes);
            n += bytes;
        } else {
            shown[n++] = '?';
        }
        i += bytes;
        if (++n_points + 3 == width)
            kept = n;
    }
    shown[n] = '\0';
    if (width > 3 && n_points > width)
        strcpy(shown + kept, "...");
    return shown;
}

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory to print them");
}

static as_number count_of(uint64_t n) {
    return as_number_count((int64_t)n);
}

static as_number decimal(double value, int places) {
    as_number number = {"-", ""};
    snprintf(number.value, sizeof number.value, "%.*f", places, value);
    return number;
}

static as_number share(uint64_t part, uint64_t whole) {
    as_number none = {"-", ""};
    return whole ? decimal(100.0 * (double)part / (double)whole, 2) : none;
}

/* ---- a table under construction -------------------------------------------------------------- */

typedef struct sheet {
    const char *headings[MOST_COLUMNS];
    size_t n_columns, n_rows;
    as_table_row *rows;
    as_number *numbers; /* [rows][n_columns] */
} sheet;

static assay_status sheet_open(const printer *p, sheet *s, size_t most_rows) {
    s->rows = as_arena_alloc_array(p->arena, most_rows, sizeof *s->rows);
    s->numbers = as_arena_alloc_array(p->arena, most_rows * s->n_columns, sizeof *s->numbers);
    return s->rows && s->numbers ? ASSAY_OK : no_memory(p->error);
}

/* A new row's numbers, to be filled. */
static as_number *sheet_row(sheet *s, const char *name) {
    as_number *numbers = &s->numbers[s->n_rows * s->n_columns];
    s->rows[s->n_rows++] = (as_table_row){.mark = " ", .name = name, .numbers = numbers};
    return numbers;
}

static void sheet_print(const printer *p, const sheet *s) {
    const as_table table = {.headings = s->headings,
                            .n_columns = s->n_columns,
                            .rows = s->rows,
                            .n_rows = s->n_rows,
                            .width = p->width,
                            .ascii = !as_locale_is_utf8()};
    size_t shown = as_table_print(&table, p->stream);
    for (size_t c = shown; c < s->n_columns; c++)
        fprintf(p->stream, "%s%s%s", c == shown ? "  not shown for lack of room: " : ", ",
                s->headings[c], c + 1 == s->n_columns ? "\n" : "");
}

/* ---- texts and lengths ----------------------------------------------------------------------- */

static void fill_texts(const printer *p, as_number *numbers, const uint32_t *by_split, size_t n,
                       uint64_t total) {
    const as_text_statistics *t = p->stats;
    size_t c = 0;
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        if (t->n_split[s] && s != AS_SPLIT_ALL)
            numbers[c++] = count_of(by_split[s]);
    if (c < n)
        numbers[c] = count_of(total);
}

/* The first class with as many texts. */
static const char *class_of(const printer *p, uint64_t n_texts) {
    for (uint32_t k = 0; k < p->n_labels; k++)
        if (p->stats->words.labels[k].n == n_texts)
            return p->labels[k];
    return "not listed";
}

static void print_classes(const printer *p) {
    const as_length_summary *k = &p->stats->classes;
    char text[400];
    snprintf(text, sizeof text, "per class: mean %.1f, std %.1f, min %llu (%s), max %llu (%s)",
             k->mean, k->std, (unsigned long long)k->min, class_of(p, k->min),
             (unsigned long long)k->max, class_of(p, k->max));
    as_print_wrapped(p->stream, "  ", "  ", text, p->width);
}

static assay_status print_texts(const printer *p) {
    const as_text_statistics *t = p->stats;
    sheet s = {.n_columns = 0};
    for (int i = 0; i < AS_SPLIT_COUNT; i++)
        if (t->n_split[i])
            s.headings[s.n_columns++] = as_split_name((as_split)i);
    s.headings[s.n_columns++] = "all";
    assay_status status = sheet_open(p, &s, (size_t)p->n_labels + 2);
    if (status != ASSAY_OK)
        return status;
    fill_texts(p, sheet_row(&s, "all"), t->n_split, s.n_columns, t->n_texts);
    fill_texts(p, sheet_row(&s, "blank"), t->n_blank_split, s.n_columns, t->n_blank);
    for (uint32_t label = 0; label < p->n_labels; label++) {
        uint32_t counts[AS_STATISTICS_SPLITS];
        uint64_t total = 0;
        for (int i = 0; i < AS_STATISTICS_SPLITS; i++)
            total += counts[i] = t->counts[i][label];
        fill_texts(p, sheet_row(&s, p->labels[label]), counts, s.n_columns, total);
    }
    fputs("texts\n", p->stream);
    sheet_print(p, &s);
    if (p->n_labels < t->n_labels)
        fprintf(p->stream, "  and %u more classes; --json has them all\n",
                t->n_labels - p->n_labels);
    print_classes(p);
    return ASSAY_OK;
}

static void fill_lengths(as_number *numbers, const as_length_summary *s) {
    const as_number row[] = {decimal(s->mean, 1), decimal(s->std, 1),    count_of(s->min),
                             decimal(s->q1, 1),   decimal(s->median, 1), decimal(s->q3, 1),
                             count_of(s->max),    count_of(s->total)};
    memcpy(numbers, row, sizeof row);
}

static assay_status print_measure(const printer *p, const char *title, const as_measure *m) {
    sheet s = {{"mean", "std", "min", "25 %", "median", "75 %", "max", "total"}, .n_columns = 8};
    assay_status status = sheet_open(p, &s, (size_t)p->n_labels + 1 + AS_STATISTICS_SPLITS);
    if (status != ASSAY_OK)
        return status;
    fill_lengths(sheet_row(&s, "all"), &m->all);
    for (int i = 0; i < AS_SPLIT_COUNT; i++)
        if (p->stats->n_split[i])
            fill_lengths(sheet_row(&s, as_split_name((as_split)i)), &m->splits[i]);
    for (uint32_t k = 0; k < p->n_labels; k++)
        fill_lengths(sheet_row(&s, p->labels[k]), &m->labels[k]);
    fprintf(p->stream, "\n%s per text; %s in all\n", title, count_of(m->all.total).value);
    sheet_print(p, &s);
    return ASSAY_OK;
}

static void fill_tokens(as_number *numbers, const as_length_summary *s, const uint32_t *longer) {
    numbers[0] = decimal(s->mean, 1);
    numbers[1] = decimal(s->std, 1);
    numbers[2] = decimal(s->median, 1);
    numbers[3] = count_of(s->max);
    for (int c = 0; c < AS_STATISTICS_CUTS; c++)
        numbers[4 + c] = share(longer[c], s->n);
}

static assay_status print_tokens(const printer *p, size_t t) {
    const as_token_lengths *tokens = &p->stats->tokens[t];
    const as_statistics_tokenizer *tokenizer = &p->view->config->tokenizers[t];
    char title[160];
    sheet s = {{"mean", "std", "median", "max", "% > 64", "% > 128", "% > 256", "% > 512"},
               .n_columns = 8};
    assay_status status = sheet_open(p, &s, 1 + AS_STATISTICS_SPLITS);
    if (status != ASSAY_OK)
        return status;
    fill_tokens(sheet_row(&s, "all"), &tokens->lengths.all, tokens->n_longer);
    for (int i = 0; i < AS_SPLIT_COUNT; i++)
        if (p->stats->n_split[i])
            fill_tokens(sheet_row(&s, as_split_name((as_split)i)), &tokens->lengths.splits[i],
                        tokens->n_longer_split[i]);
    snprintf(title, sizeof title,
             "tokens per text, tokenizer %s%s, and share of texts cut at a length", tokenizer->kind,
             tokenizer->wordpiece ? " with [CLS] and [SEP]" : "");
    as_print_wrapped(p->stream, "\n", "  ", title, p->width);
    sheet_print(p, &s);
    return ASSAY_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static assay_status print_coverage(const printer *p) {
    const as_word_statistics *w = &p->stats->vocabulary;
    sheet s = {{"5,000", "10,000", "20,000", "50,000", "all"}, .n_columns = AS_STATISTICS_SIZES};
    assay_status status = sheet_open(p, &s, AS_STATISTICS_SPLITS);
    if (status != ASSAY_OK)
        return status;
    for (int i = 0; i < AS_STATISTICS_SPLITS; i++) {
        if (!p->stats->n_split[i])
            continue;
        as_number *numbers = sheet_row(&s, as_split_name((as_split)i));
        for (int c = 0; c < AS_STATISTICS_SIZES; c++)
            numbers[c] = share(w->known[i][c], w->split_words[i]);
    }
    fprintf(p->stream, "\nvocabulary of %s, tokenizer %s: %s distinct words\n",
            as_split_name(w->vocabulary), w->kind, count_of(w->n_vocabulary).value);
    fputs("share of words known to its commonest N, %\n", p->stream);
    sheet_print(p, &s);
    return ASSAY_OK;
}

/* One line of words of a class, commonest first. */
static assay_status print_label_words(const printer *p, const char *name,
                                      const as_common_words *common) {
    char first[4 * NAME_WIDTH + 8], text[AS_STATISTICS_COMMON * (4 * WORD_WIDTH + 4)] = "";
    size_t pad = NAME_WIDTH - as_text_width(name), n = 0;
    for (uint32_t i = 0; i < common->n; i++) {
        const char *word = as_shown_text(p->arena, common->words[i].word, WORD_WIDTH);
        if (!word)
            return no_memory(p->error);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", word);
    }
    snprintf(first, sizeof first, "  %s%*s ", name, (int)pad, "");
    as_print_wrapped(p->stream, first, "                           ", text, p->width);
    return ASSAY_OK;
}

/* A table for all texts, a line for each class. */
static assay_status print_commonest(const printer *p, const char *title, const as_common_words *all,
                                    const as_common_words *labels) {
    sheet s = {{"times", "% of words"}, .n_columns = 2};
    assay_status status = sheet_open(p, &s, AS_STATISTICS_COMMON);
    for (uint32_t i = 0; status == ASSAY_OK && i < all->n; i++) {
        const char *word = as_shown_text(p->arena, all->words[i].word, WORD_WIDTH);
        as_number *numbers = sheet_row(&s, word);
        if (!word)
            return no_memory(p->error);
        numbers[0] = count_of(all->words[i].count);
        numbers[1] = share(all->words[i].count, p->stats->vocabulary.n_words);
    }
    if (status != ASSAY_OK)
        return status;
    fprintf(p->stream, "\n%s\n", title);
    sheet_print(p, &s);
    for (uint32_t k = 0; status == ASSAY_OK && k < p->n_labels; k++)
        status = print_label_words(p, p->labels[k], &labels[k]);
    return status;
}

static assay_status print_words(const printer *p) {
    const as_word_statistics *w = &p->stats->vocabulary;
    char title[120];
    if (!w->kind)
        return ASSAY_OK;
    assay_status status = print_coverage(p);
    if (status == ASSAY_OK)
        status =
            print_commonest(p, "commonest words, as they are written", &w->common, w->label_common);
    snprintf(title, sizeof title, "commonest words without stop words (%s)",
             p->view->stopwords ? p->view->stopwords : "");
    if (status == ASSAY_OK && p->view->stopwords)
        status = print_commonest(p, title, &w->common_without_stopwords,
                                 w->label_common_without_stopwords);
    return status;
}

/* ---- duplicates ------------------------------------------------------------------------------ */

/* Rows "in their split", "in train", ...; a column for each split. */
static assay_status print_matrix(const printer *p, const uint32_t *within,
                                 const uint32_t (*across)[AS_STATISTICS_SPLITS],
                                 const char *within_name) {
    static const char *const names[] = {"also in train", "also in validation", "also in test", ""};
    const as_text_statistics *t = p->stats;
    sheet s = {.n_columns = 0};
    int splits[AS_STATISTICS_SPLITS];
    for (int i = 0; i < AS_STATISTICS_SPLITS; i++)
        if (t->n_split[i]) {
            splits[s.n_columns] = i;
            s.headings[s.n_columns++] = as_split_name((as_split)i);
        }
    assay_status status = sheet_open(p, &s, 1 + AS_STATISTICS_SPLITS);
    if (status != ASSAY_OK)
        return status;
    as_number *numbers = sheet_row(&s, within_name);
    for (size_t c = 0; c < s.n_columns; c++)
        numbers[c] = count_of(within[splits[c]]);
    for (size_t other = 0; s.n_columns > 1 && other < s.n_columns; other++) {
        numbers = sheet_row(&s, names[splits[other]]);
        for (size_t c = 0; c < s.n_columns; c++)
            numbers[c] =
                c == other ? (as_number){"-", ""} : count_of(across[splits[c]][splits[other]]);
    }
    sheet_print(p, &s);
    return ASSAY_OK;
}

static assay_status print_duplicates(const printer *p) {
    const as_exact_statistics *e = &p->stats->exact;
    const as_near_statistics *n = &p->stats->near;
    fprintf(p->stream, "\nexact duplicates: %s texts came earlier in the data\n",
            count_of(e->n_repeated).value);
    assay_status status = print_matrix(p, e->n_within, e->n_across, "earlier in the split");
    fprintf(p->stream, "  %s sets of equal texts, %s of them with different labels (%s texts)\n",
            count_of(e->n_groups).value, count_of(e->n_conflicts).value,
            count_of(e->n_conflict_texts).value);
    if (status != ASSAY_OK || !n->made)
        return status;
    fprintf(p->stream, "\nnear duplicates: %s texts have one (equal texts included)\n",
            count_of(n->n_texts).value);
    status = print_matrix(p, n->n_within, n->n_across, "another in the split");
    fprintf(p->stream, "  %s pairs of different texts, %s of them with different labels\n",
            count_of(n->n_pairs).value, count_of(n->n_conflicts).value);
    fprintf(p->stream,
            "  Jaccard similarity of word 5-grams at least %g; a pair right at it is found\n"
            "  with probability %.4f, and every pair reported was verified\n",
            n->threshold, n->expected_recall);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static assay_status print_statistics(const printer *p) {
    assay_status status = print_texts(p);
    if (status == ASSAY_OK)
        status = print_measure(p, "characters (code points)", &p->stats->characters);
    if (status == ASSAY_OK)
        status = print_measure(p, "words (between white space)", &p->stats->words);
    for (size_t t = 0; status == ASSAY_OK && t < p->stats->n_tokenizers; t++)
        status = print_tokens(p, t);
    if (status == ASSAY_OK)
        status = print_words(p);
    return status == ASSAY_OK ? print_duplicates(p) : status;
}

static assay_status print_steps(const printer *p) {
    const as_data_stats_view *v = p->view;
    sheet s = {{"texts changed", "emptied", "characters removed"}, .n_columns = 3};
    assay_status status = sheet_open(p, &s, v->n_steps);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < v->n_steps; i++) {
        as_number *numbers = sheet_row(&s, v->steps[i].step);
        numbers[0] = count_of(v->steps[i].changed);
        numbers[1] = count_of(v->steps[i].emptied);
        numbers[2] = count_of(v->steps[i].characters_removed);
    }
    fputs("\ncleaning, step by step\n", p->stream);
    sheet_print(p, &s);
    fputs("\nAfter cleaning\n", p->stream);
    return ASSAY_OK;
}

static assay_status print_heading(const printer *p) {
    const as_data_stats_view *v = p->view;
    const char *name = as_shown_text(p->arena, v->manifest->name, 0);
    const char *source = as_shown_text(p->arena, v->source, 0);
    const char *license = as_shown_text(p->arena, v->manifest->license, 0);
    if (!name || !source || !license)
        return no_memory(p->error);
    fprintf(p->stream, "%s  %s texts, %s classes, from %s\n", name,
            count_of(v->dataset->n_rows).value, count_of(v->dataset->n_labels).value, source);
    fprintf(p->stream, "sha256 %s\n       %s; license %s\n", v->dataset->sha256.text,
            as_data_identity(v), license);
    if (v->dataset->n_replaced) {
        const char *first = as_shown_text(p->arena, v->dataset->first_replaced, 0);
        fprintf(p->stream, "%s bytes did not fit the encoding and became U+FFFD; the first: %s\n",
                count_of(v->dataset->n_replaced).value, first ? first : "");
    }
    fputc('\n', p->stream);
    return ASSAY_OK;
}

assay_status as_data_stats_print(as_arena *arena, const as_data_stats_view *view, FILE *stream,
                                 int width, assay_error *error) {
    printer p = {arena, view, view->raw, stream, width, NULL, view->dataset->n_labels, error};
    p.n_labels = p.n_labels < MOST_LABELS ? p.n_labels : MOST_LABELS;
    p.labels = as_arena_alloc_array(arena, p.n_labels, sizeof *p.labels);
    if (!p.labels)
        return no_memory(error);
    for (uint32_t k = 0; k < p.n_labels; k++)
        if (!(p.labels[k] = as_shown_text(arena, view->dataset->labels[k], NAME_WIDTH)))
            return no_memory(error);
    assay_status status = print_heading(&p);
    if (status == ASSAY_OK)
        status = print_statistics(&p);
    if (status == ASSAY_OK && view->wordpiece_missing)
        as_print_wrapped(stream, "\n", "  ", view->wordpiece_missing, width);
    if (status != ASSAY_OK || !view->cleaned)
        return status;
    status = print_steps(&p);
    p.stats = view->cleaned;
    return status == ASSAY_OK ? print_statistics(&p) : status;
}
