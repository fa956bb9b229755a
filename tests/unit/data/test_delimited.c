/* SPDX-License-Identifier: MIT */
/* CSV by RFC 4180 and TSV: what a field is, columns, and every way a file can be bad. */
#include "table_set.h"

#define CSV "\"format\": \"csv\", \"label\": \"label\", \"text\": [\"text\"]"
#define CSV_NUMBERS "\"format\": \"csv\", \"header\": false, \"label\": 1, \"text\": [2]"
#define TSV_NUMBERS "\"format\": \"tsv\", \"header\": false, \"label\": 1, \"text\": [2]"
typedef const char *const rows[][2];

Test(delimited, quotes_commas_and_line_breaks_belong_to_the_field) {
    table_expect(CSV, "label,text\r\n0,\"a, b\"\r\n1,\"say \"\"no\"\"\"\r\n0,\"two\r\nlines\"\r\n",
                 3, (rows){{"0", "a, b"}, {"1", "say \"no\""}, {"0", "two\r\nlines"}});
    table_expect(CSV, "text,x,label\n\"\"\"\",\"\",0\n\"\n\n\",,1", 2,
                 (rows){{"0", "\""}, {"1", "\n\n"}});
    table_expect(CSV, "\"label\",\"text\"\n\"0\",\"\"\n\"1\",", 2, (rows){{"0", ""}, {"1", ""}});
}

Test(delimited, blanks_around_a_field_are_part_of_it) {
    table_expect(CSV, "label,text\n0, a \n1,\tb\t\n", 2, (rows){{"0", " a "}, {"1", "\tb\t"}});
    table_expect_error(CSV, "label,text\n0,a\n1, \"b\"\n", "rows:3", "double quote where none may");
}

Test(delimited, columns_by_number_and_several_texts) {
    table_expect("\"format\": \"csv\", \"header\": false, \"label\": 2, \"text\": [3, 1, 3]",
                 "a,0,b\nc,1,\n", 2, (rows){{"0", "b a b"}, {"1", " c "}});
    table_expect("\"format\": \"csv\", \"label\": 2, \"text\": [\"t\", 1]", "s,l,t\na,0,b\nc,1,d\n",
                 2, (rows){{"0", "b a"}, {"1", "d c"}});
}

Test(delimited, a_byte_order_mark_and_empty_lines_are_passed_over) {
    table_expect(CSV, "\xef\xbb\xbflabel,text\n\n0,a\r\n\r\n1,b\n\n", 2,
                 (rows){{"0", "a"}, {"1", "b"}});
    table_expect(CSV, "\xef\xbb\xbf\"label\",text\n0,a\n1,\xef\xbb\xbf\n", 2,
                 (rows){{"0", "a"}, {"1", "\xef\xbb\xbf"}});
    table_expect_error(CSV,
                       "label,text\n0,a\n\xef\xbb\xbf"
                       "1,b\n",
                       "rows:3", "is not in the manifest");
}

Test(delimited, tsv_takes_quotes_as_they_stand_unless_told) {
    table_expect(TSV_NUMBERS, "0\t\"a, b\n1\t\"c\"\" \r\n", 2,
                 (rows){{"0", "\"a, b"}, {"1", "\"c\"\" "}});
    table_expect(TSV_NUMBERS ", \"quote\": true", "0\t\"a\tb\"\n1\t\"c\"\"d\"\n", 2,
                 (rows){{"0", "a\tb"}, {"1", "c\"d"}});
    table_expect(CSV_NUMBERS ", \"quote\": false", "0,\"a\n1,b\"\n", 2,
                 (rows){{"0", "\"a"}, {"1", "b\""}});
}

Test(delimited, rows_are_named_by_the_line_they_begin_on) {
    table_set t = table_read(CSV, "label,text\n0,\"a\nb\"\n1,c\n");
    table_expect_ok(t);
    cr_assert_str_eq(t.data.rows[0].name, "line 2");
    cr_assert_str_eq(t.data.rows[1].name, "line 4");
    table_done(&t);
}

Test(delimited, an_open_quote_is_told_where_it_was_opened) {
    table_expect_error(CSV, "label,text\n0,a\n1,\"b\nc\n0,d\n", "rows:3",
                       "opened here is never closed");
    table_expect_error(CSV, "label,text\n0,\"a\nb\",x\n", "rows:2", "has 3 columns; expected 2");
    table_expect_error(CSV, "label,text\n0,\"", "rows:2", "opened here is never closed");
    table_expect_error("\"format\": \"csv\", \"label\": \"l\", \"text\": [\"t\"]",
                       "l,u,t\n0,\"a\nb\",\"c\n\n", "rows:3", "opened here is never closed");
}

