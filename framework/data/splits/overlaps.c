/* SPDX-License-Identifier: MIT */
/* Overlaps by digest: a table of one split's texts at one stage, in which the rows of another are
 * looked up. Test is judged first, against train; then validation, against train and the test rows
 * that stay, so that what a removal names as its twin is still there. */
#include "data/splits/overlaps.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"

static const char place[] = "data/overlaps";

const char *as_stage_name(as_stage stage) {
    static const char *const names[] = {"raw", "cleaned", "filtered"};
    return (unsigned)stage < AS_STAGE_COUNT ? names[stage] : "unknown";
}

as_text_digest as_text_digest_of(const char *text, size_t n_bytes) {
    as_text_digest digest;
    crypto_generichash(digest.bytes, sizeof digest.bytes, (const unsigned char *)text, n_bytes,
                       NULL, 0);
    return digest;
}

/* ---- table of texts ---------------------------------------------------------------------------*/

/* Open addressing, at most half full. */
typedef struct text_table {
    const as_row_texts *texts;
    as_stage stage;
    uint32_t *slots; /* row + 1; 0: free */
    size_t mask;
} text_table;

static bool table_init(text_table *table, const as_row_texts *texts, uint32_t n_rows) {
    size_t capacity = 16;
    while (capacity < 2 * (size_t)n_rows)
        capacity *= 2;
    *table = (text_table){
        .texts = texts, .slots = malloc(capacity * sizeof *table->slots), .mask = capacity - 1};
    return table->slots;
}

static void table_clear(text_table *table, as_stage stage) {
    memset(table->slots, 0, (table->mask + 1) * sizeof *table->slots);
    table->stage = stage;
}

/* The slot of a row's text: free, or holding the first row with that text. */
static uint32_t *table_slot(const text_table *table, uint32_t row) {
    const as_text_digest *digest = &table->texts[row].digest[table->stage];
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof hash);
    size_t i = (size_t)hash & table->mask;
    while (table->slots[i] &&
           memcmp(&table->texts[table->slots[i] - 1].digest[table->stage], digest, sizeof *digest))
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

/* ---- finding ----------------------------------------------------------------------------------*/

/* Why a row leaves its split. */
typedef struct verdict {
    bool overlaps;
    as_stage stage;
    as_split other_split;
    uint32_t other_row;
} verdict;

typedef struct finder {
    const as_row_texts *texts;
    as_selection *selection;
    text_table table;
    verdict *verdicts[AS_SPLIT_COUNT]; /* [n_rows]; of train: never set */
    as_overlaps found;
} finder;

/* Puts a split's rows that are neither blank nor judged into the table; returns how many had a text
 * that was there. */
static uint32_t fill_table(finder *f, as_split split, as_stage stage) {
    uint32_t n_repeated = 0;
    table_clear(&f->table, stage);
    for (uint32_t i = 0; i < f->selection->n_rows[split]; i++) {
        uint32_t row = f->selection->rows[split][i];
        if (f->texts[row].blank || f->verdicts[split][i].overlaps)
            continue;
        uint32_t *slot = table_slot(&f->table, row);
        if (*slot)
            n_repeated++;
        else
            *slot = row + 1;
    }
    return n_repeated;
}

/* Rows of `later` whose text is in the table, filled from `earlier`; with `judge` each gets its
 * verdict, unless it has one from an earlier stage (or from train, asked first). */
static uint32_t look_up(finder *f, as_split later, as_split earlier, bool judge) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->selection->n_rows[later]; i++) {
        uint32_t row = f->selection->rows[later][i];
        uint32_t other = f->texts[row].blank ? 0 : *table_slot(&f->table, row);
        verdict *v = &f->verdicts[later][i];
        n += other != 0;
        if (other && judge && (!v->overlaps || f->table.stage < v->stage))
            *v = (verdict){true, f->table.stage, earlier, other - 1};
    }
    return n;
}

static void count(finder *f) {
    as_overlaps *o = &f->found;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < f->selection->n_rows[s]; i++)
            o->n_blank[s] += f->texts[f->selection->rows[s][i]].blank;
    for (int k = 0; k < AS_STAGE_COUNT; k++) {
        as_stage stage = (as_stage)k;
        o->duplicates_within[k][AS_SPLIT_TRAIN] = fill_table(f, AS_SPLIT_TRAIN, stage);
        o->test_in_train[k] = look_up(f, AS_SPLIT_TEST, AS_SPLIT_TRAIN, false);
        o->validation_in_train[k] = look_up(f, AS_SPLIT_VALIDATION, AS_SPLIT_TRAIN, false);
        o->duplicates_within[k][AS_SPLIT_TEST] = fill_table(f, AS_SPLIT_TEST, stage);
        if (!f->selection->validation_is_test)
            o->validation_in_test[k] = look_up(f, AS_SPLIT_VALIDATION, AS_SPLIT_TEST, false);
        o->duplicates_within[k][AS_SPLIT_VALIDATION] = fill_table(f, AS_SPLIT_VALIDATION, stage);
    }
}

static void judge(finder *f) {
    for (int k = 0; k < AS_STAGE_COUNT; k++) {
        fill_table(f, AS_SPLIT_TRAIN, (as_stage)k);
        look_up(f, AS_SPLIT_TEST, AS_SPLIT_TRAIN, true);
        look_up(f, AS_SPLIT_VALIDATION, AS_SPLIT_TRAIN, true);
    }
    for (int k = 0; k < AS_STAGE_COUNT; k++) {
        fill_table(f, AS_SPLIT_TEST, (as_stage)k);
        look_up(f, AS_SPLIT_VALIDATION, AS_SPLIT_TEST, true);
    }
}

/* ---- removal ----------------------------------------------------------------------------------*/

