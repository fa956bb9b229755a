/* SPDX-License-Identifier: MIT */
/* Safetensors: files that Python's package wrote (make_safetensors_golden.py) are read with every
 * element type and written again byte for byte; files that lie are refused with the reason. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../scratch_folder.h"
#include "train/safetensors.h"

static assay_error error;
static as_safetensors *file;
static unsigned char bytes[4096];

static void set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    file = NULL;
}

static void tear_down(void) {
    as_safetensors_close(file);
}

TestSuite(safetensors, .init = set_up, .fini = tear_down);

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static scratch_path golden(const char *name) {
    const char *folder = getenv("AS_GOLDEN");
    cr_assert(folder, "AS_GOLDEN is not set; meson test sets it");
    return scratch_join(folder, name);
}

/* ---- files that Python wrote ----------------------------------------------------------------- */

Test(safetensors, every_type_of_pythons_is_known) {
    static const struct {
        const char *name;
        as_tensor_type type;
        uint32_t rank;
        int64_t dims[2];
        uint64_t n_elements;
    } cases[] = {
        {"bool", AS_TENSOR_BOOL, 1, {3}, 3},      {"u8", AS_TENSOR_U8, 1, {2}, 2},
        {"i8", AS_TENSOR_I8, 1, {2}, 2},          {"i16", AS_TENSOR_I16, 2, {2, 1}, 2},
        {"u16", AS_TENSOR_U16, 1, {1}, 1},        {"i32", AS_TENSOR_I32, 1, {3}, 3},
        {"u32", AS_TENSOR_U32, 1, {1}, 1},        {"i64", AS_TENSOR_I64, 2, {1, 12}, 12},
        {"u64", AS_TENSOR_U64, 1, {1}, 1},        {"scalar", AS_TENSOR_F32, 0, {0}, 1},
        {"nothing", AS_TENSOR_F32, 2, {0, 4}, 0}, {"f32", AS_TENSOR_F32, 2, {3, 5}, 15},
    };
    size_t n = 0;
    OK(as_safetensors_open(golden("safetensors/types.safetensors").text, &file, &error));
    as_safetensors_tensors(file, &n);
    cr_assert_eq(n, sizeof cases / sizeof *cases + 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const as_tensor *tensor = as_safetensors_find(file, cases[i].name);
        cr_assert_not_null(tensor, "%s", cases[i].name);
        cr_assert_eq(tensor->type, cases[i].type, "%s", cases[i].name);
        cr_assert_eq(tensor->rank, cases[i].rank, "%s", cases[i].name);
        cr_assert_eq(tensor->n_elements, cases[i].n_elements, "%s", cases[i].name);
        for (uint32_t k = 0; k < tensor->rank; k++)
            cr_assert_eq(tensor->dims[k], cases[i].dims[k], "%s", cases[i].name);
    }
    cr_assert_null(as_safetensors_find(file, "f3"));
    cr_assert_str_eq(as_safetensors_metadata(file, "format"), "pt");
    cr_assert_null(as_safetensors_metadata(file, "other"));
    cr_assert_str_eq(as_tensor_type_name(AS_TENSOR_BF16), "BF16");
}

static void read_f64(const char *name, double *values, uint64_t *ret_n) {
    const as_tensor *tensor = as_safetensors_find(file, name);
    cr_assert_not_null(tensor, "%s", name);
    cr_assert_leq(tensor->n_elements, 256);
    OK(as_tensor_read_f64(file, tensor, values, tensor->n_elements, &error));
    *ret_n = tensor->n_elements;
}

/* Bits, so that the sign of a zero counts. */
Test(safetensors, halves_have_the_values_that_pytorch_gives_them) {
    static const char *const names[][2] = {{"f16", "f16.value"}, {"bf16", "bf16.value"}};
    double found[256], expected[256];
    uint64_t n, m;
    OK(as_safetensors_open(golden("safetensors/types.safetensors").text, &file, &error));
    for (int i = 0; i < 2; i++) {
        read_f64(names[i][0], found, &n);
        read_f64(names[i][1], expected, &m);
        cr_assert_eq(n, m);
        cr_assert_gt(n, 200);
        cr_assert_arr_eq(found, expected, n * sizeof *found, "%s", names[i][0]);
    }
}