Test(delimited, stray_quotes_are_errors) {
    table_expect_error(CSV, "label,text\n0,a\"b\"\n", "rows:2", "in column 2");
    table_expect_error(CSV, "label,text\n0,a\n1,\"b\"c\n", "rows:3", "in column 2");
    table_expect_error(CSV, "label,text\n0,\"a\n\nb\" \n", "rows:4", "in column 2");
}

Test(delimited, ragged_rows_are_counted) {
    table_expect_error(CSV, "label,text\n0,a\n1\n", "rows:3", "has 1 columns; expected 2");
    table_expect_error(CSV, "label,text\n0,a,\n", "rows:2", "has 3 columns; expected 2");
    table_expect_error(CSV_NUMBERS, "0,a\n1,b,c\n", "rows:2", "has 3 columns; expected 2");
    table_expect_error(TSV_NUMBERS, "0\ta\n1 b\n", "rows:2", "has 1 columns; expected 2");
}

Test(delimited, a_lone_carriage_return_ends_nothing) {
    table_expect_error(CSV, "label,text\n0,a\rb\n", "rows:2",
                       "carriage return without a line feed");
    table_expect_error(CSV, "label,text\r0,a\r1,b\r", "rows:1", "carriage return without");
    table_expect_error(CSV, "label,text\n0,a\r", "rows:2", "carriage return without");
    table_expect_error(CSV, "label,text\n\r\r\n0,a\n", "rows:2", "carriage return without");
}

Test(delimited, nul_bytes_and_foreign_bytes_have_an_offset) {
    static const char nul[] = "label,text\n0,a\0b\n";
    table_expect_error_in(CSV, nul, sizeof nul - 1, ASSAY_BAD_DATA, "rows:2", "offset 14");
    static const char marked[] = "\xef\xbb\xbf"
                                 "a,\0\n";
    table_expect_error_in(CSV, marked, sizeof marked - 1, ASSAY_BAD_DATA, "rows:1", "offset 5");
    static const char utf16[] = "\xff\xfel\0a\0b\0";
    table_expect_error_in(CSV, utf16, sizeof utf16 - 1, ASSAY_BAD_DATA, "rows:1", "UTF-16");
    table_expect_error(CSV, "label,text\n0,a\n1,b\xe9\n", "rows:3", "0xe9");
    table_set t = table_read(CSV ", \"encoding\": \"latin-1\"", "label,text\n0,a\n1,b\xe9\n");
    table_expect_ok(t);
    cr_assert_str_eq(t.data.rows[1].text, "b\xc3\xa9");
    table_done(&t);
    t = table_read(CSV ", \"invalid\": \"replace\"", "label,text\n0,a\n1,b\xe9\n");
    table_expect_ok(t);
    cr_assert_str_eq(t.data.rows[1].text, "b\xef\xbf\xbd");
    cr_assert_eq(t.data.n_replaced, 1);
    cr_assert(strstr(t.data.first_replaced, "rows:3"), "%s", t.data.first_replaced);
    cr_assert(strstr(t.data.first_replaced, "18"), "%s", t.data.first_replaced);
    table_done(&t);
}

Test(delimited, missing_columns_suggest_the_nearest) {
    table_expect_error(CSV, "lable,text\n0,a\n", "rows:1",
                       "no column \"label\"; the nearest is \"lable\"");
    table_expect_error(CSV, "a,b\n0,a\n", "rows:1", "no column \"label\"; its first is \"a\"");
    table_expect_error(CSV, "label,text,label\n0,a,1\n", "rows:1", "\"label\" twice");
    table_expect_error("\"format\": \"csv\", \"label\": 3, \"text\": [2]", "a,b\n0,a\n", "rows:1",
                       "reads column 3; the first row has 2");
    table_expect_error("\"format\": \"csv\", \"header\": false, \"label\": \"x\", \"text\": [2]",
                       "a,b\n", "mine.json", "`header` is false");
}

Test(delimited, labels_are_the_manifest_s) {
    table_expect_error(CSV, "label,text\n0,a\n2,b\n", "rows:3", "\"2\"");
    table_expect_error(CSV, "label,text\n0,a\n,b\n", "rows:3", "label is empty");
}

Test(delimited, empty_files_are_errors) {
    table_expect_error(CSV, "", "rows", "holds no rows");
    table_expect_error(CSV, "\xef\xbb\xbf", "rows", "holds no rows");
    table_expect_error(CSV, "label,text\n", "rows", "holds no rows");
    table_expect_error(CSV, "\n\n", "rows", "holds no rows");
}

