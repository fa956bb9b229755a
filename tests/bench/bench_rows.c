/* SPDX-License-Identifier: MIT */
/* bench_rows.c: rows for the training benchmarks. */
#include "bench_rows.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static int add_row(bench_rows *list, as_split to, const int32_t *ids, int32_t n_ids,
                   int32_t label) {
    bench_split *split = &list->splits[to];
    if (split->n == split->room) {
        size_t room = split->room ? 2 * split->room : 1024;
        as_row *rows = realloc(split->rows, room * sizeof *rows);
        if (!rows)
            return 0;
        split->rows = rows;
        split->room = room;
    }
    for (int32_t t = 0; t < n_ids; t++)
        list->max_id = ids[t] > list->max_id ? ids[t] : list->max_id;
    split->longest = n_ids > split->longest ? n_ids : split->longest;
    split->n_tokens += (uint64_t)n_ids;
    list->max_label = label > list->max_label ? label : list->max_label;
    split->rows[split->n] = (as_row){.text = "",
                                     .name = "",
                                     .ids = ids,
                                     .n_ids = n_ids,
                                     .label = label,
                                     .index = (uint32_t)split->n};
    split->n++;
    return 1;
}

/* AS_SPLIT_COUNT: no split's name. */
static as_split split_named(const char *name) {
    as_split split = 0;
    while (split < AS_SPLIT_COUNT && (!name || strcmp(name, as_split_name(split)) != 0))
        split++;
    return split;
}

/* One line of the file; 0 when it is malformed. */
static int read_line(bench_rows *list, const char *line) {
    json_t *json = json_loads(line, 0, NULL);
    as_split split = split_named(json_string_value(json_object_get(json, "split")));
    json_t *ids = json_object_get(json, "ids"), *label = json_object_get(json, "label");
    size_t n = json_array_size(ids);
    int32_t *numbers = n && split < AS_SPLIT_COUNT && json_is_integer(label)
                           ? as_arena_alloc_array(list->arena, n, sizeof *numbers)
                           : NULL;
    for (size_t i = 0; numbers && i < n; i++)
        numbers[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    int good =
        numbers && add_row(list, split, numbers, (int32_t)n, (int32_t)json_integer_value(label));
    json_decref(json);
    return good;
}

int bench_read_rows(bench_rows *rows, const char *path) {
    char *line = NULL;
    size_t size = 0, n_line = 0;
    FILE *file = fopen(path, "re");
    int good = file != NULL;
    if (!file)
        perror(path);
    while (good && getline(&line, &size, file) >= 0) {
        n_line++;
        good = read_line(rows, line);
        if (!good)
            fprintf(stderr,
                    "%s:%zu: expected {\"split\": \"train\", \"label\": N, \"ids\": [N, ...]}\n",
                    path, n_line);
    }
    free(line);
    if (file)
        fclose(file);
    return good;
}

int bench_make_rows(bench_rows *rows, uint32_t n, int32_t tokens, int32_t vocabulary) {
    as_random random = as_random_init(1, as_hash64("bench_train"));
    for (uint32_t row = 0; row < n; row++) {
        int32_t n_ids = tokens ? tokens : 60 + (int32_t)as_random_below(&random, 197);
        int32_t *ids = as_arena_alloc_array(rows->arena, (size_t)n_ids, sizeof *ids);
        if (!ids)
            return 0;
        for (int32_t t = 0; t < n_ids; t++)
            ids[t] = 1 + (int32_t)as_random_below(&random, (uint32_t)vocabulary - 1);
        if (!add_row(rows, AS_SPLIT_TRAIN, ids, n_ids, (int32_t)(row % 2)))
            return 0;
    }
    return 1;
}

as_split_rows bench_split_of(const bench_rows *rows, as_split split, uint32_t most) {
    const bench_split *from = &rows->splits[split];
    uint32_t n = most && most < from->n ? most : (uint32_t)from->n;
    as_split_rows made = {.split = split, .n_rows = n, .rows = from->rows};
    for (uint32_t i = 0; i < n; i++) {
        made.n_tokens += (uint64_t)from->rows[i].n_ids;
        made.longest = from->rows[i].n_ids > made.longest ? from->rows[i].n_ids : made.longest;
    }
    return made;
}

void bench_rows_free(bench_rows *rows) {
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        free(rows->splits[s].rows);
}
