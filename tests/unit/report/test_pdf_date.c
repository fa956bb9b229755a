/* SPDX-License-Identifier: MIT */
/* Dates in PDFs as cairo writes them: as they are, and packed in an object stream. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "report/pdf_date.h"

Test(pdf_date, a_plain_date_becomes_blanks) {
    char pdf[] = "<< /Producer (cairo)\n/CreationDate (D:20261122125355+01'00)\n>> endobj";
    const size_t size = sizeof pdf - 1;
    as_pdf_blank_date(pdf, size);
    cr_assert_null(strstr(pdf, "2026"));
    cr_assert_eq(strlen(pdf), size);
    cr_assert_not_null(strstr(pdf, "<< /Producer (cairo)\n   "));
    cr_assert_str_eq(pdf + size - 10, "\n>> endobj");
}

/* "... /ObjStm ... stream PACKED endstream" */
static char *make_packed(const char *plain, size_t *ret_size) {
    static const char head[] = "8 0 obj\n<< /Type /ObjStm\n/Length 9 0 R\n>>\nstream\n",
                      tail[] = "\nendstream\nendobj\n";
    uLongf n = compressBound(strlen(plain));
    char *pdf = malloc(sizeof head + sizeof tail + n);
    memcpy(pdf, head, sizeof head - 1);
    cr_assert_eq(compress((Bytef *)pdf + sizeof head - 1, &n, (const Bytef *)plain, strlen(plain)),
                 Z_OK);
    memcpy(pdf + sizeof head - 1 + n, tail, sizeof tail);
    *ret_size = sizeof head - 1 + n + sizeof tail - 1;
    return pdf;
}

Test(pdf_date, a_packed_date_becomes_blanks) {
    size_t size, size_b;
    char *a = make_packed("1 0 << /Producer (cairo 1.18.4 (https://cairographics.org))\n   "
                          "/CreationDate (D:20261122125355+01'00)\n>>\n",
                          &size);
    char *b = make_packed("1 0 << /Producer (cairo 1.18.4 (https://cairographics.org))\n   "
                          "/CreationDate (D:20270304172839+01'00)\n>>\n",
                          &size_b);
    char plain[400];
    uLongf n = sizeof plain;
    cr_assert_eq(size, size_b);
    cr_assert_neq(memcmp(a, b, size), 0);
    as_pdf_blank_date(a, size);
    as_pdf_blank_date(b, size);
    cr_assert_arr_eq(a, b, size);
    const char *stream = strstr(a, "stream\n") + 7;
    cr_assert_eq(uncompress((Bytef *)plain, &n, (const Bytef *)stream, size - (size_t)(stream - a)),
                 Z_OK);
    plain[n] = '\0';
    cr_assert_null(strstr(plain, "2026"));
    cr_assert_not_null(strstr(plain, "(cairo 1.18.4"));
    cr_assert_str_eq(a + size - 18, "\nendstream\nendobj\n");
    free(a);
    free(b);
}

Test(pdf_date, what_is_no_stream_stays) {
    static const char *const texts[] = {"", "/ObjStm", "/ObjStm stream\n",
                                        "/ObjStm stream\nx\nendstream", "/CreationDate (D:2026"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *copy = strdup(texts[i]);
        as_pdf_blank_date(copy, strlen(copy));
        cr_assert_str_eq(copy, texts[i]);
        free(copy);
    }
}

Test(pdf_date, what_is_shown_ends_before_the_last_object_stream) {
    static const char plain[] = "%PDF-1.5 stream", packed[] = "%PDF-1.7 /ObjStm a /ObjStm b";
    cr_assert_eq(as_pdf_shown_size(plain, sizeof plain - 1), sizeof plain - 1);
    cr_assert_eq(as_pdf_shown_size(packed, sizeof packed - 1), strlen("%PDF-1.7 /ObjStm a "));
}