/* A field is bounded while it is read: by its line, by its lines together, and as text. */
Test(delimited, a_huge_field_stops_at_the_bound) {
    static const char rest[] = "\"splits\": {\"all\": \".\"}, \"labels\": [\"0\", \"1\"], "
                               "\"limits\": {\"text_bytes\": 1000}";
    size_t n = 8 << 20;
    char *bytes = malloc(n);
    cr_assert_not_null(bytes);
    memset(bytes, 'a', n);
    memcpy(bytes, "0,\"", 3);
    table_set t = table_read_with(CSV_NUMBERS, rest, bytes, n);
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.where, "rows:1") && strstr(t.error.text, "the line has over"),
              "%s: %s", t.error.where, t.error.text);
    table_done(&t);
    for (size_t i = 99; i < n; i += 100)
        bytes[i] = '\n';
    t = table_read_with(CSV_NUMBERS, rest, bytes, n);
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.where, "rows:1") && strstr(t.error.text, "begins here has over 1000"),
              "%s: %s", t.error.where, t.error.text);
    table_done(&t);
    memset(bytes, 'a', 1100);
    memcpy(bytes, "0,", 2);
    bytes[1002] = '\n';
    t = table_read_with(CSV_NUMBERS, rest, bytes, 1003);
    cr_assert_eq(t.status, ASSAY_BAD_DATA, "1000 bytes are allowed; the class 1 is missing");
    table_done(&t);
    bytes[1002] = 'a', bytes[1003] = '\n';
    t = table_read_with(CSV_NUMBERS, rest, bytes, 1004);
    cr_assert_eq(t.status, ASSAY_LIMIT);
    cr_assert(strstr(t.error.text, "text has over 1000 bytes"), "%s", t.error.text);
    table_done(&t);
    free(bytes);
}

/* Lines that cross the stream's blocks of a mebibyte are put together again. */
Test(delimited, rows_cross_the_blocks_of_the_stream) {
    enum { N_ROWS = 30000, LINE = 101 };
    char *bytes = malloc((size_t)N_ROWS * LINE + 1);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i < N_ROWS; i++)
        snprintf(bytes + i * LINE, LINE + 1, "%zu,\"%095zu\"\r\n", i % 2, i);
    table_set t = table_read(CSV_NUMBERS, bytes);
    table_expect_ok(t);
    cr_assert_eq(t.data.n_rows, N_ROWS);
    for (size_t i = 0; i < N_ROWS; i++)
        cr_assert_eq(strtoul(t.data.rows[i].text, NULL, 10), i);
    table_done(&t);
    free(bytes);
}

Test(delimited, splits_are_files_of_a_folder_or_archive) {
    static const char manifest_text[] =
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", "
        "\"reader\": {" TSV_NUMBERS "}, \"splits\": {\"test\": \"test.tsv\", "
        "\"train\": \"a.tsv\"}}";
    static const char *const files[][2] = {{"test.tsv", "no\tx\nyes\ty\n"},
                                           {"a.tsv", "yes\tone\nno\ttwo\n"}};
    scratch_path scratch = scratch_folder(), archive = scratch_join(scratch.text, "set.tar.xz");
    archive_builder builder = builder_open(archive.text, KIND_TAR_XZ);
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "top/%s", files[i][0]);
        builder_file(&builder, name, files[i][1]);
        snprintf(name, sizeof name, "set/%s", files[i][0]);
        scratch_write(scratch.text, name, files[i][1], strlen(files[i][1]));
    }
    builder_close(&builder);
    for (int from_archive = 0; from_archive < 2; from_archive++) {
        as_arena *arena = as_arena_new();
        as_dataset d = {0};
        const char *source;
        assay_error error = ASSAY_ERROR_INIT;
        as_manifest manifest = manifest_of(arena, scratch.text, manifest_text);
        scratch_path folder = scratch_join(scratch.text, "set");
        cr_assert_eq(as_dataset_load(arena, &manifest, from_archive ? archive.text : folder.text,
                                     NULL, &d, &source, &error),
                     ASSAY_OK, "%s: %s", error.where, error.text);
        cr_assert_eq(d.n_rows, 4);
        cr_assert_str_eq(d.rows[0].text, "one");
        cr_assert_str_eq(d.rows[0].name, "line 1");
        cr_assert_str_eq(d.rows[1].text, "two");
        cr_assert_eq(d.rows[1].split, AS_SPLIT_TRAIN);
        cr_assert_str_eq(d.rows[2].name, "line 1");
        cr_assert_eq(d.rows[2].split, AS_SPLIT_TEST);
        cr_assert_str_eq(d.labels[0], "yes", "no labels stated: in order of appearance in train");
        cr_assert_str_eq(d.labels[1], "no");
        as_manifest_done(&manifest);
        as_arena_free(arena);
    }
    scratch_remove(&scratch);
}