Test(safetensors, values_are_read_as_they_are) {
    double values[256];
    uint64_t n;
    OK(as_safetensors_open(golden("safetensors/written.safetensors").text, &file, &error));
    read_f64("b.weight", values, &n);
    cr_assert_eq(n, 6);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(values[i], (double)((float)i / 7.0f));
    read_f64("z.double", values, &n);
    cr_assert_eq(n, 3);
    cr_assert_eq(values[1], 1.0 / 3.0);
}

/* In every type, at both ends of a tensor longer than a block; the largest number is one. */
Test(safetensors, values_that_are_not_finite_are_found) {
    enum { N = 16384 + 5 };
    static const struct {
        as_tensor_type type;
        uint64_t largest, bad[3]; /* infinity, its negative, NaN with one bit of a fraction */
    } cases[] = {
        {AS_TENSOR_F64,
         UINT64_C(0x7fefffffffffffff),
         {UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
          UINT64_C(0x7ff0000000000001)}},
        {AS_TENSOR_F32, 0x7f7fffff, {0x7f800000, 0xff800000, 0xffc00001}},
        {AS_TENSOR_F16, 0x7bff, {0x7c00, 0xfc00, 0x7c01}},
        {AS_TENSOR_BF16, 0x7f7f, {0x7f80, 0xff80, 0x7f81}},
    };
    static const uint64_t places[] = {0, 16383, 16384, N - 1};
    static unsigned char data[8 * N];
    OK(as_safetensors_open(golden("safetensors/written.safetensors").text, &file, &error));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t size = (size_t)as_tensor_type_bytes(cases[c].type);
        const as_tensor tensor = {"t", cases[c].type, 1, {N}, N, N * size, data};
        for (size_t i = 0; i < N; i++)
            memcpy(data + i * size, &cases[c].largest, size);
        OK(as_tensor_check_finite(file, &tensor, &error));
        for (size_t i = 0; i < 4 * 3; i++) {
            unsigned char *place = data + places[i / 3] * size;
            char text[64];
            snprintf(text, sizeof text, "element %d is ", (int)places[i / 3]);
            memcpy(place, &cases[c].bad[i % 3], size);
            cr_assert_eq(as_tensor_check_finite(file, &tensor, &error), ASSAY_BAD_DATA);
            cr_assert(strstr(error.where, "tensor \"t\"") && strstr(error.text, text), "%s: %s",
                      error.where, error.text);
            memcpy(place, &cases[c].largest, size);
            error = (assay_error)ASSAY_ERROR_INIT;
        }
    }
}

