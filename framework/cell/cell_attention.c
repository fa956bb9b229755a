/* SPDX-License-Identifier: MIT */
/* attention.json of a cell (the suite's measure.attention): for half of that many test texts, the
 * errors that the model is surest of; for the rest, texts that it gets right, drawn from the seed.
 * A model without attention, and one that computes by itself, has none. */
#include "base/error.h"
#include "base/random.h"
#include "cell/cell.h"
#include "data/tokenizers/spans.h"
#include "results/record/attention.h"
#include "train/attention.h"
#include "train/engine.h"

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "attention", "no memory for its texts");
}

/* ---- which texts ----------------------------------------------------------------------------- */

/* Test rows by place in the split; the record's predictions of them stand behind the validation's.
 */
typedef struct choice {
    const as_row *rows;
    const as_prediction *answers;
    uint32_t n_rows;
    uint32_t *places; /* [n_rows] those chosen first */
    size_t n;         /* chosen */
} choice;

static bool is_right(const choice *c, uint32_t place) {
    return c->answers[place].predicted == c->answers[place].label;
}

/* Surest first; equally sure ones as they stand. */
static bool is_surer(const choice *c, uint32_t a, uint32_t b) {
    double x = as_prediction_share(&c->answers[a]), y = as_prediction_share(&c->answers[b]);
    return x != y ? x > y : a < b;
}

/* Keeps the `most` surest errors in list, sorted; returns how many there are. */
static size_t find_errors(const choice *c, uint32_t *list, size_t most) {
    size_t n = 0;
    for (uint32_t place = 0; place < c->n_rows; place++) {
        if (is_right(c, place) || most == 0 || (n == most && !is_surer(c, place, list[n - 1])))
            continue;
        size_t i = n < most ? n++ : most - 1;
        for (; i > 0 && is_surer(c, place, list[i - 1]); i--)
            list[i] = list[i - 1];
        list[i] = place;
    }
    return n;
}

/* Up to `most` of those that are right, in the order of a draw. */
static size_t draw_rights(const choice *c, uint64_t seed, uint32_t *all, uint32_t *list,
                          size_t most) {
    as_random random = as_random_init(seed, as_hash64("attention"));
    size_t n_right = 0, n = 0;
    for (uint32_t place = 0; place < c->n_rows; place++)
        if (is_right(c, place))
            all[n_right++] = place;
    as_random_shuffle(&random, all, n_right);
    for (; n < most && n < n_right; n++)
        list[n] = all[n];
    return n;
}

static assay_status choose(as_cell *cell, size_t most, choice *ret_choice, assay_error *error) {
    const as_split_rows *test = &cell->data->splits[AS_SPLIT_TEST];
    const as_record *record = cell->record;
    choice c = {.rows = test->rows, .n_rows = test->n_rows};
    c.answers = record->predictions + (record->n_predictions - test->n_rows);
    uint32_t *all = as_arena_alloc_array(cell->arena, c.n_rows, sizeof *all);
    c.places = as_arena_alloc_array(cell->arena, most, sizeof *c.places);
    if (!all || !c.places)
        return no_memory(error);
    c.n = find_errors(&c, c.places, (most + 1) / 2);
    c.n += draw_rights(&c, cell->spec.seed, all, c.places + c.n, most - c.n);
    *ret_choice = c;
    return ASSAY_OK;
}

/* ---- one text -------------------------------------------------------------------------------- */

static assay_status fill_text(as_cell *cell, const choice *c, size_t i, const double *weights,
                              as_attended_text *text, assay_error *error) {
    const as_row *row = &c->rows[c->places[i]];
    const as_prediction *answer = &c->answers[c->places[i]];
    size_t n = (size_t)row->n_ids;
    as_token_span *spans = as_arena_alloc_array(cell->arena, n, sizeof *spans);
    *text = (as_attended_text){.index = row->index,
                               .label = answer->label,
                               .predicted = answer->predicted,
                               .probability = as_prediction_share(answer),
                               .n_bytes = (int64_t)row->n_bytes,
                               .tokens = as_arena_alloc_array(cell->arena, n, sizeof *text->tokens),
                               .n_tokens = n};
    if (!spans || !text->tokens)
        return no_memory(error);
    assay_status status =
        as_encoder_spans(cell->data->encoder, row->text, row->n_bytes, row->n_ids, spans, error);
    for (size_t k = 0; status == ASSAY_OK && k < n; k++)
        text->tokens[k] =
            (as_attended_token){row->ids[k], spans[k].begin, spans[k].end, weights[k]};
    return status;
}

/* All weights, text by text, then everything else. */
static assay_status fill_texts(as_cell *cell, const choice *c, as_attention_reader *reader,
                               as_attended *attended, assay_error *error) {
    const as_row **rows = as_arena_alloc_array(cell->arena, c->n, sizeof *rows);
    double **weights = as_arena_alloc_array(cell->arena, c->n, sizeof *weights);
    attended->texts = as_arena_alloc_array(cell->arena, c->n, sizeof *attended->texts);
    if (!rows || !weights || !attended->texts)
        return no_memory(error);
    for (size_t i = 0; i < c->n; i++) {
        rows[i] = &c->rows[c->places[i]];
        weights[i] = as_arena_alloc_array(cell->arena, (size_t)rows[i]->n_ids, sizeof **weights);
        if (!weights[i])
            return no_memory(error);
    }
    assay_status status = as_attention_read(reader, rows, c->n, weights, error);
    for (size_t i = 0; status == ASSAY_OK && i < c->n; i++)
        status = fill_text(cell, c, i, weights[i], &attended->texts[i], error);
    attended->n_texts = c->n;
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static assay_status read_and_write(as_cell *cell, as_attention_reader *reader, assay_error *error) {
    const as_attention *attention = as_attention_of(reader);
    const assay_graph_view *view = as_graph_view(as_engine_graph(cell->engine));
    choice c = {0};
    as_attended attended = {.cell = cell->spec.name,
                            .entry = cell->spec.entry->name,
                            .model = cell->model.descriptor->id,
                            .operation = as_op_name(view->nodes[attention->node].op),
                            .node = attention->node,
                            .heads = attention->heads,
                            .query = as_attention_query_name(attention->query)};
    as_cell_stage(cell, "attention");
    assay_status status = choose(cell, cell->suite->measure_attention, &c, error);
    if (status == ASSAY_OK)
        status = fill_texts(cell, &c, reader, &attended, error);
    return status == ASSAY_OK ? as_attended_write(&attended, cell->work, error) : status;
}

assay_status as_cell_attention(as_cell *cell, assay_error *error) {
    as_attention_reader *reader = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    if (cell->suite->measure_attention == 0 || cell->data->splits[AS_SPLIT_TEST].n_rows == 0)
        return ASSAY_OK;
    if (!cell->engine) {
        as_cell_warn(cell, "measure.attention: the model computes by itself, so its weights are "
                           "not the host's to read");
        return ASSAY_OK;
    }
    assay_status status = as_attention_open(cell->arena, cell->engine, &reader, &why);
    if (status == ASSAY_NOT_FOUND) {
        fprintf(cell->log, "attention: the model has none\n");
        return ASSAY_OK;
    }
    if (status == ASSAY_UNSUPPORTED) {
        as_cell_warn(cell, "measure.attention: %s: %s", why.where, why.text);
        return ASSAY_OK;
    }
    if (status != ASSAY_OK)
        return assay_fail(error, status, why.where, why.text);
    status = read_and_write(cell, reader, error);
    as_attention_close(reader);
    return status;
}