Test(delimited, label_map_renames_and_leaves_out) {
    static const char rest[] = "\"splits\": {\"all\": \".\"}, \"labels\": [\"bad\", \"good\"], "
                               "\"label_map\": {\"1\": \"bad\", \"2\": \"good\", \"3\": null}";
    static const char text[] = "2,a\n3,b\n1,c\n";
    table_set t = table_read_with(CSV_NUMBERS, rest, text, strlen(text));
    table_expect_ok(t);
    cr_assert_eq(t.data.n_rows, 2);
    cr_assert_eq(t.data.rows[0].label, 1);
    cr_assert_str_eq(t.data.rows[1].text, "c");
    cr_assert_str_eq(t.data.rows[1].name, "line 3");
    table_done(&t);
}

/* What Python's csv module wrote comes back (tests/golden/make_delimited_golden.py). */
Test(delimited, reads_what_python_s_csv_module_writes) {
    char path[4096];
    json_error_t why;
    cr_assert(getenv("AS_GOLDEN"), "AS_GOLDEN is not set; meson test sets it");
    snprintf(path, sizeof path, "%s/delimited.json", getenv("AS_GOLDEN"));
    json_t *files = json_load_file(path, 0, &why), *file, *row;
    cr_assert(files, "%s: %s", path, why.text);
    cr_assert_eq(json_array_size(files), 45);
    size_t f, i;
    json_array_foreach(files, f, file) {
        char reader[128];
        snprintf(reader, sizeof reader,
                 "\"format\": \"%s\", \"label\": \"label\", \"text\": [\"two\", 2]",
                 json_string_value(json_object_get(file, "format")));
        table_set t = table_read(reader, json_string_value(json_object_get(file, "text")));
        table_expect_ok(t);
        json_t *rows_in = json_object_get(file, "rows");
        cr_assert_eq(t.data.n_rows, json_array_size(rows_in));
        json_array_foreach(rows_in, i, row) {
            char text[256];
            snprintf(text, sizeof text, "%s %s", json_string_value(json_array_get(row, 2)),
                     json_string_value(json_array_get(row, 1)));
            cr_assert_str_eq(t.data.rows[i].text, text, "file %zu, row %zu", f, i);
            cr_assert_str_eq(t.data.labels[t.data.rows[i].label],
                             json_string_value(json_array_get(row, 0)));
        }
        table_done(&t);
    }
    json_decref(files);
}

/* ---- real files of another layout than the shipped manifests': data sets of one's own ----------
 */

Test(delimited, sst2_of_glue_with_a_validation_split) {
    table_expect_counts(
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", "
        "\"reader\": {\"format\": \"tsv\", \"label\": \"label\", \"text\": [\"sentence\"]}, "
        "\"splits\": {\"train\": \"train.tsv\", \"validation\": \"dev.tsv\", \"test\": "
        "\"test.tsv\"}, \"labels\": [\"0\", \"1\"]}",
        "small/sst2-glue", (uint32_t[]){26786, 33828, 2994, 3741, 428, 444, 0, 0}, 8);
}

/* Text first, the labels' names second; the manifest leaves them to the file (Sci/Tech, World,
 * Sports, Business in order of appearance). */
Test(delimited, agnews_with_labels_in_order_of_appearance) {
    table_expect_counts(
        "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"dataset\", \"license\": \"x\", "
        "\"reader\": {\"format\": \"tsv\", \"header\": false, \"label\": 2, \"text\": [1]}, "
        "\"splits\": {\"train\": \"dev.tsv\", \"test\": \"test.tsv\"}}",
        "small/agnews-partial",
        (uint32_t[]){2538, 2509, 2458, 2496, 0, 0, 0, 0, 1900, 1900, 1900, 1900, 0, 0, 0, 0}, 16);
}

/* The shipped manifest of AG News on a file in the official form (quoted, no header). */
Test(delimited, agnews_reads_the_official_form) {
    static const char line[] = "\"%d\",\"Wall St. \"\"Bears\"\"\",\"Reuters - a\\b, c\"\n";
    scratch_path scratch = scratch_folder(), path = scratch_join(scratch.text, "set");
    char text[4 * sizeof line], *at = text;
    for (int k = 1; k <= 4; k++)
        at += sprintf(at, line, k);
    scratch_write(scratch.text, "set/train.csv", text, strlen(text));
    scratch_write(scratch.text, "set/test.csv", text, strlen(text));
    as_arena *arena = as_arena_new();
    as_manifest manifest;
    as_dataset d = {0};
    const char *source;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_manifest_load(arena, "agnews", &manifest, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(as_dataset_load(arena, &manifest, path.text, NULL, &d, &source, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(d.n_rows, 8);
    cr_assert_str_eq(d.rows[3].text, "Wall St. \"Bears\" Reuters - a\\b, c");
    cr_assert_str_eq(d.labels[d.rows[3].label], "Sci/Tech");
    as_manifest_done(&manifest);
    as_arena_free(arena);
    scratch_remove(&scratch);
}