Test(safetensors, integers_and_other_sizes_are_no_weights) {
    double values[4] = {7, 7, 7, 7};
    OK(as_safetensors_open(golden("safetensors/types.safetensors").text, &file, &error));
    cr_assert_eq(as_tensor_read_f64(file, as_safetensors_find(file, "i32"), values, 3, &error),
                 ASSAY_BAD_DATA);
    cr_assert(strstr(error.where, "tensor \"i32\"") && strstr(error.text, "I32"), "%s: %s",
              error.where, error.text);
    cr_assert_eq(as_tensor_read_f64(file, as_safetensors_find(file, "f32"), values, 4, NULL),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(values[0], 7);
}

/* ---- files that lie -------------------------------------------------------------------------- */

/* Header and n_data zeros as a file in `bytes`. */
static size_t make_file(const char *header, size_t n_data) {
    uint64_t length = strlen(header);
    cr_assert_leq(8 + length + n_data, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    return 8 + length + n_data;
}

static void refuse(size_t n_bytes, assay_status status, const char *where, const char *text) {
    file = NULL;
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_safetensors_parse(bytes, n_bytes, "x.safetensors", &file, &error), status,
                 "expected \"%s\"; found %s: %s", text, error.where, error.text);
    cr_assert_null(file);
    cr_assert(strstr(error.where, where), "where: %s", error.where);
    cr_assert(strstr(error.text, text), "expected \"%s\"; found %s", text, error.text);
}

#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

Test(safetensors, a_header_that_lies_is_refused) {
    static const struct {
        const char *header;
        size_t n_data;
        assay_status status;
        const char *where, *text;
    } cases[] = {
        {"{" T("a", "F8", "[2]", "[0,2]") "}", 2, ASSAY_BAD_DATA, "tensor \"a\"",
         "dtype: found \"F8\"; expected one of F64, F32"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,2]}}", 2, ASSAY_BAD_DATA, "\"a\"",
         "dtype: found nothing"},
        {"{" T("a", "U8", "2", "[0,2]") "}", 2, ASSAY_BAD_DATA, "\"a\"", "shape: found 2"},
        {"{" T("a", "U8", "[-2]", "[0,2]") "}", 2, ASSAY_BAD_DATA, "\"a\"", "shape: found [-2]"},
        {"{" T("a", "U8", "[2.0]", "[0,2]") "}", 2, ASSAY_BAD_DATA, "\"a\"", "shape: found [2.0]"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, ASSAY_LIMIT, "\"a\"",
         "9 dimensions; at most 8"},
        {"{" T("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, ASSAY_BAD_DATA, "\"a\"",
         "more than 2^63"},
        {"{" T("a", "U8", "[4294967296,2147483648]", "[0,0]") "}", 0, ASSAY_BAD_DATA, "\"a\"",
         "more than 2^63"},
        {"{" T("a", "F64", "[4611686018427387904]", "[0,0]") "}", 0, ASSAY_BAD_DATA, "\"a\"",
         "more than 2^63"},
        {"{" T("a", "F32", "[9223372036854775808]", "[0,0]") "}", 0, ASSAY_BAD_DATA, "header",
         "not valid JSON"},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", 4, ASSAY_BAD_DATA, "\"a\"",
         "found [0,4]; expected 8 bytes for F32 [2]"},
        {"{" T("a", "F32", "[2]", "[0,8]") "}", 7, ASSAY_BAD_DATA, "\"a\"",
         "found [0,8]; the file ends after 7 bytes"},
        {"{" T("a", "F32", "[2]", "[8,0]") "}", 8, ASSAY_BAD_DATA, "\"a\"", "begin <= end"},
        {"{" T("a", "F32", "[2]", "[-8,0]") "}", 8, ASSAY_BAD_DATA, "\"a\"", "0 <= begin"},
        {"{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, ASSAY_BAD_DATA, "\"a\"", "[begin, end]"},
        {"{" T("a", "F32", "[2]", "{}") "}", 8, ASSAY_BAD_DATA, "\"a\"", "[begin, end]"},
        {"{" T("a", "F32", "[2]", "[0,8]") "}", 9, ASSAY_BAD_DATA, "x.safetensors",
         "found 9 bytes of data; the tensors take 8"},
        {"{}", 1, ASSAY_BAD_DATA, "x.safetensors", "the tensors take 0"},
        {"{" T("a", "F32", "[1]", "[4,8]") "}", 8, ASSAY_BAD_DATA, "\"a\"", "begins at 4, past"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[5,9]") "}", 9, ASSAY_BAD_DATA,
         "\"b\"", "begins at 5, past the end of the data before it at 4"},
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8, ASSAY_BAD_DATA,
         "\"b\"", "begins at 4, before the end of the data before it at 8"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4, ASSAY_BAD_DATA,
         "\"b\"", "begins at 0, before"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8, ASSAY_BAD_DATA,
         "header:1", "duplicate object key"},
        {"{\"a\":[]}", 0, ASSAY_BAD_DATA, "\"a\"", "expected an object"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"more\":1}}", 0,
         ASSAY_BAD_DATA, "\"a\"", "no field \"more\""},
        {"{\"__metadata__\":[]}", 0, ASSAY_BAD_DATA, "__metadata__", "found array"},
        {"{\"__metadata__\":{\"k\":1}}", 0, ASSAY_BAD_DATA, "__metadata__",
         "\"k\": found integer; expected a string"},
        {"[]", 0, ASSAY_BAD_DATA, "header", "begins with '{'"},
        {" {}", 0, ASSAY_BAD_DATA, "header", "begins with '{'"},
        {"", 0, ASSAY_BAD_DATA, "header", "begins with '{'"},
        {"{", 0, ASSAY_BAD_DATA, "header:1", "not valid JSON"},
        {"{} x", 0, ASSAY_BAD_DATA, "header:1", "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(make_file(cases[i].header, cases[i].n_data), cases[i].status, cases[i].where,
               cases[i].text);
}

