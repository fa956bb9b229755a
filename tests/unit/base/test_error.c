/* SPDX-License-Identifier: MIT */
/* Error records, status names, near-miss suggestions, places. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

Test(error, first_error_wins) {
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_fail(&error, ASSAY_IO, "a", "disk %d", 1), ASSAY_IO);
    cr_assert_eq(as_fail(&error, ASSAY_LIMIT, "b", "other"), ASSAY_LIMIT);
    cr_assert_eq(error.status, ASSAY_IO);
    cr_assert_str_eq(error.where, "a");
    cr_assert_str_eq(error.text, "disk 1");
    cr_assert_eq(as_fail(NULL, ASSAY_IO, "a", "no record"), ASSAY_IO);
}

Test(error, long_texts_are_cut) {
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_fail(&error, ASSAY_IO, longer, "%s", longer), ASSAY_IO);
    cr_assert_eq(strlen(error.where), sizeof error.where - 1);
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
}

Test(error, long_texts_are_cut_between_characters) {
    char longer[3001];
    for (size_t i = 0; i < 1000; i++)
        memcpy(longer + 3 * i, "\xe2\x82\xac", 4); /* 255 and 1023 are multiples of 3 */
    for (size_t shift = 0; shift < 3; shift++) {
        assay_error error = ASSAY_ERROR_INIT;
        char moved[3004];
        snprintf(moved, sizeof moved, "%.*s%s", (int)shift, "xx", longer);
        cr_assert_eq(as_fail(&error, ASSAY_IO, moved, "%s", moved), ASSAY_IO);
        cr_assert_eq(strlen(error.where), shift ? 252 + shift : 255);
        cr_assert_eq(strlen(error.text), shift ? 1020 + shift : 1023);
        cr_assert_eq(assay_text_kept(moved, 4000), 3000 + shift);
    }
}

Test(error, every_status_has_name_and_text) {
    cr_assert_str_eq(as_status_name(ASSAY_OK), "ok");
    cr_assert_str_eq(as_status_name(ASSAY_INVALID_ARGUMENT), "invalid_argument");
    cr_assert_str_eq(as_status_text(ASSAY_TIMED_OUT), "timed out");
    cr_assert_str_eq(as_status_name(999), "unknown");
    cr_assert_str_eq(as_status_text(999), "unknown status");
}

Test(error, nearest_name_is_found_or_refused) {
    const char *names[] = {"gru", "transformer", "bilstm_attention"};
    cr_assert_str_eq(as_nearest_name("transfomer", names, 3), "transformer");
    cr_assert_str_eq(as_nearest_name("GRU", names, 3), "gru");
    cr_assert_str_eq(as_nearest_name("bilstm-atention", names, 3), "bilstm_attention");
    cr_assert_null(as_nearest_name("completely_else", names, 3));
    cr_assert_null(as_nearest_name("gru", names, 0));
}

Test(error, places_keep_their_end) {
    char longer[400];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    cr_assert_str_eq(as_where_join("data.tar", ":", "pos/1.txt").text, "data.tar:pos/1.txt");
    as_where where = as_where_join(longer, ":", "pos/1.txt");
    cr_assert_eq(strlen(where.text), sizeof where.text - 1);
    cr_assert_eq(strncmp(where.text, "...", 3), 0);
    cr_assert_str_eq(where.text + strlen(where.text) - 10, ":pos/1.txt");
}
