/* SPDX-License-Identifier: MIT */
/* The shape map of each model: what happens to a text from token ids to logits, node by node, with
 * the parameters at each; layers that repeat are shown once. Models that compute by themselves, and
 * runs from before graph.json, have none. */
#include "report/sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/shape_blocks.h"

/* A map that several entries may have. It is read again when it is its turn: a hundred entries'
 * maps need not be in memory together. */
typedef struct shown {
    as_sha256_hex digest;        /* of model and nodes */
    const as_record *record;     /* whose graph.json it is */
    const as_row_summary **rows; /* [n_rows] entries with this map */
    size_t n_rows;
} shown;

/* ---- one map --------------------------------------------------------------------------------- */

static void add_reads(as_page *page, const as_shape_node *node) {
    as_page_cell(page);
    for (size_t i = 0; i < node->n_reads; i++) {
        if (node->reads[i].node >= 0)
            as_page_format(page, "%s%" PRId64, i ? ", " : "", node->reads[i].node);
        else
            as_page_format(page, "%s%s", i ? ", " : "", node->reads[i].name);
    }
    if (node->n_reads == 0)
        as_page_text(page, NULL);
}

/* "heads 12, probability 0.1; encoder.q.weight [768, 768] and 1 more" */
static void add_note(as_page *page, const as_shape_node *node) {
    as_page_cell(page);
    as_page_text(page, node->note);
    if (node->n_parameters == 0)
        return;
    const as_shape_parameter *p = &node->parameters[0];
    if (node->note[0])
        as_page_text(page, "; ");
    as_page_name(page, p->name);
    if (p->rank == 2)
        as_page_format(page, " [%" PRId64 ", %" PRId64 "]", p->dims[0], p->dims[1]);
    else
        as_page_format(page, " [%" PRId64 "]", p->dims[0]);
    if (node->n_parameters > 1)
        as_page_format(page, " and %zu more", node->n_parameters - 1);
    if (p->shared)
        as_page_text(page, ", shared with an earlier node");
    if (!p->trainable)
        as_page_text(page, ", not trained");
}

static void add_node(as_page *page, const as_record *record, const as_shape_map *map, size_t index,
                     size_t times) {
    const as_shape_node *node = &map->nodes[index];
    as_page_row(page);
    as_page_cell(page);
    as_page_number(page, (double)index, as_page_print(page, "%zu", index));
    as_page_from_cell(page, record, "graph.json", "nodes.node", NULL);
    as_page_cell_text(page, node->operation);
    add_reads(page, node);
    as_page_cell(page);
    as_page_format(page, "[%s, ", node->of_rows ? "B" : "N");
    as_page_number(page, (double)node->channels, as_page_print(page, "%" PRId64, node->channels));
    as_page_from_cell(page, record, "graph.json", "nodes.shape", NULL);
    as_page_text(page, "]");
    as_page_cell_count(page, node->n_elements);
    as_page_from_cell(page, record, "graph.json", "nodes.n_parameters", NULL);
    as_page_cell_count(page, (int64_t)times);
    as_page_from_cell(page, record, "graph.json", "nodes", "equal layers in a row");
    add_note(page, node);
}

static void add_blocks(as_page *page, const as_record *record, const as_shape_map *map) {
    size_t n = 0;
    const as_shape_block *blocks = as_shape_blocks(page->arena, map, &n);
    page->failed = page->failed || !blocks;
    for (size_t b = 0; blocks && b < n; b++)
        for (size_t i = 0; i < blocks[b].n_nodes; i++)
            add_node(page, record, map, blocks[b].first + i, blocks[b].times);
}

static void add_map(as_page *page, const shown *s, const as_shape_map *map, size_t number) {
    as_page_details(page);
    as_page_name(page, map->model);
    as_page_text(page, s->n_rows > 1 ? ": entries " : ": entry ");
    for (size_t k = 0; k < s->n_rows; k++) {
        if (k)
            as_page_text(page, ", ");
        as_page_name(page, s->rows[k]->name);
    }
    as_page_paragraph(page);
    as_page_count(page, (int64_t)map->n_nodes);
    as_page_from_cell(page, s->record, "graph.json", "nodes", "counted");
    as_page_text(page, " nodes, ");
    as_page_count(page, map->parameters_total);
    as_page_from_cell(page, s->record, "graph.json", "parameters.total", NULL);
    as_page_text(page, " parameters, ");
    as_page_count(page, map->parameters_trainable);
    as_page_from_cell(page, s->record, "graph.json", "parameters.trainable", NULL);
    as_page_text(page, " of them trained.");
    as_page_table(page, as_page_print(page, "shapes-%zu", number),
                  as_page_print(page, "Shape map of %s", map->model));
    as_page_column(page, "node", AS_COLUMN_NUMBER);
    as_page_column(page, "operation", AS_COLUMN_TEXT);
    as_page_column(page, "reads", AS_COLUMN_TEXT);
    as_page_column(page, "result", AS_COLUMN_TEXT);
    as_page_column(page, "parameters", AS_COLUMN_NUMBER);
    as_page_column_about(page, "of one node; times how often it stands there, summed: the model's");
    as_page_column(page, "times", AS_COLUMN_NUMBER);
    as_page_column(page, "note", AS_COLUMN_TEXT);
    add_blocks(page, s->record, map);
    as_page_details_end(page);
}

