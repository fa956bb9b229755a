/* SPDX-License-Identifier: MIT */
/* Error records, status names, near-miss suggestions, places. */
#include <criterion/criterion.h>
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
