/* SPDX-License-Identifier: MIT */
/* SHA-256: the standard's vectors, and libsodium's for every length and cut. */
#include <criterion/criterion.h>

#include "base/sha256.h"

static void hex_of(const void *data, size_t n, char hex[65]) {
    unsigned char digest[AS_SHA256_BYTES];
    as_sha256 state = as_sha256_init();
    as_sha256_update(&state, data, n);
    as_sha256_final(&state, digest);
    sodium_bin2hex(hex, 65, digest, sizeof digest);
}

/* FIPS 180-4's examples: csrc.nist.gov, "Example Values", SHA-256. */
Test(sha256, the_standard_s_examples) {
    char hex[65];
    hex_of("", 0, hex);
    cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_of("abc", 3, hex);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hex_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    cr_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(sha256, every_length_and_cut_gives_libsodium_s) {
    unsigned char data[400], expected[32], found[32];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 167 + i / 7);
    for (size_t n = 0; n <= sizeof data; n++) {
        crypto_hash_sha256(expected, data, n);
        for (size_t piece = 1; piece <= n + 1; piece += 1 + piece / 3) {
            as_sha256 state = as_sha256_init();
            for (size_t at = 0; at < n; at += piece)
                as_sha256_update(&state, data + at, n - at < piece ? n - at : piece);
            as_sha256_final(&state, found);
            cr_assert_arr_eq(found, expected, 32, "%zu bytes in pieces of %zu", n, piece);
        }
    }
}

Test(sha256, the_portable_way_gives_the_same) {
    unsigned char expected[32], found[32];
    as_sha256 state = as_sha256_init();
    unsigned char unused[AS_SHA256_BYTES];
    as_sha256_final(&state, unused); /* as if there were no context */
    crypto_hash_sha256_init(&state.otherwise);
    as_sha256_update(&state, "abc", 3);
    as_sha256_final(&state, found);
    crypto_hash_sha256(expected, (const unsigned char *)"abc", 3);
    cr_assert_arr_eq(found, expected, 32);
}