/* ---- those of a run -------------------------------------------------------------------------- */

/* The map of the row's first cell that has one; NOT_FOUND. */
static assay_status find_map(const as_section_input *in, const as_row_summary *row,
                             as_shape_map **ret_map, const as_record **ret_record,
                             assay_error *error) {
    for (size_t i = 0; i < row->n_records; i++) {
        assay_error found = ASSAY_ERROR_INIT;
        assay_status status = as_run_shape_map(in->run, row->records[i], ret_map, &found);
        *ret_record = row->records[i];
        if (status == ASSAY_OK)
            return status;
        if (status != ASSAY_NOT_FOUND)
            return assay_fail(error, status, found.where, found.text);
    }
    return ASSAY_NOT_FOUND;
}

static bool digest_of(const as_shape_map *map, as_sha256_hex *ret_digest) {
    json_t *key = json_pack("[s, O]", map->model, json_object_get(map->json, "nodes"));
    char *text = key ? json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(key);
    if (text)
        *ret_digest = as_sha256_bytes(text, strlen(text));
    free(text);
    return text != NULL;
}

typedef struct shown_list {
    shown *items; /* [n_rows of the summary] */
    size_t n;
} shown_list;

/* Puts a row to those that have the same map. */
static void collect(as_page *page, const as_section_input *in, shown_list *list,
                    const as_row_summary *row, const as_shape_map *map, const as_record *record) {
    as_sha256_hex digest;
    size_t k = 0;
    if (!digest_of(map, &digest)) {
        page->failed = true;
        return;
    }
    while (k < list->n && strcmp(list->items[k].digest.text, digest.text) != 0)
        k++;
    shown *s = &list->items[k];
    if (k == list->n) {
        *s = (shown){digest, record,
                     as_arena_alloc_array(page->arena, in->summary->n_rows, sizeof *s->rows), 0};
        list->n++;
    }
    page->failed = page->failed || !s->rows;
    if (s->rows)
        s->rows[s->n_rows++] = row;
}

static assay_status collect_all(as_page *page, const as_section_input *in, shown_list *list,
                                assay_error *error) {
    const as_summary *summary = in->summary;
    list->items = as_arena_alloc_array(page->arena, summary->n_rows, sizeof *list->items);
    page->failed = page->failed || !list->items;
    for (size_t k = 0; list->items && k < summary->n_rows; k++) {
        as_shape_map *map = NULL;
        const as_record *record = NULL;
        if (!as_is_detailed(summary, k))
            continue;
        assay_status status = find_map(in, &summary->rows[k], &map, &record, error);
        if (status == ASSAY_OK)
            collect(page, in, list, &summary->rows[k], map, record);
        else if (status != ASSAY_NOT_FOUND)
            return status;
        as_shape_map_free(map);
    }
    return ASSAY_OK;
}

assay_status as_section_shapes(as_page *page, const as_section_input *in, assay_error *error) {
    shown_list list = {NULL, 0};
    assay_status status = collect_all(page, in, &list, error);
    if (status == ASSAY_OK && list.n > 0) {
        as_page_section(page, "shapes", "Shapes");
        as_page_paragraph(page);
        as_page_text(page, "Each model's graph from token ids to logits: N tokens of a batch, "
                           "packed without padding, or its B rows, by channels. Layers that "
                           "repeat are shown once, with how many times they stand there.");
        as_page_say_detailed(page, in->summary, "their cells' graph.json");
    }
    for (size_t k = 0; status == ASSAY_OK && k < list.n; k++) {
        as_shape_map *map = NULL;
        status = as_run_shape_map(in->run, list.items[k].record, &map, error);
        if (status == ASSAY_OK)
            add_map(page, &list.items[k], map, k + 1);
        as_shape_map_free(map);
    }
    return status;
}
