/* SPDX-License-Identifier: MIT */
/* Answers alone are read as strictly as all probabilities, and say the same; a filter reaches every
 * text that is shown, and none that the files are held together by. */
#include "fixture.h"

static char *write_cell(const char *cells, const char *name) {
    char *folder = NULL;
    fixture_cell cell = fixture_default("gru", 1, 0x3fffffff);
    as_record *r = fixture_record(&cell);
    cr_assert(asprintf(&folder, "%s/%s", cells, name) > 0);
    cr_assert_eq(as_make_folders(folder, NULL), ASSAY_OK);
    cr_assert_eq(as_record_write(r, folder, NULL), ASSAY_OK);
    as_record_free(r);
    return folder;
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
}

static void remove_all(char *folder) {
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
    free(folder);
}

Test(reading, answers_are_those_of_all) {
    char *root = fixture_folder(), *folder = write_cell(root, "cell");
    as_record *all = NULL, *answers = NULL;
    cr_assert_eq(as_record_read(folder, AS_RAW_ALL, &all, NULL), ASSAY_OK);
    cr_assert_eq(as_record_read(folder, AS_RAW_ANSWERS, &answers, NULL), ASSAY_OK);
    cr_assert_eq(all->n_predictions, answers->n_predictions);
    for (size_t i = 0; i < all->n_predictions; i++) {
        cr_assert_eq(all->predictions[i].predicted, answers->predictions[i].predicted);
        cr_assert_null(answers->predictions[i].probabilities);
        cr_assert_eq(as_prediction_share(&all->predictions[i]),
                     as_prediction_share(&answers->predictions[i]));
    }
    cr_assert_eq(all->n_queries, answers->n_queries);
    as_record_free(all);
    as_record_free(answers);
    free(folder);
    remove_all(root);
}

/* The middle field is not the predicted class's, so ANSWERS has no use for it. */
Test(reading, what_is_passed_over_is_checked) {
    static const struct {
        const char *field;
        int good;
    } cases[] = {
        {"0", 1},
        {"1", 1},
        {"0.25", 1},
        {"0.2500000001", 1},
        {"1.5e-07", 1},
        {"9.9e-01", 1},
        {"", 1},
        {"0.12345678901234567890", 1},
        {"1.00001", 1},
        {"0e-05", 1},
        {"\"0.5\"", 1},
        {"2", 0},
        {"1.5", 0},
        {"-0.1", 0},
        {"0.5x", 0},
        {"0.", 1},
        {"9.9e-00", 0},
        {"1e5", 0},
        {"0.1.2", 0},
        {"nan", 0},
        {"0.1 ", 0},
        {"0.123456789/", 0},
        {"0.12345678:9", 0},
        {".", 0},
    };
    char *root = fixture_folder(), *folder = write_cell(root, "cell");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[8192] = "split,index,label,predicted,noun.act,\"it's, \"\"quoted\"\"\","
                          "caf\xc3\xa9\n";
        for (int row = 0; row < FIXTURE_ROWS; row++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "test,%d,0,0,0.6,%s,0.2\n",
                     row, row == 50 ? cases[i].field : "0.200000003");
        write_text(folder, "predictions.csv", text);
        for (int raw = AS_RAW_ALL; raw <= AS_RAW_ANSWERS; raw++) {
            as_record *r = NULL;
            assay_error error = ASSAY_ERROR_INIT;
            assay_status status = as_record_read(folder, raw, &r, &error);
            cr_assert_eq(status, cases[i].good ? ASSAY_OK : ASSAY_BAD_DATA, "\"%s\", %d: %s",
                         cases[i].field, raw, error.text);
            cr_assert(cases[i].good || strstr(error.text, "line 52"), "%s", error.text);
            as_record_free(r);
        }
    }
    free(folder);
    remove_all(root);
}

/* "gru" as "(model)", as part of a text too. */
static const char *replace(void *context, const char *text) {
    const char *at = strstr(text, "gru");
    char *other = at ? as_arena_alloc(context, strlen(text) + 8) : NULL;
    if (other)
        sprintf(other, "%.*s(model)%s", (int)(at - text), text, at + 3);
    return other ? other : text;
}

Test(reading, a_filter_reaches_what_is_shown) {
    static const char json[] =
        "{\"schema_version\": 1, \"suite\": {\"title\": \"the gru\", \"notes\": [\"a\", \"gru\"]},"
        " \"suite_sha256\": \"gru\", \"cells\": [{\"name\": \"gru-1\", \"entry\": \"gru\","
        " \"backend\": \"gru\", \"dtype\": \"f32\", \"seed\": 1, \"status\": \"ok\"}]}";
    char *root = fixture_folder(), *cells = NULL;
    cr_assert(asprintf(&cells, "%s/my-gru/cells", root) > 0);
    char *folder = write_cell(cells, "gru-1");
    cells[strlen(cells) - strlen("/cells")] = '\0';
    write_text(cells, "run.json", json);
    as_arena *arena = as_arena_new();
    as_run *run = NULL;
    const as_run_filter filter = {arena, replace};
    cr_assert_eq(as_run_read_as(cells, AS_RAW_ANSWERS, &filter, &run, NULL), ASSAY_OK);
    const as_record *r = run->cells[0];
    char *real = as_run_cell_folder(run, r);
    cr_assert_str_eq(real, folder);
    cr_assert_str_eq(as_run_name(run), "my-(model)");
    cr_assert_str_eq(r->cell, "(model)-1");
    cr_assert_str_eq(r->entry, "(model)");
    cr_assert_str_eq(r->model.id, "gru");
    cr_assert_str_eq(json_string_value(json_object_get(run->suite, "title")), "the (model)");
    cr_assert_str_eq(json_string_value(json_object_get(run->json, "suite_sha256")), "gru");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(run->suite, "notes"), 1)),
                     "(model)");
    cr_assert_gt(r->n_predictions, 0);
    as_run_free(run);
    as_arena_free(arena);
    free(real);
    free(folder);
    free(cells);
    remove_all(root);
}