static bool leaves(const finder *f, int split, uint32_t i) {
    return f->texts[f->selection->rows[split][i]].blank || f->verdicts[split][i].overlaps;
}

static int compare_removals(const void *a, const void *b) {
    const as_removal *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

static assay_status check_what_stays(const finder *f, uint32_t *ret_n_removals,
                                     assay_error *error) {
    uint32_t total = 0;
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        uint32_t n = 0, n_rows = f->selection->n_rows[s];
        if (s == AS_SPLIT_VALIDATION && f->selection->validation_is_test)
            continue; /* goes with test */
        for (uint32_t i = 0; i < n_rows; i++)
            n += leaves(f, s, i);
        total += n;
        if (n && n == n_rows)
            return as_fail(error, ASSAY_BAD_DATA, place,
                           "all %u rows of the split \"%s\" are blank after cleaning or stand in "
                           "an earlier split; choose other splits or another cleaning",
                           n_rows, as_split_name((as_split)s));
    }
    *ret_n_removals = total;
    return ASSAY_OK;
}

static void remove_from(finder *f, as_split split) {
    uint32_t *rows = f->selection->rows[split], n_kept = 0;
    for (uint32_t i = 0; i < f->selection->n_rows[split]; i++) {
        const verdict *v = &f->verdicts[split][i];
        if (!leaves(f, (int)split, i))
            rows[n_kept++] = rows[i];
        else if (f->texts[rows[i]].blank)
            f->found.removals[f->found.n_removals++] =
                (as_removal){split, rows[i], AS_REMOVAL_BLANK, AS_STAGE_FILTERED, split, rows[i]};
        else
            f->found.removals[f->found.n_removals++] = (as_removal){
                split, rows[i], AS_REMOVAL_OVERLAP, v->stage, v->other_split, v->other_row};
    }
    f->selection->n_rows[split] = n_kept;
}

static assay_status remove_all(as_arena *arena, finder *f, assay_error *error) {
    as_selection *s = f->selection;
    uint32_t n = 0;
    judge(f);
    assay_status status = check_what_stays(f, &n, error);
    if (status != ASSAY_OK)
        return status;
    f->found.removals = as_arena_alloc_array(arena, n, sizeof *f->found.removals);
    if (!f->found.removals)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, place, "no memory to list removals");
    remove_from(f, AS_SPLIT_TRAIN);
    remove_from(f, AS_SPLIT_TEST);
    if (s->validation_is_test)
        s->n_rows[AS_SPLIT_VALIDATION] = s->n_rows[AS_SPLIT_TEST]; /* they share the rows */
    else
        remove_from(f, AS_SPLIT_VALIDATION);
    qsort(f->found.removals, f->found.n_removals, sizeof *f->found.removals, compare_removals);
    return ASSAY_OK;
}

assay_status as_overlaps_find(as_arena *arena, const as_dataset *dataset, const as_row_texts *texts,
                              bool remove, as_selection *selection, as_overlaps *ret_overlaps,
                              assay_error *error) {
    finder f = {.texts = texts, .selection = selection};
    uint32_t most = 0;
    bool allocated = true;
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        uint32_t n = selection->n_rows[s];
        most = n > most ? n : most;
        f.verdicts[s] = calloc((size_t)n + 1, sizeof *f.verdicts[s]);
        allocated = allocated && f.verdicts[s];
    }
    assert(most <= dataset->n_rows);
    allocated = table_init(&f.table, texts, most) && allocated;
    assay_status status =
        allocated ? ASSAY_OK
                  : assay_fail(error, ASSAY_OUT_OF_MEMORY, place, "no memory to look for overlaps");
    if (status == ASSAY_OK)
        count(&f);
    if (status == ASSAY_OK && remove)
        status = remove_all(arena, &f, error);
    if (status == ASSAY_OK)
        *ret_overlaps = f.found;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        free(f.verdicts[s]);
    free(f.table.slots);
    return status;
}

/* ---- list of removals -------------------------------------------------------------------------*/

/* A field as RFC 4180 has it: in quotes where it needs them, quotes doubled. */
static void write_field(FILE *stream, const char *text) {
    size_t n = strlen(text);
    if (!strpbrk(text, ",\"\r\n") && text[0] != ' ' && (!n || text[n - 1] != ' ')) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

/* `row` and `other` are of the whole data set. */
static void write_removal(FILE *stream, const as_dataset *dataset, const as_removal *r,
                          uint32_t row, uint32_t other) {
    static const char *const reasons[] = {"overlap", "blank", "filtered"};
    fprintf(stream, "%s,%u,", as_split_name(r->split), row);
    write_field(stream, dataset->rows[row].name);
    fputc(',', stream);
    write_field(stream, dataset->labels[dataset->rows[row].label]);
    fprintf(stream, ",%s,", reasons[r->reason]);
    if (r->reason == AS_REMOVAL_OVERLAP) {
        fprintf(stream, "%s,%s,%u,", as_stage_name(r->stage), as_split_name(r->other_split), other);
        write_field(stream, dataset->rows[other].name);
    } else {
        fputs(",,,", stream);
    }
    fputc('\n', stream);
}

void as_removals_write_csv(FILE *stream, const as_dataset *dataset, const uint32_t *indices,
                           const as_removal *filtered, uint32_t n_filtered,
                           const as_overlaps *overlaps) {
    fputs("split,index,name,label,reason,stage,other_split,other_index,other_name\n", stream);
    for (uint32_t i = 0; i < n_filtered; i++)
        write_removal(stream, dataset, &filtered[i], filtered[i].row, 0);
    for (uint32_t i = 0; i < overlaps->n_removals; i++) {
        const as_removal *r = &overlaps->removals[i];
        write_removal(stream, dataset, r, indices[r->row], indices[r->other_row]);
    }
}
