/* SPDX-License-Identifier: MIT */
/* Decoding is Python's, byte by byte: tests/golden/encoding.json. */
#include <sodium.h>

#include "../scratch_folder.h"
#include "data/resources/encoding.h"
#include "tests/unit/stats/golden.h"

static as_decoder decoder_of(const char *encoding, const char *invalid) {
    as_decoder decoder;
    json_t *reader = json_pack("{s:s, s:s}", "encoding", encoding, "invalid", invalid);
    cr_assert_eq(as_decoder_init(reader, "m.json#/reader", &decoder, NULL), ASSAY_OK);
    json_decref(reader);
    return decoder;
}

/* Decodes bytes and compares with hexadecimal digits. */
static void expect_hex(as_decoder *decoder, const char *bytes, size_t n, const char *hex) {
    char found[256];
    const char *text;
    size_t n_text;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_decode(decoder, bytes, n, "a.txt", 0, &text, &n_text, &error), ASSAY_OK, "%s",
                 error.text);
    cr_assert_lt(2 * n_text, sizeof found);
    sodium_bin2hex(found, sizeof found, (const unsigned char *)text, n_text);
    cr_assert_str_eq(found, hex);
}

Test(encoding, every_byte_of_the_one_byte_encodings_is_python_s) {
    static const char *const names[] = {"latin-1", "windows-1252"};
    static const uint64_t n_undefined[] = {0, 5};
    json_t *golden = golden_load("encoding.json");
    for (int e = 0; e < 2; e++) {
        const json_t *all = json_object_get(json_object_get(golden, "bytes"), names[e]);
        as_decoder decoder = decoder_of(names[e], "replace");
        cr_assert_eq(json_array_size(all), 256);
        for (int b = 0; b < 256; b++) {
            char byte = (char)b;
            expect_hex(&decoder, &byte, 1, json_string_value(json_array_get(all, (size_t)b)));
        }
        cr_assert_eq(decoder.n_replaced, n_undefined[e]);
        as_decoder_free(&decoder);
    }
    json_decref(golden);
}

Test(encoding, ill_formed_utf8_becomes_what_python_makes_of_it) {
    json_t *golden = golden_load("encoding.json");
    const json_t *all = json_object_get(golden, "examples"), *one;
    as_decoder decoder = decoder_of("utf-8", "replace");
    size_t i;
    cr_assert_gt(json_array_size(all), 10);
    json_array_foreach(all, i, one) {
        const char *hex = json_string_value(json_object_get(one, "bytes"));
        unsigned char bytes[64];
        size_t n;
        cr_assert_eq(sodium_hex2bin(bytes, sizeof bytes, hex, strlen(hex), NULL, &n, NULL), 0);
        expect_hex(&decoder, (const char *)bytes, n,
                   json_string_value(json_object_get(one, "text")));
    }
    as_decoder_free(&decoder);
    json_decref(golden);
}

Test(encoding, every_sequence_of_boundary_bytes_is_python_s) {
    json_t *golden = golden_load("encoding.json"),
           *exhaustive = json_object_get(golden, "exhaustive"),
           *letters = json_object_get(exhaustive, "alphabet");
    as_decoder decoder = decoder_of("utf-8", "replace");
    size_t k = json_array_size(letters), n_sequences = 1;
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1], bytes[4];
    crypto_hash_sha256_init(&state);
    for (size_t n = 1; n <= 4; n++) {
        n_sequences *= k;
        for (size_t i = 0; i < n_sequences; i++) {
            const char *text;
            size_t rest = i, n_text;
            for (size_t at = n; at > 0; at--, rest /= k)
                bytes[at - 1] = (char)json_integer_value(json_array_get(letters, rest % k));
            cr_assert_eq(as_decode(&decoder, bytes, n, "a", 0, &text, &n_text, NULL), ASSAY_OK);
            crypto_hash_sha256_update(&state, (const unsigned char *)text, n_text);
            crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
        }
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    cr_assert_str_eq(hex, json_string_value(json_object_get(exhaustive, "sha256")));
    as_decoder_free(&decoder);
    json_decref(golden);
}

Test(encoding, what_fits_is_not_copied) {
    static const char text[] = "na\xc3\xafve, and long enough for eight bytes at once";
    as_decoder decoder = decoder_of("utf-8", "refuse");
    const char *found;
    size_t n;
    cr_assert_eq(as_decode(&decoder, text, sizeof text - 1, "a", 0, &found, &n, NULL), ASSAY_OK);
    cr_assert_eq((const void *)found, (const void *)text);
    cr_assert_eq(n, sizeof text - 1);
    cr_assert_null(decoder.buffer);
    as_decoder_free(&decoder);
}

Test(encoding, what_does_not_fit_is_counted_and_placed) {
    as_decoder decoder = decoder_of("utf-8", "replace");
    const char *text;
    size_t n;
    cr_assert_eq(as_decode(&decoder, "fine", 4, "a.txt", 0, &text, &n, NULL), ASSAY_OK);
    cr_assert_str_eq(decoder.first, "");
    cr_assert_eq(as_decode(&decoder, "ab\xf0\x9f\x98 \xe9", 7, "b.txt", 100, &text, &n, NULL),
                 ASSAY_OK);
    cr_assert_str_eq(text, "ab\xef\xbf\xbd \xef\xbf\xbd");
    cr_assert_eq(decoder.n_replaced, 4, "bytes, not characters");
    cr_assert_str_eq(decoder.first, "b.txt: byte 0xf0 at offset 102");
    as_decoder_free(&decoder);
}

Test(encoding, what_does_not_fit_is_refused_by_default) {
    static const struct {
        const char *encoding, *bytes, *piece;
    } cases[] = {{"utf-8", "caf\xe9", "invalid UTF-8: byte 0xe9 at offset 13"},
                 {"windows-1252", "caf\x81", "invalid Windows-1252: byte 0x81 at offset 13"}};
    for (size_t i = 0; i < 2; i++) {
        as_decoder decoder = decoder_of(cases[i].encoding, "refuse");
        const char *text = "preset";
        size_t n = 77;
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(as_decode(&decoder, cases[i].bytes, 4, "a.txt", 10, &text, &n, &error),
                     ASSAY_BAD_DATA);
        cr_assert_str_eq(error.where, "a.txt");
        cr_assert(strstr(error.text, cases[i].piece), "%s", error.text);
        cr_assert(n == 77 && strcmp(text, "preset") == 0);
        as_decoder_free(&decoder);
    }
}

Test(encoding, the_default_is_strict_utf8_and_others_have_names) {
    as_decoder decoder = {.n_replaced = 77};
    assay_error error = ASSAY_ERROR_INIT;
    json_t *reader = json_pack("{s:s}", "encoding", "utf-16");
    cr_assert_eq(as_decoder_init(reader, "m.json#/reader", &decoder, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "utf-8, latin-1 or windows-1252"), "%s", error.text);
    cr_assert_eq(decoder.n_replaced, 77);
    json_decref(reader);
    cr_assert_eq(as_decoder_init(NULL, "m.json#/reader", &decoder, NULL), ASSAY_OK);
    cr_assert(decoder.encoding == AS_ENCODING_UTF8 && !decoder.replace);
    as_decoder_free(&decoder);
}