Test(safetensors, an_error_shows_control_characters_escaped) {
    refuse(make_file("{" T("\\u001b[2J", "F32", "[2]", "[0,4]") "}", 4), ASSAY_BAD_DATA,
           "tensor \"\\u001B[2J\"", "expected 8 bytes");
}

Test(safetensors, a_header_length_that_lies_is_refused) {
    static const struct {
        uint64_t length;
        assay_status status;
        const char *text;
    } cases[] = {
        {100000001, ASSAY_LIMIT, "100000001 bytes; at most 100000000"},
        {UINT64_MAX, ASSAY_LIMIT, "18446744073709551615 bytes; at most"},
        {100000000, ASSAY_BAD_DATA, "the file has 10 in all"},
        {3, ASSAY_BAD_DATA, "header length of 3 bytes; the file has 10 in all"},
    };
    size_t n = make_file("{}", 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(bytes, &cases[i].length, 8);
        refuse(n, cases[i].status, "x.safetensors", cases[i].text);
    }
    refuse(7, ASSAY_BAD_DATA, "x.safetensors", "found 7 bytes");
    refuse(0, ASSAY_BAD_DATA, "x.safetensors", "found 0 bytes");
}

Test(safetensors, every_cut_of_a_file_is_refused) {
    char *content;
    size_t n;
    OK(as_file_read(golden("safetensors/written.safetensors").text, sizeof bytes, &content, &n,
                    &error));
    memcpy(bytes, content, n);
    free(content);
    for (size_t cut = 0; cut < n; cut++)
        cr_assert_eq(as_safetensors_parse(bytes, cut, "cut", &file, NULL), ASSAY_BAD_DATA, "%zu",
                     cut);
    OK(as_safetensors_parse(bytes, n, "whole", &file, &error));
}

Test(safetensors, a_file_without_tensors_is_fine) {
    size_t n = 9;
    OK(as_safetensors_parse(bytes, make_file("{}   ", 0), "x", &file, &error));
    as_safetensors_tensors(file, &n);
    cr_assert_eq(n, 0);
    cr_assert_str_eq(as_safetensors_path(file), "x");
}

Test(safetensors, what_is_no_file_is_refused) {
    scratch_path folder = scratch_folder();
    scratch_path empty = scratch_write(folder.text, "empty", "", 0);
    cr_assert_eq(as_safetensors_open(empty.text, &file, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_safetensors_open(folder.text, &file, NULL), ASSAY_BAD_DATA);
    scratch_path pipe = scratch_join(folder.text, "pipe");
    cr_assert_eq(mkfifo(pipe.text, 0600), 0);
    alarm(20); /* nobody writes into it */
    cr_assert_eq(as_safetensors_open(pipe.text, &file, NULL), ASSAY_BAD_DATA);
    alarm(0);
    cr_assert_eq(as_safetensors_open(scratch_join(folder.text, "none").text, &file, NULL),
                 ASSAY_NOT_FOUND);
    cr_assert_null(file);
    scratch_remove(&folder);
}

/* ---- writing --------------------------------------------------------------------------------- */

static const as_tensor_out written[] = {{"ünïcode \"quoted\"", AS_TENSOR_F32, 1, {3}},
                                        {"b.weight", AS_TENSOR_F32, 2, {2, 3}},
                                        {"empty", AS_TENSOR_F32, 2, {2, 0}},
                                        {"z.double", AS_TENSOR_F64, 1, {3}},
                                        {"a", AS_TENSOR_F32, 1, {1}}};
static int fails_at;

static assay_status source(void *context, size_t index, double *values, uint64_t n,
                           assay_error *ret_error) {
    static const double last[] = {-0.0, 1e-42, 3e38};
    cr_assert_eq(context, &fails_at);
    if ((int)index == fails_at)
        return assay_fail(ret_error, ASSAY_INTERNAL, "source", "as asked");
    for (uint64_t i = 0; i < n; i++)
        values[i] = index == 0 && n == 3 ? last[i]
                    : index == 1         ? (double)((float)i / 7.0f)
                    : index == 3         ? (double)i / 3
                                         : 1.5;
    return ASSAY_OK;
}

static assay_status write_to(const char *path, const as_tensor_out *tensors, size_t n,
                             const json_t *metadata) {
    return as_safetensors_write(path, tensors, n, metadata, source, &fails_at, &error);
}

/* So a file written here is one that Python's package reads: it writes the same. */
Test(safetensors, the_same_tensors_give_pythons_bytes) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.safetensors");
    json_t *metadata = json_pack("{s:s}", "assay", "one \"text\"");
    char *found, *expected;
    size_t n, m;
    fails_at = -1;
    OK(write_to(path.text, written, 5, metadata));
    OK(as_file_read(path.text, 4096, &found, &n, &error));
    OK(as_file_read(golden("safetensors/written.safetensors").text, 4096, &expected, &m, &error));
    cr_assert_eq(n, m);
    cr_assert_arr_eq(found, expected, n);
    free(found);
    free(expected);
    json_decref(metadata);
    scratch_remove(&folder);
}

Test(safetensors, large_tensors_are_written_whole) {
    static const as_tensor_out large = {"large", AS_TENSOR_F32, 2, {3, 4097}};
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.safetensors");
    double values[3 * 4097];
    fails_at = -1;
    OK(as_safetensors_write(path.text, &large, 1, NULL, source, &fails_at, &error));
    OK(as_safetensors_open(path.text, &file, &error));
    const as_tensor *tensor = as_safetensors_find(file, "large");
    cr_assert_eq(((uintptr_t)tensor->data) % 8, 0);
    OK(as_tensor_read_f64(file, tensor, values, 3 * 4097, &error));
    cr_assert_eq(values[3 * 4097 - 1], 1.5f);
    scratch_remove(&folder);
}

Test(safetensors, a_source_that_fails_leaves_the_old_file) {
    scratch_path folder = scratch_folder();
    scratch_path path = scratch_write(folder.text, "a.safetensors", "old", 3);
    char *content;
    size_t n;
    fails_at = 3;
    cr_assert_eq(write_to(path.text, written, 5, NULL), ASSAY_INTERNAL);
    OK(as_file_read(path.text, 10, &content, &n, NULL));
    cr_assert_eq(n, 3);
    free(content);
    cr_assert_eq(remove(path.text), 0);
    cr_assert_eq(rmdir(folder.text), 0, "a temporary file is left");
}

Test(safetensors, what_cannot_be_read_again_is_not_written) {
    static const as_tensor_out bad[][2] = {
        {{"a", AS_TENSOR_F32, 0, {0}}, {"a", AS_TENSOR_F64, 0, {0}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"__metadata__", AS_TENSOR_F32, 0, {0}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"b", AS_TENSOR_F16, 0, {0}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"b", AS_TENSOR_F32, 9, {0}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"b", AS_TENSOR_F32, 1, {-1}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"b", AS_TENSOR_F32, 2, {INT64_MAX, 3}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"b", AS_TENSOR_F32, 1, {INT64_MAX / 4}}},
        {{"a", AS_TENSOR_F32, 0, {0}}, {"\xff", AS_TENSOR_F32, 0, {0}}},
    };
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "a.safetensors");
    json_t *metadata = json_pack("{s:i}", "step", 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(write_to(path.text, bad[i], 2, NULL), ASSAY_INVALID_ARGUMENT, "%zu", i);
    cr_assert_eq(write_to(path.text, written, 5, metadata), ASSAY_INVALID_ARGUMENT);
    json_decref(metadata);
    cr_assert_eq(rmdir(folder.text), 0, "something was written");
}
